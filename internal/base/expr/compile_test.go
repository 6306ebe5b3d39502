package expr

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"muster/internal/base/object"
	"muster/internal/base/problem"
)

// metaverse has a person with a manager, and groups to which references lead.
func metaverse() *Scope {
	attr := func(name string, k object.Kind, multi bool) object.Attribute {
		return object.Attribute{Name: name, Kind: k, Multi: multi}
	}
	s := object.Schema{Types: []object.Type{
		{Name: "person", Attributes: []object.Attribute{
			attr("displayName", object.String, false), attr("manager", object.Ref, false), attr("memberOf", object.Ref, true), attr("phones", object.String, true),
			attr("ends", object.Time, false), attr("number", object.Int, false), attr("extension-attribute1", object.String, false),
		}},
		{Name: "group", Attributes: []object.Attribute{attr("displayName", object.String, false), attr("number", object.String, false), attr("owner", object.Ref, false)}},
	}}
	object.SortSchema(&s)
	person, _ := s.Type("person")
	return &Scope{Context: OutboundFlow, MV: &person, Targets: s.Types, Vars: map[string]Type{"domain": {Kind: object.String}}}
}

// TestProblems holds what is said of wrong expressions to testdata/problems.txt.
func TestProblems(t *testing.T) {
	t.Parallel()
	text := Type{Kind: object.String}
	var got strings.Builder
	for _, tt := range []struct {
		src   string
		scope *Scope
		want  Type
	}{
		{`attr.fist`, exampleScope(), text},
		{`lowr(attr.fist) + atr.last`, exampleScope(), text},
		{`attr.first + attr.number`, exampleScope(), text},
		{`first`, exampleScope(), text},
		{`last`, exampleScope(), text},
		{`attr`, exampleScope(), text},
		{`attr.number`, exampleScope(), text},
		{`attr.mails`, exampleScope(), text},
		{`attr.mails == "x"`, exampleScope(), Type{}},
		{`left(attr.first)`, exampleScope(), text},
		{`IIF(attr.first, 1, 2)`, exampleScope(), Type{}},
		{`attr.first = "x"`, exampleScope(), Type{}},
		{`(attr.first`, exampleScope(), text},
		{"Now()", exampleScope(), Type{Kind: object.Time}},
		{"password()", exampleScope(), text},
		{`ref(mv.number)`, metaverse(), Type{Kind: object.Ref}},
		{`mv.manager.manager.displayName`, metaverse(), text},
		{`mv.memberOf.displayName`, metaverse(), text},
		{`mv.displayName.x`, metaverse(), text},
		{`mv.manager.dispayName`, metaverse(), text},
		{`mv.manager.number`, metaverse(), text},
		{`attr.x`, metaverse(), text},
		{`unique(mv.displayName, n, base + string(n))`, metaverse(), text},
		{`unique(attr.first, n, base + "x")`, exampleScope(), text},
		{`unique(attr.fist, n, bas + string(n))`, exampleScope(), text},
		{`lower(unique(attr.first, n, base + string(n)))`, exampleScope(), text},
		{`attr.mails.exists(attr, attr == "x")`, exampleScope(), Type{}},
		{"attr.first +\n  attr.fist", exampleScope(), text},
		{`days(1)`, exampleScope(), Type{}},
		{`attr.first.lower()`, exampleScope(), text},
		{`has(lower(attr.first))`, exampleScope(), Type{}},
		{`{"a": 1}.b`, exampleScope(), Type{}},
		{strings.Repeat("(", 300), exampleScope(), text},
		{`attr.first == `, exampleScope(), text},
		{`"abc`, exampleScope(), text},
		{``, exampleScope(), text},
		{`a b`, exampleScope(), text},
		{`mv.displayName AND true`, metaverse(), text},
		{`attr.active ? attr.first : attr.number`, exampleScope(), text},
		{`ImportedValue("mial")`, exampleScope(), text},
		{`ImportedValue(attr.first)`, exampleScope(), text},
		{`"x" + password()`, &Scope{Context: InitialFlow}, text},
		{`Switch(true)`, exampleScope(), text},
		{`Select("m", attr.mails, "x")`, exampleScope(), text},
		{`attr.first.map(x, x)`, exampleScope(), text},
		{`attr.first in attr.last`, exampleScope(), Type{}},
		{`LEFT(attr.first, 1)`, exampleScope(), text},
	} {
		p, problems := Compile(tt.src, tt.scope, tt.want, problem.Position{File: "f"})
		fmt.Fprintf(&got, "%s\n", clip(tt.src))
		for _, x := range problems {
			fmt.Fprintf(&got, "    %s\n", strings.TrimPrefix(x.Error(), "f:"))
		}
		if (p == nil) != (len(problems) > 0) {
			t.Errorf("%s: a program comes back exactly when there is no problem", tt.src)
		}
	}
	golden(t, filepath.Join("testdata", "problems.txt"), got.String())
}

