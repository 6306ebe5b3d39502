// Package queue keeps timers on River, in tables of its own beside the store's:
// it says when something is due, to one process of all that share the database.
// It never decides what is then done, and never keeps how far that has got.
//
// A timer is one row. While it waits, the row names the instant at which it is
// due; when its work has ended, it waits for the next. So what was missed while
// no process ran is done once, and what came while the work went on is left
// out. The work of a process that stopped or died is taken up again.
package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"muster/internal/store/db"
)

// Timer is something to be done again and again.
type Timer struct {
	Name string
	At   string // the times, in words: a timer with other words begins anew
	// Next gives the first instant after a given one; zero: never again.
	Next func(after time.Time) time.Time
}

// Options say what a queue is for.
type Options struct {
	// Do does what a timer is for. When its context ends before it is done, it
	// returns an error, and is called again once some process serves the queue.
	Do  func(ctx context.Context, name string) error
	Now func() time.Time
	// Clock replaces the clocks of River and of the database, for tests; nil
	// does not.
	Clock func() time.Time
	Log   *slog.Logger
	// Tend is how often the queue looks for timers that are missing, and for
	// work of processes that died; 0: once a minute.
	Tend time.Duration
}

// ErrLater is what Options.Do returns when the work could not begin: the timer
// is due again in a minute.
var ErrLater = errors.New("later")

// later is how long something waits that could not begin, or that this process
// does not know.
const later = time.Minute

// grain is added to the wait for the next time, so that a database that cuts off
// the end of an instant does not have it come too early, and then again.
const grain = time.Millisecond

// State is how a timer stands.
type State struct {
	Due     time.Time // when it is due next; while it runs, when it was
	Running bool
}

// Queue has timers and calls for what they do, until it is closed.
type Queue struct {
	opt    Options
	beside *db.Beside
	client client
	nodes  nodes

	mu     sync.Mutex
	timers map[args]Timer

	stop context.CancelFunc
	done sync.WaitGroup
}

// client is what is used of River, whose clients differ by their transactions.
type client interface {
	Start(ctx context.Context) error
	StopAndCancel(ctx context.Context) error
	Insert(ctx context.Context, a river.JobArgs, o *river.InsertOpts) (*rivertype.JobInsertResult, error)
	JobList(ctx context.Context, p *river.JobListParams) (*river.JobListResult, error)
	JobDelete(ctx context.Context, id int64) (*rivertype.JobRow, error)
}

// nodes knows which processes serve the queue.
type nodes interface {
	// rescue puts the work of processes that died back into the queue.
	rescue(ctx context.Context) error
	close()
}

// args are the identity of a timer in the queue.
type args struct {
	Name string `json:"name"`
	At   string `json:"at"`
}

// Kind is the name of such work in the queue.
func (args) Kind() string { return "timer" }

// Open brings the queue's tables up to date and serves timers over these
// connections, which it closes in the end.
func Open(ctx context.Context, beside *db.Beside, timers []Timer, o Options) (*Queue, error) {
	q := &Queue{opt: o, beside: beside, stop: func() {}}
	q.know(timers)
	if err := q.open(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("the queue of timers cannot be opened: %w", err), q.Close())
	}
	return q, nil
}

func (q *Queue) open(ctx context.Context) error {
	var err error
	if q.beside.SQLite != nil {
		q.client, q.nodes, err = onSQLite(ctx, q.beside.SQLite, q.config())
	} else {
		q.client, q.nodes, err = onPostgres(ctx, q.beside.Postgres, q.config())
	}
	if err != nil {
		return err
	}
	if err := errors.Join(q.clear(ctx), q.tend(ctx)); err != nil {
		return err
	}
	going, stop := context.WithCancel(context.WithoutCancel(ctx))
	if err := q.client.Start(going); err != nil {
		stop()
		return err
	}
	q.stop = stop
	q.done.Go(func() { q.tendAgain(going) })
	return nil
}

// workers is how many timers one process works on, or has waiting for their
// turn, at a time.
const workers = 100

func (q *Queue) config() *river.Config {
	w := river.NewWorkers()
	river.AddWorker(w, &worker{queue: q})
	cfg := &river.Config{
		Logger:            slog.New(warnings{q.opt.Log.Handler()}),
		Queues:            map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: workers}},
		Workers:           w,
		FetchPollInterval: time.Second,
		JobTimeout:        -1, // a run may take hours; who died is told by nodes
		PollOnly:          true,
	}
	if q.opt.Clock != nil {
		cfg.Test.Time = clock(q.opt.Clock)
	}
	return cfg
}

// clock is a function as River wants it.
type clock func() time.Time

// Now tells the time.
func (c clock) Now() time.Time { return c() }

// NowOrNil tells it in place of the database.
func (c clock) NowOrNil() *time.Time {
	t := c()
	return &t
}

// warnings leaves out what River says of its everyday life.
type warnings struct{ slog.Handler }

