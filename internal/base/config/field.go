package config

// Type says what a field holds.
type Type uint8

// The types of fields. The zero Type is Text.
const (
	Text       Type = iota // text, taken as it is written: 007 stays 007
	Int                    // a whole number
	Number                 // a number, with a fraction if need be
	Bool                   // true or false
	Duration               // a length of time: 30s, 15m, 36h, 30d, 2w, 1d12h; a day is 24 hours
	Zone                   // a time zone by its IANA name: Europe/Berlin, UTC
	Path                   // a file or folder, relative to the folder of the file it is written in
	Choice                 // one word of Field.Choices, which may bring further fields
	Secret                 // the name of a secret, never the secret itself
	Expression             // an expression, kept as text with the position of every character
	Schedule               // five cron fields and a time zone: 30 2 * * 1-5 Europe/Berlin
	List                   // elements in an order that matters, each described by Field.Elem
	Map                    // elements by names free to choose, each described by Field.Elem; their order means nothing
	Group                  // fields of its own: Field.Fields
)

// String returns the type as help and problems call it.
func (t Type) String() string {
	names := [...]string{
		"text", "whole number", "number", "true or false", "duration", "time zone", "path", "choice",
		"secret name", "expression", "schedule", "list", "map", "group",
	}
	if int(t) < len(names) {
		return names[t]
	}
	return "unknown type"
}

// Field describes one setting. It is the only description there is: the
// check, the help text and the schema all come from it.
type Field struct {
	Name     string // as written in the file; unique beside its siblings
	Summary  string // one line for people, no full stop
	Type     Type   // what it holds
	Required bool   // must be written; excludes Default
	Default  string // what holds when it is not written, in the form of a file; single values only
	Example  string // shown in help and suggested by editors, in the form of a file
	Min, Max string // bounds, both allowed, of Int, Number and Duration, in the form of a file; "" is none

	Choices []Option // Choice: the words allowed
	Elem    *Field   // List and Map: what each element is; its Name is a word for one element, or ""
	Fields  []Field  // Group: its fields
	Short   string   // Group: the field that is meant when a plain value stands in the group's place, or ""
	AtLeast int      // List and Map: the smallest number of elements

	Manner bool // says how the work is done, not what it is about: Section.Substance leaves it out

	// Check reports what is wrong with a text; for Map, with a name. It is
	// asked for types written as text, after all other checks of the value,
	// and depends on nothing but its argument. If the error is a
	// *problem.Problem, its Message and Fix are shown.
	Check func(text string) error
}

// Option is one word of a Choice.
type Option struct {
	Value   string
	Summary string
	Fields  []Field // further fields, beside the Choice, while this word is chosen
}

// Kind describes one type of section. Kinds are plain values that the caller
// lists; nothing registers itself.
type Kind struct {
	Type     string  // the first key of the document: "connector"
	Summary  string  // one line for people, no full stop
	Nameless bool    // there is one such section, its fields are nested under the first key
	Fields   []Field // the fields beside the first key, or below it when nameless
}
