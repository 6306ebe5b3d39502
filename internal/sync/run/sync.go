package run

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"muster/internal/base/object"
	"muster/internal/store"
	"muster/internal/store/units"
	"muster/internal/sync/engine"
	"muster/internal/sync/rules"
)

// Sync decides what moved, or everybody, and accepts as o says.
func (r *Runner) Sync(ctx context.Context, o SyncOptions) (*StepReport, error) {
	return r.alone(ctx, Step{Do: Sync, Full: o.Full}, func(ctx context.Context, rep *StepReport) error { return r.syncStep(ctx, rep, o) })
}

func (r *Runner) syncStep(ctx context.Context, rep *StepReport, o SyncOptions) error {
	if o.Preview && o.Release != "" {
		return r.previewRelease(ctx, rep, o)
	}
	if err := r.finishPlan(ctx, rep); err != nil {
		return err
	}
	d, err := r.deciding(ctx, o, "sync", nil)
	if err != nil {
		rep.Result = NoStartBadConfig
		return err
	}
	if err := d.reindex(ctx, rep); err != nil {
		return err
	}
	if err := d.carryOut(ctx, rep); err != nil || o.Rules == nil {
		return err
	}
	own := *d
	own.set, own.opt.Rules = r.cfg.Rules, nil
	return own.reindex(ctx, rep) // nobody keeps up what other rules look up
}

// reindex sees to it that objects are found by what the rules look up, those
// that were there before the rules too. A preview with other rules looks up
// what these ask for as well.
func (d *deciding) reindex(ctx context.Context, rep *StepReport) error {
	x := store.IndexesOf(d.set, d.r.opt.Search...)
	if d.opt.Rules != nil {
		mine := store.IndexesOf(d.r.cfg.Rules, d.r.opt.Search...)
		for _, both := range [][2]map[rules.Spot]bool{{x.Keys, mine.Keys}, {x.Unique, mine.Unique}, {x.Spots, mine.Spots}} {
			maps.Copy(both[0], both[1])
		}
		x.Arrivals = mine.Arrivals
	}
	d.r.store.SetIndexes(x)
	types := slices.Sorted(maps.Keys(d.set.Types))
	return d.r.store.Reindex(ctx, types, func(n int64) { d.r.observe(Event{Step: rep.Step, Phase: "index", Done: n}) })
}

// deciding begins a plan with the rules in force. f are those that a small one
// is about; nil: whoever moved, or everybody.
func (r *Runner) deciding(ctx context.Context, o SyncOptions, kind string, f *few) (*deciding, error) {
	d := &deciding{r: r, opt: o, kind: kind, few: f, own: store.Marks{}, stale: map[object.ID]bool{}}
	var err error
	if d.set, err = r.rulesInForce(ctx); err != nil {
		return nil, err
	}
	if o.Rules != nil {
		d.set, d.kind = o.Rules.Rules, "rules"
	} else if o.Preview {
		d.kind = "preview"
	}
	return d, nil
}

// carryOut decides, and accepts unless that is only shown.
func (d *deciding) carryOut(ctx context.Context, rep *StepReport) error {
	d.rep = rep
	if err := d.decide(ctx); err != nil {
		return err
	}
	rep.Plan = d.plan.No
	rep.Result = Success
	if len(d.faults) > 0 {
		rep.Result = CompletedSync
	}
	if d.opt.Preview {
		return d.keepWaiting(ctx)
	}
	return d.accept(ctx)
}

