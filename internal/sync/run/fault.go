package run

import (
	"errors"
	"fmt"
	"runtime/debug"

	"muster/internal/base/problem"
	"muster/internal/sync/connector"
)

// codeFault is the name of a fault in Muster itself (ERR-41).
const codeFault problem.Code = "unexpected-error"

// faultError is a fault in Muster itself, with the report that tells its makers
// where it is.
type faultError struct {
	problem.Problem
	report string
}

// Unwrap gives the problem, which is what people read.
func (f *faultError) Unwrap() error { return &f.Problem }

// guarded calls a connector. A fault in it ends the step like an error of the
// system, and not the program, which has other work to do.
func guarded[T any](x *Connected, fn func() (T, error)) (out T, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = &faultError{problem.Problem{Code: codeFault, Object: "connector " + x.Name, Message: fmt.Sprintf("a fault in Muster itself: %v", fault),
				Fix: "send us its report, which «muster runs --json» shows beside it"}, string(debug.Stack())}
		}
	}()
	return fn()
}

// blame notes a fault in Muster itself, with its report, among the errors of the
// step; false if err is none.
func (s *StepReport) blame(err error) bool {
	var f *faultError
	if !errors.As(err, &f) {
		return false
	}
	s.Result = CallFailure
	s.fail(ObjectError{Code: codeFault, Connector: s.Connector, Message: f.Problem.Error(), Report: f.report})
	return true
}

// sendGuarded sends changes. What became of them nobody knows if the connector
// fails in the middle.
func (ex *exporting) sendGuarded(send func() ([]connector.Outcome, error), n int) (out []connector.Outcome, err error) {
	out, err = guarded(ex.x, send)
	var f *faultError
	if errors.As(err, &f) {
		out = make([]connector.Outcome, n)
		for i := range out {
			out[i].Err = &connector.Unanswered{Err: f}
		}
	}
	return out, err
}
