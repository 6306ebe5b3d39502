package sql

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTemplates(t *testing.T) {
	for text, want := range map[string][]string{
		`select 1`:                               nil,
		`update t set a = :a where id = :anchor`: {"a", "anchor"},
		`call f(:a,:a)`:                          {"a", "a"},
		`select :"odd ""name"`:                   {`odd "name`},
		`select ':no', ":no", 'it''s :no', :yes`: {"yes"},
		`select :a::text, b::int`:                {"a"},
		"select 1 -- :no\n, :yes":                {"yes"},
		`select /* :no /* :no */ :no */ :yes`:    {"yes"},
		`select $$ :no $$, $t$ :no $$ $t$, :yes`: {"yes"},
		`select E'it\'s :no', :yes`:              {"yes"},
		`select 'a\', :yes`:                      {"yes"},
		`select a[1:2], :yes`:                    {"yes"},
		`select :a;`:                             {"a"},
		"select :a; -- the end\n /* of it */ ":   {"a"},
	} {
		got, err := parseTemplate(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if d := cmp.Diff(want, got.params); d != "" {
			t.Errorf("%s (-want +got):\n%s", text, d)
		}
	}
	for _, text := range []string{"", " ;", "select 1; select 2", "select 'open", `select "open`, "select /* open", "select $t$ open", "select $1", "select :\"\"", "a\x00b"} {
		if got, err := parseTemplate(text); err == nil {
			t.Errorf("%q was taken as %q %q", text, got.texts, got.params)
		}
	}
}

// FuzzTemplate looks for statements whose pieces do not add up to what was
// written, or in which a value could end up as text.
func FuzzTemplate(f *testing.F) {
	for _, text := range []string{"select :a", "a'b", `:"x"`, "$a$;$a$", "--\n;", "/*/**/*/:b", "E'\\'", "x::y:z", "E:a'"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := parseTemplate(text)
		if err != nil {
			return
		}
		if len(p.texts) != len(p.params)+1 {
			t.Fatalf("%d texts, %d parameters", len(p.texts), len(p.params))
		}
		whole := p.texts[0]
		for i, name := range p.params {
			if checkIdentifier(name) != nil && strings.ToValidUTF8(name, "") == name {
				t.Fatalf("parameter %q", name)
			}
			written := ":" + name
			if strings.HasPrefix(text[len(whole):], `:"`) {
				written = ":" + quote(name)
			}
			whole += written + p.texts[i+1]
		}
		if !strings.HasPrefix(text, whole) {
			t.Fatalf("%q became %q", text, whole)
		}
		s, err := p.render(postgresDialect(), func(name string) (any, error) { return name, nil })
		if err != nil || len(s.args) != len(p.params) {
			t.Fatalf("%v, %v", s.args, err)
		}
	})
}

func TestNames(t *testing.T) {
	for text, want := range map[string][]string{
		"people": {"people"}, "hr.people": {"hr", "people"}, `"a.b".c`: {"a.b", "c"}, `"say ""hi"""`: {`say "hi"`}, "Ünï cödé": {"Ünï cödé"}, `a"b`: {`a"b`},
	} {
		got, err := parseName(text)
		if d := cmp.Diff(want, got); err != nil || d != "" {
			t.Errorf("%s: %v %s", text, err, d)
		}
	}
	for _, text := range []string{"", ".", "a.", ".a", `"open`, `""`, `"a"b`, "a.b.c.d", "a\x00"} {
		if got, err := parseName(text); err == nil {
			t.Errorf("%q was taken as %q", text, got)
		}
	}
	if got := quoteAll([]string{`a"; DROP TABLE x; --`, "b"}); got != `"a""; DROP TABLE x; --"."b"` {
		t.Error(got)
	}
}

// FuzzAnchor takes apart what was put together.
func FuzzAnchor(f *testing.F) {
	f.Add("a|b", `c\`)
	f.Add(`\|`, "")
	f.Fuzz(func(t *testing.T, a, b string) {
		joined := strings.NewReplacer(`\`, `\\`, `|`, `\|`)
		if got := splitAnchor(joined.Replace(a) + "|" + joined.Replace(b)); len(got) != 2 || got[0] != a || got[1] != b {
			t.Errorf("%q and %q became %q", a, b, got)
		}
	})
}
