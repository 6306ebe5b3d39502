package rules

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"muster/internal/base/config"
	"muster/internal/base/expr"
	"muster/internal/base/object"
	"muster/internal/base/problem"
)

var outboundOnly = []string{"exists", "otherwise", "dn", "disabledWhen", "initial"}
var inboundOnly = []string{"scope", "join", "project", "missing", "cutWhen"}

// inbound compiles a rule from a system to the metaverse.
func (c *compiler) inbound(s *config.Section, from, to config.Value) {
	c.only(s, "inbound", outboundOnly...)
	et, ok1 := c.entryType(from, from.Text())
	ot, ok2 := c.objectType(to)
	if !ok1 || !ok2 {
		return
	}
	conn, typ, _ := strings.Cut(from.Text(), "/")
	c.source = conn
	defer func() { c.source = "" }()
	r := &Inbound{Name: s.Name, Where: s.Where().String(), Connector: conn, From: typ, To: ot.Name, Project: s.Bool("project")}
	r.Scope = c.condition(s.Block, "scope", &expr.Scope{Context: expr.ScopeFilter, Attr: &et})
	for _, b := range s.Subs("join") {
		r.Joins = append(r.Joins, c.join(b, &et, ot))
	}
	for _, e := range s.Map("flows") {
		if f, ok := c.inflow(e, &et, ot); ok {
			r.Flows = append(r.Flows, f)
		}
	}
	r.Recall = s.Text("missing") == "recall" || conn == Portal // what people remove there is meant
	r.CutWhen = c.condition(s.Block, "cutWhen", &expr.Scope{Context: expr.ScopeFilter, Attr: &et})
	c.set.Inbound = append(c.set.Inbound, r)
}

func (c *compiler) attribute(e config.Entry, ot *object.Type) (object.Attribute, bool) {
	a, ok := ot.Attribute(e.Name)
	if !ok {
		var names []string
		for _, a := range ot.Attributes {
			names = append(names, a.Name)
		}
		p := e.Problem(CodeUnknown, fmt.Sprintf("%s has no attribute %q", ot.Name, e.Name), suggestOr(e.Name, names))
		p.Where = e.NameWhere()
		c.add(p)
	}
	return a, ok
}

func (c *compiler) join(b *config.Block, et, ot *object.Type) Join {
	j := Join{Next: b.Text("several") == "next", If: c.condition(b, "if", &expr.Scope{Context: expr.ScopeFilter, Attr: et})}
	for _, e := range b.Map("on") {
		a, ok := c.attribute(e, ot)
		if !ok {
			continue
		}
		if a.Kind == object.Ref {
			c.add(e.Problem(CodeConflict, "objects are not looked up by a reference", "join on a value, such as a number or a name"))
			continue
		}
		c.set.Types[ot.Name].Attributes[e.Name].Key = true
		x, _ := c.expr(e.Expr(), &expr.Scope{Context: expr.JoinValue, Attr: et}, expr.Type{Kind: object.None})
		j.Keys = append(j.Keys, Key{Attr: e.Name, Value: x})
	}
	return j
}

func (c *compiler) inflow(e config.Entry, et, ot *object.Type) (Inflow, bool) {
	a, ok := c.attribute(e, ot)
	if !ok {
		return Inflow{}, false
	}
	b := e.Sub()
	c.notHere(b, "inbound", "allowNulls", "drift")
	f := Inflow{Attr: e.Name, Keep: !b.Bool("recall")}
	x, p := c.expr(b.Expr("value"), &expr.Scope{Context: expr.InboundFlow, Attr: et}, expr.Type{Kind: a.Kind, Multi: a.Multi})
	if p == nil {
		return f, false
	}
	f.Value = x
	if a.Kind == object.Ref {
		c.plainReference(b, p, et)
	}
	if u := p.Unique(); u != nil {
		c.set.Types[ot.Name].Attributes[e.Name].Unique = true
		f.Value = newProgram(u.Wish)
		f.Unique = &Unique{Candidate: func(in Input, wish string, n int64) (string, error) { return u.Candidate(in, wish, n) }}
	}
	return f, true
}

