package enginetest

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"muster/internal/base/object"
	"muster/internal/sync/engine"
	"muster/internal/sync/oracle"
	"muster/internal/sync/rules"
)

// orderedEntries lists all entries in the order in which they are decided.
func orderedEntries(w *oracle.World, set *rules.Set) []object.ID {
	place := map[string]int{}
	for i, c := range set.Connectors {
		place[c.Name] = i
	}
	var ids []object.ID
	for id := range w.Entries {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b object.ID) int {
		x, y := w.Entries[a], w.Entries[b]
		return cmp.Or(cmp.Compare(place[x.Connector], place[y.Connector]), strings.Compare(x.Anchor, y.Anchor), a.Compare(b))
	})
	return ids
}

// full is the trigger of a full run.
func full(w *oracle.World, set *rules.Set) engine.Trigger {
	t := engine.Trigger{Now: w.Clock, Entries: orderedEntries(w, set), All: map[string]bool{"": true}, Window: window(w, set)}
	for id := range w.Objects {
		t.Objects = append(t.Objects, id)
	}
	for target := range w.Holds {
		t.Objects = append(t.Objects, target.Object)
	}
	t.Objects = sorted(t.Objects)
	for _, c := range set.Connectors {
		t.All[c.Name] = true
	}
	return t
}

// window is what the guards know of the last day.
func window(w *oracle.World, set *rules.Set) engine.Window {
	win := engine.Window{Accepted: map[engine.Count]int{}, Linked: map[engine.Count]int{}}
	for _, l := range w.Log {
		if !l.Approved && l.At.After(w.Clock.Add(-oracle.Window)) {
			win.Accepted[count(l.Guard)]++
		}
	}
	for _, o := range set.Outbound {
		all := oracle.Guarded{Connector: o.Connector, Type: o.To}
		win.Linked[count(all)] = w.Linked(all)
		for _, f := range o.Flows {
			if f.Ref {
				edges := oracle.Guarded{Connector: o.Connector, Type: o.To, Kind: oracle.Removals, Attr: f.Attr}
				win.Linked[count(edges)] = w.Linked(edges)
			}
		}
	}
	return win
}

func count(g oracle.Guarded) engine.Count {
	return engine.Count{Connector: g.Connector, Type: g.Type, Kind: rules.GuardKind(g.Kind), Attr: g.Attr}
}

func engineChange(c oracle.Change) *engine.Change {
	for op := engine.Birth; op <= engine.DropAccountRef; op++ {
		if op.String() == string(c.Op) {
			return &engine.Change{Op: op, Connector: c.Connector, Name: c.Name, Target: c.Target, Before: c.Before, After: c.After}
		}
	}
	panic("no such op: " + c.Op)
}

func oracleChanges(o object.ID, cs []engine.Change) (out []oracle.Change) {
	for _, c := range cs {
		out = append(out, oracle.Change{Object: o, Op: oracle.Op(c.Op.String()), Connector: c.Connector, Name: c.Name, Target: c.Target, Before: c.Before, After: c.After})
	}
	return out
}

// answer is all that deciding says, as lines.
type answer struct{ units, waiting, ended, due, holds, queue, faults string }

// ofEngine asks the engine, size objects at a time.
func ofEngine(w *oracle.World, r *oracle.Rules, size int) (answer, error) {
	set := ruleSet(r)
	out, err := deciding{w: w, set: set, size: size, workers: 1}.decide(full(w, set))
	return out.answer(), err
}

// answer is the same as lines.
func (d decided) answer() (a answer) {
	for _, v := range d.verdicts {
		if v.Unit != nil {
			a.units += oracle.Text(oracleChanges(v.Object, v.Unit.Changes))
		}
		a.waiting += oracle.Text(oracleChanges(v.Object, v.Waiting))
		for _, h := range v.Ended {
			a.ended += fmt.Sprintln(h.Target)
		}
		if !v.Due.IsZero() {
			a.due += fmt.Sprintln(v.Object, v.Due)
		}
		for _, f := range v.Faults {
			a.faults += fmt.Sprintln(v.Object, f.Code)
		}
	}
	for _, h := range d.holds {
		a.holds += fmt.Sprintln(h.Target, h.Refused)
	}
	for _, q := range d.queued {
		a.queue += fmt.Sprintln(q.Entry, q.Rule, q.Candidates, q.Taken)
	}
	return a.sorted()
}

// ofOracle writes the oracle's plan in the same way.
func ofOracle(p *oracle.Plan) (a answer) {
	a.units, a.waiting = p.Text(), p.WaitingText()
	for _, t := range p.Ended {
		a.ended += fmt.Sprintln(target(t))
	}
	for o, at := range p.Due {
		if !at.IsZero() {
			a.due += fmt.Sprintln(o, at)
		}
	}
	for _, h := range p.NewHolds {
		a.holds += fmt.Sprintln(target(h.Target), h.Refused)
	}
	for _, o := range p.Faulty() {
		a.faults += fmt.Sprintln(o, "unique-index-violation")
	}
	for _, q := range p.Queue {
		a.queue += fmt.Sprintln(q.Entry, q.Rule, q.Candidates, q.Taken)
	}
	return a.sorted()
}

