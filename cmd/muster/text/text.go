// Package text says in words and tables what a desk answers. Plans are written
// as stories write them. It asks nothing and decides nothing.
package text

import (
	"fmt"
	"strings"
	"time"

	"muster/cmd/muster/term"
	"muster/internal/base/problem"
	"muster/internal/sync/run"
)

// Printer writes answers.
type Printer struct {
	*term.Out
	Zone *time.Location // in which times are shown
	Now  time.Time
}

// time writes an instant to the minute; "" for none.
func (p *Printer) time(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.In(p.zone()).Format("2006-01-02 15:04")
}

func (p *Printer) zone() *time.Location {
	if p.Zone == nil {
		return time.UTC
	}
	return p.Zone
}

// Problems writes problems as people read them, and how many there are.
func (p *Printer) Problems(list problem.List) {
	for i, x := range list {
		if i > 0 {
			p.Line("")
		}
		for k, line := range strings.Split(x.Show(), "\n") {
			line = strings.ReplaceAll(term.Clean(strings.ReplaceAll(line, "\t", "\x00")), `\x00`, "\t")
			if k == 0 {
				line = p.Bad(line)
			}
			p.Line("%s", line)
		}
	}
}

// More says how to see the next page, if there is one: shown items of a list,
// of total, 0 when nobody counted.
func (p *Printer) More(shown, size int, total int64, key string) {
	if shown < size || key == "" || total > 0 && int64(shown) >= total {
		return
	}
	of := term.Number(int64(shown)) + " shown"
	if total > 0 {
		of = term.Number(int64(shown)) + " of " + term.Number(total)
	}
	p.Line("%s", p.Faint(fmt.Sprintf("%s; --after %s shows the next", of, quoted(key))))
}

// Empty says that there is nothing, and what to do next.
func (p *Printer) Empty(nothing, next string) {
	p.Line("%s", nothing)
	if next != "" {
		p.Line("%s", p.Faint("next: "+next))
	}
}

// quoted writes a word so that a shell takes it as one.
func quoted(s string) string {
	if s != "" && strings.IndexFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:,@%+", r))
	}) < 0 {
		return s
	}
	s = term.Clean(s) // such a command cannot be pasted, and harms nobody
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// name is an object as plans write it, and what people call it.
func name(n run.ObjectName) string {
	s := n.String()
	if n.Label != "" {
		s += "  " + n.Label
	}
	return term.Clean(s)
}

// values writes values beside a name.
func values(list []string) string {
	switch len(list) {
	case 0:
		return "none"
	case 1:
		return term.Clean(list[0])
	}
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = term.Clean(s)
	}
	return strings.Join(out, " | ")
}

// Rest says how to see what is not shown of a list.
func (p *Printer) Rest(shown int, total int64, how string) {
	if int64(shown) < total {
		p.Line("%s", p.Faint(term.Number(int64(shown))+" of "+term.Number(total)+" shown; the rest: "+how))
	}
}
