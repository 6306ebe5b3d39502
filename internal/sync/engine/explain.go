package engine

import (
	"slices"
	"time"

	"muster/internal/base/object"
	"muster/internal/sync/rules"
	"muster/internal/sync/space"
)

// Contribution is one flow into an attribute and what became of it.
type Contribution struct {
	Entry  *space.Entry
	Rule   *rules.Inbound
	Rank   int
	Values object.Values
	Wins   bool
	Why    string // why it won or did not
}

// Explain lists every flow that might give the attribute of an accepted object
// its value, best rank first, each with the first condition that said no
// (LIN-3, LIN-4). The object is loaded in v.
func Explain(v View, set *rules.Set, now time.Time, id object.ID, attr string) []Contribution {
	d := Begin(set, Trigger{Now: now})
	o := v.Object(id)
	if o == nil {
		return nil
	}
	origin, _ := o.Origin(attr)
	var out []Contribution
	for _, e := range v.EntriesOf(id) {
		for _, r := range d.set.inbound[[2]string{e.Connector, e.Type}] {
			if r.To != o.Type {
				continue
			}
			for i := range r.Flows {
				if r.Flows[i].Attr == attr {
					c := d.explainFlow(e, r.Inbound, &r.Flows[i])
					c.Wins = c.Why == "" && origin.Entry == e.ID && origin.Rule == r.Name
					out = append(out, c)
				}
			}
		}
	}
	slices.SortStableFunc(out, func(a, b Contribution) int { return a.Rank - b.Rank })
	won := false
	for i := range out {
		switch c := &out[i]; {
		case c.Wins:
			c.Why, won = "it wins", true
		case c.Why == "" && won:
			c.Why = "not precedent: a flow of higher rank has a value"
		case c.Why == "":
			c.Why = "it has a value, but the accepted one is held or newer"
		}
	}
	return out
}

func (d *Decider) explainFlow(e *space.Entry, r *rules.Inbound, f *rules.Inflow) Contribution {
	c := Contribution{Entry: e, Rule: r, Rank: f.Rank}
	in := d.entryInput(e, nil)
	ok, err := truth(r.Scope, in)
	switch {
	case !feeds(e):
		c.Why = "the entry says nothing: its account is not there yet, or is being deleted"
	case err != nil:
		c.Why = "the scope failed: " + err.Error()
	case !ok:
		c.Why = "the entry is not in the rule's scope"
	default:
		res, err := f.Value.Eval(in)
		c.Values = res.Values
		switch {
		case err != nil:
			c.Why = "the expression failed: " + err.Error()
		case res.Outcome == rules.AuthoritativeNull:
			c.Why = "it says that there is no value, and nobody of lower rank may give one"
		case res.Outcome == rules.Ignore:
			c.Why = "it asks to be ignored"
		case len(res.Values) == 0:
			c.Why = "it gives nothing: a value that it reads is absent"
		}
	}
	return c
}

// AccountReason is what an outbound rule says now of an object's account.
type AccountReason struct {
	Rule   *rules.Outbound
	Wanted bool        // its exists is met
	Fault  string      // why exists failed; ""
	Asked  []ReadValue // what exists reads
	Flow   *FlowReason // into the attribute asked for; nil if there is none
}

// FlowReason is what a flow into an account gives now.
type FlowReason struct {
	*rules.Outflow
	Values object.Values
	Why    string // why there is none
	Reads  []ReadValue
}

// ReadValue is a value that an expression reads.
type ReadValue struct {
	rules.Read
	Values object.Values
}

// ExplainAccount says what each rule that goes from an accepted object to the
// connector wants there, and what gives attr its value, "" for none. The object
// is loaded in v.
func ExplainAccount(v View, set *rules.Set, now time.Time, id object.ID, connector, attr string) ([]AccountReason, error) {
	o := v.Object(id)
	if o == nil {
		return nil, nil
	}
	d := Begin(set, Trigger{Now: now})
	in := &input{now: now, mv: o.Attrs, missing: d.missingSince(o.Type, v.EntriesOf(id))}
	var out []AccountReason
	for _, r := range d.set.outbound[o.Type] {
		if r.Connector != connector {
			continue
		}
		if err := readAhead(v, in, r); err != nil {
			return nil, err
		}
		x := AccountReason{Rule: r, Wanted: true}
		if r.Exists != nil {
			ok, err := truth(r.Exists, in)
			x.Wanted, x.Asked = ok, readsOf(r.Exists, in)
			if err != nil {
				x.Fault = err.Error()
			}
		}
		for i := range r.Flows {
			if r.Flows[i].Attr == attr {
				x.Flow = explainOutflow(&r.Flows[i], in)
			}
		}
		out = append(out, x)
	}
	return out, nil
}

// readAhead loads the objects that the rule reads through references.
func readAhead(v View, in *input, r *rules.Outbound) error {
	var need Need
	add := func(x rules.Expr) {
		if x == nil {
			return
		}
		for _, read := range x.Reads() {
			if read.Ref != "" && len(in.mv.Get(read.Ref)) > 0 {
				need.Objects = append(need.Objects, refID(in.mv.Get(read.Ref).First()))
			}
		}
	}
	add(r.Exists)
	for i := range r.Flows {
		add(r.Flows[i].Value)
	}
	in.through = func(ref, name string) object.Values {
		if far := v.Object(refID(in.mv.Get(ref).First())); far != nil {
			return far.Attrs.Get(name)
		}
		return nil
	}
	if len(need.Objects) == 0 {
		return nil
	}
	return v.Load(need)
}

func explainOutflow(f *rules.Outflow, in *input) *FlowReason {
	out := &FlowReason{Outflow: f, Reads: readsOf(f.Value, in)}
	res, err := f.Value.Eval(in)
	out.Values = res.Values
	switch {
	case err != nil:
		out.Why = "the expression failed: " + err.Error()
	case res.Outcome == rules.AuthoritativeNull:
		out.Why = "it says that there is no value"
	case res.Outcome == rules.Ignore:
		out.Why = "it asks to be ignored"
	case len(res.Values) == 0:
		out.Why = "a value that it reads is absent"
	}
	return out
}

// readsOf lists what the expression reads, each once.
func readsOf(x rules.Expr, in *input) []ReadValue {
	var out []ReadValue
	for _, r := range x.Reads() {
		if slices.ContainsFunc(out, func(have ReadValue) bool { return have.Read == r }) {
			continue
		}
		vs := in.Values(r.Space, r.Attr)
		switch {
		case r.Ref != "" && len(in.mv.Get(r.Ref)) > 0:
			vs = in.Through(r.Space, r.Ref, r.Attr)
		case r.Space == "" && r.Attr == rules.MissingSince && !in.missing.IsZero():
			vs = object.Values{object.Instant(in.missing)}
		}
		out = append(out, ReadValue{r, vs})
	}
	return out
}