// Enabled reports whether such a record is written.
func (w warnings) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= slog.LevelWarn && w.Handler.Enabled(ctx, l)
}

// Close has the work under way stop, waits for it, and closes the connections.
func (q *Queue) Close() error {
	q.stop()
	q.done.Wait()
	var err error
	if q.client != nil {
		err = q.client.StopAndCancel(context.Background())
	}
	if q.nodes != nil {
		q.nodes.close()
	}
	return errors.Join(err, q.beside.Close())
}

// Set has these timers from now on. Work under way goes on; a timer that is no
// longer there ends with it.
func (q *Queue) Set(ctx context.Context, timers []Timer) error {
	q.know(timers)
	return errors.Join(q.clear(ctx), q.tend(ctx))
}

func (q *Queue) know(timers []Timer) {
	m := map[args]Timer{}
	for _, t := range timers {
		m[args{t.Name, t.At}] = t
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.timers = m
}

func (q *Queue) timer(a args) (Timer, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	t, ok := q.timers[a]
	return t, ok
}

// tendAgain tends the queue again and again, so that it mends by itself.
func (q *Queue) tendAgain(ctx context.Context) {
	every := q.opt.Tend
	if every == 0 {
		every = time.Minute
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := q.tend(ctx); err != nil && ctx.Err() == nil {
			q.opt.Log.Warn("the queue of timers could not be looked after", "problem", err)
		}
	}
}

// tend takes up what processes left that died, and puts in timers that are
// missing.
func (q *Queue) tend(ctx context.Context) error {
	if err := q.nodes.rescue(ctx); err != nil {
		return err
	}
	q.mu.Lock()
	timers := maps.Clone(q.timers)
	q.mu.Unlock()
	for a, t := range timers {
		at := t.Next(q.opt.Now())
		if at.IsZero() {
			continue
		}
		// A row that is there already stays as it is, due or not.
		unique := river.UniqueOpts{ByArgs: true, ByState: there}
		if _, err := q.client.Insert(ctx, a, &river.InsertOpts{ScheduledAt: at, UniqueOpts: unique}); err != nil {
			return err
		}
	}
	return nil
}

// clear takes out the timers that are no longer there. One whose work is under
// way goes when that has ended.
func (q *Queue) clear(ctx context.Context) error {
	rows, err := q.rows(ctx)
	if err != nil {
		return err
	}
	for _, r := range rows {
		if _, wanted := q.timer(r.args); wanted {
			continue
		}
		if _, err := q.client.JobDelete(ctx, r.job.ID); err != nil && !errors.Is(err, rivertype.ErrJobRunning) && !errors.Is(err, rivertype.ErrNotFound) {
			return err
		}
	}
	return nil
}

// there are the states of a row that still has something to do.
var there = []rivertype.JobState{rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRetryable, rivertype.JobStateRunning, rivertype.JobStateScheduled}

type row struct {
	args args
	job  *rivertype.JobRow
}

// rows lists the timers in the queue.
func (q *Queue) rows(ctx context.Context) ([]row, error) {
	found, err := q.client.JobList(ctx, river.NewJobListParams().Kinds(args{}.Kind()).States(there...).First(10000))
	if err != nil {
		return nil, err
	}
	out := make([]row, 0, len(found.Jobs))
	for _, j := range found.Jobs {
		r := row{job: j}
		if err := json.Unmarshal(j.EncodedArgs, &r.args); err != nil {
			return nil, fmt.Errorf("timer %d in the queue is damaged: %w", j.ID, err)
		}
		out = append(out, r)
	}
	return out, nil
}

// States says how the timers stand, by name.
func (q *Queue) States(ctx context.Context) (map[string]State, error) {
	rows, err := q.rows(ctx)
	out := map[string]State{}
	for _, r := range rows {
		if _, known := q.timer(r.args); known {
			out[r.args.Name] = State{Due: r.job.ScheduledAt.Truncate(time.Second), Running: r.job.State == rivertype.JobStateRunning}
		}
	}
	return out, err
}

// worker is called by River when a timer is due.
type worker struct {
	river.WorkerDefaults[args]
	queue *Queue
}

// Work does what the timer is for and has it wait for the next time.
func (w *worker) Work(ctx context.Context, job *river.Job[args]) error {
	q := w.queue
	t, known := q.timer(job.Args)
	if !known { // another process has it in its configuration
		return river.JobSnooze(later)
	}
	switch err := q.opt.Do(ctx, t.Name); {
	case err != nil && ctx.Err() != nil: // we are stopping; whoever serves next takes it up
		return river.JobSnooze(0)
	case errors.Is(err, ErrLater):
		return river.JobSnooze(later)
	}
	now := q.opt.Now()
	t, known = q.timer(job.Args)
	if !known {
		return nil
	}
	at := t.Next(now)
	if at.IsZero() {
		return nil
	}
	return river.JobSnooze(at.Sub(now) + grain)
}
