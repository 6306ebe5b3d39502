package scenario

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"strings"

	"muster/internal/base/problem"
	"muster/internal/sync/run"
)

func readAt(a *args) action {
	t := a.time()
	a.end(false)
	return func(_ context.Context, w *world) *problem.Problem {
		if t.Before(w.now) {
			return stepProblem("the clock stands at "+w.now.Format("2006-01-02T15:04:05Z")+" and never goes back", "write a later time")
		}
		w.now = t
		return nil
	}
}

func stepProblem(message, fix string) *problem.Problem {
	return &problem.Problem{Code: CodeStep, Message: message, Fix: fix}
}

// stepError gives an error of the desk its place later on.
func stepError(err error) *problem.Problem {
	if err == nil {
		return nil
	}
	if p, ok := err.(*problem.Problem); ok { //nolint:errorlint // another's context would be lost
		q := *p
		q.Where = problem.Position{}
		return &q
	}
	return stepProblem(err.Error(), "")
}

// did keeps how a step ended. What did not end well must be expected.
func (w *world) did(line int, rep *run.StepReport, err error) {
	if rep == nil {
		rep = &run.StepReport{Result: run.CallFailure}
	}
	w.last, w.err, w.errAt = rep, err, 0
	if err != nil || len(rep.Suspicion) > 0 || !rep.Result.GoesOn() || strings.HasSuffix(string(rep.Result), "-errors") {
		w.errAt = line
	}
}

// readInner reads the step that another one carries out in its way; which are those
// that may stand there.
func readInner(a *args, which ...run.Do) run.Step {
	step := run.Step{Do: which[len(which)-1]}
	for _, do := range which {
		if a.next(string(do)) {
			step.Do = do
		}
	}
	a.must(string(step.Do))
	if step.Do == run.Sync {
		step.Full = a.is("full")
		return step
	}
	step.Connector = a.word("a connector")
	step.Full = step.Do == run.Import && !a.is("delta")
	return step
}

// doStep has a desk carry out a step.
func doStep(ctx context.Context, desk run.Desk, step run.Step) (*run.StepReport, error) {
	switch step.Do {
	case run.Sync:
		return desk.Sync(ctx, run.SyncOptions{Full: step.Full})
	case run.Import:
		return desk.Import(ctx, step.Connector, step.Full)
	default:
		return desk.Export(ctx, step.Connector)
	}
}

func readImport(a *args) action {
	conn, line := a.word("a connector"), a.step.Line
	delta := a.is("delta")
	a.end(false)
	return func(ctx context.Context, w *world) *problem.Problem {
		rep, err := w.desk.Import(ctx, conn, !delta)
		w.did(line, rep, err)
		return nil
	}
}

func readExport(a *args) action {
	conn, line := a.word("a connector"), a.step.Line
	a.end(false)
	return func(ctx context.Context, w *world) *problem.Problem {
		if s := w.systems[conn]; s != nil {
			s.sent = nil
		}
		rep, err := w.desk.Export(ctx, conn)
		w.did(line, rep, err)
		return nil
	}
}

func readSync(a *args) action {
	line := a.step.Line
	full := a.is("full")
	name := ""
	if a.left() {
		name = a.word("a profile")
		full = full || a.is("full")
	}
	a.end(false)
	return func(ctx context.Context, w *world) *problem.Problem {
		o := run.SyncOptions{Full: full}
		if name != "" {
			p, wrong := w.cfg.Profile(name)
			if wrong != nil {
				return stepProblem(wrong.Message, wrong.Fix)
			}
			o.Accept = p.Accept
		}
		w.sync(ctx, line, o)
		return nil
	}
}

func (w *world) sync(ctx context.Context, line int, o run.SyncOptions) {
	rep, err := w.desk.Sync(ctx, o)
	w.did(line, rep, err)
	w.plan, w.preview = w.last.Plan, o.Preview
	if p, err := w.desk.Plan(ctx, w.plan); err == nil {
		w.hashes = [2]string{w.hashes[1], p.Hash}
	}
}

// readClock sets the machine's clock, also back; deciding does not follow it
// there.
func readClock(a *args) action {
	a.must("slips")
	a.must("to")
	t := a.time()
	a.end(false)
	return func(_ context.Context, w *world) *problem.Problem {
		w.now = t
		return nil
	}
}

func readPreview(a *args) action {
	line, full := a.step.Line, a.is("full")
	var to, from string
	var batch, workers int
	if a.is("in") {
		a.must("batches")
		a.must("of")
		batch = a.number()
		a.must("by")
		workers = a.number()
		a.must("workers")
	} else if a.left() {
		to = a.word("a file")
		a.must("from")
		from = a.word("a file")
	}
	a.end(false)
	return func(ctx context.Context, w *world) *problem.Problem {
		o := run.SyncOptions{Full: full, Preview: true}
		if to == "" {
			usual := w.desk
			if batch > 0 {
				w.desk = w.runner(run.Options{Batch: batch, Workers: workers})
			}
			w.sync(ctx, line, o)
			w.desk = usual
			return nil
		}
		old := w.cfg
		defer func() { w.cfg = old }()
		before, err := os.ReadFile(filepath.Join(w.dir, filepath.FromSlash(to)))
		if err != nil {
			return stepError(err)
		}
		if p := w.replace(to, from); p != nil {
			return p
		}
		o.Rules = w.cfg
		w.sync(ctx, line, o)
		return stepError(w.writeFile(to, string(before)))
	}
}

