package expr

import (
	"strings"
	"time"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
)

// node is a piece of an expression as a Go closure.
type node func(m *machine) val

// builder makes closures of the common part of the language from a checked
// tree. Whatever it does not know it gives back as nil, and the whole
// expression runs as a CEL program; the differential test holds both to the
// same results.
type builder struct {
	*compiler
	tree *ast.AST
}

func (b *builder) node(e ast.Expr) node {
	switch e.Kind() {
	case ast.IdentKind:
		v := b.byName[e.AsIdent()]
		if v == nil {
			return nil
		}
		return func(m *machine) val { return m.read(v) }
	case ast.LiteralKind:
		switch e.AsLiteral().(type) {
		case types.String, types.Int, types.Bool, types.Bytes:
			v := fromCEL(e.AsLiteral())
			return func(*machine) val { return v }
		}
		return nil
	case ast.ListKind:
		return b.listNode(e)
	case ast.CallKind:
		return b.callNode(e)
	default:
		return nil
	}
}

func (b *builder) nodes(es []ast.Expr) ([]node, bool) {
	ns := make([]node, len(es))
	for i, e := range es {
		if ns[i] = b.node(e); ns[i] == nil {
			return nil, false
		}
	}
	return ns, true
}

func (b *builder) listNode(e ast.Expr) node {
	ns, ok := b.nodes(e.AsList().Elements())
	if !ok || len(e.AsList().OptionalIndices()) > 0 {
		return nil
	}
	return func(m *machine) val {
		l := make([]val, len(ns))
		for i, n := range ns {
			if l[i] = n(m); l[i].k == kFail {
				return l[i]
			}
		}
		return list(l)
	}
}

func (b *builder) callNode(e ast.Expr) node {
	call := e.AsCall()
	args := call.Args()
	ids := b.tree.GetOverloadIDs(e.ID())
	if len(ids) == 1 {
		if o, ok := b.env.overloads[ids[0]]; ok {
			return b.functionNode(o, args)
		}
	}
	if call.IsMemberFunction() {
		args = append([]ast.Expr{call.Target()}, args...)
	}
	if n := b.constant(call.FunctionName(), args); n != nil {
		return n
	}
	if b.joins(e) {
		return b.joinNode(e)
	}
	ns, ok := b.nodes(args)
	if !ok {
		return nil
	}
	switch call.FunctionName() {
	case "_?_:_":
		return choice(ns[0], ns[1], ns[2])
	case "_&&_":
		return both(ns[0], ns[1], false)
	case "_||_":
		return both(ns[0], ns[1], true)
	}
	kinds := make([]kind, len(args))
	for i, a := range args {
		kinds[i] = checkedKind(b.tree.GetType(a.ID()))
	}
	switch len(ns) {
	case 1:
		if op := unaryOperator(call.FunctionName(), kinds[0]); op != nil {
			x := ns[0]
			return func(m *machine) val {
				v := x(m)
				if v.k == kFail {
					return v
				}
				return op(v)
			}
		}
	case 2:
		if op := binaryOperator(call.FunctionName(), kinds[0], kinds[1]); op != nil {
			x, y := ns[0], ns[1]
			return func(m *machine) val {
				v := x(m)
				if v.k == kFail {
					return v
				}
				w := y(m)
				if w.k == kFail {
					return w
				}
				return op(v, w)
			}
		}
	}
	return nil
}

// joins reports that e joins two texts with +.
func (b *builder) joins(e ast.Expr) bool {
	if e.Kind() != ast.CallKind || e.AsCall().FunctionName() != "_+_" {
		return false
	}
	args := e.AsCall().Args()
	return checkedKind(b.tree.GetType(args[0].ID())) == kString && checkedKind(b.tree.GetType(args[1].ID())) == kString
}

// joinNode joins a + b + c in one go, so that a chain makes one text and not
// one more with each +.
func (b *builder) joinNode(e ast.Expr) node {
	var parts []ast.Expr
	var gather func(e ast.Expr)
	gather = func(e ast.Expr) {
		if !b.joins(e) {
			parts = append(parts, e)
			return
		}
		gather(e.AsCall().Args()[0])
		gather(e.AsCall().Args()[1])
	}
	gather(e)
	ns, ok := b.nodes(parts)
	if !ok {
		return nil
	}
	return func(m *machine) val {
		base, size := len(m.stack), 0
		for _, n := range ns {
			v := n(m)
			if v.k == kFail {
				m.stack = m.stack[:base]
				return v
			}
			m.stack = append(m.stack, v)
			size += len(v.s)
		}
		var s strings.Builder
		if size <= MaxText {
			s.Grow(size)
			for _, v := range m.stack[base:] {
				s.WriteString(v.s)
			}
		}
		m.stack = m.stack[:base]
		if size > MaxText {
			return tooLong()
		}
		return val{k: kString, s: s.String()}
	}
}

// functionNode calls one of our functions. Arguments live on the machine's
// stack, so that a call costs no allocation.
func (b *builder) functionNode(o overload, args []ast.Expr) node {
	if o.fn.is(clocked) {
		args = args[1:]
	}
	ns, ok := b.nodes(args)
	if !ok {
		return nil
	}
	f, overList := o.fn, o.overList
	return func(m *machine) val {
		base := len(m.stack)
		for i, n := range ns {
			v := n(m)
			if v.k == kFail && !f.takes(i, v) {
				m.stack = m.stack[:base]
				return v
			}
			m.stack = append(m.stack, v)
		}
		v := f.invoke(m, m.stack[base:], overList)
		m.stack = m.stack[:base]
		return v
	}
}

// constant knows duration("168h") and timestamp("2026-…"), whose values are
// the same each time.
func (b *builder) constant(name string, args []ast.Expr) node {
	if len(args) != 1 || args[0].Kind() != ast.LiteralKind {
		return nil
	}
	s, ok := args[0].AsLiteral().(types.String)
	if !ok {
		return nil
	}
	var v val
	switch name {
	case "duration":
		d, ok := s.ConvertToType(types.DurationType).(types.Duration)
		if !ok {
			return nil
		}
		v = span(d.Duration)
	case "timestamp":
		t, ok := s.ConvertToType(types.TimestampType).(types.Timestamp)
		if !ok || t.Time.Nanosecond()%int(time.Microsecond) != 0 {
			return nil
		}
		v = instant(t.Time)
	default:
		return nil
	}
	return func(*machine) val { return v }
}

func choice(cond, yes, no node) node {
	return func(m *machine) val {
		c := cond(m)
		if c.k == kFail {
			return c
		}
		if c.n == 1 {
			return yes(m)
		}
		return no(m)
	}
}

// both is && and ||: the side that decides wins, even if the other one is
// absent or at fault.
func both(x, y node, decides bool) node {
	return func(m *machine) val {
		v := x(m)
		if v.k == kBool && v.isTrue() == decides {
			return v
		}
		w := y(m)
		if w.k == kBool && w.isTrue() == decides || v.k != kFail {
			return w
		}
		return v
	}
}
