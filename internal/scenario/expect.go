package scenario

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"muster/internal/base/problem"
	"muster/internal/sync/run"
)

// expectations are what stories can demand.
func expectations() map[string]verb {
	return map[string]verb{
		"plan":     {"expect plan and units below, expect plan none, or expect plan NUMBER units", readPlan},
		"hash":     {"expect hash as before, or expect hash another", readHash},
		"rule":     {"expect rule OBJECT TARGET RULE", readRule},
		"unasked":  {`expect unasked "TEXT" …, or none`, readUnasked},
		"waiting":  {"expect waiting and units below, expect waiting none, or expect waiting NUMBER units", readWaiting},
		"sent":     {"expect sent CONNECTOR and calls below, or none", readSent},
		"object":   {"expect object OBJECT [at TIME] and values below, or none", readObject},
		"account":  {"expect account OBJECT in CONNECTOR and values below, or none", readAccount},
		"system":   {`expect system CONNECTOR "NAME" and values below, or none; or expect system CONNECTOR NUMBER objects`, readSystem},
		"origin":   {"expect origin OBJECT ATTRIBUTE ENTRY, or kept ENTRY", readOrigin},
		"explain":  {`expect explain OBJECT ATTRIBUTE "TEXT" …`, readExplain},
		"followed": {"expect followed OBJECT and below TARGET planned by WHO at TIME [approved by WHO at TIME] [confirmed by the import of TIME]", readFollowed},
		"due":      {"expect due OBJECT TIME, or none", readDue},
		"queue":    {"expect queue and below ENTRY RULE several or taken, and candidates; or none", readQueue},
		"holds":    {`expect holds and below OBJECT [TARGET] WHY by "NAME"; or none`, readHolds},
		"held":     {"expect held CONNECTOR TYPE rows NUMBER -> NUMBER, TYPE ATTRIBUTE PERCENT -> PERCENT, or none", readHeld},
		"step":     {"expect step RESULT", readResult},
		"count":    {"expect count COUNTER NUMBER", readCount},
		"message":  {`expect message "TEXT"`, readMessage},
		"error":    {"expect error NAME and words that it says, any in place of the name, or none", readError},
		"run":      {"expect run and below NAME by WHO from TIME to TIME, then STEP RESULT with counters, and STEP error NAME OBJECT", readRecorded},
		"note":     {`expect note "TEXT" …, or none`, readNote},
		"undo":     {"expect undo and below moved, partial or never, and words", readUndone},
	}
}

func readExpect(a *args) action {
	what := a.word("what must be seen")
	known := expectations()
	v, ok := known[what]
	if !ok {
		if a.wrong == nil {
			a.wrong = a.story.problem(a.step.Line, CodeStep, "nothing can be expected of "+what, suggest(what, slices.Sorted(maps.Keys(known))))
		}
		return nil
	}
	a.form = v.form
	return v.read(a)
}

func unmet(message string) *problem.Problem {
	return &problem.Problem{Code: CodeExpected, Message: message}
}

// differs makes a problem of a difference, nil if there is none.
func differs(what string, d *diff) *problem.Problem {
	if !d.bad {
		return nil
	}
	return unmet(what + " (- expected, + seen)\n" + d.String())
}

// readUnitList reads an expectation of units: a list, none, or how many.
func readUnitList(a *args, what string, see func(context.Context, *world) ([]unit, error)) action {
	n := -1
	var want []unit
	switch {
	case a.is("none"):
		a.end(false)
	case a.left():
		n = a.number()
		if !a.is("units") {
			a.must("unit")
		}
		a.end(false)
	default:
		list, wrong := a.story.readUnits(a.body())
		if want = list; wrong != nil && a.wrong == nil {
			a.wrong = wrong
		}
	}
	return func(ctx context.Context, w *world) *problem.Problem {
		seen, err := see(ctx, w)
		if err != nil {
			return stepError(err)
		}
		if n >= 0 && len(seen) == n {
			return nil
		}
		if n >= 0 {
			return unmet(fmt.Sprintf("%s has %d units, not %d:\n%s", what, len(seen), n, matchUnits(nil, seen)))
		}
		return differs(what+" is not as expected", matchUnits(want, seen))
	}
}

