package rules

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"muster/internal/base/config"
	"muster/internal/base/expr"
	"muster/internal/base/object"
	"muster/internal/base/problem"
)

// Codes of problems that Compile finds.
const (
	CodeUnknown  problem.Code = "rule-unknown-name"
	CodeConflict problem.Code = "rule-conflict"
	CodeMissing  problem.Code = "rule-missing-part"
)

// System is what Compile must know of a connector: its configuration and what
// its system can hold.
type System struct {
	Section *config.Section
	Schema  object.Schema
}

// Compile checks the rules of a configuration against the connectors' schemas
// and reports every problem, not only the first. The Set is nil when there is
// one.
func Compile(tree *config.Tree, systems []System) (*Set, problem.List) {
	c := &compiler{tree: tree, set: &Set{Types: map[string]*Type{}}, schema: map[string]object.Schema{}, mv: map[string]*object.Type{}}
	c.connectors(systems)
	c.portal()
	for _, s := range tree.Sections("metaverse") {
		c.metaverse(s)
	}
	for _, s := range tree.Sections("rule") {
		if !s.Broken {
			c.rule(s)
		}
	}
	c.rank()
	c.finish()
	c.readPortal()
	for _, s := range tree.Sections("protect") {
		c.protect(s)
	}
	c.guards()
	if len(c.problems) > 0 {
		c.problems.Sort()
		return nil, c.problems
	}
	c.set.Version = c.version()
	return c.set, nil
}

type compiler struct {
	tree     *config.Tree
	set      *Set
	schema   map[string]object.Schema
	mv       map[string]*object.Type
	source   string   // the connector whose entries the rule under way reads
	canon    []string // checked forms of expressions, for the version
	problems problem.List
}

func (c *compiler) connectors(systems []System) {
	slices.SortFunc(systems, func(a, b System) int { return strings.Compare(a.Section.Name, b.Section.Name) })
	for _, s := range systems {
		c.schema[s.Section.Name] = s.Schema
		c.set.Connectors = append(c.set.Connectors, &Connector{Name: s.Section.Name, Schema: s.Schema})
	}
}

// metaverse compiles one type of object.
func (c *compiler) metaverse(s *config.Section) {
	t := &Type{Name: s.Name, Attributes: map[string]*Attribute{}, Ignore: map[string]bool{}, Any: map[string]bool{}}
	ot := &object.Type{Name: s.Name}
	c.set.Types[s.Name], c.mv[s.Name] = t, ot
	if s.Broken {
		return
	}
	for _, e := range s.Map("attributes") {
		b := e.Sub()
		kind, _ := object.ParseKind(b.Text("type"))
		a := &Attribute{Attribute: object.Attribute{Name: e.Name, Kind: kind, Multi: b.Bool("multi")}, Edited: b.Bool("editable"), Folded: b.Text("case") == "ignored"}
		a.MaxLength = b.Int("length")
		for _, v := range b.List("choices") {
			a.Choices = append(a.Choices, v.Text())
		}
		switch b.Text("mode") {
		case "equal":
			a.Mode = Equal
		case "merge":
			a.Mode = Merge
			if !a.Multi {
				c.add(b.Problem(CodeConflict, "merging needs an attribute with several values", "say multi: true", "mode"))
			}
		case "manual":
			a.Mode = Manual
		}
		c.spots(b, a)
		t.Attributes[e.Name] = a
		ot.Attributes = append(ot.Attributes, a.Attribute)
	}
	slices.SortFunc(ot.Attributes, func(a, b object.Attribute) int { return strings.Compare(a.Name, b.Name) })
	ends := s.Sub("ends")
	for _, v := range ends.List("ignore") {
		c.knownConnector(v)
		t.Ignore[v.Text()] = true
	}
	for _, v := range ends.List("any") {
		c.knownConnector(v)
		t.Any[v.Text()] = true
	}
}

func (c *compiler) spots(b *config.Block, a *Attribute) {
	for _, v := range b.List("also") {
		parts := strings.Split(v.Text(), "/")
		if len(parts) != 3 {
			c.add(v.Problem(CodeUnknown, fmt.Sprintf("%q is not connector/type/attribute", v.Text()), "write it like dir/inetOrgPerson/uid"))
			continue
		}
		if _, ok := c.entryType(v, parts[0]+"/"+parts[1]); ok {
			a.Also = append(a.Also, Spot{parts[0], parts[1], parts[2]})
		}
	}
}

func (c *compiler) add(p *problem.Problem) { c.problems.Add(p) }

func (c *compiler) knownConnector(v config.Value) bool {
	if _, ok := c.schema[v.Text()]; ok {
		return true
	}
	c.add(v.Problem(CodeUnknown, fmt.Sprintf("there is no connector %q", v.Text()), problem.Suggest(v.Text(), c.connectorNames())))
	return false
}

func (c *compiler) connectorNames() []string {
	var out []string
	for _, x := range c.set.Connectors {
		out = append(out, x.Name)
	}
	return out
}

