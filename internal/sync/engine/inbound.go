package engine

import (
	"slices"
	"time"

	"muster/internal/base/object"
	"muster/internal/sync/metaverse"
	"muster/internal/sync/rules"
	"muster/internal/sync/space"
)

// picture is what an object's attributes are, with the origin of each.
type picture struct {
	attrs   object.Attrs
	origins []metaverse.Origin // in the order of attrs
	ranks   []int              // rank of the winning flow, in the order of attrs
	wishes  []metaverse.Claim  // wishes for unique names; Name is "" until one is given
	faults  []ObjectFault
	due     time.Time
}

func (p *picture) origin(name string) (metaverse.Origin, int, bool) {
	for i := range p.attrs {
		if p.attrs[i].Name == name {
			return p.origins[i], p.ranks[i], true
		}
	}
	return metaverse.Origin{}, 0, false
}

// offer is one contribution to an attribute.
type offer struct {
	attr    string
	rank    int
	values  object.Values
	null    bool // authoritative: nobody of lower rank may contribute
	at      time.Time
	origin  metaverse.Origin
	wish    bool // the value is a wish for a unique name
	ignored bool // the flow asks to leave what is
}

// inScope returns the inbound rules that apply to the entry.
func (d *Decider) inScope(e *space.Entry, due *time.Time) ([]*rules.Inbound, error) {
	all := d.set.inbound[[2]string{e.Connector, e.Type}]
	if len(all) == 1 && all[0].Scope == nil {
		return all, nil
	}
	var out []*rules.Inbound
	for _, r := range all {
		ok, err := truth(r.Scope, d.entryInput(e, due))
		if err != nil {
			return nil, &ruleError{r.Name, err}
		}
		if ok {
			out = append(out, r)
		}
	}
	return out, nil
}

// concerns returns the inbound rules whose flows apply to a linked entry: those
// in scope, and for one that a person linked all (LINK-26).
func (d *Decider) concerns(e *space.Entry, due *time.Time) ([]*rules.Inbound, error) {
	if e.Explicit {
		return d.set.inbound[[2]string{e.Connector, e.Type}], nil
	}
	return d.inScope(e, due)
}

type ruleError struct {
	rule string
	err  error
}

func (e *ruleError) Error() string { return e.err.Error() }
func (e *ruleError) Unwrap() error { return e.err }

// feeds reports that the entry's image says something: what was never seen, is
// a placeholder, or is being deleted does not.
func feeds(e *space.Entry) bool { return e.Seen && !e.Stub && !e.DeletionSent() }

// offers evaluates all flows of the entries into an object of the type. skip
// names connectors whose accounts feed nothing.
func (d *Decider) offers(typ string, entries []*space.Entry, skip func(conn string) bool, p *picture) []offer {
	var out []offer
	for _, e := range entries {
		if !feeds(e) || skip != nil && skip(e.Connector) {
			continue
		}
		in := d.entryInput(e, &p.due)
		rs, err := d.concerns(e, &p.due)
		if err != nil {
			p.faults = append(p.faults, fault("extension-unexpected-attribute-value", e, ruleOf(err), err))
			continue
		}
		for _, r := range rs {
			if r.To != typ {
				continue
			}
			for i := range r.Flows {
				if o, ok := d.offer(e, r, &r.Flows[i], in, p); ok {
					out = append(out, o)
				}
			}
		}
	}
	return out
}

func ruleOf(err error) string {
	if re, ok := err.(*ruleError); ok { //nolint:errorlint // made here, never wrapped
		return re.rule
	}
	return ""
}

