package store

import (
	"slices"

	"muster/internal/base/object"
	"muster/internal/sync/engine"
	"muster/internal/sync/metaverse"
	"muster/internal/sync/space"
)

// Kept is what a view does not forget, for passes that come by again and for
// later views of the same: the first of what was loaded, as much as fits. Small
// runs then read everything once.
type Kept struct {
	generation int64
	entries    map[object.ID]keptEntry
	byKey      map[int64]*space.Entry
	objects    map[object.ID]keptObject
	has        map[object.ID]bool // objects and entries of which something is kept
	changed    map[object.ID]bool // those of them that were written since
}

type keptEntry struct {
	key int64
	e   *space.Entry
}

type keptObject struct {
	o        *metaverse.Object
	of       []*space.Entry
	holds    []*engine.Hold
	approved map[engine.Hash]bool

	remembered bool
}

// keptMost is how many entries and how many objects are kept.
const keptMost = 6000

func newKept() *Kept {
	return &Kept{entries: map[object.ID]keptEntry{}, byKey: map[int64]*space.Entry{}, objects: map[object.ID]keptObject{}, has: map[object.ID]bool{}, changed: map[object.ID]bool{}}
}

// Kept returns what the view read, for a later view to take from. The view is
// of no use afterwards.
func (v *View) Kept() (*Kept, error) {
	v.keep()
	var err error
	v.kept.generation, err = v.t.Generation()
	return v.kept, err
}

// From lets the view take from what an earlier one read, unless what deciding
// reads changed since. A writer that changes some of it is told so (Writer.Over).
func (v *View) From(k *Kept) (*View, error) {
	gen, err := v.t.Generation()
	if err == nil && k != nil && k.generation == gen {
		v.before = k
	}
	return v, err
}

// keep moves what was loaded into kept.
func (v *View) keep() {
	k := v.kept
	if v.t.db.Writes() { // what is read may change
		return
	}
	for key, e := range v.byKey {
		if len(k.entries) >= keptMost {
			break
		}
		k.entries[e.ID] = keptEntry{key, e}
		k.byKey[key] = e
		k.has[e.ID] = true
	}
	for id, o := range v.objects {
		if len(k.objects) >= keptMost {
			break
		}
		k.objects[id] = keptObject{o, v.of[id], v.holds[id], v.approved[id], v.remembered[id]}
		k.has[id] = true
		for _, e := range v.of[id] {
			k.has[e.ID] = true
		}
	}
}

// change notes that something is no longer as it was kept.
func (k *Kept) change(ids ...object.ID) {
	if k == nil {
		return
	}
	for _, id := range ids {
		if k.has[id] {
			k.changed[id] = true
		}
	}
}

// clear forgets all.
func (k *Kept) clear() {
	if k != nil {
		*k = *newKept()
	}
}

// stands reports that the entries are as they were kept, if they were.
func (k *Kept) stands(of ...*space.Entry) bool {
	return len(k.changed) == 0 || !slices.ContainsFunc(of, func(e *space.Entry) bool { return k.changed[e.ID] })
}

func (k *Kept) at(key int64) *space.Entry {
	if k == nil || k.byKey[key] == nil || !k.stands(k.byKey[key]) {
		return nil
	}
	return k.byKey[key]
}

func (k *Kept) entry(id object.ID) (x keptEntry, ok bool) {
	if k != nil && !k.changed[id] {
		x, ok = k.entries[id]
	}
	return x, ok
}

func (k *Kept) object(id object.ID) (x keptObject, ok bool) {
	if k != nil && !k.changed[id] {
		x, ok = k.objects[id]
	}
	return x, ok && k.stands(x.of...)
}

// recalled is what the view kept, or else the one before it.
func recalled[T any](v *View, id object.ID, kept func(*Kept, object.ID) (T, bool)) (x T, ok bool) {
	if x, ok = kept(v.kept, id); !ok {
		x, ok = kept(v.before, id)
	}
	return x, ok
}

// recallEntries loads from what was kept, and returns what is not there.
func (v *View) recallEntries(ids []object.ID) []object.ID {
	return slices.DeleteFunc(ids, func(id object.ID) bool {
		x, ok := recalled(v, id, (*Kept).entry)
		if ok {
			v.entries[id], v.byKey[x.key], v.links[id] = x.e, x.e, x.e.Link
			v.unheld = append(v.unheld, x.e)
		}
		return ok
	})
}

func (v *View) recallObjects(ids []object.ID) []object.ID {
	return slices.DeleteFunc(ids, func(id object.ID) bool {
		x, ok := recalled(v, id, (*Kept).object)
		if !ok {
			return false
		}
		v.objects[id], v.of[id] = x.o, x.of
		if len(x.holds) > 0 {
			v.holds[id] = x.holds
		}
		if len(x.approved) > 0 {
			v.approved[id] = x.approved
		}
		if x.remembered {
			v.remembered[id] = true
		}
		for _, e := range x.of {
			v.entries[e.ID], v.links[e.ID] = e, id
		}
		v.unheld = append(v.unheld, x.of...)
		return true
	})
}
