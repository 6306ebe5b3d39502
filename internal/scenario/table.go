package scenario

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"muster/internal/base/object"
	"muster/internal/base/problem"
)

// table is rows under a header line.
type table struct {
	header []string
	rows   []tableRow
}

type tableRow struct {
	line  int
	cells []string
}

// readTable reads lines of a story as a table. A problem has the number of its
// line only.
func readTable(lines []Line) (*table, *problem.Problem) {
	var text strings.Builder
	for _, l := range lines {
		text.WriteString(l.Text + "\n")
	}
	r := csv.NewReader(strings.NewReader(text.String()))
	r.TrimLeadingSpace = true
	t := &table{}
	for {
		cells, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		var bad *csv.ParseError
		if errors.As(err, &bad) {
			return nil, tableProblem(lines[bad.Line-1].No, bad.Err.Error(), "write as many cells as the header has, and texts with commas in quotation marks")
		}
		if err != nil {
			return nil, tableProblem(lines[0].No, err.Error(), "")
		}
		at, _ := r.FieldPos(0)
		if t.header == nil {
			t.header = slices.Clone(cells)
			continue
		}
		t.rows = append(t.rows, tableRow{line: lines[at-1].No, cells: slices.Clone(cells)})
	}
	if t.header == nil {
		return nil, tableProblem(0, "the table is empty", "write a header line with the names of the columns, and rows below it")
	}
	return t, nil
}

func tableProblem(line int, message, fix string) *problem.Problem {
	return &problem.Problem{Code: CodeTable, Where: problem.Position{Line: line}, Message: message, Fix: fix}
}

// numbered makes n tables' worth of rows from one: in each, {n} is the number
// of the row, with as many digits as n has.
func (t *table) numbered(n int) *table {
	out := &table{header: t.header}
	digits := len(strconv.Itoa(n))
	for i := 1; i <= n; i++ {
		no := fmt.Sprintf("%0*d", digits, i)
		for _, r := range t.rows {
			cells := make([]string, len(r.cells))
			for k, c := range r.cells {
				cells[k] = strings.ReplaceAll(c, "{n}", no)
			}
			out.rows = append(out.rows, tableRow{line: r.line, cells: cells})
		}
	}
	return out
}

// patch is a row as a change of one object: the columns it has, and what they
// say.
type patch struct {
	line       int
	anchor, dn string
	attrs      []object.Attr // also those without values: they are emptied
}

// patches reads the rows as objects of a type. The column «anchor», else the
// first unless it is «dn», names the object; both may be attributes too.
func (t *table) patches(typ object.Type) ([]patch, *problem.Problem) {
	name := slices.Index(t.header, "anchor")
	if name < 0 && t.header[0] != "dn" {
		name = 0
	}
	var known []string
	for _, a := range typ.Attributes {
		known = append(known, a.Name)
	}
	out := make([]patch, 0, len(t.rows))
	for _, r := range t.rows {
		p := patch{line: r.line}
		for i, col := range t.header {
			a, ok := typ.Attribute(col)
			switch {
			case i == name:
				p.anchor = r.cells[i]
			case col == "dn":
				p.dn = r.cells[i]
			case !ok:
				return nil, tableProblem(r.line, typ.Name+" has no attribute "+strconv.Quote(col), suggest(col, known))
			}
			if !ok {
				continue
			}
			vs, err := parseCell(a, r.cells[i])
			if err != nil {
				return nil, tableProblem(r.line, col+": "+err.Error(), "correct the cell, or the attribute's kind")
			}
			p.attrs = append(p.attrs, object.Attr{Name: col, Values: vs})
		}
		if p.anchor == "" && p.dn == "" {
			return nil, tableProblem(r.line, "the row names no object", "fill the first column, or a column anchor or dn")
		}
		out = append(out, p)
	}
	return out, nil
}

// parseCell reads a cell; values of an attribute that holds several are
// separated by |.
func parseCell(a object.Attribute, cell string) (object.Values, error) {
	if cell == "" {
		return nil, nil
	}
	parts := []string{cell}
	if a.Multi {
		parts = strings.Split(cell, "|")
	}
	var vs object.Values
	for _, s := range parts {
		v, err := object.ParseValue(a.Kind, s)
		if err != nil {
			return nil, err
		}
		vs = append(vs, v)
	}
	return object.Set(vs...), nil
}

// suggest says which of the known words is near, or which there are.
func suggest(word string, known []string) string {
	if s := problem.Suggest(word, known); s != "" {
		return s
	}
	if len(known) == 0 {
		return ""
	}
	return "there is " + strings.Join(known, ", ")
}
