package expr

import (
	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
)

// macros are the functions that are rewritten while the expression is read,
// because they take any number of arguments, bind a name, or compute only one
// of their arguments.
func macros() []cel.Macro {
	return []cel.Macro{
		cel.GlobalMacro("has", 1, func(f cel.MacroExprFactory, target ast.Expr, a []ast.Expr) (ast.Expr, *cel.Error) {
			if a[0].Kind() == ast.IdentKind { // missingSince is a name of its own, not an attribute of something
				return f.NewCall("IsPresent", a...), nil
			}
			return cel.HasMacro.Expander()(f, target, a)
		}),
		cel.GlobalMacro("IIF", 3, func(f cel.MacroExprFactory, _ ast.Expr, a []ast.Expr) (ast.Expr, *cel.Error) {
			return f.NewCall("_?_:_", a...), nil
		}),
		cel.GlobalVarArgMacro("Switch", expandSwitch),
		cel.GlobalMacro("Select", 3, func(f cel.MacroExprFactory, _ ast.Expr, a []ast.Expr) (ast.Expr, *cel.Error) {
			return loopOver(f, a, func(x ast.Expr) ast.Expr { return x })
		}),
		cel.GlobalMacro("Where", 3, func(f cel.MacroExprFactory, _ ast.Expr, a []ast.Expr) (ast.Expr, *cel.Error) {
			return filterOver(f, a)
		}),
		cel.GlobalMacro("With", 3, expandWith),
		cel.GlobalVarArgMacro("coalesce", foldRight("default")),
		cel.GlobalVarArgMacro("Concatenate", foldLeft("Concatenate")),
		cel.GlobalVarArgMacro("oneOf", func(f cel.MacroExprFactory, _ ast.Expr, a []ast.Expr) (ast.Expr, *cel.Error) {
			if len(a) < 2 {
				return nil, f.NewError(0, "oneOf takes a value and at least one value to compare with")
			}
			if len(a) == 2 {
				return nil, nil
			}
			return f.NewCall("@in", a[0], f.NewList(a[1:]...)), nil
		}),
		cel.GlobalVarArgMacro("dn", func(f cel.MacroExprFactory, _ ast.Expr, a []ast.Expr) (ast.Expr, *cel.Error) {
			if len(a) == 1 && a[0].Kind() == ast.ListKind {
				return nil, nil
			}
			return f.NewCall("dn", f.NewList(a...)), nil
		}),
	}
}

func foldRight(name string) cel.MacroFactory {
	return func(f cel.MacroExprFactory, _ ast.Expr, a []ast.Expr) (ast.Expr, *cel.Error) {
		if len(a) < 2 {
			return nil, f.NewError(0, "coalesce takes at least two values")
		}
		e := a[len(a)-1]
		for i := len(a) - 2; i >= 0; i-- {
			e = f.NewCall(name, a[i], e)
		}
		return e, nil
	}
}

func foldLeft(name string) cel.MacroFactory {
	return func(f cel.MacroExprFactory, _ ast.Expr, a []ast.Expr) (ast.Expr, *cel.Error) {
		if len(a) < 3 {
			return nil, nil
		}
		e := a[0]
		for _, x := range a[1:] {
			e = f.NewCall(name, e, x)
		}
		return e, nil
	}
}

func expandSwitch(f cel.MacroExprFactory, _ ast.Expr, a []ast.Expr) (ast.Expr, *cel.Error) {
	if len(a) == 0 || len(a)%2 != 0 {
		return nil, f.NewError(0, "Switch takes pairs: a condition and its value, and so on")
	}
	e := f.NewCall("Null")
	for i := len(a) - 2; i >= 0; i -= 2 {
		e = f.NewCall("_?_:_", a[i], a[i+1], e)
	}
	return e, nil
}

func bound(f cel.MacroExprFactory, e ast.Expr) (string, *cel.Error) {
	if e.Kind() != ast.IdentKind {
		return "", f.NewError(e.ID(), "here stands the name of a variable, such as item")
	}
	return e.AsIdent(), nil
}

// loopOver makes Select(item, list, expr).
func loopOver(f cel.MacroExprFactory, a []ast.Expr, _ func(ast.Expr) ast.Expr) (ast.Expr, *cel.Error) {
	name, err := bound(f, a[0])
	if err != nil {
		return nil, err
	}
	step := f.NewCall("_+_", f.NewAccuIdent(), f.NewList(a[2]))
	return f.NewComprehension(a[1], name, f.AccuIdentName(), f.NewList(), f.NewLiteral(types.True), step, f.NewAccuIdent()), nil
}

// filterOver makes Where(item, list, condition).
func filterOver(f cel.MacroExprFactory, a []ast.Expr) (ast.Expr, *cel.Error) {
	name, err := bound(f, a[0])
	if err != nil {
		return nil, err
	}
	step := f.NewCall("_?_:_", a[2], f.NewCall("_+_", f.NewAccuIdent(), f.NewList(a[0])), f.NewAccuIdent())
	return f.NewComprehension(a[1], name, f.AccuIdentName(), f.NewList(), f.NewLiteral(types.True), step, f.NewAccuIdent()), nil
}

// expandWith makes With(name, value, expr): the name stands for the value in
// expr. It is CEL's way to bind a name: a loop over nothing whose accumulator
// is the name.
func expandWith(f cel.MacroExprFactory, _ ast.Expr, a []ast.Expr) (ast.Expr, *cel.Error) {
	name, err := bound(f, a[0])
	if err != nil {
		return nil, err
	}
	return f.NewComprehension(f.NewList(), "#unused", name, a[1], f.NewLiteral(types.False), f.NewIdent(name), a[2]), nil
}