func readPlan(a *args) action {
	return readUnitList(a, "the plan", func(ctx context.Context, w *world) ([]unit, error) {
		if w.plan == 0 {
			return nil, stepProblem("there was no synchronization yet", "write sync before it")
		}
		w.unasked = nil
		return pages(func(p run.Page) ([]run.UnitInfo, error) { return w.shown(ctx, p) })
	})
}

// shown reads a page of the last plan. Before one that nobody accepted is shown,
// the systems are asked what they object to.
func (w *world) shown(ctx context.Context, p run.Page) ([]run.UnitInfo, error) {
	if !w.preview {
		return w.desk.Units(ctx, w.plan, p)
	}
	a, err := w.desk.Ask(ctx, w.plan, p)
	if err != nil {
		return nil, err
	}
	w.unasked = append(w.unasked, a.Unasked...)
	return a.Units, nil
}

// readUnasked reads what kept systems from being asked when the last plan was
// shown.
func readUnasked(a *args) action {
	none := a.is("none")
	texts := a.texts()
	a.end(false)
	return func(_ context.Context, w *world) *problem.Problem {
		says := func(line string) bool {
			return !slices.ContainsFunc(texts, func(t string) bool { return !strings.Contains(line, t) })
		}
		if none && len(w.unasked) == 0 || !none && slices.ContainsFunc(w.unasked, says) {
			return nil
		}
		return unmet(fmt.Sprintf("%d things were not asked:\n    %s", len(w.unasked), strings.Join(w.unasked, "\n    ")))
	}
}

// readHash compares the hash of the last plan with that of the plan before.
func readHash(a *args) action {
	same := a.is("as")
	if same {
		a.must("before")
	} else {
		a.must("another")
	}
	a.end(false)
	return func(_ context.Context, w *world) *problem.Problem {
		if w.hashes[0] == "" || (w.hashes[0] == w.hashes[1]) != same {
			return unmet(fmt.Sprintf("the hash of the plan before is %s, and of this one %s", w.hashes[0], w.hashes[1]))
		}
		return nil
	}
}

// readRule reads which rule wants a change of the last plan.
func readRule(a *args) action {
	ref, target, want := a.object(), a.target(), a.word("a rule")
	a.end(false)
	return func(ctx context.Context, w *world) *problem.Problem {
		units, err := w.desk.Units(ctx, w.plan, run.Page{Size: 1000, Match: ref})
		if err != nil {
			return stepError(err)
		}
		for _, u := range units {
			for _, c := range u.Changes {
				if line := tidy(c.Line()); showName(u.Object) == ref && (line == target || strings.HasPrefix(line, target+":") || strings.HasPrefix(line, target+" ")) {
					if c.Rule == want {
						return nil
					}
					return unmet(fmt.Sprintf("%s is wanted by the rule %q", line, c.Rule))
				}
			}
		}
		return unmet("the plan has no change of " + target + " of " + ref)
	}
}

func readWaiting(a *args) action {
	return readUnitList(a, "what waits", func(ctx context.Context, w *world) ([]unit, error) {
		return pages(func(p run.Page) ([]run.UnitInfo, error) { return w.desk.Waiting(ctx, p) })
	})
}

// pages reads all pages of a list of units.
func pages(read func(run.Page) ([]run.UnitInfo, error)) ([]unit, error) {
	const size = 1000
	var all []run.UnitInfo
	for page := (run.Page{Size: size}); ; {
		list, err := read(page)
		if err != nil {
			return nil, err
		}
		if all = append(all, list...); len(list) < size {
			return showUnits(all), nil
		}
		page.After = list[len(list)-1].Key
	}
}