// entryType finds connector/type.
func (c *compiler) entryType(v config.Value, text string) (object.Type, bool) {
	conn, typ, _ := strings.Cut(text, "/")
	s, ok := c.schema[conn]
	if !ok && conn == Portal {
		c.add(v.Problem(CodeUnknown, "people may edit nothing yet, so there is no "+text, "say editable: true of the attributes of metaverse "+typ+" that people may edit"))
		return object.Type{}, false
	}
	if !ok {
		c.add(v.Problem(CodeUnknown, fmt.Sprintf("there is no connector %q", conn), problem.Suggest(conn, c.connectorNames())))
		return object.Type{}, false
	}
	t, ok := s.Type(typ)
	if !ok && len(s.Types) > 0 {
		var names []string
		for _, t := range s.Types {
			names = append(names, t.Name)
		}
		c.add(v.Problem(CodeUnknown, fmt.Sprintf("connector %s has no type %q", conn, typ), suggestOr(typ, names)))
		return object.Type{}, false
	}
	return t, ok
}

func suggestOr(word string, names []string) string {
	if s := problem.Suggest(word, names); s != "" {
		return s
	}
	if len(names) == 0 {
		return ""
	}
	return "it has " + strings.Join(names, ", ")
}

func (c *compiler) objectType(v config.Value) (*object.Type, bool) {
	if t, ok := c.mv[v.Text()]; ok {
		return t, true
	}
	var names []string
	for n := range c.mv {
		names = append(names, n)
	}
	slices.Sort(names)
	c.add(v.Problem(CodeUnknown, fmt.Sprintf("there is no metaverse type %q", v.Text()), suggestOr(v.Text(), names)))
	return nil, false
}

// rule compiles one rule, whichever way it goes.
func (c *compiler) rule(s *config.Section) {
	from, to := s.Get("from"), s.Get("to")
	in, out := strings.Contains(from.Text(), "/"), strings.Contains(to.Text(), "/")
	switch {
	case in && !out:
		c.inbound(s, from, to)
	case out && !in:
		c.outbound(s, from, to)
	case in:
		c.add(to.Problem(CodeConflict, "a rule goes between a system and the metaverse, not between two systems", "make two rules: "+from.Text()+" to a metaverse type, and that type to "+to.Text()))
	default:
		c.add(from.Problem(CodeConflict, "neither end of the rule is a system", "write the system's end as connector/type"))
	}
}

// only reports fields that the rule's direction has no use for.
func (c *compiler) only(s *config.Section, direction string, fields ...string) {
	for _, f := range fields {
		if s.Get(f).Written() {
			c.add(s.Problem(CodeConflict, fmt.Sprintf("%s has no meaning in an %s rule", f, direction), "remove it", f))
		}
	}
}

// expr compiles an expression of the configuration.
func (c *compiler) expr(e config.Expr, scope *expr.Scope, want expr.Type) (Expr, *expr.Program) {
	p, problems := expr.Compile(e.Text, scope, want, problem.Position{Line: 1, Column: 1})
	for _, x := range problems {
		if x.Code == expr.UnknownName && x.Fix == "" && c.source != "" && scope.Attr != nil {
			x.Fix = "what " + c.source + " can hold is read with: muster schema " + c.source
		}
		c.add(e.Locate(x))
	}
	if p == nil {
		return nil, nil
	}
	c.canon = append(c.canon, p.Canonical())
	return newProgram(p), p
}

var boolean = expr.Type{Kind: object.Bool}

// condition compiles an optional condition.
func (c *compiler) condition(b *config.Block, key string, scope *expr.Scope) Expr {
	if !b.Has(key) {
		return nil
	}
	x, _ := c.expr(b.Expr(key), scope, boolean)
	return x
}

// version hashes the checked form of everything that deciding reads.
func (c *compiler) version() string {
	h := sha256.New()
	h.Write(c.tree.Canonical())
	for _, s := range c.canon {
		_, _ = fmt.Fprintf(h, "%d:%s", len(s), s)
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

func (c *compiler) protect(s *config.Section) {
	if s.Broken {
		return
	}
	t, ok := c.objectType(s.Get("type"))
	if !ok {
		return
	}
	x, _ := c.expr(s.Expr("if"), &expr.Scope{Context: expr.ScopeFilter, MV: t}, boolean)
	c.set.Protected = append(c.set.Protected, &Protected{Name: s.Name, Type: t.Name, If: x})
}

// guards gives every type of account that rules write its thresholds.
func (c *compiler) guards() {
	given := map[[2]string]*config.Section{}
	for _, s := range c.tree.Sections("guard") {
		if s.Broken {
			continue
		}
		k := [2]string{s.Text("connector"), s.Text("type")}
		if c.knownConnector(s.Get("connector")) {
			c.entryType(s.Get("type"), k[0]+"/"+k[1])
		}
		if given[k] != nil {
			c.add(s.Problem(CodeConflict, "there is another guard for "+k[0]+"/"+k[1]+": "+given[k].Name, "keep one of them"))
		}
		given[k] = s
	}
	done := map[[2]string]bool{}
	for _, r := range c.set.Outbound {
		k := [2]string{r.Connector, r.To}
		if done[k] {
			continue
		}
		done[k] = true
		for g := range GuardKinds {
			x := Guard{Connector: k[0], Type: k[1], Kind: GuardKind(g), Count: defaultGuards[g].Count, Percent: defaultGuards[g].Percent}
			if s := given[k]; s != nil {
				x.Count, x.Percent = s.Sub(GuardKinds[g]).Int("count"), s.Sub(GuardKinds[g]).Number("percent")
			}
			c.set.Guards = append(c.set.Guards, x)
		}
	}
}
