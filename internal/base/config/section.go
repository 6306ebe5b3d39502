package config

import (
	"cmp"
	"slices"
	"strings"
)

// Tree is a checked configuration. It does not change.
type Tree struct {
	sections  []*Section          // by type, then name
	unwritten map[string]*Section // what answers for nameless sections that are not there
}

// Section is one top-level thing of a configuration, with its values.
type Section struct {
	Type string // the type of its Kind
	Name string // its stable name, "" when the kind is nameless
	// Broken says that problems were found in it. Then values may be missing:
	// do not read it, but count it as there, so that one mistake is told once.
	Broken bool
	*Block
}

// String names the section as people do: "connector hr".
func (s *Section) String() string { return sectionName(s.Type, s.Name) }

func sectionName(typ, name string) string { return strings.TrimSpace(typ + " " + name) }

// All returns every section, ordered by type and name.
func (t *Tree) All() []*Section { return slices.Clone(t.sections) }

// Sections returns the sections of a type, ordered by name.
func (t *Tree) Sections(typ string) []*Section {
	var out []*Section
	for _, s := range t.sections {
		if s.Type == typ {
			out = append(out, s)
		}
	}
	return out
}

// Section returns the section of that type and name, nil if there is none.
// The name of a nameless section is ""; if it was not written, its defaults
// answer.
func (t *Tree) Section(typ, name string) *Section {
	i, ok := slices.BinarySearchFunc(t.sections, &Section{Type: typ, Name: name}, compareSections)
	if !ok {
		if name != "" {
			return nil
		}
		return t.unwritten[typ]
	}
	return t.sections[i]
}

// Names returns the names of the sections of a type, ordered.
func (t *Tree) Names(typ string) []string {
	var out []string
	for _, s := range t.Sections(typ) {
		out = append(out, s.Name)
	}
	return out
}

func compareSections(a, b *Section) int {
	return cmp.Or(strings.Compare(a.Type, b.Type), strings.Compare(a.Name, b.Name))
}
