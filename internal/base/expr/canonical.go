package expr

import (
	"strings"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/debug"
	"cel.dev/cel-go/common/types"
)

// canonical writes a checked tree as text, the same for the same tree.
func canonical(e ast.Expr) string {
	var b strings.Builder
	writeCanonical(&b, e)
	return b.String()
}

func writeCanonical(b *strings.Builder, e ast.Expr) {
	all := func(open string, es ...ast.Expr) {
		b.WriteString(open)
		for _, x := range es {
			b.WriteByte(' ')
			writeCanonical(b, x)
		}
		b.WriteByte(')')
	}
	switch e.Kind() {
	case ast.IdentKind:
		b.WriteString(e.AsIdent())
	case ast.LiteralKind:
		b.WriteString(literal(e))
	case ast.SelectKind:
		s := e.AsSelect()
		open := "(. " + s.FieldName()
		if s.IsTestOnly() {
			open = "(.? " + s.FieldName()
		}
		all(open, s.Operand())
	case ast.CallKind:
		call := e.AsCall()
		args := call.Args()
		open := "(" + call.FunctionName()
		if call.IsMemberFunction() {
			open += "."
			args = append([]ast.Expr{call.Target()}, args...)
		}
		all(open, args...)
	case ast.ListKind:
		all("(list", e.AsList().Elements()...)
	case ast.MapKind:
		var es []ast.Expr
		for _, x := range e.AsMap().Entries() {
			es = append(es, x.AsMapEntry().Key(), x.AsMapEntry().Value())
		}
		all("(map", es...)
	case ast.ComprehensionKind:
		x := e.AsComprehension()
		all("(loop "+x.IterVar()+" "+x.IterVar2()+" "+x.AccuVar(), x.IterRange(), x.AccuInit(), x.LoopCondition(), x.LoopStep(), x.Result())
	default:
		b.WriteString("(?)")
	}
}

// literal writes a constant so that its type shows.
func literal(e ast.Expr) string {
	if _, ok := e.AsLiteral().(types.Timestamp); ok {
		return "time:" + debug.ToDebugString(e)
	}
	return debug.ToDebugString(e)
}
