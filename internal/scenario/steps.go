package scenario

import (
	"context"
	"maps"
	"slices"

	"muster/internal/base/problem"
)

// action does what a step says.
type action func(ctx context.Context, w *world) *problem.Problem

// verb is a sort of step: how it is written, and how its words are read.
type verb struct {
	form string
	read func(a *args) action
}

// verbs are the steps of stories.
func verbs() map[string]verb {
	return map[string]verb{
		"at":         {"at 2027-03-01T08:00:00Z", readAt},
		"clock":      {"clock slips to 2027-03-01T08:00:00Z", readClock},
		"settle":     {"settle", readSettle},
		"import":     {"import CONNECTOR, or import CONNECTOR delta", readImport},
		"sync":       {"sync, sync full, or sync PROFILE", readSync},
		"preview":    {"preview, preview full, preview full in batches of NUMBER by NUMBER workers, or preview config/FILE from edited/FILE", readPreview},
		"export":     {"export CONNECTOR", readExport},
		"run":        {"run PROFILE", readRun},
		"change":     {"change CONNECTOR, or change CONNECTOR.TYPE, and rows under a header line below", readChange},
		"rows":       {"rows CONNECTOR.TYPE NUMBER, and a header line and a row with {n} below", readRows},
		"remove":     {"remove CONNECTOR ANCHOR …", readRemove},
		"behave":     {"behave CONNECTOR and what it does from now on", readBehave},
		"use":        {"use config/FILE from edited/FILE", readUse},
		"edit":       {`edit OBJECT by "NAME", edit new TYPE NAME by "NAME" or edit remove OBJECT by "NAME", and ATTRIBUTE: "VALUE" lines below`, readEdit},
		"begin":      {"begin sync, begin sync full, or begin export CONNECTOR", readBegin},
		"finish":     {"finish", readFinish},
		"interrupt":  {"interrupt sync after NUMBER accepted, interrupt export CONNECTOR before call NUMBER, or after call NUMBER, or interrupt import CONNECTOR after NUMBER objects", readInterrupt},
		"approve":    {`approve OBJECT [TARGET] by "NAME"`, readApprove},
		"reject":     {`reject OBJECT [TARGET] by "NAME" because "WHY"`, readReject},
		"lift":       {`lift OBJECT [TARGET] by "NAME"`, readLift},
		"protect":    {`protect OBJECT [TARGET] by "NAME"`, readProtect},
		"shelve":     {`shelve OBJECT [TARGET] until TIME by "NAME"`, readShelve},
		"narrow":     {`narrow to OBJECT [TARGET] by "NAME"`, readNarrow},
		"undo":       {`undo by "NAME", or undo TIME by "NAME"`, readUndo},
		"join":       {`join CONNECTOR/ANCHOR to OBJECT by "NAME", or to new`, readJoin},
		"disconnect": {`disconnect CONNECTOR/ANCHOR by "NAME"`, readDisconnect},
		"release":    {`release CONNECTOR by "NAME"`, readRelease},
		"discard":    {`discard CONNECTOR by "NAME"`, readDiscard},
		"expect":     {"expect and what must be seen", readExpect},
	}
}

// readSteps gives every step its action and reports those that cannot be read.
func (p *parser) readSteps() {
	known := verbs()
	clock := false
	for i := range p.story.Steps {
		s := &p.story.Steps[i]
		first := s.Words[0].Text
		v, ok := known[first]
		if !ok {
			p.wrong(s.Line, CodeStep, "there is no step "+first, suggest(first, slices.Sorted(maps.Keys(known))))
			continue
		}
		clock = clock || first == "at" || first == "change" || first == "rows" || first == "behave"
		if !clock {
			p.wrong(s.Line, CodeStep, "the clock is not set yet", "begin with: at 2027-03-01T08:00:00Z")
			clock = true
		}
		a := &args{story: p.story, step: s, form: v.form, at: 1}
		do := v.read(a)
		if a.wrong != nil {
			p.list.Add(a.wrong)
			continue
		}
		s.do = do
	}
}

// maxFound is how many problems of one story are told.
const maxFound = 20

// play carries out the steps. An expectation that is not met is reported and
// the story goes on; a step that fails ends it.
func (w *world) play(ctx context.Context) problem.List {
	for i := range w.story.Steps {
		s := &w.story.Steps[i]
		expecting := s.Words[0].Text == "expect"
		if !expecting && !w.endedWell() {
			return w.found
		}
		w.at = s.Line
		p := s.do(ctx, w)
		if p == nil {
			continue
		}
		if p.Where.File == "" {
			p.Where.File = w.story.Path
		}
		if p.Where.Line == 0 {
			p.Where.Line = s.Line
		}
		if w.found.Add(p); !expecting || len(w.found) >= maxFound {
			return w.found
		}
	}
	w.endedWell()
	return w.found
}

// endedWell reports a step that did not end well and of which nobody expected
// that.
func (w *world) endedWell() bool {
	if w.errAt == 0 {
		return true
	}
	message := "the step ended in " + string(w.last.Result)
	for i, e := range w.last.Errors {
		if i == 3 {
			break
		}
		message += "\n    " + string(e.Code) + " " + e.Connector + " " + e.Object + ": " + e.Message
	}
	for _, s := range w.last.Suspicion {
		message += "\n    the health gate holds it: " + s.String()
	}
	if w.err != nil {
		message += ": " + w.err.Error()
	}
	w.found.Add(w.story.problem(w.errAt, CodeEnded, message, "if that is meant, write below it: expect step "+string(w.last.Result)))
	w.errAt = 0
	return false
}
