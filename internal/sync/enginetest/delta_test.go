package enginetest

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"muster/internal/base/object"
	"muster/internal/sync/engine"
	"muster/internal/sync/oracle"
	"muster/internal/sync/rules"
)

// marks is what a product keeps from run to run, beside the world: who has to
// be decided again (design 4.2), and what waits.
type marks struct {
	everybody bool
	entries   map[object.ID]bool
	objects   map[object.ID]bool
	waiting   map[object.ID][]engine.Change // what holds keep back, by object
	open      map[object.ID][]engine.Change // units that were not accepted
	queue     []object.ID
}

func newMarks() *marks {
	return &marks{everybody: true, entries: map[object.ID]bool{}, objects: map[object.ID]bool{}, waiting: map[object.ID][]engine.Change{}, open: map[object.ID][]engine.Change{}}
}

// trigger is that of a delta run: what is marked, what waits, what is due.
func (m *marks) trigger(w *oracle.World, set *rules.Set) engine.Trigger {
	t := full(w, set)
	if m.everybody {
		for id := range m.waiting {
			t.Objects = append(t.Objects, id)
		}
		t.Objects = sorted(t.Objects)
		return t
	}
	entries, objects := map[object.ID]bool{}, map[object.ID]bool{}
	for id := range m.entries {
		entries[id] = true
	}
	for _, id := range m.queue {
		entries[id] = true
	}
	for id := range m.objects {
		objects[id] = true
	}
	for _, waits := range []map[object.ID][]engine.Change{m.waiting, m.open} {
		for id, cs := range waits {
			objects[id] = true
			t.Keys = append(t.Keys, engine.KeysOf(set, cs)...)
			for _, e := range engine.Moved(cs) {
				entries[e] = true
			}
		}
	}
	for target := range w.Holds {
		objects[target.Object] = true
	}
	for id, o := range w.Objects {
		if !o.Due.IsZero() && !w.Clock.Before(o.Due) {
			objects[id] = true
		}
	}
	t.All, t.Objects = nil, nil
	for id := range objects {
		t.Objects = append(t.Objects, id)
	}
	t.Objects = sorted(t.Objects)
	t.Entries = slices.DeleteFunc(t.Entries, func(id object.ID) bool { return !entries[id] })
	return t
}

// happened marks who is concerned by what happened between two worlds but for
// the acceptance of a plan: imports, holds, answers of systems.
func (m *marks) happened(a, b *oracle.World) {
	for id, x := range a.Entries {
		switch y := b.Entries[id]; {
		case y == nil: // forgotten, or its deletion is confirmed
			m.objects[x.Link] = true
		case x.Version != y.Version || x.Anchor != y.Anchor || x.Cut != y.Cut || x.Link != y.Link || x.Explicit != y.Explicit, !x.Image.Equal(y.Image):
			m.entries[id] = true
		case toped(x, y): // overtaken, contested, or not there after all
			m.objects[x.Link] = true
		case x.DeletionSent() != y.DeletionSent():
			m.objects[x.Link] = true
		}
	}
	for id := range b.Entries {
		if a.Entries[id] == nil {
			m.entries[id] = true
		}
	}
	written := func(a, b *oracle.World) {
		for t, h := range a.Holds {
			if b.Holds[t] == nil || *describe(b.Holds[t]) != *describe(h) {
				m.objects[t.Object] = true
				if e := newView(b, nil).entryAt(t.Connector, t.Name); t.Kind == oracle.EntryLink && !e.IsZero() {
					m.entries[e] = true
				}
			}
		}
	}
	written(a, b)
	written(b, a)
}

func describe(h *oracle.Hold) *string {
	s := fmt.Sprint(*h)
	return &s
}

