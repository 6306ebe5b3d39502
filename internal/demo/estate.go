package demo

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"muster/internal/base/secret"
	"muster/internal/demo/organisation"
	"muster/internal/demo/systems"
	"muster/internal/store"
	"muster/internal/sync/run"
)

// estate is the organisation with its systems, and a Muster that keeps them
// agreed.
type estate struct {
	dir     string
	org     *organisation.Organisation // what is so; HR may say less
	to      systems.Directory
	clock   *clock
	store   *store.Store
	desk    run.Desk
	changed int64 // the plan that made the change of rules
	closes  []func() error
}

// clock is the demo's time: it stands where a scene puts it and then runs as
// ours does.
type clock struct {
	mu    sync.Mutex
	real  func() time.Time
	base  time.Time
	since time.Time
}

func (c *clock) set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.base, c.since = t, c.real()
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.base.Add(c.real().Sub(c.since))
}

// administrator is who types the commands of the demo.
const administrator = "demo administrator"

// open writes the organisation's files and the configuration into the folder,
// and brings Muster up on them.
func (e *estate) open(ctx context.Context) error {
	if err := systems.WriteHR(e.dir, e.org); err != nil {
		return err
	}
	if err := systems.WriteBadges(ctx, e.dir, e.org.Badges); err != nil {
		return err
	}
	if err := WriteFolder(e.dir, e.to); err != nil {
		return err
	}
	s, err := store.Open(ctx, "sqlite:"+filepath.Join(e.dir, "muster.db"), store.Options{Now: e.clock.now})
	if err != nil {
		return err
	}
	e.store = s
	return e.reload()
}

// reload reads the configuration again, as muster does when a file changed.
func (e *estate) reload() error {
	cfg, err := LoadFolder(e.dir)
	if err != nil {
		return err
	}
	e.desk = run.New(e.store, cfg, run.Options{
		Now: e.clock.now, By: administrator, Workers: min(runtime.NumCPU(), 4),
		Secrets: secret.Dir(filepath.Join(e.dir, "secrets")),
	})
	return nil
}

// closeStore lets others open what Muster remembers.
func (e *estate) closeStore() error {
	if e.store == nil {
		return nil
	}
	s := e.store
	e.store = nil
	return s.Close()
}

// close ends everything, in the opposite order.
func (e *estate) close() error {
	err := e.closeStore()
	for i := len(e.closes) - 1; i >= 0; i-- {
		if x := e.closes[i](); err == nil {
			err = x
		}
	}
	e.closes = nil
	return err
}

// night shows and runs the profile.
func (e *estate) night(ctx context.Context, s *stage) (*run.Report, error) {
	s.command("muster run nightly")
	rep, err := e.nightly(ctx)
	if err == nil {
		var decided, sent int64
		for i := range rep.Steps {
			c := rep.Steps[i].Counters
			decided += c["units"]
			sent += c["export-add"] + c["export-update"] + c["export-rename"] + c["export-delete"]
		}
		if decided+sent == 0 {
			s.shows("%s: nothing to change", rep.Result())
		} else {
			s.shows("%s: %s changed, %s sent", rep.Result(), some(decided, "object", "objects"), some(sent, "call", "calls"))
		}
	}
	return rep, err
}

// nightly runs the profile and fails if a step met an error.
func (e *estate) nightly(ctx context.Context) (*run.Report, error) {
	rep, err := e.desk.Run(ctx, "nightly")
	if err != nil {
		return rep, err
	}
	for i := range rep.Steps {
		if s := &rep.Steps[i]; !s.Result.GoesOn() || len(s.Errors) > 0 {
			return rep, stepError(s)
		}
	}
	return rep, nil
}

func stepError(s *run.StepReport) error {
	if len(s.Errors) > 0 {
		x := s.Errors[0]
		return fmt.Errorf("%s %s ended in %s: %s %s %s", s.Do, s.Connector, s.Result, x.Code, x.Object, x.Message)
	}
	return fmt.Errorf("%s %s ended in %s: %s", s.Do, s.Connector, s.Result, s.Message)
}

// send brings what was accepted into the directory and looks at it again.
func (e *estate) send(ctx context.Context) error {
	s, err := e.desk.Export(ctx, "dir")
	if err == nil && len(s.Errors) > 0 {
		err = stepError(s)
	}
	if err != nil {
		return err
	}
	_, err = e.desk.Import(ctx, "dir", false)
	return err
}

// planOf returns the number of the plan of a run's synchronization.
func planOf(rep *run.Report) int64 {
	for i := range rep.Steps {
		if rep.Steps[i].Do == run.Sync {
			return rep.Steps[i].Plan
		}
	}
	return 0
}

// tempFolder makes a folder that goes away with the demo.
func (e *estate) tempFolder() (string, error) {
	dir, err := os.MkdirTemp("", "muster-demo-")
	if err == nil {
		e.closes = append(e.closes, func() error { return os.RemoveAll(dir) })
	}
	return dir, err
}
