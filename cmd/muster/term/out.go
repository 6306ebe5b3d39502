// Package term writes for people: lines and tables that fit the terminal,
// progress that is redrawn, and questions. What comes from connected systems is
// made harmless first. It knows nothing of what it shows.
package term

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"unicode"

	"github.com/mattn/go-isatty"
	"golang.org/x/text/width"
)

// Out is where results go.
type Out struct {
	w      io.Writer
	width  int // columns; 0: no limit
	colour bool
	err    error // the first that writing gave
}

// NewOut returns an Out that writes to w, for a terminal of so many columns, 0
// if it is none.
func NewOut(w io.Writer, columns int, colour bool) *Out {
	return &Out{w: w, width: columns, colour: colour}
}

// Terminal says how many columns the terminal behind w has; 0 if w is none.
// $COLUMNS wins.
func Terminal(w any) int {
	f, ok := w.(*os.File)
	if !ok || !isatty.IsTerminal(f.Fd()) {
		return 0
	}
	if n, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && n > 0 {
		return n
	}
	if n := columns(f); n > 0 {
		return n
	}
	return 80
}

// Line writes one line.
func (o *Out) Line(format string, args ...any) {
	text := format
	if len(args) > 0 {
		text = fmt.Sprintf(format, args...)
	}
	if _, err := io.WriteString(o.w, strings.TrimRight(text, " ")+"\n"); o.err == nil {
		o.err = err
	}
}

// Err returns the first error of writing.
func (o *Out) Err() error { return o.err }

func (o *Out) paint(code, s string) string {
	if !o.colour || s == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

// Bold stands out.
func (o *Out) Bold(s string) string { return o.paint("1", s) }

// Bad is for what went wrong.
func (o *Out) Bad(s string) string { return o.paint("31", s) }

// Waits is for what waits for people.
func (o *Out) Waits(s string) string { return o.paint("33", s) }

// Good is for what is as it should be.
func (o *Out) Good(s string) string { return o.paint("32", s) }

// Faint is for what matters less.
func (o *Out) Faint(s string) string { return o.paint("2", s) }

// Clean makes text from elsewhere harmless for a terminal: what controls it,
// or turns the direction of writing, is written as an escape.
func Clean(s string) string {
	if strings.IndexFunc(s, hidden) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if hidden(r) {
			b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

func hidden(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029'
}

// Width is how many columns a text takes.
func Width(s string) int {
	n := 0
	for _, r := range s {
		n += runeWidth(r)
	}
	return n
}

func runeWidth(r rune) int {
	if unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf) {
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	default:
		return 1
	}
}

// Cut shortens a text to so many columns, with a mark that it was.
func Cut(s string, columns int) string {
	if Width(s) <= columns {
		return s
	}
	n := 0
	for i, r := range s {
		if n += runeWidth(r); n > columns-1 {
			return s[:i] + "…"
		}
	}
	return s
}

// Number writes a number with its thousands apart.
func Number(n int64) string {
	s := strconv.FormatInt(n, 10)
	start := 0
	if n < 0 {
		start = 1
	}
	for i := len(s) - 3; i > start; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Count writes a number with a noun: "1 object", "2,312 objects".
func Count(n int64, noun string) string {
	switch {
	case n == 1:
		return "1 " + noun
	case strings.HasSuffix(noun, "y") && !strings.HasSuffix(noun, "ay"):
		noun = strings.TrimSuffix(noun, "y") + "ie"
	}
	return Number(n) + " " + noun + "s"
}
