package oracle

import (
	"slices"
	"time"

	"muster/internal/base/object"
	"muster/internal/sync/metaverse"
	"muster/internal/sync/space"
)

// Queued is an entry that waits for a person.
type Queued struct {
	Entry      object.ID
	Rule       string
	Candidates []object.ID
	Taken      bool // the match has another present entry of the connector
}

// pair decides who exists and who belongs together. It sees no holds but those
// on join keys and a person's decision about a link: first those decisions,
// then joins until nothing changes, then cuts and deaths, and again.
func (d *decision) pair() {
	for id, e := range d.w.Entries {
		d.link[id] = e.Link
	}
	for id, o := range d.w.Objects {
		d.alive[id] = o.Type
	}
	d.people()
	for d.joins(); d.cuts() || d.deaths(); d.joins() {
	}
}

// people does what persons decided about links: holds on a link that put another
// outcome in its place. Who is to be apart is cut, and seeks nobody while the
// hold stands whatever is wanted; who is to be together is linked.
func (d *decision) people() {
	for _, h := range d.sortedHolds() {
		t := h.Target
		if e := d.w.find(t.Connector, t.Name); e != nil && d.parts(h) {
			d.apart[e.ID] = append(d.apart[e.ID], h)
			if d.link[e.ID] == t.Object {
				d.move(e, object.ID{})
			}
		}
	}
	for _, h := range d.sortedHolds() {
		if h.binds(d.now) {
			d.together(d.w.find(h.Target.Connector, h.Target.Name), h.Target.Object)
		}
	}
}

// parts reports a person's decision that an entry be not linked to an object.
func (d *decision) parts(h *Hold) bool {
	return h.Target.Kind == EntryLink && h.AtValue && len(h.Instead) == 0 && !h.over(d.now)
}

// binds reports a person's decision that an entry be linked to an object.
func (h *Hold) binds(now time.Time) bool {
	return h != nil && h.Target.Kind == EntryLink && h.AtValue && len(h.Instead) > 0 && !h.over(now)
}

// together links what a person put together, if it can be.
func (d *decision) together(e *space.Entry, o object.ID) {
	if e == nil || e.Link != (object.ID{}) || !e.Seen || !e.Missing.IsZero() || e.Deleting() || d.alive[o] == "" || d.undone(o) || d.taken(e, o) {
		return
	}
	if slices.ContainsFunc(d.r.In, func(in Inbound) bool { return in.covers(e) && in.To == d.alive[o] }) {
		d.connect(e, o)
	}
}

// shuns reports that a person keeps the entry from the object, or from everybody.
func (d *decision) shuns(e *space.Entry, o object.ID) bool {
	return slices.ContainsFunc(d.apart[e.ID], func(h *Hold) bool { return h.Standing || h.Target.Object == o })
}

// joins links the unlinked, in order, until nothing changes.
func (d *decision) joins() {
	for again := true; again; {
		again, d.queue = false, nil
		for _, e := range d.entries {
			if d.link[e.ID] == (object.ID{}) && d.seek(e) {
				again = true
			}
		}
	}
}

// seek looks for the entry's object: by the joins of every rule in scope, in
// order; if none finds, the first rule in scope that projects founds one. An
// entry that is explicitly without a link seeks nobody; one that a person linked
// and that lost its object does.
func (d *decision) seek(e *space.Entry) bool {
	if !e.Missing.IsZero() || !e.Seen || e.Deleting() || e.Explicit && e.Link == (object.ID{}) || e.Cut != (object.ID{}) || d.shuns(e, object.ID{}) {
		return false
	}
	var scope []*Inbound
	s := entryScene(e, d.now)
	for i := range d.r.In {
		if in := &d.r.In[i]; in.covers(e) && in.Scope.asks(s) {
			scope = append(scope, in)
		}
	}
	for _, in := range scope {
		for k := range in.Joins {
			to, wait := d.match(e, in, &in.Joins[k])
			if wait {
				return false
			}
			if to != (object.ID{}) {
				d.connect(e, to)
				return true
			}
		}
	}
	i := slices.IndexFunc(scope, func(in *Inbound) bool { return in.Project })
	if i < 0 {
		return false
	}
	d.connect(e, d.found(e, scope[i].To))
	return true
}

