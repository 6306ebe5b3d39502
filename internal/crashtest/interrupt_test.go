package crashtest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"muster/internal/demo/ldapserver"
)

// house is the configuration for the program itself: HR's files in, an LDAP
// directory out.
const house = `
settings: {store: 'sqlite:muster.db', secrets: secrets}
---
connector: hr
kind: csv
file: people.csv
type: person
anchor: [emp]
columns: {emp: string, first: string, last: string, title: string, boss: ref}
---
connector: dir
kind: ldap
url: %s
allowClear: true
bindDN: cn=admin,dc=example
password: dir-password
bases: ["ou=people,dc=example"]
types: {inetOrgPerson: [inetOrgPerson]}
exportBatch: 10
---
metaverse: person
attributes: {employeeID: string, displayName: string, lastName: string, accountName: string, title: string}
---
rule: hr-person
from: hr/person
to: person
join: [{on: {employeeID: attr.emp}}]
project: true
flows:
  employeeID: attr.emp
  displayName: 'attr.first + " " + attr.last'
  lastName: attr.last
  accountName: 'unique(lower(left(attr.first, 1) + attr.last), n, base + string(n))'
  title: attr.title
---
rule: person-dir
from: person
to: dir/inetOrgPerson
exists: has(mv.accountName)
dn: '"uid=" + escape(mv.accountName) + ",ou=people,dc=example"'
flows: {cn: mv.displayName, sn: mv.lastName, uid: mv.accountName, title: mv.title, employeeNumber: mv.employeeID}
---
profile: nightly
steps: [{import: hr, full: true}, {sync: delta}, {export: dir}, {import: dir, full: true}, {sync: delta}]
`

const ldif = `dn: dc=example
objectClass: top
objectClass: dcObject
objectClass: organization
dc: example
o: Example

dn: ou=people,dc=example
objectClass: top
objectClass: organizationalUnit
ou: people
`

// directory is the LDAP server, which counts the adds, and can be told to leave
// a request unanswered until it is let go.
type directory struct {
	*ldapserver.Server
	mu    sync.Mutex
	adds  map[string]int
	waits string // the request that has to wait: "add", "search"; "": none
	skip  int    // how many of them pass before
	there chan struct{}
	free  chan struct{}
}

func startDirectory(t *testing.T) *directory {
	t.Helper()
	d := &directory{adds: map[string]int{}}
	s, err := ldapserver.Start(ldapserver.Options{Suffix: "dc=example", RootPassword: "s", LDIF: ldif})
	if err != nil {
		t.Fatal(err)
	}
	d.Server = s
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	s.OnRequest(d.request)
	return d
}

func (d *directory) request(o ldapserver.Op) ldapserver.Fault {
	d.mu.Lock()
	if o.Name == "add" {
		d.adds[o.DN]++
	}
	wait := o.Name == d.waits && strings.HasSuffix(o.DN, "ou=people,dc=example")
	if wait {
		if d.skip--; d.skip >= 0 {
			wait = false
		} else {
			d.waits = ""
		}
	}
	there, free := d.there, d.free
	d.mu.Unlock()
	if wait {
		close(there)
		<-free
	}
	return ldapserver.Fault{}
}

// hold leaves a request unanswered, after some.
func (d *directory) hold(name string, skip int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.waits, d.skip, d.there, d.free = name, skip, make(chan struct{}), make(chan struct{})
}

// await waits until the request is there.
func (d *directory) await(t *testing.T) {
	t.Helper()
	select {
	case <-d.there:
	case <-time.After(time.Minute):
		t.Fatal("the program does not ask for what it should")
	}
}

// program is muster itself, in a folder with a configuration.
type program struct {
	t    *testing.T
	path string
	dir  string
}

// built is the program, built once for the test binary.
var built = sync.OnceValues(func() (string, error) {
	path := filepath.Join(builtIn(), "muster")
	out, err := exec.Command("go", "build", "-o", path, "muster/cmd/muster").CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%w: %s", err, out)
	}
	return path, err
})

// builtIn is the folder for what is built; TestMain removes it.
func builtIn() string {
	return filepath.Join(os.TempDir(), fmt.Sprintf("muster-crashtest-%d", os.Getpid()))
}