func TestPositionInFile(t *testing.T) {
	t.Parallel()
	_, problems := Compile("attr.first +\nattr.fist", exampleScope(), Type{}, problem.Position{File: "rules/hr.yaml", Line: 10, Column: 5})
	want := "rules/hr.yaml:11:10: person has no attribute fist\n    11 |     attr.fist\n       |          ^\n       = did you mean first?"
	if got := problems[0].Show(); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func mustCompile(t testing.TB, src string, scope *Scope, want Type) *Program {
	t.Helper()
	p, problems := Compile(src, scope, want, problem.Position{})
	if len(problems) > 0 {
		t.Fatalf("%s: %v", src, problems)
	}
	return p
}

func TestReadsAndCopy(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		src   string
		reads string
		copy  string
	}{
		{"mv.displayName", "mv.displayName", "mv.displayName"},
		{" ( mv.displayName ) // a comment", "mv.displayName", "mv.displayName"},
		{`mv["extension-attribute1"]`, "mv.extension-attribute1", "mv.extension-attribute1"},
		{"mv.`extension-attribute1`", "mv.extension-attribute1", "mv.extension-attribute1"},
		{"mv.manager.displayName", "mv.manager.displayName", ""},
		{`has(mv.manager) && after(missingSince) ? mv.manager.displayName + domain : mv.displayName`, "domain missingSince mv.displayName mv.manager mv.manager.displayName", ""},
		{`IIF(has(mv.displayName), mv.displayName, NULL)`, "mv.displayName", ""},
		{`domain`, "domain", ""},
	} {
		p := mustCompile(t, tt.src, metaverse(), Type{Kind: object.String})
		var reads []string
		for _, r := range p.Reads() {
			reads = append(reads, r.String())
		}
		if got := strings.Join(reads, " "); got != tt.reads {
			t.Errorf("%s reads %s, want %s", tt.src, got, tt.reads)
		}
		copied := ""
		if space, attr, ok := p.Copy(); ok {
			copied = space + "." + attr
		}
		if copied != tt.copy {
			t.Errorf("%s copies %q, want %q", tt.src, copied, tt.copy)
		}
	}
}

func TestCanonical(t *testing.T) {
	t.Parallel()
	same := [][]string{
		{`attr.first + "x"`, `attr.first+'x'`, "attr . first\n + // comment\n (\"x\")", `attr["first"] + "x"`},
		{`IIF(attr.active, "a", "b")`, `attr.active ? "a" : "b"`},
		{`1`, `0x1`}, {`"1"`}, {`b"1"`}, {`attr.mails.map(x, x)`, `attr.mails.map( x,x )`}, {`attr.mails.filter(x, x == "")`},
		{`unique(attr.first, n, base + string(n))`, `unique( attr.first , n , base+string(n) )`}, {`unique(attr.first, i, base + string(i))`},
	}
	seen := map[string]string{}
	for _, group := range same {
		want := Type{}
		if strings.HasPrefix(group[0], "unique") {
			want.Kind = object.String
		}
		first := mustCompile(t, group[0], exampleScope(), want).Canonical()
		if other := seen[first]; other != "" {
			t.Errorf("%s and %s have the same form %s", group[0], other, first)
		}
		seen[first] = group[0]
		for _, src := range group[1:] {
			if got := mustCompile(t, src, exampleScope(), want).Canonical(); got != first {
				t.Errorf("%s: %s, want %s", src, got, first)
			}
		}
	}
}

// world is an input made of values, keyed as Read.String shows them.
type world struct {
	values  map[string]object.Values
	missing time.Time
	now     time.Time
	due     []time.Time
}

func (w *world) Values(space, name string) object.Values {
	return w.values[Read{Space: space, Name: name}.String()]
}
func (w *world) Through(space, ref, name string) object.Values {
	return w.values[Read{space, ref, name}.String()]
}
func (w *world) MissingSince() (time.Time, bool) { return w.missing, !w.missing.IsZero() }
func (w *world) Now() time.Time                  { return w.now }
func (w *world) Due(t time.Time)                 { w.due = append(w.due, t) }
func (w *world) Seed() string                    { return "seed" }

