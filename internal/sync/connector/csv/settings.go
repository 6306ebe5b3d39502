package csv

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"muster/internal/base/object"
	"muster/internal/base/problem"
)

// Settings say where the files are and how to read them.
type Settings struct {
	Files []File
	Poll  time.Duration // how often Wait looks at the files; 0 means 2 s
	Spill int           // bytes of member rows kept in memory before they go to a temporary file; 0 means 64 MiB
}

// Format is how one file is written.
type Format struct {
	Encoding  string   // see Encodings; "" means utf-8
	Delimiter byte     // between fields; 0 means a comma
	Lazy      bool     // quotes inside fields are taken as they stand
	NoHeader  bool     // the first line is a row; Columns then names all columns in order
	Trim      bool     // blanks around values do not count
	Nulls     []string // values that mean "no value", beside the empty one
	MaxField  int      // bytes in one field; 0 means 1 MiB

	// LastLine is what the last line must be, so that a file cut short is
	// noticed; "{count}" in it stands for the number of rows. CountFile is
	// another file that holds that number and nothing else.
	LastLine, CountFile string
}

// File is a file with one object a row.
type File struct {
	Path string
	Format
	Type       string            // the type of all its objects, or:
	TypeColumn string            // the column that says it, in the words of
	Types      map[string]string // value of TypeColumn to type
	Anchor     []string          // the columns that together name an object for ever
	Join       string            // between the parts of a joined anchor; "" means "|"
	Columns    []Column          // columns about which there is something to say
	Members    []Members         // further values, one a row, in files of their own
	Delta      *Delta            // a file that tells changes
	Create     bool              // an export may create the file if it is not there
}

// Column says what a column holds. Columns that are not described hold one text.
type Column struct {
	Name      string      // as the header writes it
	Attribute string      // as rules call it; "" means Name
	Kind      object.Kind // None means String
	Split     string      // what separates several values; "" means there is one
	Layout    string      // for Time: yyyy MM dd HH mm ss; "" means ISO 8601
	True      []string    // for Bool: words for true; none means true and 1
	False     []string    // for Bool: words for false; none means false and 0
}

// Members is a file with one value of an attribute a row, such as the members
// of groups. A row whose owner has no row in the main file is refused.
type Members struct {
	Path string
	Format
	Owner     string      // the column with the anchor of the owner
	Value     string      // the column with the value
	Attribute string      // the attribute it is a value of
	Kind      object.Kind // None means Ref
}

// Delta is a file with changes since the last full file: its columns and one
// that says what happened.
type Delta struct {
	Path string
	Format
	Change              string // the column that says what happened
	Add, Modify, Remove string // its words; "" means add, modify, delete
}

const (
	maxAnchor    = 398 // characters, as in MIM
	defaultField = 1 << 20
	defaultSpill = 64 << 20
)

func (f *Format) complete() {
	if f.Encoding == "" {
		f.Encoding = "utf-8"
	}
	if f.Delimiter == 0 {
		f.Delimiter = ','
	}
	if f.MaxField == 0 {
		f.MaxField = defaultField
	}
}

// complete fills in what "" and 0 mean.
func (s *Settings) complete() {
	if s.Poll == 0 {
		s.Poll = 2 * time.Second
	}
	if s.Spill == 0 {
		s.Spill = defaultSpill
	}
	s.Files = slices.Clone(s.Files)
	for i := range s.Files {
		f := &s.Files[i]
		f.Format.complete()
		f.Members, f.Columns = slices.Clone(f.Members), slices.Clone(f.Columns)
		if f.Join == "" {
			f.Join = "|"
		}
		for j := range f.Columns {
			f.Columns[j].complete()
		}
		for j := range f.Members {
			f.Members[j].Format.complete()
			if f.Members[j].Kind == object.None {
				f.Members[j].Kind = object.Ref
			}
		}
		if f.Delta != nil {
			d := *f.Delta
			d.Format.complete()
			d.Add, d.Modify, d.Remove = or(d.Add, "add"), or(d.Modify, "modify"), or(d.Remove, "delete")
			f.Delta = &d
		}
	}
}

func (c *Column) complete() {
	c.Attribute = or(c.Attribute, c.Name)
	if c.Kind == object.None {
		c.Kind = object.String
	}
	if len(c.True) == 0 {
		c.True = []string{"true", "1"}
	}
	if len(c.False) == 0 {
		c.False = []string{"false", "0"}
	}
}

func or(a, b string) string {
	if a == "" {
		return b
	}
	return a
}

// Check reports what is wrong with s, without looking at any file.
func (s Settings) Check() error {
	s.complete()
	var list problem.List
	say := func(f File, format string, args ...any) {
		list.Add(&problem.Problem{Code: "invalid-setting", Object: f.Path, Message: fmt.Sprintf(format, args...)})
	}
	if len(s.Files) == 0 {
		list.Add(&problem.Problem{Code: "invalid-setting", Message: "no file is given"})
	}
	types, paths := map[string]bool{}, map[string]bool{}
	for _, f := range s.Files {
		for _, t := range f.types() {
			if types[t] {
				say(f, "the type %s comes in two files", t)
			}
			types[t] = true
		}
		switch {
		case (f.Type == "") == (f.TypeColumn == ""):
			say(f, "give either a type or a type column")
		case f.TypeColumn != "" && len(f.Types) == 0:
			say(f, "the types that column %s can name are not given", f.TypeColumn)
		case len(f.Anchor) == 0:
			say(f, "no anchor column is given")
		case f.Join == `\`:
			say(f, "anchors cannot be joined with a backslash")
		}
		for _, p := range f.paths() {
			if paths[p] {
				say(f, "the file %s is named twice", p)
			}
			paths[p] = true
		}
		for _, fm := range f.formats() {
			fm.check(func(format string, args ...any) { say(f, format, args...) })
		}
		for _, c := range f.Columns {
			if c.Split == string(f.Delimiter) {
				say(f, "column %s: its values are separated by the delimiter of the file", c.Name)
			}
		}
		if f.NoHeader && len(f.Columns) == 0 {
			say(f, "without a header line, all columns must be given in order")
		}
	}
	return list.Err()
}

func (f Format) check(say func(string, ...any)) {
	if _, ok := encodings[f.Encoding]; !ok {
		say("the encoding %s is not known: choose one of %s", f.Encoding, strings.Join(Encodings(), ", "))
	}
	if f.Delimiter == '"' || f.Delimiter == '\n' || f.Delimiter == '\r' || f.Delimiter >= 0x80 {
		say("%q cannot be a delimiter", f.Delimiter)
	}
	if f.LastLine != "" && f.CountFile != "" && strings.Contains(f.LastLine, countMark) {
		say("the number of rows is announced twice")
	}
}

// types lists the object types of the file, sorted.
func (f File) types() []string {
	if f.Type != "" {
		return []string{f.Type}
	}
	var out []string
	for _, t := range f.Types {
		out = append(out, t)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// paths lists the files that make up f, the main one first, the delta last.
func (f File) paths() []string {
	out := []string{f.Path}
	for _, m := range f.Members {
		out = append(out, m.Path)
	}
	if f.Delta != nil {
		out = append(out, f.Delta.Path)
	}
	return out
}

func (f File) formats() []Format {
	out := []Format{f.Format}
	for _, m := range f.Members {
		out = append(out, m.Format)
	}
	if f.Delta != nil {
		out = append(out, f.Delta.Format)
	}
	return out
}
