package config

import (
	"sort"
	"strings"
	"unicode/utf8"
)

// mark begins a run of characters that stand side by side both in a text and
// in the file it comes from.
type mark struct{ offset, line, col int }

// locate returns the line and column of the character at an offset of text.
func locate(marks []mark, text string, offset int) (line, col int) {
	i := sort.Search(len(marks), func(i int) bool { return marks[i].offset > offset }) - 1
	if i < 0 {
		return 0, 0
	}
	m := marks[i]
	run := text[m.offset:offset]
	if end := strings.IndexByte(run, '\n'); end >= 0 { // the white space between two lines
		run = run[:end]
	}
	return m.line, m.col + utf8.RuneCountInString(run)
}

// align finds where in the file the characters of a scalar stand, following
// the text that the YAML reader made of it. If the two cannot be brought
// together, there are no marks: the place of the value must do.
func (f *file) align(n *node) []mark {
	if n.style == block {
		return f.alignBlock(n)
	}
	a := &aligner{file: f, text: n.text, style: n.style}
	a.setLine(n.line)
	a.take(len(a.rest) - len(skip(a.rest, n.col-1)))
	if n.style != plain {
		if !strings.HasPrefix(a.rest, map[style]string{single: "'", double: `"`}[n.style]) {
			return nil // the reader lost count
		}
		a.take(1)
	}
	a.mark()
	for a.done < len(a.text) && a.step() {
	}
	if strings.TrimSpace(a.text[a.done:]) != "" {
		return nil
	}
	return a.marks
}

// aligner walks a flow scalar in the file and its text side by side.
type aligner struct {
	*file
	style     style
	text      string
	done      int    // bytes of text that are placed
	rest      string // what is left of the line
	line, col int    // where rest begins
	marks     []mark
}

func (a *aligner) setLine(line int) bool {
	if line > len(a.lines) {
		return false
	}
	a.line, a.col, a.rest = line, 1, a.lines[line-1]
	return true
}

// take drops a number of bytes of the line.
func (a *aligner) take(size int) {
	size = min(size, len(a.rest))
	a.col += utf8.RuneCountInString(a.rest[:size])
	a.rest = a.rest[size:]
}

// mark says that a new run begins here.
func (a *aligner) mark() {
	if k := len(a.marks) - 1; k >= 0 && a.marks[k].offset == a.done {
		a.marks = a.marks[:k]
	}
	a.marks = append(a.marks, mark{a.done, a.line, a.col})
}

// blanks counts the spaces and tabs that the rest of the line begins with.
func (a *aligner) blanks() int { return len(a.rest) - len(strings.TrimLeft(a.rest, " \t")) }

// step places a character, a run of spaces, or the break between two lines.
func (a *aligner) step() bool {
	size := a.blanks()
	switch {
	case size == len(a.rest):
		return a.fold()
	case size > 0:
	case a.style == double && a.rest[0] == '\\':
		return a.escape()
	case a.style == single && strings.HasPrefix(a.rest, "''"):
		a.take(2)
		a.done++
		a.mark()
		return true
	default:
		_, size = utf8.DecodeRuneInString(a.rest)
	}
	if !strings.HasPrefix(a.text[a.done:], a.rest[:size]) {
		return false
	}
	a.take(size)
	a.done += size
	return true
}

// fold goes on to the next line that is not empty. One break became a space,
// more became one line end less.
func (a *aligner) fold() bool {
	breaks := 0
	for a.blanks() == len(a.rest) {
		if !a.setLine(a.line + 1) {
			return false
		}
		breaks++
	}
	want := " "
	if breaks > 1 {
		want = strings.Repeat("\n", breaks-1)
	}
	if !strings.HasPrefix(a.text[a.done:], want) {
		return false
	}
	a.done += len(want)
	a.take(a.blanks())
	a.mark()
	return true
}

// escape places what a backslash in double quotes stands for.
func (a *aligner) escape() bool {
	if a.rest == `\` { // the line goes on in the next
		if !a.setLine(a.line + 1) {
			return false
		}
		a.take(a.blanks())
		a.mark()
		return true
	}
	long := map[byte]int{'x': 4, 'u': 6, 'U': 10}[a.rest[1]]
	if long == 0 {
		long = 2
	}
	if long > len(a.rest) {
		return false
	}
	_, size := utf8.DecodeRuneInString(a.text[a.done:])
	a.take(long)
	a.done += size
	a.mark()
	return true
}

// alignBlock places the lines of a literal or folded text.
func (f *file) alignBlock(n *node) []mark {
	var marks []mark
	done, indent := 0, -1
	for line := n.line + 1; line <= len(f.lines) && done < len(n.text); line++ {
		s := f.lines[line-1]
		if strings.Trim(s, " ") == "" {
			continue
		}
		if indent < 0 {
			indent = leading(s) - leading(strings.TrimLeft(n.text, "\n"))
		}
		if indent < 0 || leading(s) < indent {
			break
		}
		content := s[indent:]
		at := done
		for !strings.HasPrefix(n.text[at:], content) {
			if at == len(n.text) || n.text[at] != '\n' && n.text[at] != ' ' {
				return nil
			}
			at++
		}
		marks = append(marks, mark{at, line, indent + 1})
		done = at + len(content)
	}
	if strings.TrimSpace(n.text[done:]) != "" {
		return nil
	}
	return marks
}

// leading counts the spaces that a line begins with.
func leading(s string) int { return len(s) - len(strings.TrimLeft(s, " ")) }

// skip drops a number of characters.
func skip(s string, n int) string {
	for ; n > 0 && s != ""; n-- {
		_, size := utf8.DecodeRuneInString(s)
		s = s[size:]
	}
	return s
}

// rebase returns the marks of what is left of text without its first bytes.
func rebase(marks []mark, text string, cut int) []mark {
	if cut == 0 || len(marks) == 0 {
		return marks
	}
	line, col := locate(marks, text, cut)
	out := []mark{{0, line, col}}
	for _, m := range marks {
		if m.offset > cut {
			out = append(out, mark{m.offset - cut, m.line, m.col})
		}
	}
	return out
}
