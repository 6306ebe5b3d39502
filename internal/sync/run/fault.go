package run

import (
	"cmp"
	"context"
	"errors"
	"strings"

	"muster/internal/base/object"
	"muster/internal/base/problem"
	"muster/internal/store"
	"muster/internal/sync/connector"
	"muster/internal/sync/engine"
)

// codeFault is the name of a fault in Muster itself (ERR-41).
const codeFault problem.Code = "unexpected-error"

// synchronization is what is worked with where that is no single object.
const synchronization = "the synchronization"

// faultError is a fault in Muster itself, with the report that tells its makers
// where it is.
type faultError struct {
	problem.Problem
	report            string
	connector, anchor string // by what entry the object was founded that was worked with, where that is known
}

// faultOf is a fault that was met while something worked with the object.
func faultOf(object string, f *store.Fault) *faultError {
	return &faultError{Problem: problem.Problem{Code: codeFault, Object: object, Message: f.Error(),
		Fix: "send us its report, which «muster runs --json» shows beside it"}, report: f.Stack}
}

// Unwrap gives the problem, which is what people read.
func (f *faultError) Unwrap() error { return &f.Problem }

// guarded calls a connector. A fault in it ends the step like an error of the
// system, and not the program, which has other work to do.
func guarded[T any](x *Connected, fn func() (T, error)) (out T, err error) {
	err = guard("connector "+x.Name, func() (err error) {
		out, err = fn()
		return err
	})
	return out, err
}

// guard calls fn, which works with the object. A fault in it becomes an error;
// so does one that the store met in work of its own.
func guard(object string, fn func() error) error {
	err := store.Guard(fn)
	var fault *store.Fault
	if errors.As(err, &fault) {
		err = faultOf(object, fault)
	}
	return err
}

// guarded carries out the work of one step. A fault in it ends the step: what its
// transaction wrote is taken back, and what is remembered of the store is thrown
// away, as nobody knows how far it was true.
func (r *Runner) guarded(s *StepReport, do func() error) error {
	what := synchronization
	if s.Connector != "" {
		what = string(s.Do) + " of " + s.Connector
	}
	err := guard(what, do)
	var f *faultError
	if !errors.As(err, &f) {
		return err
	}
	r.store.Forget()
	if s.Result == "" || s.Result.GoesOn() { // nobody has told it yet
		s.blame(err)
	}
	return err
}

// guardedBatch decides a batch. At a fault the objects are decided one by one, to
// tell at whom it was met.
func (d *deciding) guardedBatch(ctx context.Context, ids []object.ID) (*engine.Tally, error) {
	t, err := d.decideThese(ctx, ids)
	var f *faultError
	if !errors.As(err, &f) {
		return t, err
	}
	for i := range ids {
		var one *faultError
		if _, e := d.decideThese(ctx, ids[i:i+1]); errors.As(e, &one) {
			one.connector, one.anchor = d.founderOf(ctx, ids[i])
			one.Object = "the object that " + one.connector + "/" + one.anchor + " founded"
			return nil, one
		}
	}
	return nil, err
}

// decideThese decides some objects in a transaction of their own.
func (d *deciding) decideThese(ctx context.Context, ids []object.ID) (tally *engine.Tally, err error) {
	err = guard(synchronization, func() error {
		return d.r.store.Read(ctx, func(t *store.Tx) error {
			v, err := d.view(t)
			if err == nil {
				tally, err = d.dec.Batch(v, ids)
			}
			return err
		})
	})
	return tally, err
}

// founderOf says by which entry the object was founded, or would be.
func (d *deciding) founderOf(ctx context.Context, id object.ID) (connector, anchor string) {
	connector, anchor = d.dec.Founder(id)
	_ = d.r.store.Read(ctx, func(t *store.Tx) error { // if that fails too, the fault is told without
		objs, err := t.Objects([]object.ID{id})
		if o := objs[id]; o != nil {
			connector, anchor, _ = strings.Cut(o.Founder, "/")
		}
		return err
	})
	return connector, anchor
}

// blame notes a fault in Muster itself, with its report, among the errors of the
// step; false if err is none.
func (s *StepReport) blame(err error) bool {
	var f *faultError
	if !errors.As(err, &f) {
		return false
	}
	s.Result = CallFailure
	s.fail(ObjectError{Code: codeFault, Connector: cmp.Or(f.connector, s.Connector), Object: f.anchor, Message: f.Problem.Error(), Report: f.report})
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