// decidedNow takes the marks off and keeps what deciding left.
func (m *marks) decidedNow(d decided) {
	m.everybody = false
	clear(m.entries)
	clear(m.objects)
	clear(m.open)
	for _, v := range d.verdicts {
		if len(v.Waiting) > 0 {
			m.waiting[v.Object] = v.Waiting
		} else {
			delete(m.waiting, v.Object)
		}
		if len(v.Faults) > 0 { // who could not be decided is tried again, with whoever saw what he would be
			m.objects[v.Object] = true
			for _, e := range v.Entries {
				m.entries[e] = true
			}
			for _, o := range v.Seen {
				m.objects[o] = true
			}
		}
	}
	m.queue = nil
	for _, q := range d.queued {
		m.queue = append(m.queue, q.Entry)
	}
}

// delta follows one history with delta runs.
type delta struct {
	seed  int
	m     *marks
	rng   *rand.Rand
	wrong string

	before   *oracle.World // the world on which the last plan was decided, and by what rules
	rules    *oracle.Rules
	last     decided
	plans    int
	whole    int // runs that decided everybody
	objs     int // objects decided
	full     int // objects that there were
	restless int // full runs after a whole acceptance that were not empty, for the oracle neither
}

// watch decides a delta run, and compares it with the oracle's plan, which
// decides everybody.
func (d *delta) watch(w *oracle.World, r *oracle.Rules, p *oracle.Plan) {
	if d.wrong != "" {
		return
	}
	d.catchUp(w, r)
	set := ruleSet(r)
	if d.m.everybody {
		d.whole++
	}
	out, err := deciding{w: w, set: set, size: sizes[d.seed%len(sizes)], workers: 1}.decide(d.m.trigger(w, set))
	if err != nil {
		d.wrong = "fault\n" + err.Error()
		return
	}
	d.plans, d.objs, d.full = d.plans+1, d.objs+len(out.verdicts), d.full+len(w.Objects)
	d.m.decidedNow(out)
	d.wrong = differences(ofOracle(p), d.answer(w, out))
	if d.wrong == "" {
		d.wrong = d.accepts(w, r, set, out)
	}
	if d.wrong != "" {
		d.wrong += "holds\n" + oracle.DescribeHolds(w)
	}
	d.before, d.rules, d.last = w.Clone(), r, out
}

// answer is what is known after the run: what it decided, and what it left as it
// was.
func (d *delta) answer(w *oracle.World, out decided) answer {
	a := out.answer()
	a.due, a.waiting = "", ""
	due := map[object.ID]time.Time{}
	for id, o := range w.Objects {
		due[id] = o.Due
	}
	for _, v := range out.verdicts {
		due[v.Object] = v.Due
	}
	for id, at := range due {
		if !at.IsZero() {
			a.due += fmt.Sprintln(id, at)
		}
	}
	for id, cs := range d.m.waiting {
		a.waiting += oracle.Text(oracleChanges(id, cs))
	}
	return a.sorted()
}

