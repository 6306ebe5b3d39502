package enginetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"muster/internal/base/config"
	"muster/internal/base/object"
	"muster/internal/base/problem"
	"muster/internal/store"
	"muster/internal/store/storetest"
	"muster/internal/sync/connector"
	"muster/internal/sync/engine"
	"muster/internal/sync/gate"
	"muster/internal/sync/oracle"
	"muster/internal/sync/rules"
	"muster/internal/sync/run"
)

// stored is a random history that goes through run and a store: what happens
// outside is the oracle's, and everything else is done as the product does it.
type stored struct {
	h       *oracle.History
	rng     *rand.Rand
	s       *store.Store
	set     *rules.Set
	runners map[int]*run.Runner // by the size of batches
	names   map[oracle.Name]object.ID
	version int
	plan    int64 // the last that was accepted
	steps   []string

	plans, restless, part int
}

func (d *stored) say(format string, a ...any) { d.steps = append(d.steps, fmt.Sprintf(format, a...)) }

// configure makes runners for the rules in force.
func (d *stored) configure() error {
	d.version++
	d.set = ruleSet(d.h.R)
	d.set.Version = "rules " + strconv.Itoa(d.version)
	text := ""
	for _, c := range d.h.R.Connectors {
		text += "connector: " + c.Name + "\nkind: history\n---\n"
	}
	kinds := []connector.Kind{{Name: "history", Summary: "a system of a history"}}
	tree, problems := config.Load(fstest.MapFS{"systems.yaml": {Data: []byte(strings.TrimSuffix(text, "---\n"))}}, run.Sections(kinds))
	if len(problems) > 0 {
		return errors.New(problems.Error())
	}
	cfg := &run.Config{Tree: tree, Rules: d.set}
	for _, c := range d.h.R.Connectors {
		cfg.Connectors = append(cfg.Connectors, &run.Connected{Name: c.Name, Section: tree.Section("connector", c.Name), Schema: systemSchema(d.h.R, c.Name), Gate: gate.Gate{Fewer: 101, Nulls: 101}, ExportBatch: 3})
	}
	d.runners = map[int]*run.Runner{}
	for _, size := range sizes {
		d.runners[size] = run.New(d.s, cfg, run.Options{
			Now: func() time.Time { return d.h.W.Clock }, By: "history", Batch: size, Workers: 1 + size%2,
			Open: func(_ context.Context, x *run.Connected) (connector.Connector, error) {
				return &system{h: d.h, name: x.Name, schema: x.Schema, lost: func() bool { return d.rng.IntN(8) == 0 }}, nil
			},
		})
	}
	return nil
}

func (d *stored) runner() *run.Runner { return d.runners[sizes[d.rng.IntN(len(sizes))]] }

// world reads everything that the store holds.
func (d *stored) world() (w *oracle.World, win engine.Window, err error) {
	w = oracle.NewWorld(d.h.W.Clock)
	err = d.s.Read(context.Background(), func(t *store.Tx) error {
		var stubs []object.ID
		for _, c := range d.h.R.Connectors {
			err := t.EachEntry(c.Name, true, func(refs []store.Ref) (bool, error) {
				var ids []object.ID
				for i := range refs {
					ids = append(ids, refs[i].ID)
				}
				es, err := t.Entries(ids)
				for id, e := range es {
					w.Entries[id] = e
					for _, a := range e.Image {
						for _, v := range a.Values {
							if v.Kind() == object.Ref {
								stubs = append(stubs, run.RefID(v))
							}
						}
					}
				}
				return true, err
			})
			if err != nil {
				return err
			}
		}
		es, err := t.Entries(stubs)
		if err != nil {
			return err
		}
		maps.Copy(w.Entries, es)
		for typ := range d.set.Types {
			list, _, err := t.ObjectsOf(typ, 0, 10_000)
			if err != nil {
				return err
			}
			var ids []object.ID
			for _, o := range list {
				ids = append(ids, o.ID)
			}
			if err := d.objects(t, w, ids); err != nil {
				return err
			}
		}
		holds, err := t.Holds(0, 100_000)
		if err != nil {
			return err
		}
		for _, h := range holds {
			to := oracleTarget(h.Target)
			w.Holds[to] = &oracle.Hold{Target: to, Refused: h.Refused, Standing: h.Standing, AtValue: h.AtValue, Instead: h.Instead, Why: h.Why, Until: h.Until}
		}
		win, err = run.Window(t, w.Clock)
		return err
	})
	return w, win, err
}

