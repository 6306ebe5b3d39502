// Package problem says what is wrong, where, and what to do next. Every part
// of the program that tells a person about a fault uses it. It never decides
// what happens after a fault.
package problem

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Code is a stable name of a kind of fault, in kebab-case. Faults that MIM
// knows carry MIM's name.
type Code string

// Position is a place in a file. Line and Column count from 1; 0 is unknown.
type Position struct {
	File         string
	Line, Column int
}

// String returns file:line:column, without what is unknown.
func (p Position) String() string {
	switch {
	case p.File == "":
		return ""
	case p.Line == 0:
		return p.File
	case p.Column == 0:
		return fmt.Sprintf("%s:%d", p.File, p.Line)
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// Problem is one fault as a person reads it.
type Problem struct {
	Code    Code
	Where   Position // the place in a file, if there is one
	Source  string   // the offending line, if there is one
	Object  string   // the object or setting it is about, in the user's words
	Message string   // what is wrong: lower case, no full stop
	Fix     string   // what to do next, or ""
	Err     error    // the cause, if another error was
}

// Error returns the problem on one line, without the source.
func (p *Problem) Error() string {
	if p.Fix == "" {
		return p.wrong()
	}
	return p.wrong() + " (" + p.Fix + ")"
}

// wrong says where, about what, and what is wrong.
func (p *Problem) wrong() string {
	var b strings.Builder
	if w := p.Where.String(); w != "" {
		b.WriteString(w + ": ")
	}
	if p.Object != "" {
		b.WriteString(p.Object + ": ")
	}
	b.WriteString(p.Message)
	if p.Err != nil && !strings.Contains(p.Message, p.Err.Error()) {
		b.WriteString(": " + p.Err.Error())
	}
	return b.String()
}

// Unwrap returns the cause.
func (p *Problem) Unwrap() error { return p.Err }

// Show returns the problem on several lines: what is wrong, the offending line
// with a caret under the column, and what to do.
func (p *Problem) Show() string {
	var b strings.Builder
	b.WriteString(p.wrong())
	if p.Source != "" {
		fmt.Fprintf(&b, "\n  %4d | %s", p.Where.Line, p.Source)
		if p.Where.Column > 0 {
			pad := ""
			for i, r := range []rune(p.Source) {
				if i+1 >= p.Where.Column {
					break
				}
				if r == '\t' {
					pad += "\t"
				} else {
					pad += " "
				}
			}
			b.WriteString("\n       | " + pad + "^")
		}
	}
	if p.Fix != "" {
		b.WriteString("\n       = " + p.Fix)
	}
	return b.String()
}

// List is several problems; it is an error when it is not empty.
type List []*Problem

// Error returns one problem a line.
func (l List) Error() string {
	lines := make([]string, len(l))
	for i, p := range l {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

// Add appends a problem.
func (l *List) Add(p *Problem) { *l = append(*l, p) }

// Sort orders by file, line, column, keeping the order of equals.
func (l List) Sort() {
	slices.SortStableFunc(l, func(a, b *Problem) int {
		if c := strings.Compare(a.Where.File, b.Where.File); c != 0 {
			return c
		}
		if a.Where.Line != b.Where.Line {
			return a.Where.Line - b.Where.Line
		}
		return a.Where.Column - b.Where.Column
	})
}

// Err returns the list as an error, nil when it is empty.
func (l List) Err() error {
	if len(l) == 0 {
		return nil
	}
	return l
}

// CodeOf returns the code of the first Problem in err's chain, "" if none.
func CodeOf(err error) Code {
	var p *Problem
	if errors.As(err, &p) {
		return p.Code
	}
	var l List
	if errors.As(err, &l) && len(l) > 0 {
		return l[0].Code
	}
	return ""
}
