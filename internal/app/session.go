package app

import (
	"context"
	"errors"
	"runtime"
	"time"

	"muster/internal/api/local"
	"muster/internal/base/problem"
	"muster/internal/store"
	"muster/internal/sync/run"
)

// Session is one person's way to a store: their own, or through the server
// that has it open.
type Session struct {
	run.Desk
	// Person is who decides, by the account of the operating system.
	Person string
	// Zone is the time zone in which times are shown.
	Zone *time.Location
	// Server says which server answers; nil without one.
	Server *local.About
	// Config is the configuration; nil through a server that has its own.
	Config *run.Config

	client *local.Client
	store  *store.Store
}

// Options say how a session is opened.
type Options struct {
	Dir    string          // of the configuration
	Create bool            // make the store if there is none
	Watch  func(run.Event) // is told of progress; may be nil
	// Knows says whether the configuration knows what the session is opened
	// for, before a store is made; nil: it need not.
	Knows func(*run.Config) *problem.Problem
}

// Open opens a session for the configuration in a folder. While a server has
// the store, everything goes through its socket, and its own configuration
// counts; otherwise the configuration must be free of problems.
func Open(ctx context.Context, o Options) (*Session, error) {
	cfg, problems := Check(o.Dir)
	if cfg == nil {
		return nil, problems.Err()
	}
	s := settingsOf(o.Dir, cfg.Tree)
	out := &Session{Person: local.Account(), Zone: s.zone()}
	if local.Answers(s.socket()) {
		return out, out.connect(ctx, s.socket(), o.Watch)
	}
	if err := problems.Err(); err != nil {
		return nil, err
	}
	if o.Knows != nil {
		if wrong := o.Knows(cfg); wrong != nil {
			return nil, wrong
		}
	}
	st, err := s.openStore(ctx, o.Create)
	if err != nil {
		return nil, err
	}
	out.store, out.Config = st, cfg
	out.Desk = run.New(st, cfg, run.Options{Now: time.Now, Secrets: s.secrets(), By: out.Person, Observe: o.Watch, Workers: workers()})
	return out, nil
}

// workers is how many decide at the same time.
func workers() int { return runtime.GOMAXPROCS(0) }

func (s *Session) connect(ctx context.Context, path string, watch func(run.Event)) error {
	s.client = local.NewClient(path, watch)
	about, err := s.client.Server(ctx)
	if err != nil {
		return err
	}
	s.Server, s.Person, s.Desk = about, about.You, s.client
	return nil
}

// Impact decides with the configuration in another folder in place of the one
// in force, and changes nothing.
func (s *Session) Impact(ctx context.Context, dir string, o run.SyncOptions) (*run.StepReport, error) {
	o.Preview = true
	other, problems := Check(dir)
	if err := problems.Err(); err != nil {
		return nil, err
	}
	if s.client == nil {
		o.Rules = other
		return s.Sync(ctx, o)
	}
	files, err := Files(dir)
	if err != nil {
		return nil, err
	}
	return s.client.SyncWith(ctx, o, files)
}

// Close ends the session.
func (s *Session) Close() error {
	var err error
	if s.client != nil {
		err = s.client.Close()
	}
	if s.store != nil {
		err = errors.Join(err, s.store.Close())
	}
	return err
}

// Socket returns where the server of a configuration answers, whether or not
// one does.
func Socket(dir string) string {
	cfg, _ := Check(dir)
	if cfg == nil {
		return settingsOf(dir, nil).socket()
	}
	return settingsOf(dir, cfg.Tree).socket()
}

// busy says that something else works with what is asked for.
func busy(what, with, by string, since time.Time) error {
	return &problem.Problem{Code: problem.Code(run.NoStartRunning), Object: what,
		Message: "is busy with " + with + ", which " + by + " started at " + since.UTC().Format(time.RFC3339), Fix: "wait until it ends; muster status shows the last run"}
}