// offer evaluates one flow for one entry.
func (d *Decider) offer(e *space.Entry, r *rules.Inbound, f *rules.Inflow, in *input, p *picture) (offer, bool) {
	var res rules.Result
	if c := f.Value.Copy(); c != "" {
		if vs := e.Image.Get(c); len(vs) > 0 {
			res = rules.Result{Outcome: rules.Some, Values: vs}
		}
	} else {
		var err error
		if res, err = f.Value.Eval(in); err != nil {
			p.faults = append(p.faults, fault("extension-unexpected-attribute-value", e, r.Name, err))
			return offer{}, false
		}
	}
	if res.Outcome == rules.None || res.Outcome == rules.Some && len(res.Values) == 0 {
		return offer{}, false
	}
	o := offer{attr: f.Attr, rank: f.Rank, values: res.Values, null: res.Outcome == rules.AuthoritativeNull,
		ignored: res.Outcome == rules.Ignore, wish: f.Unique != nil, at: d.arrived(e, f),
		origin: metaverse.Origin{Connector: e.Connector, Entry: e.ID, Anchor: e.Anchor, Rule: r.Name, Import: e.Version}}
	return o, true
}

// arrived is when the newest of the values arrived that the flow reads (FLOW-5).
func (d *Decider) arrived(e *space.Entry, f *rules.Inflow) (at time.Time) {
	for _, name := range d.set.arrivals[f] {
		if t := e.ArrivedAt(name); t.After(at) {
			at = t
		}
	}
	return at
}

// inbound computes the picture of an object from its entries. stored is the
// object as accepted, nil for a newborn.
func (d *Decider) inbound(typ string, entries []*space.Entry, stored *metaverse.Object, skip func(string) bool) *picture {
	p := &picture{}
	offers := d.offers(typ, entries, skip, p)
	slices.SortStableFunc(offers, func(a, b offer) int { return compareText(a.attr, b.attr) })
	t := d.set.Types[typ]
	p.attrs = make(object.Attrs, 0, len(offers))
	p.origins = make([]metaverse.Origin, 0, len(offers))
	p.ranks = make([]int, 0, len(offers))
	offered := map[string]bool{}
	for len(offers) > 0 {
		n := 1
		for n < len(offers) && offers[n].attr == offers[0].attr {
			n++
		}
		offered[offers[0].attr] = true
		d.resolve(p, t, offers[:n], stored)
		offers = offers[n:]
	}
	d.keep(p, stored, entries, func(attr, conn string) bool { return offered[attr] || skip != nil && skip(conn) })
	return p
}

// put adds an attribute in the order of names.
func (p *picture) put(name string, vs object.Values, o metaverse.Origin, rank int) {
	if len(vs) == 0 {
		return
	}
	i := len(p.attrs)
	for i > 0 && p.attrs[i-1].Name > name {
		i--
	}
	p.attrs = slices.Insert(p.attrs, i, object.Attr{Name: name, Values: vs})
	p.origins = slices.Insert(p.origins, i, o)
	p.ranks = slices.Insert(p.ranks, i, rank)
}

// drop removes an attribute.
func (p *picture) drop(name string) {
	for i := range p.attrs {
		if p.attrs[i].Name == name {
			p.attrs = slices.Delete(p.attrs, i, i+1)
			p.origins = slices.Delete(p.origins, i, i+1)
			p.ranks = slices.Delete(p.ranks, i, i+1)
			return
		}
	}
}

// resolve lets one attribute's offers compete.
func (d *Decider) resolve(p *picture, t *rules.Type, offers []offer, stored *metaverse.Object) {
	if t == nil {
		return
	}
	a := t.Attributes[offers[0].attr]
	if a == nil {
		return
	}
	switch {
	case a.Mode == rules.Merge:
		d.merge(p, offers)
		return
	case a.Mode == rules.Manual && a.Manual != nil:
		d.manual(p, a, offers)
		return
	case a.Mode == rules.Equal:
		slices.SortStableFunc(offers, func(x, y offer) int {
			if c := y.at.Compare(x.at); c != 0 {
				return c
			}
			return x.rank - y.rank
		})
	default:
		slices.SortStableFunc(offers, func(x, y offer) int { return x.rank - y.rank })
	}
	win := offers[0]
	switch {
	case win.null:
		return
	case win.ignored:
		d.ignored(p, a.Name, offers, stored)
		return
	case !a.Multi && len(win.values) > 1:
		p.faults = append(p.faults, ObjectFault{Code: "flow-multi-values-to-single-value", Connector: win.origin.Connector, Rule: win.origin.Rule,
			Message: a.Name + " holds one value, but the flow gives " + win.values.String()})
		d.stay(p, a.Name, stored)
		return
	}
	if win.wish {
		p.wishes = append(p.wishes, metaverse.Claim{Attr: a.Name, Wish: win.values.First().Text()})
	}
	p.put(a.Name, win.values, win.origin, win.rank)
}

