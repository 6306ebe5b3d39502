package app

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"muster/internal/sync/run"
)

type listener = net.Listener

// by is who starts what a schedule runs.
const by = "schedule "

// longest is how long the scheduler sleeps at most, so that a clock that was
// set, or a machine that slept, is noticed.
const longest = time.Minute

// schedule runs profiles when they are due, until ctx ends and all have
// stopped. What was missed while the server was down, or while the same profile
// still ran, is not made up for: the next time counts.
func (s *server) schedule(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	at := newAgenda(s.cfg.Load(), time.Now())
	for {
		for _, x := range at.due(time.Now()) {
			wg.Go(func() { s.runScheduled(ctx, x, at) })
		}
		timer := time.NewTimer(min(longest, max(0, time.Until(at.first()))))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-s.moved:
			at = newAgenda(s.cfg.Load(), time.Now())
		case <-timer.C:
		}
		timer.Stop()
	}
}

// runScheduled runs a profile once everything that it works with is free.
func (s *server) runScheduled(ctx context.Context, x run.Schedule, at *agenda) {
	defer at.done(x.Name)
	log := s.opt.Log.With("schedule", x.Name, "profile", x.Profile)
	cfg := s.cfg.Load()
	p, wrong := cfg.Profile(x.Profile)
	if wrong != nil {
		log.Error("cannot run", "problem", wrong)
		return
	}
	give, err := s.turns.await(ctx, "profile "+p.Name, by+x.Name, uses(p)...)
	if err != nil {
		return
	}
	defer give()
	log.Info("starts")
	rep, err := s.runner(cfg, by+x.Name, nil).Run(ctx, p.Name)
	switch {
	case errors.Is(err, context.Canceled):
		log.Warn("was stopped")
	case err != nil:
		log.Error("failed", "problem", err)
	default:
		log.Info("ended", "run", rep.Run, "result", rep.Result(), "took", rep.Ended.Sub(rep.Started).Round(time.Millisecond))
	}
}

// agenda knows when each schedule is due next, and which run just now.
type agenda struct {
	mu      sync.Mutex
	list    []run.Schedule
	next    []time.Time
	running map[string]bool
}

func newAgenda(cfg *run.Config, now time.Time) *agenda {
	a := &agenda{list: cfg.Schedules, running: map[string]bool{}}
	for _, x := range a.list {
		a.next = append(a.next, next(x.At, now))
	}
	return a
}

// due returns the schedules that are due and do not run already, each once
// however often it was due meanwhile.
func (a *agenda) due(now time.Time) []run.Schedule {
	a.mu.Lock()
	defer a.mu.Unlock()
	var out []run.Schedule
	for i, x := range a.list {
		if a.next[i].IsZero() || a.next[i].After(now) {
			continue
		}
		a.next[i] = next(x.At, now)
		if !a.running[x.Name] {
			a.running[x.Name] = true
			out = append(out, x)
		}
	}
	return out
}

// first is the earliest instant at which something is due; far away if nothing
// is.
func (a *agenda) first() time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := time.Now().Add(longest)
	for _, t := range a.next {
		if !t.IsZero() && t.Before(out) {
			out = t
		}
	}
	return out
}

func (a *agenda) done(name string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.running, name)
}
