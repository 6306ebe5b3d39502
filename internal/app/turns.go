package app

import (
	"context"
	"sync"
	"time"

	"muster/internal/store/queue"
	"muster/internal/sync/run"
)

// turns see to it that no two pieces of work use the same thing at the same
// time: a connector, or "" for deciding.
type turns struct {
	now func() time.Time

	mu   sync.Mutex
	with map[string]turn
	free chan struct{} // closed when something came free
}

// turn is who has something, and for what.
type turn struct {
	what, by string
	since    time.Time
}

func newTurns(now func() time.Time) *turns {
	return &turns{now: now, with: map[string]turn{}, free: make(chan struct{})}
}

// take takes everything named, or nothing and says who has it.
func (t *turns) take(what, by string, names ...string) (give func(), err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, n := range names {
		if x, ok := t.with[n]; ok {
			thing := "connector " + n
			if n == "" {
				thing = "synchronization"
			}
			return nil, busy(thing, x.what, x.by, x.since)
		}
	}
	for _, n := range names {
		t.with[n] = turn{what, by, t.now()}
	}
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		for _, n := range names {
			delete(t.with, n)
		}
		close(t.free)
		t.free = make(chan struct{})
	}, nil
}

// await is take, but waits until everything is free, or ctx ends.
func (t *turns) await(ctx context.Context, what, by string, names ...string) (give func(), err error) {
	for {
		t.mu.Lock()
		free := t.free
		t.mu.Unlock()
		give, err := t.take(what, by, names...)
		if err == nil {
			return give, nil
		}
		select {
		case <-free:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// uses lists what a profile works with.
func uses(p run.Profile) []string {
	seen := map[string]bool{}
	var out []string
	for _, s := range p.Steps {
		if !seen[s.Connector] {
			seen[s.Connector] = true
			out = append(out, s.Connector)
		}
	}
	return out
}

// orderly is a desk that waits for no turn: what is busy is refused, with who
// is at it.
type orderly struct {
	run.Desk
	turns  *turns
	cfg    *run.Config
	by     string
	states func(context.Context) (map[string]queue.State, error) // of schedules
}

// Status is run.Look's, with the next times of schedules.
func (d *orderly) Status(ctx context.Context) (*run.Status, error) {
	st, err := d.Desk.Status(ctx)
	if err != nil {
		return nil, err
	}
	states, err := d.states(ctx)
	if err != nil {
		return nil, err
	}
	for i := range st.Schedules {
		x := &st.Schedules[i]
		now := states[x.Name]
		x.Next, x.Running = now.Due.UTC(), now.Running
		if now.Due.IsZero() {
			x.Next = time.Time{}
		}
	}
	return st, nil
}

// Import is run.Work's.
func (d *orderly) Import(ctx context.Context, connector string, full bool) (*run.StepReport, error) {
	give, err := d.turns.take("an import", d.by, connector)
	if err != nil {
		return nil, err
	}
	defer give()
	return d.Desk.Import(ctx, connector, full)
}

// Export is run.Work's.
func (d *orderly) Export(ctx context.Context, connector string) (*run.StepReport, error) {
	give, err := d.turns.take("an export", d.by, connector)
	if err != nil {
		return nil, err
	}
	defer give()
	return d.Desk.Export(ctx, connector)
}

// Sync is run.Work's.
func (d *orderly) Sync(ctx context.Context, o run.SyncOptions) (*run.StepReport, error) {
	what := "a synchronization"
	if o.Preview {
		what = "a preview"
	}
	give, err := d.turns.take(what, d.by, "")
	if err != nil {
		return nil, err
	}
	defer give()
	return d.Desk.Sync(ctx, o)
}

// Run is run.Work's.
func (d *orderly) Run(ctx context.Context, profile string) (*run.Report, error) {
	p, wrong := d.cfg.Profile(profile)
	if wrong != nil {
		return nil, wrong
	}
	give, err := d.turns.take("profile "+profile, d.by, uses(p)...)
	if err != nil {
		return nil, err
	}
	defer give()
	return d.Desk.Run(ctx, profile)
}

// Release is run.Work's.
func (d *orderly) Release(ctx context.Context, connector, by, because string) error {
	give, err := d.turns.take("a release", d.by, connector)
	if err != nil {
		return err
	}
	defer give()
	return d.Desk.Release(ctx, connector, by, because)
}

// Discard is run.Work's.
func (d *orderly) Discard(ctx context.Context, connector, by, because string) error {
	give, err := d.turns.take("a discard", d.by, connector)
	if err != nil {
		return err
	}
	defer give()
	return d.Desk.Discard(ctx, connector, by, because)
}
