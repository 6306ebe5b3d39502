package config

import (
	"strings"
	"testing"
	"testing/fstest"
	"unicode/utf8"

	"muster/internal/base/problem"
)

// one loads one file and fails on problems.
func one(t *testing.T, text string) *Tree {
	t.Helper()
	tree, list := Load(fstest.MapFS{"a.yaml": {Data: []byte(text)}}, testKinds())
	if len(list) > 0 {
		t.Fatalf("unexpected problems:\n%s\nin\n%s", show(list), text)
	}
	return tree
}

// TestExpressionPositions looks for X and Y inside expressions written in
// every way: both must be found at their place in the file.
func TestExpressionPositions(t *testing.T) {
	t.Parallel()
	for name, scope := range map[string]string{
		"plain":                 "scope: a + X + Y",
		"plain, next line":      "scope:\n  a + X + Y",
		"plain, several lines":  "scope: a +\n  X\n\n     + Y",
		"plain, trailing space": "scope: a +  \n  X   \n  +  Y   # comment",
		"single":                "scope: 'a == ''ü'' + X + ''Y'",
		"single, several lines": "scope: 'é +\n   X\n\n\n  + Y'",
		"double":                `scope: "a\t\x41\u00e9\U0001F600\"X\\ + Y"`,
		"double, several lines": "scope: \"a \\\n   é X\n\n\n  \\\"  + Y\"",
		"double, next line":     "scope:\n   \"a X Y\"",
		"literal":               "scope: |\n  a +\n    éX +\n\n  Y\n",
		"literal, kept":         "scope: |+\n  a\n  X\n   \n  Y\n\n\n",
		"literal, indented":     "scope: |2\n     a\n   X Y\n",
		"literal, empty first":  "scope: |\n\n\n  a X\n  Y\n",
		"literal, last line":    "scope: |-\n  a\n  XY",
		"literal, comment":      "scope: | # why\n  a X\n  Y",
		"folded":                "scope: >\n  a\n  X\n\n  b\n    deep\n\n  Y\n",
		"folded, stripped":      "scope: >-\n  aé X\n  aé Y",
		"windows":               "scope: |\r\n  a\r\n  X\r\n  Y\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := "# é\nrule: r\nfrom: a/b\n" + scope
			e := one(t, "rule: before\nfrom: a/b\n---\n"+text).Section("rule", "r").Expr("scope")
			lines := strings.Split("rule: before\nfrom: a/b\n---\n"+strings.ReplaceAll(text, "\r", ""), "\n")
			for _, char := range []string{"X", "Y"} {
				offset := strings.Index(e.Text, char)
				if offset < 0 {
					t.Fatalf("%q has no %s", e.Text, char)
				}
				before := e.Text[:offset]
				line := strings.Count(before, "\n") + 1
				col := utf8.RuneCountInString(before[strings.LastIndex(before, "\n")+1:]) + 1
				for how, at := range map[string]problem.Position{"Where": e.Where(offset), "At": e.At(line, col)} {
					if got := charAt(lines, at); got != char {
						t.Errorf("%s of %s in %q gives %s, where there is %q", how, char, e.Text, at, got)
					}
				}
			}
		})
	}
}

func charAt(lines []string, p problem.Position) string {
	if p.Line < 1 || p.Line > len(lines) {
		return "no line"
	}
	runes := []rune(lines[p.Line-1])
	if p.Column < 1 || p.Column > len(runes) {
		return "no column"
	}
	return string(runes[p.Column-1])
}

func TestLocate(t *testing.T) {
	t.Parallel()
	tree := one(t, "rule: r\nfrom: a/b\nflows:\n  sn: |\n    a +\n      bad(b)\n")
	flow := tree.Section("rule", "r").Map("flows")[0].Sub()
	got := flow.Expr("value").Locate(&problem.Problem{
		Where: problem.Position{Line: 2, Column: 3}, Message: "no function bad", Fix: "call good",
	})
	want := "a.yaml:6:7: rule r: no function bad\n     6 |       bad(b)\n       |       ^\n       = call good"
	if got.Show() != want {
		t.Errorf("got\n%s\nwant\n%s", got.Show(), want)
	}
	// Beyond the end, and in a default, there is still a place.
	e := flow.Expr("value")
	if p := e.Where(1000); p.Line != 6 || p.Column != 13 {
		t.Errorf("the end is at %s", p)
	}
	if p := e.At(9, 9); p.Line != 6 {
		t.Errorf("beyond the end is at %s", p)
	}
	if p := tree.Section("rule", "r").Expr("scope").Where(2); p.String() != "a.yaml:1:1" {
		t.Errorf("a default is at %s", p)
	}
}

func TestWhere(t *testing.T) {
	t.Parallel()
	s := one(t, "rule: r\nfrom: a/b\njoin:\n  - x\n  - {on: y, folded: true}\nflows: {sn: a.b}\n").Section("rule", "r")
	for want, path := range map[string][]string{
		"a.yaml:1:1":  nil,
		"a.yaml:2:7":  {"from"},
		"a.yaml:4:3":  {"join"},
		"a.yaml:4:5":  {"join", "0"},
		"a.yaml:5:10": {"join", "1", "on"},
		"a.yaml:6:13": {"flows", "sn", "nothing"},
	} {
		if got := s.Where(path...).String(); got != want {
			t.Errorf("Where(%v) = %s, want %s", path, got, want)
		}
	}
	if got := s.Map("flows")[0].NameWhere().String(); got != "a.yaml:6:9" {
		t.Errorf("name of flow is at %s", got)
	}
	p := s.Problem("some-code", "hr has no type b", "choose employee", "from")
	if want := "a.yaml:2:7: rule r: hr has no type b\n     2 | from: a/b\n       |       ^\n       = choose employee"; p.Show() != want {
		t.Errorf("got\n%s\nwant\n%s", p.Show(), want)
	}
}