// deciding is one plan on its way from trigger to acceptance.
type deciding struct {
	r           *Runner
	rep         *StepReport
	opt         SyncOptions
	set         *rules.Set
	kind        string
	trig        engine.Trigger
	moment      int64
	gen         int64
	dec         *engine.Decider // until the plan is accepted
	kept        *store.Kept     // what linking read
	queue       []*engine.Queued
	offers      map[object.ID][]engine.Key
	plan        store.Plan
	notes       []note
	faults      []engine.ObjectFault
	failed      []object.ID // entries of objects on which a rule failed: the next run tries again
	seen        []object.ID // those objects, and who was decided by what they would be: likewise
	unborn      []object.ID // objects that are not born because a rule failed
	counts      map[string]int64
	entries     map[string]int64 // what became of entries and accounts, by MIM's names
	hashes      []engine.Hash
	done        int64
	waited      map[object.ID]bool // objects on the waiting list now
	tallies     []*engine.Tally    // what guards count in it
	all         bool               // everybody is decided
	heldObjects []object.ID
	open        map[object.ID][]engine.Change // units that nobody approved
	few         *few                          // of a small plan; nil: whoever moved, or everybody
	own         store.Marks                   // marks that this plan set
	stale       map[object.ID]bool            // objects and entries that somebody marked meanwhile
}

// few are those that a small plan is about. It decides them and what follows,
// and leaves the others who moved to the next synchronization.
type few struct {
	entries, objects []object.ID
}

// note is what deciding leaves behind beside units: it is written when the plan
// is accepted, and for objects without a unit too.
type note struct {
	object  object.ID
	due     time.Time
	redue   bool // due is not what is stored
	ended   []*engine.Hold
	waiting []engine.Change
	origins []engine.NewOrigin
}

func (d *deciding) connectors() []string {
	out := make([]string, len(d.set.Connectors))
	for i, c := range d.set.Connectors {
		out[i] = c.Name
	}
	return out
}

// decide runs the passes until no guard adds a hold, and stores the plan.
func (d *deciding) decide(ctx context.Context) error {
	if err := d.gather(ctx); err != nil {
		return err
	}
	d.dec = engine.Begin(d.set, d.trig)
	for {
		tallies, err := d.round(ctx)
		if err != nil {
			return err
		}
		tripped, again := d.dec.Judge(tallies)
		for i := range tripped {
			d.rep.Guards = append(d.rep.Guards, tripped[i].String())
		}
		if !again {
			d.tallies = tallies
			return d.finish(ctx)
		}
		err = d.r.store.People(ctx, func(t *store.Tx) error { return t.SetPlanState(d.plan.No, store.PlanDropped, 0) })
		if err != nil {
			return err
		}
	}
}

// gather reads who moved since the last plan.
func (d *deciding) gather(ctx context.Context) error {
	d.trig = engine.Trigger{All: map[string]bool{}}
	return d.r.store.Read(ctx, func(t *store.Tx) error {
		var err error
		if d.moment, err = t.Now(); err != nil {
			return err
		}
		if d.gen, err = t.Generation(); err != nil {
			return err
		}
		if d.trig.Now, err = d.r.clock(t); err != nil {
			return err
		}
		if d.few != nil {
			return d.gatherFew(t)
		}
		if err := d.askAll(t); err != nil {
			return err
		}
		for _, conn := range d.connectors() {
			all, err := t.AllMoved(conn)
			if err != nil {
				return err
			}
			all = all || d.all
			if err := t.EachEntry(conn, all, func(refs []store.Ref) (bool, error) {
				for i := range refs {
					d.trig.Entries = append(d.trig.Entries, refs[i].ID)
				}
				return true, ctx.Err()
			}); err != nil {
				return err
			}
			d.trig.All[conn] = all
		}
		more, err := d.waiting(t)
		if err != nil {
			return err
		}
		if err := d.addEntries(t, more); err != nil {
			return err
		}
		if d.trig.Objects, err = d.objects(t); err != nil {
			return err
		}
		d.trig.Window, err = Window(t, d.trig.Now)
		return err
	})
}