// plainReference insists that what a reference flow reads is declared as a
// reference, so that changes at its target can be followed.
func (c *compiler) plainReference(b *config.Block, p *expr.Program, et *object.Type) {
	for _, r := range p.Reads() {
		a, ok := et.Attribute(r.Name)
		if ok && r.Space == expr.SpaceAttr && a.Kind != object.Ref && strings.Contains(b.Expr("value").Text, "ref(") {
			c.add(b.Problem(CodeConflict, fmt.Sprintf("%s is used as a reference but is declared as %s", r.Name, a.Kind),
				"declare it as ref in the connector's types, so that changes at its target are followed", "value"))
		}
	}
}

func (c *compiler) notHere(b *config.Block, direction string, fields ...string) {
	for _, f := range fields {
		if b.Get(f).Written() {
			c.add(b.Problem(CodeConflict, fmt.Sprintf("%s has no meaning in an %s flow", f, direction), "remove it", f))
		}
	}
}

// outbound compiles a rule from the metaverse to a system.
func (c *compiler) outbound(s *config.Section, from, to config.Value) {
	c.only(s, "outbound", inboundOnly...)
	et, ok1 := c.entryType(to, to.Text())
	ot, ok2 := c.objectType(from)
	if !ok1 || !ok2 {
		return
	}
	conn, typ, _ := strings.Cut(to.Text(), "/")
	if conn == Portal {
		c.add(to.Problem(CodeConflict, "nothing is sent to the portal: its pages show the metaverse", "remove the rule"))
		return
	}
	r := &Outbound{Name: s.Name, Where: s.Where().String(), From: ot.Name, Connector: conn, To: typ}
	if et.ReadOnly {
		c.add(to.Problem("no-export-to-this-object-type", fmt.Sprintf("connector %s cannot write objects of type %s", conn, typ), "drop the rule"))
	}
	targets := c.targets()
	r.Exists = c.condition(s.Block, "exists", &expr.Scope{Context: expr.Existence, MV: ot})
	switch s.Text("otherwise") {
	case "disconnect":
		r.Otherwise = Disconnect
	case "disconnect-for-good":
		r.Otherwise = DisconnectForGood
	}
	if s.Has("dn") {
		r.DN, _ = c.expr(s.Expr("dn"), &expr.Scope{Context: expr.DN, MV: ot, Targets: targets}, expr.Type{Kind: object.String})
	}
	r.Disabled = c.condition(s.Block, "disabledWhen", &expr.Scope{Context: expr.ScopeFilter, Account: &et})
	for _, e := range s.Map("flows") {
		b := e.Sub()
		c.notHere(b, "outbound", "recall")
		c.outflow(r, e, b.Expr("value"), &et, &expr.Scope{Context: expr.OutboundFlow, MV: ot, Imported: &et, Targets: targets},
			Outflow{Keep: !b.Bool("allowNulls"), Report: b.Text("drift") == "report"})
	}
	for _, e := range s.Map("initial") {
		c.outflow(r, e, e.Expr(), &et, &expr.Scope{Context: expr.InitialFlow, MV: ot, Targets: targets}, Outflow{Initial: true})
	}
	c.set.Outbound = append(c.set.Outbound, r)
}

func (c *compiler) targets() []object.Type {
	var out []object.Type
	for _, t := range c.mv {
		out = append(out, *t)
	}
	slices.SortFunc(out, func(a, b object.Type) int { return strings.Compare(a.Name, b.Name) })
	return out
}

func (c *compiler) outflow(r *Outbound, e config.Entry, x config.Expr, et *object.Type, scope *expr.Scope, f Outflow) {
	a, ok := c.attribute(e, et)
	if !ok {
		return
	}
	if a.ReadOnly {
		c.add(e.Problem(CodeConflict, e.Name+" is set by the system itself", "remove the flow"))
		return
	}
	var p *expr.Program
	f.Attr, f.Ref, f.OwnRank = e.Name, a.Kind == object.Ref, -1
	if f.Value, p = c.expr(x, scope, expr.Type{Kind: a.Kind, Multi: a.Multi}); p == nil {
		return
	}
	if space, attr, ok := p.Copy(); ok && space == expr.SpaceMV {
		f.From = attr
	}
	if f.From == "" {
		c.wholeSets(r, e, p)
	}
	r.Flows = append(r.Flows, f)
}

