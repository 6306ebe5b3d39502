package scenario

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"muster/internal/base/problem"
	"muster/internal/sync/run"
)

// matchAny compares lists whose order does not count.
func matchAny(want []wanted, seen []string) *diff {
	d := &diff{}
	left := slices.Clone(seen)
	for _, w := range want {
		i := slices.Index(left, w.text)
		if i < 0 {
			d.missing(w.line, "%s", w.text)
			continue
		}
		d.same("%s", w.text)
		left = slices.Delete(left, i, i+1)
	}
	for _, s := range left {
		d.extra("%s", s)
	}
	return d
}

func readQueue(a *args) action {
	want := readLines(a)
	return func(ctx context.Context, w *world) *problem.Problem {
		list, err := w.desk.Queue(ctx, run.Page{Size: 1000})
		if err != nil {
			return stepError(err)
		}
		var seen []string
		for _, q := range list {
			text := q.Entry + " " + q.Rule + " several"
			if q.Taken {
				text = q.Entry + " " + q.Rule + " taken"
			}
			var names []string
			for _, c := range q.Candidates {
				names = append(names, showName(c))
			}
			slices.Sort(names)
			seen = append(seen, tidy(text+" "+strings.Join(names, " ")))
		}
		return differs("the join queue is not as expected", matchAny(want, seen))
	}
}

func readHolds(a *args) action {
	want := readLines(a)
	return func(ctx context.Context, w *world) *problem.Problem {
		list, err := w.desk.Holds(ctx, run.Page{Size: 1000})
		if err != nil {
			return stepError(err)
		}
		var seen []string
		for _, h := range list {
			text := showName(h.Object) + " " + h.Target + " " + h.Why + " by " + strconv.Quote(h.By)
			if h.Cause != "" && h.Why != "guard" {
				text += " because " + strconv.Quote(h.Cause)
			}
			if !h.Until.IsZero() {
				text += " until " + showTime(h.Until)
			}
			seen = append(seen, tidy(text))
		}
		return differs("the holds are not as expected", matchAny(want, seen))
	}
}

// readRecorded reads what is kept of the last run.
func readRecorded(a *args) action {
	want := readLines(a)
	return func(ctx context.Context, w *world) *problem.Problem {
		w.errAt = 0
		list, err := w.desk.Runs(ctx, run.Page{Size: 1})
		if err != nil {
			return stepError(err)
		}
		var seen []string
		for i := range list {
			seen = append(seen, recorded(&list[i])...)
		}
		return differs("what is kept of the run is not as expected", matchAny(want, seen))
	}
}

func recorded(r *run.Report) []string {
	out := []string{r.Profile + " by " + strconv.Quote(r.By) + " from " + showTime(r.Started) + " to " + showTime(r.Ended)}
	for i := range r.Steps {
		s := &r.Steps[i]
		name := tidy(string(s.Do) + " " + s.Connector)
		line := name + " " + string(s.Result)
		for _, c := range slices.Sorted(maps.Keys(s.Counters)) {
			line += fmt.Sprintf(" %s %d", c, s.Counters[c])
		}
		out = append(out, line)
		for _, e := range s.Errors {
			out = append(out, name+" error "+string(e.Code)+" "+e.Object)
		}
	}
	return out
}

func readHeld(a *args) action {
	conn := a.word("a connector")
	var want []wanted
	if a.left() && !a.next("none") {
		want = []wanted{{text: a.rest(), line: a.step.Line}}
		a.end(false)
	} else {
		want = readLines(a)
	}
	return func(ctx context.Context, w *world) *problem.Problem {
		w.errAt = 0
		status, err := w.desk.Status(ctx)
		if err != nil {
			return stepError(err)
		}
		var seen []string
		for _, c := range status.Connectors {
			if c.Name != conn {
				continue
			}
			for _, s := range c.Held {
				what := s.Attr
				if what == "" {
					what = "rows"
				}
				seen = append(seen, fmt.Sprintf("%s %s %.4g -> %.4g", s.Type, what, s.Before, s.Now))
			}
		}
		return differs("the health gate does not hold what is expected", matchAny(want, seen))
	}
}

func readExplain(a *args) action {
	ref, attr, texts := a.object(), a.word("an attribute"), a.texts()
	a.end(false)
	return func(ctx context.Context, w *world) *problem.Problem {
		x, err := w.desk.Explain(ctx, ref, attr)
		if err != nil {
			return stepError(err)
		}
		var lines []string
		for _, l := range x.Lines {
			lines = append(lines, strings.TrimSpace(l.Said+" "+l.Rule+" "+l.Where))
		}
		for _, o := range x.Offers {
			from := o.Entry
			if e := o.Edit; e != nil {
				from = strings.TrimSpace("portal, edited by " + e.By + " at " + e.At.Format(time.RFC3339) + " " + e.Because)
			}
			lines = append(lines, fmt.Sprintf("%d %s %s %s: %s", o.Rank, o.Rule, from, showTexts(o.Values), o.Why))
		}
		seen := strings.Join(lines, "\n    ")
		for _, t := range texts {
			if !strings.Contains(seen, t) {
				return unmet(fmt.Sprintf("the explanation does not say %q:\n    %s", t, seen))
			}
		}
		return nil
	}
}

// readUndone reads what an undo must have told: what has moved since, what comes
// back in part, and what never does.
func readUndone(a *args) action {
	want := readLines(a)
	return func(_ context.Context, w *world) *problem.Problem {
		if w.undone == nil {
			return stepProblem("nothing was undone", "write undo before it")
		}
		var seen []string
		for _, c := range w.undone.Moved {
			seen = append(seen, tidy("moved "+c.Line()))
		}
		for _, s := range w.undone.Partial {
			seen = append(seen, tidy("partial "+s))
		}
		for _, s := range w.undone.Never {
			seen = append(seen, tidy("never "+s))
		}
		return differs("the undo does not tell what is expected", matchAny(want, seen))
	}
}
