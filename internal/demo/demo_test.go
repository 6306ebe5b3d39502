package demo

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"muster/internal/base/secret"
	"muster/internal/demo/ldapserver"
	"muster/internal/demo/systems"
	"muster/internal/store"
	"muster/internal/sync/run"
	"muster/internal/testserver/slapd"
)

// told is where the demo of a test is shown: in the test's log, for -v.
type told struct{ t *testing.T }

func (x told) Write(b []byte) (int, error) {
	for line := range strings.SplitSeq(strings.TrimSuffix(string(b), "\n"), "\n") {
		x.t.Log(line)
	}
	return len(b), nil
}

// day is when the tests look at the organisation.
var day = time.Date(2027, 3, 10, 15, 0, 0, 0, time.UTC)

// from is a clock that begins on that day and runs.
func from(start time.Time) func() time.Time {
	began := time.Now()
	return func() time.Time { return start.Add(time.Since(began)) }
}

// TestDemo goes through the demo as `muster demo` does where there is no
// terminal. Whatever a scene says and is not so fails it.
func TestDemo(t *testing.T) {
	if err := Run(t.Context(), Options{Out: told{t}, Now: from(day)}); err != nil {
		t.Fatal(err)
	}
}

// TestDemoOnOpenLDAP plays the same scenes on a real OpenLDAP.
func TestDemoOnOpenLDAP(t *testing.T) {
	certs, err := ldapserver.NewCertificates(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	server, err := slapd.Start(slapd.Options{CA: certs.CA, Cert: certs.Cert, Key: certs.Key})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Stop() //nolint:errcheck // a folder of the test
	to := systems.Directory{URL: server.URL, Base: slapd.Suffix, BindDN: slapd.RootDN, Password: slapd.Password}
	fill := systems.Containers(to.Base)
	c, err := ldap.DialURL(to.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Bind(to.BindDN, to.Password); err != nil {
		t.Fatal(err)
	}
	for record := range strings.SplitSeq(strings.TrimSpace(fill), "\n\n") {
		if err := c.Add(addOf(record)); err != nil {
			t.Fatalf("%v\n%s", err, record)
		}
	}
	if err := Run(t.Context(), Options{Out: told{t}, Now: from(day), Directory: &to, People: 600}); err != nil {
		t.Fatal(err)
	}
}

// addOf reads one record of plain LDIF.
func addOf(record string) *ldap.AddRequest {
	req := &ldap.AddRequest{}
	at := map[string][]string{}
	for line := range strings.SplitSeq(record, "\n") {
		name, value, _ := strings.Cut(line, ": ")
		if name == "dn" {
			req.DN = value
			continue
		}
		at[name] = append(at[name], value)
	}
	for name, values := range at {
		req.Attribute(name, values)
	}
	return req
}

// TestFolderGoesOn keeps a demo in a folder, and goes on with it another day.
func TestFolderGoesOn(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "kept")
	o := Options{Out: told{t}, Now: from(day), Dir: dir, People: fewest}
	e, err := newEstate(o)
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{out: told{t}, width: 80}
	if err := errors.Join(opening(t.Context(), s, e), e.close()); err != nil || len(s.failed) > 0 {
		t.Fatal(err, s.failed)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, o) }()
	waitFor(t, e.to)
	again := goOn(t, dir)
	again.org, again.to = e.org, e.to
	rep, err := again.nightly(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	plan, err := again.desk.Plan(t.Context(), planOf(rep))
	if err != nil || plan.Units != 0 {
		t.Errorf("a day later there are %d units to do, %v", plan.Units, err)
	}
	if err := errors.Join(again.allThere(t.Context(), s), again.close()); err != nil || len(s.failed) > 0 {
		t.Error(err, s.failed)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// goOn opens a kept folder as Muster does.
func goOn(t *testing.T, dir string) *estate {
	t.Helper()
	cfg, err := LoadFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	now := from(day.AddDate(0, 0, 1))
	st, err := store.Open(t.Context(), "sqlite:"+filepath.Join(dir, "muster.db"), store.Options{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return &estate{dir: dir, store: st, desk: run.New(st, cfg, run.Options{Now: now, By: "test", Secrets: secret.Dir(filepath.Join(dir, "secrets"))})}
}

// waitFor waits until the directory answers.
func waitFor(t *testing.T, to systems.Directory) {
	t.Helper()
	for range 500 {
		if _, err := to.Look(); err == nil {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("the directory does not come up again")
}

// TestFoldersOfOthersAreLeftAlone refuses a folder with something else in it.
func TestFoldersOfOthersAreLeftAlone(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "thesis.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	err := Run(t.Context(), Options{Out: io.Discard, Now: from(day), Dir: dir})
	if err == nil || !strings.Contains(err.Error(), "empty folder") {
		t.Errorf("got %v", err)
	}
}