// gatherFew takes who a small plan is about.
func (d *deciding) gatherFew(t *store.Tx) (err error) {
	entries := map[object.ID]bool{}
	for _, id := range d.few.entries {
		entries[id] = true
	}
	if err := d.addEntries(t, entries); err != nil {
		return err
	}
	d.trig.Objects = slices.Clone(d.few.objects)
	slices.SortFunc(d.trig.Objects, object.ID.Compare)
	d.trig.Objects = slices.Compact(d.trig.Objects)
	d.trig.Window, err = Window(t, d.trig.Now)
	return err
}

// askAll tells whether everybody is decided: in a full run, with other rules,
// and once after the rules changed (DELTA-8). A change of rules that reaches
// few people decides all of them too: who is touched is not worked out yet.
func (d *deciding) askAll(t *store.Tx) error {
	var version string
	if err := setting(t, settingRules, &version); err != nil {
		return err
	}
	d.all = d.opt.Full || d.opt.Rules != nil || version != "" && version != d.set.Version
	if version == "" || version == d.set.Version {
		return nil
	}
	if set, err := d.r.kept(t, version); err == nil {
		d.trig.Before = set // where they can no longer be read, a drift hides them (OUT-17)
	}
	return nil
}

// objects lists the objects to decide again: marked, due, waiting; in a full
// run all, and those that wait to be born.
func (d *deciding) objects(t *store.Tx) (out []object.ID, err error) {
	if d.all {
		d.trig.All[""] = true
		out, err = d.everybody(t)
	} else {
		out, err = d.concerned(t)
	}
	for id := range d.waited {
		out = append(out, id)
	}
	out = append(out, d.heldObjects...)
	slices.SortFunc(out, object.ID.Compare)
	return slices.Compact(out), err
}

// concerned lists the objects that are marked or due.
func (d *deciding) concerned(t *store.Tx) ([]object.ID, error) {
	var out []object.ID
	for after := (object.ID{}); ; {
		ids, err := t.DirtyObjects(after, 10_000)
		if err != nil {
			return nil, err
		}
		out = append(out, ids...)
		if len(ids) < 10_000 {
			break
		}
		after = ids[len(ids)-1]
	}
	for _, more := range []func() ([]object.ID, error){
		func() ([]object.ID, error) { return t.DueObjects(d.trig.Now, math.MaxInt32) },
		func() ([]object.ID, error) { return t.HoldsDue(d.trig.Now, math.MaxInt32) },
	} {
		ids, err := more()
		if err != nil {
			return nil, err
		}
		out = append(out, ids...)
	}
	return out, nil
}

// everybody lists all objects.
func (d *deciding) everybody(t *store.Tx) ([]object.ID, error) {
	var out []object.ID
	for typ := range d.set.Types {
		for after := int64(0); ; {
			list, next, err := t.ObjectsOf(typ, after, 10_000)
			if err != nil {
				return nil, err
			}
			for _, o := range list {
				out = append(out, o.ID)
			}
			if next == 0 {
				break
			}
			after = next
		}
	}
	return out, nil
}

// waiting notes what waits from run to run, and returns the entries that must be
// looked at because of it: those in the join queue, those whose link waits, and
// those on whose link there is a hold (see engine.KeysOf and engine.Moved).
func (d *deciding) waiting(t *store.Tx) (map[object.ID]bool, error) {
	d.waited, d.heldObjects = map[object.ID]bool{}, nil
	entries := map[object.ID]bool{}
	for after := (object.ID{}); ; {
		list, err := t.WaitingObjects(after, 1000)
		if err != nil {
			return nil, err
		}
		for _, w := range list {
			after = w.Object
			d.waited[w.Object] = true
			d.trig.Keys = append(d.trig.Keys, engine.KeysOf(d.set, w.Changes)...)
			for _, id := range engine.Moved(w.Changes) {
				entries[id] = true
			}
		}
		if len(list) < 1000 {
			break
		}
	}
	queued, err := t.Queued(math.MaxInt32)
	if err != nil {
		return nil, err
	}
	for i := range queued {
		entries[queued[i].Entry] = true
	}
	holds, err := allHolds(t)
	if err != nil {
		return nil, err
	}
	for _, h := range holds {
		d.heldObjects = append(d.heldObjects, h.Target.Object)
		if h.Target.Kind == engine.EntryLink {
			entries[h.Target.Entry()] = true
		}
	}
	return entries, nil
}

