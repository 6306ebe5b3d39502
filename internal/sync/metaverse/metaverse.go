// Package metaverse is one picture of each person, group or thing, and where
// every value in it came from. It holds values; only engine.Apply changes them.
package metaverse

import (
	"strconv"
	"time"

	"muster/internal/base/object"
)

// Object is one metaverse object. References in Attrs are ids of objects (the
// raw 16 bytes).
type Object struct {
	ID      object.ID
	Type    string
	Founder string // connector/anchor of the entry that founded it: what people call it by
	Attrs   object.Attrs
	Origins []Origin // one for each of Attrs, in the same order
	Claims  []Claim
	Due     time.Time // when time alone will change something; zero if never
	Version int64     // moves with every accepted unit
}

// NewObjectID returns the id of the object that the entry founds: n is the
// smallest number for which no living object has the id, so that who comes back
// is the same object.
func NewObjectID(connector, anchor string, n int) object.ID {
	return object.NewID("object", connector, anchor, strconv.Itoa(n))
}

// Origin says who contributed a value, by which rule, and when.
type Origin struct {
	Connector string    // "" for a value that a person's hold put there
	Entry     object.ID // the entry it came from
	Anchor    string    // what its system calls the entry: it may be gone
	Rule      string    // stable name of the rule
	Import    int64     // the released import that brought it
	At        time.Time // when it was accepted
	Kept      bool      // its contributor is gone; it was not recalled
}

// Origin returns the origin of the named attribute's values.
func (o *Object) Origin(name string) (Origin, bool) {
	for i := range o.Attrs {
		if o.Attrs[i].Name == name && i < len(o.Origins) {
			return o.Origins[i], true
		}
	}
	return Origin{}, false
}

// Claim is a unique name that the object holds: Name was given for Wish, and is
// kept while the wish is the same.
type Claim struct {
	Attr       string
	Wish, Name string
}

// Claim returns the claim for the attribute.
func (o *Object) Claim(attr string) (Claim, bool) {
	for _, c := range o.Claims {
		if c.Attr == attr {
			return c, true
		}
	}
	return Claim{}, false
}
