package engine

import (
	"slices"
	"time"

	"muster/internal/base/object"
	"muster/internal/sync/metaverse"
	"muster/internal/sync/rules"
	"muster/internal/sync/space"
)

// picture is what an object's attributes are, and where each comes from.
type picture struct {
	attrs  object.Attrs
	from   []source          // in the order of attrs
	wishes []metaverse.Claim // wishes for unique names; Name is "" until one is given, and there is no Wish where it must be that one
	faults []ObjectFault
	due    time.Time
}

// source is where a value comes from: from an entry by a flow, or it is as it
// was accepted.
type source struct {
	entry  *space.Entry
	flow   *inflow
	stored *metaverse.Origin
}

func (s *source) origin() metaverse.Origin {
	switch {
	case s.stored != nil:
		return *s.stored
	case s.entry == nil:
		return metaverse.Origin{}
	}
	return metaverse.Origin{Connector: s.entry.Connector, Entry: s.entry.ID, Anchor: s.entry.Anchor, Rule: s.flow.rule.Name, Import: s.entry.Version}
}

// kept reports a value that stays though its contributor is gone.
func (s *source) kept() bool { return s.stored != nil && s.stored.Kept }

func (s *source) connector() string {
	switch {
	case s.stored != nil:
		return s.stored.Connector
	case s.entry == nil:
		return ""
	}
	return s.entry.Connector
}

// rank is the rank of the flow that gave the attribute its value.
func (d *Decider) rank(s *source, attr string) int {
	switch {
	case s.flow != nil:
		return s.flow.Rank
	case s.stored != nil:
		return d.rankOf(*s.stored, attr)
	}
	return 0
}

// source says where the attribute's value comes from; nil if it has none.
func (p *picture) source(name string) *source {
	for i := range p.attrs {
		if p.attrs[i].Name == name {
			return &p.from[i]
		}
	}
	return nil
}

// inflow is a flow with what competing asks of it.
type inflow struct {
	*rules.Inflow
	rule     *rules.Inbound
	attr     *rules.Attribute // nil: the type does not have it
	place    int              // of the attribute, among those into which flows of the type lead, by name
	copied   string           // the attribute that it plainly copies, or ""
	arrivals []string         // for attributes of equal precedence: what it reads
	sought   bool             // the attribute is a join key or unique
}

// inrule is an inbound rule with its flows.
type inrule struct {
	*rules.Inbound
	flows []inflow
}

// offer is one contribution to an attribute.
type offer struct {
	flow    *inflow
	entry   *space.Entry
	values  object.Values
	outcome rules.Outcome
}

// null reports that nobody of lower rank may contribute.
func (o *offer) null() bool { return o.outcome == rules.AuthoritativeNull }

// ignored reports that the flow asks to leave what is.
func (o *offer) ignored() bool { return o.outcome == rules.Ignore }

// at is when the newest of the values arrived that the flow reads (FLOW-5).
func (o *offer) at() (at time.Time) {
	for _, name := range o.flow.arrivals {
		if t := o.entry.ArrivedAt(name); t.After(at) {
			at = t
		}
	}
	return at
}