func newProgram(t *testing.T, url string) *program {
	t.Helper()
	path, err := built()
	if err != nil {
		t.Fatal(err)
	}
	p := &program{t: t, path: path, dir: t.TempDir()}
	people := "emp,first,last,title,boss\n"
	for i := range 2000 {
		people += fmt.Sprintf("%d,%s,%s,%s,\n", i+1, firstNames[i%len(firstNames)], lastNames[i%len(lastNames)], titles[i%len(titles)])
	}
	for name, text := range map[string]string{"muster.yaml": fmt.Sprintf(house, url), "people.csv": people, "secrets/dir-password": "s"} {
		at := filepath.Join(p.dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(at), 0o700), os.WriteFile(at, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// running is the program at work.
type running struct {
	*exec.Cmd
	out, errs *said
}

// said is what a process has written so far.
type said struct {
	mu sync.Mutex
	b  strings.Builder
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *said) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func (p *program) start(args ...string) *running {
	p.t.Helper()
	r := &running{Cmd: exec.Command(p.path, args...), out: &said{}, errs: &said{}}
	r.Env = append(os.Environ(), "MUSTER_CONFIG="+p.dir, "MUSTER_SOCKET=", "NO_COLOR=1")
	r.Stdout, r.Stderr = r.out, r.errs
	if err := r.Start(); err != nil {
		p.t.Fatal(err)
	}
	return r
}

// interrupt presses Ctrl-C and waits until the program has noticed.
func (r *running) interrupt(t *testing.T) {
	t.Helper()
	if err := r.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	for range 1000 {
		if strings.Contains(r.errs.text(), "stopping at the next batch") {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("Ctrl-C was not noticed: %s", r.errs.text())
}

// interrupted starts the program and presses Ctrl-C while it waits for the
// answer to such a request, with skip of them before it.
func (p *program) interrupted(d *directory, request string, skip int, args ...string) *running {
	p.t.Helper()
	d.hold(request, skip)
	r := p.start(args...)
	d.await(p.t)
	r.interrupt(p.t)
	return r
}

// end waits for the program and returns its exit code.
func (r *running) end(t *testing.T) int {
	t.Helper()
	err := r.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return r.ProcessState.ExitCode()
}

// run runs the program to its end, which must be a good one.
func (p *program) run(args ...string) string {
	p.t.Helper()
	r := p.start(args...)
	if code := r.end(p.t); code != 0 {
		p.t.Fatalf("muster %v: exit code %d\n%s%s", args, code, r.out.text(), r.errs.text())
	}
	return r.out.text()
}

// finished holds the program to what the next run must make of an interrupted
// one: everybody is there and was added once, and nothing is left to do.
func (p *program) finished(d *directory) {
	p.t.Helper()
	p.run("run", "nightly")
	p.run("sync", "--preview", "--full") // exit code 4 if anything would change
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.adds) != 2000 {
		p.t.Errorf("%d accounts were added, want 2000", len(d.adds))
	}
	for dn, n := range d.adds {
		if n > 1 {
			p.t.Errorf("%s was added %d times", dn, n)
		}
	}
}

// TestCtrlC presses Ctrl-C while the program imports, decides, accepts and
// sends: it stops at the next batch, says so, and the next run finishes.
func TestCtrlC(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("signals are Unix's")
	}
	t.Run("sending", func(t *testing.T) {
		t.Parallel()
		d := startDirectory(t)
		p := newProgram(t, d.URL())
		r := p.interrupted(d, "add", 34, "run", "nightly")
		close(d.free)
		p.stopped(r)
		p.finished(d)
	})
	t.Run("importing", func(t *testing.T) {
		t.Parallel()
		d := startDirectory(t)
		p := newProgram(t, d.URL())
		p.run("run", "nightly")
		r := p.interrupted(d, "search", 0, "import", "dir", "--full")
		close(d.free)
		p.stopped(r)
		p.finished(d)
	})
	t.Run("twice", func(t *testing.T) {
		t.Parallel()
		d := startDirectory(t)
		p := newProgram(t, d.URL())
		r := p.interrupted(d, "add", 34, "run", "nightly")
		if err := r.Process.Signal(syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
		if code := r.end(t); code != 130 {
			t.Errorf("exit code %d, want 130", code)
		}
		close(d.free)
		p.finished(d)
	})
	t.Run("deciding", func(t *testing.T) {
		t.Parallel()
		d := startDirectory(t)
		p := newProgram(t, d.URL())
		p.run("import", "hr", "--full")
		r := p.start("sync")
		for range 3000 { // it has begun as soon as the log of the store grows
			if s, err := os.Stat(filepath.Join(p.dir, "muster.db-wal")); err == nil && s.Size() > 64<<10 {
				break
			}
			time.Sleep(time.Millisecond)
		}
		if err := r.Process.Signal(syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
		if code := r.end(t); code != 130 && code != 0 { // it may have been quicker
			t.Errorf("exit code %d, want 130\n%s%s", code, r.out.text(), r.errs.text())
		}
		p.finished(d)
	})
}

// stopped holds the program to how a run ends that a person ended (STAT-7).
func (p *program) stopped(r *running) {
	p.t.Helper()
	if code := r.end(p.t); code != 130 {
		p.t.Errorf("exit code %d, want 130", code)
	}
	if !strings.Contains(r.out.text(), "stopped-user-termination") {
		p.t.Errorf("it does not say how it ended:\n%s%s", r.out.text(), r.errs.text())
	}
	if out := p.run("runs", "--json"); !strings.Contains(out, "stopped-user-termination") {
		p.t.Errorf("the list of runs does not say how it ended:\n%s", out)
	}
}
