package enginetest

import (
	"fmt"
	"maps"
	"slices"

	"muster/internal/base/object"
	"muster/internal/sync/engine"
	"muster/internal/sync/metaverse"
	"muster/internal/sync/oracle"
	"muster/internal/sync/rules"
	"muster/internal/sync/space"
)

// view shows a world of the oracle to the engine. It is strict: asking for what
// was not loaded panics.
type view struct {
	w      *oracle.World
	set    *rules.Set
	loaded map[any]bool
	// approved, if set, says what people approved in place of the world.
	approved func(object.ID) map[engine.Hash]bool
}

// What can be loaded, as keys of loaded.
type (
	anEntry    object.ID
	anObject   object.ID
	aLink      object.ID
	anAccount  object.ID
	aMatch     engine.Key
	aCandidate engine.Key
	aNamer     object.ID
	aReferrer  object.ID
)

func newView(w *oracle.World, set *rules.Set) *view {
	return &view{w: w, set: set, loaded: map[any]bool{}}
}

func mark[T any, K any](v *view, list []T, as func(T) K) {
	for _, x := range list {
		v.loaded[as(x)] = true
	}
}

func (v *view) Load(n engine.Need) error {
	mark(v, n.Entries, func(id object.ID) any { return anEntry(id) })
	mark(v, n.Objects, func(id object.ID) any { return anObject(id) })
	mark(v, n.Links, func(id object.ID) any { return aLink(id) })
	mark(v, n.Homes, func(id object.ID) any { return aLink(id) })
	for _, id := range n.Homes {
		if e := v.w.Entries[id]; e != nil {
			v.loaded[anObject(e.Link)] = true
		}
	}
	mark(v, n.Accounts, func(id object.ID) any { return anAccount(id) })
	mark(v, n.Matches, func(k engine.Key) any { return aMatch(k) })
	mark(v, n.Candidates, func(k engine.Key) any { return aCandidate(k) })
	mark(v, n.Namers, func(id object.ID) any { return aNamer(id) })
	mark(v, n.Referrers, func(id object.ID) any { return aReferrer(id) })
	mark(v, n.Names, func(x engine.Name) any { return x })
	for _, e := range v.w.Entries {
		if v.loaded[anObject(e.Link)] {
			v.loaded[anEntry(e.ID)] = true
		}
	}
	return nil
}

// Ahead does nothing: all is there.
func (v *view) Ahead(engine.Need) {}

func (v *view) Forget() { clear(v.loaded) }

// need panics unless one of the things was loaded.
func (v *view) need(things ...any) {
	if !slices.ContainsFunc(things, func(x any) bool { return v.loaded[x] }) {
		panic(fmt.Sprintf("asked for what was not loaded: %T %x", things[0], things[0]))
	}
}

func (v *view) Entry(id object.ID) *space.Entry {
	v.need(anEntry(id))
	if e := v.w.Entries[id]; e != nil {
		return e
	}
	for _, e := range v.w.Entries { // by the anchor that it got later
		if e.Anchor != "" && space.EntryID(e.Connector, e.Anchor) == id {
			return e
		}
	}
	return nil
}

func (v *view) Object(id object.ID) *metaverse.Object {
	v.need(anObject(id))
	return v.w.Objects[id]
}

func (v *view) EntriesOf(obj object.ID) (es []*space.Entry) {
	v.need(anObject(obj))
	for _, id := range orderedEntries(v.w, v.set) {
		if e := v.w.Entries[id]; e.Link == obj && !obj.IsZero() {
			es = append(es, e)
		}
	}
	return es
}

func (v *view) Holds(obj object.ID) (hs []*engine.Hold) {
	v.need(anObject(obj))
	for _, t := range oracle.SortedTargets(v.w.Holds) {
		if t.Object == obj {
			hs = append(hs, v.hold(v.w.Holds[t]))
		}
	}
	return hs
}

// entryAt returns the entry that the connector calls anchor; zero if there is
// none.
func (v *view) entryAt(connector, anchor string) (id object.ID) {
	for _, e := range v.w.Entries {
		if e.Connector == connector && e.Anchor == anchor && anchor != "" {
			return e.ID
		}
	}
	return id
}

func (v *view) LinkHolds(entry object.ID) (hs []*engine.Hold) {
	e := v.Entry(entry)
	for _, t := range oracle.SortedTargets(v.w.Holds) {
		if e != nil && t.Kind == oracle.EntryLink && t.Connector == e.Connector && t.Name == e.Anchor {
			hs = append(hs, v.hold(v.w.Holds[t]))
		}
	}
	return hs
}

func (v *view) Remembered(obj object.ID) bool {
	v.need(anObject(obj))
	for _, e := range v.w.Entries {
		if e.Cut == obj {
			return true
		}
	}
	return false
}

