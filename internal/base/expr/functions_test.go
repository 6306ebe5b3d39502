package expr

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"muster/internal/base/object"
	"muster/internal/base/problem"
)

var update = flag.Bool("update", false, "write the golden files")

// exampleContext picks a context in which the function is allowed.
func exampleScopeFor(f *Function) *Scope {
	s := *exampleScope()
	if len(f.only) > 0 {
		s.Context = f.only[0]
	}
	return &s
}

func TestExamples(t *testing.T) {
	t.Parallel()
	in := exampleInput{exampleValues()}
	for _, f := range Functions() {
		if f.Name == "" || f.Summary == "" || f.Origin == "" || f.Signature == "" || len(f.Examples) == 0 {
			t.Errorf("%s: lacks a summary, an origin, a signature or an example", f.Name)
		}
		for _, ex := range f.Examples {
			want := Type{}
			if f.Name == "unique" {
				want.Kind = object.String
			}
			if !strings.Contains(strings.ToLower(ex.Expr), strings.ToLower(f.Name)) {
				t.Errorf("%s: example %s does not use it", f.Name, ex.Expr)
			}
			p, problems := Compile(ex.Expr, exampleScopeFor(f), want, problem.Position{})
			if len(problems) > 0 {
				t.Errorf("%s: %v", ex.Expr, problems)
				continue
			}
			vs, err := p.Eval(in)
			switch {
			case ex.Error != "":
				if err == nil || !strings.Contains(err.Error(), ex.Error) {
					t.Errorf("%s: got %v, %v, want the fault %q", ex.Expr, vs, err, ex.Error)
				}
			case err != nil:
				t.Errorf("%s: %v", ex.Expr, err)
			case vs.String() != ex.Want:
				t.Errorf("%s: got %q, want %q", ex.Expr, vs.String(), ex.Want)
			}
			bothAgree(t, p, ex.Expr, exampleScopeFor(f), in)
		}
	}
}

// bothAgree runs an expression through the closures and through CEL.
func bothAgree(t testing.TB, p *Program, src string, scope *Scope, in Input) {
	t.Helper()
	if p.fast == nil || p.unique != nil {
		return
	}
	slow := slowProgram(t, src, scope, p.want)
	m, n := p.machine(in), slow.machine(in)
	fast, fastErr := p.result(p.fast(m))
	want, wantErr := slow.result(slow.runCEL(n, slow.slow))
	if !fast.Equal(want) || fmt.Sprint(fastErr) != fmt.Sprint(wantErr) {
		t.Errorf("%s: closures give %v, %v; CEL gives %v, %v", src, fast, fastErr, want, wantErr)
	}
}

// tester is what *testing.T and *rapid.T share.
type tester interface {
	Helper()
	Fatalf(format string, args ...any)
}

// slowProgram compiles an expression for CEL alone.
func slowProgram(t tester, src string, scope *Scope, want Type) *Program {
	t.Helper()
	c := &compiler{src: src, scope: scope, want: want, celOnly: true}
	p := c.compile(nil)
	if p == nil || p.slow == nil {
		t.Fatalf("%s: %v", src, c.problems)
	}
	return p
}

// TestManual holds docs/manual/functions.md to the table of functions.
func TestManual(t *testing.T) {
	t.Parallel()
	golden(t, filepath.Join("..", "..", "..", "docs", "manual", "functions.md"), manual())
}

// golden compares text with a file; -update writes it.
func golden(t *testing.T, path, want string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(got), want); diff != "" {
		t.Errorf("%s is stale: run go generate ./internal/base/expr, and read what changed\n%s", path, diff)
	}
}

func manual() string {
	var b strings.Builder
	b.WriteString(`# Functions of expressions

*Generated from the table of functions (` + "`go generate ./internal/base/expr`" + `); every example is run by the tests.*

An expression is CEL with the functions below. Names mind case. Where one gives *nothing*, the flow contributes no value.

- **Absent values.** An attribute without a value gives nothing, and so does what is made of it: ` + "`attr.first + attr.middle`" + ` is nothing when there is
  no middle name. What decides already still decides: ` + "`attr.a == \"x\" || attr.b == \"y\"`" + ` is true when b is y, though a is absent.
  Functions marked *takes absent values* read them as "", 0 or false, as MIM and Entra Connect do. ` + "`default(x, y)`, `coalesce(…)`, `has(attr.x)`" + ` and ` + "`IsPresent(…)`" + ` ask.
- **Several values.** An attribute that may hold several is a list, empty when there is none, never absent. Functions marked *each value* apply to each value of a list.
  The values of an attribute are kept in the order of their bytes, and each once.
- **Empty text.** A computed text that is empty is no value; a plain copy copies what it finds.
- **Names with hyphens** are written ` + "`attr[\"msDS-PrincipalName\"]`" + ` or with backticks behind the dot.
- **Limits.** An expression has at most 16 KiB, a text at most 1 MiB, and a loop (map, filter, exists, Select, Where) at most five million steps.

The examples read a person at noon UTC on 1 June 2026, whose attributes are:

| attribute | value |
|---|---|
`)
	for _, a := range exampleValues() {
		shown := a.Values.String()
		if len(shown) > 60 {
			shown = "(binary data)"
		}
		fmt.Fprintf(&b, "| `%s` | %s |\n", a.Name, shown)
	}
	b.WriteString("\n`middle`, `nick`, `left` and `phones` have no value.\n")
	for _, f := range Functions() {
		fmt.Fprintf(&b, "\n## %s\n\n", f.Name)
		for line := range strings.Lines(f.Signature) {
			fmt.Fprintf(&b, "    %s\n", strings.TrimSpace(line))
		}
		notes := []string{f.Origin}
		if f.TakesAbsent() {
			notes = append(notes, "takes absent values")
		}
		if f.EachValue() {
			notes = append(notes, "each value")
		}
		fmt.Fprintf(&b, "\n%s *%s.*\n\n", f.Summary, strings.Join(notes, "; "))
		for _, ex := range f.Examples {
			switch {
			case ex.Error != "":
				fmt.Fprintf(&b, "- `%s` → *%s*\n", ex.Expr, ex.Error)
			case ex.Want == "":
				fmt.Fprintf(&b, "- `%s` → nothing\n", ex.Expr)
			default:
				fmt.Fprintf(&b, "- `%s` → `%s`\n", ex.Expr, strings.NewReplacer("\r", `\r`, "\n", `\n`).Replace(ex.Want))
			}
		}
	}
	return b.String()
}
