package enginetest

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
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
type answer struct{ units, waiting, ended, due, holds, queue string }

// ofEngine asks the engine, size objects at a time.
func ofEngine(w *oracle.World, r *oracle.Rules, size int) (a answer, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the engine panics: %v", p)
		}
	}()
	set := ruleSet(r)
	res, err := engine.Begin(set, full(w, set)).Whole(newView(w, set), size)
	if err != nil {
		return a, err
	}
	for _, v := range res.Verdicts {
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
			a.units += fmt.Sprintln("fault", v.Object, f)
		}
	}
	for _, h := range res.NewHolds {
		a.holds += fmt.Sprintln(h.Target, h.Refused)
	}
	for _, q := range res.Queued {
		a.queue += fmt.Sprintln(q.Entry, q.Rule, q.Candidates, q.Taken)
	}
	return a.sorted(), nil
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
	for _, q := range p.Queue {
		a.queue += fmt.Sprintln(q.Entry, q.Rule, q.Candidates, q.Taken)
	}
	return a.sorted()
}

func (a answer) sorted() answer {
	for _, s := range []*string{&a.units, &a.waiting, &a.ended, &a.due, &a.holds, &a.queue} {
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

// holdsLinks reports that some hold is about a link.
func holdsLinks(w *oracle.World) bool {
	for t := range w.Holds {
		if t.Kind == oracle.EntryLink {
			return true
		}
	}
	return false
}

func histories() int {
	if n, err := strconv.Atoi(os.Getenv("ENGINE_HISTORIES")); err == nil {
		return n
	}
	if os.Getenv("MUSTER_LONG") != "" {
		return 5000
	}
	return 100
}

const steps = 60

// sizes of batches; each seed picks one.
var sizes = [...]int{1, 7, 500, 10_000}

// TestEngineAgreesWithOracle compares every plan of every history, and follows
// the oracle.
func TestEngineAgreesWithOracle(t *testing.T) {
	plans, broken := 0, 0
	kinds := map[string]int{}
	shortest := map[string]string{}
	length := map[string]int{}
	for seed := range histories() {
		h := oracle.NewHistory(int64(seed))
		wrong := ""
		h.Watch = func(w *oracle.World, r *oracle.Rules, p *oracle.Plan) {
			if os.Getenv("ENGINE_NO_LINK_HOLDS") != "" && holdsLinks(w) {
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
		if wrong == "" {
			continue
		}
		broken++
		kind, _, _ := strings.Cut(wrong, "\n")
		kinds[kind]++
		if n := length[kind]; n == 0 || len(h.Steps) < n {
			length[kind] = len(h.Steps)
			shortest[kind] = "seed " + strconv.Itoa(seed) + "\n" + oracle.Describe(h.R) + strings.Join(h.Steps, "\n") + "\n" + wrong
		}
	}
	t.Logf("%d plans of %d histories compared; %d histories end in a difference: %v", plans, histories(), broken, kinds)
	for kind, text := range shortest {
		t.Errorf("%s\n%s", kind, text)
	}
}
