package text

import (
	"maps"
	"slices"
	"strings"

	"muster/cmd/muster/term"
	"muster/internal/sync/run"
)

// errorsShown is how many errors of one code are written out.
const errorsShown = 10

// Steps writes what steps did, then what went wrong and what is next.
func (p *Printer) Steps(steps []run.StepReport) {
	t := &term.Table{Cut: []int{2}, Right: []int{3}}
	for i := range steps {
		s := &steps[i]
		took := ""
		if !s.Ended.IsZero() {
			took = term.Span(s.Ended.Sub(s.Started))
		}
		t.Add(StepName(s.Step), string(s.Result), counters(s.Counters), took)
	}
	p.Table(t)
	for i := range steps {
		p.after(&steps[i])
	}
}

// StepName is what a step does, in words.
func StepName(s run.Step) string {
	name := string(s.Do)
	if s.Connector != "" {
		name += " " + s.Connector
	}
	if s.Full {
		name += " full"
	}
	for _, dn := range s.In {
		name += " in " + dn
	}
	return name
}

// order is the order in which counters are written; others follow.
var order = []string{"stage-add", "stage-update", "stage-rename", "stage-delete", "stage-no-change", "stage-failure",
	"units", "held", "not-approved", "queue", "export-add", "export-update", "export-rename", "export-delete", "export-failure"}

func counters(list map[string]int64) string {
	names := slices.Sorted(maps.Keys(list))
	slices.SortStableFunc(names, func(a, b string) int { return place(a) - place(b) })
	var out []string
	for _, n := range names {
		out = append(out, n+" "+term.Number(list[n]))
	}
	return strings.Join(out, ", ")
}

func place(counter string) int {
	if i := slices.Index(order, counter); i >= 0 {
		return i
	}
	return len(order)
}

// after says what is to be known of a step beside its row.
func (p *Printer) after(s *run.StepReport) {
	about := StepName(s.Step) + ": "
	for _, x := range s.Suspicion {
		p.Line("%s", p.Waits(about+term.Clean(x.String())))
	}
	if s.Message != "" {
		p.Line("%s", about+term.Clean(s.Message))
	}
	for _, g := range s.Guards {
		p.Line("%s", p.Waits("guard: "+term.Clean(g)))
	}
	p.failures(s)
	if n := s.Counters["held"] + s.Counters["not-approved"]; n > 0 {
		p.Line("%s: muster plan waiting", p.Waits(wait(n)))
	}
	if n := s.Counters["queue"]; n > 0 {
		p.Line("%s: muster queue", p.Waits(term.Count(n, "entry")+" in the join queue"))
	}
}

// failures writes the errors of a step, gathered by code.
func (p *Printer) failures(s *run.StepReport) {
	by := map[string][]run.ObjectError{}
	for _, e := range s.Errors {
		by[string(e.Code)] = append(by[string(e.Code)], e)
	}
	for _, code := range slices.Sorted(maps.Keys(by)) {
		list := by[code]
		p.Line("%s", p.Bad(StepName(s.Step)+": "+code+", "+term.Count(int64(len(list)), "object")))
		for _, e := range list[:min(errorsShown, len(list))] {
			where := e.Object
			if e.Connector != "" {
				where = e.Connector + "/" + e.Object
			}
			if e.Rule != "" {
				where += " (rule " + e.Rule + ")"
			}
			p.Line("  %s: %s", term.Clean(where), term.Clean(e.Message))
		}
		if more := len(list) - errorsShown; more > 0 {
			p.Line("%s", p.Faint("  and "+term.Number(int64(more))+" more; --json has them"))
		}
	}
	if n := s.Counters["errors"]; n > int64(len(s.Errors)) {
		p.Line("%s", p.Faint("the report keeps "+term.Number(int64(len(s.Errors)))+" of "+term.Count(n, "error")))
	}
}

// Runs lists runs.
func (p *Printer) Runs(list []run.Report) {
	t := &term.Table{Head: []string{"run", "what", "by", "started", "took", "result"}, Cut: []int{1, 2}, Right: []int{0, 4}}
	for i := range list {
		r := &list[i]
		what := "profile " + r.Profile
		if r.Profile == "" && len(r.Steps) > 0 {
			what = StepName(r.Steps[0].Step)
		}
		took := ""
		if !r.Ended.IsZero() {
			took = term.Span(r.Ended.Sub(r.Started))
		}
		t.Add(term.Number(r.Run), what, r.By, p.time(r.Started), took, string(r.Result()))
	}
	p.Table(t)
}

// Notes says what is to be known of a step beside its row.
func (p *Printer) Notes(s *run.StepReport) { p.after(s) }
