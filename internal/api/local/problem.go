package local

import (
	"context"
	"errors"

	"muster/internal/base/problem"
)

// Problem is a problem.Problem as it is written in JSON, here and in the
// output of commands.
type Problem struct {
	Code    string `json:"code"`
	Where   *Place `json:"where,omitempty"`
	Source  string `json:"source,omitempty"`
	Object  string `json:"object,omitempty"`
	Message string `json:"message"`
	Fix     string `json:"fix,omitempty"`
}

// Place is a position in a file; lines and columns count from 1.
type Place struct {
	File   string `json:"file"`
	Line   int    `json:"line,omitempty"`
	Column int    `json:"column,omitempty"`
}

// The codes of faults that have no name of their own.
const (
	CodeUnnamed problem.Code = "failed"
	CodeStopped problem.Code = "stopped"
	CodeRequest problem.Code = "bad-request"
	CodeAway    problem.Code = "server-away"
)

// Problems writes an error as problems: those it holds, or one for the whole.
// No error gives none.
func Problems(err error) []Problem {
	if err == nil {
		return nil
	}
	var list problem.List
	if errors.As(err, &list) {
		out := make([]Problem, len(list))
		for i, p := range list {
			out[i] = write(p)
		}
		return out
	}
	var p *problem.Problem
	if errors.As(err, &p) {
		out := write(p)
		if err.Error() != p.Error() { // wrapped: what stands around it is told too
			out = Problem{Code: string(p.Code), Message: err.Error()}
		}
		return []Problem{out}
	}
	if errors.Is(err, context.Canceled) {
		return []Problem{{Code: string(CodeStopped), Message: "was stopped before its end", Fix: "start it again; what was finished stays"}}
	}
	return []Problem{{Code: string(CodeUnnamed), Message: err.Error()}}
}

func write(p *problem.Problem) Problem {
	out := Problem{Code: string(p.Code), Source: p.Source, Object: p.Object, Message: p.Message, Fix: p.Fix}
	if p.Err != nil && p.Err.Error() != p.Message {
		out.Message += ": " + p.Err.Error()
	}
	if p.Where.File != "" {
		out.Where = &Place{p.Where.File, p.Where.Line, p.Where.Column}
	}
	return out
}

// Err is the other way round: the error that was written.
func Err(list []Problem) error {
	var out problem.List
	for _, p := range list {
		q := &problem.Problem{Code: problem.Code(p.Code), Source: p.Source, Object: p.Object, Message: p.Message, Fix: p.Fix}
		if p.Where != nil {
			q.Where = problem.Position{File: p.Where.File, Line: p.Where.Line, Column: p.Where.Column}
		}
		out.Add(q)
	}
	if len(out) == 1 {
		return out[0]
	}
	return out.Err()
}
