package config

import (
	"strings"
	"unicode/utf8"

	"muster/internal/base/problem"
)

// Expr is the text of an expression, without white space around it, and the
// way from each of its characters back to the file.
type Expr struct {
	Text  string
	value Value
}

// Where returns the position in the file of the character that starts at
// offset bytes of Text. Offsets outside are taken to the nearest end.
func (e Expr) Where(offset int) problem.Position {
	marks, _ := e.value.data.([]mark)
	if len(marks) == 0 { // a default: it is written nowhere
		return e.value.Where()
	}
	line, col := locate(marks, e.Text, min(max(offset, 0), len(e.Text)))
	return problem.Position{File: e.value.file.name, Line: line, Column: col}
}

// At returns the position in the file of a line and column of Text, both from
// 1, columns in characters.
func (e Expr) At(line, column int) problem.Position {
	at := 0
	for ; line > 1; line-- {
		i := strings.IndexByte(e.Text[at:], '\n')
		if i < 0 {
			return e.Where(len(e.Text))
		}
		at += i + 1
	}
	for ; column > 1 && at < len(e.Text) && e.Text[at] != '\n'; column-- {
		_, size := utf8.DecodeRuneInString(e.Text[at:])
		at += size
	}
	return e.Where(at)
}

// Locate turns a problem found in the text into one of the file: Where, which
// counts from the start of Text, becomes the place in the file, Source the
// line there; an empty Object becomes the section. A problem without a line
// gets the start of the expression.
func (e Expr) Locate(p *problem.Problem) *problem.Problem {
	q := *p
	q.Where = e.At(p.Where.Line, p.Where.Column)
	q.Source = e.value.file.sourceLine(q.Where.Line)
	if q.Object == "" {
		q.Object = e.value.owner
	}
	return &q
}
