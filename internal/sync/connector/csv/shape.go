package csv

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"muster/internal/base/object"
	"muster/internal/base/problem"
	"muster/internal/sync/connector"
)

// shape is what a header makes of the settings: which field is what.
type shape struct {
	file    *File
	names   []string // the header
	columns []column // what is told, sorted by attribute
	anchor  []int    // fields
	typeAt  int      // -1: all objects are of file.Type
	change  int      // of a delta file; -1 elsewhere
}

// column is one attribute: a field, or a members file.
type column struct {
	*Column
	at      int  // field; -1 for a members file
	members int  // index in File.Members; -1 for a field
	parts   bool // a part of the anchor
}

// readShape reads the header line of s. For a delta file, change names the
// column that says what happened.
func readShape(s *source, file *File, change string) (*shape, error) {
	sh := &shape{file: file, typeAt: -1, change: -1}
	if s.format.NoHeader {
		for _, c := range file.Columns {
			sh.names = append(sh.names, c.Name)
		}
		if change != "" && !slices.Contains(sh.names, change) {
			sh.names = append(sh.names, change) // the last column of a delta file without a header
		}
	} else if err := sh.readHeader(s); err != nil {
		return nil, err
	}
	return sh, sh.bind(s.path, change)
}

func (sh *shape) readHeader(s *source) error {
	switch err := s.rows.next(); {
	case err != nil && len(s.rows.fields) == 0 && s.rows.lines == 0:
		return fault(connector.ReadError, s.path, "check whether its producer finished; nobody is taken for missing", "the file has no header line")
	case err != nil:
		p := fault(connector.ParseError, s.path, "check the encoding and the quotes of the first line", "the header line cannot be read: %v", err)
		p.Where.Line = s.rows.lines
		return p
	}
	for i := range s.rows.fields {
		sh.names = append(sh.names, strings.TrimSpace(string(s.rows.field(i))))
	}
	return nil
}

// bind finds the columns that the settings speak of.
func (sh *shape) bind(path, change string) error {
	var list problem.List
	seen := map[string]bool{}
	for i, name := range sh.names {
		if name == "" || seen[name] {
			p := fault(connector.ParseError, path, "give each column a name of its own", "column %d is named %q, which is empty or taken", i+1, name)
			p.Where.Line = 1
			list.Add(p)
		}
		seen[name] = true
	}
	find := func(name, what string) int {
		i := slices.Index(sh.names, name)
		if i < 0 {
			fix := problem.Suggest(name, sh.names)
			if len(sh.names) == 1 {
				fix = "there is one column only: check the delimiter"
			}
			p := fault(connector.ParseError, path, fix, "there is no column %q, which is %s", name, what)
			p.Where.Line = 1
			list.Add(p)
		}
		return i
	}
	for _, name := range sh.file.Anchor {
		sh.anchor = append(sh.anchor, find(name, "part of the anchor"))
	}
	if sh.file.TypeColumn != "" {
		sh.typeAt = find(sh.file.TypeColumn, "the type of the objects")
	}
	if change != "" {
		sh.change = find(change, "what happened")
	}
	for _, c := range sh.file.Columns {
		if change == "" { // a delta file may have fewer columns
			find(c.Name, "described in the settings")
		}
	}
	if err := list.Err(); err != nil {
		return err
	}
	return sh.bindColumns(path)
}

func (sh *shape) bindColumns(path string) error {
	for i, name := range sh.names {
		if i == sh.typeAt || i == sh.change {
			continue
		}
		c := &Column{Name: name}
		if j := slices.IndexFunc(sh.file.Columns, func(c Column) bool { return c.Name == name }); j >= 0 {
			c = &sh.file.Columns[j]
		}
		c.complete()
		sh.columns = append(sh.columns, column{Column: c, at: i, members: -1, parts: slices.Contains(sh.anchor, i)})
	}
	for i, m := range sh.file.Members {
		c := &Column{Name: m.Attribute, Attribute: m.Attribute, Kind: m.Kind}
		sh.columns = append(sh.columns, column{Column: c, at: -1, members: i})
	}
	slices.SortFunc(sh.columns, func(a, b column) int { return strings.Compare(a.Attribute, b.Attribute) })
	for i, c := range sh.columns {
		if i > 0 && sh.columns[i-1].Attribute == c.Attribute {
			return fault("invalid-setting", path, "give one of them another attribute", "two columns are the attribute %s", c.Attribute)
		}
	}
	return nil
}

// attributes describes the columns.
func (sh *shape) attributes() []object.Attribute {
	var out []object.Attribute
	for _, c := range sh.columns {
		out = append(out, object.Attribute{
			Name: c.Attribute, Kind: c.Kind, Multi: c.Split != "" || c.members >= 0,
			Unique: c.parts && len(sh.anchor) == 1,
		})
	}
	return out
}

// within keeps the columns that scope wants of the types of this file. It
// wants none of a type that scope leaves out.
func (sh *shape) within(scope connector.Scope) map[string][]column {
	out := map[string][]column{}
	for _, t := range sh.file.types() {
		if !scope.Wants(t) {
			continue
		}
		wanted, some := scope.Attributes[t]
		out[t] = slices.DeleteFunc(slices.Clone(sh.columns), func(c column) bool {
			return some && !slices.Contains(wanted, c.Attribute)
		})
	}
	return out
}

// typeOf returns the object type of the current row.
func (sh *shape) typeOf(r *rows) (string, error) {
	if sh.typeAt < 0 {
		return sh.file.Type, nil
	}
	word := strings.TrimSpace(string(r.field(sh.typeAt)))
	if t, ok := sh.file.Types[word]; ok {
		return t, nil
	}
	if word == "" {
		return "", refusal(connector.MissingObjectType, "column %s says no type", sh.file.TypeColumn)
	}
	return "", refusal(connector.UnmappableType, "column %s says %q, which stands for no type", sh.file.TypeColumn, word)
}

// anchorOf returns the anchor of the row whose text, as a string, is whole.
func (sh *shape) anchorOf(r *rows, whole string) (string, error) {
	part := func(i int) (string, error) {
		s := r.fields[sh.anchor[i]]
		text := strings.TrimSpace(whole[s.from:s.to])
		if isNull(sh.file.Nulls, text) {
			return "", refusal(connector.MissingAnchor, "column %s is empty", sh.file.Anchor[i])
		}
		return text, nil
	}
	anchor, err := part(0)
	if len(sh.anchor) > 1 && err == nil {
		parts := []string{anchor}
		for i := 1; i < len(sh.anchor) && err == nil; i++ {
			anchor, err = part(i)
			parts = append(parts, anchor)
		}
		anchor = joinAnchor(parts, sh.file.Join)
	}
	if err != nil {
		return "", err
	}
	if len(anchor) > maxAnchor && utf8.RuneCountInString(anchor) > maxAnchor {
		return "", refusal(connector.AnchorTooLong, "an anchor has %d characters at most", maxAnchor)
	}
	return anchor, nil
}

func isNull(nulls []string, text string) bool {
	if text == "" {
		return true
	}
	for _, n := range nulls {
		if n == text {
			return true
		}
	}
	return false
}

// refusal is a *connector.Refusal that does not yet say of what.
func refusal(code problem.Code, format string, args ...any) *connector.Refusal {
	return &connector.Refusal{Code: code, Err: fmt.Errorf(format, args...)}
}
