package enginetest

import (
	"fmt"
	"slices"
	"sync"

	"muster/internal/base/object"
	"muster/internal/sync/engine"
	"muster/internal/sync/oracle"
	"muster/internal/sync/rules"
)

// deciding decides as whoever runs the engine does: pass by pass, batches of
// size objects, by a number of workers with a view of their own.
type deciding struct {
	w       *oracle.World
	set     *rules.Set
	size    int
	workers int

	approved func(object.ID) map[engine.Hash]bool // in place of what the world says
}

func (d deciding) view() *view {
	v := newView(d.w, d.set)
	v.approved = d.approved
	return v
}

// decided is what came of it.
type decided struct {
	verdicts []*engine.Verdict
	holds    []*engine.Hold
	queued   []*engine.Queued
	tallies  []*engine.Tally
}

// counts is what guards count once all is accepted but what is left out.
func (d *decided) counts(left map[object.ID]bool) map[engine.Count]int {
	out := map[engine.Count]int{}
	for _, t := range d.tallies {
		t.Counts(out, left)
	}
	return out
}

func (d deciding) decide(trig engine.Trigger) (out decided, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the engine panics: %v", p)
		}
	}()
	e := engine.Begin(d.set, trig)
	for {
		tallies, err := d.round(e)
		if err != nil {
			return out, err
		}
		if _, again := e.Judge(tallies); again {
			continue
		}
		out.tallies = tallies
		for _, t := range tallies {
			out.verdicts = append(out.verdicts, t.Verdicts...)
		}
		slices.SortFunc(out.verdicts, func(a, b *engine.Verdict) int { return a.Object.Compare(b.Object) })
		out.holds, out.queued = e.NewHolds(), e.Queue()
		return out, nil
	}
}

func (d deciding) round(e *engine.Decider) (all []*engine.Tally, err error) {
	v := d.view()
	if err := e.Link(v); err != nil {
		return nil, err
	}
	if err := e.Claim(v); err != nil {
		return nil, err
	}
	todo, err := e.Objects(v)
	if err != nil {
		return nil, err
	}
	for todo.Len() > 0 {
		tallies, err := d.batches(e, todo)
		if err != nil {
			return nil, err
		}
		var again []object.ID
		for _, t := range tallies {
			again = append(again, t.Again...)
		}
		all = append(all, tallies...)
		if todo, err = e.Extend(v, again); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// batches decides the objects, by as many workers as there are.
func (d deciding) batches(e *engine.Decider, todo engine.Todo) ([]*engine.Tally, error) {
	batches := slices.Collect(todo.Parts(d.size))
	tallies, errs := make([]*engine.Tally, len(batches)), make([]error, len(batches))
	one := func(i int, v *view) {
		defer func() {
			if p := recover(); p != nil {
				errs[i] = fmt.Errorf("the engine panics: %v", p)
			}
		}()
		tallies[i], errs[i] = e.Batch(v, batches[i])
	}
	if d.workers < 2 {
		v := d.view()
		for i := range batches {
			one(i, v)
		}
	} else {
		var wg sync.WaitGroup
		for k := range d.workers {
			wg.Go(func() {
				v := d.view()
				for i := k; i < len(batches); i += d.workers {
					one(i, v)
				}
			})
		}
		wg.Wait()
	}
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return tallies, nil
}

// canonical is the plan in the form that is hashed, with all that stands beside
// it.
func (d decided) canonical() string {
	var b []byte
	for _, v := range d.verdicts {
		if v.Unit != nil {
			b = v.Unit.AppendCanonical(b)
			b = v.Unit.Append(b)
		}
		b = fmt.Appendln(b, v.Object, v.Waiting, v.Due, v.Faults)
		for _, h := range v.Ended {
			b = fmt.Appendln(b, h.Target)
		}
	}
	for _, h := range d.holds {
		b = fmt.Appendln(b, h.Target, h.Refused, h.Cause)
	}
	for _, q := range d.queued {
		b = fmt.Appendln(b, *q)
	}
	return string(b)
}
