package oracle

import (
	"time"

	"muster/internal/base/object"
	"muster/internal/sync/metaverse"
	"muster/internal/sync/space"
)

// mode: free of holds, or as holds leave things.
type mode int

const (
	free mode = iota
	held
)

func (d *decision) links(m mode) map[object.ID]object.ID {
	return [...]map[object.ID]object.ID{d.link, d.eff}[m]
}
func (d *decision) life(m mode) map[object.ID]string {
	return [...]map[object.ID]string{d.alive, d.live}[m]
}

// being is an object's picture and the systems where its account shall exist.
type being struct {
	picture
	exists map[string]bool
}

// being settles the object, once in each mode.
func (d *decision) being(o object.ID, m mode) *being {
	if b := d.beings[m][o]; b != nil {
		return b
	}
	b := &being{}
	d.beings[m][o] = b
	typ := d.life(m)[o]
	switch {
	case typ == "":
	case m == held && d.stands(o):
		b.picture, b.exists = d.accepted(o), map[string]bool{}
		for _, out := range d.r.outs(typ) {
			e := d.entry(o, out.Connector, held)
			b.exists[out.Connector] = e != nil && e.Exists()
		}
	case m == free:
		b.picture, b.exists = d.work(o, typ, d.link, d.alive, func(p picture) { d.named(o, typ, p) },
			func(_ *Outbound, wanted bool) bool { return wanted })
		d.maintained(o, b, m)
	default:
		b.picture, b.exists = d.work(o, typ, d.eff, d.live, func(p picture) { d.named(o, typ, p); d.holdValues(o, p) },
			func(out *Outbound, wanted bool) bool { return d.heldExistence(o, out, wanted) })
		d.maintained(o, b, m)
	}
	return b
}

// maintained adds the systems whose rule has no existence of its own: there the
// account exists if it is there.
func (d *decision) maintained(o object.ID, b *being, m mode) {
	for _, out := range d.r.outs(d.life(m)[o]) {
		if out.Exists == nil {
			e := d.entry(o, out.Connector, m)
			b.exists[out.Connector] = e != nil && e.Exists()
		}
	}
}

// accepted is the picture as it was accepted last.
func (d *decision) accepted(o object.ID) picture {
	p, so := picture{}, d.w.Objects[o]
	for _, a := range so.Attrs {
		p[a.Name] = d.acceptedFact(so, a.Name)
	}
	return p
}

func (d *decision) acceptedFact(so *metaverse.Object, attr string) fact {
	f := fact{values: so.Attrs.Get(attr), rank: -1}
	f.origin, _ = so.Origin(attr)
	if flow := d.r.flow(f.origin.Rule, attr); flow != nil {
		f.rank = flow.Rank
	}
	return f
}

// holdValues puts what stays in place of values and references that holds
// refuse. A hold judges what deciding free of holds gives.
func (d *decision) holdValues(o object.ID, p picture) {
	so := d.w.Objects[o]
	wish := d.being(o, free).picture
	for _, h := range d.sortedHolds() {
		name := h.Target.Name
		switch {
		case h.Target.Object != o:
		case h.Target.Kind == ObjectValue && h.refuses(wish[name].values, d.now):
			is := fact{rank: -1}
			if h.AtValue {
				is.values = h.Instead
			} else if so != nil {
				is = d.acceptedFact(so, name)
			}
			p[name] = is
		case h.Target.Kind == ObjectRef && h.refuses(presence(wish[name].values.Has(refTo(h.Target.Ref))), d.now):
			ref := refTo(h.Target.Ref)
			is := so != nil && so.Attrs.Get(name).Has(ref)
			f := p[name]
			f.values = with(f.values, ref, len(h.stays(presence(is))) > 0 && d.live[h.Target.Ref] != "")
			p[name] = f
		}
	}
}

// with returns the set with the value in it, or without.
func with(vs object.Values, v object.Value, there bool) object.Values {
	var out object.Values
	for _, x := range vs {
		if x != v {
			out = append(out, x)
		}
	}
	if there {
		out = append(out, v)
	}
	return object.Set(out...)
}

// heldExistence is existence as a hold on the account leaves it.
func (d *decision) heldExistence(o object.ID, out *Outbound, wanted bool) bool {
	if h := d.lifeHold(o, out.Connector); h != nil {
		e := d.entry(o, out.Connector, held)
		return len(h.stays(presence(e != nil && e.Exists()))) > 0
	}
	return wanted
}

// lifeHold is the hold that refuses the account's free existence, if there is one.
func (d *decision) lifeHold(o object.ID, connector string) *Hold {
	h := d.holds[Target{Object: o, Kind: AccountLife, Connector: connector}]
	if h.refuses(presence(d.being(o, free).exists[connector]), d.now) {
		return h
	}
	return nil
}

// entry is the object's one present account in the system.
func (d *decision) entry(o object.ID, connector string, m mode) *space.Entry {
	for _, e := range d.entries {
		if e.Connector == connector && e.Missing.IsZero() && d.links(m)[e.ID] == o {
			return e
		}
	}
	return nil
}

// account is what an object's account in one system is and shall be.
type account struct {
	out     *Outbound
	entry   *space.Entry
	now     bool // it will be there once all that is accepted is sent
	back    bool // its deletion is accepted, not sent, and can be taken back
	exists  bool
	still   bool // held whole: its values stay
	values  map[string]object.Values
	initial map[string]object.Values
}