// found brings a new object forth. Ids of the dying are not given again in the
// same plan.
func (d *decision) found(e *space.Entry, typ string) object.ID {
	for n := 0; ; n++ {
		id := metaverse.NewObjectID(e.Connector, e.Anchor, n)
		if d.alive[id] == "" && d.w.Objects[id] == nil && !d.died[id] {
			d.alive[id], d.founder[id] = typ, e.ID
			return id
		}
	}
}

// match finds the one object that the join names, or says that the entry waits:
// because several match, or because the place of each match is taken. Where the
// join says next, a match of several counts as a match of none.
func (d *decision) match(e *space.Entry, in *Inbound, j *Join) (to object.ID, wait bool) {
	var free, taken []object.ID
	for _, o := range sortedIDs(d.alive) {
		switch {
		case d.alive[o] != in.To || !d.matches(e, o, j) || d.undone(o):
		case d.shuns(e, o) || !d.offered(e, o):
		case d.taken(e, o):
			taken = append(taken, o)
		default:
			free = append(free, o)
		}
	}
	switch {
	case len(free) == 1:
		return free[0], false
	case len(free) > 1 && !j.Next:
		d.queue = append(d.queue, Queued{Entry: e.ID, Rule: in.Name, Candidates: free})
		return to, true
	case len(free) == 0 && (len(taken) == 1 || len(taken) > 1 && !j.Next):
		d.queue = append(d.queue, Queued{Entry: e.ID, Rule: in.Name, Candidates: taken, Taken: true})
		return to, true
	}
	return to, false
}

// matches reports that every key of the join has one value that the object has.
func (d *decision) matches(e *space.Entry, o object.ID, j *Join) bool {
	s := entryScene(e, d.now)
	for i := range j.Keys {
		k := &j.Keys[i]
		vs, _ := k.Value.eval(s)
		folded := d.r.typ(d.alive[o]).attr(k.Attr).Folded
		if len(vs) != 1 || !slices.ContainsFunc(d.keys(o, k.Attr), func(v object.Value) bool {
			return object.Key(v, folded) == object.Key(vs[0], folded)
		}) {
			return false
		}
	}
	return len(j.Keys) > 0
}

// keys are an attribute's values as this plan leaves them. While a hold refuses
// them, the object has none: neither old nor new join anybody.
func (d *decision) keys(o object.ID, attr string) object.Values {
	p, _ := d.sketch(o)
	vs := p[attr].values
	if d.holds[Target{Object: o, Kind: ObjectValue, Name: attr}].refuses(vs, d.now) {
		return nil
	}
	return vs
}

// sketch is the object as far as it is known while links are being decided:
// free of holds, with wishes in place of unique names.
func (d *decision) sketch(o object.ID) (picture, map[string]bool) {
	b := d.sketches[o]
	if b == nil {
		b = &being{}
		b.picture, b.exists = d.work(o, d.alive[o], d.link, d.alive, func(picture) {}, func(_ *Outbound, wanted bool) bool { return wanted })
		d.sketches[o] = b
	}
	return b.picture, b.exists
}

// move changes a link; what was sketched before is no longer true.
func (d *decision) move(e *space.Entry, o object.ID) {
	d.link[e.ID] = o
	clear(d.sketches)
}

// offered reports that the object may be offered to the entry: an account is
// offered only to an object that wants one there.
func (d *decision) offered(e *space.Entry, o object.ID) bool {
	if !d.r.provisions(d.alive[o], e.Connector) {
		return true
	}
	_, wanted := d.sketch(o)
	return wanted[e.Connector]
}

