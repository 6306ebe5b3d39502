package engine

import (
	"muster/internal/base/object"
	"muster/internal/sync/metaverse"
	"muster/internal/sync/space"
)

// View is a consistent look at what is held, as it was accepted last. Deciding
// says with Load what it is going to read, a batch at a time; the other methods
// answer from what was loaded, and asking for anything else is an engine fault.
// Answers belong to the view; nobody changes them.
type View interface {
	Loader

	Entry(id object.ID) *space.Entry              // nil: there is none
	Object(id object.ID) *metaverse.Object        // nil: there is none
	EntriesOf(obj object.ID) []*space.Entry       // linked entries, in the order of the rules' connectors
	Holds(obj object.ID) []*Hold                  // in the order of their targets
	Approved(obj object.ID) map[Hash]bool         // ChangeHash of what people approved for the object; may be nil
	LinkOf(entry object.ID) object.ID             // the object that the entry is linked to
	Account(obj object.ID, connector string) bool // the object has a linked account there that exists, or will once all is sent
	Matches(k Key) []object.ID                    // objects whose accepted attribute has the key, sorted
	Candidates(k Key) []object.ID                 // unlinked entries that offer the key to a join, sorted
	Namers(entry object.ID) []object.ID           // objects linked to entries whose images name the entry, sorted
	Referrers(obj object.ID) []object.ID          // objects whose accepted references name the object, sorted
	LinkHolds(entry object.ID) []*Hold            // what people decided about links of the entry, in the order of their targets
	Remembered(obj object.ID) bool                // some entry was cut from the object and may not join until it changes (space.Entry.Cut)
	Owner(n Name) (object.ID, bool)               // to whom the unique name was given
	Bearers(n Name) []object.ID                   // present entries that bear the name where rules.Attribute.Also says, sorted
}

// Loader reads what is going to be asked for, part by part, so that memory stays
// bounded.
type Loader interface {
	Load(need Need) error
	// Ahead says what will be loaded first once this is forgotten, so that it can
	// be read meanwhile.
	Ahead(need Need)
	Forget()
}

// Need is what is going to be read. Nil parts need nothing.
type Need struct {
	Entries    []object.ID // with the holds on their links; one may be asked for by the id of the anchor that it got later
	Objects    []object.ID // with their linked entries, holds and approvals
	Links      []object.ID // entries of which only LinkOf is asked
	Homes      []object.ID // the same, and the objects that they are linked to
	Accounts   []object.ID // objects of which only Account is asked
	Matches    []Key
	Candidates []Key
	Namers     []object.ID
	Referrers  []object.ID
	Names      []Name
}

// Key is a prepared value of an attribute of a metaverse type: objects have it,
// and unlinked entries of any connector ask to join by it.
type Key struct{ Type, Attr, Value string }

// Name is a unique name that is going to be asked for, prepared as the
// attribute says (exact or folded).
type Name struct{ Type, Attr, Value string }

// chunk is how many things one load is for. The result does not depend on it.
const chunk = 1024

// inParts works through the list. What a part needs is loaded, while it is worked
// on the next one's is read, and in the end it is forgotten.
func inParts[T any](v View, list []T, need func([]T) Need, work func([]T) error) error {
	size := min(chunk, max(chunk/8, (len(list)+1)/2)) // the halves of a short list are read side by side
	first := func() []T { return list[:min(size, len(list))] }
	next := need(first())
	for len(list) > 0 {
		part, now := first(), next
		if list = list[len(part):]; len(list) > 0 {
			next = need(first())
			v.Ahead(next)
		}
		if err := v.Load(now); err != nil {
			return err
		}
		if err := work(part); err != nil {
			return err
		}
		v.Forget()
	}
	return nil
}