// wholeSets notes an expression that reads all values of a reference (REF-8).
func (c *compiler) wholeSets(r *Outbound, e config.Entry, p *expr.Program) {
	for _, read := range p.Reads() {
		a, _ := c.mv[r.From].Attribute(read.Name)
		if read.Space == expr.SpaceMV && read.Ref == "" && a.Kind == object.Ref && a.Multi {
			c.set.Notes.Add(e.Problem("reads-whole-set", fmt.Sprintf("%s is computed from all of %s: one more or less computes it again", e.Name, a.Name),
				"that is fine while the sets are small"))
		}
	}
}

// rank gives every inbound flow its place among the flows of its attribute: by
// the attribute's own list of rules, else by its type's.
func (c *compiler) rank() {
	slices.SortStableFunc(c.set.Inbound, func(a, b *Inbound) int {
		return cmp.Or(strings.Compare(a.Connector, b.Connector), strings.Compare(a.Name, b.Name))
	})
	for _, s := range c.tree.Sections("metaverse") {
		if s.Broken {
			continue
		}
		c.knownRules(s.Name, "", s.List("precedence"))
		for _, e := range s.Map("attributes") {
			list := e.Sub().List("precedence")
			c.knownRules(s.Name, e.Name, list)
			if len(list) == 0 {
				list = s.List("precedence")
			}
			c.rankAttribute(s.Name, e, list)
			c.manual(s.Name, e)
		}
	}
}

// rankAttribute ranks the flows into one attribute by a list of rules. Several
// flows into a ranked attribute need one that names them all.
func (c *compiler) rankAttribute(typ string, e config.Entry, list []config.Value) {
	var flows []*Inflow
	var unlisted []string
	for _, r := range c.set.Inbound {
		for k := range r.Flows {
			f := &r.Flows[k]
			if r.To != typ || f.Attr != e.Name {
				continue
			}
			f.Rank = slices.IndexFunc(list, func(v config.Value) bool { return v.Text() == r.Name })
			if f.Rank < 0 {
				f.Rank = len(list) + len(unlisted)
				unlisted = append(unlisted, r.Name)
			}
			flows = append(flows, f)
		}
	}
	if len(flows) > 1 && len(unlisted) > 0 && c.set.Types[typ].Attributes[e.Name].Mode == Ranked {
		p := e.Problem(CodeConflict, fmt.Sprintf("%d rules give %s, and it is not said which of them comes first: %s", len(flows), e.Name, strings.Join(unlisted, ", ")),
			"add precedence: [best rule, next rule] to the attribute or to its type")
		p.Where = e.NameWhere()
		c.add(p)
	}
}

// knownRules checks a list of precedence.
func (c *compiler) knownRules(typ, attr string, list []config.Value) {
	for _, v := range list {
		gives := slices.ContainsFunc(c.set.Inbound, func(r *Inbound) bool {
			return r.Name == v.Text() && r.To == typ && (attr == "" || slices.ContainsFunc(r.Flows, func(f Inflow) bool { return f.Attr == attr }))
		})
		if !gives {
			what := typ
			if attr != "" {
				what = attr
			}
			c.add(v.Problem(CodeUnknown, fmt.Sprintf("no rule %q gives %s", v.Text(), what), problem.Suggest(v.Text(), c.tree.Names("rule"))))
		}
	}
}

