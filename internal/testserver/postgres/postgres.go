// Package postgres starts a PostgreSQL of its own for tests: a new cluster in a
// temporary folder, run as an unprivileged user, reached through a socket there
// and, with TLS, through a free port of this machine. It never touches a
// server or service of the system, and leaves nothing behind.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Server is a running server. Everything in it is as it was at the start.
type Server struct {
	Socket   string // folder of its socket; whoever can reach it is let in
	Host     string // its address for TLS, where the password is asked for
	Port     int    // for both
	User     string // a superuser
	Password string
	CA       string // file of the authority that signed its certificate

	dir     string
	process *os.Process
	ended   chan error
}

// patience is how long a server may take to start or stop.
const patience = time.Minute

// Start makes a cluster and starts a server on it. Programs that are missing
// are an error, which says how to install them.
func Start() (*Server, error) {
	bin, err := programs("initdb", "postgres")
	if err != nil {
		return nil, err
	}
	// Not the test's own folder: the path of a socket has 107 bytes at most.
	dir, err := os.MkdirTemp("", "muster-pg-")
	if err != nil {
		return nil, err
	}
	s := &Server{Socket: dir, Host: "127.0.0.1", User: "muster", Password: "made for tests", CA: filepath.Join(dir, "ca.pem"), dir: dir, ended: make(chan error, 1)}
	if err := s.start(bin); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return s, nil
}

// programs finds each program: in the path, else where Debian keeps servers,
// the newest first.
func programs(names ...string) (map[string]string, error) {
	found := map[string]string{}
	for _, name := range names {
		path, err := exec.LookPath(name)
		if err != nil {
			all, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
			if len(all) == 0 {
				return nil, fmt.Errorf("this test needs a PostgreSQL server, and there is no %s: apt-get install -y postgresql, or put its folder into PATH", name)
			}
			slices.Sort(all)
			path = all[len(all)-1]
		}
		// The programs look for their libraries beside where they really are.
		if found[name], err = filepath.EvalSymlinks(path); err != nil {
			return nil, err
		}
	}
	return found, nil
}

func (s *Server) start(bin map[string]string) error {
	data := filepath.Join(s.dir, "data")
	secret := filepath.Join(s.dir, "password")
	if err := os.WriteFile(secret, []byte(s.Password+"\n"), 0o600); err != nil {
		return err
	}
	if err := writeCertificates(s.dir, s.Host); err != nil {
		return err
	}
	if err := giveAway(s.dir); err != nil {
		return err
	}
	make := exec.Command(bin["initdb"], "-D", data, "-U", s.User, "-E", "UTF8", "--no-locale", "--no-sync",
		"--auth-local=trust", "--auth-host=scram-sha-256", "--pwfile", secret)
	if out, err := s.unprivileged(make).CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	var err error
	for range 3 { // somebody may take the port before the server does
		if err = s.run(bin["postgres"], data); err == nil {
			return nil
		}
	}
	return err
}

// unprivileged has the command run in the server's folder, as a user that
// PostgreSQL accepts: it refuses to run as root.
func (s *Server) unprivileged(c *exec.Cmd) *exec.Cmd {
	c.Dir = s.dir
	c.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + s.dir, "LC_ALL=C", "TZ=UTC"}
	lowerRights(c)
	return c
}

func (s *Server) run(program, data string) error {
	port, err := freePort()
	if err != nil {
		return err
	}
	s.Port = port
	file, err := os.Create(filepath.Join(s.dir, "log"))
	if err != nil {
		return err
	}
	defer file.Close()
	args := []string{"-D", data, "-k", s.dir, "-h", s.Host, "-p", strconv.Itoa(port)}
	for _, set := range []string{
		"fsync=off", "full_page_writes=off", "shared_buffers=32MB", "max_connections=60", "log_min_messages=warning",
		"ssl=on", "ssl_cert_file=" + filepath.Join(s.dir, "server.pem"), "ssl_key_file=" + filepath.Join(s.dir, "server.key"),
	} {
		args = append(args, "-c", set)
	}
	c := s.unprivileged(exec.Command(program, args...))
	c.Stdout, c.Stderr = file, file
	started := make(chan error)
	go func() {
		// The server dies with the thread that started it; so keep it.
		runtime.LockOSThread()
		err := c.Start()
		s.process = c.Process
		started <- err
		if err == nil {
			s.ended <- c.Wait()
		}
	}()
	if err := <-started; err != nil {
		return err
	}
	return s.ready(filepath.Join(data, "postmaster.pid"))
}

func freePort() (int, error) {
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(port)
}

// ready waits until the server says in its own file that it is.
func (s *Server) ready(pidFile string) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	late := time.NewTimer(patience)
	defer late.Stop()
	for {
		select {
		case err := <-s.ended:
			return fmt.Errorf("the server ended: %w\n%s", err, s.log())
		case <-late.C:
			return errors.Join(fmt.Errorf("the server is not ready after %v\n%s", patience, s.log()), s.end())
		case <-tick.C:
		}
		text, _ := os.ReadFile(pidFile)
		if lines := strings.Split(string(text), "\n"); len(lines) > 7 && strings.TrimSpace(lines[7]) == "ready" {
			return nil
		}
	}
}

func (s *Server) log() string {
	text, _ := os.ReadFile(filepath.Join(s.dir, "log"))
	return string(text)
}

// Stop ends the server, with whoever is connected, and removes its folder.
func (s *Server) Stop() error { return errors.Join(s.end(), os.RemoveAll(s.dir)) }

func (s *Server) end() error {
	if err := s.process.Signal(os.Interrupt); err != nil {
		return err
	}
	select {
	case err := <-s.ended:
		if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
			return err
		}
		return nil
	case <-time.After(patience):
		return errors.Join(errors.New("the server did not stop"), s.process.Kill())
	}
}