// readLines reads the lines below an expectation, or none.
func readLines(a *args) []wanted {
	if a.is("none") {
		a.end(false)
		return nil
	}
	return readWanted(a, a.body())
}

func readWanted(a *args, lines []Line) []wanted {
	var out []wanted
	for _, l := range lines {
		words, err := splitWords(l.Text)
		if err != nil {
			a.fail(l.No, err.Error())
		}
		out = append(out, wanted{text: join(words), line: l.No})
	}
	return out
}

func readResult(a *args) action {
	want := a.word("a result")
	a.end(false)
	return func(_ context.Context, w *world) *problem.Problem {
		if w.last == nil {
			return stepProblem("there was no step yet", "write a step before it")
		}
		if w.errAt = 0; string(w.last.Result) == want {
			return nil
		}
		return unmet(fmt.Sprintf("the step ended in %s, not %s: %s %s", w.last.Result, want, w.last.Message, w.lastWords()))
	}
}

func readCount(a *args) action {
	name, n := a.word("a counter"), a.number()
	a.end(false)
	return func(_ context.Context, w *world) *problem.Problem {
		if w.last == nil {
			return stepProblem("there was no step yet", "write a step before it")
		}
		if got := w.last.Counters[name]; got != int64(n) {
			return unmet(fmt.Sprintf("%s counts %d, not %d: %v", name, got, n, w.last.Counters))
		}
		return nil
	}
}

func readMessage(a *args) action {
	text := a.word("a text")
	a.end(false)
	return func(_ context.Context, w *world) *problem.Problem {
		if w.last == nil {
			return stepProblem("there was no step yet", "write a step before it")
		}
		if seen := w.last.Message + " " + strings.Join(w.last.Guards, "; "); !strings.Contains(seen, text) {
			return unmet("the step says " + strconv.Quote(seen))
		}
		return nil
	}
}

// readNote reads what check notes about the rules in force.
func readNote(a *args) action {
	none := a.is("none")
	texts := a.texts()
	a.end(false)
	return func(_ context.Context, w *world) *problem.Problem {
		var seen []string
		for _, p := range w.cfg.Rules.Notes {
			seen = append(seen, w.story.place(p, configFolder).Error())
		}
		missing := func(line string) bool {
			return slices.ContainsFunc(texts, func(t string) bool { return !strings.Contains(line, t) })
		}
		if none && len(seen) == 0 || !none && slices.ContainsFunc(seen, func(line string) bool { return !missing(line) }) {
			return nil
		}
		return unmet(fmt.Sprintf("check notes %d things:\n    %s", len(seen), strings.Join(seen, "\n    ")))
	}
}

// readError reads an error of the last step: its name, and words that it says.
func readError(a *args) action {
	name, words := a.word("the error's name"), a.texts()
	a.end(false)
	says := func(code problem.Code, text string) bool {
		return (name == "any" || string(code) == name) && !slices.ContainsFunc(words, func(s string) bool { return !strings.Contains(text, s) })
	}
	return func(_ context.Context, w *world) *problem.Problem {
		if w.last == nil {
			return stepProblem("there was no step yet", "write a step before it")
		}
		var seen []string
		for _, e := range w.last.Errors {
			text := strings.Join([]string{string(e.Code), e.Connector, e.Object, e.Rule, e.Message}, " ")
			if says(e.Code, text) {
				w.errAt = 0
				return nil
			}
			seen = append(seen, text)
		}
		if w.err != nil {
			if says(problem.CodeOf(w.err), w.err.Error()) {
				w.errAt = 0
				return nil
			}
			seen = append(seen, w.err.Error())
		}
		if name == "none" && len(seen) == 0 {
			return nil
		}
		return unmet(fmt.Sprintf("the step did not report it; it reported %d:\n    %s", len(seen), strings.Join(seen, "\n    ")))
	}
}
