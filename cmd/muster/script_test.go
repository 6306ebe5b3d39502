package main

import (
	"errors"
	"flag"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/cobra"
)

var update = flag.Bool("update", false, "write what was seen into the scripts")

func TestMain(m *testing.M) {
	cobra.EnableCommandSorting = false // as start does
	testscript.Main(m, map[string]func(){
		"muster": func() { os.Exit(start(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) },
	})
}

// TestScripts runs the scripts in testdata/script, which call the program as
// people do. Beside what testscript has there are:
//
//	rc 3 muster sync …   runs a command and insists on its exit code
//	tidy stdout          writes to the file "seen" what a command wrote, with
//	                     times, lengths of time, names and paths made the same
//	await FILE           waits until somebody answers at a socket
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script", UpdateScripts: *update, RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("MUSTER_CONFIG", "")
			e.Setenv("MUSTER_SOCKET", "")
			e.Setenv("NO_COLOR", "")
			e.Cd = filepath.Join(e.WorkDir, "house")
			return errors.Join(unpack(filepath.Join("testdata", "house"), e.Cd), unpack(filepath.Join("testdata", "stories"), filepath.Join(e.WorkDir, "stories")))
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"rc": rc, "tidy": tidy, "await": await},
	})
}

// unpack copies the configuration that every script begins with.
func unpack(from, to string) error {
	return os.CopyFS(to, os.DirFS(from))
}

func rc(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: rc CODE command…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	var failed *exec.ExitError
	switch {
	case errors.As(err, &failed):
		got = failed.ExitCode()
	case err != nil:
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

var untidy = []struct {
	from *regexp.Regexp
	to   string
}{
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[0-9.]*(Z|[+-]\d\d:\d\d)`), "TIME"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d`), "TIME"},
	{regexp.MustCompile(` +\d+ ms$| +\d+\.\d s$`), "  TOOK"},
	{regexp.MustCompile(`"[0-9a-f]{32}"`), `"HASH"`},
	{regexp.MustCompile(`"[0-9a-f]{16}"`), `"VERSION"`},
	{regexp.MustCompile(`pid \d+ on \S+`), "pid N on HOST"},
	{regexp.MustCompile(`process \d+`), "process N"},
}

// tidy makes the same what differs from run to run.
func tidy(ts *testscript.TestScript, _ bool, args []string) {
	who := account(ts)
	var out strings.Builder
	for line := range strings.Lines(ts.ReadFile(args[0])) {
		line = strings.TrimRight(strings.ReplaceAll(line, ts.Getenv("WORK"), "WORK"), "\n")
		for _, u := range untidy {
			line = u.from.ReplaceAllString(line, u.to)
		}
		line = strings.NewReplacer("by "+who, "by WHO", `"`+who+`"`, `"WHO"`).Replace(line)
		out.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	ts.Check(os.WriteFile(filepath.Join(ts.Getenv("WORK"), "seen"), []byte(out.String()), 0o600))
}

func account(ts *testscript.TestScript) string {
	out, err := exec.Command("id", "-un").Output()
	ts.Check(err)
	return strings.TrimSpace(string(out))
}

func await(ts *testscript.TestScript, _ bool, args []string) {
	for range 500 {
		c, err := net.Dial("unix", ts.MkAbs(args[0]))
		if err == nil {
			ts.Check(c.Close())
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	ts.Fatalf("nobody answers at %s", args[0])
}

// TestManualIsFresh compares docs/manual/commands.md with the help texts.
func TestManualIsFresh(t *testing.T) {
	t.Parallel()
	file := filepath.Join("..", "..", "docs", "manual", "commands.md")
	c := &cli{in: strings.NewReader(""), out: io.Discard, errs: io.Discard, now: time.Now}
	want := manual(c.root())
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s is not what the help texts say; write it again with: go generate ./cmd/muster", file)
	}
}

// TestEveryCommandHasHelp holds help pages to what they promise.
func TestEveryCommandHasHelp(t *testing.T) {
	t.Parallel()
	shapes, err := os.ReadFile(filepath.Join("..", "..", "docs", "manual", "json.md"))
	if err != nil {
		t.Fatal(err)
	}
	c := &cli{in: strings.NewReader(""), out: io.Discard, errs: io.Discard, now: time.Now}
	list := c.root().Commands()
	for len(list) > 0 {
		x := list[0]
		list = append(list[1:], x.Commands()...)
		if !x.IsAvailableCommand() || x.Name() == "help" || x.Name() == "completion" || x.HasParent() && x.Parent().Name() == "completion" {
			continue
		}
		if n := strings.Count(x.Example, "\n") + 1; n < 2 || n > 5 {
			t.Errorf("%s: %d examples; two or three help most", nameOf(x), n)
		}
		for line := range strings.Lines(page(x)) {
			if len([]rune(line)) > 112 {
				t.Errorf("%s: this line of its help is too long: %s", nameOf(x), line)
			}
		}
		if name := nameOf(x); name != "serve" && name != "demo" && !strings.Contains(string(shapes), "| `"+name+"`") {
			t.Errorf("%s: docs/manual/json.md has no row for it; say what its result is", name)
		}
	}
}