// addEntries adds entries to those that moved, and keeps the order of
// connectors and anchors.
func (d *deciding) addEntries(t *store.Tx, more map[object.ID]bool) error {
	if d.all || len(more) == 0 {
		return nil
	}
	for _, id := range d.trig.Entries {
		more[id] = true
	}
	type at struct {
		rank   int
		anchor string
		id     object.ID
	}
	rank := map[string]int{}
	for i, c := range d.connectors() {
		rank[c] = i
	}
	list := make([]at, 0, len(more))
	for ids := range slices.Chunk(slices.Collect(maps.Keys(more)), 1000) {
		found, err := t.Entries(ids)
		if err != nil {
			return err
		}
		for _, e := range found { // who is asked for by the anchor may be there by another id
			list = append(list, at{rank[e.Connector], e.Anchor, e.ID})
		}
	}
	slices.SortFunc(list, func(a, b at) int {
		return cmp.Or(a.rank-b.rank, strings.Compare(a.anchor, b.anchor), a.id.Compare(b.id))
	})
	d.trig.Entries = d.trig.Entries[:0]
	for _, x := range slices.Compact(list) {
		d.trig.Entries = append(d.trig.Entries, x.id)
	}
	return nil
}

// round runs all passes once and writes the units.
func (d *deciding) round(ctx context.Context) ([]*engine.Tally, error) {
	d.notes, d.faults, d.failed, d.seen, d.unborn, d.hashes, d.counts, d.entries, d.done = nil, nil, nil, nil, nil, nil, map[string]int64{}, map[string]int64{}, 0
	w, err := d.r.store.NewPlan(ctx, store.Plan{Kind: d.kind, Author: d.r.opt.By, Rules: d.set.Version, Started: d.trig.Now, Trigger: d.accepts(), Generation: d.gen, Moment: d.moment})
	if err != nil {
		return nil, err
	}
	d.plan.No = w.No()
	var todo engine.Todo
	err = d.r.store.Read(ctx, func(t *store.Tx) error {
		v := t.View(d.connectors())
		for _, pass := range []func(engine.View) error{d.dec.Link, d.dec.Claim} {
			d.r.observe(Event{Step: d.rep.Step, Phase: "link", Total: int64(len(d.trig.Entries))})
			if err := pass(v); err != nil {
				return err
			}
		}
		var err error
		if todo, err = d.dec.Objects(v); err != nil {
			return err
		}
		d.kept, err = v.Kept()
		return err
	})
	var tallies []*engine.Tally
	d.hashes = make([]engine.Hash, 0, todo.Len())
	for err == nil && todo.Len() > 0 {
		var more []*engine.Tally
		if more, err = d.batches(ctx, w, todo); err == nil {
			tallies = append(tallies, more...)
			todo, err = d.extend(ctx, more)
		}
	}
	if err != nil {
		return nil, err
	}
	d.faults = append(d.faults, d.dec.Faults()...)
	d.plan, err = w.End(engine.PlanHash(d.hashes), d.counts, d.r.now())
	d.hashes = nil
	return tallies, err
}

func (d *deciding) accepts() string {
	if d.opt.Accept == Approved {
		return onlyApproved
	}
	return ""
}

// extend brings in the objects that the batches' changes may reach.
func (d *deciding) extend(ctx context.Context, tallies []*engine.Tally) (todo engine.Todo, err error) {
	var again []object.ID
	for _, t := range tallies {
		again = append(again, t.Again...)
	}
	if len(again) == 0 {
		return todo, nil
	}
	err = d.r.store.Read(ctx, func(t *store.Tx) error {
		v, err := d.view(t)
		if err == nil {
			todo, err = d.dec.Extend(v, again)
		}
		return err
	})
	return todo, err
}

