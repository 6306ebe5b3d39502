package app

import (
	"context"
	"net"
	"slices"
	"time"

	"muster/internal/store/queue"
	"muster/internal/sync/run"
)

type listener = net.Listener

// by is who starts what a schedule runs.
const by = "schedule "

// timers are the schedules of a configuration, as the queue has them.
func timers(cfg *run.Config) []queue.Timer {
	out := make([]queue.Timer, 0, len(cfg.Schedules))
	for _, x := range cfg.Schedules {
		out = append(out, queue.Timer{Name: x.Name, At: x.At.String(), Next: func(after time.Time) time.Time { return next(x.At, after) }})
	}
	return out
}

// runScheduled runs the profile of a schedule once everything that it works
// with is free. That a run fails is logged and shown like any other; the next
// time is the answer to it.
func (s *server) runScheduled(ctx context.Context, name string) error {
	log := s.opt.Log.With("schedule", name)
	cfg := s.cfg.Load()
	i := slices.IndexFunc(cfg.Schedules, func(x run.Schedule) bool { return x.Name == name })
	if i < 0 {
		return nil // taken out meanwhile
	}
	p, wrong := cfg.Profile(cfg.Schedules[i].Profile)
	if wrong != nil {
		return wrong
	}
	log = log.With("profile", p.Name)
	give, err := s.turns.await(ctx, "profile "+p.Name, by+name, uses(p)...)
	if err != nil {
		return err
	}
	defer give()
	log.Info("starts")
	rep, err := s.runner(cfg, by+name, nil).Run(ctx, p.Name)
	for _, report := range rep.Faults() {
		log.Error("a fault in Muster itself", "report", report)
	}
	switch {
	case ctx.Err() != nil && err != nil:
		log.Warn("was stopped; it is run again when a server is up")
		return err
	case err != nil && rep != nil && len(rep.Steps) == 1 && rep.Result() == run.NoStartRunning:
		log.Warn("could not start; it is tried again in a minute", "problem", err)
		return queue.ErrLater
	case err != nil:
		log.Error("failed", "problem", err)
	default:
		log.Info("ended", "run", rep.Run, "result", rep.Result(), "took", rep.Ended.Sub(rep.Started).Round(time.Millisecond))
	}
	return nil
}
