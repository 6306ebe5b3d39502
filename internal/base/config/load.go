package config

import (
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"

	"muster/internal/base/problem"
)

// The codes of problems found by Load.
const (
	CodeFile      problem.Code = "config-file"          // a file cannot be read, or is not text
	CodeSyntax    problem.Code = "config-syntax"        // not YAML, or YAML that is refused
	CodeSection   problem.Code = "config-section"       // a document is no section
	CodeDuplicate problem.Code = "config-duplicate"     // a key or a name is given twice
	CodeUnknown   problem.Code = "config-unknown-key"   // a key that no field describes
	CodeMissing   problem.Code = "config-missing-key"   // a required field is not there
	CodeValue     problem.Code = "config-invalid-value" // a value does not fit its field
)

// Load reads all YAML files below the root of fsys, checks them against the
// kinds and returns the sections found together with every problem, ordered
// by file and position. Sections with problems are in the tree, marked
// Broken. Files are named from the root in all positions.
//
// Contradictory kinds are a mistake in the program: Load panics.
func Load(fsys fs.FS, kinds []Kind) (*Tree, problem.List) { return load(fsys, "", kinds) }

// LoadDir is Load for a folder of this machine; Path values then lead there.
func LoadDir(dir string, kinds []Kind) (*Tree, problem.List) {
	return load(os.DirFS(dir), dir, kinds)
}

func load(fsys fs.FS, root string, kinds []Kind) (*Tree, problem.List) {
	verify(kinds)
	l := loader{kinds: kinds, tree: &Tree{}, seen: map[string]*Section{}}
	for _, f := range readFolder(fsys, root, &l.list) {
		for _, d := range f.documents(&l.list) {
			before := len(l.list)
			switch n := d.read(); {
			case n != nil:
				l.section(f, n, before)
			case len(l.list) > before:
				l.unread(d)
			}
		}
	}
	l.defaults(root)
	slices.SortStableFunc(l.tree.sections, compareSections)
	l.list.Sort()
	return l.tree, l.list
}

// loader gathers the sections of all files.
type loader struct {
	kinds []Kind
	tree  *Tree
	list  problem.List
	seen  map[string]*Section
}

// section makes a section of a document, broken if there are more problems
// than before it.
func (l *loader) section(f *file, n *node, before int) {
	if n.shape != mapping || len(n.pairs) == 0 {
		what := n.what()
		if n.shape == mapping {
			what = "empty"
		}
		f.complain(&l.list, CodeSection, n.line, n.col, "a section must be keys and values, but this is "+what, "begin with "+l.starts())
		return
	}
	first := n.pairs[0]
	kind := l.kind(first.key.text)
	if kind == nil {
		l.lost(f, n)
		return
	}
	c := &checker{file: f, owner: kind.Type, list: &l.list}
	var s *Section
	if kind.Nameless {
		s = l.nameless(c, kind, n)
	} else {
		s = l.named(c, kind, n)
	}
	if s == nil {
		return
	}
	s.Broken = len(l.list) > before
	if kind.Nameless {
		l.add(s, first.key)
	} else {
		l.add(s, first.value)
	}
}

// add puts a section into the tree; its name must be new.
func (l *loader) add(s *Section, n *node) {
	at := s.String()
	if there := l.seen[at]; there != nil {
		c := &checker{file: s.file, owner: at, list: &l.list}
		c.complain(CodeDuplicate, n, "is defined twice", fmt.Sprintf("rename or remove one; the first is at %s", there.file.at(there.node)))
		there.Broken = true
		return
	}
	l.seen[at] = s
	l.tree.sections = append(l.tree.sections, s)
}

var opening = regexp.MustCompile(`(?m)^([A-Za-z]+): *([a-z0-9-]*) *(?:#.*)?$`)