// inScope returns the inbound rules that apply to the entry.
func (d *Decider) inScope(e *space.Entry, due *time.Time) ([]*inrule, error) {
	all := d.set.inbound[[2]string{e.Connector, e.Type}]
	if len(all) == 1 && all[0].Scope == nil {
		return all, nil
	}
	var out []*inrule
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

// concerns returns the inbound rules whose flows apply to an entry linked to the
// object: those in scope, and for one that a person linked there, or whom this
// plan links there by his word, all (LINK-26).
func (d *Decider) concerns(e *space.Entry, to *metaverse.Object, due *time.Time) ([]*inrule, error) {
	if e.Explicit && to != nil && e.Link == to.ID || len(d.bound) > 0 && e.Link.IsZero() && d.bound[linkTarget(e, d.linkOf(e.ID, e.Link, free))] {
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

// which says what of an object is worked out.
type which bool

const (
	everything which = false
	sought     which = true // join keys and unique names: what Link asks
)

// offers evaluates the flows of the entries into an object of the type. skip
// names connectors whose accounts feed nothing.
func (d *Decider) offers(typ string, entries []*space.Entry, stored *metaverse.Object, skip func(conn string) bool, p *picture, what which) []offer {
	var out []offer
	for _, e := range entries {
		if !feeds(e) || skip != nil && skip(e.Connector) {
			continue
		}
		rs, err := d.concerns(e, stored, &p.due)
		if err != nil {
			p.faults = append(p.faults, fault(e, ruleOf(err), err))
			continue
		}
		var in *input
		for _, r := range rs {
			if r.To != typ {
				continue
			}
			if out == nil {
				out = make([]offer, 0, len(r.flows))
			}
			for i := range r.flows {
				f := &r.flows[i]
				if what == sought && !f.sought {
					continue
				}
				if in == nil && f.copied == "" {
					in = d.entryInput(e, &p.due)
				}
				if o, ok := f.offer(e, in, p); ok {
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
func (f *inflow) offer(e *space.Entry, in *input, p *picture) (offer, bool) {
	var res rules.Result
	if f.copied != "" {
		if vs := e.Image.Get(f.copied); len(vs) > 0 {
			res = rules.Result{Outcome: rules.Some, Values: vs}
		}
	} else {
		var err error
		if res, err = f.Value.Eval(in); err != nil {
			p.faults = append(p.faults, fault(e, f.rule.Name, err))
			return offer{}, false
		}
	}
	if res.Outcome == rules.None || res.Outcome == rules.Some && len(res.Values) == 0 {
		return offer{}, false
	}
	return offer{flow: f, entry: e, values: res.Values, outcome: res.Outcome}, true
}

// inbound computes the picture of an object from its entries. stored is the
// object as accepted, nil for a newborn.
func (d *Decider) inbound(typ string, entries []*space.Entry, stored *metaverse.Object, skip func(string) bool, what which) *picture {
	p := &picture{}
	offers := d.offers(typ, entries, stored, skip, p, what)
	byPlace := func(a, b offer) int { return a.flow.place - b.flow.place }
	if !slices.IsSortedFunc(offers, byPlace) {
		slices.SortStableFunc(offers, byPlace)
	}
	p.attrs = make(object.Attrs, 0, len(offers))
	p.from = make([]source, 0, len(offers))
	for all := offers; len(all) > 0; {
		n := 1
		for n < len(all) && all[n].flow.place == all[0].flow.place {
			n++
		}
		d.resolve(p, all[:n], stored)
		all = all[n:]
	}
	d.keep(p, stored, entries, func(attr, conn string) bool {
		return slices.ContainsFunc(offers, func(o offer) bool { return o.flow.Attr == attr }) || skip != nil && skip(conn)
	})
	return p
}

// put adds an attribute in the order of names.
func (p *picture) put(name string, vs object.Values, from source) {
	if len(vs) == 0 {
		return
	}
	i := len(p.attrs)
	for i > 0 && p.attrs[i-1].Name > name {
		i--
	}
	p.attrs = slices.Insert(p.attrs, i, object.Attr{Name: name, Values: vs})
	p.from = slices.Insert(p.from, i, from)
}

// drop removes an attribute.
func (p *picture) drop(name string) {
	for i := range p.attrs {
		if p.attrs[i].Name == name {
			p.attrs = slices.Delete(p.attrs, i, i+1)
			p.from = slices.Delete(p.from, i, i+1)
			return
		}
	}
}

func byRank(x, y offer) int { return x.flow.Rank - y.flow.Rank }

// resolve lets one attribute's offers compete.
func (d *Decider) resolve(p *picture, offers []offer, stored *metaverse.Object) {
	a := offers[0].flow.attr
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
	case len(offers) == 1:
	case a.Mode == rules.Equal:
		slices.SortStableFunc(offers, func(x, y offer) int {
			if c := y.at().Compare(x.at()); c != 0 {
				return c
			}
			return byRank(x, y)
		})
	default:
		slices.SortStableFunc(offers, byRank)
	}
	win := &offers[0]
	switch {
	case win.null():
		return
	case win.ignored():
		d.ignored(p, a.Name, offers, stored)
		return
	case !a.Multi && len(win.values) > 1:
		p.faults = append(p.faults, ObjectFault{Code: "flow-multi-values-to-single-value", Connector: win.entry.Connector, Rule: win.flow.rule.Name,
			Message: a.Name + " holds one value, but the flow gives " + win.values.String()})
		d.stay(p, a.Name, stored)
		return
	}
	switch text := win.values.First().Text(); {
	case win.flow.Unique != nil:
		p.wishes = append(p.wishes, metaverse.Claim{Attr: a.Name, Wish: text})
	case a.Unique && text != "":
		p.wishes = append(p.wishes, metaverse.Claim{Attr: a.Name, Name: text})
	}
	p.put(a.Name, win.values, win.source())
}

func (o *offer) source() source { return source{entry: o.entry, flow: o.flow} }

// ignored leaves what is: the present value, whoever gave it.
func (d *Decider) ignored(p *picture, attr string, offers []offer, stored *metaverse.Object) {
	if stored != nil && stored.Attrs.Has(attr) {
		d.stay(p, attr, stored)
		return
	}
	for i := range offers {
		if o := &offers[i]; !o.ignored() && !o.null() {
			p.put(attr, o.values, o.source())
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
		p.put(attr, stored.Attrs.Get(attr), source{stored: &o})
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
	slices.SortStableFunc(offers, byRank)
	if o := &offers[0]; len(offers) == 1 && !o.null() && !o.ignored() {
		p.put(o.flow.Attr, o.values, o.source())
		return
	}
	var all object.Values
	for i := range offers {
		o := &offers[i]
		if o.null() {
			break
		}
		if !o.ignored() {
			all = append(all, o.values...)
		}
	}
	p.put(offers[0].flow.Attr, object.Set(all...), offers[0].source())
}

// manual lets an expression choose; it reads each connector's offer by the
// connector's name.
func (d *Decider) manual(p *picture, a *rules.Attribute, offers []offer) {
	var bag []object.Attr
	seen := map[string]bool{}
	for i := range offers {
		o := &offers[i]
		if !o.null() && !o.ignored() && !seen[o.entry.Connector] {
			seen[o.entry.Connector] = true
			bag = append(bag, object.Attr{Name: o.entry.Connector, Values: o.values})
		}
	}
	res, err := a.Manual.Eval(&input{now: d.now, due: &p.due, attr: object.Bag(bag...)})
	if err != nil {
		p.faults = append(p.faults, ObjectFault{Code: codeOf(err), Message: a.Name + ": " + err.Error()})
		return
	}
	if res.Outcome != rules.Some {
		return
	}
	win := &offers[0]
	for i := range offers {
		if offers[i].values.Equal(res.Values) {
			win = &offers[i]
			break
		}
	}
	p.put(a.Name, res.Values, win.source())
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
		p.put(name, stored.Attrs[i].Values, source{stored: &o})
	}
}
