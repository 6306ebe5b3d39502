// Package enginetest compares the engine with the oracle, step by step, on
// random histories. It holds tests only.
package enginetest

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"muster/internal/base/object"
	"muster/internal/sync/oracle"
	"muster/internal/sync/rules"
)

// compiled turns an expression of the oracle into one of the engine. It reads
// the expression in its own way, not in the oracle's.
type compiled struct{ x oracle.Expr }

func expr(x *oracle.Expr) rules.Expr {
	if x == nil {
		return nil
	}
	return compiled{*x}
}

func (c compiled) Copy() string {
	if c.x.Do == "copy" {
		return c.x.Attr
	}
	return ""
}

func (c compiled) Reads() (reads []rules.Read) {
	if c.x.Attr != "" {
		reads = append(reads, rules.Read{Space: c.x.Space, Ref: c.x.Ref, Attr: c.x.Attr})
	}
	for _, a := range c.x.Args {
		reads = append(reads, compiled{a}.Reads()...)
	}
	return reads
}

func (c compiled) Eval(in rules.Input) (rules.Result, error) {
	vs, null := c.answer(in)
	switch {
	case null:
		return rules.Result{Outcome: rules.AuthoritativeNull}, nil
	case len(vs) == 0:
		return rules.Result{Outcome: rules.None}, nil
	}
	return rules.Result{Outcome: rules.Some, Values: vs}, nil
}

// yes is the answer of a condition.
func yes(b bool) object.Values { return object.Values{object.Boolean(b)} }

func words(s string) object.Values {
	if s == "" {
		return nil
	}
	return object.Values{object.Str(s)}
}

func (c compiled) answer(in rules.Input) (object.Values, bool) {
	var args []object.Values
	for _, a := range c.x.Args {
		vs, _ := compiled{a}.answer(in)
		args = append(args, vs)
	}
	is := func(i int) bool { return args[i].First().Bool() }
	own := func() object.Values { return in.Values(c.x.Space, c.x.Attr) }
	switch c.x.Do {
	case "copy":
		return own(), false
	case "constant":
		return words(c.x.Text), false
	case "through":
		return in.Through(c.x.Space, c.x.Ref, c.x.Attr), false
	case "upper":
		return words(strings.ToUpper(args[0].First().Text())), false
	case "letter":
		if s := []rune(args[0].First().Text()); len(s) > 0 {
			return words(string(s[:1])), false
		}
		return nil, false
	case "concat":
		s := ""
		for _, a := range args {
			if len(a) == 0 {
				return nil, false
			}
			s += a.First().Text()
		}
		return words(s), false
	case "either":
		for _, a := range args {
			if len(a) > 0 {
				return a, false
			}
		}
		return nil, false
	case "if":
		if !is(0) {
			return nil, false
		}
		return args[1], false
	case "null":
		return args[1], is(0)
	case "has":
		return yes(len(own()) > 0), false
	case "equals":
		return yes(slices.Contains(own(), object.Str(c.x.Text))), false
	case "after":
		if len(own()) == 0 {
			return yes(false), false
		}
		return yes(reached(in, own().First().Time().Add(c.x.Span))), false
	case "missing":
		since, ok := in.MissingSince()
		return yes(ok && reached(in, since.Add(c.x.Span))), false
	case "and":
		for i := range args {
			if !is(i) {
				return yes(false), false
			}
		}
		return yes(true), false
	case "not":
		return yes(!is(0)), false
	}
	panic("the bridge does not know " + c.x.Do)
}

func reached(in rules.Input, at time.Time) bool {
	if in.Now().Before(at) {
		in.Due(at)
		return false
	}
	return true
}

// ruleSet turns the oracle's rules into the engine's.
func ruleSet(r *oracle.Rules) *rules.Set {
	s := &rules.Set{Version: "test", Types: map[string]*rules.Type{}}
	for _, c := range r.Connectors {
		s.Connectors = append(s.Connectors, &rules.Connector{Name: c.Name, Schema: schemaOf(r, c.Name)})
	}
	for _, t := range r.Types {
		s.Types[t.Name] = ruleType(r, t)
	}
	for _, in := range r.In {
		s.Inbound = append(s.Inbound, inbound(r, in))
	}
	slices.SortStableFunc(s.Inbound, func(a, b *rules.Inbound) int {
		return strings.Compare(a.Connector+"\x00"+a.Name, b.Connector+"\x00"+b.Name)
	})
	for _, o := range r.Out {
		s.Outbound = append(s.Outbound, outbound(r, o))
	}
	for _, g := range r.Guards {
		s.Guards = append(s.Guards, rules.Guard{Connector: g.Connector, Type: g.Type, Kind: rules.GuardKind(g.Kind), Count: g.Count, Percent: g.Percent})
	}
	return s
}

