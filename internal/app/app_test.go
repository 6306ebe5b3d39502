package app

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"muster/internal/api/local"
	"muster/internal/base/config"
	"muster/internal/base/problem"
	"muster/internal/sync/run"
)

const house = `settings:
  store: sqlite:muster.db
---
connector: hr
kind: csv
files:
- {file: people.csv, type: person, anchor: [emp], columns: {emp: string, name: string}}
---
metaverse: person
attributes: {displayName: string}
---
rule: hr-in
from: hr/person
to: person
project: true
flows: {displayName: attr.name}
---
profile: nightly
steps: [{import: hr}, {sync: delta}]
`

func folder(t *testing.T, text string) string {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, "muster.yaml", text)
	write(t, dir, "people.csv", "emp,name\n1,Anna\n")
	return dir
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestTurns(t *testing.T) {
	t.Parallel()
	at := time.Date(2027, 3, 1, 8, 0, 0, 0, time.UTC)
	x := newTurns(func() time.Time { return at })
	give, err := x.take("an import", "anna", "hr")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := x.take("profile nightly", "ben", "dir", "hr"); err == nil || !strings.Contains(err.Error(), "connector hr: is busy with an import, which anna started at 2027-03-01T08:00:00Z") {
		t.Errorf("%v", err)
	}
	other, err := x.take("an import", "ben", "dir") // nothing was kept of the refused turn
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan error, 1)
	go func() {
		give, err := x.await(context.Background(), "profile nightly", "schedule night", "dir", "hr", "")
		if err == nil {
			give()
		}
		got <- err
	}()
	give()
	other()
	if err := <-got; err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	if _, err := x.take("an import", "anna", "hr"); err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := x.await(ctx, "x", "y", "hr"); err == nil {
		t.Error("waited for ever")
	}
}

// served is a server under test.
type served struct {
	log   lines
	stop  context.CancelFunc
	ended chan error
}

// lines are a log that can be read while it is written.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func serve(t *testing.T, o ServeOptions) *served {
	t.Helper()
	s := &served{ended: make(chan error, 1)}
	ctx, cancel := context.WithCancel(context.Background())
	s.stop = cancel
	ready := make(chan string, 1)
	o.Log, o.Ready = slog.New(slog.NewTextHandler(&s.log, nil)), func(at string) { ready <- at }
	go func() { s.ended <- Serve(ctx, o) }()
	select {
	case <-ready:
	case err := <-s.ended:
		t.Fatal(err)
	}
	return s
}

func (s *served) end(t *testing.T) {
	t.Helper()
	s.stop()
	if err := <-s.ended; err != nil {
		t.Error(err)
	}
}

