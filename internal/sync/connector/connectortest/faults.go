package connectortest

import (
	"errors"

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

var faultCases = []testCase{
	{"faults/one refused", func(x *exam) {
		x.exporter()
		x.needs(x.Faults.Refuse != nil, "nothing can be made to be refused")
		all, changes := x.three()
		x.Faults.Refuse(x.T, all[1])
		out, err, finish := x.send(changes)
		x.must(errors.Join(err, finish), "a session with one refusal")
		if len(out) != 3 || out[0].Err != nil || out[2].Err != nil {
			x.Fatalf("outcomes %+v: want the second refused and the others done", out)
		}
		x.refused(out[1].Err)
		x.equal([]bool{x.isNew(all[0]), x.isNew(all[1]), x.isNew(all[2])}, []bool{true, false, true}, "who changed")
	}},
	{"faults/unknown attribute", func(x *exam) {
		all, changes := x.three()
		changes[1].Mods = append(changes[1].Mods, set("noSuchAttribute", object.Str("x")))
		out, err, finish := x.send(changes)
		x.must(errors.Join(err, finish), "a session with one refusal")
		x.refused(out[1].Err, connector.SchemaViolation, connector.ConstraintViolation)
		x.equal([]bool{x.isNew(all[0]), x.isNew(all[1]), x.isNew(all[2])}, []bool{true, false, true}, "who changed")
	}},
	{"faults/busy", func(x *exam) {
		x.exporter()
		x.needs(x.Faults.Busy != nil, "it is never busy")
		all, changes := x.three()
		x.Faults.Busy(x.T, all[1])
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
		x.exporter()
		x.needs(x.Faults.Lost != nil, "answers cannot be lost")
		all, changes := x.three()
		x.Faults.Lost(x.T, all[1])
		out, _, _ := x.send(changes)
		var unanswered *connector.Unanswered
		if len(out) < 2 || out[0].Err != nil || !errors.As(out[1].Err, &unanswered) {
			x.Fatalf("outcomes %+v: want the second unanswered", out)
		}
	}},
	{"faults/connection lost", func(x *exam) {
		x.exporter()
		x.needs(x.Faults.CutExport != nil, "nothing can be cut")
		all, changes := x.three()
		x.Faults.CutExport(x.T, all[1])
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
			x.equal([]bool{x.isNew(all[0]), x.isNew(all[1]), x.isNew(all[2])}, []bool{false, false, false}, "who changed in an atomic system")
		}
	}},
}
