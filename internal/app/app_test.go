package app

import (
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

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

// TestAgendaDoesNotMakeUp: what was missed, and what still runs, is left out.
func TestAgendaDoesNotMakeUp(t *testing.T) {
	t.Parallel()
	at := time.Date(2027, 3, 1, 8, 0, 0, 0, time.UTC)
	a := newAgenda(&run.Config{Schedules: []run.Schedule{
		{Name: "often", Profile: "p", At: config.Cron{Fields: "*/5 * * * *", Zone: time.UTC}},
		{Name: "never", Profile: "p", At: config.Cron{Fields: "0 0 30 2 *", Zone: time.UTC}},
	}}, at)
	names := func(now time.Time) (out []string) {
		for _, x := range a.due(now) {
			out = append(out, x.Name)
		}
		return out
	}
	if got := names(at.Add(4 * time.Minute)); got != nil {
		t.Errorf("too early: %v", got)
	}
	if got := names(at.Add(3 * time.Hour)); len(got) != 1 {
		t.Errorf("36 missed times are one run, got %v", got)
	}
	if got := names(at.Add(3*time.Hour + 5*time.Minute)); got != nil {
		t.Errorf("it still runs: %v", got)
	}
	a.done("often")
	if got := names(at.Add(3*time.Hour + 6*time.Minute)); got != nil {
		t.Errorf("what came while it ran is not made up for: %v", got)
	}
	if got := names(at.Add(3*time.Hour + 10*time.Minute)); len(got) != 1 {
		t.Errorf("the next time counts: %v", got)
	}
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
	var log strings.Builder
	reload, ready, ended := make(chan os.Signal), make(chan string, 1), make(chan error, 1)
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		ended <- Serve(ctx, ServeOptions{Dir: dir, Log: slog.New(slog.NewTextHandler(io.MultiWriter(&log), nil)), Reload: reload, Ready: func(s string) { ready <- s }})
	}()
	select {
	case <-ready:
	case err := <-ended:
		t.Fatal(err)
	}
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
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	for _, want := range []string{"has problems", "was read again", "stopped"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log does not say %q:\n%s", want, log.String())
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
