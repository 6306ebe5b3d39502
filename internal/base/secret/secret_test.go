package secret

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"muster/internal/base/problem"
)

const value = "hunter2-Žluť"

// holder has the secret where fmt can reach it without its methods.
type holder struct {
	Open   Text
	sealed Text
	deep   struct{ inner []Text }
	ptr    *Text
	any    any
}

type embedder struct{ Text }

func TestTextNeverShows(t *testing.T) {
	t.Parallel()
	text := New(value)
	h := holder{Open: text, sealed: text, ptr: &text, any: text}
	h.deep.inner = []Text{text}
	for _, v := range []any{text, &text, h, &h, []Text{text}, map[string]Text{"k": text}, []any{text}, embedder{text}} {
		for _, verb := range strings.Fields("%v %+v %#v %s %q %x %X %d %t %p %T %U %e % x %08v %-20s") {
			noLeak(t, fmt.Sprintf("%T by %s", v, verb), fmt.Sprintf(verb, v))
		}
		noLeak(t, "Sprint", fmt.Sprint(v))
		if b, err := json.Marshal(v); err == nil {
			noLeak(t, fmt.Sprintf("json of %T", v), string(b))
		}
		if b, err := xml.Marshal(v); err == nil {
			noLeak(t, fmt.Sprintf("xml of %T", v), string(b))
		}
		for name, make := range map[string]func(*bytes.Buffer) slog.Handler{
			"text": func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
			"json": func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) },
		} {
			var b bytes.Buffer
			slog.New(make(&b)).Info("m", "v", v, slog.Group("g", "v", v))
			noLeak(t, "slog "+name, b.String())
		}
		noLeak(t, "error", fmt.Errorf("with %v", v).Error())
	}
	noLeak(t, "cmp.Diff", cmp.Diff(New("x"+value), text))
}

func noLeak(t *testing.T, how, out string) {
	t.Helper()
	for _, part := range []string{value, "hunter", fmt.Sprintf("%x", "hunter"), fmt.Sprintf("%X", "hunter"), fmt.Sprintf("% x", "hunter")} {
		if strings.Contains(out, part) {
			t.Errorf("%s leaks: %s", how, out)
		}
	}
}

func TestTextShowsDots(t *testing.T) {
	t.Parallel()
	for _, text := range []Text{New(value), {}} {
		b, err := json.Marshal(text)
		got := []string{text.String(), text.GoString(), fmt.Sprintf("%x", text), strings.Trim(string(b), `"`), text.LogValue().String()}
		for _, s := range got {
			if s != Shown || err != nil {
				t.Errorf("got %q, %v; want %q", s, err, Shown)
			}
		}
	}
}

func TestReveal(t *testing.T) {
	t.Parallel()
	if got := New(value).Reveal(); got != value {
		t.Errorf("Reveal gives %q", got)
	}
	if !(Text{}).IsEmpty() || (Text{}).Reveal() != "" || New("x").IsEmpty() {
		t.Error("the zero Text must be empty, and only that")
	}
	if !New("a").Equal(New("a")) || New("a").Equal(New("b")) || New("a").Equal(Text{}) || !(Text{}).Equal(New("")) {
		t.Error("Equal must compare values")
	}
}

func TestEnv(t *testing.T) {
	t.Setenv("MUSTER_SECRET_HR_DB_2", value)
	t.Setenv("MUSTER_SECRET_EMPTY", "")
	got, err := Env{}.Secret("hr-db-2")
	if err != nil || got.Reveal() != value {
		t.Errorf("got %q, %v", got.Reveal(), err)
	}
	_, err = Env{}.Secret("empty")
	says(t, err, CodeMissing, "secret empty: is not set: looked for environment variable MUSTER_SECRET_EMPTY (set the environment variable MUSTER_SECRET_EMPTY)")
	if !errors.Is(err, ErrNotFound) {
		t.Error("a secret that is not there must be ErrNotFound")
	}
}