func attribute(r *oracle.Rules, typ, name string) oracle.Attribute {
	for _, t := range r.Types {
		for _, a := range t.Attrs {
			if t.Name == typ && a.Name == name {
				return a
			}
		}
	}
	return oracle.Attribute{Name: name}
}

// schemaOf is what a target can hold: as much as what flows there.
func schemaOf(r *oracle.Rules, connector string) object.Schema {
	var s object.Schema
	for _, o := range r.Out {
		if o.Connector != connector {
			continue
		}
		t := object.Type{Name: o.To}
		for _, f := range o.Flows {
			a := object.Attribute{Name: f.Attr, Kind: object.String, Multi: attribute(r, o.From, f.Value.Attr).Multi}
			if f.Ref {
				a.Kind = object.Ref
			}
			t.Attributes = append(t.Attributes, a)
		}
		s.Types = append(s.Types, t)
	}
	object.SortSchema(&s)
	return s
}

func ruleType(r *oracle.Rules, t oracle.Type) *rules.Type {
	out := &rules.Type{Name: t.Name, Attributes: map[string]*rules.Attribute{}, Ignore: map[string]bool{}, Any: map[string]bool{}}
	for _, c := range t.Ignore {
		out.Ignore[c] = true
	}
	for _, c := range t.Any {
		out.Any[c] = true
	}
	for _, a := range t.Attrs {
		x := &rules.Attribute{Attribute: object.Attribute{Name: a.Name, Kind: a.Kind, Multi: a.Multi}, Mode: rules.Mode(a.Mode), Folded: a.Folded}
		for _, p := range a.Also {
			x.Also = append(x.Also, rules.Spot(p))
		}
		out.Attributes[a.Name] = x
	}
	for _, in := range r.In {
		if in.To != t.Name {
			continue
		}
		for _, j := range in.Joins {
			for _, k := range j.Keys {
				out.Attributes[k.Attr].Key = true
			}
		}
		for _, f := range in.Flows {
			out.Attributes[f.Attr].Unique = out.Attributes[f.Attr].Unique || f.Unique
		}
	}
	return out
}

func inbound(r *oracle.Rules, in oracle.Inbound) *rules.Inbound {
	out := &rules.Inbound{Name: in.Name, Connector: in.Connector, From: in.From, To: in.To, Scope: expr(in.Scope), Project: in.Project}
	for _, c := range r.Connectors {
		out.Recall = out.Recall || c.Name == in.Connector && c.Recall
	}
	for _, j := range in.Joins {
		x := rules.Join{Next: j.Next}
		for _, k := range j.Keys {
			x.Keys = append(x.Keys, rules.Key{Attr: k.Attr, Value: expr(&k.Value)})
		}
		out.Joins = append(out.Joins, x)
	}
	for _, f := range in.Flows {
		x := rules.Inflow{Attr: f.Attr, Value: expr(&f.Value), Rank: f.Rank, Keep: f.Keep}
		if f.Unique {
			x.Unique = &rules.Unique{Candidate: func(_ rules.Input, wish string, n int64) (string, error) { return wish + strconv.FormatInt(n, 10), nil }}
		}
		out.Flows = append(out.Flows, x)
	}
	return out
}

func outbound(r *oracle.Rules, o oracle.Outbound) *rules.Outbound {
	out := &rules.Outbound{Name: o.Name, From: o.From, Connector: o.Connector, To: o.To, Exists: expr(o.Exists), Otherwise: rules.Fate(o.Otherwise),
		DN: expr(o.DN), Disabled: expr(o.Disabled)}
	for _, in := range r.In {
		out.Feeds = out.Feeds || in.Connector == o.Connector && in.To == o.From && len(in.Flows) > 0
	}
	for _, f := range o.Flows {
		x := rules.Outflow{Attr: f.Attr, Value: expr(&f.Value), Ref: f.Ref, Initial: f.Initial, Keep: f.Keep, OwnRank: -1}
		x.From = x.Value.Copy()
		if rank, ok := r.OwnRank(o.Connector, o.From, x.From); ok && x.From != "" && attribute(r, o.From, x.From).Mode == oracle.Ranked {
			x.OwnRank = rank
		}
		out.Flows = append(out.Flows, x)
	}
	return out
}
