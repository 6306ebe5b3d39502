package scenario

import (
	"fmt"
	"slices"
	"strings"
)

// diff is what an expectation and the world disagree about, as lines to read:
// "-" is expected and was not seen, "+" was seen and is not expected.
type diff struct {
	lines []string
	bad   bool
}

func (d *diff) same(format string, args ...any) {
	d.lines = append(d.lines, "    "+fmt.Sprintf(format, args...))
}

func (d *diff) missing(line int, format string, args ...any) {
	d.lines, d.bad = append(d.lines, "  - "+fmt.Sprintf(format, args...)+fmt.Sprintf("    (line %d)", line)), true
}

func (d *diff) extra(format string, args ...any) {
	d.lines, d.bad = append(d.lines, "  + "+fmt.Sprintf(format, args...)), true
}

// String shows the lines near what differs, up to a hundred.
func (d *diff) String() string {
	keep := make([]bool, len(d.lines))
	for i, l := range d.lines {
		if l[2] != ' ' {
			for k := max(0, i-2); k <= min(len(d.lines)-1, i+2); k++ {
				keep[k] = true
			}
		}
	}
	var out []string
	for i, l := range d.lines {
		if keep[i] || !strings.HasPrefix(l, "      ") { // names of units always
			out = append(out, l)
		}
	}
	if len(out) > 100 {
		out = append(out[:100], fmt.Sprintf("    … and %d lines more", len(out)-100))
	}
	return strings.Join(out, "\n")
}

// matchUnits compares units, in any order, and their lines, in any order.
func matchUnits(want, seen []unit) *diff {
	d := &diff{}
	for _, w := range want {
		i := slices.IndexFunc(seen, func(s unit) bool { return s.name == w.name })
		if i < 0 {
			d.missing(w.line, "%s", w.name)
			for _, c := range w.lines {
				d.missing(c.line, "  %s", c)
			}
			continue
		}
		d.same("%s", w.name)
		matchLines(d, w, seen[i])
		seen = slices.Delete(slices.Clone(seen), i, i+1)
	}
	for _, s := range seen {
		d.extra("%s", s.name)
		for _, c := range s.lines {
			d.extra("  %s", c)
		}
	}
	return d
}

func matchLines(d *diff, want, seen unit) {
	left := slices.Clone(seen.lines)
	for _, w := range want.lines {
		i := slices.IndexFunc(left, func(c change) bool { return c.text == w.text && c.why == w.why })
		if i < 0 {
			d.missing(w.line, "  %s", w)
			continue
		}
		d.same("  %s", w)
		left = slices.Delete(left, i, i+1)
	}
	if !want.more {
		for _, c := range left {
			d.extra("  %s", c)
		}
	}
}

func (c change) String() string {
	if c.why == "" {
		return c.text
	}
	return c.text + "   [" + c.why + "]"
}

// wanted is one line of an expectation that is a list.
type wanted struct {
	text string
	line int
}

// matchList compares lists whose order counts.
func matchList(want []wanted, seen []string) *diff {
	d := &diff{}
	k := 0
	for _, w := range want {
		at := slices.Index(seen[k:], w.text)
		if at < 0 {
			d.missing(w.line, "%s", w.text)
			continue
		}
		for _, s := range seen[k : k+at] {
			d.extra("%s", s)
		}
		d.same("%s", w.text)
		k += at + 1
	}
	for _, s := range seen[k:] {
		d.extra("%s", s)
	}
	return d
}

// matchValues compares named values: those wanted must be there, others may be.
func matchValues(want []wanted, seen map[string]string) *diff {
	d := &diff{}
	for _, w := range want {
		name, value, _ := strings.Cut(w.text, ": ")
		got, ok := seen[name]
		if !ok {
			got = "none"
		}
		if loose(got) == loose(value) {
			d.same("%s", w.text)
			continue
		}
		d.missing(w.line, "%s", w.text)
		d.extra("%s: %s", name, got)
	}
	return d
}

// loose leaves quotation marks out: where values come without their kinds, it
// cannot be told how they would be written.
func loose(text string) string {
	return strings.ReplaceAll(tidy(strings.ReplaceAll(text, ",", " , ")), `"`, "")
}