// manual compiles the expression that chooses among offers.
func (c *compiler) manual(typ string, e config.Entry) {
	b := e.Sub()
	if b.Text("mode") != "manual" {
		return
	}
	offers := &object.Type{Name: "offers"}
	a := c.set.Types[typ].Attributes[e.Name]
	for _, x := range c.connectorNames() {
		offers.Attributes = append(offers.Attributes, object.Attribute{Name: x, Kind: a.Kind, Multi: a.Multi})
	}
	slices.SortFunc(offers.Attributes, func(a, b object.Attribute) int { return strings.Compare(a.Name, b.Name) })
	a.Manual, _ = c.expr(b.Expr("choose"), &expr.Scope{Context: expr.InboundFlow, Attr: offers}, expr.Type{Kind: a.Kind, Multi: a.Multi})
}

// finish works out what follows from all rules together.
func (c *compiler) finish() {
	for _, r := range c.set.Outbound {
		for _, in := range c.set.Inbound {
			if in.Connector == r.Connector && in.To == r.From {
				r.Feeds = true
				c.ownRanks(r, in)
			}
		}
	}
	c.oneWriter()
	c.sortOutbound()
}

// oneWriter insists that each attribute of one value, and the name, of an account
// is written by one rule.
func (c *compiler) oneWriter() {
	type spot struct{ from, connector, to, attr string }
	writer := map[spot]string{}
	for _, r := range c.set.Outbound {
		t, _ := c.schema[r.Connector].Type(r.To)
		names := []string{}
		if r.DN != nil {
			names = append(names, "dn")
		}
		for _, f := range r.Flows {
			if a, _ := t.Attribute(f.Attr); !a.Multi {
				names = append(names, f.Attr)
			}
		}
		for _, name := range names {
			k := spot{r.From, r.Connector, r.To, name}
			if first := writer[k]; first != "" && first != r.Name {
				c.add(c.tree.Section("rule", r.Name).Problem("ambiguous-export-flow-to-single-valued-attribute",
					fmt.Sprintf("writes %s of %s/%s, and so does rule %s", name, r.Connector, r.To, first), "let one of them write it", "flows"))
			}
			writer[k] = r.Name
		}
	}
}

func (c *compiler) ownRanks(r *Outbound, in *Inbound) {
	for i := range r.Flows {
		f := &r.Flows[i]
		for _, g := range in.Flows {
			if f.From == g.Attr && (f.OwnRank < 0 || g.Rank < f.OwnRank) {
				f.OwnRank = g.Rank
			}
		}
	}
}

// sortOutbound orders the rules so that no existence reads what a later system
// feeds; a circle is a problem.
func (c *compiler) sortOutbound() {
	place := map[string]int{}
	for i, x := range c.set.Connectors {
		place[x.Name] = i
	}
	slices.SortStableFunc(c.set.Outbound, func(a, b *Outbound) int {
		return cmp.Or(place[a.Connector]-place[b.Connector], strings.Compare(a.Name, b.Name))
	})
	var sorted []*Outbound
	rest := c.set.Outbound
	for len(rest) > 0 {
		n := slices.IndexFunc(rest, func(r *Outbound) bool {
			return !slices.ContainsFunc(rest, func(o *Outbound) bool { return o.Connector != r.Connector && c.readsFed(r, o) })
		})
		if n < 0 {
			r := rest[0]
			s := c.tree.Section("rule", r.Name)
			c.add(s.Problem(CodeConflict, "whether an account exists in "+r.Connector+" depends on values that another system's accounts give, and the other way round",
				"let one of the two rules read only values from sources", "exists"))
			return
		}
		sorted = append(sorted, rest[n])
		rest = slices.Delete(slices.Clone(rest), n, n+1)
	}
	c.set.Outbound = sorted
}

// readsFed reports that the existence of r's accounts reads an attribute that
// o's accounts feed.
func (c *compiler) readsFed(r, o *Outbound) bool {
	if r.Exists == nil || r.From != o.From {
		return false
	}
	for _, in := range c.set.Inbound {
		if in.Connector != o.Connector || in.To != o.From {
			continue
		}
		for _, f := range in.Flows {
			if slices.ContainsFunc(r.Exists.Reads(), func(x Read) bool { return x.Attr == f.Attr && x.Space == "mv" }) {
				return true
			}
		}
	}
	return false
}
