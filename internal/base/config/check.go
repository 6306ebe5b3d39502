package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"muster/internal/base/problem"
)

// checker compares what a section says with its description.
type checker struct {
	file  *file
	owner string
	list  *problem.List
}

func (c *checker) complain(code problem.Code, n *node, message, fix string) {
	c.list.Add(&problem.Problem{
		Code: code, Where: c.file.at(n), Source: c.file.source(n), Object: c.owner, Message: message, Fix: fix,
	})
}

// block reads a mapping. Pairs for which skip is true are passed over.
func (c *checker) block(path string, n *node, fields []Field, skip func(key string) bool) *Block {
	b := &Block{file: c.file, owner: c.owner, path: path, node: n, values: map[string]Value{}}
	known := gather(fields, n)
	b.fields = known.all()
	for _, p := range n.pairs {
		f := findField(known.active, p.key.text)
		switch {
		case skip != nil && skip(p.key.text):
		case f != nil:
			b.values[f.Name] = c.value(join(path, f.Name), p.value, p.key, f)
		case findField(known.open, p.key.text) == nil:
			c.unknown(path, p.key, known)
		}
	}
	for _, f := range known.active {
		if _, ok := b.values[f.Name]; ok {
			continue
		}
		if f.Required {
			c.complain(CodeMissing, n, join(path, f.Name)+" is missing", addFix(f))
		} else if f.Default != "" {
			b.values[f.Name] = defaultValue(b, f)
		}
	}
	return b
}

// addFix says how to add a field.
func addFix(f *Field) string {
	if example := strings.TrimSpace(f.Example); example != "" && !strings.Contains(example, "\n") {
		return fmt.Sprintf("add a line such as %s: %s", f.Name, example)
	}
	if f.Summary != "" {
		return fmt.Sprintf("add the key %s (%s)", f.Name, f.Summary)
	}
	return "add the key " + f.Name
}

// unknown complains of a key that is not described.
func (c *checker) unknown(path string, key *node, known gathered) {
	var names []string
	for _, f := range known.all() {
		names = append(names, f.Name)
	}
	fix := ""
	if len(key.text) < 100 {
		fix = problem.Suggest(key.text, names)
	}
	if owner := known.elsewhere[key.text]; owner != "" {
		fix = "it belongs to " + owner
	}
	if fix == "" && len(names) > 0 {
		slices.Sort(names)
		fix = "known here: " + clip(strings.Join(names, ", "), 200)
	}
	c.complain(CodeUnknown, key, fmt.Sprintf("unknown key %s", quote(join(path, key.text))), fix)
}

// value reads what stands at a key. key is nil for the elements of a list.
func (c *checker) value(path string, n, key *node, f *Field) Value {
	v := Value{file: c.file, owner: c.owner, path: path, node: n, near: n, field: f}
	if f.Type == Group && f.Short != "" && n.shape != mapping && n.shape != nothing {
		n = &node{shape: mapping, line: n.line, col: n.col, pairs: []pair{{&node{shape: scalar, text: f.Short, line: n.line, col: n.col}, n}}}
	}
	want := scalar
	switch f.Type {
	case List:
		want = sequence
	case Map, Group:
		want = mapping
	}
	switch {
	case n.shape == nothing:
		c.empty(path, n, key, f)
	case n.shape != want:
		got, fix := n.what(), f.exampleFix()
		if want == sequence && fix == "" {
			fix = "write [a, b], or one element a line, each after a dash"
		}
		c.complain(CodeValue, n, path+" "+f.wrong(got, "").message, fix)
	case f.Type == List:
		v.data, v.given = c.items(path, n, f), true
	case f.Type == Map:
		v.data, v.given = c.entries(path, n, f), true
	case f.Type == Group:
		v.data, v.given = c.block(path, n, f.Fields, nil), true
	default:
		c.single(&v, n, f)
	}
	if f.Type == Group && v.data == nil {
		v.data = defaultBlock(v)
	}
	return v
}

// empty complains of a key without a value, and of the word null.
func (c *checker) empty(path string, n, key *node, f *Field) {
	at, fix := key, "write a value, or remove the line"
	if key == nil || n.text != "" {
		at = n
	}
	switch f.Type {
	case List:
		fix = "write [] for an empty list, or remove the line"
	case Map, Group:
		fix = "write {} for an empty one, or remove the line"
	case Text, Expression:
		if n.text != "" {
			fix = fmt.Sprintf("write a value, or remove the line; in quotes (%q) it would be text", n.text)
		}
	}
	c.complain(CodeValue, at, path+" has no value", fix)
}

func (c *checker) single(v *Value, n *node, f *Field) {
	n.hidden = n.hidden || f.Type == Secret
	text, data, bad := f.parse(n.text, n.style == plain)
	if bad == nil && f.Check != nil && f.Type != Int && f.Type != Number && f.Type != Bool {
		bad = custom(f.Check(text))
	}
	if bad != nil {
		c.complain(CodeValue, n, v.path+" "+bad.message, bad.fix)
		return
	}
	v.text, v.data, v.given = text, data, true
	switch f.Type {
	case Path:
		v.text = c.file.fromRoot(text)
	case Expression:
		lead := len(n.text) - len(strings.TrimLeftFunc(n.text, isSpace))
		v.data = rebase(c.file.align(n), n.text, lead)
	}
}

// custom words what a field's own check found.
func custom(err error) *fault {
	if err == nil {
		return nil
	}
	var p *problem.Problem
	if errors.As(err, &p) {
		return &fault{"is not right: " + p.Message, p.Fix}
	}
	return &fault{"is not right: " + err.Error(), ""}
}

func (c *checker) items(path string, n *node, f *Field) []Value {
	c.atLeast(path, n, f, len(n.items))
	out := make([]Value, 0, len(n.items))
	for i, item := range n.items {
		out = append(out, c.value(fmt.Sprintf("%s[%d]", path, i), item, nil, f.Elem))
	}
	return out
}

func (c *checker) entries(path string, n *node, f *Field) []Entry {
	c.atLeast(path, n, f, len(n.pairs))
	out := make([]Entry, 0, len(n.pairs))
	for _, p := range n.pairs {
		at := join(path, p.key.text)
		if f.Check != nil {
			if bad := custom(f.Check(p.key.text)); bad != nil {
				c.complain(CodeValue, p.key, fmt.Sprintf("%s: name %s %s", path, quote(p.key.text), bad.message), bad.fix)
			}
		}
		out = append(out, Entry{Name: p.key.text, name: p.key, Value: c.value(at, p.value, p.key, f.Elem)})
	}
	slices.SortFunc(out, func(a, b Entry) int { return strings.Compare(a.Name, b.Name) })
	return out
}

func (c *checker) atLeast(path string, n *node, f *Field, got int) {
	if got >= f.AtLeast {
		return
	}
	word := "element"
	if f.AtLeast > 1 {
		word = "elements"
	}
	c.complain(CodeValue, n, fmt.Sprintf("%s must have at least %d %s, but has %d", path, f.AtLeast, word, got), f.exampleFix())
}