func (v *view) hold(h *oracle.Hold) *engine.Hold {
	return &engine.Hold{Target: target(h.Target), Refused: h.Refused, Standing: h.Standing, AtValue: h.AtValue, Instead: h.Instead, Why: h.Why, Until: h.Until}
}

func target(t oracle.Target) engine.Target {
	return engine.Target{Object: t.Object, Kind: engine.TargetKind(t.Kind), Connector: t.Connector, Name: t.Name, Ref: t.Ref}
}

func (v *view) Approved(obj object.ID) map[engine.Hash]bool {
	v.need(anObject(obj))
	if v.approved != nil {
		return v.approved(obj)
	}
	m := map[engine.Hash]bool{}
	for _, c := range v.w.Approved {
		if c.Object == obj {
			m[engine.ChangeHash(obj, engineChange(c))] = true
		}
	}
	return m
}

func (v *view) LinkOf(entry object.ID) (link object.ID) {
	v.need(aLink(entry), anEntry(entry))
	if e := v.w.Entries[entry]; e != nil {
		link = e.Link
	}
	return link
}

func (v *view) Account(obj object.ID, connector string) bool {
	v.need(anAccount(obj), anObject(obj))
	for _, e := range v.w.Entries {
		if e.Link == obj && e.Connector == connector && e.Missing.IsZero() && e.Exists() {
			return true
		}
	}
	return false
}

func (v *view) Matches(k engine.Key) (ids []object.ID) {
	v.need(aMatch(k))
	folded := v.set.Types[k.Type].Attributes[k.Attr].Folded
	for id, o := range v.w.Objects {
		if o.Type == k.Type && slices.ContainsFunc(o.Attrs.Get(k.Attr), func(x object.Value) bool { return object.Key(x, folded) == k.Value }) {
			ids = append(ids, id)
		}
	}
	return sorted(ids)
}

func (v *view) Candidates(k engine.Key) (ids []object.ID) {
	v.need(aCandidate(k))
	folded := v.set.Types[k.Type].Attributes[k.Attr].Folded
	for id, e := range v.w.Entries {
		if e.Link.IsZero() && slices.ContainsFunc(v.set.Inbound, func(r *rules.Inbound) bool { return offers(r, e, k, folded) }) {
			ids = append(ids, id)
		}
	}
	return sorted(ids)
}

// offers reports that the rule lets the entry ask by the key.
func offers(r *rules.Inbound, e *space.Entry, k engine.Key, folded bool) bool {
	if r.Connector != e.Connector || r.From != e.Type || r.To != k.Type {
		return false
	}
	for _, j := range r.Joins {
		for _, key := range j.Keys {
			if key.Attr == k.Attr && slices.ContainsFunc(e.Image.Get(key.Value.Copy()), func(x object.Value) bool { return object.Key(x, folded) == k.Value }) {
				return true
			}
		}
	}
	return false
}

func (v *view) Namers(entry object.ID) (ids []object.ID) {
	v.need(aNamer(entry))
	for _, e := range v.w.Entries {
		if !e.Link.IsZero() && slices.ContainsFunc(e.Image, func(a object.Attr) bool { return a.Values.Has(engine.RefTo(entry)) }) {
			ids = append(ids, e.Link)
		}
	}
	return sorted(ids)
}

func (v *view) Referrers(obj object.ID) (ids []object.ID) {
	v.need(aReferrer(obj))
	for id, o := range v.w.Objects {
		if slices.ContainsFunc(o.Attrs, func(a object.Attr) bool { return a.Values.Has(engine.RefTo(obj)) }) {
			ids = append(ids, id)
		}
	}
	return sorted(ids)
}

func (v *view) Owner(n engine.Name) (object.ID, bool) {
	v.need(n)
	id, ok := v.w.Names[oracle.Name{Attr: n.Attr, Key: n.Value}]
	return id, ok
}

func (v *view) Bearers(n engine.Name) (ids []object.ID) {
	v.need(n)
	a := v.set.Types[n.Type].Attributes[n.Attr]
	for _, id := range slices.SortedFunc(maps.Keys(v.w.Entries), object.ID.Compare) {
		e := v.w.Entries[id]
		for _, s := range a.Also {
			if e.Connector == s.Connector && e.Type == s.Type && e.Missing.IsZero() &&
				slices.ContainsFunc(e.Image.Get(s.Attr), func(x object.Value) bool { return object.Key(x, a.Folded) == n.Value }) {
				ids = append(ids, id)
			}
		}
	}
	return ids
}

func sorted(ids []object.ID) []object.ID {
	slices.SortFunc(ids, object.ID.Compare)
	return slices.Compact(ids)
}
