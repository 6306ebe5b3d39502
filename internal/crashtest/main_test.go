// Package crashtest ends Muster where it hurts: it kills the process before
// every statement and after every call of a small run, kills it at random
// moments of large ones, presses Ctrl-C, and then looks whether the next
// import and export leave anything lost, wrong or sent twice. It holds tests
// only.
package crashtest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"muster/internal/testserver/postgres"
)

// TestMain is the process that is to die, when it is started as one.
func TestMain(m *testing.M) {
	if text := os.Getenv("MUSTER_CRASH_JOB"); text != "" {
		os.Exit(victim(text))
	}
	code := m.Run()
	if err := errors.Join(servers.stop(), os.RemoveAll(builtIn())); err != nil {
		fmt.Fprintln(os.Stderr, "crashtest:", err)
		code = 1
	}
	os.Exit(code)
}

// long reports that there is time for everything.
func long() bool { return os.Getenv("MUSTER_LONG") != "" }

// A job is what a process that may die is to do.
type job struct {
	Place   place
	Profile string
	Day     int    // which day it is, from 1
	Die     int64  // at which point it dies; 0: at none
	Points  string // a file that is told each point; "": nobody asks
	Phases  bool   // the first file beside the usual three is told each phase
	Hang    int    // the call that is never answered, counted from 1; 0: none
}

// died is the exit code of a process that reached its point.
const died = 99

// start starts a process for the job, with files beside the usual three.
func (j *job) start(files ...*os.File) (*exec.Cmd, *strings.Builder, error) {
	text, err := json.Marshal(j)
	if err != nil {
		return nil, nil, err
	}
	said := &strings.Builder{}
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), "MUSTER_CRASH_JOB="+string(text))
	c.Stdout, c.Stderr, c.ExtraFiles = said, said, files
	return c, said, c.Start()
}

// do carries the job out in a process and returns where it died, "" if it came
// to its end.
func (j *job) do() (where string, err error) {
	c, said, err := j.start()
	if err != nil {
		return "", err
	}
	err = c.Wait()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit) && exit.ExitCode() == died:
		return strings.TrimSpace(said.String()), nil
	case err != nil:
		return "", fmt.Errorf("%w: %s", err, said)
	}
	return "", nil
}

// victim is the process.
func victim(text string) int {
	var j job
	err := json.Unmarshal([]byte(text), &j)
	if err == nil {
		err = j.carryOut()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// A fuse ends the process at one of the points that it meets. It is the way
// by which every statement goes to either database.
type fuse struct {
	mu     sync.Mutex
	at     int64
	met    int64
	writes bool // since the last commit
	told   io.Writer
	phase  func(string)
}

// point is a place where the process may die. It dies without cleaning up:
// nothing is rolled back, closed or flushed.
func (f *fuse) point(where string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.met++; f.met == f.at {
		fmt.Println(where)
		os.Exit(died)
	}
	if f.told != nil {
		fmt.Fprintln(f.told, where) //nolint:errcheck // the parent reads or is gone
	}
}

// The sorts of points. What lies between a commit and the next statement is
// more than computing: that is where systems are called.
const (
	beforeStatement = "before"
	afterCommit     = "committed"
	asked           = "asked"
	did             = "did"
)

// before and after are the store's hooks.
func (f *fuse) before(q string) error {
	verb, _, _ := strings.Cut(strings.TrimSpace(q), " ")
	if slices.Contains([]string{"INSERT", "UPDATE", "DELETE", "LOAD"}, verb) {
		f.writes = true
	}
	if strings.HasPrefix(q, "INSERT INTO import ") {
		f.phase("import")
	}
	f.point(beforeStatement + " " + strings.Join(strings.Fields(q), " "))
	return nil
}

func (f *fuse) after(q string) {
	if q == "COMMIT" && f.writes {
		f.writes = false
		f.point(afterCommit)
	}
}

// A place is where one organisation lives: its store and a folder with its
// systems.
type place struct{ DSN, Dir string }

// A database makes stores.
type database struct {
	name string
	// fresh returns the DSN of a store that is not there yet, or of a copy of
	// another one, which nobody may have open.
	fresh func(dir, of string) (dsn string, err error)
	// drop removes a store, if it has to be.
	drop func(dsn string) error
	// Of calls, commits and other statements, how many a run is killed at in
	// the short form: every n-th.
	calls, commits, others int
}

var databases = []database{
	{name: "sqlite", fresh: freshSQLite, drop: func(string) error { return nil }, calls: 2, commits: 2, others: 90},
	{name: "postgres", fresh: servers.fresh, drop: servers.drop, calls: 12, commits: 12, others: 600},
}

func freshSQLite(dir, of string) (string, error) {
	path := filepath.Join(dir, "muster.db")
	if of == "" {
		return "sqlite:" + path, nil
	}
	text, err := os.ReadFile(strings.TrimPrefix(of, "sqlite:"))
	if err != nil {
		return "", err
	}
	return "sqlite:" + path, os.WriteFile(path, text, 0o600)
}

// cluster is the PostgreSQL server of this test binary.
type cluster struct {
	start  sync.Once
	server *postgres.Server
	err    error
	made   atomic.Int64
}

var servers = &cluster{}

func (c *cluster) stop() error {
	if c.server == nil {
		return nil
	}
	return c.server.Stop()
}

func (c *cluster) dsn(name string) string {
	return fmt.Sprintf("postgres:///%s?host=%s&port=%d&user=%s", name, c.server.Socket, c.server.Port, c.server.User)
}

// command runs one statement that is about databases.
func (c *cluster) command(t string) error {
	conn, err := pgx.Connect(ctx, c.dsn("postgres"))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, t)
	return err
}

func (c *cluster) fresh(_, of string) (string, error) {
	c.start.Do(func() { c.server, c.err = postgres.Start() })
	if c.err != nil {
		return "", c.err
	}
	name := fmt.Sprintf("crash%d", c.made.Add(1))
	t := "CREATE DATABASE " + name
	if of != "" {
		t += " TEMPLATE " + databaseOf(of)
	}
	return c.dsn(name), c.command(t)
}

func databaseOf(dsn string) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(dsn, "postgres:///"), "?")
	return name
}

func (c *cluster) drop(dsn string) error {
	return c.command("DROP DATABASE " + databaseOf(dsn) + " WITH (FORCE)")
}