func TestDir(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(file, mode); err != nil {
			t.Fatal(err)
		}
		return file
	}
	write("unix", value+"\n", 0o600)
	write("windows", value+"\r\n", 0o400)
	write("bare", value, 0o440)
	for _, name := range []string{"unix", "windows", "bare"} {
		if got, err := Dir(dir).Secret(name); err != nil || got.Reveal() != value {
			t.Errorf("%s: got %q, %v", name, got.Reveal(), err)
		}
	}
	write("two-ends", value+"\n\n", 0o600)
	if got, _ := Dir(dir).Secret("two-ends"); got.Reveal() != value+"\n" {
		t.Errorf("only one line end is cut, got %q", got.Reveal())
	}
	empty, large := write("empty", "\n", 0o600), write("large", strings.Repeat("x", maxSecret+1), 0o600)
	_, err := Dir(dir).Secret("empty")
	says(t, err, CodeInvalid, "secret empty: "+empty+" is empty (write the secret into it)")
	_, err = Dir(dir).Secret("large")
	says(t, err, CodeInvalid, "secret large: "+large+" is larger than 64 KB (a secret is short; check that the file is the right one)")
	if err := os.Mkdir(filepath.Join(dir, "folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	_, err = Dir(dir).Secret("folder")
	says(t, err, CodeInvalid, "secret folder: "+filepath.Join(dir, "folder")+" is not a plain file (put a file there that holds the secret)")
	_, err = Dir(dir).Secret("nobody")
	says(t, err, CodeMissing, "secret nobody: is not set: looked for file "+filepath.Join(dir, "nobody")+" (write it into the file "+filepath.Join(dir, "nobody")+")")
	if runtime.GOOS == "windows" {
		return
	}
	open := write("open", value, 0o644)
	_, err = Dir(dir).Secret("open")
	says(t, err, CodeUnsafe, "secret open: everybody on this machine may read or write "+open+" (mode 0644) (chmod o-rwx "+open+" (Kubernetes: defaultMode: 0440; Docker: mode: 0400))")
}

func TestChain(t *testing.T) {
	t.Parallel()
	env := Env{Lookup: func(v string) (string, bool) { return "from env", v == "MUSTER_SECRET_BOTH" }}
	c := Chain{env, Fixed{"both": "from fixed", "second": "from fixed"}, Dir(filepath.Join("no", "where"))}
	for name, want := range map[string]string{"both": "from env", "second": "from fixed"} {
		if got, err := c.Secret(name); err != nil || got.Reveal() != want {
			t.Errorf("%s: got %q, %v", name, got.Reveal(), err)
		}
	}
	file := filepath.Join("no", "where", "third")
	_, err := c.Secret("third")
	says(t, err, CodeMissing, "secret third: is not set: looked for environment variable MUSTER_SECRET_THIRD and third among the given secrets and file "+file+
		" (set the environment variable MUSTER_SECRET_THIRD, or add third to the given secrets, or write it into the file "+file+")")
	_, err = Chain{}.Secret("x")
	says(t, err, CodeMissing, "secret x: is not set: looked for nothing, for no place is set (name a folder of secrets)")
}

func TestChainStopsAtWhatMustNotBeUsed(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no file modes")
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "pw")
	if err := os.WriteFile(file, []byte(value), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(file, 0o604); err != nil {
		t.Fatal(err)
	}
	if _, err := (Chain{Dir(dir), Fixed{"pw": "x"}}).Secret("pw"); problem.CodeOf(err) != CodeUnsafe {
		t.Errorf("got %v", err)
	}
}

func TestNamesAreChecked(t *testing.T) {
	t.Parallel()
	for _, s := range []Source{Env{}, Dir(t.TempDir()), Chain{}, Fixed{}} {
		for _, name := range []string{"", "../etc/passwd", "Hunter2", "a b", "-a", "a\n", strings.Repeat("a", 65)} {
			_, err := s.Secret(name)
			if problem.CodeOf(err) != CodeInvalid {
				t.Errorf("%T of %q: got %v", s, name, err)
			} else if name != "" && strings.Contains(err.Error(), name) {
				t.Errorf("%T repeats what may be a secret: %v", s, err)
			}
		}
	}
}

func says(t *testing.T, err error, code problem.Code, want string) {
	t.Helper()
	if err == nil || err.Error() != want || problem.CodeOf(err) != code {
		t.Errorf("got  %v (%s)\nwant %s (%s)", err, problem.CodeOf(err), want, code)
	}
	if err != nil {
		noLeak(t, "error", err.Error())
	}
}
