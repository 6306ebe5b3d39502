package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"unicode/utf8"

	"golang.org/x/tools/txtar"
)

// FuzzLoad holds that Load never panics, that every problem is at a place
// that the file has, that the same input gives the same answer, and that
// every character of an expression is found in the file.
func FuzzLoad(f *testing.F) {
	names, _ := filepath.Glob("testdata/*.txtar")
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range txtar.Parse(b).Files {
			f.Add(file.Data)
			for doc := range strings.SplitSeq(string(file.Data), "---\n") {
				f.Add([]byte(doc))
			}
		}
	}
	for _, scope := range []string{"|\n  a\n\n   b\n", ">-\n a\n  b\n\n c", "'a''\n\n b'", "\"a\\u00e9 \\\n  b\\\"\"", "a\n  b\n\n  c # d", "|2+\n   x\n"} {
		f.Add([]byte("rule: r\nfrom: a/b\nscope: " + scope))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		load := func() (*Tree, string) {
			tree, list := Load(fstest.MapFS{"a.yaml": {Data: text}}, testKinds())
			lines := strings.Split(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(strings.TrimPrefix(string(text), "\ufeff")), "\n")
			for _, p := range list {
				if p.Where.File != "a.yaml" || p.Message == "" || p.Code == "" {
					t.Fatalf("a problem without a file, text or code: %+v", p)
				}
				if p.Where.Line == 0 && p.Code == CodeFile {
					continue
				}
				if p.Where.Line < 1 || p.Where.Line > len(lines) || p.Where.Column < 1 || p.Where.Column > utf8.RuneCountInString(lines[p.Where.Line-1])+1 {
					t.Fatalf("a place that is not in the file: %s\n%q", p.Error(), text)
				}
			}
			for _, s := range tree.All() {
				if !s.Broken && s.Type == "rule" {
					checkExpr(t, lines, s.Expr("scope"))
				}
			}
			return tree, show(list)
		}
		tree, list := load()
		again, listAgain := load()
		if list != listAgain || string(tree.Canonical()) != string(again.Canonical()) {
			t.Fatal("the same input gives two answers")
		}
	})
}

// checkExpr holds that a character of an expression that needs no escape is
// the one at its place in the file.
func checkExpr(t *testing.T, lines []string, e Expr) {
	t.Helper()
	if marks, _ := e.value.data.([]mark); len(marks) == 0 {
		return
	}
	for i, r := range e.Text {
		got := charAt(lines, e.Where(i))
		if got == string(r) || r == ' ' || r == '\n' || r == '\t' || got == `\` {
			continue
		}
		t.Fatalf("%q of %q at %s is %q\n%s", r, e.Text, e.Where(i), got, strings.Join(lines, "\n"))
	}
}
