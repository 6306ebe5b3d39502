package scenario

import (
	"context"
	"time"

	"muster/internal/base/problem"
	"muster/internal/sync/run"
)

// decide makes a decision's action. A decision after a preview is about what
// the preview showed, else about what waits.
func decide(a *args, s run.Selection, do func(context.Context, run.Desk, run.Selection) (int, error)) action {
	line := a.step.Line
	return func(ctx context.Context, w *world) *problem.Problem {
		if w.preview {
			s.Plan = w.plan
		}
		n, err := do(ctx, w.desk, s)
		if err == nil && n == 0 {
			return stepProblem("the decision is about nothing", "name what the plan or the waiting list shows")
		}
		return w.decided(line, err)
	}
}

// refusedDecision is the result of a decision that was not taken.
const refusedDecision run.Result = "refused"

// decided notes a decision. One that is refused must be expected.
func (w *world) decided(line int, err error) *problem.Problem {
	if err != nil {
		w.did(line, &run.StepReport{Result: refusedDecision}, err)
	}
	return nil
}

func readApprove(a *args) action {
	s, d := a.selection(), a.decision()
	a.end(false)
	return decide(a, s, func(ctx context.Context, desk run.Desk, s run.Selection) (int, error) { return desk.Approve(ctx, s, d) })
}

func readReject(a *args) action {
	s, d := a.selection(), a.decision()
	a.end(false)
	return decide(a, s, func(ctx context.Context, desk run.Desk, s run.Selection) (int, error) { return desk.Reject(ctx, s, d) })
}

func readLift(a *args) action {
	s, d := a.selection(), a.decision()
	a.end(false)
	return decide(a, s, func(ctx context.Context, desk run.Desk, s run.Selection) (int, error) {
		s.Plan = 0
		return desk.Lift(ctx, s, d)
	})
}

func readProtect(a *args) action {
	s, d := a.selection(), a.decision()
	a.end(false)
	return decide(a, s, func(ctx context.Context, desk run.Desk, s run.Selection) (int, error) { return desk.Protect(ctx, s, d) })
}

func readShelve(a *args) action {
	s := a.selection()
	a.must("until")
	t := a.time()
	d := a.decision()
	a.end(false)
	return decide(a, s, func(ctx context.Context, desk run.Desk, s run.Selection) (int, error) {
		return desk.Shelve(ctx, s, t, d)
	})
}

func readNarrow(a *args) action {
	a.must("to")
	s, d := a.selection(), a.decision()
	a.end(false)
	return decide(a, s, func(ctx context.Context, desk run.Desk, s run.Selection) (int, error) { return desk.Narrow(ctx, s, d) })
}

func readUndo(a *args) action {
	var t time.Time
	if !a.next("by") {
		t = a.time()
	}
	d := a.decision()
	a.end(false)
	return func(ctx context.Context, w *world) *problem.Problem {
		no, err := w.planAt(ctx, t)
		if err == nil {
			w.undone, err = w.desk.Undo(ctx, no, d)
		}
		return w.decided(a.step.Line, err)
	}
}

// planAt finds the last accepted plan with units, or the one decided at t.
func (w *world) planAt(ctx context.Context, t time.Time) (int64, error) {
	plans, err := w.desk.ListPlans(ctx, run.Page{})
	if err != nil {
		return 0, err
	}
	for _, p := range plans {
		if p.Units > 0 && p.State == "accepted" && (t.IsZero() || p.Decided.Equal(t)) {
			return p.No, nil
		}
	}
	return 0, stepProblem("there is no such plan to be undone", "name the time at which a synchronization changed something")
}

func readJoin(a *args) action {
	entry, object := a.word("an entry"), ""
	a.must("to")
	if !a.is("new") {
		object = a.object()
	}
	d := a.decision()
	a.end(false)
	return func(ctx context.Context, w *world) *problem.Problem {
		return w.decided(a.step.Line, w.desk.JoinTo(ctx, entry, object, d))
	}
}

func readDisconnect(a *args) action {
	entry, d := a.word("an entry"), a.decision()
	a.end(false)
	return func(ctx context.Context, w *world) *problem.Problem {
		return w.decided(a.step.Line, w.desk.Disconnect(ctx, entry, d))
	}
}

func readRelease(a *args) action {
	conn, d := a.word("a connector"), a.decision()
	a.end(false)
	return func(ctx context.Context, w *world) *problem.Problem {
		return w.decided(a.step.Line, w.desk.Release(ctx, conn, d.By, d.Because))
	}
}

func readDiscard(a *args) action {
	conn, d := a.word("a connector"), a.decision()
	a.end(false)
	return func(ctx context.Context, w *world) *problem.Problem {
		return w.decided(a.step.Line, w.desk.Discard(ctx, conn, d.By, d.Because))
	}
}