func (d *stored) objects(t *store.Tx, w *oracle.World, ids []object.ID) error {
	objs, err := t.Objects(ids)
	maps.Copy(w.Objects, objs)
	for _, o := range objs {
		for _, c := range o.Claims {
			folded := d.set.Types[o.Type].Attributes[c.Attr].Folded
			d.names[oracle.Name{Attr: c.Attr, Key: object.Key(object.Str(c.Name), folded)}] = o.ID
		}
	}
	w.Names = d.names
	return err
}

func (d *stored) approved(id object.ID) (m map[engine.Hash]bool) {
	err := d.s.Read(context.Background(), func(t *store.Tx) error {
		all, err := t.Approved([]object.ID{id})
		m = all[id]
		return err
	})
	if err != nil {
		panic(err)
	}
	return m
}

// inMemory decides everybody as the store has them, without the store.
func (d *stored) inMemory() (decided, error) {
	w, win, err := d.world()
	if err != nil {
		return decided{}, err
	}
	trig := full(w, d.set)
	trig.Window = win
	return deciding{w: w, set: d.set, size: sizes[d.rng.IntN(len(sizes))], workers: 1, approved: d.approved}.decide(trig)
}

// units are a plan's, as they are stored and as they are read by people.
type units map[object.ID]*engine.Unit

func (u units) text() string {
	s := ""
	for _, id := range slices.SortedFunc(maps.Keys(u), object.ID.Compare) {
		s += oracle.Text(oracleChanges(id, u[id].Changes))
	}
	return s
}

// canonical is the form that is hashed.
func (u units) canonical() (b []byte) {
	for _, id := range slices.SortedFunc(maps.Keys(u), object.ID.Compare) {
		b = append(u[id].AppendCanonical(b), '\n')
	}
	return b
}

func (u units) stored() (b []byte) {
	for _, id := range slices.SortedFunc(maps.Keys(u), object.ID.Compare) {
		b = u[id].Append(b)
	}
	return b
}

func (d decided) units() units {
	u := units{}
	for _, v := range d.verdicts {
		if v.Unit != nil && len(v.Faults) == 0 {
			u[v.Object] = v.Unit
		}
	}
	return u
}

// unitsOf reads a plan.
func (d *stored) unitsOf(plan int64) (units, error) {
	u := units{}
	err := d.s.Read(context.Background(), func(t *store.Tx) error {
		for no := int64(0); ; no++ {
			c, err := t.Chunk(plan, no)
			if err != nil || c == nil {
				return err
			}
			for i := range c.Units {
				u[c.Units[i].Object] = &c.Units[i]
			}
		}
	})
	return u, err
}

// same compares two plans byte for byte; alike, in what is not hashed too.
func same(what string, want, got units, alike bool) string {
	if bytes.Equal(want.canonical(), got.canonical()) && (!alike || bytes.Equal(want.stored(), got.stored())) {
		return ""
	}
	if diff := oracle.Diff(want.text(), got.text()); diff != "" {
		return what + " (- in memory, + stored)\n" + diff
	}
	s := what + ": what is not hashed differs\n"
	for id, x := range want {
		if y := got[id]; !bytes.Equal(x.Append(nil), y.Append(nil)) {
			s += fmt.Sprintf("- %+v\n+ %+v\n", *x, *y)
		}
	}
	return s
}

// sync decides three times over: in memory, everybody in a preview, and who has
// to be decided again, which is accepted. All must agree, and what is left must
// be as it would be had everybody been decided.
func (d *stored) sync() (wrong string, err error) {
	want, err := d.inMemory()
	if err != nil {
		return "", err
	}
	size := sizes[d.rng.IntN(len(sizes))]
	rep, err := d.runners[size].Sync(context.Background(), run.SyncOptions{Full: true, Preview: true})
	if err != nil {
		return "", err
	}
	got, err := d.unitsOf(rep.Plan)
	if err != nil {
		return "", err
	}
	d.plans++
	if wrong := same(fmt.Sprintf("a full run in batches of %d", size), want.units(), got, true); wrong != "" {
		return wrong, nil
	}
	o := run.SyncOptions{}
	if d.rng.IntN(4) == 0 {
		o.Accept = run.Approved
		d.part++
	}
	if rep, err = d.runner().Sync(context.Background(), o); err != nil {
		return "", err
	}
	if got, err = d.unitsOf(rep.Plan); err != nil {
		return "", err
	}
	d.plan = rep.Plan
	d.say("sync of %d units, only approved %t\n%s", len(got), o.Accept == run.Approved, "    "+strings.ReplaceAll(strings.TrimSpace(got.text()), "\n", "\n    "))
	if wrong := same("a delta run", want.units(), got, true); wrong != "" {
		return wrong, nil
	}
	if wrong, err = d.left(want, rep.Plan); wrong != "" || err != nil || o.Accept == run.Approved {
		return wrong, err
	}
	return d.empty()
}

