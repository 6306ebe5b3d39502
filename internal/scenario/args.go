package scenario

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"muster/internal/base/problem"
	"muster/internal/sync/run"
)

// args reads the words of one step, from left to right. The first thing that is
// wrong is kept; what is asked for after it is empty.
type args struct {
	story *Story
	step  *Step
	form  string // how the step is written, for the one who wrote it otherwise
	at    int
	wrong *problem.Problem
}

func (a *args) fail(line int, message string) {
	if a.wrong == nil {
		a.wrong = a.story.problem(line, CodeStep, message, "write it as: "+a.form)
	}
}

// left reports that there are further words.
func (a *args) left() bool { return a.at < len(a.step.Words) }

// word takes the next word; what says what it should be.
func (a *args) word(what string) string {
	if !a.left() {
		a.fail(a.step.Line, what+" is missing")
		return ""
	}
	a.at++
	return a.step.Words[a.at-1].Text
}

// is takes the next word if it is this one.
func (a *args) is(word string) bool {
	if a.left() && !a.step.Words[a.at].Quoted && a.step.Words[a.at].Text == word {
		a.at++
		return true
	}
	return false
}

// must takes this word.
func (a *args) must(word string) {
	if !a.is(word) {
		a.fail(a.step.Line, fmt.Sprintf("%q is missing", word))
	}
}

// next reports that the next word is this one, without taking it.
func (a *args) next(word string) bool {
	return a.left() && !a.step.Words[a.at].Quoted && a.step.Words[a.at].Text == word
}

// object takes an object: its type and the entry that founded it.
func (a *args) object() string {
	typ, founder := a.word("an object"), a.word("the entry that founded the object")
	if a.wrong == nil && !strings.Contains(founder, "/") {
		a.fail(a.step.Line, fmt.Sprintf("%q is no entry", founder))
	}
	return typ + " " + founder
}

// rest takes all further words, as they are written.
func (a *args) rest() string {
	text := join(a.step.Words[a.at:])
	a.at = len(a.step.Words)
	return text
}

// texts takes all further words.
func (a *args) texts() []string {
	var out []string
	for a.left() {
		out = append(out, a.word(""))
	}
	return out
}

func (a *args) time() time.Time {
	text := a.word("a time")
	t, err := time.Parse(time.RFC3339, text)
	if err != nil && a.wrong == nil {
		a.fail(a.step.Line, fmt.Sprintf("%q is no time", text))
	}
	return t
}

func (a *args) number() int {
	text := a.word("a number")
	n, err := strconv.Atoi(text)
	if err != nil && a.wrong == nil {
		a.fail(a.step.Line, fmt.Sprintf("%q is no number", text))
	}
	return n
}

// decision takes who decides, and why.
func (a *args) decision() run.Decision {
	a.must("by")
	d := run.Decision{By: a.word("the name of who decides")}
	if a.is("because") {
		d.Because = a.word("the reason")
	}
	return d
}

// selection takes what a decision is about: everything, or an object and
// perhaps one target of it; and perhaps a cause.
func (a *args) selection() run.Selection {
	var s run.Selection
	if !a.is("everything") {
		s.Object = a.object()
		if a.left() && !a.next("by") && !a.next("until") && !a.next("for") {
			s.Target = a.target()
		}
	}
	if a.is("for") {
		s.Cause = a.word("a cause")
	}
	return s
}

// target takes a target as plans write it; a reference has its object.
func (a *args) target() string {
	t := a.word("a target")
	if strings.HasSuffix(t, ":") && a.left() {
		t += " " + a.word("+ or -") + " " + a.object()
	}
	return t
}

// body takes the lines below the step.
func (a *args) body() []Line {
	if len(a.step.Body) == 0 {
		a.fail(a.step.Line, "there are no lines below")
	}
	return a.step.Body
}

// end insists that nothing is left.
func (a *args) end(body bool) {
	if a.left() {
		a.fail(a.step.Line, fmt.Sprintf("%q has no meaning here", a.step.Words[a.at].Text))
	}
	if !body && len(a.step.Body) > 0 {
		a.fail(a.step.Body[0].No, "this step has no lines below it")
	}
}