// accepts accepts the run twice, by the oracle and by the engine, all of it or a
// part, and compares what came of it. After the whole a full run is empty.
func (d *delta) accepts(w *oracle.World, r *oracle.Rules, set *rules.Set, out decided) string {
	oracles, engines := w.Clone(), w.Clone()
	p := oracle.Decide(oracles, r)
	picked, whole := map[object.ID]bool{}, d.rng.IntN(3) > 0
	for _, o := range slices.SortedFunc(maps.Keys(p.Units), object.ID.Compare) {
		picked[o] = whole || d.rng.IntN(2) == 0
	}
	taken := map[object.ID]bool{}
	for _, c := range oracle.Accept(oracles, p, func(o object.ID) bool { return picked[o] }) {
		taken[c.Object] = true
	}
	if err := accept(engines, set, out, func(id object.ID) bool { return taken[id] }); err != nil {
		return "acceptance\n" + err.Error()
	}
	if diff := oracle.Diff(dump(oracles), dump(engines)); diff != "" {
		return "acceptance (- the oracle, + the engine)\n" + diff
	}
	units := func(yield func(*engine.Unit) bool) {
		for _, v := range out.verdicts {
			if v.Unit != nil && !yield(v.Unit) {
				return
			}
		}
	}
	waits := map[object.ID]bool{}
	rests := engine.RestsOf(units)
	for _, v := range out.verdicts {
		if v.Unborn || v.Unit != nil && !picked[v.Object] {
			rests.Wait(waits, v.Object)
		}
	}
	left := map[object.ID]bool{}
	for o := range p.Units {
		left[o] = !taken[o]
		if taken[o] == waits[o] && (taken[o] || !strings.Contains(oracle.Describe(r), `"through"`)) { // there the oracle is stricter
			return fmt.Sprintf("waiting units\n%s is accepted by the oracle: %t, waits for the engine: %t\n", o, taken[o], waits[o])
		}
	}
	if !whole {
		return ""
	}
	counts := map[engine.Count]int{}
	for _, l := range oracles.Log[len(w.Log):] {
		if !l.Approved {
			counts[count(l.Guard)]++
		}
	}
	if is := out.counts(left); !maps.Equal(counts, is) {
		return fmt.Sprintf("counts\n- %v\n+ %v\n", counts, is)
	}
	engines.Log = oracles.Log
	again, err := deciding{w: engines, set: set, size: 500, workers: 1}.decide(full(engines, set))
	if err != nil {
		return "fault\n" + err.Error()
	}
	rest := ""
	for _, v := range again.verdicts {
		if v.Unit != nil {
			rest += oracle.Text(oracleChanges(v.Object, v.Unit.Changes))
		}
	}
	if rest != "" {
		d.restless++
	}
	if diff := oracle.Diff(oracle.Decide(oracles, r).Text(), rest); diff != "" {
		return "a full run is not empty (- the oracle, + the engine)\n" + diff
	}
	return ""
}

// catchUp finds which units of the last plan were accepted, and marks who has to
// be decided again since.
func (d *delta) catchUp(w *oracle.World, r *oracle.Rules) {
	if d.before == nil {
		return
	}
	after := d.before.Clone()
	p := oracle.Decide(after, d.rules)
	accepted := map[object.ID]bool{}
	for o := range p.Units {
		was, is := d.before.Objects[o], w.Objects[o]
		accepted[o] = was == nil && is != nil || was != nil && (is == nil || is.Version != was.Version)
	}
	oracle.Accept(after, p, func(o object.ID) bool { return accepted[o] })
	for _, v := range d.last.verdicts {
		if v.Unit != nil && !accepted[v.Object] {
			d.m.open[v.Object] = v.Unit.Changes
		}
	}
	d.m.happened(after, w)
	d.m.everybody = d.m.everybody || r != d.rules
}

// TestDeltaRunsLeaveNothing follows histories with runs that decide only who has
// to be decided again. Each must give what deciding everybody gives (DELTA-1 to
// DELTA-8), and accepting it by engine.Apply must give the oracle's world.
func TestDeltaRunsLeaveNothing(t *testing.T) {
	var mu sync.Mutex
	var sum delta
	each(t, histories(100, 10_000), func(seed int, h *oracle.History) (string, int) {
		d := &delta{seed: seed, m: newMarks(), rng: rand.New(rand.NewPCG(uint64(seed), 1))}
		h.Watch = d.watch
		for i := 0; i < steps && d.wrong == ""; i++ {
			h.Step()
		}
		mu.Lock()
		defer mu.Unlock()
		sum.plans, sum.objs, sum.full, sum.whole, sum.restless = sum.plans+d.plans, sum.objs+d.objs, sum.full+d.full, sum.whole+d.whole, sum.restless+d.restless
		return d.wrong, d.plans
	})
	t.Logf("%d of %d runs decided everybody; %d objects decided, of %d; %d times a full run found something left, as the oracle's did", sum.whole, sum.plans, sum.objs, sum.full, sum.restless)
}
