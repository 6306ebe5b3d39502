package csv

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"muster/internal/base/config"
	"muster/internal/base/object"
)

// section reads one csv connector from YAML.
func section(t *testing.T, yaml string) *config.Section {
	t.Helper()
	kinds := []config.Kind{{Type: "connector", Fields: []config.Field{{Name: "kind", Type: config.Choice, Required: true, Choices: []config.Option{{Value: "csv", Fields: Kind().Fields}}}}}}
	tree, list := config.Load(fstest.MapFS{"hr.yaml": {Data: []byte("connector: hr\nkind: csv\n" + yaml)}}, kinds)
	if err := list.Err(); err != nil {
		t.Fatal(err)
	}
	return tree.Section("connector", "hr")
}

func TestSettings(t *testing.T) {
	s := section(t, `
file: data/people.csv
type: person
anchor: [id, company]
delimiter: ";"
columns:
  hired: {kind: time, layout: dd.MM.yyyy}
  mail: {split: ","}
  boss: ref
complete: {lastLine: "#END {count}"}
delta: {file: delta.csv, delete: D}
files:
- file: groups.csv
  encoding: utf-16le
  delimiter: tab
  typeColumn: t
  types: {G: group, R: role}
  anchor: [gid]
  header: [gid, t, name]
  members:
  - {file: members.csv, owner: g, value: p, attribute: member, trim: true}
`)
	got := settings(s)
	latin := Format{Encoding: "utf-16le", Delimiter: '\t'}
	headless, trimmed := latin, latin
	headless.NoHeader, trimmed.Trim = true, true
	want := []File{
		{
			Path: got.Files[0].Path, Format: Format{Delimiter: ';', LastLine: "#END {count}"}, Type: "person", Anchor: []string{"id", "company"}, Join: "|",
			Columns: []Column{
				{Name: "boss", Kind: object.Ref}, {Name: "hired", Kind: object.Time, Layout: "dd.MM.yyyy"}, {Name: "mail", Kind: object.String, Split: ","},
			},
			Delta: &Delta{Path: got.Files[0].Delta.Path, Format: Format{Delimiter: ';'}, Change: "changetype", Add: "add", Modify: "modify", Remove: "D"},
		},
		{
			Path: got.Files[1].Path, Format: headless, TypeColumn: "t", Types: map[string]string{"G": "group", "R": "role"}, Anchor: []string{"gid"}, Join: "|",
			Columns: []Column{{Name: "gid"}, {Name: "t"}, {Name: "name"}},
			Members: []Members{{Path: got.Files[1].Members[0].Path, Format: trimmed, Owner: "g", Value: "p", Attribute: "member", Kind: object.Ref}},
		},
	}
	if d := cmp.Diff(want, got.Files); d != "" {
		t.Errorf("settings (-want +got):\n%s", d)
	}
	if !strings.HasSuffix(got.Files[0].Path, "people.csv") {
		t.Errorf("path %q", got.Files[0].Path)
	}
	if err := Kind().Check(s); err != nil {
		t.Error(err)
	}
	schema, err := Kind().Schema(s)
	var names []string
	for _, typ := range schema.Types {
		names = append(names, typ.Name)
	}
	if err != nil || !slices.Equal(names, []string{"group", "person", "role"}) {
		t.Errorf("declared %v, %v", names, err)
	}
	person, _ := schema.Type("person")
	if a, ok := person.Attribute("mail"); !ok || !a.Multi {
		t.Errorf("mail is declared as %+v", a)
	}
}

func TestCheck(t *testing.T) {
	for yaml, want := range map[string]string{
		"poll: 3s":               "give either a type or a type column",
		"file: a.csv\ntype: p\n": "no anchor column is given",
		"file: a.csv\ntypeColumn: t\nanchor: [id]\n":                                          "the types that column t can name are not given",
		"file: a.csv\ntype: p\nanchor: [id]\ndelimiter: '\"'\n":                               "cannot be a delimiter",
		"file: a.csv\ntype: p\nanchor: [id]\ncolumns: {m: {split: ','}}\n":                    "separated by the delimiter",
		"file: a.csv\ntype: p\nanchor: [id]\nfiles: [{file: a.csv, type: q, anchor: [id]}]\n": "is named twice",
		"file: a.csv\ntype: p\nanchor: [id]\nfiles: [{file: b.csv, type: p, anchor: [id]}]\n": "the type p comes in two files",
	} {
		err := Kind().Check(section(t, yaml))
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "hr.yaml:") {
			t.Errorf("%q: got %v, want %q", yaml, err, want)
		}
	}
}