// left compares what a run leaves behind: what waits, who is due, the join queue
// and the holds.
func (d *stored) left(want decided, plan int64) (string, error) {
	w, _, err := d.world()
	if err != nil {
		return "", err
	}
	var waits, due, queue [2]string
	err = d.s.Read(context.Background(), func(t *store.Tx) error {
		marks, err := t.UnitMarks(plan)
		if err != nil {
			return err
		}
		open := map[object.ID]bool{}
		for _, m := range marks {
			open[m.Object] = true
		}
		failed := map[object.ID]bool{} // left as they are, with what they left before
		for _, v := range want.verdicts {
			if len(v.Faults) > 0 {
				failed[v.Object], open[v.Object] = true, true
				continue
			}
			cs := v.Waiting
			if v.Unit != nil && open[v.Object] {
				cs = append(slices.Clone(cs), v.Unit.Changes...)
			}
			waits[0] += oracle.Text(oracleChanges(v.Object, cs))
			if !v.Due.IsZero() && w.Objects[v.Object] != nil && !open[v.Object] {
				due[0] += fmt.Sprintln(v.Object, v.Due)
			}
		}
		for id, o := range w.Objects {
			if !o.Due.IsZero() && !open[id] {
				due[1] += fmt.Sprintln(id, o.Due)
			}
		}
		list, err := t.WaitingObjects(object.ID{}, 10_000)
		if err != nil {
			return err
		}
		for _, x := range list {
			if !failed[x.Object] {
				waits[1] += oracle.Text(oracleChanges(x.Object, x.Changes))
			}
		}
		for _, q := range want.queued {
			queue[0] += fmt.Sprintln(q.Entry, q.Rule, q.Candidates, q.Taken)
		}
		queued, err := t.Queued(10_000)
		for _, q := range queued {
			queue[1] += fmt.Sprintln(q.Entry, q.Rule, q.Candidates, q.Taken)
		}
		return err
	})
	for _, x := range []struct {
		name string
		two  [2]string
	}{{"waiting", waits}, {"due", due}, {"queue", queue}} {
		if diff := oracle.Diff(lines(x.two[0]), lines(x.two[1])); diff != "" && err == nil {
			return x.name + " after a delta run (- in memory, + stored)\n" + diff, nil
		}
	}
	return "", err
}

func lines(s string) string {
	list := strings.SplitAfter(s, "\n")
	slices.Sort(list)
	return strings.Join(list, "")
}

// empty wants a full run to find nothing (DELTA-1), but what deciding in memory
// finds too.
func (d *stored) empty() (string, error) {
	want, err := d.inMemory()
	if err != nil {
		return "", err
	}
	rep, err := d.runner().Sync(context.Background(), run.SyncOptions{Full: true, Preview: true})
	if err != nil {
		return "", err
	}
	got, err := d.unitsOf(rep.Plan)
	if len(got) > 0 {
		d.restless++
	}
	if err != nil {
		return "", err
	}
	return same("a full run after a delta run", want.units(), got, true), nil
}

