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
