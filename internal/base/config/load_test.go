package config

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestValues(t *testing.T) {
	t.Parallel()
	tree := one(t, `
connector: ad
kind: ldap
host: dc1
ratio: 2.5e-1
read-only: true
timeout: 1m
tls: {ca: ../ca.pem}
---
rule: r
from: a/b
join: [x, {on: y, folded: true}]
flows: {sn: a.sn, cn: {value: a.cn, once: true}}
tags: [a, 2]
---
schedule: nightly
at: 0 3 * * * UTC
zone: Europe/Berlin
`)
	c := tree.Section("connector", "ad")
	got := []any{
		c.String(), c.Name, c.Text("title"), c.Text("kind"), c.Int("port"), c.Number("ratio"), c.Bool("read-only"), c.Duration("timeout"),
		c.Secret("password"), c.Has("password"), c.Has("port"), c.Has("tls"), c.Sub("tls").Text("minimum"), c.Sub("tls").Path("ca"), c.Broken,
	}
	want := []any{
		"connector ad", "ad", "a system", "ldap", 636, 0.25, true, time.Minute,
		"", false, true, true, "1.2", "../ca.pem", false,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	r := tree.Section("rule", "r")
	got = []any{r.Texts("tags"), r.Expr("scope").Text, len(r.List("join")), r.Subs("join")[0].Text("on"), r.Subs("join")[1].Bool("folded")}
	for _, e := range r.Map("flows") {
		got = append(got, e.Name, e.Sub().Expr("value").Text, e.Sub().Bool("once"))
	}
	want = []any{[]string{"a", "2"}, "true", 2, "x", true, "cn", "a.cn", true, "sn", "a.sn", false}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	s := tree.Section("schedule", "nightly")
	if at := s.Schedule("at"); at.Fields != "0 3 * * *" || at.Zone.String() != "UTC" || s.Zone("zone").String() != "Europe/Berlin" {
		t.Errorf("got %v, %v", at, s.Zone("zone"))
	}
	if set := tree.Section("settings", ""); set.Duration("keep") != 365*24*time.Hour || set.Path("folder") != "data" {
		t.Error("a nameless section that is not there answers with its defaults")
	}
	if got := tree.Names("connector"); !slices.Equal(got, []string{"ad"}) || len(tree.All()) != 3 || tree.Section("rule", "x") != nil {
		t.Errorf("got %v, %v", got, tree.All())
	}
}

func TestDurations(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"30s": 30 * time.Second, "1d12h": 36 * time.Hour, "2w": 14 * 24 * time.Hour, "1h30m": 90 * time.Minute, "5ms": 5 * time.Millisecond, "0s": 0,
		"": -1, "1": -1, "-1s": -1, "1.5h": -1, "1h1d": -1, "9999999999999w": -1, "15251w": -1, "9223372036854775807ms": -1, "s": -1, "1 d": -1,
	} {
		got, ok := parseDuration(text)
		if ok != (want >= 0) || ok && got != want {
			t.Errorf("%q gives %v, %v; want %v", text, got, ok, want)
		}
	}
}

func TestPathsLeadFromTheirFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "sub"), 0o700); err != nil {
		t.Fatal(err)
	}
	text := "connector: a\nkind: csv\nfile: data.csv\n---\nconnector: b\nkind: csv\nfile: /abs/x.csv\n---\nconnector: c\nkind: csv\nfile: 'C:\\x.csv'\n"
	if err := os.WriteFile(filepath.Join(dir, "sub", "a.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	tree, list := LoadDir(dir, testKinds())
	if len(list) > 0 {
		t.Fatal(list)
	}
	for name, want := range map[string]string{"a": filepath.Join(dir, "sub", "data.csv"), "b": "/abs/x.csv", "c": `C:\x.csv`} {
		if got := tree.Section("connector", name).Path("file"); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
	if s := string(tree.Canonical()); strings.Contains(s, dir) || !strings.Contains(s, "sub/data.csv") {
		t.Errorf("the canonical form must not depend on the machine: %s", s)
	}
}

// TestCanonicalIgnoresTheSplit spreads the same sections over files in random
// ways, with comments and other spellings.
func TestCanonicalIgnoresTheSplit(t *testing.T) {
	t.Parallel()
	sections := [][2]string{
		{"connector: a\nkind: csv\nfile: /x\ntimeout: 60s", "# c\nconnector: \"a\"\ntimeout: 1m # c\nfile: '/x'\ntitle: a system\nkind: csv"},
		{"rule: r\nfrom: a/b\nflows: {sn: x, cn: y}\nscope: a == b", "rule: r\nflows:\n  cn: {value: y, once: false}\n  sn: |\n    x\nscope: |-\n  a == b\nfrom: a/b"},
		{"schedule: s\nat: 1 2 * * * UTC", "schedule: s\nat: '1  2 * * *  UTC'"},
		{"settings: {keep: 365d}", "settings:\n  keep: 52w1d\n  folder: ../data"},
	}
	want := ""
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 1))
		files := map[string]string{}
		for _, i := range r.Perm(len(sections)) {
			name := fmt.Sprintf("d/%d.yaml", r.IntN(3))
			if files[name] != "" {
				files[name] += "\n---\n"
			}
			text := sections[i][r.IntN(2)]
			if i == 3 {
				text = sections[i][1]
			}
			files[name] += text
		}
		fsys := fstest.MapFS{}
		for name, text := range files {
			fsys[name] = &fstest.MapFile{Data: []byte(text)}
		}
		tree, list := Load(fsys, testKinds())
		if len(list) > 0 {
			t.Fatal(show(list))
		}
		got := string(tree.Canonical())
		if want == "" {
			want = got
		}
		if got != want {
			t.Fatalf("seed %d:\n%s\nwant\n%s", seed, got, want)
		}
	}
}