func (a answer) sorted() answer {
	for _, s := range []*string{&a.units, &a.waiting, &a.ended, &a.due, &a.holds, &a.queue, &a.faults} {
		lines := strings.SplitAfter(*s, "\n")
		slices.Sort(lines)
		*s = strings.Join(lines, "")
	}
	return a
}

// differences says where the engine's answer is not the oracle's.
func differences(oracles, engines answer) string {
	var b strings.Builder
	for _, x := range []struct{ name, oracle, engine string }{
		{"units", oracles.units, engines.units}, {"new holds", oracles.holds, engines.holds}, {"waiting", oracles.waiting, engines.waiting},
		{"ended", oracles.ended, engines.ended}, {"due", oracles.due, engines.due}, {"queue", oracles.queue, engines.queue},
		{"faults", oracles.faults, engines.faults},
	} {
		if only := os.Getenv("ENGINE_ONLY"); only != "" && !strings.Contains(only, x.name) {
			continue
		}
		if d := oracle.Diff(x.oracle, x.engine); d != "" {
			fmt.Fprintf(&b, "%s (- the oracle, + the engine)\n%s", x.name, d)
		}
	}
	return b.String()
}

// long reports the long form, which takes many minutes.
func long() bool { return os.Getenv("MUSTER_LONG") != "" }

// histories says how many histories are run: ENGINE_HISTORIES, or by form.
func histories(short, inLong int) int {
	if n, err := strconv.Atoi(os.Getenv("ENGINE_HISTORIES")); err == nil {
		return n
	}
	if long() {
		return inLong
	}
	return short
}

// steps is how long a history is.
const steps = 60

// sizes of batches; each seed picks one.
var sizes = [...]int{1, 7, 500, 10_000}

// tally is what came of many histories.
type tally struct {
	sync.Mutex
	n        int
	plans    int
	broken   int
	kinds    map[string][]int // seeds of the broken
	shortest map[string]string
	length   map[string]int
	met      map[string]int
}

// each follows histories of the seeds below n, on several processors; follow
// says what is wrong with one, and how many plans it compared. ENGINE_SEED names
// a single one.
func each(t *testing.T, n int, follow func(seed int, h *oracle.History) (wrong string, plans int)) *tally {
	t.Helper()
	a := &tally{n: n, kinds: map[string][]int{}, shortest: map[string]string{}, length: map[string]int{}, met: map[string]int{}}
	seeds := make(chan int)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for seed := range seeds {
				h := oracle.NewHistory(int64(seed))
				wrong, plans := follow(seed, h)
				a.add(seed, h, wrong, plans)
			}
		})
	}
	if seed, err := strconv.Atoi(os.Getenv("ENGINE_SEED")); err == nil {
		seeds <- seed
		n = 0
	}
	for seed := range n {
		if os.Getenv("ENGINE_FAULT") != "" && a.failed() {
			break // a planted fault needs to be seen once
		}
		seeds <- seed
	}
	close(seeds)
	wg.Wait()
	t.Logf("%d plans of %d histories compared; %d histories end in a difference, by their seeds: %v", a.plans, a.n, a.broken, a.kinds)
	for _, kind := range slices.Sorted(maps.Keys(a.shortest)) {
		t.Errorf("%s\n%s", kind, a.shortest[kind])
	}
	return a
}

func (a *tally) failed() bool {
	a.Lock()
	defer a.Unlock()
	return a.broken > 0
}

func (a *tally) add(seed int, h *oracle.History, wrong string, plans int) {
	a.Lock()
	defer a.Unlock()
	a.plans += plans
	for what, k := range h.Met {
		a.met[what] += k
	}
	if wrong == "" {
		return
	}
	a.broken++
	kind, _, _ := strings.Cut(wrong, "\n")
	a.kinds[kind] = append(a.kinds[kind], seed)
	if k := a.length[kind]; k == 0 || len(h.Steps) < k {
		a.length[kind] = len(h.Steps)
		a.shortest[kind] = "seed " + strconv.Itoa(seed) + "\n" + oracle.Describe(h.R) + strings.Join(h.Steps, "\n") + "\n" + wrong
	}
}

// TestEngineAgreesWithOracle compares every plan of every history, and follows
// the oracle. In the long form everything must have been met a thousand times.
func TestEngineAgreesWithOracle(t *testing.T) {
	a := each(t, histories(100, 10_000), func(seed int, h *oracle.History) (wrong string, plans int) {
		h.Watch = func(w *oracle.World, r *oracle.Rules, p *oracle.Plan) {
			if wrong != "" {
				return
			}
			plans++
			a, err := ofEngine(w, r, sizes[seed%len(sizes)])
			if err != nil {
				wrong = "fault\n" + err.Error()
				return
			}
			if wrong = differences(ofOracle(p), a); wrong != "" {
				wrong += "holds\n" + oracle.DescribeHolds(w)
			}
		}
		for i := 0; i < steps && wrong == ""; i++ {
			h.Step()
		}
		return wrong, plans
	})
	for _, what := range oracle.Features {
		t.Logf("%-24s %d", what, a.met[what])
		if long() && os.Getenv("ENGINE_HISTORIES") == "" && a.met[what] < 1000 {
			t.Errorf("%s: met %d times, want 1000; random worlds no longer lead there", what, a.met[what])
		}
	}
}
