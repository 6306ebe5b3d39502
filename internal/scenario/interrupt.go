package scenario

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"

	"muster/internal/base/problem"
	"muster/internal/store"
	"muster/internal/sync/run"
)

// errDied is what a step meets once its process is dead.
var errDied = errors.New("the story says that Muster dies here")

// interrupted is the result of a step that died: nobody was there to note another.
const interrupted run.Result = "interrupted"

// death is when Muster dies, and that it did. What lives in one process cannot
// kill it; so from that moment no statement reaches the database, not even one
// that would tidy up, and no call reaches a system.
type death struct {
	moment
	mu    sync.Mutex
	near  bool // the next commit is the end
	wrote bool // since the last commit
	dead  bool
}

// moment is where in a step it is.
type moment struct {
	accepted int64 // at the first commit after so many units were accepted; -1: not there
	calls    int   // at this call; 0: at none
	after    bool  // once the system carried it out, else before it comes there
	objects  int   // once so many objects were told; -1: not there
}

// statement is the store's hook before each statement: a commit that does not
// come leaves nothing of its transaction.
func (d *death) statement(q string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	verb, _, _ := strings.Cut(strings.TrimSpace(q), " ")
	d.wrote = d.wrote || slices.Contains([]string{"INSERT", "UPDATE", "DELETE", "LOAD"}, verb)
	if verb == "COMMIT" {
		d.dead = d.dead || d.near && d.wrote
		d.wrote = false
	}
	return d.err()
}

func (d *death) err() error {
	if d.dead {
		return errDied
	}
	return nil
}

// observe sees how far accepting is.
func (d *death) observe(e run.Event) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if e.Phase == "accept" && d.accepted >= 0 && e.Done >= d.accepted {
		d.near, d.wrote = true, false
	}
}

// call is met before each call to a system, and after it.
func (d *death) call(after bool) error {
	if d == nil {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.calls > 0 && d.after == after {
		if d.calls--; d.calls == 0 {
			d.dead = true
		}
	}
	return d.err()
}

// told is met before each object that an import tells.
func (d *death) told() error {
	if d == nil {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.objects--; d.objects == -1 {
		d.dead = true
	}
	return d.err()
}

// readInterrupt carries out a step and lets Muster die in it. What follows is
// done by a Muster that was started anew.
func readInterrupt(a *args) action {
	line := a.step.Line
	step := readInner(a, run.Sync, run.Import, run.Export)
	m := moment{accepted: -1, objects: -1}
	switch {
	case a.is("before"):
		a.must("call")
		m.calls = a.number()
	default:
		a.must("after")
		if a.is("call") {
			m.calls, m.after = a.number(), true
			break
		}
		n := a.number()
		if a.is("accepted") {
			m.accepted = int64(n)
		} else {
			a.must("objects")
			m.objects = n
		}
	}
	a.end(false)
	return func(ctx context.Context, w *world) *problem.Problem {
		if w.begun != nil {
			return stepProblem("a step was begun and has not ended", "end it with: finish")
		}
		return w.die(ctx, line, &death{moment: m}, step)
	}
}

// die carries out a step until Muster dies, and starts it again.
func (w *world) die(ctx context.Context, line int, d *death, step run.Step) *problem.Problem {
	for _, s := range w.systems {
		s.sent, s.death = nil, d
	}
	// The store is opened for this step as for one that ends well, but watched.
	if err := w.reopen(ctx, store.Options{Before: d.statement}); err != nil {
		return stepError(err)
	}
	rep, err := doStep(ctx, w.runner(run.Options{Observe: d.observe, Chunks: 1}), step)
	for _, s := range w.systems {
		s.death = nil
	}
	died := d.dead
	if e := w.reopen(ctx, store.Options{}); e != nil {
		return stepError(e)
	}
	if w.start(); !died {
		w.did(line, rep, err)
		return stepProblem("the step came to its end before it could be interrupted", "let it die earlier")
	}
	w.did(line, &run.StepReport{Result: interrupted}, nil)
	w.errAt = 0
	return nil
}

// reopen drops the store as a crash does, and opens it again.
func (w *world) reopen(ctx context.Context, o store.Options) (err error) {
	w.store.Abort()
	w.store = nil
	w.store, err = store.Open(ctx, w.dsn, o)
	return err
}