// is returns what the attribute is before anything is decided now.
func (a *account) is(name string) object.Values {
	if a.now || a.back {
		return a.entry.Top(name)
	}
	return nil
}

// account works out the object's account by one rule.
func (d *decision) account(o object.ID, out *Outbound, m mode) *account {
	a := &account{out: out, entry: d.entry(o, out.Connector, m)}
	a.now = a.entry != nil && a.entry.Exists()
	a.back = a.entry != nil && a.entry.Deleting() && !a.entry.DeletionSent()
	a.exists = d.being(o, m).exists[out.Connector]
	a.still = m == held && (d.stands(o) || a.entry != nil && d.lifeHold(o, out.Connector) != nil)
	if a.still || !a.exists {
		return a
	}
	d.fill(o, a, m)
	if m == held {
		d.holdAccount(o, a)
	}
	return a
}

// fill evaluates the rule's flows.
func (d *decision) fill(o object.ID, a *account, m mode) {
	b := d.being(o, m)
	s := d.objectScene(o, b.picture, d.missing(o, d.life(m)[o], d.links(m)))
	s.through = func(ref, attr string) object.Values { return d.through(b.picture[ref].values, attr, m) }
	a.values, a.initial = map[string]object.Values{}, map[string]object.Values{}
	if a.out.DN != nil {
		a.values[space.Name] = or(valuesOf(a.out.DN, s), a.is(space.Name))
	}
	for i := range a.out.Flows {
		f := &a.out.Flows[i]
		switch {
		case f.Ref:
		case f.Initial:
			if !a.now && !a.back {
				quiet := *s
				quiet.due = func(time.Time) {}
				a.initial[f.Attr] = valuesOf(&f.Value, &quiet)
			}
		case d.outranked(o, a.out, f, b.picture, m):
			a.values[f.Attr] = a.is(f.Attr)
		case f.Keep:
			a.values[f.Attr] = or(valuesOf(&f.Value, s), a.is(f.Attr))
		default:
			a.values[f.Attr] = valuesOf(&f.Value, s)
		}
	}
}

// through reads an attribute of the objects that the references name, one step away.
func (d *decision) through(refs object.Values, attr string, m mode) object.Values {
	var all object.Values
	for _, v := range refs {
		all = append(all, d.being(refOf(v), m).picture[attr].values...)
	}
	return object.Set(all...)
}

func valuesOf(x *Expr, s *scene) object.Values {
	vs, _ := x.eval(s)
	return vs
}

func or(vs, ws object.Values) object.Values {
	if len(vs) > 0 {
		return vs
	}
	return ws
}

// outranked reports a flow that is not precedent: it plainly copies an attribute
// into which the system's own flow outranks the present contributor's.
func (d *decision) outranked(o object.ID, out *Outbound, f *Outflow, p picture, m mode) bool {
	typ := d.life(m)[o]
	fact, there := p[f.Value.Attr]
	if f.Value.Do != "copy" || !there || len(fact.values) == 0 || d.r.typ(typ).attr(f.Value.Attr).Mode != Ranked {
		return false
	}
	own, ok := d.r.OwnRank(out.Connector, typ, f.Value.Attr)
	return ok && fact.origin.Connector != out.Connector && fact.rank > own
}

// holdAccount puts what stays in place of account values that holds refuse.
func (d *decision) holdAccount(o object.ID, a *account) {
	wish := d.account(o, a.out, free)
	for name := range a.values {
		h := d.holds[Target{Object: o, Kind: AccountValue, Connector: a.out.Connector, Name: name}]
		if h != nil && wish.exists && h.refuses(wish.values[name], d.now) {
			a.values[name] = h.stays(a.is(name))
		}
	}
}

// edge is one reference of an account.
type edge struct {
	attr   string
	target object.ID
}

// edgesWanted are the references that the account shall have: an edge is wanted
// once both accounts are.
func (d *decision) edgesWanted(o object.ID, out *Outbound, m mode) map[edge]bool {
	want := map[edge]bool{}
	b := d.being(o, m)
	for i := range out.Flows {
		f := &out.Flows[i]
		if !f.Ref || !b.exists[out.Connector] {
			continue
		}
		for _, v := range b.picture[f.Value.Attr].values {
			if t := refOf(v); d.being(t, m).exists[out.Connector] {
				want[edge{f.Attr, t}] = true
			}
		}
	}
	return want
}

// edgesNow are the references that the account will have once all that is
// accepted is sent. One that names an unlinked account is nobody's business.
func (d *decision) edgesNow(a *account, m mode) map[edge]bool {
	now := map[edge]bool{}
	if !a.now && !a.back {
		return now
	}
	for i := range a.out.Flows {
		if f := &a.out.Flows[i]; f.Ref {
			for _, v := range a.entry.Image.Get(f.Attr) {
				if t := d.links(m)[refOf(v)]; t != (object.ID{}) {
					now[edge{f.Attr, t}] = true
				}
			}
		}
	}
	for _, p := range a.entry.Pending {
		if p.Target == (object.ID{}) {
			continue
		}
		delete(now, edge{p.Name, p.Target})
		if len(p.Want) > 0 {
			now[edge{p.Name, p.Target}] = true
		}
	}
	return now
}
