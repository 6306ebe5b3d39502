package csv

import (
	stdcsv "encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"muster/internal/base/object"
	"muster/internal/sync/connector"
	"muster/internal/sync/connector/connectortest"
)

// world is a folder of files as their producer sees them. It reads and writes
// them with encoding/csv, so that each checks the other.
type world struct {
	dir   string
	set   Settings
	delta bool
}

var peopleColumns = []Column{
	{Name: "id"},
	{Name: "name"},
	{Name: "job title", Attribute: "title"},
	{Name: "mail", Split: ";"},
	{Name: "number", Kind: object.Int},
	{Name: "active", Kind: object.Bool, True: []string{"Y"}, False: []string{"N"}},
	{Name: "hired", Kind: object.Time},
	{Name: "photo", Kind: object.Bytes},
}

func newWorld(t *testing.T, members, delta bool) *world {
	w := &world{dir: t.TempDir(), delta: delta}
	people := File{Path: w.path("people.csv"), Type: "person", Anchor: []string{"id"}, Columns: peopleColumns}
	if delta {
		people.Delta = &Delta{Path: w.path("delta.csv"), Change: "change"}
	}
	w.set = Settings{Files: []File{people}, Poll: 2 * time.Millisecond}
	if members {
		w.set.Files = append(w.set.Files, File{
			Path: w.path("groups.csv"), Type: "group", Anchor: []string{"id"},
			Members: []Members{{Path: w.path("members.csv"), Owner: "group", Value: "person", Attribute: "member"}},
		})
		w.writeRows("groups.csv", [][]string{{"id", "name"}})
		w.writeRows("members.csv", [][]string{{"group", "person"}})
	}
	var head []string
	for _, c := range peopleColumns {
		head = append(head, c.Name)
	}
	w.writeRows("people.csv", [][]string{head})
	if delta {
		w.writeRows("delta.csv", [][]string{append(slices.Clone(head), "change")})
	}
	return w
}

func (w *world) path(name string) string { return filepath.Join(w.dir, name) }

func (w *world) writeRows(name string, rows [][]string) {
	var b strings.Builder
	out := stdcsv.NewWriter(&b)
	if err := out.WriteAll(rows); err != nil {
		panic(err)
	}
	if err := os.WriteFile(w.path(name), []byte(b.String()), 0o600); err != nil {
		panic(err)
	}
}

// readRows reads a file. encoding/csv would drop CR before LF in a value.
func (w *world) readRows(name string) [][]string {
	text, err := os.ReadFile(w.path(name))
	if err != nil {
		panic(err)
	}
	in := stdcsv.NewReader(strings.NewReader(strings.ReplaceAll(string(text), "\r\n", "<CR>\n")))
	rows, err := in.ReadAll()
	if err != nil {
		panic(err)
	}
	for _, row := range rows {
		for i := range row {
			row[i] = strings.ReplaceAll(row[i], "<CR>\n", "\r\n")
		}
	}
	return rows
}

func (w *world) read() []object.Record {
	var out []object.Record
	for _, row := range w.readRows("people.csv")[1:] {
		r := object.Record{Type: "person", Anchor: row[0]}
		for i, c := range peopleColumns {
			c.complete()
			if row[i] == "" {
				continue
			}
			vs, err := c.values(row[i], false)
			if err != nil {
				panic(err)
			}
			r.Attrs.Put(c.Attribute, vs)
		}
		out = append(out, r)
	}
	if len(w.set.Files) == 1 {
		return out
	}
	members := w.readRows("members.csv")[1:]
	for _, row := range w.readRows("groups.csv")[1:] {
		r := object.Record{Type: "group", Anchor: row[0]}
		var refs object.Values
		for _, m := range members {
			if m[0] == row[0] {
				refs = append(refs, object.Reference(m[1]))
			}
		}
		r.Attrs = object.Bag(object.Attr{Name: "id", Values: object.Set(object.Str(row[0]))}, object.Attr{Name: "member", Values: object.Set(refs...)})
		out = append(out, r)
	}
	return out
}

func personRow(r object.Record) []string {
	row := make([]string, len(peopleColumns))
	for i, c := range peopleColumns {
		c.complete()
		parts := []string{}
		for _, v := range r.Attrs.Get(c.Attribute) {
			parts = append(parts, c.format(v))
		}
		row[i] = strings.Join(parts, ";")
	}
	row[0] = r.Anchor
	return row
}

