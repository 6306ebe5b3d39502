package engine

import (
	"slices"
	"time"

	"muster/internal/base/object"
	"muster/internal/sync/metaverse"
	"muster/internal/sync/rules"
	"muster/internal/sync/space"
)

// missingSince returns since when the object's founding entries are missing;
// zero while one of them is present (FLOW-17).
func (d *Decider) missingSince(typ string, entries []*space.Entry) time.Time {
	var since time.Time
	for _, e := range entries {
		if !d.set.founding[[2]string{typ, e.Connector}] {
			continue
		}
		if e.Missing.IsZero() {
			return time.Time{}
		}
		if e.Missing.After(since) {
			since = e.Missing
		}
	}
	return since
}

// wanted asks each rule that governs existence whether the object shall have an
// account, in the order of systems. Existence in a system is asked of the
// object without what its account there feeds; an unwanted account feeds
// nothing, and neither does one of a system not asked yet. base computes the
// object's picture without the accounts of some connectors.
func (d *Decider) wanted(typ string, entries []*space.Entry, stored *metaverse.Object, base func(skip func(string) bool) *picture) (map[string]bool, *picture) {
	if base == nil {
		base = func(skip func(string) bool) *picture { return d.inbound(typ, entries, stored, skip) }
	}
	want, asked := map[string]bool{}, map[string]bool{}
	skip := func(conn string) bool { return d.set.governed[[2]string{typ, conn}] && !(asked[conn] && want[conn]) }
	feeding := d.feeding(typ, entries)
	var p *picture
	var due time.Time
	var faults []ObjectFault
	for _, r := range d.set.outbound[typ] {
		if r.Exists == nil {
			continue
		}
		if p == nil || feeding {
			p = base(func(c string) bool { return skip(c) || c == r.Connector })
		}
		ok, err := truth(r.Exists, &input{now: d.now, due: &due, mv: p.attrs, missing: d.missingSince(typ, entries)})
		if err != nil {
			faults = append(faults, ObjectFault{Code: "extension-unexpected-attribute-value", Connector: r.Connector, Rule: r.Name, Message: err.Error()})
		}
		want[r.Connector] = want[r.Connector] || ok
		asked[r.Connector] = true
		due = earliest(due, p.due)
	}
	if p == nil || feeding {
		p = base(skip)
	}
	p.due, p.faults = earliest(p.due, due), append(p.faults, faults...)
	return want, p
}

// feeding reports that some linked account of a governed system feeds the
// object, so that existence and values depend on one another.
func (d *Decider) feeding(typ string, entries []*space.Entry) bool {
	return slices.ContainsFunc(entries, func(e *space.Entry) bool {
		return d.set.governed[[2]string{typ, e.Connector}] && len(d.set.inbound[[2]string{e.Connector, e.Type}]) > 0
	})
}

// freePicture is the object's picture as Link sees it: free of holds, with the
// names already given and wishes where there is none yet.
func (d *Decider) freePicture(id object.ID, typ string, entries []*space.Entry, stored *metaverse.Object) *picture {
	_, p := d.wanted(typ, entries, stored, nil)
	d.nameWishes(p, id, stored)
	return p
}

// nameWishes puts the names given for the wishes in their place. What was given
// for the same wish stays; p.wishes keeps those that have no name yet.
func (d *Decider) nameWishes(p *picture, id object.ID, stored *metaverse.Object) {
	open := p.wishes[:0]
	for _, w := range p.wishes {
		name := ""
		if stored != nil {
			if c, ok := stored.Claim(w.Attr); ok && c.Wish == w.Wish {
				name = c.Name
			}
		}
		if name == "" {
			if x := d.life[id]; x != nil {
				for _, c := range x.wish {
					if c.Attr == w.Attr && c.Wish == w.Wish {
						name = c.Name
					}
				}
			}
		}
		if name == "" {
			open = append(open, w)
			continue
		}
		for i := range p.attrs {
			if p.attrs[i].Name == w.Attr {
				p.attrs[i].Values = object.Values{object.Str(name)}
			}
		}
	}
	p.wishes = open
}

// account is what the object wants of one connected system.
type account struct {
	rule    *rules.Outbound // the first rule that speaks for the account
	exists  bool
	stays   bool // its values stay as they are
	values  []wantValue
	refs    []wantRef
	dn      object.Values
	hasDN   bool
	governs bool // some rule decides existence
}

type wantValue struct {
	name    string
	values  object.Values
	rule    string
	initial bool
}

type wantRef struct {
	name   string
	target object.ID
	rule   string
}

