// Package run does what the engine decides: it opens connectors, moves what
// they tell into the connector space, has plans decided and accepts them, sends
// what was accepted, counts, and stops when a guard or a person says so. It is
// the only package that calls a connector, and it decides nothing itself.
package run

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"muster/internal/base/problem"
	"muster/internal/base/secret"
	"muster/internal/store"
	"muster/internal/sync/connector"
)

// Options are what a Runner is given from outside.
type Options struct {
	Now     func() time.Time
	Secrets secret.Source
	By      string        // who is recorded as having started a run
	Observe func(Event)   // nil: nobody watches
	Workers int           // who decide at the same time; 0: one
	Batch   int           // objects decided at a time; 0: 500
	Chunks  int64         // chunks of a plan, of units.InChunk each, accepted in one transaction; 0: 32
	Ask     time.Duration // for which one system is asked what it objects to, when a plan is shown; 0: 10 seconds
	Search  []string      // metaverse attributes by which people look objects up; nil: displayName, accountName
	// Open connects to a connector's system; nil: as its section says. Stories
	// put systems of their own here.
	Open func(ctx context.Context, x *Connected) (connector.Connector, error)
}

// Runner carries out steps, profiles and people's decisions on one store.
type Runner struct {
	store  *store.Store
	cfg    *Config
	opt    Options
	flowed map[[2]string][]string // by connector and type: attributes that rules read

	mu      sync.Mutex
	working map[string]bool // connectors with an import or export under way; "" for a synchronization
}

// New returns a Runner for the store and the configuration, which must be free
// of problems.
func New(s *store.Store, cfg *Config, o Options) *Runner {
	if o.Batch == 0 {
		o.Batch = 500
	}
	if o.Chunks == 0 {
		o.Chunks = chunksAtOnce
	}
	if o.Ask == 0 {
		o.Ask = 10 * time.Second
	}
	if o.Search == nil {
		o.Search = []string{"displayName", "accountName"}
	}
	r := &Runner{store: s, cfg: cfg, opt: o, working: map[string]bool{}}
	r.learn()
	return r
}

// learn works out what importing must know of the rules.
func (r *Runner) learn() {
	r.flowed = map[[2]string][]string{}
	read := map[[2]string]map[string]bool{}
	for _, in := range r.cfg.Rules.Inbound {
		k := [2]string{in.Connector, in.From}
		if read[k] == nil {
			read[k] = map[string]bool{}
		}
		for _, f := range in.Flows {
			for _, x := range f.Value.Reads() {
				if x.Space == "attr" {
					read[k][x.Attr] = true
				}
			}
		}
	}
	for k, attrs := range read {
		r.flowed[k] = slices.Sorted(maps.Keys(attrs))
	}
	r.store.SetIndexes(store.IndexesOf(r.cfg.Rules, r.opt.Search...))
}

func (r *Runner) now() time.Time { return r.opt.Now().UTC() }

func (r *Runner) observe(e Event) {
	if r.opt.Observe != nil {
		r.opt.Observe(e)
	}
}

func (r *Runner) open(ctx context.Context, x *Connected) (connector.Connector, error) {
	if r.opt.Open != nil {
		return r.opt.Open(ctx, x)
	}
	return x.Open(ctx, r.opt.Secrets)
}

// alone carries out one step while no other works on the same thing, and
// records it as a run of its own.
func (r *Runner) alone(ctx context.Context, s Step, do func(context.Context, *StepReport) error) (*StepReport, error) {
	rep := &Report{By: r.opt.By, Started: r.now(), Steps: []StepReport{{Step: s}}}
	err := r.step(ctx, &rep.Steps[0], do)
	rep.Ended = r.now()
	if e := r.record(ctx, rep); e != nil {
		err = errors.Join(err, e)
	}
	return &rep.Steps[0], err
}

// step carries out one step and completes its report.
func (r *Runner) step(ctx context.Context, s *StepReport, do func(context.Context, *StepReport) error) error {
	s.Started = r.now()
	err := r.guarded(s, func() error {
		give, err := r.take(ctx, s)
		if err != nil {
			return err
		}
		defer give()
		defer r.store.ForgetPlans()
		return do(ctx, s)
	})
	s.Ended = r.now()
	if err != nil && s.Message == "" {
		s.Message = err.Error()
	}
	switch {
	case errors.Is(err, context.Canceled): // wherever it was
		s.Result = StoppedByUser
	case err != nil && (s.Result == "" || s.Result.GoesOn()):
		s.Result = CallFailure
	case s.Result == "":
		s.Result = Success
	}
	return err
}

// take takes the connector of a step, or deciding, which no other step has then,
// in this process or another (STAT-6).
func (r *Runner) take(ctx context.Context, s *StepReport) (give func(), err error) {
	conn := s.Connector
	what := "a synchronization"
	if conn != "" {
		what = "connector " + conn
	}
	busy := &problem.Problem{Code: problem.Code(NoStartRunning), Object: what, Message: "is busy with another step", Fix: "wait until it ends"}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.working[conn] {
		s.Result = NoStartRunning
		return nil, busy
	}
	release, err := r.store.Own(ctx, conn)
	if errors.Is(err, store.ErrNotOwner) {
		s.Result = NoStartRunning
		busy.Message += " of another process"
		return nil, busy
	}
	if err != nil {
		s.Result = NoStartConnection
		return nil, err
	}
	r.working[conn] = true
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.working, conn)
		release()
	}, nil
}

// Run carries out a profile, step by step, until one does not let the next run.
func (r *Runner) Run(ctx context.Context, name string) (*Report, error) {
	p, wrong := r.cfg.Profile(name)
	if wrong != nil {
		return nil, wrong
	}
	rep := &Report{Profile: p.Name, By: r.opt.By, Started: r.now()}
	var err error
	for _, s := range p.Steps {
		rep.Steps = append(rep.Steps, StepReport{Step: s})
		last := &rep.Steps[len(rep.Steps)-1]
		if err = r.step(ctx, last, r.doer(p, s)); err != nil {
			err = fmt.Errorf("profile %s, step %d (%s %s): %w", p.Name, len(rep.Steps), s.Do, s.Connector, err)
		}
		if !last.Result.GoesOn() {
			break
		}
		err = nil
	}
	rep.Ended = r.now()
	if e := r.record(ctx, rep); e != nil {
		err = errors.Join(err, e)
	}
	return rep, err
}

func (r *Runner) doer(p Profile, s Step) func(context.Context, *StepReport) error {
	switch s.Do {
	case Import:
		return func(ctx context.Context, rep *StepReport) error { return r.importStep(ctx, rep, false) }
	case Export:
		return r.exportStep
	default:
		return func(ctx context.Context, rep *StepReport) error {
			return r.syncStep(ctx, rep, SyncOptions{Full: s.Full, Accept: p.Accept})
		}
	}
}