// without returns the rows of a file except those with the first field.
func (w *world) without(name, first string) [][]string {
	rows := w.readRows(name)
	return append(rows[:1:1], slices.DeleteFunc(rows[1:], func(row []string) bool { return row[0] == first })...)
}

func (w *world) put(_ *testing.T, records ...object.Record) []object.Record {
	for _, r := range records {
		if r.Type == "group" {
			w.writeRows("groups.csv", append(w.without("groups.csv", r.Anchor), []string{r.Anchor, ""}))
			rows := w.without("members.csv", r.Anchor)
			for _, v := range r.Attrs.Get("member") {
				rows = append(rows, []string{r.Anchor, v.Text()})
			}
			w.writeRows("members.csv", rows)
			continue
		}
		rest := w.without("people.csv", r.Anchor)
		word := "add"
		if len(rest) < len(w.readRows("people.csv")) {
			word = "Modify"
		}
		w.writeRows("people.csv", append(rest, personRow(r)))
		w.tell(append(personRow(r), word))
	}
	return records
}

func (w *world) delete(_ *testing.T, r object.Record) {
	w.writeRows("people.csv", w.without("people.csv", r.Anchor))
	w.tell(append(personRow(object.Record{Anchor: r.Anchor}), "delete"))
}

func (w *world) tell(row []string) {
	if w.delta {
		w.writeRows("delta.csv", append(w.readRows("delta.csv"), row))
	}
}

func (w *world) system() connectortest.System {
	sys := connectortest.System{
		Open: func(t *testing.T) connector.Connector {
			c, err := Open(w.set)
			if err != nil {
				t.Fatal(err)
			}
			return c
		},
		Put: w.put, Delete: w.delete, Read: func(*testing.T) []object.Record { return w.read() },
		Sample: connectortest.Sample{
			Make: func(i int) object.Record {
				id := fmt.Sprint("p", i)
				return object.Record{Type: "person", Anchor: id, Attrs: object.Bag(
					object.Attr{Name: "id", Values: object.Set(object.Str(id))},
					object.Attr{Name: "name", Values: object.Set(object.Str(fmt.Sprintf("Person, %d", i)))})}
			},
			Key: "name", Text: "title", Multi: "mail",
			Kinds: map[object.Kind]string{object.Int: "number", object.Bool: "active", object.Time: "hired", object.Bytes: "photo"},
		},
		Faults: connectortest.Faults{
			CutImport: func(t *testing.T, after int) {
				w.writeRows("people.csv", w.readRows("people.csv")[:after+1])
				appendTo(t, w.path("people.csv"), `"p5`)
			},
			Unreadable: func(t *testing.T, r object.Record) {
				text, _ := os.ReadFile(w.path("people.csv"))
				writeFile(t, w.path("people.csv"), strings.Replace(string(text), "\n"+r.Anchor+",", "\n"+r.Anchor+",too,many,", 1))
			},
			Refuse: func(t *testing.T, r object.Record) { // a second row makes it ambiguous
				w.writeRows("people.csv", append(w.readRows("people.csv"), personRow(r)))
			},
		},
	}
	if len(w.set.Files) > 1 {
		sys.Sample.Member = "member"
		sys.Sample.Group = func(i int, members ...object.Record) object.Record {
			id := fmt.Sprint("g", i)
			var refs object.Values
			for _, m := range members {
				refs = append(refs, object.Reference(m.Anchor))
			}
			return object.Record{Type: "group", Anchor: id, Attrs: object.Bag(
				object.Attr{Name: "id", Values: object.Set(object.Str(id))}, object.Attr{Name: "member", Values: object.Set(refs...)})}
		}
	}
	return sys
}

func appendTo(t *testing.T, path, text string) {
	t.Helper()
	old, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, path, string(old)+text)
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestExamination(t *testing.T) {
	for _, way := range []struct {
		name           string
		members, delta bool
	}{{"csv", false, false}, {"csv members", true, false}, {"csv delta", false, true}} {
		t.Run(way.name, func(t *testing.T) {
			connectortest.Run(t, connectortest.Suite{Name: way.name, New: func(t *testing.T) connectortest.System {
				return newWorld(t, way.members, way.delta).system()
			}})
		})
	}
}