// batches decides the objects, several batches at a time, and takes the results
// in order.
func (d *deciding) batches(ctx context.Context, w *store.PlanWriter, todo engine.Todo) ([]*engine.Tally, error) {
	ctx, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait() // nobody decides any more when the next pass begins
	defer stop()
	var out []*engine.Tally
	for decided := range d.ahead(ctx, &wg, todo) {
		b := <-decided
		if b.err != nil {
			return nil, b.err
		}
		if err := d.take(w, &b); err != nil {
			return nil, err
		}
		out = append(out, b.tally)
		d.r.observe(Event{Step: d.rep.Step, Phase: "decide", Done: d.done, Total: int64(todo.Len())})
	}
	return out, ctx.Err()
}

// batch is a decided part of a plan, its units encoded in the order of the
// verdicts.
type batch struct {
	tally *engine.Tally
	units []units.Encoded
	err   error
}

// ahead decides the objects part by part, several at the same time, and no more
// than one ahead of whoever takes the results in order.
func (d *deciding) ahead(ctx context.Context, wg *sync.WaitGroup, todo engine.Todo) <-chan chan batch {
	workers := max(1, d.r.opt.Workers)
	out, busy := make(chan chan batch, 1), make(chan struct{}, workers)
	wg.Go(func() {
		defer close(out)
		for part := range todo.Parts(d.r.opt.Batch) {
			to := make(chan batch, 1)
			select {
			case busy <- struct{}{}:
			case <-ctx.Done():
				return
			}
			wg.Go(func() {
				to <- d.batch(ctx, part)
				<-busy
			})
			select {
			case out <- to:
			case <-ctx.Done():
				return
			}
		}
	})
	return out
}

// view is a view for deciding, which need not read again what linking read.
func (d *deciding) view(t *store.Tx) (*store.View, error) { return t.View(d.connectors()).From(d.kept) }

func (d *deciding) batch(ctx context.Context, ids []object.ID) (b batch) {
	b.tally, b.err = d.guardedBatch(ctx, ids)
	if b.err != nil {
		return b
	}
	b.err = guard(synchronization, func() error {
		var list []*engine.Unit
		for _, v := range b.tally.Verdicts {
			if v.Unit != nil && len(v.Faults) == 0 {
				list = append(list, v.Unit)
			}
		}
		b.units = units.Encode(list)
		return nil
	})
	return b
}

// take stores a batch's units and keeps its notes.
func (d *deciding) take(w *store.PlanWriter, b *batch) error {
	t, units := b.tally, b.units
	for _, v := range t.Verdicts {
		d.done++
		d.faults = append(d.faults, v.Faults...)
		if len(v.Faults) > 0 {
			d.entries["connector-no-flow"] += d.dec.Asked(v.Object)
			d.counts["faults"]++
			d.failed, d.seen = append(d.failed, v.Entries...), append(append(d.seen, v.Object), v.Seen...)
			if v.Unborn {
				d.unborn = append(d.unborn, v.Object)
			}
			continue
		}
		if v.Unit != nil {
			if _, _, err := w.AddEncoded(units[0]); err != nil {
				return err
			}
			d.hashes = append(d.hashes, units[0].Hash)
			units = units[1:]
			d.tally(v.Unit)
		}
		d.entries[flowCounter(v.Unit)] += d.dec.Asked(v.Object)
		if len(v.Waiting) > 0 {
			d.counts["held"]++
		}
		if v.Unit == nil && !v.Due.Equal(v.WasDue) || len(v.Ended) > 0 || len(v.Waiting) > 0 || d.waited[v.Object] || d.few != nil || len(v.Origins) > 0 {
			d.notes = append(d.notes, note{object: v.Object, due: v.Due, redue: v.Unit == nil && !v.Due.Equal(v.WasDue), ended: v.Ended, waiting: slices.Clone(v.Waiting), origins: v.Origins})
		}
	}
	t.Done() // the units are stored
	return nil
}