// taken reports that another entry of the connector has the place. A missing
// entry, an account never sent and one whose deletion was sent do not.
func (d *decision) taken(e *space.Entry, o object.ID) bool {
	for _, x := range d.entries {
		if x != e && d.link[x.ID] == o && x.Connector == e.Connector && !yields(x) {
			return true
		}
	}
	return false
}

// yields reports that the entry gives its place to a present one.
func yields(e *space.Entry) bool { return !e.Missing.IsZero() || e.Unsent() || e.DeletionSent() }

// connect links the entry; who yields loses the place.
func (d *decision) connect(e *space.Entry, o object.ID) {
	d.move(e, o)
	for _, x := range d.entries {
		if x != e && d.link[x.ID] == o && x.Connector == e.Connector && yields(x) {
			d.move(x, object.ID{})
			d.gave[x.ID] = e.ID
		}
	}
}

// cuts cuts accepted links of what vanished and of what left every scope.
func (d *decision) cuts() (cut bool) {
	for _, e := range d.entries {
		if e.Link == (object.ID{}) || d.link[e.ID] != e.Link {
			continue
		}
		if !e.Missing.IsZero() && d.r.recalls(e.Connector) || d.strayed(e) {
			d.move(e, object.ID{})
			cut = true
		}
	}
	return cut
}

// strayed reports that inbound rules are about the entry and none has it in
// scope any more. Accounts never stray, nor does what a person linked.
func (d *decision) strayed(e *space.Entry) bool {
	if e.Explicit || !e.Seen || d.r.target(e.Connector) {
		return false
	}
	s := entryScene(e, d.now)
	about := false
	for i := range d.r.In {
		if in := &d.r.In[i]; in.covers(e) {
			about = true
			if in.To == d.alive[e.Link] && in.Scope.asks(s) {
				return false
			}
		}
	}
	return about
}

// deaths ends objects by the rule of their type, and frees their entries; what
// becomes of their accounts is the fate of the outbound rules. Who joined in this
// plan is not their account yet: it is freed, and who gave it the place has it back.
func (d *decision) deaths() (any bool) {
	for _, o := range sortedIDs(d.alive) {
		typ := d.alive[o]
		if d.countLinks(o, typ, d.link) > 0 && !d.bereft(o, typ, d.link) {
			continue
		}
		delete(d.alive, o)
		d.died[o], any = true, true
		for _, e := range d.entries {
			if d.link[e.ID] == o && (e.Link != o || !d.r.provisions(typ, e.Connector)) {
				d.move(e, object.ID{})
			}
		}
		for _, e := range d.entries {
			if _, gave := d.gave[e.ID]; gave && e.Link == o && e.Missing.IsZero() && d.r.provisions(typ, e.Connector) {
				d.move(e, o)
				delete(d.gave, e.ID)
			}
		}
	}
	return any
}

// countLinks counts the links that keep an object alive: not those to ignored
// connectors, nor to accounts, unless their system founds objects of the type.
func (d *decision) countLinks(o object.ID, typ string, links map[object.ID]object.ID) (n int) {
	for _, e := range d.entries {
		account := d.r.provisions(typ, e.Connector) && !d.r.founds(e.Connector, typ)
		if links[e.ID] == o && !account && !slices.Contains(d.r.typ(typ).Ignore, e.Connector) {
			n++
		}
	}
	return n
}

// bereft reports that a link was cut to a connector that the object cannot live
// without, and no present entry of it is linked.
func (d *decision) bereft(o object.ID, typ string, links map[object.ID]object.ID) bool {
	for _, connector := range d.r.typ(typ).Any {
		lost, left := false, false
		for _, e := range d.entries {
			if e.Connector == connector {
				lost = lost || e.Link == o && links[e.ID] != o
				left = left || links[e.ID] == o && e.Missing.IsZero()
			}
		}
		if lost && !left {
			return true
		}
	}
	return false
}