// step does one random thing.
func (d *stored) step() (wrong string, err error) {
	ctx := context.Background()
	switch n := d.rng.IntN(100); {
	case n < 28:
		for range 1 + d.rng.IntN(3) {
			d.h.Outdoors()
			d.say("%s", d.h.Steps[len(d.h.Steps)-1])
		}
	case n < 46:
		for range 1 + d.rng.IntN(6) {
			if err := d.importing(d.h.R.Connectors[d.rng.IntN(len(d.h.R.Connectors))].Name); err != nil {
				return "", err
			}
		}
	case n < 68:
		return d.sync()
	case n < 80:
		name := []string{oracle.Directory, oracle.App, oracle.Badge}[d.rng.IntN(3)]
		rep, err := d.runner().Export(ctx, name)
		d.say("export %s: %s", name, rep.Result)
		return "", err
	case n < 84:
		d.h.W.Clock = d.h.W.Clock.Add(time.Duration(1+d.rng.IntN(8)) * time.Hour)
		d.say("clock %s", d.h.W.Clock)
	case n < 85:
		d.h.R = oracle.RandomRules(d.rng)
		d.say("rules change: %s", oracle.Describe(d.h.R))
		return "", d.configure()
	default:
		return "", d.person()
	}
	return "", nil
}

func (d *stored) importing(name string) error {
	rep, err := d.runner().Import(context.Background(), name, true)
	if err != nil {
		return err
	}
	d.say("import %s: %s", name, rep.Result)
	if len(rep.Suspicion) > 0 {
		err = d.runner().Release(context.Background(), name, "history", "")
	}
	return err
}

// person decides something; what cannot be decided is no fault.
func (d *stored) person() error {
	ctx, r, by := context.Background(), d.runner(), run.Decision{By: "person"}
	w, _, err := d.world()
	if err != nil {
		return err
	}
	some := func(ids []object.ID) string {
		if len(ids) == 0 {
			return object.ID{}.String()
		}
		return ids[d.rng.IntN(len(ids))].String()
	}
	var planned, held, waiting, objs []object.ID
	objs = slices.SortedFunc(maps.Keys(w.Objects), object.ID.Compare)
	for _, t := range oracle.SortedTargets(w.Holds) {
		held = append(held, t.Object)
	}
	err = d.s.Read(ctx, func(t *store.Tx) error {
		list, err := t.WaitingObjects(object.ID{}, 10_000)
		for _, x := range list {
			waiting = append(waiting, x.Object)
		}
		return err
	})
	if err != nil {
		return err
	}
	what := ""
	switch d.rng.IntN(12) {
	case 0, 1, 2:
		var rep *run.StepReport
		if rep, err = r.Sync(ctx, run.SyncOptions{Preview: true}); err != nil {
			return err
		}
		u, e := d.unitsOf(rep.Plan)
		if e != nil {
			return e
		}
		planned = slices.SortedFunc(maps.Keys(u), object.ID.Compare)
		s := run.Selection{Plan: rep.Plan, Object: some(planned)}
		what = "reject " + s.Object
		_, err = r.Reject(ctx, s, by)
	case 3:
		what = "undo"
		_, err = r.Undo(ctx, d.plan, by)
	case 4:
		s := run.Selection{Object: some(objs)}
		what = "shelve " + s.Object
		_, err = r.Shelve(ctx, s, w.Clock.Add(time.Duration(1+d.rng.IntN(9))*time.Hour), by)
	case 5:
		s := run.Selection{Object: some(objs), Target: []string{"", oracle.Directory, oracle.App, "title"}[d.rng.IntN(4)]}
		what = "protect " + s.Object + " " + s.Target
		_, err = r.Protect(ctx, s, by)
	case 6:
		what, err = d.disconnect(ctx, r, w, by)
	case 7:
		what, err = d.join(ctx, r, by)
	case 8, 9:
		s := run.Selection{Object: some(waiting)}
		what = "approve " + s.Object
		_, err = r.Approve(ctx, s, by)
	default:
		s := run.Selection{Object: some(held)}
		what = "lift " + s.Object
		_, err = r.Lift(ctx, s, by)
	}
	d.say("%s: %v", what, err)
	var p *problem.Problem
	if errors.As(err, &p) || errors.Is(err, store.ErrNoPlan) {
		return nil
	}
	return err
}

func (d *stored) disconnect(ctx context.Context, r *run.Runner, w *oracle.World, by run.Decision) (string, error) {
	var linked []string
	for _, id := range slices.SortedFunc(maps.Keys(w.Entries), object.ID.Compare) {
		if e := w.Entries[id]; !e.Link.IsZero() && e.Anchor != "" {
			linked = append(linked, e.Connector+"/"+e.Anchor)
		}
	}
	if len(linked) == 0 {
		return "nobody to disconnect", nil
	}
	name := linked[d.rng.IntN(len(linked))]
	return "disconnect " + name, r.Disconnect(ctx, name, by)
}