// tally counts a unit's changes by connector and op, and what became of the
// entries and accounts (STAT-9, STAT-10).
func (d *deciding) tally(u *engine.Unit) {
	ended := slices.ContainsFunc(u.Changes, func(c engine.Change) bool { return c.Op == engine.Death })
	founder, added := "", ""
	alike := int64(0) // those that are alike stand side by side
	for i := range u.Changes {
		c := &u.Changes[i]
		if alike++; i+1 == len(u.Changes) || u.Changes[i+1].Op != c.Op || u.Changes[i+1].Connector != c.Connector {
			d.counts[c.Connector+"\x00"+c.Op.String()] += alike
			alike = 0
		}
		switch c.Op {
		case engine.Birth:
			founder = c.After.First().Text()
		case engine.Link:
			d.entries[pick(c.Connector+"/"+c.Name == founder, "disconnector-projected-flow", "disconnector-joined-flow")]++
		case engine.Unlink:
			d.entries[pick(ended, "connector-delete-remove-mv", "connector-delete-leave-mv")]++
		case engine.AddAccount:
			added = c.Connector
			d.entries["provisioned-add-flow"]++
		case engine.Rename:
			if c.Connector != added {
				d.entries["provisioned-rename-flow"]++
			}
		case engine.CutAccount:
			d.entries["provisioned-disconnect"]++
		case engine.DropAccount:
			d.entries["provisioned-delete"]++
		default:
		}
	}
}

func pick(is bool, yes, no string) string {
	if is {
		return yes
	}
	return no
}

// flowCounter is where entries count that keep their link: by whether the unit
// changes the metaverse.
func flowCounter(u *engine.Unit) string {
	return pick(u != nil && slices.ContainsFunc(u.Changes, func(c engine.Change) bool { return c.HasOrigin() }), "connector-flow", "connector-no-flow")
}

// finish writes the holds that guards made, and what went wrong.
func (d *deciding) finish(ctx context.Context) error {
	holds := d.dec.NewHolds()
	for _, h := range holds {
		h.Plan, h.By = d.plan.No, engine.ByGuard
	}
	if d.opt.Preview {
		holds = nil
	}
	for _, f := range d.faults {
		d.rep.fault(f)
	}
	d.report()
	if len(holds) == 0 && len(d.unborn) == 0 {
		return nil
	}
	unborn := make([]store.UnitMark, len(d.unborn))
	for i, id := range d.unborn {
		unborn[i] = store.UnitMark{Object: id, Place: -1, State: store.UnitFailed} // it has no unit
	}
	return d.r.store.People(ctx, func(t *store.Tx) error {
		return errors.Join(t.MarkUnits(d.plan.No, unborn), t.Marking(d.own, func() error { return t.WriteHolds(holds) }))
	})
}

// report fills the counters by MIM's names (STAT-9, STAT-10) and our own.
func (d *deciding) report() {
	for _, name := range slices.Sorted(maps.Keys(d.entries)) {
		d.rep.count(name, d.entries[name])
	}
	d.rep.count("disconnector-remains", d.dec.Alone())
	d.rep.count("held", d.counts["held"])
	d.rep.count("decided", d.done)
	d.rep.count("units", d.plan.Units)
	d.rep.count("queue", int64(len(d.dec.Queue())))
}

// clock is the deciding clock: now, but never earlier than it was (TIME-2).
func (r *Runner) clock(t *store.Tx) (time.Time, error) {
	var last time.Time
	if err := setting(t, settingClock, &last); err != nil {
		return time.Time{}, err
	}
	if now := r.now(); now.After(last) {
		return now, nil
	}
	return last, nil
}

// check makes sure that a plan is complete before it is worked with.
func incomplete(no int64) error {
	return fmt.Errorf("plan %d was not decided to its end; run the synchronization again", no)
}