// outInput is what an outbound rule reads.
func (w *worker) outInput(h *hub, p *picture, m mode, due *time.Time) *input {
	return &input{now: w.now, due: due, mv: p.attrs, missing: w.missingSince(w.hubType(h, m), w.entries(h, m)),
		seed: h.id.String(), through: func(ref, name string) object.Values { return w.through(h, p, ref, name, m) }}
}

// through reads an attribute of the object that a single-valued reference
// names.
func (w *worker) through(h *hub, p *picture, ref, name string, m mode) object.Values {
	v := p.attrs.Get(ref).First()
	if v.IsZero() {
		return nil
	}
	t := w.hub(refID(v))
	h.reads = append(h.reads, t.id)
	tp := w.picture(t, m)
	if tp == nil {
		return nil
	}
	return tp.attrs.Get(name)
}

// outflows evaluates the flows of the rules that speak for the account.
func (w *worker) outflows(h *hub, p *picture, a *account, rs []*rules.Outbound, fresh bool, m mode) {
	for _, r := range rs {
		in := w.outInput(h, p, m, &p.due)
		in.seed = h.id.String() + "/" + r.Name
		if r.DN != nil && !a.hasDN {
			res, err := r.DN.Eval(in)
			switch {
			case err != nil:
				h.fault(ObjectFault{Code: "invalid-dn", Connector: r.Connector, Rule: r.Name, Message: err.Error()})
			case res.Outcome == rules.Some:
				a.dn, a.hasDN = res.Values, true
			}
		}
		for i := range r.Flows {
			f := &r.Flows[i]
			if f.Initial && !fresh {
				continue
			}
			if f.Ref {
				w.outRefs(h, p, a, r, f, in, m)
				continue
			}
			w.outflow(h, p, a, r, f, in)
		}
	}
	slices.SortStableFunc(a.values, func(x, y wantValue) int { return compareText(x.name, y.name) })
	a.values = slices.CompactFunc(a.values, func(x, y wantValue) bool { return x.name == y.name })
}

func (w *worker) outflow(h *hub, p *picture, a *account, r *rules.Outbound, f *rules.Outflow, in *input) {
	var res rules.Result
	if f.From != "" {
		if w.notPrecedent(p, r, f) {
			return
		}
		if vs := p.attrs.Get(f.From); len(vs) > 0 {
			res = rules.Result{Outcome: rules.Some, Values: vs}
		}
	} else {
		in.seed = h.id.String() + "/" + r.Name + "/" + f.Attr
		var err error
		if res, err = f.Value.Eval(in); err != nil {
			h.fault(ObjectFault{Code: "extension-unexpected-attribute-value", Connector: r.Connector, Rule: r.Name, Message: f.Attr + ": " + err.Error()})
			return
		}
	}
	switch {
	case res.Outcome == rules.Ignore, len(res.Values) == 0 && f.Keep && res.Outcome != rules.AuthoritativeNull:
		return
	case len(res.Values) == 0 && f.Initial:
		return
	}
	a.values = append(a.values, wantValue{name: f.Attr, values: res.Values, rule: r.Name, initial: f.Initial})
}

// notPrecedent reports that the connector's own flow into the attribute
// outranks the present contributor's, so the value is not sent there.
func (w *worker) notPrecedent(p *picture, r *rules.Outbound, f *rules.Outflow) bool {
	if f.OwnRank < 0 {
		return false
	}
	o, rank, ok := p.origin(f.From)
	return ok && o.Connector != r.Connector && rank > f.OwnRank
}

// outRefs decides the account's references: an edge is wanted once both ends
// are wanted.
func (w *worker) outRefs(h *hub, p *picture, a *account, r *rules.Outbound, f *rules.Outflow, in *input, m mode) {
	var vs object.Values
	if f.From != "" {
		if w.notPrecedent(p, r, f) {
			return
		}
		vs = p.attrs.Get(f.From)
	} else if res, err := f.Value.Eval(in); err == nil {
		vs = res.Values
	}
	a.refs = slices.Grow(a.refs, len(vs))
	for _, v := range vs {
		t := refID(v)
		if w.accountWanted(t, r.Connector, m) {
			a.refs = append(a.refs, wantRef{name: f.Attr, target: t, rule: r.Name})
		}
	}
}

// accountWanted reports that the object t shall have an account in the
// connector, in the mode.
func (w *worker) accountWanted(t object.ID, conn string, m mode) bool {
	x := w.life[t]
	if x == nil {
		return w.v.Account(t, conn)
	}
	if ok, known := x.ends.get(w.set.bit[conn], m); known {
		return ok
	}
	h := w.hub(t)
	w.record(h)
	ok, _ := x.ends.get(w.set.bit[conn], m)
	return ok
}