// ignored leaves what is: the present value, whoever gave it.
func (d *Decider) ignored(p *picture, attr string, offers []offer, stored *metaverse.Object) {
	if stored != nil && stored.Attrs.Has(attr) {
		d.stay(p, attr, stored)
		return
	}
	for _, o := range offers {
		if !o.ignored && !o.null {
			p.put(attr, o.values, o.origin, o.rank)
			return
		}
	}
}

// stay keeps the accepted value.
func (d *Decider) stay(p *picture, attr string, stored *metaverse.Object) {
	if stored == nil {
		return
	}
	if o, ok := stored.Origin(attr); ok {
		p.put(attr, stored.Attrs.Get(attr), o, d.rankOf(o, attr))
	}
}

func (d *Decider) rankOf(o metaverse.Origin, attr string) int {
	if f := d.set.flow[[2]string{o.Rule, attr}]; f != nil {
		return f.Rank
	}
	return 0
}

// merge unites all offers; the origin is the first in rank.
func (d *Decider) merge(p *picture, offers []offer) {
	slices.SortStableFunc(offers, func(x, y offer) int { return x.rank - y.rank })
	var all object.Values
	for _, o := range offers {
		if o.null {
			break
		}
		if !o.ignored {
			all = append(all, o.values...)
		}
	}
	p.put(offers[0].attr, object.Set(all...), offers[0].origin, offers[0].rank)
}

// manual lets an expression choose; it reads each connector's offer by the
// connector's name.
func (d *Decider) manual(p *picture, a *rules.Attribute, offers []offer) {
	var bag []object.Attr
	seen := map[string]bool{}
	for _, o := range offers {
		if !o.null && !o.ignored && !seen[o.origin.Connector] {
			seen[o.origin.Connector] = true
			bag = append(bag, object.Attr{Name: o.origin.Connector, Values: o.values})
		}
	}
	res, err := a.Manual.Eval(&input{now: d.now, due: &p.due, attr: object.Bag(bag...)})
	if err != nil {
		p.faults = append(p.faults, ObjectFault{Code: "extension-unexpected-attribute-value", Message: a.Name + ": " + err.Error()})
		return
	}
	if res.Outcome != rules.Some {
		return
	}
	win := offers[0]
	for _, o := range offers {
		if o.values.Equal(res.Values) {
			win = o
			break
		}
	}
	p.put(a.Name, res.Values, win.origin, win.rank)
}

// keep leaves values whose contributor is gone and whose flow says not to
// recall, while nobody offers another (FLOW-14).
func (d *Decider) keep(p *picture, stored *metaverse.Object, entries []*space.Entry, not func(attr, conn string) bool) {
	if stored == nil {
		return
	}
	for i := range stored.Origins {
		name, o := stored.Attrs[i].Name, stored.Origins[i]
		f := d.set.flow[[2]string{o.Rule, name}]
		if f == nil || !f.Keep || not(name, o.Connector) || slices.ContainsFunc(entries, func(e *space.Entry) bool { return e.ID == o.Entry }) {
			continue
		}
		o.Kept = true
		p.put(name, stored.Attrs[i].Values, o, f.Rank)
	}
}
