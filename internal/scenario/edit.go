package scenario

import (
	"context"
	"fmt"
	"strings"

	"muster/internal/base/problem"
	"muster/internal/sync/run"
)

// readEdit reads what a person edits in the portal. Below stand the attributes
// as plans write them: all its values, none, or one that comes or goes.
func readEdit(a *args) action {
	line := a.step.Line
	e := run.Edit{Do: run.EditChange}
	e.Preview = a.is("preview")
	switch {
	case a.is("new"):
		e.Do = run.EditNew
		e.Type, e.Name = a.word("a type"), a.word("a name")
	case a.is("remove"):
		e.Do = run.EditRemove
		e.Object = a.object()
	default:
		e.Object = a.object()
	}
	d := a.decision()
	a.end(e.Do != run.EditRemove)
	for _, l := range a.step.Body {
		v, ok := editValue(l.Text)
		if !ok {
			a.fail(l.No, fmt.Sprintf("%q says nothing of an attribute", l.Text))
		}
		e.Values = append(e.Values, v)
	}
	return func(ctx context.Context, w *world) *problem.Problem {
		rep, err := w.desk.Edit(ctx, e, d)
		if err != nil {
			return w.decided(line, err)
		}
		w.did(line, rep, nil)
		w.plan, w.preview = rep.Plan, e.Preview
		return nil
	}
}

// editValue reads «phones: "1", "2"», «mobile: none», «members: + person hr/1002».
func editValue(text string) (v run.EditValue, ok bool) {
	words, err := splitWords(text)
	if err != nil || len(words) < 2 || words[0].Quoted || !strings.HasSuffix(words[0].Text, ":") {
		return v, false
	}
	v = run.EditValue{Name: strings.TrimSuffix(words[0].Text, ":"), Op: run.SetValues}
	words = words[1:]
	switch words[0] {
	case Word{Text: "none"}:
		return v, len(words) == 1
	case Word{Text: "+"}:
		v.Op, words = run.AddValue, words[1:]
	case Word{Text: "-"}:
		v.Op, words = run.DropValues, words[1:]
	}
	var value []string // an object is two words
	for i, w := range words {
		comma := !w.Quoted && strings.HasSuffix(w.Text, ",")
		if comma {
			w.Text = strings.TrimSuffix(w.Text, ",")
		}
		if w.Text != "" || w.Quoted {
			value = append(value, w.Text)
		}
		if comma || i == len(words)-1 {
			v.Values = append(v.Values, strings.Join(value, " "))
			value = nil
		}
	}
	return v, len(v.Values) > 0
}

// begun is a step that was begun and waits until the story goes on with it: a
// synchronization with its plan decided and nothing of it accepted, or an export
// with its first change on the way.
type begun struct {
	reached, goOn chan struct{}
	ended         chan struct{}
	rep           *run.StepReport
	err           error
}

// wait stops the step, once, until the story goes on.
func (b *begun) wait() {
	select {
	case <-b.reached: // it stopped before
	default:
		close(b.reached)
		<-b.goOn
	}
}

// readBegin begins a step and stops it in the middle, so that other steps happen
// meanwhile.
func readBegin(a *args) action {
	step := readInner(a, run.Sync, run.Export)
	a.end(false)
	return func(ctx context.Context, w *world) *problem.Problem {
		if w.begun != nil {
			return stepProblem("a step was begun already", "end it with: finish")
		}
		b := &begun{reached: make(chan struct{}), goOn: make(chan struct{}), ended: make(chan struct{})}
		w.begun = b
		go func() {
			defer close(b.ended)
			b.rep, b.err = w.doUntil(ctx, step, b)
		}()
		select {
		case <-b.reached:
		case <-b.ended: // it failed before
		}
		return nil
	}
}

// doUntil carries out a step that stops where it is told to wait: a synchronization
// before it accepts, an export at its first call.
func (w *world) doUntil(ctx context.Context, step run.Step, b *begun) (*run.StepReport, error) {
	if s := w.systems[step.Connector]; s != nil {
		s.sent, s.begun = nil, b
		defer func() { s.begun = nil }()
	}
	return doStep(ctx, w.runner(run.Options{Observe: func(e run.Event) {
		if step.Do == run.Sync && e.Phase == "accept" && e.Done == 0 {
			b.wait()
		}
	}}), step)
}

// readFinish goes on with what was begun.
func readFinish(a *args) action {
	line := a.step.Line
	a.end(false)
	return func(_ context.Context, w *world) *problem.Problem {
		b := w.begun
		if b == nil {
			return stepProblem("nothing was begun", "write before it: begin sync, or begin export CONNECTOR")
		}
		w.endBegun()
		w.did(line, b.rep, b.err)
		if w.last.Plan != 0 {
			w.plan, w.preview = w.last.Plan, false
		}
		return nil
	}
}

// endBegun lets what was begun come to its end.
func (w *world) endBegun() {
	if w.begun != nil {
		close(w.begun.goOn)
		<-w.begun.ended
		w.begun = nil
	}
}
