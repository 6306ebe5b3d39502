package engine

import (
	"slices"

	"muster/internal/base/object"
	"muster/internal/sync/metaverse"
	"muster/internal/sync/rules"
	"muster/internal/sync/space"
)

// chunk is how many entries Link looks at between two loads. The result does
// not depend on it.
const chunk = 1024

// linker is the work of the Link pass.
type linker struct {
	*Decider
	v     View
	tried map[object.ID]bool
	todo  []object.ID // unlinked entries to try, in the order of connectors and anchors
	added []object.ID // found by their keys since the last round
}

// Link decides who exists and who belongs together. Unlinked entries join, in
// order, by keys as this plan leaves them, until nothing changes; then vanished
// and out-of-scope entries are cut and objects whose last link went end; then
// the freed are linked in the same way.
func (d *Decider) Link(v View) error {
	l := &linker{Decider: d, v: v, tried: map[object.ID]bool{}}
	steps := []func() error{l.seed, l.join, l.cut, l.join, l.offer, l.judgeHeld}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	v.Forget()
	return nil
}

// offer notes by which keys the entries that stay unlinked ask to join.
func (l *linker) offer() error {
	for ids := range slices.Chunk(l.todo, chunk) {
		if err := l.v.Load(Need{Entries: ids}); err != nil {
			return err
		}
		for _, id := range ids {
			e := l.v.Entry(id)
			if e == nil || !l.linkOf(id, e.Link, free).IsZero() {
				continue
			}
			keys, _, err := l.joinKeys(e)
			if err == nil {
				l.asks[id] = keys
			}
		}
		l.v.Forget()
	}
	return nil
}

// Offers returns the keys by which the entries that stay unlinked ask to join;
// who has to be tried again is found by them.
func (d *Decider) Offers() map[object.ID][]Key { return d.asks }

// seed touches the objects of what moved and lists the unlinked entries.
func (l *linker) seed() error {
	for ids := range slices.Chunk(l.trig.Objects, chunk) {
		if err := l.v.Load(Need{Objects: ids}); err != nil {
			return err
		}
		for _, id := range ids {
			if l.v.Object(id) == nil {
				continue
			}
			l.touch(id)
			for _, e := range l.v.EntriesOf(id) {
				l.dirty[e.ID] = true
			}
		}
		l.v.Forget()
	}
	for ids := range slices.Chunk(l.trig.Entries, chunk) {
		if err := l.v.Load(Need{Entries: ids}); err != nil {
			return err
		}
		var objects []object.ID
		for _, id := range ids {
			if e := l.v.Entry(id); e != nil && !e.Link.IsZero() && l.life[e.Link] == nil {
				objects = append(objects, e.Link)
			}
		}
		if err := l.v.Load(Need{Objects: objects}); err != nil {
			return err
		}
		for _, id := range ids {
			e := l.v.Entry(id)
			switch {
			case e == nil || e.Stub:
			case e.Link.IsZero():
				l.try(id)
			default:
				l.dirty[id] = true
				l.touch(e.Link)
			}
		}
		l.v.Forget()
	}
	return nil
}

// try lists an unlinked entry.
func (l *linker) try(id object.ID) {
	if !l.tried[id] {
		l.tried[id] = true
		l.todo = append(l.todo, id)
	}
}

// touch makes the object part of the plan; the view has it loaded.
func (l *linker) touch(id object.ID) *life {
	if x := l.life[id]; x != nil {
		return x
	}
	x := &life{}
	if o := l.v.Object(id); o != nil {
		x.typ, x.stored = o.Type, o.Type
	}
	l.life[id] = x
	l.order = append(l.order, id)
	l.rekey(id, x)
	return x
}

// entriesOf returns the entries that are freely linked to the object; they and
// the object are loaded.
func (l *linker) entriesOf(id object.ID) []*space.Entry {
	x := l.life[id]
	if x == nil || !x.linked {
		return l.v.EntriesOf(id)
	}
	out := make([]*space.Entry, 0, len(x.entries))
	for _, e := range x.entries {
		out = append(out, l.v.Entry(e))
	}
	return l.sorted(out)
}

// sorted puts entries in the order of connectors and anchors.
func (d *Decider) sorted(es []*space.Entry) []*space.Entry {
	slices.SortFunc(es, d.compareEntries)
	return es
}

