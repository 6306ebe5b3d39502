package term

import "strings"

// Table is rows under a head. It is as wide as its content, and no wider than
// the terminal: then the columns that may be cut are.
type Table struct {
	Head []string
	Rows [][]string
	Cut  []int // the columns that may be cut, the one to be cut first in front
	// Right are columns of numbers.
	Right []int
}

// Add adds a row; its cells are made harmless.
func (t *Table) Add(cells ...string) {
	for i := range cells {
		cells[i] = Clean(cells[i])
	}
	t.Rows = append(t.Rows, cells)
}

const gap = 2

// least is how narrow a column is cut at most.
const least = 12

// Table writes a table.
func (o *Out) Table(t *Table) {
	wide := t.widths()
	t.fit(wide, o.width)
	if len(t.Head) > 0 {
		o.Line("%s", o.Faint(t.row(t.Head, wide)))
	}
	for _, r := range t.Rows {
		o.Line("%s", t.row(r, wide))
	}
}

func (t *Table) widths() []int {
	wide := make([]int, len(t.Head))
	for i, h := range t.Head {
		wide[i] = Width(h)
	}
	for _, r := range t.Rows {
		for i, c := range r {
			if i == len(wide) {
				wide = append(wide, 0)
			}
			wide[i] = max(wide[i], Width(c))
		}
	}
	return wide
}

// fit narrows columns until the table fits.
func (t *Table) fit(wide []int, limit int) {
	if limit == 0 {
		return
	}
	total := -gap
	for _, w := range wide {
		total += w + gap
	}
	for _, i := range t.Cut {
		if total <= limit {
			return
		}
		if i < len(wide) && wide[i] > least {
			was := wide[i]
			wide[i] = max(least, was-(total-limit))
			total -= was - wide[i]
		}
	}
}

func (t *Table) row(cells []string, wide []int) string {
	var b strings.Builder
	for i, c := range cells {
		c = Cut(c, wide[i])
		pad := strings.Repeat(" ", wide[i]-Width(c))
		right := false
		for _, r := range t.Right {
			right = right || r == i
		}
		switch {
		case right:
			b.WriteString(pad + c)
		case i < len(cells)-1:
			b.WriteString(c + pad)
		default:
			b.WriteString(c)
		}
		if i < len(cells)-1 {
			b.WriteString(strings.Repeat(" ", gap))
		}
	}
	return strings.TrimRight(b.String(), " ")
}
