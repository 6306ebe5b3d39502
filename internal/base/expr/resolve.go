package expr

import (
	"maps"
	"slices"
	"strings"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"

	"muster/internal/base/object"
	"muster/internal/base/problem"
)

// unknownName stands in the tree for a name that was reported, so that the
// type check goes on and finds the other problems.
const unknownName = "@unknown"

// words are names that stand for something fixed.
var words = map[string]func(f ast.ExprFactory, id int64) ast.Expr{
	"NULL":              callWord("Null"),
	"AuthoritativeNull": callWord("AuthoritativeNull"),
	"IgnoreThisFlow":    callWord("IgnoreThisFlow"),
	"CRLF":              callWord("CRLF"),
	"True":              func(f ast.ExprFactory, id int64) ast.Expr { return f.NewLiteral(id, types.True) },
	"False":             func(f ast.ExprFactory, id int64) ast.Expr { return f.NewLiteral(id, types.False) },
	"CaseSensitive":     textWord("CaseSensitive"),
	"CaseInsensitive":   textWord("CaseInsensitive"),
	"vbTextCompare":     textWord("CaseInsensitive"),
	"vbBinaryCompare":   textWord("CaseSensitive"),
	"Unicode":           textWord("Unicode"),
	"ASCII":             textWord("ASCII"),
	"UTF8":              textWord("UTF8"),
}

func callWord(fn string) func(ast.ExprFactory, int64) ast.Expr {
	return func(f ast.ExprFactory, id int64) ast.Expr { return f.NewCall(id, fn) }
}

func textWord(s string) func(ast.ExprFactory, int64) ast.Expr {
	return func(f ast.ExprFactory, id int64) ast.Expr { return f.NewLiteral(id, types.String(s)) }
}

// resolve finds what every name of the tree means and rewrites each read into
// one variable, whose type the checker is told. local are the names that
// loops and With have bound.
func (c *compiler) resolve(e ast.Expr, local []string) {
	switch e.Kind() {
	case ast.IdentKind:
		c.resolveName(e, local)
	case ast.SelectKind:
		if !c.resolvePath(e, local) {
			c.resolve(e.AsSelect().Operand(), local)
		}
	case ast.CallKind:
		if !c.resolvePath(e, local) {
			c.resolveCall(e, local)
		}
	case ast.ListKind:
		for _, x := range e.AsList().Elements() {
			c.resolve(x, local)
		}
	case ast.MapKind:
		for _, x := range e.AsMap().Entries() {
			c.resolve(x.AsMapEntry().Key(), local)
			c.resolve(x.AsMapEntry().Value(), local)
		}
	case ast.StructKind:
		c.report(e.ID(), UnknownName, "there is no object to make with {…} here", "")
		e.SetKindCase(c.ident(e.ID(), unknownName))
	case ast.ComprehensionKind:
		x := e.AsComprehension()
		for _, name := range []string{x.IterVar(), x.IterVar2()} {
			if c.taken(name) {
				c.report(e.ID(), UnknownName, name+" already means something else here", "choose another name, such as x")
			}
		}
		c.resolve(x.IterRange(), local)
		c.resolve(x.AccuInit(), local)
		inner := append(slices.Clone(local), x.IterVar(), x.IterVar2(), x.AccuVar())
		c.resolve(x.LoopCondition(), inner)
		c.resolve(x.LoopStep(), inner)
		c.resolve(x.Result(), inner)
	default: // a constant
	}
}

func (c *compiler) taken(name string) bool {
	return name == SpaceAttr || name == SpaceMV || name == SpaceAccount || name == MissingSince || words[name] != nil
}

func (c *compiler) ident(id int64, name string) ast.Expr {
	return ast.NewExprFactory().NewIdent(id, name)
}

func (c *compiler) resolveName(e ast.Expr, local []string) {
	name := e.AsIdent()
	if slices.Contains(local, name) || strings.HasPrefix(name, "@") {
		return
	}
	c.used[name] = true
	if t, ok := c.own[name]; ok {
		c.bind(e, variable{Read: Read{Name: name}, name: name, typ: t, own: true})
		return
	}
	if t, ok := c.scope.Vars[name]; ok {
		c.bind(e, variable{Read: Read{Name: name}, name: name, typ: t})
		return
	}
	if name == MissingSince {
		c.bind(e, variable{Read: Read{Name: name}, name: name, typ: Type{Kind: object.Time}, form: formMissing})
		return
	}
	if w := words[name]; w != nil {
		e.SetKindCase(w(ast.NewExprFactory(), e.ID()))
		if e.Kind() == ast.CallKind {
			c.resolveCall(e, local)
		}
		return
	}
	defer e.SetKindCase(c.ident(e.ID(), unknownName))
	switch {
	case c.scope.space(name) != nil:
		c.report(e.ID(), UnknownName, name+" alone is no value", "name an attribute, as in "+name+".displayName")
	case catalog().byName[name] != nil:
		c.report(e.ID(), UnknownName, name+" is a function", "write "+name+"(…)")
	default:
		fix := ""
		for _, s := range c.scope.spaces() {
			if _, ok := c.scope.space(s).Attribute(name); ok {
				fix = "write " + s + "." + name
				break
			}
		}
		if fix == "" {
			fix = problem.Suggest(name, c.names())
		}
		if fix == "" && len(c.scope.spaces()) > 0 {
			fix = "write " + c.scope.spaces()[0] + ".… for an attribute, \"" + name + "\" for the text"
		}
		c.report(e.ID(), UnknownName, "there is no "+name+" here", fix)
	}
}

