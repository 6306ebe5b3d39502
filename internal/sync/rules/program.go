package rules

import (
	"errors"

	"muster/internal/base/expr"
)

// program is an expression of the configuration.
type program struct {
	*expr.Program
	copied string
	reads  []Read
}

func newProgram(p *expr.Program) *program {
	out := &program{Program: p}
	if space, attr, ok := p.Copy(); ok && (space == expr.SpaceAttr || space == expr.SpaceMV) {
		out.copied = attr
	}
	for _, r := range p.Reads() {
		out.reads = append(out.reads, Read{Space: r.Space, Ref: r.Ref, Attr: r.Name})
	}
	return out
}

// Eval implements Expr.
func (p *program) Eval(in Input) (Result, error) {
	vs, err := p.Program.Eval(in)
	switch {
	case err == nil && len(vs) == 0:
		return Result{}, nil
	case err == nil:
		return Result{Outcome: Some, Values: vs}, nil
	case errors.Is(err, expr.ClearValue):
		return Result{Outcome: AuthoritativeNull}, nil
	case errors.Is(err, expr.IgnoreFlow):
		return Result{Outcome: Ignore}, nil
	case errors.Is(err, expr.MakePassword):
		return Result{Outcome: Some, Values: Password}, nil
	}
	return Result{}, err
}

// Copy implements Expr.
func (p *program) Copy() string { return p.copied }

// Reads implements Expr.
func (p *program) Reads() []Read { return p.reads }