func TestFiles(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, want string }{
		"mark":    {"\ufeffrule: a\nfrom: a/b\n", ""},
		"utf16":   {"\xff\xfer\x00", "a.yaml: the file is UTF-16 or UTF-32, not UTF-8 (save it as UTF-8)"},
		"latin1":  {"rule: a\nfrom: é\xe9/b\n", "a.yaml:2:8: byte 0xe9 is not UTF-8 (save the file as UTF-8)"},
		"replace": {"rule: a\nfrom: \ufffd/b\n", ""},
		"zero":    {"rule: a\x00\n", "a.yaml:1:8: the invisible character U+0000 does not belong here (remove it; in a text in double quotes, write it as an escape)"},
		"mac":     {"rule: a\rfrom: b\r", "a.yaml:2:7: rule a: from is not right: there is no slash in it (write connector/type)"},
		"large":   {"# " + strings.Repeat("x", maxFile), "a.yaml: the file is larger than 4 MB (split it: sections may be spread over files as you like)"},
		"deep":    {"rule: " + strings.Repeat("[", 100000), "a.yaml:1:70: nested more than 64 levels deep"},
		"dashes":  {strings.Repeat("- ", 100000), "a.yaml:1:129: nested more than 64 levels deep"},
		"laughs":  {"a: &a [x,x]\nb: &b [*a,*a]\n", "a.yaml:1:4: anchors, aliases and merge keys (&, *, <<) are not supported (write the values out, or quote the text if it only begins with that sign)"},
	} {
		_, list := Load(fstest.MapFS{"a.yaml": {Data: []byte(c.text)}}, testKinds())
		got := ""
		if len(list) > 0 {
			got = list[0].Error()
		}
		if got != c.want {
			t.Errorf("%s: got  %s\nwant %s", name, got, c.want)
		}
	}
}

func TestLinksAndUnreadableFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, err := range []error{
		os.MkdirAll(filepath.Join(dir, "..data", "sub"), 0o700),
		os.WriteFile(filepath.Join(dir, "..data", "a.yaml"), []byte("rule: a\nfrom: a/b\n"), 0o600),
		os.Symlink(filepath.Join("..data", "a.yaml"), filepath.Join(dir, "a.yaml")),
		os.Symlink(filepath.Join("..data", "sub"), filepath.Join(dir, "sub")),
		os.Symlink("nowhere", filepath.Join(dir, "b.yaml")),
	} {
		if err != nil {
			t.Skip(err)
		}
	}
	tree, list := LoadDir(dir, testKinds())
	want := "b.yaml: cannot be read: no such file or directory (check that it exists and that the account Muster runs as may read it)\n" +
		"sub: links to folders are not followed (put the files themselves there, or remove the link)"
	if list.Error() != want {
		t.Errorf("got\n%s\nwant\n%s", list.Error(), want)
	}
	if len(tree.All()) != 1 {
		t.Error("a link to a file is read")
	}
	if _, list := LoadDir(filepath.Join(dir, "no"), testKinds()); len(list) != 1 {
		t.Errorf("got %v", list)
	}
}

func TestSecretsAreNotShown(t *testing.T) {
	t.Parallel()
	_, list := Load(fstest.MapFS{"a.yaml": {Data: []byte("connector: a\nkind: ldap\nhost: x\npassword: hunter2 !\nbind-pasword: hunter2\nbind_password: hunter2\n---\nconnector: b\nsecret: 'hunter2\n")}}, testKinds())
	if len(list) < 4 {
		t.Fatalf("got %v", list)
	}
	if got := show(list); strings.Contains(strings.ReplaceAll(got, "bind-pasword: hunter2", ""), "hunter2") {
		t.Errorf("a secret is shown:\n%s", got)
	}
}

func TestMistakesOfTheProgramPanic(t *testing.T) {
	t.Parallel()
	s := one(t, "rule: r\nfrom: a/b\n").Section("rule", "r")
	for want, f := range map[string]func(){
		`config: rule r has no field "form"; describe it or correct the name`:             func() { s.Text("form") },
		"config: rule r: scope is described as expression, but asked for as whole number": func() { s.Int("scope") },
		"config: rule r: join is described as list, but asked for as text":                func() { s.Text("join") },
		"config: field x.a is described twice or not a word":                              func() { verify([]Kind{{Type: "x", Fields: []Field{{Name: "a"}, {Name: "a"}}}}) },
		"config: field x.a is required and has a default":                                 func() { verify([]Kind{{Type: "x", Fields: []Field{{Name: "a", Required: true, Default: "b"}}}}) },
		"config: field x.a: 5 must be a duration, but is \"5\"":                           func() { verify([]Kind{{Type: "x", Fields: []Field{{Name: "a", Type: Duration, Min: "5"}}}}) },
		`config: section type "x" is described twice or not a word`:                       func() { verify([]Kind{{Type: "x"}, {Type: "x"}}) },
		"config: field x.a must have Elem if, and only if, it is a List or a Map":         func() { verify([]Kind{{Type: "x", Fields: []Field{{Name: "a", Type: List}}}}) },
	} {
		func() {
			defer func() {
				if got := recover(); got != want {
					t.Errorf("got  %v\nwant %s", got, want)
				}
			}()
			f()
		}()
	}
}