// names are the words that could stand where an unknown one does.
func (c *compiler) names() []string {
	names := append(c.scope.spaces(), MissingSince)
	return slices.Concat(names, slices.Sorted(maps.Keys(c.scope.Vars)), slices.Sorted(maps.Keys(c.own)), slices.Sorted(maps.Keys(words)))
}

// bind replaces a node by a variable, declared once.
func (c *compiler) bind(e ast.Expr, v variable) {
	if c.byName[v.name] == nil {
		c.vars = append(c.vars, &v)
		c.byName[v.name] = &v
	}
	e.SetKindCase(c.ident(e.ID(), v.name))
}

// path takes mv.manager.displayName, mv["manager"] and the like apart.
func path(e ast.Expr) (root ast.Expr, fields []string) {
	for {
		switch e.Kind() {
		case ast.SelectKind:
			fields = append(fields, e.AsSelect().FieldName())
			e = e.AsSelect().Operand()
			continue
		case ast.CallKind:
			call := e.AsCall()
			if call.FunctionName() != "_[_]" || call.Args()[1].Kind() != ast.LiteralKind {
				break
			}
			s, ok := call.Args()[1].AsLiteral().(types.String)
			if !ok {
				break
			}
			fields = append(fields, string(s))
			e = call.Args()[0]
			continue
		default:
		}
		slices.Reverse(fields)
		return e, fields
	}
}

// resolvePath resolves a read of an attribute; false when e is none.
func (c *compiler) resolvePath(e ast.Expr, local []string) bool {
	root, fields := path(e)
	if len(fields) == 0 || root.Kind() != ast.IdentKind || slices.Contains(local, root.AsIdent()) {
		return false
	}
	space := root.AsIdent()
	if space != SpaceAttr && space != SpaceMV && space != SpaceAccount {
		return false
	}
	has := e.Kind() == ast.SelectKind && e.AsSelect().IsTestOnly()
	v, ok := c.attribute(e, space, fields)
	if !ok {
		e.SetKindCase(c.ident(e.ID(), unknownName))
		return true
	}
	if has {
		v.form, v.typ = formHas, Type{Kind: object.Bool}
		v.name = "?" + v.name
	}
	c.bind(e, v)
	return true
}

// attribute finds the attribute that a path names.
func (c *compiler) attribute(e ast.Expr, space string, fields []string) (variable, bool) {
	typ := c.scope.space(space)
	if typ == nil {
		fix := "nothing can be read here"
		if s := c.scope.spaces(); len(s) > 0 {
			fix = "what can be read here: " + strings.Join(s, ", ")
		}
		c.report(e.ID(), UnknownName, space+" cannot be read in "+c.scope.Context.String(), fix)
		return variable{}, false
	}
	a, ok := typ.Attribute(fields[0])
	if !ok {
		c.report(e.ID(), UnknownName, typ.Name+" has no attribute "+fields[0], suggestAttribute(fields[0], *typ))
		return variable{}, false
	}
	v := variable{Read: Read{Space: space, Name: a.Name}, typ: Type{a.Kind, a.Multi}}
	v.name = v.Read.String()
	switch {
	case len(fields) == 1:
		return v, true
	case a.Kind != object.Ref:
		c.report(e.ID(), BadType, v.Read.String()+" is "+typeWords(v.typ)+", so it has no attribute "+fields[1], "only references can be read through")
	case space != SpaceMV:
		c.report(e.ID(), NotAllowed, v.Read.String()+" cannot be read through", "only references of the metaverse can: "+SpaceMV+"."+a.Name+"."+fields[1])
	case a.Multi:
		c.report(e.ID(), NotAllowed, v.Read.String()+" holds several references, so it cannot be read through", "only single-valued references can")
	case len(fields) > 2:
		c.report(e.ID(), NotAllowed, "an expression reads one step through a reference, not "+[...]string{"two", "three", "so many"}[min(len(fields)-3, 2)]+" steps",
			"flow "+SpaceMV+"."+fields[1]+"."+fields[2]+" into an attribute of its own first, and read that")
	default:
		return c.through(e, a.Name, fields[1])
	}
	return variable{}, false
}

// through finds an attribute one step away. The types that the reference may
// lead to must agree on it.
func (c *compiler) through(e ast.Expr, ref, name string) (variable, bool) {
	targets := c.scope.Targets
	if len(targets) == 0 {
		targets = []object.Type{*c.scope.MV}
	}
	v := variable{Read: Read{Space: SpaceMV, Ref: ref, Name: name}}
	v.name = SpaceMV + ">" + ref + ">" + name // an attribute could be called "manager.displayName"
	for _, t := range targets {
		a, ok := t.Attribute(name)
		if !ok {
			continue
		}
		typ := Type{a.Kind, a.Multi}
		if v.typ.Kind != object.None && v.typ != typ {
			c.report(e.ID(), BadType, name+" is "+typeWords(v.typ)+" of one type of object and "+typeWords(typ)+" of "+t.Name, "")
			return v, false
		}
		v.typ = typ
	}
	if v.typ.Kind == object.None {
		c.report(e.ID(), UnknownName, "what "+SpaceMV+"."+ref+" refers to has no attribute "+name, suggestAttribute(name, targets...))
		return v, false
	}
	return v, true
}

func suggestAttribute(name string, in ...object.Type) string {
	var known []string
	for _, t := range in {
		for _, a := range t.Attributes {
			known = append(known, a.Name)
		}
	}
	slices.Sort(known)
	return problem.Suggest(name, slices.Compact(known))
}
