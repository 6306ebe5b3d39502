// Package muster holds no program code: only the tests that keep the house in
// order. This file reads the map in ARCHITECTURE.md and compares it with every
// import; laws_test.go holds the other laws.
package muster

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

const module = "muster"

// A source is one Go file of this module.
type source struct {
	path string // from the root, with slashes
	room string // its folder, without internal/
	test bool   // ends in _test.go
	made bool   // written by a generator
	text []byte
	pos  *token.FileSet
	ast  *ast.File
}

// line says where a node of the file is.
func (s *source) line(n ast.Node) string {
	return fmt.Sprintf("%s:%d", s.path, s.pos.Position(n.Pos()).Line)
}

// imports returns what the file imports: the path, and the name it goes by in
// this file.
func (s *source) imports() map[string]string {
	names := map[string]string{}
	for _, im := range s.ast.Imports {
		p, _ := strconv.Unquote(im.Path.Value)
		names[p] = path.Base(p)
		if im.Name != nil {
			names[p] = im.Name.Name
		}
	}
	return names
}

// sources reads every Go file of the module once.
var sources = sync.OnceValues(func() ([]*source, error) {
	var all []*source
	err := walk(func(name string) error {
		if path.Ext(name) != ".go" {
			return nil
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		s := &source{
			path: name,
			room: strings.TrimPrefix(path.Dir(name), "internal/"),
			test: strings.HasSuffix(name, "_test.go"),
			text: text,
			pos:  token.NewFileSet(),
		}
		s.ast, err = parser.ParseFile(s.pos, name, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		s.made = ast.IsGenerated(s.ast)
		all = append(all, s)
		return nil
	})
	return all, err
})

// walk calls fn with every file of the project, testdata left out.
func walk(fn func(name string) error) error {
	return filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if slices.Contains([]string{".git", "bin", "testdata"}, d.Name()) {
				return filepath.SkipDir
			}
			return nil
		}
		if d.Name() == ".git" { // in a worktree, a file that says where the repository is
			return nil
		}
		return fn(filepath.ToSlash(name))
	})
}

// code returns the files that keep does not turn away; nil keeps all.
func code(t *testing.T, keep func(*source) bool) []*source {
	t.Helper()
	all, err := sources()
	if err != nil {
		t.Fatalf("the source cannot be read: %v", err)
	}
	if keep == nil {
		return all
	}
	return slices.DeleteFunc(slices.Clone(all), func(s *source) bool { return !keep(s) })
}

// A room is one line of the map.
type room struct {
	planned  bool // named before it exists
	testOnly bool // only tests may import it
	may      []string
}

func (r room) allows(to string) bool {
	return slices.ContainsFunc(r.may, func(pattern string) bool { return covers(pattern, to) })
}

// covers reports that a name or a glob of the map means this room.
func covers(pattern, name string) bool {
	ok, _ := path.Match(pattern, name)
	return ok
}

// readMap reads the table between the marks in ARCHITECTURE.md.
func readMap(t *testing.T) map[string]room {
	t.Helper()
	text, err := os.ReadFile("ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ = bytes.Cut(text, []byte("<!-- rooms -->"))
	text, _, _ = bytes.Cut(text, []byte("<!-- /rooms -->"))
	rooms := map[string]room{}
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.ReplaceAll(line, "`", ""), "|")
		if len(cells) != 5 {
			continue
		}
		words := strings.Fields(cells[1])
		if len(words) == 0 || words[0] == "room" || strings.HasPrefix(words[0], "---") {
			continue
		}
		r := room{may: strings.Fields(cells[2])}
		if slices.Equal(r.may, []string{"nothing"}) {
			r.may = nil
		}
		for _, mark := range words[1:] {
			switch mark {
			case "planned":
				r.planned = true
			case "test":
				r.testOnly = true
			default:
				t.Errorf("ARCHITECTURE.md: room %s has the mark %q; a mark is planned or test", words[0], mark)
			}
		}
		if _, twice := rooms[words[0]]; twice {
			t.Errorf("ARCHITECTURE.md: room %s is on the map twice; keep one line", words[0])
		}
		rooms[words[0]] = r
	}
	if len(rooms) < 10 {
		t.Fatalf("ARCHITECTURE.md: only %d rooms found between the rooms marks; is the table still there?", len(rooms))
	}
	return rooms
}

// lookup returns the line that a folder falls under: its own, else the glob
// of its parent.
func lookup(rooms map[string]room, name string) (string, bool) {
	if _, ok := rooms[name]; ok {
		return name, true
	}
	glob := path.Dir(name) + "/*"
	_, ok := rooms[glob]
	return glob, ok
}

// housed are the files that live in a room: all but those at the root.
func housed(s *source) bool { return s.room != "." }

func TestEveryImportIsOnTheMap(t *testing.T) {
	rooms := readMap(t)
	for _, s := range code(t, housed) {
		key, ok := lookup(rooms, s.room)
		if !ok {
			t.Errorf("%s: room %s is not on the map; add a line to ARCHITECTURE.md, or move the file into a room that is", s.path, s.room)
			continue
		}
		// A test may import what it likes, except in the oracle, which must
		// stay independent of what it judges.
		if s.test && key != oracle {
			continue
		}
		for p := range s.imports() {
			to, ours := strings.CutPrefix(p, module+"/")
			if !ours {
				continue
			}
			to = strings.TrimPrefix(to, "internal/")
			target, _ := lookup(rooms, to)
			switch {
			case to == s.room: // an external test of the room itself
			case rooms[target].testOnly && !rooms[key].testOnly:
				t.Errorf("%s: imports %s, which is for tests only; move the code that needs it into a test", s.path, to)
			case !rooms[key].allows(to):
				t.Errorf("%s: %s may not import %s; declare the few calls it needs as its own interface and let app join them, or change the map with a decision record", s.path, s.room, to)
			}
		}
	}
}

func TestTheMapShowsWhatIsThere(t *testing.T) {
	rooms := readMap(t)
	there := map[string]bool{}
	for _, s := range code(t, housed) {
		if key, ok := lookup(rooms, s.room); ok {
			there[key] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(rooms)) {
		r := rooms[name]
		switch {
		case r.planned && there[name]:
			t.Errorf("ARCHITECTURE.md: room %s is marked planned, but it exists; remove the mark", name)
		case !r.planned && !there[name]:
			t.Errorf("ARCHITECTURE.md: room %s is on the map, but there is no such folder; mark it planned or remove the line", name)
		}
		for _, pattern := range r.may {
			if !onMap(rooms, pattern) {
				t.Errorf("ARCHITECTURE.md: room %s may import %s, which is not on the map; correct the name", name, pattern)
			}
		}
	}
}

// onMap reports that a pattern is a line of the map or covers one.
func onMap(rooms map[string]room, pattern string) bool {
	if _, ok := lookup(rooms, pattern); ok {
		return true
	}
	for name := range rooms {
		if covers(pattern, name) {
			return true
		}
	}
	return false
}
