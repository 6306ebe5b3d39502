//go:build unix

package storetest

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// server is a PostgreSQL of this test binary's own.
type server struct {
	dir  string
	port int
	user string
	pid  int
	err  error
}

var (
	shared    server
	startOnce sync.Once
	databases atomic.Int64
)

// Postgres returns the URL of a fresh database on a private server, which is
// started once for the test binary and stopped by Main. It fails the test when
// the programs are not there.
func Postgres(t testing.TB) string {
	t.Helper()
	startOnce.Do(func() { shared.err = shared.start() })
	if shared.err != nil {
		t.Fatalf("PostgreSQL for tests: %v", shared.err)
	}
	name := "t" + strconv.FormatInt(databases.Add(1), 10)
	conn, err := pgx.Connect(context.Background(), shared.url("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if _, err := conn.Exec(context.Background(), "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	return shared.url(name)
}

// Main runs the tests of a package and stops the server that they started:
//
//	func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }
func Main(m *testing.M) int {
	defer shared.stop()
	return m.Run()
}

func (s *server) url(name string) string {
	v := url.Values{"host": {s.dir}, "port": {strconv.Itoa(s.port)}, "user": {s.user}}
	return "postgres:///" + name + "?" + v.Encode()
}

// program finds one of PostgreSQL's programs.
func program(name string) (string, error) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name) // the pattern is a good one
	if len(found) > 0 {
		return found[len(found)-1], nil
	}
	p, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("%s was not found under /usr/lib/postgresql or in PATH; install it, on Debian: apt-get install postgresql", name)
	}
	return p, nil
}

func (s *server) start() error {
	initdb, err := program("initdb")
	if err != nil {
		return err
	}
	postgres, err := program("postgres")
	if err != nil {
		return err
	}
	if s.dir, err = os.MkdirTemp("", "muster-pg-"); err != nil {
		return err
	}
	attr, err := s.demote()
	if err != nil {
		return err
	}
	run := exec.Command(initdb, "-D", filepath.Join(s.dir, "data"), "-A", "trust", "-U", s.user, "--no-locale", "-E", "UTF8", "--no-instructions")
	run.SysProcAttr, run.Dir = attr, s.dir
	if out, err := run.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, out)
	}
	if s.port, err = freePort(); err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(s.dir, "log"))
	if err != nil {
		return err
	}
	defer log.Close()
	srv := exec.Command(postgres, "-D", filepath.Join(s.dir, "data"), "-k", s.dir, "-p", strconv.Itoa(s.port), "-c", "listen_addresses=",
		"-c", "fsync=on", "-c", "max_connections=200")
	srv.SysProcAttr, srv.Dir, srv.Stdout, srv.Stderr = attr, s.dir, log, log
	if err := srv.Start(); err != nil {
		return err
	}
	s.pid = srv.Process.Pid
	go srv.Wait() //nolint:errcheck // it ends when it is told to
	for range 200 {
		conn, err := pgx.Connect(context.Background(), s.url("postgres"))
		if err == nil {
			conn.Close(context.Background())
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	text, _ := os.ReadFile(log.Name()) // for the message alone
	s.stop()
	return fmt.Errorf("the server did not answer: %s", text)
}

// demote chooses a user that is not root, as PostgreSQL asks for.
func (s *server) demote() (*syscall.SysProcAttr, error) {
	me, err := user.Current()
	if err != nil {
		return nil, err
	}
	s.user = me.Username
	if os.Geteuid() != 0 {
		return &syscall.SysProcAttr{}, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.Atoi(u.Uid)
		gid, err2 := strconv.Atoi(u.Gid)
		if err1 != nil || err2 != nil {
			continue
		}
		s.user = name
		if err := os.Chown(s.dir, uid, gid); err != nil {
			return nil, err
		}
		return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}, nil
	}
	return nil, fmt.Errorf("PostgreSQL does not run as root, and there is no user postgres or nobody; run the tests as another user")
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	_, port, _ := strings.Cut(l.Addr().String(), ":")
	return strconv.Atoi(port)
}

// stop ends the server that this process started, and removes its files.
func (s *server) stop() {
	if s.pid != 0 {
		syscall.Kill(s.pid, syscall.SIGINT) //nolint:errcheck // it may have ended already
		for range 100 {
			if syscall.Kill(s.pid, 0) != nil {
				break
			}
			time.Sleep(50 * time.Millisecond)
		}
	}
	if s.dir != "" {
		os.RemoveAll(s.dir) //nolint:errcheck // what is left lies in the folder for temporary files
	}
}