func (d *stored) join(ctx context.Context, r *run.Runner, by run.Decision) (string, error) {
	queue, err := r.Queue(ctx, run.Page{})
	if err != nil || len(queue) == 0 {
		return "nobody in the queue", err
	}
	q := queue[d.rng.IntN(len(queue))]
	to := ""
	if d.rng.IntN(3) > 0 {
		to = q.Candidates[d.rng.IntN(len(q.Candidates))].ID
	}
	return "join " + q.Entry + " to " + to, r.JoinTo(ctx, q.Entry, to, by)
}

// follow lets one history go through a store.
func follow(dsn string, seed, length int) (d *stored, wrong string, err error) {
	d = &stored{h: oracle.NewHistory(int64(seed)), rng: rand.New(rand.NewPCG(uint64(seed), 2)), names: map[oracle.Name]object.ID{}}
	defer func() {
		if p := recover(); p != nil {
			wrong = fmt.Sprintf("panic: %v", p)
			if os.Getenv("ENGINE_SEED") != "" {
				panic(p)
			}
		}
	}()
	if d.s, err = store.Open(context.Background(), dsn, store.Options{Now: time.Now}); err != nil {
		return d, "", err
	}
	defer func() { err = errors.Join(err, d.s.Close()) }()
	if err := d.configure(); err != nil {
		return d, "", err
	}
	d.say("%s%s", oracle.Describe(d.h.R), strings.Join(d.h.Steps, "\n"))
	for range length {
		if wrong, err = d.step(); wrong != "" || err != nil {
			return d, wrong, err
		}
	}
	return d, wrong, err
}

// TestDeltaRunsThroughTheStore lets random histories go through run and the
// store, on both databases: imports, decisions of people, acceptance in whole
// and in part, exports with lost answers, changes of rules. Each plan must be,
// byte for byte, what the engine decides in memory; a delta run must be what a
// full run would be and leave what it would leave; and a full run after it must
// find nothing (DELTA-1, PLAN-6).
func TestDeltaRunsThroughTheStore(t *testing.T) {
	if os.Getenv("ENGINE_FAULT") != "" {
		t.Skip("planted faults are for the comparison with the oracle")
	}
	for _, db := range []struct {
		name  string
		fresh func(testing.TB) string
		n     int
	}{
		{"SQLite", func(t testing.TB) string { return "sqlite:" + t.TempDir() + "/h.db" }, histories(12, 2000)},
		{"PostgreSQL", storetest.Postgres, histories(3, 100)},
	} {
		t.Run(db.name, func(t *testing.T) { throughStore(t, db.fresh, db.n) })
	}
}

func throughStore(t *testing.T, fresh func(testing.TB) string, n int) {
	seeds := make(chan int)
	var mu sync.Mutex
	var wg sync.WaitGroup
	var sum stored
	shortest, count := map[string]string{}, map[string]int{}
	for range 2 {
		wg.Go(func() {
			for seed := range seeds {
				d, wrong, err := follow(fresh(t), seed, steps)
				if err != nil {
					wrong = "an error\n" + err.Error()
				}
				mu.Lock()
				sum.plans, sum.restless, sum.part = sum.plans+d.plans, sum.restless+d.restless, sum.part+d.part
				if kind, _, _ := strings.Cut(wrong, "\n"); wrong != "" {
					told := fmt.Sprintf("seed %d\n%s\n%s", seed, strings.Join(d.steps, "\n"), wrong)
					if count[kind]++; shortest[kind] == "" || len(told) < len(shortest[kind]) {
						shortest[kind] = told
					}
				}
				mu.Unlock()
			}
		})
	}
	if seed, err := strconv.Atoi(os.Getenv("ENGINE_SEED")); err == nil {
		seeds <- seed
		n = 0
	}
	for seed := range n {
		seeds <- seed
	}
	close(seeds)
	wg.Wait()
	t.Logf("%d plans of %d histories, %d of them accepted in part; %d times a full run found something left, as in memory; differences: %v", sum.plans, n, sum.part, sum.restless, count)
	for _, kind := range slices.Sorted(maps.Keys(shortest)) {
		t.Errorf("%s\n%s", kind, shortest[kind])
	}
}
