// Package oracle is a second, naive engine: the one that tests compare the real
// one with. It holds everything in memory, always decides everybody, and prefers
// a plain sentence to a fast one. Beside it stand random worlds, random
// histories, and the laws that every history must keep. It shares no code with
// the engine it judges, and no program uses it.
package oracle

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"muster/internal/base/object"
	"muster/internal/sync/metaverse"
	"muster/internal/sync/space"
)

// World is everything that deciding may read and accepting may write.
type World struct {
	Clock    time.Time
	Entries  map[object.ID]*space.Entry
	Objects  map[object.ID]*metaverse.Object
	Holds    map[Target]*Hold
	Names    map[Name]object.ID // unique names and who has them, for ever
	Approved map[string]Change  // changes that a person let through, by their lines
	Log      []Done             // accepted changes that guards count
	Staged   map[string]*Staged // imports that are not released
	Imports  int64
	Sendings int64
}

// Name is a unique name, prepared for comparing.
type Name struct{ Attr, Key string }

// Done is an accepted change that guards count.
type Done struct {
	At       time.Time
	Guard    Guarded
	Approved bool
}

// Guarded is what a guard counts: changes of one kind to accounts of one type;
// of values and references, those of one attribute.
type Guarded struct {
	Connector, Type string
	Kind            GuardKind
	Attr            string
}

// TargetKind says what sort of thing a hold is about.
type TargetKind uint8

// The kinds of target.
const (
	WholeObject TargetKind = iota
	ObjectValue
	ObjectRef
	AccountLife
	AccountValue
	AccountRef
	EntryLink
)

// Target is what a hold is about.
type Target struct {
	Object    object.ID
	Kind      TargetKind
	Connector string
	Name      string // attribute; for links the entry's anchor
	Ref       object.ID
}

// Hold refuses one outcome for its target and says what stays instead.
type Hold struct {
	Target   Target
	Refused  object.Values
	Standing bool // refuses every outcome
	AtValue  bool // Instead stays; otherwise what is, stays
	Instead  object.Values
	Why      string
	Until    time.Time
}

// over reports that the hold's time has come.
func (h *Hold) over(now time.Time) bool { return !h.Until.IsZero() && !now.Before(h.Until) }

// refuses reports that the hold is in force and refuses the outcome.
func (h *Hold) refuses(outcome object.Values, now time.Time) bool {
	return h != nil && !h.over(now) && (h.Standing || h.Refused.Equal(outcome))
}

// stays says what takes the place of a refused outcome.
func (h *Hold) stays(is object.Values) object.Values {
	if h.AtValue {
		return h.Instead
	}
	return is
}

// NewWorld returns an empty world at the instant.
func NewWorld(at time.Time) *World {
	return &World{
		Clock: at, Entries: map[object.ID]*space.Entry{}, Objects: map[object.ID]*metaverse.Object{},
		Holds: map[Target]*Hold{}, Names: map[Name]object.ID{}, Approved: map[string]Change{}, Staged: map[string]*Staged{},
	}
}

// Clone returns a copy that shares nothing that anybody changes.
func (w *World) Clone() *World {
	c := *w
	c.Entries, c.Objects, c.Holds = map[object.ID]*space.Entry{}, map[object.ID]*metaverse.Object{}, map[Target]*Hold{}
	for id, e := range w.Entries {
		f := *e
		f.Image, f.Initial = e.Image.Clone(), e.Initial.Clone()
		f.Arrived, f.Pending = slices.Clone(e.Arrived), slices.Clone(e.Pending)
		c.Entries[id] = &f
	}
	for id, o := range w.Objects {
		p := *o
		p.Attrs, p.Origins, p.Claims = o.Attrs.Clone(), slices.Clone(o.Origins), slices.Clone(o.Claims)
		c.Objects[id] = &p
	}
	for t, h := range w.Holds {
		g := *h
		c.Holds[t] = &g
	}
	c.Names, c.Approved, c.Staged, c.Log = maps.Clone(w.Names), maps.Clone(w.Approved), maps.Clone(w.Staged), slices.Clone(w.Log)
	return &c
}

// ordered returns the entries by connector, in the order of the rules, then by
// anchor: the order in which everything is decided.
func (w *World) ordered(r *Rules) []*space.Entry {
	return slices.SortedFunc(maps.Values(w.Entries), func(a, b *space.Entry) int {
		return cmp.Or(cmp.Compare(r.place(a.Connector), r.place(b.Connector)), strings.Compare(a.Anchor, b.Anchor), a.ID.Compare(b.ID))
	})
}

// find returns the entry that the connector calls anchor.
func (w *World) find(connector, anchor string) *space.Entry {
	for _, e := range w.Entries {
		if e.Connector == connector && e.Anchor == anchor && anchor != "" {
			return e
		}
	}
	return nil
}

func sortedIDs[V any](m map[object.ID]V) []object.ID {
	return slices.SortedFunc(maps.Keys(m), object.ID.Compare)
}

// refTo returns the value that names what id names.
func refTo(id object.ID) object.Value { return object.Reference(string(id[:])) }

// refOf returns the id that the value holds, zero if it holds none.
func refOf(v object.Value) (id object.ID) {
	if v.Kind() == object.Ref && len(v.Text()) == len(id) {
		copy(id[:], v.Text())
	}
	return id
}

// presence is Present or nothing.
func presence(there bool) object.Values {
	if there {
		return space.Present
	}
	return nil
}
