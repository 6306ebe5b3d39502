package expr

import (
	"slices"
	"strings"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"

	"muster/internal/base/object"
	"muster/internal/base/problem"
)

// resolveCall checks that a function exists and is allowed here, and gives
// clocked functions their hidden argument.
func (c *compiler) resolveCall(e ast.Expr, local []string) {
	call := e.AsCall()
	name := call.FunctionName()
	if name == "ImportedValue" && c.imported(e) {
		return
	}
	if name == "unique" {
		c.report(e.ID(), NotAllowed, "unique must be the whole expression", "write unique(wish, n, further names) with nothing around it")
		e.SetKindCase(c.ident(e.ID(), unknownName))
		return
	}
	if call.IsMemberFunction() {
		c.resolve(call.Target(), local)
	}
	for _, a := range call.Args() {
		c.resolve(a, local)
	}
	if isOperator(name) {
		return
	}
	f := catalog().byName[name]
	switch {
	case f == nil:
		c.report(e.ID(), UnknownName, "there is no function "+name, suggestFunction(name))
	case call.IsMemberFunction() && f.Origin != FromCEL && !f.is(dotted):
		c.report(e.ID(), BadType, name+" is not written behind a dot", "write "+name+"(value, …)")
	case f.call == nil && f.Origin != FromCEL:
		c.report(e.ID(), BadType, name+" is not called like this", "write "+strings.ReplaceAll(f.Signature, "\n", " or "))
	case !f.allowedIn(c.scope.Context):
		c.report(e.ID(), NotAllowed, name+" is not allowed in "+c.scope.Context.String(), f.instead)
	case name == "password" && !c.outermost(e):
		c.report(e.ID(), NotAllowed, "password must be the whole value", "the password is made when it is sent, so nothing can be done with it before")
	default:
		if f.is(clocked) {
			c.nextID++
			args := append([]ast.Expr{c.ident(c.nextID, inputName)}, call.Args()...)
			e.SetKindCase(ast.NewExprFactory().NewCall(e.ID(), name, args...))
		}
		return
	}
	e.SetKindCase(c.ident(e.ID(), unknownName))
}

// imported resolves ImportedValue("attribute"); false when it is written
// wrongly, which the type check then tells.
func (c *compiler) imported(e ast.Expr) bool {
	args := e.AsCall().Args()
	if len(args) != 1 || args[0].Kind() != ast.LiteralKind {
		return false
	}
	name, ok := args[0].AsLiteral().(types.String)
	if !ok {
		return false
	}
	v, ok := c.attribute(e, SpaceImported, []string{string(name)})
	if ok {
		c.bind(e, v)
	} else {
		e.SetKindCase(c.ident(e.ID(), unknownName))
	}
	return true
}

// outermost reports that the value of e is the value of the whole expression.
func (c *compiler) outermost(e ast.Expr) bool {
	var reaches func(x ast.Expr) bool
	reaches = func(x ast.Expr) bool {
		if x.ID() == e.ID() {
			return true
		}
		if x.Kind() != ast.CallKind || x.AsCall().FunctionName() != "_?_:_" {
			return false
		}
		args := x.AsCall().Args()
		return reaches(args[1]) || reaches(args[2])
	}
	return reaches(c.root)
}

// isOperator tells the names that CEL gives its operators from functions.
func isOperator(name string) bool {
	return strings.HasPrefix(name, "_") || strings.HasSuffix(name, "_") || strings.HasPrefix(name, "@")
}

func suggestFunction(name string) string {
	var known []string
	for _, f := range Functions() {
		if strings.EqualFold(f.Name, name) {
			return "did you mean " + f.Name + "?"
		}
		known = append(known, f.Name)
	}
	return problem.Suggest(name, known)
}

// identOf returns the name of an identifier node, "" for any other.
func identOf(e ast.Expr) string {
	if e.Kind() == ast.IdentKind {
		return e.AsIdent()
	}
	return ""
}

// kindOf returns what a checked type can be stored as.
func kindOf(t *types.Type) (Type, bool) {
	if t.Kind() == types.ListKind && len(t.Parameters()) == 1 {
		inner, ok := kindOf(t.Parameters()[0])
		return Type{inner.Kind, true}, ok && !inner.Multi
	}
	for k := object.String; k <= object.Ref; k++ {
		if celType(Type{Kind: k}).IsExactType(t) {
			return Type{Kind: k}, true
		}
	}
	return Type{}, slices.Contains([]types.Kind{types.DynKind, types.TypeParamKind}, t.Kind())
}
