package config

import (
	"fmt"
	"path"
	"path/filepath"
	"time"

	"muster/internal/base/problem"
)

// Value is one checked value and the place where it was written. Asking for
// another type than described is a mistake in the program and panics.
type Value struct {
	file  *file
	owner string // the section, as people name it
	path  string // from the section: "flows.displayName"
	node  *node  // nil for a default and for what is not there; then near is the closest place
	near  *node
	field *Field
	text  string // single values: the text as checked; for Path relative to the root
	data  any    // int, float64, bool, time.Duration, *time.Location, Cron, *Block, []Value, []Entry
	given bool
}

// Entry is one element of a Map.
type Entry struct {
	Name string
	Value
	name *node
}

// NameWhere returns the position of the entry's name.
func (e Entry) NameWhere() problem.Position { return e.file.at(e.name) }

// emptyValue is what an optional field without default has when not written.
func emptyValue(b *Block, f *Field) Value {
	v := Value{file: b.file, owner: b.owner, path: join(b.path, f.Name), near: b.node, field: f}
	if f.Type == Group {
		v.data = defaultBlock(v)
	}
	return v
}

// Given reports that there is a value, written or by default.
func (v Value) Given() bool { return v.given }

// Written reports that the file gives the value; a default is given, not
// written.
func (v Value) Written() bool { return v.node != nil }

// Type returns the type that the value is described as.
func (v Value) Type() Type { return v.field.Type }

// Where returns the position of the value; for a default, of what it is in.
func (v Value) Where() problem.Position { return v.file.at(v.place()) }

// Problem describes a fault found in the value by whoever asked for it, with
// position and source line filled in.
func (v Value) Problem(code problem.Code, message, fix string) *problem.Problem {
	n := v.place()
	return &problem.Problem{
		Code: code, Where: v.file.at(n), Source: v.file.source(n), Object: v.owner,
		Message: message, Fix: fix,
	}
}

func (v Value) place() *node {
	if v.node != nil {
		return v.node
	}
	return v.near
}

// Text returns a single value as text, "" if there is none. Duration, Zone,
// Schedule and Expression come as they are written, Path relative to the root
// of the configuration.
func (v Value) Text() string {
	if v.field.Type >= List {
		v.must(Text)
	}
	return v.text
}

// Int returns a whole number, 0 if there is none.
func (v Value) Int() int { return get[int](v, Int) }

// Number returns a number, 0 if there is none.
func (v Value) Number() float64 { return get[float64](v, Number) }

// Bool returns true or false, false if there is none.
func (v Value) Bool() bool { return get[bool](v, Bool) }

// Duration returns a length of time, 0 if there is none.
func (v Value) Duration() time.Duration { return get[time.Duration](v, Duration) }

// Zone returns a time zone, nil if there is none.
func (v Value) Zone() *time.Location { return get[*time.Location](v, Zone) }

// Schedule returns a schedule, the zero Cron if there is none.
func (v Value) Schedule() Cron { return get[Cron](v, Schedule) }

// Sub returns a group, which answers by its defaults if it was not written.
func (v Value) Sub() *Block { return get[*Block](v, Group) }

// List returns the elements of a list, in their order.
func (v Value) List() []Value { return get[[]Value](v, List) }

// Map returns the elements of a map, ordered by name.
func (v Value) Map() []Entry { return get[[]Entry](v, Map) }

// Path returns a file path that can be opened, "" if there is none: relative
// paths lead from the folder of the file they are written in.
func (v Value) Path() string {
	v.must(Path)
	if v.text == "" || isAbsolute(v.text) {
		return v.text
	}
	return filepath.Join(v.file.root, filepath.FromSlash(path.Clean(v.text)))
}

// Secret returns the name of a secret, "" if there is none.
func (v Value) Secret() string {
	v.must(Secret)
	return v.text
}

// Expr returns an expression, an empty one if there is none.
func (v Value) Expr() Expr {
	v.must(Expression)
	return Expr{Text: v.text, value: v}
}

// must panics when a value is asked for as another type than described.
func (v Value) must(t Type) {
	if v.field.Type != t {
		panic(fmt.Sprintf("config: %s: %s is described as %s, but asked for as %s", v.owner, v.path, v.field.Type, t))
	}
}

func get[T any](v Value, t Type) T {
	v.must(t)
	got, _ := v.data.(T)
	return got
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