// unread keeps the name of a document that is no YAML, so that who refers to
// it is not blamed.
func (l *loader) unread(d *document) {
	m := opening.FindStringSubmatchIndex(d.text)
	if m == nil {
		return
	}
	k, called := l.kind(d.text[m[2]:m[3]]), d.text[m[4]:m[5]]
	if k == nil || k.Nameless != (called == "") {
		return
	}
	n := &node{line: d.first + 1 + strings.Count(d.text[:m[0]], "\n"), col: 1}
	v := Value{file: d.file, owner: sectionName(k.Type, called), node: n, field: &Field{Type: Group, Fields: k.Fields}}
	l.add(&Section{Type: k.Type, Name: called, Broken: true, Block: defaultBlock(v)}, n)
}

func (l *loader) kind(typ string) *Kind {
	for i := range l.kinds {
		if l.kinds[i].Type == typ {
			return &l.kinds[i]
		}
	}
	return nil
}

// starts lists how a document may begin.
func (l *loader) starts() string {
	var words []string
	for _, k := range l.kinds {
		words = append(words, k.Type+":")
	}
	slices.Sort(words)
	return oneOf(words)
}

// lost complains of a document whose first key names no kind.
func (l *loader) lost(f *file, n *node) {
	first := n.pairs[0].key
	for _, p := range n.pairs[1:] {
		if l.kind(p.key.text) != nil {
			f.complain(&l.list, CodeSection, p.key.line, p.key.col, fmt.Sprintf("%s: must be the first key of its section", p.key.text),
				"move the line to the top, or begin a section before it with a line of three dashes")
			return
		}
	}
	var types []string
	for _, k := range l.kinds {
		types = append(types, k.Type)
	}
	fix := problem.Suggest(clip(first.text, 60), types)
	if fix == "" {
		fix = "begin with " + l.starts()
	}
	f.complain(&l.list, CodeSection, first.line, first.col, fmt.Sprintf("there is no section type %s", quote(first.text)), fix)
}

func (l *loader) named(c *checker, k *Kind, n *node) *Section {
	v := n.pairs[0].value
	switch {
	case v.shape != scalar || v.text == "":
		at := v
		if v.shape == nothing {
			at = n.pairs[0].key
		}
		c.complain(CodeSection, at, "needs a name, but has "+strings.Replace(v.what(), "empty", "none", 1),
			fmt.Sprintf("write %s: and a name of small letters, digits and dashes", k.Type))
	case !name.MatchString(v.text) || len(v.text) > maxName:
		c.complain(CodeSection, v, fmt.Sprintf("%s is not a name", quote(v.text)),
			fmt.Sprintf("names have small letters, digits and dashes, at most %d, and begin with a letter or digit", maxName))
	default:
		c.owner = sectionName(k.Type, v.text)
		b := c.block("", n, k.Fields, func(key string) bool { return key == k.Type })
		return &Section{Type: k.Type, Name: v.text, Block: b}
	}
	c.block("", n, k.Fields, func(key string) bool { return key == k.Type }) // for its problems
	return nil
}

func (l *loader) nameless(c *checker, k *Kind, n *node) *Section {
	for _, p := range n.pairs[1:] {
		c.complain(CodeUnknown, p.key, fmt.Sprintf("unknown key %s beside %s:", quote(p.key.text), k.Type),
			fmt.Sprintf("indent it to belong to %s, or begin another section with a line of three dashes", k.Type))
	}
	v := n.pairs[0].value
	if v.shape != mapping {
		if v.shape == nothing {
			v = n.pairs[0].key
		}
		c.complain(CodeSection, v, "must hold keys and values, but is "+n.pairs[0].value.what(), "write its fields below it, indented")
		return nil
	}
	return &Section{Type: k.Type, Block: c.block("", v, k.Fields, nil)}
}

// defaults lets nameless sections that were not written answer.
func (l *loader) defaults(root string) {
	l.tree.unwritten = map[string]*Section{}
	for _, k := range l.kinds {
		if k.Nameless {
			v := Value{file: &file{root: root}, owner: k.Type, field: &Field{Type: Group, Fields: k.Fields}}
			l.tree.unwritten[k.Type] = &Section{Type: k.Type, Block: defaultBlock(v)}
		}
	}
}
