package app

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"muster/internal/api/local"
	"muster/internal/base/problem"
	"muster/internal/store"
	"muster/internal/store/queue"
	"muster/internal/sync/run"
)

// ServeOptions say how a server is kept.
type ServeOptions struct {
	Dir    string // of the configuration
	Group  string // whose members may use the socket, beside the server's account
	Log    *slog.Logger
	Reload <-chan os.Signal // each asks for the configuration to be read again; nil: never
	Ready  func(socket string)
	Now    func() time.Time // for tests; nil: the clock
}

// server has a store open and answers for it.
type server struct {
	opt   ServeOptions
	set   settings
	store *store.Store
	cfg   atomic.Pointer[run.Config]
	turns *turns
	queue *queue.Queue
}

// Serve opens the store, answers at its socket and runs profiles by their
// schedules until ctx ends. Work under way then stops at its next batch.
func Serve(ctx context.Context, o ServeOptions) (err error) {
	cfg, problems := Check(o.Dir)
	if err := problems.Err(); err != nil {
		return err
	}
	clock := o.Now
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &server{opt: o, set: settingsOf(o.Dir, cfg.Tree), turns: newTurns(o.Now)}
	s.cfg.Store(cfg)
	if local.Answers(s.set.socket()) {
		return &problem.Problem{Code: CodeStoreInUse, Object: "the store", Message: "is served already, at " + s.set.socket(), Fix: "stop that server first, or use it: every command does"}
	}
	if s.store, err = s.set.openStore(ctx, true); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.store.Close()) }()
	if err := s.store.Serving(ctx, true); err != nil {
		return err
	}
	l, err := local.Listen(s.set.socket(), o.Group)
	if err != nil {
		return err
	}
	beside, err := s.store.Beside(ctx)
	if err == nil {
		s.queue, err = queue.Open(ctx, beside, timers(cfg), queue.Options{Do: s.runScheduled, Now: o.Now, Clock: clock, Log: o.Log})
	}
	if err != nil {
		return errors.Join(err, l.Close())
	}
	return s.keep(ctx, l)
}

// keep answers and runs schedules, until ctx ends or the socket fails.
func (s *server) keep(ctx context.Context, l listener) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	door := &local.Server{Desk: s.desk, Rules: CheckFiles,
		About: local.About{Product: "muster", Build: Build().Version, Account: local.Account(), Since: s.opt.Now().UTC(), Folder: absolute(s.opt.Dir)}}
	var wg sync.WaitGroup
	if s.opt.Reload != nil {
		wg.Go(func() { s.reloads(ctx) })
	}
	s.opt.Log.Info("serving", "socket", absolute(s.set.socket()), "schedules", len(s.cfg.Load().Schedules), "configuration", absolute(s.opt.Dir))
	if s.opt.Ready != nil {
		s.opt.Ready(s.set.socket())
	}
	err := door.Serve(ctx, l)
	cancel()
	wg.Wait()
	err = errors.Join(err, s.queue.Close())
	s.opt.Log.Info("stopped")
	return err
}

// desk is who does what a person asks.
func (s *server) desk(person string, watch func(run.Event)) run.Desk {
	cfg := s.cfg.Load()
	return &orderly{Desk: s.runner(cfg, person, watch), turns: s.turns, cfg: cfg, by: person, states: s.queue.States}
}

func (s *server) runner(cfg *run.Config, by string, watch func(run.Event)) *run.Runner {
	return run.New(s.store, cfg, run.Options{Now: s.opt.Now, Secrets: s.set.secrets(), By: by, Observe: watch, Workers: workers()})
}

// reloads reads the configuration again whenever that is asked for. One with
// problems is not taken; work under way keeps the one it began with.
func (s *server) reloads(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.opt.Reload:
		}
		cfg, problems := Check(s.opt.Dir)
		if len(problems) > 0 {
			s.opt.Log.Error("the configuration was not read again, because it has problems; muster check shows them", "problems", len(problems), "first", problems[0].Error())
			continue
		}
		if dsn := settingsOf(s.opt.Dir, cfg.Tree).dsn(); dsn != s.set.dsn() {
			s.opt.Log.Warn("another store counts only after a new start")
		}
		s.cfg.Store(cfg)
		s.opt.Log.Info("the configuration was read again", "rules", cfg.Rules.Version)
		if err := s.queue.Set(ctx, timers(cfg)); err != nil && ctx.Err() == nil {
			s.opt.Log.Error("the schedules could not be changed; they are tried again in a minute", "problem", err)
		}
	}
}

// BuildInfo says what was built, from what.
type BuildInfo struct {
	Version  string `json:"version"`
	Commit   string `json:"commit,omitempty"`
	Modified bool   `json:"modified,omitempty"` // the source was not as in the commit
	Go       string `json:"go"`
	Shape    int    `json:"shape"` // of JSON output
}

// Build describes this program.
func Build() BuildInfo {
	b := BuildInfo{Version: "development", Shape: local.Version}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	b.Go = info.GoVersion
	if v := info.Main.Version; v != "" && v != "(devel)" {
		b.Version = v
	}
	for _, x := range info.Settings {
		switch x.Key {
		case "vcs.revision":
			b.Commit = x.Value
		case "vcs.modified":
			b.Modified = x.Value == "true"
		}
	}
	return b
}