func (d *Decider) compareEntries(a, b *space.Entry) int {
	if c := d.set.rank[a.Connector] - d.set.rank[b.Connector]; c != 0 {
		return c
	}
	if c := compareText(a.Anchor, b.Anchor); c != 0 {
		return c
	}
	return a.ID.Compare(b.ID)
}

// relink moves e to the object to, zero for none, and keeps everybody's list of
// entries and keys true. Both objects are loaded.
func (l *linker) relink(e *space.Entry, to object.ID) {
	from := l.linkOf(e.ID, e.Link, free)
	if from == to {
		return
	}
	l.setLink(e, to)
	if x := l.life[from]; x != nil {
		x.own(l, from)
		x.entries = slices.DeleteFunc(x.entries, func(id object.ID) bool { return id == e.ID })
		l.rekey(from, x)
	}
	if x := l.life[to]; x != nil {
		x.own(l, to)
		if !slices.Contains(x.entries, e.ID) {
			x.entries = append(x.entries, e.ID)
		}
		l.rekey(to, x)
	}
}

// own makes the list of entries the plan's own. It is called after the link
// moved, so it takes the accepted list.
func (x *life) own(l *linker, id object.ID) {
	if x.linked {
		return
	}
	x.linked = true
	if x.stored == "" {
		return
	}
	for _, e := range l.v.EntriesOf(id) {
		x.entries = append(x.entries, e.ID)
	}
}

// rekey computes the keys by which others may join the object as the plan now
// leaves it, and marks the unlinked entries that ask by an old or a new key.
func (l *linker) rekey(id object.ID, x *life) {
	for _, k := range x.keys {
		l.keyed[k] = slices.DeleteFunc(l.keyed[k], func(o object.ID) bool { return o == id })
		if len(l.keyed[k]) == 0 {
			delete(l.keyed, k)
		}
		l.stale[k] = true
	}
	x.keys, x.wish = x.keys[:0], x.wish[:0]
	stored := l.storedObject(id, x)
	if stored != nil {
		for _, a := range l.set.keys[stored.Type] {
			for _, v := range stored.Attrs.Get(a.Name) {
				l.stale[Key{stored.Type, a.Name, object.Key(v, a.Folded)}] = true
			}
		}
	}
	if x.typ == "" || len(l.set.keys[x.typ]) == 0 && len(l.set.unique[x.typ]) == 0 {
		return
	}
	p := l.freePicture(id, x.typ, l.entriesOf(id), stored)
	for _, a := range l.set.keys[x.typ] {
		for _, v := range l.keyValues(id, a, p, stored) {
			k := Key{x.typ, a.Name, object.Key(v, a.Folded)}
			x.keys = append(x.keys, k)
			l.keyed[k] = append(l.keyed[k], id)
			l.stale[k] = true
		}
	}
	x.wish = append(x.wish, p.wishes...)
}

func (l *linker) storedObject(id object.ID, x *life) *metaverse.Object {
	if x.stored == "" {
		return nil
	}
	return l.v.Object(id)
}

// keyValues are the values by which the object is found. While a join key is
// held, its old and new values join nobody.
func (l *linker) keyValues(id object.ID, a *rules.Attribute, p *picture, stored *metaverse.Object) object.Values {
	vs := p.attrs.Get(a.Name)
	if stored == nil {
		return vs
	}
	if l.refusal(l.v, Target{Object: id, Kind: ObjectValue, Name: a.Name}, vs) != nil {
		return nil
	}
	return vs
}

// join lets the listed entries join until nothing changes.
func (l *linker) join() error {
	for {
		if err := l.callStale(); err != nil {
			return err
		}
		changed := false
		var left []object.ID
		for ids := range slices.Chunk(l.todo, chunk) {
			if err := l.loadTries(ids); err != nil {
				return err
			}
			for _, id := range ids {
				e := l.v.Entry(id)
				if e == nil || !l.linkOf(id, e.Link, free).IsZero() {
					continue
				}
				ok, err := l.tryJoin(e)
				if err != nil {
					return err
				}
				changed = changed || ok
				if !ok {
					left = append(left, id)
				}
			}
			l.v.Forget()
		}
		l.todo = left
		if !changed {
			return nil
		}
	}
}

