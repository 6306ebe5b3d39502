package queue_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"muster/internal/store/db"
	"muster/internal/store/queue"
	"muster/internal/store/storetest"
)

// A test binary with this in its environment serves a timer instead, and hangs
// in its work: a process to be killed.
const victim = "MUSTER_TEST_VICTIM"

func TestMain(m *testing.M) {
	if dsn := os.Getenv(victim); dsn != "" {
		hang(dsn)
		return
	}
	os.Exit(storetest.Main(m))
}

func hang(dsn string) {
	d, err := db.Open(context.Background(), dsn, db.Options{})
	if err != nil {
		panic(err)
	}
	beside, err := d.Beside(context.Background())
	if err != nil {
		panic(err)
	}
	_, err = queue.Open(context.Background(), beside, []queue.Timer{every("often", time.Second)}, queue.Options{Now: time.Now, Log: quiet(), Do: func(context.Context, string) error {
		fmt.Println("at work")
		select {}
	}})
	if err != nil {
		panic(err)
	}
	select {}
}

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

func every(name string, d time.Duration) queue.Timer {
	return queue.Timer{Name: name, At: "every " + d.String(), Next: func(t time.Time) time.Time { return t.Add(d) }}
}

// both runs a test on each kind of database, with a new one.
func both(t *testing.T, test func(t *testing.T, dsn string)) {
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		test(t, "sqlite:"+filepath.Join(t.TempDir(), "muster.db"))
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		t.Parallel()
		test(t, storetest.Postgres(t))
	})
}

// node is a process that serves timers, as far as the database can tell.
type node struct {
	*queue.Queue
	db *db.DB
}

func open(t *testing.T, dsn string, o queue.Options, timers ...queue.Timer) *node {
	t.Helper()
	d, err := db.Open(t.Context(), dsn, db.Options{})
	if err != nil {
		t.Fatal(err)
	}
	beside, err := d.Beside(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	o.Log = slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	if o.Now == nil {
		o.Now = time.Now
	}
	q, err := queue.Open(t.Context(), beside, timers, o)
	if err != nil {
		t.Fatal(err)
	}
	return &node{q, d}
}

func (n *node) end(t *testing.T) {
	t.Helper()
	if err := n.Close(); err != nil {
		t.Error(err)
	}
	if err := n.db.Close(); err != nil {
		t.Error(err)
	}
}

// calls counts what timers did, by name, and can hold them.
type calls struct {
	mu  sync.Mutex
	n   map[string]int
	top int // most of one name at the same time
	now map[string]int
	did chan string
}

func newCalls() *calls {
	return &calls{n: map[string]int{}, now: map[string]int{}, did: make(chan string, 1000)}
}

func (c *calls) do(ctx context.Context, name string, takes time.Duration) error {
	c.mu.Lock()
	c.n[name]++
	c.now[name]++
	c.top = max(c.top, c.now[name])
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		c.now[name]--
		c.mu.Unlock()
	}()
	c.did <- name
	select {
	case <-time.After(takes):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *calls) count(name string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n[name]
}

// expect waits until a timer is done.
func (c *calls) expect(t *testing.T, name string) {
	t.Helper()
	late := time.After(40 * time.Second)
	for {
		select {
		case got := <-c.did:
			if got == name {
				return
			}
		case <-late:
			t.Fatalf("%s was not called", name)
		}
	}
}

// quiet expects that nothing is done for a while.
func (c *calls) quiet(t *testing.T, d time.Duration) {
	t.Helper()
	select {
	case name := <-c.did:
		t.Errorf("%s was called", name)
	case <-time.After(d):
	}
}

func TestTimerGoesOnAndOn(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		c := newCalls()
		n := open(t, dsn, queue.Options{Do: func(ctx context.Context, name string) error { return c.do(ctx, name, 0) }}, every("often", time.Second), every("seldom", time.Hour),
			queue.Timer{Name: "never", At: "never", Next: func(time.Time) time.Time { return time.Time{} }})
		for range 3 {
			c.expect(t, "often")
		}
		states, err := n.States(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if d := time.Until(states["seldom"].Due); d < 58*time.Minute || d > time.Hour || states["seldom"].Running {
			t.Errorf("seldom is due in %s", d)
		}
		if _, there := states["never"]; there || len(states) != 2 {
			t.Errorf("%+v", states)
		}
		n.end(t)
		if c.count("seldom") != 0 {
			t.Error("seldom came")
		}
	})
}

// TestMissedIsDoneOnce: while nobody served, a timer was due many times.
func TestMissedIsDoneOnce(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		c := newCalls()
		do := func(ctx context.Context, name string) error { return c.do(ctx, name, 0) }
		hourly := queue.Timer{Name: "hourly", At: "0 * * * *", Next: func(at time.Time) time.Time { return at.Truncate(time.Hour).Add(time.Hour) }}
		ago := func() time.Time { return time.Now().Add(-50 * time.Hour) } // first served two days ago
		first := open(t, dsn, queue.Options{Now: ago, Clock: ago, Do: func(ctx context.Context, _ string) error { <-ctx.Done(); return ctx.Err() }}, hourly)
		first.end(t)
		n := open(t, dsn, queue.Options{Do: do}, hourly)
		c.expect(t, "hourly")
		c.quiet(t, 3*time.Second)
		states, err := n.States(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		n.end(t)
		if c.count("hourly") != 1 {
			t.Errorf("50 missed times came %d times", c.count("hourly"))
		}
		if due := states["hourly"].Due; !due.After(time.Now()) || !due.Equal(due.Truncate(time.Hour)) {
			t.Errorf("due next at %s", due)
		}
	})
}

