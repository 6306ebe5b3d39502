package engine

import (
	"slices"

	"muster/internal/base/object"
	"muster/internal/sync/metaverse"
	"muster/internal/sync/rules"
	"muster/internal/sync/space"
)

// join lets the listed entries join, pass by pass, until nothing changes
// (LINK-14).
func (l *linker) join() error {
	for again := true; again; {
		l.queued, l.moot = map[object.ID]*Queued{}, nil
		if err := l.pull(); err != nil {
			return err
		}
		err := l.merge()
		if err == nil {
			again, err = l.pass()
		}
		if err != nil {
			return err
		}
	}
	l.faults = append(l.faults, l.moot...)
	return nil
}

// pass tries everybody once, in order; it reports whether somebody was linked.
func (l *linker) pass() (changed bool, err error) {
	var left []object.ID
	try := func(id object.ID) error {
		l.tried.set(l, id, false) // who is linked, and set free again, is listed again
		e := l.v.Entry(id)
		if e == nil || !l.linkOf(id, e.Link, free).IsZero() {
			return nil
		}
		l.at = l.placeOf(e)
		linked, err := l.tryJoin(e)
		if err != nil {
			return err
		}
		if !linked {
			l.tried.set(l, id, true)
			left = append(left, id)
			return nil
		}
		changed = true
		return l.pull()
	}
	tryLate := func(before *place) error {
		for len(l.late) > 0 && (before == nil || l.late[0].compare(*before) < 0) {
			id := l.late[0].id
			l.late = l.late[1:]
			if err := l.loadTries([]object.ID{id}); err != nil {
				return err
			}
			if err := try(id); err != nil {
				return err
			}
		}
		return nil
	}
	defer func() { l.at = place{} }()
	err = inParts(l.v, l.todo, needEntries, func(ids []object.ID) error {
		if err := l.loadTries(ids); err != nil {
			return err
		}
		for _, id := range ids {
			if e := l.v.Entry(id); e != nil {
				p := l.placeOf(e)
				if err := tryLate(&p); err != nil {
					return err
				}
			}
			if err := try(id); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		err = tryLate(nil)
	}
	if err != nil {
		return false, err
	}
	l.todo = left
	return changed, nil
}

// pull lists the unlinked entries that ask for a key that moved (DELTA-3); who
// was pulled once is tried in every pass. Where everybody is tried, nobody needs
// to be looked for.
func (l *linker) pull() error {
	keys := l.stale[:0]
	for _, k := range l.stale {
		if !l.pulled[k] && !l.trigAll() {
			keys = append(keys, k)
		}
	}
	l.stale = l.stale[:0]
	for ks := range slices.Chunk(keys, chunk) {
		if err := l.v.Load(Need{Candidates: ks}); err != nil {
			return err
		}
		var ids []object.ID
		for _, k := range ks {
			cs := l.v.Candidates(k)
			if len(cs) > 0 {
				l.pulled[k] = true
			}
			for _, id := range cs {
				if !l.tried.has(l, id) {
					ids = append(ids, id)
				}
			}
		}
		if len(ids) == 0 {
			continue
		}
		if err := l.v.Load(Need{Entries: ids}); err != nil {
			return err
		}
		for _, id := range ids {
			if e := l.v.Entry(id); e != nil {
				l.try(e)
			}
		}
	}
	return nil
}

// trigAll reports that everybody is decided, so that nobody is to be looked for.
func (d *Decider) trigAll() bool { return d.trig.All[""] }

// loadTries loads what trying the entries reads: whom they may join, and what
// is linked there.
func (l *linker) loadTries(ids []object.ID) error {
	if err := l.v.Load(Need{Entries: ids}); err != nil {
		return err
	}
	var keys []Key
	var objects, entries []object.ID
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
		objects = append(objects, metaverse.NewObjectID(e.Connector, e.Anchor, 0))
	}
	need := Need{Matches: keys}
	if !l.trigAll() {
		need.Candidates = keys // whoever is founded will most likely be found by these
	}
	if err := l.v.Load(need); err != nil {
		return err
	}
	for _, k := range keys {
		objects = append(objects, l.v.Matches(k)...)
		for _, no := range l.keyed.of(k) {
			objects = append(objects, l.objects.list[no])
		}
	}
	for _, o := range objects {
		if x := l.life(o); x != nil {
			entries = l.appendEntries(entries, o, x)
		}
	}
	return l.v.Load(Need{Objects: objects, Entries: entries})
}

// loadMatch loads an object that came to a key since the chunk was loaded.
func (l *linker) loadMatch(o object.ID) error { return l.loadTouched([]object.ID{o}) }

// joinKeys lists every key by which the entry might ask, in order, with the
// rules in scope.
func (l *linker) joinKeys(e *space.Entry) ([]Key, []*inrule, error) {
	rs, err := l.inScope(e, nil)
	if err != nil {
		return nil, nil, err
	}
	var keys []Key
	for _, r := range rs {
		for _, j := range r.Joins {
			for _, k := range j.Keys {
				ks, err := l.keysFor(e, r.Inbound, k)
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
	l.in = input{now: l.now, attr: e.Image, missing: e.Missing}
	res, err := k.Value.Eval(&l.in)
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

// rekey computes the keys by which others may join the object as the plan now
// leaves it. Those who ask by an old or a new key are to be tried again: not only
// the keys may have moved, but also its place and what it wants.
func (l *linker) rekey(id object.ID, x *life) {
	stored := l.storedObject(id, x)
	if stored != nil {
		for _, a := range l.set.keys[stored.Type] {
			for _, v := range stored.Attrs.Get(a.Name) {
				l.stale = append(l.stale, Key{stored.Type, a.Name, object.Key(v, a.Folded)})
			}
		}
	}
	had := l.keys(x)
	l.stale = append(l.stale, had...)
	x.claims = 0
	var keys []Key
	if typ := l.typ(x); typ != "" && len(l.set.keys[typ])+len(l.set.unique[typ]) > 0 {
		p := l.soughtPicture(typ, l.entriesOf(id), stored)
		for _, a := range l.set.keys[typ] {
			for _, v := range l.keyValues(id, a, p) {
				keys = append(keys, Key{typ, a.Name, object.Key(v, a.Folded)})
			}
		}
		l.setClaims(x, p.wishes)
	}
	if slices.Equal(keys, had) {
		return
	}
	no := l.number(id)
	for _, k := range had {
		l.keyed.drop(k, no)
	}
	for _, k := range keys {
		l.keyed.add(k, no)
	}
	l.setKeys(x, keys)
	l.stale = append(l.stale, keys...)
}

func (l *linker) storedObject(id object.ID, x *life) *metaverse.Object {
	if x.stored == 0 {
		return nil
	}
	return l.v.Object(id)
}

// keyValues are the values by which the object is found. While a join key is
// held, its old and new values join nobody (LINK-30).
func (l *linker) keyValues(id object.ID, a *rules.Attribute, p *picture) object.Values {
	vs := p.attrs.Get(a.Name)
	if l.refusal(l.v, Target{Object: id, Kind: ObjectValue, Name: a.Name}, vs) != nil {
		return nil
	}
	return vs
}

// joinable reports that rules may link the entry at all. Who is cut by a rule,
// or kept apart by a person whatever matches, seeks nobody (LINK-25, LINK-27). Whom
// a person linked to an object that ends, seeks like others (LINK-22).
func (l *linker) joinable(e *space.Entry) bool {
	return e.Missing.IsZero() && !e.Stub && !e.Deleting() && !e.Unsent() && e.Seen && e.Cut.IsZero() && !(e.Explicit && e.Link.IsZero()) && !l.edited(e) &&
		!slices.ContainsFunc(l.v.LinkHolds(e.ID), func(h *Hold) bool { return h.parts(l.now) && h.Standing })
}

// tryJoin links the entry if a rule says to whom.
func (l *linker) tryJoin(e *space.Entry) (bool, error) {
	if !l.joinable(e) {
		return false, nil
	}
	rs, err := l.inScope(e, nil)
	if err != nil {
		l.moot = append(l.moot, fault(e, ruleOf(err), err))
		return false, nil
	}
	for _, r := range rs {
		for _, j := range r.Joins {
			to, waits, err := l.tryRule(e, r.Inbound, j)
			switch {
			case err != nil || waits:
				return false, err
			case !to.IsZero():
				l.connect(e, to)
				return true, nil
			}
		}
	}
	for _, r := range rs {
		if r.Project {
			return true, l.found(e, r.To)
		}
	}
	return false, nil
}

// tryRule tries one join: it finds the one object that fits, or says that the
// entry waits for a person (LINK-7 to LINK-10).
func (l *linker) tryRule(e *space.Entry, r *rules.Inbound, j rules.Join) (to object.ID, waits bool, err error) {
	if j.If != nil {
		if ok, err := truth(j.If, l.entryInput(e, nil)); err != nil || !ok {
			if err != nil {
				l.moot = append(l.moot, fault(e, r.Name, err))
			}
			return to, false, nil
		}
	}
	var fits, taken []object.ID
	for _, o := range l.matching(e, r, j) {
		if err := l.loadMatch(o); err != nil {
			return to, false, err
		}
		switch {
		case l.birthRefused(o) || l.parted(o, e):
		case l.set.governed[[2]string{r.To, e.Connector}] && !l.wantsFreely(o, e.Connector):
			// it is tried again when the object wants one (LINK-23)
		case l.placeTaken(o, e):
			taken = append(taken, o)
		default:
			fits = append(fits, o)
		}
	}
	switch {
	case len(fits) == 1:
		return fits[0], false, nil
	case len(fits) > 1 && !j.Next:
		l.queued[e.ID] = &Queued{Entry: e.ID, Rule: r.Name, Candidates: fits}
		return to, true, nil
	case len(fits) == 0 && (len(taken) == 1 || len(taken) > 1 && !j.Next):
		l.queued[e.ID] = &Queued{Entry: e.ID, Rule: r.Name, Candidates: taken, Taken: true}
		return to, true, nil
	}
	return to, false, nil
}

// matching returns the living objects that have all keys of the join, as the
// plan leaves them, sorted.
func (l *linker) matching(e *space.Entry, r *rules.Inbound, j rules.Join) []object.ID {
	var all []object.ID
	for i, k := range j.Keys {
		keys, err := l.keysFor(e, r, k)
		if err != nil || len(keys) != 1 {
			return nil // absent, or not one value (LINK-5)
		}
		var some []object.ID
		for _, o := range l.v.Matches(keys[0]) {
			if l.life(o) == nil {
				some = append(some, o)
			}
		}
		for _, no := range l.keyed.of(keys[0]) {
			some = append(some, l.objects.list[no])
		}
		sortIDs(&some)
		if i == 0 {
			all = some
			continue
		}
		all = slices.DeleteFunc(all, func(o object.ID) bool { _, ok := slices.BinarySearchFunc(some, o, object.ID.Compare); return !ok })
	}
	return all
}

// parted reports that a person keeps the entry from the object.
func (l *linker) parted(o object.ID, e *space.Entry) bool {
	return slices.ContainsFunc(l.v.Holds(o), func(h *Hold) bool { return h.parts(l.now) && h.isOn(e) })
}

// placeTaken reports that another entry of the connector has the place
// (LINK-10).
func (l *linker) placeTaken(o object.ID, e *space.Entry) bool {
	for _, x := range l.entriesOf(o) {
		if x.ID != e.ID && x.Connector == e.Connector && !yields(x) {
			return true
		}
	}
	return false
}

// yields reports that the entry gives its place to a present one: it is missing,
// was never sent, or its deletion is on its way (LINK-11, LINK-12).
func yields(e *space.Entry) bool { return !e.Missing.IsZero() || e.Unsent() || e.DeletionSent() }

// connect links e, and cuts whoever gives it the place.
func (l *linker) connect(e *space.Entry, o object.ID) {
	l.touch(o)
	for _, x := range l.entriesOf(o) {
		if x.ID != e.ID && x.Connector == e.Connector && yields(x) {
			l.relink(x, object.ID{})
			l.gave[x.ID] = e.ID
		}
	}
	l.relink(e, o)
}

// found makes a new object for the entry: the same id as the last time, if its
// bearer is gone (LINK-31).
func (l *linker) found(e *space.Entry, typ string) error {
	var id object.ID
	for n := 0; ; n++ {
		id = metaverse.NewObjectID(e.Connector, e.Anchor, n)
		if err := l.v.Load(Need{Objects: []object.ID{id}}); err != nil {
			return err
		}
		if x := l.life(id); l.v.Object(id) == nil && (x == nil || x.typ == 0) {
			break
		}
	}
	x := l.life(id)
	if x == nil {
		x = l.enter(id)
	}
	x.typ, x.linked = l.words.add(typ), true
	l.setFounder(x, founder{l.set.rank[e.Connector], e.Anchor, e.ID})
	l.relink(e, id)
	return nil
}

// together links whom people put together, where it can be (LINK-29): in the
// order of holds, before anybody joins.
func (l *linker) together() error {
	slices.SortFunc(l.decided, func(a, b *Hold) int { return a.Target.compare(b.Target) })
	for hs := range slices.Chunk(l.decided, chunk) {
		var need Need
		for _, h := range hs {
			need.Objects = append(need.Objects, h.Target.Object)
			need.Entries = append(need.Entries, h.Target.Entry())
			if x := l.life(h.Target.Object); x != nil {
				need.Entries = l.appendEntries(need.Entries, h.Target.Object, x)
			}
		}
		if err := l.v.Load(need); err != nil {
			return err
		}
		for _, h := range hs {
			if e, o := l.v.Entry(h.Target.Entry()), h.Target.Object; e != nil && h.isOn(e) && l.mayConnect(e, o) {
				// The hold names an account that we made by its anchor, not by the id it has.
				if err := l.v.Load(Need{Entries: []object.ID{e.ID}}); err != nil {
					return err
				}
				if err := l.loadTouched([]object.ID{o}); err != nil {
					return err
				}
				l.connect(e, o)
			}
		}
		l.v.Forget()
	}
	l.decided = nil
	return nil
}

// mayConnect reports that a person's word links the entry: it is there and
// unlinked, the object lives, is not taken back and has the place free, and some rule leads from
// the one to the other.
func (l *linker) mayConnect(e *space.Entry, o object.ID) bool {
	x := l.life(o)
	if !e.Link.IsZero() || !e.Seen || !e.Missing.IsZero() || e.Deleting() || x == nil || x.typ == 0 || l.birthRefused(o) || l.placeTaken(o, e) {
		return false
	}
	return slices.ContainsFunc(l.set.inbound[[2]string{e.Connector, e.Type}], func(r *inrule) bool { return r.To == l.typ(x) })
}

// wantsFreely reports that the object wants an account in the connector, as far
// as Link knows it (LINK-24).
func (l *linker) wantsFreely(id object.ID, conn string) bool {
	x := l.life(id)
	typ := ""
	var stored *metaverse.Object
	switch {
	case x != nil:
		typ, stored = l.typ(x), l.storedObject(id, x)
	default:
		if stored = l.v.Object(id); stored != nil {
			typ = stored.Type
		}
	}
	if typ == "" {
		return false
	}
	w, _ := l.wanted(typ, l.entriesOf(id), stored, nil, nil)
	return w.has(conn)
}