// callStale lists the unlinked entries that ask for a key that moved.
func (l *linker) callStale() error {
	if len(l.stale) == 0 {
		return nil
	}
	keys := make([]Key, 0, len(l.stale))
	for k := range l.stale {
		keys = append(keys, k)
	}
	l.stale = map[Key]bool{}
	for ks := range slices.Chunk(keys, chunk) {
		if err := l.v.Load(Need{Candidates: ks}); err != nil {
			return err
		}
		for _, k := range ks {
			for _, id := range l.v.Candidates(k) {
				l.try(id)
			}
		}
		l.v.Forget()
	}
	return l.sortTodo()
}

// sortTodo restores the order of connectors and anchors after entries were
// added.
func (l *linker) sortTodo() error {
	type at struct {
		rank   int
		anchor string
		id     object.ID
	}
	list := make([]at, 0, len(l.todo))
	for ids := range slices.Chunk(l.todo, chunk) {
		if err := l.v.Load(Need{Entries: ids}); err != nil {
			return err
		}
		for _, id := range ids {
			if e := l.v.Entry(id); e != nil {
				list = append(list, at{l.set.rank[e.Connector], e.Anchor, id})
			}
		}
		l.v.Forget()
	}
	slices.SortFunc(list, func(a, b at) int {
		if c := a.rank - b.rank; c != 0 {
			return c
		}
		if c := compareText(a.anchor, b.anchor); c != 0 {
			return c
		}
		return a.id.Compare(b.id)
	})
	l.todo = l.todo[:0]
	for _, x := range list {
		l.todo = append(l.todo, x.id)
	}
	return nil
}

// loadTries loads what trying the entries reads: whom they may join, and what
// is linked there.
func (l *linker) loadTries(ids []object.ID) error {
	if err := l.v.Load(Need{Entries: ids}); err != nil {
		return err
	}
	var keys []Key
	var founded []object.ID
	for _, id := range ids {
		e := l.v.Entry(id)
		if e == nil {
			continue
		}
		ks, _, err := l.joinKeys(e)
		if err != nil {
			continue // told when the entry is tried
		}
		keys = append(keys, ks...)
		founded = append(founded, metaverse.NewObjectID(e.Connector, e.Anchor, 0))
	}
	if err := l.v.Load(Need{Matches: keys}); err != nil {
		return err
	}
	objects := founded
	var entries []object.ID
	for _, k := range keys {
		objects = append(objects, l.v.Matches(k)...)
		objects = append(objects, l.keyed[k]...)
	}
	for _, o := range objects {
		if x := l.life[o]; x != nil {
			entries = append(entries, x.entries...)
		}
	}
	return l.v.Load(Need{Objects: objects, Entries: entries})
}

// joinKeys lists every key by which the entry might ask, in order, with the
// rules in scope.
func (l *linker) joinKeys(e *space.Entry) ([]Key, []*rules.Inbound, error) {
	rs, err := l.inScope(e, nil)
	if err != nil {
		return nil, nil, err
	}
	var keys []Key
	for _, r := range rs {
		for _, j := range r.Joins {
			for _, k := range j.Keys {
				ks, err := l.keysFor(e, r, k)
				if err != nil {
					return nil, nil, err
				}
				keys = append(keys, ks...)
			}
		}
	}
	return keys, rs, nil
}

// keysFor evaluates one key of a join for the entry.
func (l *linker) keysFor(e *space.Entry, r *rules.Inbound, k rules.Key) ([]Key, error) {
	res, err := k.Value.Eval(l.entryInput(e, nil))
	if err != nil {
		return nil, &ruleError{r.Name, err}
	}
	if res.Outcome != rules.Some {
		return nil, nil
	}
	folded := false
	if t := l.set.Types[r.To]; t != nil && t.Attributes[k.Attr] != nil {
		folded = t.Attributes[k.Attr].Folded
	}
	var out []Key
	for _, v := range res.Values {
		if s := object.Key(v, folded); s != "" {
			out = append(out, Key{r.To, k.Attr, s})
		}
	}
	return out, nil
}

// joinable reports that rules may link the entry at all.
func joinable(e *space.Entry) bool {
	return e.Missing.IsZero() && !e.Stub && !e.Deleting() && !e.Unsent() && e.Seen && e.Cut.IsZero() && !e.Explicit
}

// tryJoin links the entry if a rule says to whom.
func (l *linker) tryJoin(e *space.Entry) (bool, error) {
	delete(l.queued, e.ID)
	if !joinable(e) {
		return false, nil
	}
	rs, err := l.inScope(e, nil)
	if err != nil {
		l.faults = append(l.faults, fault("extension-unexpected-attribute-value", e, ruleOf(err), err))
		return false, nil
	}
	for _, r := range rs {
		for _, j := range r.Joins {
			done, linked := l.tryRule(e, r, j)
			if done || linked {
				return linked, nil
			}
		}
	}
	for _, r := range rs {
		if r.Project {
			l.found(e, r.To)
			return true, nil
		}
	}
	return false, nil
}