func TestAbsent(t *testing.T) {
	t.Parallel()
	w := &world{values: map[string]object.Values{"mv.displayName": {object.Str("Ada")}, "mv.manager.displayName": {object.Str("Boss")}}}
	for src, want := range map[string]string{
		`mv.manager.displayName + "!"`:                     "Boss!",
		`mv.number == 1 || mv.displayName == "Ada"`:        "true",
		`mv.displayName == "Ada" || mv.number == 1`:        "true",
		`mv.number == 1 || mv.displayName == "Bob"`:        "",
		`mv.number == 1 && mv.displayName == "Bob"`:        "false",
		`!(mv.number == 1)`:                                "",
		`has(mv.number)`:                                   "false",
		`has(mv.manager.displayName)`:                      "true",
		`"x" in mv.phones`:                                 "false",
		`mv.phones`:                                        "",
		`size(mv.phones)`:                                  "0",
		`mv.displayName + string(mv.number)`:               "",
		`coalesce(mv["extension-attribute1"], "none")`:     "none",
		`mv.phones.map(p, p + mv["extension-attribute1"])`: "",
		`""`:                            "",
		`domain`:                        "",
		`after(missingSince, days(30))`: "false",
		`IsPresent(missingSince)`:       "false",
		`has(missingSince)`:             "false",
		`Switch(has(mv.number), "n", mv.displayName == "Ada", "a")`: "a",
	} {
		p := mustCompile(t, src, metaverse(), Type{})
		vs, err := p.Eval(w)
		if err != nil || vs.String() != want {
			t.Errorf("%s: got %q, %v, want %q", src, vs.String(), err, want)
		}
		bothAgree(t, p, src, metaverse(), w)
	}
}

func TestDue(t *testing.T) {
	t.Parallel()
	day := func(d int) time.Time { return time.Date(2026, 6, d, 0, 0, 0, 0, time.UTC) }
	for _, tt := range []struct {
		src, want string
		due       []time.Time
	}{
		{`after(mv.ends)`, "false", []time.Time{day(20)}},
		{`after(mv.ends, days(-15))`, "true", nil},
		{`after(mv.ends, duration("48h"))`, "false", []time.Time{day(22)}},
		{`before(mv.ends, days(7))`, "true", []time.Time{day(13)}},
		{`before(mv.ends, days(14))`, "false", nil},
		{`between(mv.ends, mv.ends + days(1))`, "false", []time.Time{day(20), day(21)}},
		{`mv.displayName == "x" && after(mv.ends)`, "false", nil},
		{`after(missingSince, days(1)) ? "gone" : "here"`, "gone", nil},
	} {
		for _, fast := range []bool{true, false} {
			p := mustCompile(t, tt.src, metaverse(), Type{})
			if !fast {
				p = slowProgram(t, tt.src, metaverse(), Type{})
			}
			w := &world{now: day(10), missing: day(9), values: map[string]object.Values{"mv.ends": {object.Instant(day(20))}, "mv.displayName": {object.Str("Ada")}}}
			vs, err := p.Eval(w)
			if err != nil || vs.String() != tt.want || !slices.Equal(w.due, tt.due) {
				t.Errorf("%s: got %v, %v, due %v, want %s, due %v", tt.src, vs, err, w.due, tt.want, tt.due)
			}
		}
	}
}

func TestUnique(t *testing.T) {
	t.Parallel()
	p := mustCompile(t, `unique(lower(left(attr.first, 1) + attr.last), n, base + string(n) + left(attr.country, 1))`, exampleScope(), Type{Kind: object.String})
	in := exampleInput{exampleValues()}
	u := p.Unique()
	if u == nil {
		t.Fatal("no Unique")
	}
	wish, err := u.Wish.Eval(in)
	if err != nil || wish.String() != "alovelace" {
		t.Fatalf("wish %v, %v", wish, err)
	}
	var names []string
	for n := range int64(3) {
		name, err := u.Candidate(in, wish.First().Text(), n+1)
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	if diff := cmp.Diff([]string{"alovelace", "alovelace2d", "alovelace3d"}, names); diff != "" {
		t.Error(diff)
	}
	if got := len(p.Reads()); got != 3 {
		t.Errorf("reads %v", p.Reads())
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	w := &world{values: map[string]object.Values{"mv.displayName": {object.Integer(5)}, "mv.number": {object.Integer(0)}, "mv.phones": object.Set(many(3000)...)}}
	for src, want := range map[string]string{
		`mv.displayName`:                 "mv.displayName holds 5, a value of type int, but the schema says string",
		`mv.displayName + "x"`:           "mv.displayName holds 5, a value of type int, but the schema says string",
		`1 / mv.number`:                  "division by zero",
		`[1][mv.number + 7]`:             "the list has no value at that place",
		`9223372036854775807 + int("1")`: "the number is too large",
		`CNum("x")`:                      `CNum("x"): this is not a whole number`,
		`LeftPad("x", 2000000, " ")`:     `LeftPad("x", 2000000, " "): the length is too large`,
		`mv.phones.exists(a, mv.phones.exists(b, mv.phones.exists(c, a + b == c)))`: "the expression takes too long on these values",
	} {
		p := mustCompile(t, src, metaverse(), Type{})
		_, err := p.Eval(w)
		var e *EvalError
		if !errors.As(err, &e) || err.Error() != want {
			t.Errorf("%s: got %v, want %s", src, err, want)
		}
	}
}

func many(n int) []object.Value {
	vs := make([]object.Value, n)
	for i := range vs {
		vs[i] = object.Str(strings.Repeat("x", i%50) + string(rune('a'+i%26)))
	}
	return vs
}
