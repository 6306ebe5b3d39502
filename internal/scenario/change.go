package scenario

import (
	"context"
	"fmt"
	"strings"

	"muster/internal/base/object"
	"muster/internal/base/problem"
	"muster/internal/sync/connector"
	"muster/internal/sync/connector/memory"
)

// systemOf finds the system of a connector.
func (w *world) systemOf(conn string) (*system, *problem.Problem) {
	if s := w.systems[conn]; s != nil {
		return s, nil
	}
	_, wrong := w.cfg.Connector(conn)
	return nil, stepProblem(wrong.Message, wrong.Fix)
}

func readChange(a *args) action {
	name, lines, line := a.word("a connector"), a.body(), a.step.Line
	a.end(true)
	return func(_ context.Context, w *world) *problem.Problem { return w.rows(name, lines, line, 1) }
}

func readRows(a *args) action {
	name, n, lines, line := a.word("a connector"), a.number(), a.body(), a.step.Line
	a.end(true)
	return func(_ context.Context, w *world) *problem.Problem { return w.rows(name, lines, line, n) }
}

func (w *world) rows(name string, lines []Line, line, n int) *problem.Problem {
	conn, typ, _ := strings.Cut(name, ".")
	s, p := w.systemOf(conn)
	if p != nil {
		return p
	}
	if p := w.change(s, typ, lines, n); p != nil {
		return w.placed(p, line)
	}
	return nil
}

func readRemove(a *args) action {
	conn, names := a.word("a connector"), a.texts()
	if len(names) == 0 {
		a.fail(a.step.Line, "an anchor is missing")
	}
	return func(_ context.Context, w *world) *problem.Problem {
		s, p := w.systemOf(conn)
		if p != nil {
			return p
		}
		for _, name := range names {
			r, ok := s.find(name)
			if !ok {
				return stepProblem(fmt.Sprintf("%s has no object %q", conn, name), "name it by anchor or DN")
			}
			s.Delete(r.Anchor)
		}
		return nil
	}
}

// readBehave reads how a system acts from now on.
func readBehave(a *args) action {
	conn := a.word("a connector")
	set := readManner(a)
	a.end(false)
	return func(_ context.Context, w *world) *problem.Problem {
		s, p := w.systemOf(conn)
		if p == nil {
			set(s)
		}
		return p
	}
}

// manners are the ways in which a system can act, as the form says them.
const manners = `behave CONNECTOR lowercases ATTRIBUTE; keeps ATTRIBUTE as KIND; refuses ATTRIBUTE "VALUE" [with ERROR]; denies add, update, rename, delete or ATTRIBUTE; loses the answer; loses the call; ` +
	`is busy NUMBER; is without "ROOT"; makes "ROOT" anew; has a fault at ATTRIBUTE "VALUE"; is away [with ERROR]; is back; breaks off after NUMBER [with ERROR]; cannot be asked; cannot read ANCHOR with ERROR; tells ANCHOR twice; hides ANCHOR; forgets its changes; gives no watermark; as usual`

func readManner(a *args) func(*system) {
	a.form = manners
	switch how := a.word("what it does"); how {
	case "lowercases":
		attr := a.word("an attribute")
		return func(s *system) { s.lowers[attr] = true }
	case "refuses":
		r := refusal{attr: a.word("an attribute"), value: a.word("a value"), code: connector.ConstraintViolation}
		if a.is("with") {
			r.code = problem.Code(a.word("an error"))
		}
		return func(s *system) { s.refuses = append(s.refuses, r) }
	case "denies":
		what := a.word("a verb, or an attribute")
		return func(s *system) { s.deny(what) }
	case "keeps":
		attr := a.word("an attribute")
		a.must("as")
		kind, ok := object.ParseKind(a.word("a kind of value"))
		if !ok {
			a.fail(a.step.Line, "there is no such kind of value")
		}
		return func(s *system) { s.kinds[attr] = kind }
	case "loses":
		a.must("the")
		effect := memory.Whole
		if !a.is("answer") {
			a.must("call")
			effect = memory.Nothing
		}
		return func(s *system) { s.lost, s.answer = true, effect }
	case "is":
		return readState(a)
	case "breaks":
		a.must("off")
		a.must("after")
		n, code := a.number(), connector.DroppedConnection
		if a.is("with") {
			code = problem.Code(a.word("an error"))
		}
		return func(s *system) { s.breaks, s.cut, s.cutCode = n, n, code }
	case "cannot":
		return readCannot(a)
	case "tells":
		anchor := a.word("an anchor")
		a.must("twice")
		return func(s *system) { s.twice[anchor] = true }
	case "hides":
		anchor := a.word("an anchor")
		return func(s *system) { s.hidden[anchor] = true }
	case "forgets":
		a.must("its")
		a.must("changes")
		return func(s *system) { s.forget = true }
	case "gives":
		a.must("no")
		a.must("watermark")
		return func(s *system) { s.unmarked = true }
	case "has":
		for _, word := range []string{"a", "fault", "at"} {
			a.must(word)
		}
		r := refusal{attr: a.word("an attribute"), value: a.word("a value")}
		return func(s *system) { s.faults = append(s.faults, r) }
	case "makes":
		root := a.word("a root")
		a.must("anew")
		return func(s *system) { s.Renew(root) }
	case "as":
		a.must("usual")
		return func(s *system) { s.calm() }
	default:
		a.fail(a.step.Line, fmt.Sprintf("no system %q", how))
		return nil
	}
}

func readState(a *args) func(*system) {
	switch {
	case a.is("away"):
		code := connector.FailedConnection
		if a.is("with") {
			code = problem.Code(a.word("an error"))
		}
		return func(s *system) { s.away = code }
	case a.is("back"):
		return func(s *system) { s.away = "" }
	case a.is("busy"):
		n := a.number()
		return func(s *system) { s.busy = n }
	}
	if a.is("without") {
		root := a.word("a root")
		return func(s *system) { s.Lose(root) }
	}
	a.fail(a.step.Line, "it is neither away, back, busy nor without something")
	return nil
}

func readCannot(a *args) func(*system) {
	if a.is("be") {
		a.must("asked")
		return func(s *system) { s.unasked = true }
	}
	a.must("read")
	anchor := a.word("an anchor")
	a.must("with")
	code := problem.Code(a.word("an error"))
	return func(s *system) { s.silent[anchor] = code }
}