// tryRule tries one join: done says that the entry waits for a person.
func (l *linker) tryRule(e *space.Entry, r *rules.Inbound, j rules.Join) (done, linked bool) {
	if ok, err := truth(j.If, l.entryInput(e, nil)); err != nil || !ok {
		if err != nil {
			l.faults = append(l.faults, fault("extension-unexpected-attribute-value", e, r.Name, err))
		}
		return false, false
	}
	var fits, taken []object.ID
	for _, o := range l.matching(e, r, j) {
		if l.set.governed[[2]string{r.To, e.Connector}] && !l.wantsFreely(o, e.Connector) {
			continue // it is tried again when the object wants one (LINK-23)
		}
		if l.birthRefused(o) || l.linkRefused(o, e) {
			continue
		}
		if l.placeTaken(o, e) {
			taken = append(taken, o)
			continue
		}
		fits = append(fits, o)
	}
	switch {
	case len(fits) == 1:
		delete(l.queued, e.ID)
		l.relinkAndGiveWay(e, fits[0])
		return false, true
	case len(fits) > 1 && j.Next:
		return false, false
	case len(fits) > 1:
		l.queued[e.ID] = &Queued{Entry: e.ID, Rule: r.Name, Candidates: fits}
		return true, false
	case len(taken) > 0:
		l.queued[e.ID] = &Queued{Entry: e.ID, Rule: r.Name, Candidates: taken, Taken: true}
		return true, false
	}
	return false, false
}

// matching returns the living objects that have all keys of the join, as the
// plan leaves them, sorted.
func (l *linker) matching(e *space.Entry, r *rules.Inbound, j rules.Join) []object.ID {
	var all []object.ID
	for i, k := range j.Keys {
		keys, err := l.keysFor(e, r, k)
		if err != nil || len(keys) == 0 {
			return nil
		}
		var some []object.ID
		for _, key := range keys {
			for _, o := range l.v.Matches(key) {
				if l.life[o] == nil {
					some = append(some, o)
				}
			}
			some = append(some, l.keyed[key]...)
		}
		slices.SortFunc(some, object.ID.Compare)
		some = slices.Compact(some)
		if i == 0 {
			all = some
			continue
		}
		all = slices.DeleteFunc(all, func(o object.ID) bool { return !slices.Contains(some, o) })
	}
	return all
}

// placeTaken reports that another present entry of the connector is linked to
// the object. A missing entry or an account never sent gives its place.
func (l *linker) placeTaken(o object.ID, e *space.Entry) bool {
	for _, x := range l.entriesOf(o) {
		if x.ID != e.ID && x.Connector == e.Connector && x.Missing.IsZero() && !x.Unsent() {
			return true
		}
	}
	return false
}

// relinkAndGiveWay links e, and cuts whoever gives it the place.
func (l *linker) relinkAndGiveWay(e *space.Entry, o object.ID) {
	l.touch(o)
	for _, x := range l.entriesOf(o) {
		if x.ID != e.ID && x.Connector == e.Connector {
			l.relink(x, object.ID{})
		}
	}
	l.relink(e, o)
}

// found makes a new object for the entry: the same id as the last time, if its
// bearer is gone.
func (l *linker) found(e *space.Entry, typ string) {
	id := metaverse.NewObjectID(e.Connector, e.Anchor, 0)
	for n := 0; l.taken(id); n++ {
		id = metaverse.NewObjectID(e.Connector, e.Anchor, n+1)
	}
	x := l.life[id]
	if x == nil {
		x = &life{}
		l.life[id] = x
		l.order = append(l.order, id)
	}
	x.typ, x.linked, x.founder = typ, true, founder{l.set.rank[e.Connector], e.Anchor}
	delete(l.queued, e.ID)
	l.relink(e, id)
}

// taken reports that a living object, or one that is accepted, has the id.
func (l *linker) taken(id object.ID) bool {
	if x := l.life[id]; x != nil {
		return x.typ != "" || x.stored != ""
	}
	if err := l.v.Load(Need{Objects: []object.ID{id}}); err != nil {
		return true
	}
	return l.v.Object(id) != nil
}
