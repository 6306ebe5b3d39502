package run_test

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"muster/internal/base/secret"
	"muster/internal/store"
	"muster/internal/store/storetest"
	"muster/internal/sync/rules"
	"muster/internal/sync/run"
)

// broken is an expression with a fault in it: it breaks on people called so,
// while it is on.
type broken struct {
	rules.Expr
	on *bool
}

func (x broken) Copy() string { return "" }

func (x broken) Eval(in rules.Input) (rules.Result, error) {
	if *x.on && in.Values("attr", "first").First().Text() == "Ben" {
		var nobody []int
		_ = nobody[len("Ben")]
	}
	return x.Expr.Eval(in)
}

// plant puts the fault into the flow of phone numbers.
func plant(cfg *run.Config) (on *bool) {
	on = new(bool)
	for _, r := range cfg.Rules.Inbound {
		for i := range r.Flows {
			if f := &r.Flows[i]; f.Attr == "phone" {
				f.Value = broken{f.Value, on}
			}
		}
	}
	return on
}

// wantFault wants the step to have ended by a fault that is told with these words.
func wantFault(t *testing.T, rep *run.StepReport, err error, words ...string) run.ObjectError {
	t.Helper()
	if err == nil || rep == nil || rep.Result != run.CallFailure || len(rep.Errors) != 1 {
		t.Fatalf("the step ended so: %v\n%+v", err, rep)
	}
	e := rep.Errors[0]
	for _, w := range append(words, "a fault in Muster itself") {
		if !strings.Contains(e.Message, w) {
			t.Errorf("%q does not say %q", e.Message, w)
		}
	}
	if e.Code != "unexpected-error" || !strings.Contains(e.Report, ".go:") {
		t.Errorf("the error is %s, with the report %q", e.Code, e.Report)
	}
	return e
}

// TestFaultInARule lets a rule break in the middle of deciding, among others and
// by several workers: at somebody who is there, and at somebody new. The step
// names him and ends, nothing is accepted, and all goes on once the fault is gone
// (ERR-41).
func TestFaultInARule(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		b, ctx := benchOf(t, estate, dsn), t.Context()
		on := plant(b.cfg)
		b.put("employee", "1", "emp", "1", "first", "Anna", "last", "Berg", "phone", "100")
		b.put("employee", "2", "emp", "2", "first", "Ben", "last", "Okafor", "phone", "200")
		b.put("employee", "3", "emp", "3", "first", "Carla", "last", "Nunes", "phone", "300")
		b.step(b.r.Import(ctx, "hr", true))
		*on = true
		rep, err := b.r.Sync(ctx, run.SyncOptions{})
		if e := wantFault(t, rep, err, "hr/2"); e.Connector != "hr" || e.Object != "2" {
			t.Errorf("the fault is at %s/%s", e.Connector, e.Object)
		}
		if got := objects(t, b); got != 0 {
			t.Fatalf("%d objects are there", got)
		}

		*on = false
		b.step(b.r.Sync(ctx, run.SyncOptions{}))
		b.put("employee", "2", "emp", "2", "first", "Ben", "last", "Okafor", "phone", "201")
		b.put("employee", "3", "emp", "3", "first", "Carla", "last", "Roth", "phone", "300")
		b.step(b.r.Import(ctx, "hr", true))
		*on = true
		rep, err = b.r.Sync(ctx, run.SyncOptions{})
		if e := wantFault(t, rep, err, "hr/2"); e.Connector != "hr" || e.Object != "2" {
			t.Errorf("the fault is at %s/%s", e.Connector, e.Object)
		}
		*on = false
		if rep := b.step(b.r.Sync(ctx, run.SyncOptions{})); rep.Counters["units"] != 2 {
			t.Errorf("%d units, want those of Ben and Carla", rep.Counters["units"])
		}
		if rep := b.step(b.r.Sync(ctx, run.SyncOptions{Full: true})); rep.Counters["units"] != 0 {
			t.Errorf("%d units are left", rep.Counters["units"])
		}
	})
}

// objects counts what is in the metaverse.
func objects(t *testing.T, b *bench) (n int) {
	t.Helper()
	if err := b.store.Read(t.Context(), func(tx *store.Tx) error {
		list, _, err := tx.ObjectsOf("person", 0, 100)
		n = len(list)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestFaultInATransaction lets the program break before statements, one after
// another, of an import, a synchronization and an export; and once more lets them
// fail. The transaction comes to nothing, and the same step then does all its work
// in the same process, with what that remembers of the store.
func TestFaultInATransaction(t *testing.T) {
	for name, breaks := range map[string]func() error{
		"fault": func() error { panic("planted here") },
		"error": func() error { return errors.New("planted here") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			at := int64(1)
			for ; breaksAt(t, at, name == "fault", breaks); at += 11 {
			}
			if at < 100 {
				t.Errorf("there were only %d statements", at)
			}
		})
	}
}

// breaksAt carries out the steps with a fault at a statement; false when there are
// not so many.
func breaksAt(t *testing.T, at int64, fault bool, breaks func() error) bool {
	t.Helper()
	ctx, b := t.Context(), newBench(t)
	var left atomic.Int64
	s, err := store.Open(ctx, storetest.SQLite(t), store.Options{Now: time.Now, Before: func(string) error {
		if left.Add(-1) == 0 {
			return breaks()
		}
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	b.store, b.r = s, run.New(s, b.cfg, run.Options{Now: func() time.Time { return b.now }, By: "tester", Secrets: secret.Fixed{}})
	b.put("employee", "1", "emp", "1", "first", "Anna", "last", "Berg", "phone", "100")
	b.put("employee", "2", "emp", "2", "first", "Ben", "last", "Okafor", "boss", "->1")
	left.Store(at)
	for _, step := range []func() (*run.StepReport, error){
		func() (*run.StepReport, error) { return b.r.Import(ctx, "hr", true) },
		func() (*run.StepReport, error) { return b.r.Sync(ctx, run.SyncOptions{}) },
		func() (*run.StepReport, error) { return b.r.Export(ctx, "dir") },
	} {
		rep, err := step()
		if err != nil {
			if fault && left.Load() <= 0 && rep.Result == run.CallFailure {
				wantFault(t, rep, err, "planted here")
			}
			rep, err = step()
		}
		b.step(rep, err)
	}
	reached := left.Load() <= 0
	left.Store(0)
	if rep := b.step(b.r.Sync(ctx, run.SyncOptions{Full: true})); rep.Counters["units"] != 0 {
		t.Errorf("after statement %d a full run finds %d units", at, rep.Counters["units"])
	}
	if got := len(b.dir()); got != 2 {
		t.Errorf("after statement %d the directory has %d people", at, got)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	return reached
}