func readRun(a *args) action {
	name, line := a.word("a profile"), a.step.Line
	a.end(false)
	return func(ctx context.Context, w *world) *problem.Problem {
		for _, s := range w.systems {
			s.sent = nil
		}
		rep, err := w.desk.Run(ctx, name)
		if rep == nil || len(rep.Steps) == 0 {
			return stepError(err)
		}
		for i := range rep.Steps {
			if no := rep.Steps[i].Plan; no != 0 {
				w.plan = no
			}
		}
		w.did(line, &rep.Steps[len(rep.Steps)-1], err)
		return nil
	}
}

func readUse(a *args) action {
	to := a.word("a file")
	a.must("from")
	from := a.word("a file")
	a.end(false)
	line := a.step.Line
	return func(_ context.Context, w *world) *problem.Problem {
		if p := w.replace(to, from); p != nil && p.Where.Line > 0 {
			w.did(line, &run.StepReport{Result: refusedDecision}, p) // check refuses the rules
			return nil
		} else if p != nil {
			return p
		}
		w.start()
		return nil
	}
}

// replace puts another text in place of a configuration file and reads the
// configuration again.
func (w *world) replace(to, from string) *problem.Problem {
	f, ok := w.story.file(from)
	switch {
	case !ok:
		return stepProblem("the story has no file "+from, "add it below a line «-- "+from+" --»")
	case strings.HasPrefix(to, secretsFolder+"/"):
		return stepError(w.writeFile(to, f.Text))
	case !strings.HasPrefix(to, configFolder+"/"):
		return stepProblem(to+" is no configuration file", "name one below "+configFolder+"/, or below "+secretsFolder+"/")
	}
	before, err := os.ReadFile(filepath.Join(w.dir, filepath.FromSlash(to)))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return stepError(err)
	}
	if err := w.writeFile(to, f.Text); err != nil {
		return stepError(err)
	}
	if list := w.configure(); len(list) > 0 {
		if err := w.writeFile(to, string(before)); err != nil {
			return stepError(err)
		}
		p := *list[0]
		p.Message = fmt.Sprintf("with %s: %s", from, p.Message)
		p.Where = problem.Position{File: w.story.Path, Line: max(f.Line, p.Where.Line)}
		return &p
	}
	return nil
}

// settleRounds is how often settle goes round before it gives up.
const settleRounds = 6

func readSettle(a *args) action {
	line := a.step.Line
	a.end(false)
	return func(ctx context.Context, w *world) *problem.Problem {
		for range settleRounds {
			done, p := w.round(ctx, line)
			if p != nil || done {
				return p
			}
		}
		return stepProblem(fmt.Sprintf("there is still something to do after %d rounds", settleRounds), "write the steps out to see what goes round")
	}
}

// round imports everything, synchronizes and exports, and reports whether there
// was nothing left to do.
func (w *world) round(ctx context.Context, line int) (bool, *problem.Problem) {
	var sent int64
	for _, x := range w.cfg.Connectors {
		rep, err := w.desk.Import(ctx, x.Name, true)
		if w.did(line, rep, err); w.errAt != 0 {
			return false, stepProblem("the import of "+x.Name+" ended in "+string(w.last.Result)+": "+w.lastWords(), "")
		}
		if len(rep.Suspicion) > 0 {
			return false, stepProblem("the health gate holds the import of "+x.Name+": "+rep.Suspicion[0].String(), "set the connector's gate")
		}
	}
	if w.sync(ctx, line, run.SyncOptions{}); w.errAt != 0 {
		return false, stepProblem("the synchronization ended in "+string(w.last.Result)+": "+w.lastWords(), "")
	}
	plan, err := w.desk.Plan(ctx, w.plan)
	if err != nil {
		return false, stepError(err)
	}
	if plan.Held > 0 {
		return false, stepProblem("something is held: "+strings.Join(w.last.Guards, "; "), "")
	}
	for _, name := range w.targets() {
		w.systems[name].sent = nil
		rep, err := w.desk.Export(ctx, name)
		if w.did(line, rep, err); w.errAt != 0 {
			return false, stepProblem("the export to "+name+" ended in "+string(w.last.Result)+": "+w.lastWords(), "")
		}
		sent += int64(len(w.systems[name].sent))
	}
	return plan.Units == 0 && sent == 0, nil
}

func (w *world) lastWords() string {
	var words []string
	for _, e := range w.last.Errors[:min(3, len(w.last.Errors))] {
		words = append(words, string(e.Code)+" "+e.Object+": "+e.Message)
	}
	if w.err != nil {
		words = append(words, w.err.Error())
	}
	return strings.Join(words, "; ")
}

// targets lists the connectors that rules write to.
func (w *world) targets() []string {
	var out []string
	for _, x := range w.cfg.Connectors {
		for _, r := range w.cfg.Rules.Outbound {
			if r.Connector == x.Name {
				out = append(out, x.Name)
				break
			}
		}
	}
	return out
}
