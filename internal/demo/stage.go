package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// errQuit ends the demo because the person asked for it.
var errQuit = errors.New("the demo was ended")

// stage is where scenes are told: text for people, fitted to their terminal.
type stage struct {
	out    io.Writer
	width  int
	colour bool
	wait   func(context.Context) (quit bool, err error) // nil does not wait
	failed []string
	scene  string
}

const (
	bold  = "\x1b[1m"
	faint = "\x1b[2m"
	green = "\x1b[32m"
	red   = "\x1b[31m"
	cyan  = "\x1b[36m"
)

func (s *stage) paint(code, text string) string {
	if !s.colour {
		return text
	}
	return code + text + "\x1b[0m"
}

func (s *stage) line(text string) { fmt.Fprintln(s.out, text) } //nolint:errcheck // a screen that is gone needs no telling

// title begins a scene.
func (s *stage) title(n, of int, text string) {
	s.scene = text
	head := text
	if n > 0 {
		head = fmt.Sprintf("%d/%d  %s", n, of, text)
	}
	s.line("")
	for _, l := range wrap(head, s.width) {
		s.line(s.paint(bold, l))
	}
	s.line(s.paint(faint, strings.Repeat("─", min(s.width, 78))))
}

// say tells something in prose.
func (s *stage) say(format string, args ...any) {
	for _, l := range wrap(fmt.Sprintf(format, args...), min(s.width, 78)) {
		s.line(l)
	}
}

// command shows what an administrator would type, one command a line.
func (s *stage) command(texts ...string) {
	s.line("")
	for _, text := range texts {
		lines := fill(words(text), min(s.width, 78)-8)
		for i, l := range lines {
			lead := "  $ "
			if i > 0 {
				lead = "      "
			}
			if i < len(lines)-1 {
				l += ` \`
			}
			s.line(lead + s.paint(cyan, l))
		}
	}
}

// shows prints an answer of Muster, indented.
func (s *stage) shows(format string, args ...any) {
	lines := wrap(fmt.Sprintf(format, args...), min(s.width, 78)-4)
	for i, l := range lines {
		if i > 0 {
			l = "  " + l
		}
		s.line("    " + l)
	}
}

// table prints rows in columns. A last column that does not fit goes below its
// row.
func (s *stage) table(rows [][]string) {
	widths := map[int]int{}
	for _, r := range rows {
		for i, c := range r[:len(r)-1] {
			widths[i] = max(widths[i], utf8.RuneCountInString(c))
		}
	}
	room := min(s.width, 80) - 4
	for _, r := range rows {
		var b strings.Builder
		for i, c := range r[:len(r)-1] {
			b.WriteString(c + strings.Repeat(" ", widths[i]-utf8.RuneCountInString(c)+2))
		}
		last := r[len(r)-1]
		if b.Len() > 0 && utf8.RuneCountInString(b.String()+last) > room {
			s.row(strings.TrimRight(b.String(), " "), 2)
			s.row("  "+last, 2)
			continue
		}
		s.row(b.String()+last, 2)
	}
}

// row prints a line of an answer, with blanks as they stand; what does not fit
// goes on in the next line, indented further.
func (s *stage) row(text string, indent int) {
	room := min(s.width, 80) - 4
	lead := len(text) - len(strings.TrimLeft(text, " "))
	part, rest := cut(text, room)
	s.line("    " + part)
	for rest != "" {
		part, rest = cut(rest, room-lead-indent)
		s.line("    " + strings.Repeat(" ", lead+indent) + part)
	}
}

// cut takes as many whole words from the text as fit, one at least.
func cut(text string, width int) (part, rest string) {
	if utf8.RuneCountInString(text) <= width {
		return text, ""
	}
	last, n := -1, 0
	for i, r := range text {
		if n++; n > width+1 && last >= 0 {
			break
		}
		if r == ' ' && strings.TrimSpace(text[:i]) != "" {
			last = i
		}
	}
	if last < 0 {
		return text, ""
	}
	return strings.TrimRight(text[:last], " "), strings.TrimLeft(text[last:], " ")
}

// proof says what was looked up to be so; the demo fails if it is not.
func (s *stage) proof(ok bool, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	mark, code := "✓", green
	if !ok {
		mark, code = "✗ NOT SO:", red
		s.failed = append(s.failed, s.scene+": "+text)
	}
	for i, l := range wrap(mark+" "+text, min(s.width, 78)-4) {
		if i > 0 {
			l = "  " + l
		}
		s.line("  " + s.paint(code, l))
	}
}

// expect is a proof that is only heard of when it fails.
func (s *stage) expect(ok bool, format string, args ...any) {
	if !ok {
		s.proof(false, format, args...)
	}
}

// pause waits for the person, where there is one.
func (s *stage) pause(ctx context.Context) error {
	if err := ctx.Err(); err != nil || s.wait == nil {
		return err
	}
	fmt.Fprint(s.out, "\n"+s.paint(faint, "  [space] goes on, [q] ends the demo ")) //nolint:errcheck // as in line
	quit, err := s.wait(ctx)
	fmt.Fprint(s.out, "\r"+strings.Repeat(" ", min(s.width, 60)-1)+"\r") //nolint:errcheck // as in line
	if err == nil && quit {
		err = errQuit
	}
	return err
}

// wrap breaks text into lines of at most width characters; words that are
// longer stand alone.
func wrap(text string, width int) []string {
	var out []string
	for part := range strings.SplitSeq(text, "\n") {
		out = append(out, fill(strings.Fields(part), width)...)
	}
	return out
}

// fill puts words into lines of at most width characters.
func fill(words []string, width int) []string {
	var out []string
	line := ""
	for _, w := range words {
		if line != "" && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(w) > width {
			out = append(out, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += w
	}
	return append(out, line)
}

// words cuts a command at its blanks, but not within quotes.
func words(command string) []string {
	var out []string
	quoted, from := false, 0
	for i, r := range command {
		switch {
		case r == '"':
			quoted = !quoted
		case r == ' ' && !quoted:
			out = append(out, command[from:i])
			from = i + 1
		}
	}
	return append(out, command[from:])
}
