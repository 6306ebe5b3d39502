package csv

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"muster/internal/base/object"
	"muster/internal/base/secret"
	"muster/internal/sync/connector"
)

func openWriting(t testing.TB, set Settings) (*conn, *session) {
	t.Helper()
	c := opened(t, set)
	e, err := c.OpenExport(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s, _ := e.(*session)
	t.Cleanup(s.Abort)
	return c, s
}

// opened returns a connection to files.
func opened(t testing.TB, set Settings) *conn {
	t.Helper()
	c, err := Open(set)
	if err != nil {
		t.Fatal(err)
	}
	mine, _ := c.(*conn)
	return mine
}

func put(name, value string) connector.Mod {
	return connector.Mod{Name: name, Values: object.Set(object.Str(value))}
}

// TestRewriting shows what a file looks like after an export.
func TestRewriting(t *testing.T) {
	changes := []connector.Change{
		{Verb: connector.Update, Type: "p", Anchor: "1", Mods: []connector.Mod{put("name", "new")}},
		{Verb: connector.Remove, Type: "p", Anchor: "2"},
		{Verb: connector.Add, Type: "p", Anchor: "9", Mods: []connector.Mod{put("name", `a "b", c`)}},
	}
	for name, c := range map[string]struct {
		before, after string
		change        func(*File)
	}{
		"untouched rows stay as they are": {"x,id,name\n\"q\",1,old\n\n,2,\n \"odd\" ,row\n\"z\",\"3\",\"n\"\n", "x,id,name\nq,1,new\n\n \"odd\" ,row\n\"z\",\"3\",\"n\"\n,9,\"a \"\"b\"\", c\"\n", nil},
		"line ends":                       {"id,name\r\n1,old\r\n2,\r\n3,n", "id,name\r\n1,new\r\n3,n\r\n9,\"a \"\"b\"\", c\"\r\n", nil},
		"byte order mark":                 {"\ufeffid,name\n1,o\n2,\n", "\ufeffid,name\n1,new\n9,\"a \"\"b\"\", c\"\n", nil},
		"last line":                       {"id,name\n1,o\n2,\n3,\n#END 3\n", "id,name\n1,new\n3,\n9,\"a \"\"b\"\", c\"\n#END 3\n", func(f *File) { f.LastLine = "#END {count}" }},
		"latin":                           {"id,name\n1,o\n2,\n3,\xfc\n", "id,name\n1,new\n3,\xfc\n9,\"a \"\"b\"\", c\"\n", func(f *File) { f.Encoding = "windows-1252" }},
		"no header":                       {"1,o\n2,\n", "1,new\n9,\"a \"\"b\"\", c\"\n", func(f *File) { f.NoHeader, f.Columns = true, []Column{{Name: "id"}, {Name: "name"}} }},
		"semicolons":                      {"id;name\n1;o\n2;\n", "id;name\n1;new\n9;\"a \"\"b\"\", c\"\n", func(f *File) { f.Delimiter = ';' }},
	} {
		t.Run(name, func(t *testing.T) {
			f := File{Path: filepath.Join(t.TempDir(), "p.csv"), Type: "p", Anchor: []string{"id"}}
			if c.change != nil {
				c.change(&f)
			}
			writeFile(t, f.Path, c.before)
			if err := os.Chmod(f.Path, 0o640); err != nil {
				t.Fatal(err)
			}
			_, s := openWriting(t, Settings{Files: []File{f}})
			out, err := s.Send(t.Context(), changes)
			for _, o := range out {
				err = errors.Join(err, o.Err)
			}
			if err = errors.Join(err, s.Finish(t.Context())); err != nil {
				t.Fatal(err)
			}
			if got := slurp(t, f.Path); got != c.after {
				t.Errorf("got  %q\nwant %q", got, c.after)
			}
			left, _ := os.ReadDir(filepath.Dir(f.Path))
			info, _ := os.Stat(f.Path)
			if len(left) != 1 || runtime.GOOS != "windows" && info.Mode().Perm() != 0o640 {
				t.Errorf("left in the folder: %v, mode %v", left, info.Mode())
			}
		})
	}
}

func slurp(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestRefusedChanges has what a file cannot hold.
func TestRefusedChanges(t *testing.T) {
	f := File{
		Path: filepath.Join(t.TempDir(), "p.csv"), Type: "p", Anchor: []string{"id", "co"}, Format: Format{Encoding: "iso-8859-1", Trim: true, Nulls: []string{"NULL"}, MaxField: 50},
		Columns: []Column{{Name: "tags", Split: ";"}, {Name: "day", Kind: object.Time, Layout: "dd.MM.yyyy"}},
	}
	writeFile(t, f.Path, "id,co,name,tags,day\n1,a,x,,\n2,a,,,\n2,a,,,\n")
	_, s := openWriting(t, Settings{Files: []File{f}})
	update := func(m connector.Mod) connector.Change {
		return connector.Change{Verb: connector.Update, Type: "p", Anchor: "1|a", Mods: []connector.Mod{m}}
	}
	for want, c := range map[string]connector.Change{
		"schema-violation: no file holds": {Verb: connector.Add, Type: "q", Anchor: "9|z"},
		"missing-anchor-component":        {Verb: connector.Add, Type: "p", Anchor: "9"},
		"anchor-too-long":                 {Verb: connector.Add, Type: "p", Anchor: strings.Repeat("x", 399)},
		"cd-existing-object":              {Verb: connector.Add, Type: "p", Anchor: "1|a"},
		"cd-missing-object":               {Verb: connector.Update, Type: "p", Anchor: "7|a"},
		"ambiguous-update":                {Verb: connector.Remove, Type: "p", Anchor: "2|a"},
		"modify-naming-attribute":         update(put("co", "b")),
		"modify-naming-attribute: rows":   {Verb: connector.Rename, Type: "p", Anchor: "1|a", NewDN: "x"},
		"schema-violation":                update(put("none", "b")),
		"code-page-conversion":            update(put("name", "Łódź")),
		"multi-single-mismatch":           update(connector.Mod{Op: connector.AddValues, Name: "name", Values: object.Set(object.Str("y"))}),
		"syntax-violation":                update(connector.Mod{Name: "name", Values: object.Set(object.Integer(4))}),
		"constraint-violation":            update(put("name", strings.Repeat("x", 51))),
		"invalid-attribute-value: blanks": update(put("name", " x")),
		"invalid-attribute-value: null":   update(put("name", "NULL")),
		"invalid-attribute-value: empty":  update(put("name", "")),
		"invalid-attribute-value: split":  update(put("tags", "a;b")),
		"invalid-attribute-value: time":   update(connector.Mod{Name: "day", Values: object.Set(object.Instant(testTime))}),
		"invalid-attribute-value: NUL":    update(put("name", "a\x00")),
	} {
		out, err := s.Send(t.Context(), []connector.Change{c})
		code, _, _ := strings.Cut(want, ":")
		if err != nil || len(out) != 1 || out[0].Err == nil || !strings.Contains(out[0].Err.Error(), code) {
			t.Errorf("%s: outcome %v, error %v", want, out, err)
		}
	}
	if err := s.Finish(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := slurp(t, f.Path); !strings.HasPrefix(got, "id,co,name,tags,day\n1,a,x,,\n") {
		t.Errorf("refused changes left %q", got)
	}
}

// TestCreate makes files that are not there, with a secret in a column.
func TestCreate(t *testing.T) {
	dir := t.TempDir()
	f := File{
		Path: filepath.Join(dir, "p.csv"), Type: "p", Anchor: []string{"id"}, Create: true,
		Format: Format{Encoding: "utf-8-bom", CountFile: filepath.Join(dir, "count")}, Columns: []Column{{Name: "name"}, {Name: "pin"}},
		Members: []Members{{Path: filepath.Join(dir, "m.csv"), Owner: "o", Value: "v", Attribute: "friend"}},
	}
	c, s := openWriting(t, Settings{Files: []File{f}})
	if _, err := c.Describe(t.Context()); err != nil {
		t.Error(err)
	}
	out, err := s.Send(t.Context(), []connector.Change{{
		Verb: connector.Add, Type: "p", Secrets: []connector.Secret{{Name: "pin", Value: secret.New("1234")}},
		Mods: []connector.Mod{put("id", "7"), put("name", "x"), {Name: "friend", Values: object.Set(object.Reference("8"))}},
	}})
	if err = errors.Join(err, s.Finish(t.Context())); err != nil || out[0].Err != nil || out[0].Anchor != "7" {
		t.Fatal(out, err)
	}
	if got, want := slurp(t, f.Path), "\ufeffid,name,pin\n7,x,1234\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := slurp(t, f.Members[0].Path), "o,v\n7,8\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	got, _, err := readFiles(t, Settings{Files: []File{f}})
	if err != nil || len(got) != 1 || got[0] != "p 7 friend=8 id=7 name=x pin=1234" {
		t.Errorf("read back %q, %v", got, err)
	}
}

// TestMeddling has somebody else write the file while a session is open.
func TestMeddling(t *testing.T) {
	f := File{Path: filepath.Join(t.TempDir(), "p.csv"), Type: "p", Anchor: []string{"id"}}
	writeFile(t, f.Path, "id\n1\n")
	_, s := openWriting(t, Settings{Files: []File{f}})
	if _, err := s.Send(t.Context(), []connector.Change{{Verb: connector.Remove, Type: "p", Anchor: "1"}}); err != nil {
		t.Fatal(err)
	}
	writeFile(t, f.Path, "id\n1\n2\n")
	if err := s.Finish(t.Context()); err == nil || !strings.Contains(err.Error(), "somebody else wrote") {
		t.Errorf("Finish: %v", err)
	}
	if got := slurp(t, f.Path); got != "id\n1\n2\n" {
		t.Errorf("the other's file was overwritten: %q", got)
	}
}

// TestRecovery dies between the moves of a session and opens the files again.
func TestRecovery(t *testing.T) {
	for moved := range 3 {
		t.Run(fmt.Sprint(moved, " moved"), func(t *testing.T) {
			w := newWorld(t, true, false)
			c, s := openWriting(t, w.set)
			person := object.Record{Type: "person", Anchor: "p1"}
			out, err := s.Send(t.Context(), []connector.Change{
				{Verb: connector.Add, Type: "person", Anchor: person.Anchor},
				{Verb: connector.Add, Type: "group", Anchor: "g1", Mods: []connector.Mod{{Name: "member", Values: object.Set(object.Reference("p1"))}}},
			})
			if err != nil || out[0].Err != nil || out[1].Err != nil {
				t.Fatal(out, err)
			}
			files, err := s.write(t.Context())
			if err != nil || len(files) != 3 {
				t.Fatal(files, err)
			}
			var moves []move
			for _, f := range files {
				moves = append(moves, move{f.temp, f.path})
			}
			if err := c.writeJournal(moves); err != nil {
				t.Fatal(err)
			}
			for _, m := range moves[:moved] {
				if err := os.Rename(m.From, m.To); err != nil {
					t.Fatal(err)
				}
			}
			_, err = c.Import(t.Context(), connector.Scope{}, func(object.Record) error { return nil })
			if busy := (*connector.Busy)(nil); !errors.As(err, &busy) {
				t.Errorf("reading while the writer lives: %v", err)
			}
			s.Abort() // dead: the lock is gone, the journal is not
			got, refused, err := readFiles(t, w.set)
			if err != nil || len(refused) > 0 || strings.Join(got, ", ") != "person p1 id=p1, group g1 id=g1 member=p1" {
				t.Errorf("after recovery: %q %q %v", got, refused, err)
			}
			left, _ := filepath.Glob(filepath.Join(w.dir, ".*"))
			if len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

// TestForeignJournal must not move files that are not ours.
func TestForeignJournal(t *testing.T) {
	w := newWorld(t, true, false)
	text, _ := json.Marshal([]move{{w.path("people.csv"), w.path("elsewhere")}})
	c := opened(t, w.set)
	writeFile(t, c.journal(), string(text))
	if _, err := c.Describe(t.Context()); err == nil || !strings.Contains(err.Error(), "not ours") {
		t.Errorf("got %v", err)
	}
}

// TestManyAdds shows that a session's memory does not grow with what is added.
func TestManyAdds(t *testing.T) {
	f := File{Path: filepath.Join(t.TempDir(), "p.csv"), Type: "p", Anchor: []string{"id"}}
	writeFile(t, f.Path, "id,name\n")
	_, s := openWriting(t, Settings{Files: []File{f}})
	const n = 50_000
	name := strings.Repeat("x", 500)
	before := heapNow()
	batch := make([]connector.Change, 0, 1000)
	for i := range n {
		batch = append(batch, connector.Change{Verb: connector.Add, Type: "p", Anchor: fmt.Sprint(i), Mods: []connector.Mod{put("name", name)}})
		if len(batch) == cap(batch) {
			if _, err := s.Send(t.Context(), batch); err != nil {
				t.Fatal(err)
			}
			batch = batch[:0]
		}
	}
	grown := int(heapNow()) - int(before)
	t.Logf("%d bytes a row", grown/n)
	if grown/n > 150 {
		t.Errorf("%d rows of %d bytes took %d bytes of memory each", n, len(name), grown/n)
	}
	if err := s.Finish(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(slurp(t, f.Path), "\n"); got != n+1 {
		t.Errorf("%d lines", got)
	}
}