// runs lists what ran, the oldest first, as soon as there are n of them.
func (s *served) runs(t *testing.T, dir string, n int) []run.Report {
	t.Helper()
	desk, err := Open(t.Context(), Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer desk.Close()
	for range 1200 {
		list, err := desk.Runs(t.Context(), run.Page{})
		if err != nil {
			t.Fatal(err)
		}
		if len(list) >= n {
			slices.Reverse(list)
			return list
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("%d runs did not come:\n%s", n, s.log.String())
	return nil
}

const minutely = house + `---
schedule: night
profile: nightly
at: "* * * * * Europe/Berlin"
---
schedule: yearly
profile: nightly
at: "30 2 1 1 * Europe/Berlin"
`

// clock is a clock that stands still until it is told to run.
type clock struct {
	at    time.Time
	start atomic.Pointer[time.Time]
}

// before returns a clock that says so long before a full minute.
func before(d time.Duration) *clock {
	return &clock{at: time.Date(2027, 6, 1, 8, 0, 0, 0, time.UTC).Add(-d)}
}

func (c *clock) run() {
	now := time.Now()
	c.start.Store(&now)
}

func (c *clock) now() time.Time {
	if start := c.start.Load(); start != nil {
		return c.at.Add(time.Since(*start))
	}
	return c.at
}

// TestScheduleRuns: a profile runs when its schedule says so, and status tells
// when that is.
func TestScheduleRuns(t *testing.T) {
	t.Parallel()
	dir := folder(t, minutely)
	c := before(3 * time.Second)
	s := serve(t, ServeOptions{Dir: dir, Now: c.now})
	desk, err := Open(t.Context(), Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	st, err := desk.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []run.ScheduleStatus{
		{Name: "night", Profile: "nightly", At: "* * * * * Europe/Berlin", Next: time.Date(2027, 6, 1, 8, 0, 0, 0, time.UTC)},
		{Name: "yearly", Profile: "nightly", At: "30 2 1 1 * Europe/Berlin", Next: time.Date(2028, 1, 1, 1, 30, 0, 0, time.UTC)},
	}
	if diff := cmp.Diff(want, st.Schedules); diff != "" {
		t.Error(diff)
	}
	if err := desk.Close(); err != nil {
		t.Error(err)
	}
	c.run()
	got := s.runs(t, dir, 1)
	s.end(t)
	x := got[0]
	if x.By != "schedule night" || x.Profile != "nightly" || x.Result() != run.Success {
		t.Errorf("%+v", x)
	}
	if late := x.Started.Sub(time.Date(2027, 6, 1, 8, 0, 0, 0, time.UTC)); late < 0 || late > time.Minute {
		t.Errorf("started %s after its time", late)
	}
	if len(got) != 1 {
		t.Errorf("%d runs", len(got))
	}
}

// TestMissedScheduleRunsOnce: the server was down for three days of minutes.
func TestMissedScheduleRunsOnce(t *testing.T) {
	t.Parallel()
	dir := folder(t, minutely)
	serve(t, ServeOptions{Dir: dir, Now: before(72*time.Hour + 40*time.Second).now}).end(t)
	s := serve(t, ServeOptions{Dir: dir, Now: before(40 * time.Second).now})
	s.runs(t, dir, 1)
	desk, err := Open(t.Context(), Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	for want := time.Date(2027, 6, 1, 8, 0, 0, 0, time.UTC); ; time.Sleep(20 * time.Millisecond) {
		st, err := desk.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if st.Schedules[0].Next.Equal(want) { // once the run has ended
			break
		}
		if time.Since(begun) > time.Minute {
			t.Fatalf("due next at %s", st.Schedules[0].Next)
		}
	}
	if got := s.runs(t, dir, 1); len(got) != 1 {
		t.Errorf("%d runs", len(got))
	}
	if err := desk.Close(); err != nil {
		t.Error(err)
	}
	s.end(t)
}

func TestStoreIsBesideTheConfiguration(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                                    "sqlite:/conf/muster.db",
		"settings: {store: sqlite:x/y.db}":    "sqlite:/conf/x/y.db",
		"settings: {store: sqlite:/var/m.db}": "sqlite:/var/m.db",
		"settings: {store: postgres://a@b/c}": "postgres://a@b/c",
	} {
		dir := folder(t, text+"\n---\n"+strings.SplitN(house, "---\n", 2)[1])
		cfg, problems := Check(dir)
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		s := settingsOf("/conf", cfg.Tree)
		if s.dsn() != want {
			t.Errorf("%s: %s, want %s", text, s.dsn(), want)
		}
	}
}

func TestPasswordOfTheStoreIsASecret(t *testing.T) {
	dir := folder(t, "settings: {store: 'postgres://muster@db/muster', storePassword: db-password}\n---\n"+strings.SplitN(house, "---\n", 2)[1])
	t.Setenv("MUSTER_SECRET_DB_PASSWORD", "s/e:c@ret")
	cfg, problems := Check(dir)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	got, err := settingsOf(dir, cfg.Tree).withPassword()
	if err != nil || got != "postgres://muster:s%2Fe%3Ac%40ret@db/muster" {
		t.Errorf("%s, %v", got, err)
	}
}

// TestServerReadsTheConfigurationAgain serves, asks, reloads and stops.
func TestServerReadsTheConfigurationAgain(t *testing.T) {
	t.Parallel()
	dir := folder(t, house)
	reload := make(chan os.Signal)
	at := serve(t, ServeOptions{Dir: dir, Reload: reload})
	s, err := Open(context.Background(), Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if s.Server == nil || s.Person != local.Account() {
		t.Errorf("not through the server: %+v", s)
	}
	write(t, dir, "more.yaml", "conector: x\n") // wrong: not taken
	reload <- syscall.SIGHUP
	reload <- syscall.SIGHUP // taken once the one before is done
	write(t, dir, "more.yaml", "profile: other\nsteps: [{import: hr}]\n")
	reload <- syscall.SIGHUP
	reload <- syscall.SIGHUP
	rep, err := s.Run(context.Background(), "other")
	if err != nil || rep.Result() != run.Success || rep.By != local.Account() {
		t.Errorf("%+v, %v", rep, err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	at.end(t)
	for _, want := range []string{"has problems", "was read again", "stopped"} {
		if !strings.Contains(at.log.String(), want) {
			t.Errorf("the log does not say %q:\n%s", want, at.log.String())
		}
	}
	if _, err := Open(context.Background(), Options{Dir: dir}); problem.CodeOf(err) != "config-section" && err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

func TestFilesThatAreSent(t *testing.T) {
	t.Parallel()
	dir := folder(t, house)
	files, err := Files(dir)
	if err != nil || len(files) != 1 {
		t.Fatalf("%v, %v", files, err)
	}
	if _, err := CheckFiles(files); err != nil {
		t.Error(err)
	}
	if _, err := CheckFiles(map[string]string{"../x.yaml": ""}); err == nil {
		t.Error("a file outside the folder was taken")
	}
	if _, err := CheckFiles(map[string]string{"x.yaml": "conector: x"}); problem.CodeOf(err) != config.CodeSection {
		t.Error(err)
	}
}
