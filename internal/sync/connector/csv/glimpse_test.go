package csv

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"muster/internal/base/object"
	"muster/internal/sync/connector"
)

// told imports and returns what was told, the prints by anchor, and for each
// anchor the attributes that its glimpse said to have.
func told(t *testing.T, set Settings, same func(*connector.Glimpse) bool) (records []object.Record, prints map[string]uint64, has map[string]string) {
	t.Helper()
	c, err := Open(set)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	prints, has = map[string]uint64{}, map[string]string{}
	scope := connector.Scope{Refused: func(*connector.Refusal) error { return nil }, Same: func(g *connector.Glimpse) bool {
		var names []string
		for i, yes := range g.Has {
			if yes {
				names = append(names, g.Attrs[i])
			}
		}
		anchor := strings.Clone(g.Anchor)
		prints[anchor], has[anchor] = g.Print, strings.Join(names, " ")
		return same(g)
	}}
	_, err = c.Import(t.Context(), scope, func(r object.Record) error {
		records = append(records, r)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return records, prints, has
}

func never(*connector.Glimpse) bool { return false }

// TestGlimpse holds glimpses to the records that they stand for: they say which
// attributes have a value, and their prints move when, and mostly only when, the
// record does.
func TestGlimpse(t *testing.T) {
	dir := t.TempDir()
	file := File{Path: filepath.Join(dir, "people.csv"), Type: "person", Anchor: []string{"id"}, Format: Format{Trim: true, Nulls: []string{"NULL"}},
		Columns: []Column{{Name: "n", Kind: object.Int}, {Name: "m", Split: ";"}},
		Members: []Members{{Path: filepath.Join(dir, "likes.csv"), Owner: "id", Value: "what", Attribute: "likes"}}}
	write := func(people, likes string) {
		t.Helper()
		for name, text := range map[string]string{"people.csv": "id,name,n,m\n" + people, "likes.csv": "id,what\n" + likes} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	people := "1,Anna,7,a;b\n2,\"a \"\"b\"\"\",,\n3,NULL, ,; ;\n4,\"x\",1,y\n5,bad,seven,\n6,,,\n6,twice,,\n"
	write(people, "1,tea\n6,tea\n1,rum\n")
	read := func(set Settings) map[string]uint64 {
		t.Helper()
		records, prints, has := told(t, set, never)
		for _, r := range records {
			var names []string
			for _, a := range r.Attrs {
				names = append(names, a.Name)
			}
			if got, want := has[r.Anchor], strings.Join(names, " "); got != want {
				t.Errorf("%s is said to have %q and has %q", r.Anchor, got, want)
			}
			if r.Print != prints[r.Anchor] {
				t.Errorf("%s has the print %x and is told with %x", r.Anchor, prints[r.Anchor], r.Print)
			}
		}
		return prints
	}
	set := Settings{Files: []File{file}}
	first := read(set)
	if len(first) != 6 {
		t.Errorf("%d glimpses: %v", len(first), first)
	}
	moved := func(now map[string]uint64) string {
		var out []string
		for anchor, p := range now {
			if p != first[anchor] {
				out = append(out, anchor)
			}
		}
		slices.Sort(out)
		return strings.Join(out, " ")
	}
	for name, c := range map[string]struct {
		people, likes string
		change        func(*File)
		want          string
	}{
		"nothing":                     {want: ""},
		"a value":                     {people: strings.Replace(people, "Anna", "Anne", 1), want: "1"},
		"a value in quotes":           {people: strings.Replace(people, `a ""b""`, `a ""c""`, 1), want: "2"},
		"where fields part in quotes": {people: strings.Replace(people, "2,\"a \"\"b\"\"\",,", "2,\"a \"\"b\",\"\"\"\",", 1), want: "2"},
		"a member":                    {likes: "1,tea\n6,rum\n1,rum\n", want: "6"},
		"one member less":             {likes: "1,tea\n6,tea\n", want: "1"},
		"where members part":          {likes: "1,te\n6,tea\n1,arum\n", want: "1"},
		"a name of an attribute":      {change: func(f *File) { f.Columns = append(f.Columns, Column{Name: "name", Attribute: "called"}) }, want: "1 2 3 4 5 6"},
		"what means no value":         {change: func(f *File) { f.Nulls = nil }, want: "1 2 3 4 5 6"},
	} {
		t.Run(name, func(t *testing.T) {
			f := file
			f.Columns = slices.Clone(file.Columns)
			if c.change != nil {
				c.change(&f)
			}
			write(or(c.people, people), or(c.likes, "1,tea\n6,tea\n1,rum\n"))
			if got := moved(read(Settings{Files: []File{f}})); got != c.want {
				t.Errorf("the prints of %q moved, want %q", got, c.want)
			}
		})
	}
	write(people, "1,tea\n6,tea\n1,rum\n")
	records, _, _ := told(t, set, func(g *connector.Glimpse) bool { return g.Anchor != "4" && g.Print == first[g.Anchor] })
	if len(records) != 1 || records[0].Anchor != "4" {
		t.Errorf("told %v, want 4 alone", records)
	}
}
