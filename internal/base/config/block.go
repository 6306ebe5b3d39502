package config

import (
	"fmt"
	"time"

	"muster/internal/base/problem"
)

// Block is a set of values that belong together: a section, or a group inside
// one. Asking for a key that its description does not have, or as another
// type than described, is a mistake in the program and panics.
type Block struct {
	file   *file
	owner  string // the section, as people name it
	path   string // from the section: "" or "join[0]"
	node   *node  // nil if it was not written
	fields []*Field
	values map[string]Value
}

// Get returns the value of a key: as written, else its default, else an empty
// value.
func (b *Block) Get(key string) Value {
	if v, ok := b.values[key]; ok {
		return v
	}
	f := findField(b.fields, key)
	if f == nil {
		panic(fmt.Sprintf("config: %s has no field %q; describe it or correct the name", b.title(), key))
	}
	return emptyValue(b, f)
}

// Has reports that a key has a value, written or by default.
func (b *Block) Has(key string) bool { return b.Get(key).Given() }

// Text returns a value as text: of Text, Choice, and every other type that is
// written as text. "" if there is none.
func (b *Block) Text(key string) string { return b.Get(key).Text() }

// Int returns a whole number, 0 if there is none.
func (b *Block) Int(key string) int { return b.Get(key).Int() }

// Number returns a number, 0 if there is none.
func (b *Block) Number(key string) float64 { return b.Get(key).Number() }

// Bool returns true or false, false if there is none.
func (b *Block) Bool(key string) bool { return b.Get(key).Bool() }

// Duration returns a length of time, 0 if there is none.
func (b *Block) Duration(key string) time.Duration { return b.Get(key).Duration() }

// Zone returns a time zone, nil if there is none.
func (b *Block) Zone(key string) *time.Location { return b.Get(key).Zone() }

// Path returns a file path that can be opened, "" if there is none.
func (b *Block) Path(key string) string { return b.Get(key).Path() }

// Secret returns the name of a secret, "" if there is none.
func (b *Block) Secret(key string) string { return b.Get(key).Secret() }

// Expr returns an expression, an empty one if there is none.
func (b *Block) Expr(key string) Expr { return b.Get(key).Expr() }

// Schedule returns a schedule, the zero Cron if there is none.
func (b *Block) Schedule(key string) Cron { return b.Get(key).Schedule() }

// Sub returns a group. If it was not written, its defaults answer, and Has
// tells the difference.
func (b *Block) Sub(key string) *Block { return b.Get(key).Sub() }

// List returns the elements of a list, in their order.
func (b *Block) List(key string) []Value { return b.Get(key).List() }

// Texts returns the elements of a list of texts.
func (b *Block) Texts(key string) []string {
	var out []string
	for _, v := range b.List(key) {
		out = append(out, v.Text())
	}
	return out
}

// Subs returns the elements of a list of groups.
func (b *Block) Subs(key string) []*Block {
	var out []*Block
	for _, v := range b.List(key) {
		out = append(out, v.Sub())
	}
	return out
}

// Map returns the elements of a map, ordered by name.
func (b *Block) Map(key string) []Entry { return b.Get(key).Map() }

// Where returns the position of the value that the path of keys leads to, of
// the block itself without keys. A key that was not written gives the nearest
// position above it. List elements are named by their index from 0.
func (b *Block) Where(path ...string) problem.Position {
	return b.file.at(b.nodeAt(path))
}

// Problem describes a fault found in a value by whoever asked for it, with
// position and source line filled in. The path is as for Where.
func (b *Block) Problem(code problem.Code, message, fix string, path ...string) *problem.Problem {
	return Value{file: b.file, owner: b.owner, node: b.nodeAt(path)}.Problem(code, message, fix)
}

// title names the block as people do.
func (b *Block) title() string {
	if b.path == "" {
		return b.owner
	}
	return b.owner + ": " + b.path
}

// nodeAt follows a path of keys as far as it was written.
func (b *Block) nodeAt(path []string) *node {
	n := b.node
	for _, key := range path {
		next := n.child(key)
		if next == nil {
			break
		}
		n = next
	}
	return n
}

func findField(fields []*Field, name string) *Field {
	for _, f := range fields {
		if f.Name == name {
			return f
		}
	}
	return nil
}