// TestWorkIsNotBegunTwice: what comes while the work goes on is left out.
func TestWorkIsNotBegunTwice(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		c := newCalls()
		n := open(t, dsn, queue.Options{Do: func(ctx context.Context, name string) error { return c.do(ctx, name, 4*time.Second) }}, every("long", time.Second))
		c.expect(t, "long")
		states, err := n.States(t.Context())
		if err != nil || !states["long"].Running {
			t.Errorf("%+v, %v", states, err)
		}
		c.expect(t, "long")
		n.end(t)
		if c.top != 1 {
			t.Errorf("%d at a time", c.top)
		}
	})
}

// TestStoppedWorkIsTakenUp: Close stops the work, which is done at the next
// start.
func TestStoppedWorkIsTakenUp(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		c := newCalls()
		first := open(t, dsn, queue.Options{Do: func(ctx context.Context, name string) error { return c.do(ctx, name, time.Hour) }}, every("long", time.Second))
		c.expect(t, "long")
		first.end(t)
		then := time.Now()
		slow := every("long", time.Second)
		slow.Next = func(t time.Time) time.Time { return t.Add(time.Hour) } // were it begun anew, it would come in an hour
		n := open(t, dsn, queue.Options{Do: func(ctx context.Context, name string) error { return c.do(ctx, name, 0) }}, slow)
		c.expect(t, "long")
		t.Logf("taken up after %s", time.Since(then))
		n.end(t)
	})
}

// TestLater: what could not begin comes again, though not at once.
func TestLater(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		c := newCalls()
		n := open(t, dsn, queue.Options{Do: func(_ context.Context, name string) error { c.did <- name; return queue.ErrLater }}, every("busy", time.Second))
		c.expect(t, "busy")
		c.quiet(t, time.Second)
		states, err := n.States(t.Context())
		if d := time.Until(states["busy"].Due); err != nil || d < 50*time.Second || d > time.Minute+time.Second {
			t.Errorf("again in %s, %v", d, err)
		}
		n.end(t)
	})
}

// TestTimersChange: other times begin anew, and what is taken out goes.
func TestTimersChange(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		c := newCalls()
		n := open(t, dsn, queue.Options{Do: func(ctx context.Context, name string) error { return c.do(ctx, name, 0) }}, every("a", time.Hour), every("b", time.Hour), every("c", time.Hour))
		if err := n.Set(t.Context(), []queue.Timer{every("a", time.Second), every("b", time.Hour)}); err != nil {
			t.Fatal(err)
		}
		c.expect(t, "a")
		states, err := n.States(t.Context())
		if err != nil || len(states) != 2 {
			t.Errorf("%+v, %v", states, err)
		}
		n.end(t)
	})
}

// TestDeadProcess: the work of a process that was killed is done by another.
func TestDeadProcess(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		me, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), me)
		cmd.Env = append(os.Environ(), victim+"="+dsn)
		cmd.Stderr = t.Output()
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		c := newCalls()
		do := func(ctx context.Context, name string) error { return c.do(ctx, name, 0) }
		slow := every("often", time.Second)
		slow.Next = func(t time.Time) time.Time { return t.Add(time.Hour) }
		line, err := bufio.NewReader(out).ReadString('\n')
		if err != nil || !strings.Contains(line, "at work") {
			t.Fatalf("%q, %v", line, err)
		}
		if !strings.HasPrefix(dsn, "sqlite:") { // another node, which leaves alone what is alive
			n := open(t, dsn, queue.Options{Do: do, Tend: 200 * time.Millisecond}, slow)
			defer n.end(t)
			c.quiet(t, 2*time.Second) // the work of a living process stays with it
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		cmd.Wait() //nolint:errcheck // it was killed
		if strings.HasPrefix(dsn, "sqlite:") {
			n := open(t, dsn, queue.Options{Do: do}, slow)
			defer n.end(t)
		}
		c.expect(t, "often")
	})
}

// TestNodesShareTimers: several processes on one database do a timer once.
func TestNodesShareTimers(t *testing.T) {
	t.Parallel()
	dsn := storetest.Postgres(t)
	c := newCalls()
	start := time.Now()
	once := queue.Timer{Name: "once", At: "once", Next: func(at time.Time) time.Time {
		if at.Before(start.Add(3 * time.Second)) {
			return start.Add(3 * time.Second)
		}
		return start.Add(time.Hour)
	}}
	var nodes []*node
	for range 3 {
		nodes = append(nodes, open(t, dsn, queue.Options{Tend: 100 * time.Millisecond, Do: func(ctx context.Context, name string) error { return c.do(ctx, name, 2*time.Second) }}, once))
	}
	c.expect(t, "once")
	c.quiet(t, 4*time.Second)
	for _, n := range nodes {
		n.end(t)
	}
	if c.count("once") != 1 {
		t.Errorf("came %d times", c.count("once"))
	}
}

// TestNothingGoesOnAfterClose: no goroutine is left behind. Not parallel.
func TestNothingGoesOnAfterClose(t *testing.T) {
	dsn := "sqlite:" + filepath.Join(t.TempDir(), "muster.db")
	before := runtime.NumGoroutine()
	for range 3 {
		n := open(t, dsn, queue.Options{Do: func(context.Context, string) error { return nil }}, every("often", time.Second))
		n.end(t)
	}
	for range 100 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	buf := make([]byte, 1<<20)
	t.Errorf("%d goroutines before, %d after:\n%s", before, runtime.NumGoroutine(), buf[:runtime.Stack(buf, true)])
}
