package connectortest

import (
	"errors"
	"testing"

	"muster/internal/base/object"
	"muster/internal/sync/connector"
)

// send sends the changes in one session and returns everything that is told.
func (x *exam) send(changes []connector.Change) (outcomes []connector.Outcome, sendErr, finishErr error) {
	x.Helper()
	s, err := x.exporter().OpenExport(x.Context())
	x.must(err, "OpenExport")
	defer s.Abort()
	outcomes, sendErr = s.Send(x.Context(), changes)
	if len(outcomes) > len(changes) {
		x.Fatalf("%d changes, %d outcomes", len(changes), len(outcomes))
	}
	if sendErr == nil {
		finishErr = s.Finish(x.Context())
	}
	return outcomes, sendErr, finishErr
}

// three seeds three objects and returns an update of each.
func (x *exam) three() ([]object.Record, []connector.Change) {
	x.Helper()
	x.exporter()
	x.needs(x.Sample.Text != "", "no text attribute")
	all := x.seed(3)
	changes := make([]connector.Change, len(all))
	for i, r := range all {
		changes[i] = change(connector.Update, r, set(x.Sample.Text, object.Str("new")))
	}
	return all, changes
}

func (x *exam) isNew(r object.Record) bool {
	x.Helper()
	there, ok := x.there(r)
	if !ok {
		x.Fatalf("%s is gone", x.name(r))
	}
	return there.Attrs.Get(x.Sample.Text).Has(object.Str("new"))
}

// changed holds who of all is new now against what is wanted.
func (x *exam) changed(all []object.Record, want []bool, what string) {
	x.Helper()
	got := make([]bool, len(all))
	for i, r := range all {
		got[i] = x.isNew(r)
	}
	x.equal(got, want, what)
}

// threeBut seeds three objects, of which the second will meet a fault.
func (x *exam) threeBut(fault func(*testing.T, object.Record), without string) ([]object.Record, []connector.Change) {
	x.Helper()
	x.exporter()
	x.needs(fault != nil, without)
	all, changes := x.three()
	fault(x.T, all[1])
	return all, changes
}

var faultCases = []testCase{
	{"faults/one refused", func(x *exam) {
		all, changes := x.threeBut(x.Faults.Refuse, "nothing can be made to be refused")
		out, err, finish := x.send(changes)
		x.must(errors.Join(err, finish), "a session with one refusal")
		if len(out) != 3 || out[0].Err != nil || out[2].Err != nil {
			x.Fatalf("outcomes %+v: want the second refused and the others done", out)
		}
		x.refused(out[1].Err)
		x.changed(all, []bool{true, false, true}, "who changed")
	}},
	{"faults/unknown attribute", func(x *exam) {
		all, changes := x.three()
		changes[1].Mods = append(changes[1].Mods, set("noSuchAttribute", object.Str("x")))
		out, err, finish := x.send(changes)
		x.must(errors.Join(err, finish), "a session with one refusal")
		x.refused(out[1].Err, connector.SchemaViolation, connector.ConstraintViolation)
		x.changed(all, []bool{true, false, true}, "who changed")
	}},
	{"faults/busy", func(x *exam) {
		all, changes := x.threeBut(x.Faults.Busy, "it is never busy")
		out, err, finish := x.send(changes)
		var busy *connector.Busy
		if errors.As(err, &busy) {
			x.equal(len(out), 1, "outcomes before the session ended busy")
			return
		}
		x.must(errors.Join(err, finish), "a session with one change that came too early")
		if len(out) != 3 || !errors.As(out[1].Err, &busy) || x.isNew(all[1]) {
			x.Fatalf("outcomes %+v: want the second busy and not done", out)
		}
		x.exported(changes[1])
		x.equal(x.isNew(all[1]), true, "the second, sent again")
	}},
	{"faults/answer lost", func(x *exam) {
		_, changes := x.threeBut(x.Faults.Lost, "answers cannot be lost")
		out, _, _ := x.send(changes)
		var unanswered *connector.Unanswered
		if len(out) < 2 || out[0].Err != nil || !errors.As(out[1].Err, &unanswered) {
			x.Fatalf("outcomes %+v: want the second unanswered", out)
		}
	}},
	{"faults/connection lost", func(x *exam) {
		all, changes := x.threeBut(x.Faults.CutExport, "nothing can be cut")
		out, err, _ := x.send(changes)
		if err == nil {
			x.Fatalf("the connection was lost, and Send returned nil, %+v", out)
		}
		for i, o := range out {
			if o.Err == nil && !x.d.Traits.Atomic && !x.isNew(all[i]) {
				x.Errorf("change %d was reported done and was not", i)
			}
		}
		for i := len(out); i < len(all); i++ {
			if x.isNew(all[i]) {
				x.Errorf("change %d was done, and no outcome says so", i)
			}
		}
		if x.d.Traits.Atomic {
			x.changed(all, []bool{false, false, false}, "who changed in an atomic system")
		}
	}},
}
