package run

import (
	"context"
	"errors"
	"maps"
	"math"
	"slices"
	"time"

	"muster/internal/base/object"
	"muster/internal/store"
	"muster/internal/store/units"
	"muster/internal/sync/engine"
	"muster/internal/sync/rules"
	"muster/internal/sync/space"
)

// accept accepts the plan chunk by chunk, then writes what deciding left
// behind. A run that dies in between goes on where it was (see finishPlan).
func (d *deciding) accept(ctx context.Context) error {
	d.queue, d.offers = d.dec.Queue(), d.dec.Offers()
	d.dec, d.trig.Entries, d.trig.Objects = nil, nil, nil // a large plan's are large
	a, err := d.r.acceptPlan(ctx, d.rep, &acceptance{plan: d.plan, tallies: d.tallies, own: d.own, kept: d.kept})
	if err != nil {
		return err
	}
	d.open = a.open
	return d.r.store.Bulk(ctx, func(t *store.Tx) error {
		if err := d.outdated(t, a.open); err != nil {
			return err
		}
		return d.leave(t, a)
	})
}

// waits lists what waits for people after the plan.
func (d *deciding) waits() []engine.Hash {
	var out []engine.Hash
	add := func(id object.ID, changes []engine.Change) {
		for i := range changes {
			out = append(out, engine.ChangeHash(id, &changes[i]))
		}
	}
	for i := range d.notes {
		add(d.notes[i].object, d.notes[i].waiting)
	}
	for id, changes := range d.open {
		add(id, changes)
	}
	return out
}

// outdated drops what deciding would leave behind for those whom somebody else
// marked meanwhile, a small plan that passed beside it above all (ACC-8): they
// are decided again.
func (d *deciding) outdated(t *store.Tx, open map[object.ID][]engine.Change) error {
	if gen, err := t.Generation(); err != nil || gen == d.gen {
		return err
	}
	for part := range slices.Chunk(slices.Clone(d.notes), 1000) {
		var ids []object.ID
		for i := range part {
			ids = append(ids, part[i].object)
		}
		marked, err := t.MarkedSince(d.moment, ids, nil, d.own)
		if err != nil {
			return err
		}
		for i := range part {
			d.stale[part[i].object] = marked[part[i].object] && open[part[i].object] == nil
		}
	}
	d.notes = slices.DeleteFunc(d.notes, func(n note) bool { return d.stale[n.object] })
	asking := slices.Collect(maps.Keys(d.offers))
	for part := range slices.Chunk(asking, 1000) {
		marked, err := t.MarkedSince(d.moment, nil, part, d.own)
		if err != nil {
			return err
		}
		for _, id := range part {
			if marked[id] {
				d.stale[id] = true
				delete(d.offers, id)
			}
		}
	}
	d.queue = slices.DeleteFunc(d.queue, func(q *engine.Queued) bool { return d.stale[q.Entry] })
	return nil
}

// leave writes notes, the waiting list, the join queue and what unlinked
// entries ask for, and takes off the marks of who was decided.
func (d *deciding) leave(t *store.Tx, a *acceptance) error {
	w := t.Writer(d.plan.No)
	var ended []*engine.Hold
	waiting := map[object.ID][]engine.Change{}
	for id := range d.waited { // who is not born after all has no verdict
		if d.few == nil && !d.stale[id] {
			waiting[id] = a.open[id]
		}
	}
	for _, n := range d.notes {
		waiting[n.object] = append(n.waiting, a.open[n.object]...)
		if a.waits[n.object] {
			continue // it stays as it was
		}
		ended = append(ended, n.ended...)
		if n.redue {
			if err := w.SetDue(n.object, n.due); err != nil {
				return err
			}
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if err := d.leaveOrigins(t, w); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	ended = slices.DeleteFunc(ended, func(h *engine.Hold) bool { return h.ID == 0 })
	if err := t.EndHolds(ended); err != nil {
		return err
	}
	if err := t.SetWaiting(waiting); err != nil {
		return err
	}
	if err := d.leaveQueue(t); err != nil {
		return err
	}
	if err := t.SetOffers(d.offers); err != nil {
		return err
	}
	if err := tick(t, d.trig.Now); err != nil {
		return err
	}
	if err := d.r.keepRules(t, d.set.Version); err != nil {
		return err
	}
	if err := errors.Join(t.MarkEntries(d.failed), t.MarkObjects(d.seen)); err != nil {
		return err
	}
	if d.few != nil {
		return d.markFew(t)
	}
	if err := setSetting(t, settingRules, d.set.Version); err != nil {
		return err
	}
	return t.Decided(d.connectors(), d.moment)
}

// tick notes the latest instant that deciding used (TIME-2): a small plan may
// have used a later one than the large plan beside which it passed.
func tick(t *store.Tx, now time.Time) error {
	var last time.Time
	if err := setting(t, settingClock, &last); err != nil || !now.After(last) {
		return err
	}
	return setSetting(t, settingClock, now)
}

// markFew marks whom a small plan decided: a large one that is being decided at
// the same time has read what they were before.
func (d *deciding) markFew(t *store.Tx) error {
	ids := slices.Clone(d.few.objects)
	for i := range d.notes {
		ids = append(ids, d.notes[i].object)
	}
	if err := t.MarkObjects(ids); err != nil {
		return err
	}
	return t.MarkEntries(append(slices.Collect(maps.Keys(d.offers)), d.few.entries...))
}

// leaveOrigins writes where values come from that stay as they are (FLOW-21).
func (d *deciding) leaveOrigins(t *store.Tx, w *store.Writer) error {
	for part := range slices.Chunk(d.notes, 1000) {
		var ids []object.ID
		for _, n := range part {
			if len(n.origins) > 0 {
				ids = append(ids, n.object)
			}
		}
		objs, err := t.Objects(ids)
		if err != nil {
			return err
		}
		for _, n := range part {
			was := objs[n.object]
			if was == nil || len(n.origins) == 0 {
				continue
			}
			is := *was
			is.Origins = slices.Clone(was.Origins)
			for _, o := range n.origins {
				for i := range is.Attrs {
					if is.Attrs[i].Name == o.Attr && i < len(is.Origins) {
						o.Origin.At = d.plan.Started
						is.Origins[i] = o.Origin
					}
				}
			}
			if err := w.Put(&is, was); err != nil {
				return err
			}
		}
	}
	return nil
}

// leaveQueue writes who waits in the join queue, and takes out who does not any
// more.
func (d *deciding) leaveQueue(t *store.Tx) error {
	was, err := t.Queued(math.MaxInt32)
	if err != nil {
		return err
	}
	now := map[object.ID]bool{}
	var list []engine.Queued
	for _, q := range d.queue {
		now[q.Entry] = true
		list = append(list, *q)
	}
	var gone []object.ID
	for i := range was {
		_, tried := d.offers[was[i].Entry]
		if !now[was[i].Entry] && !d.stale[was[i].Entry] && (d.few == nil || tried) {
			gone = append(gone, was[i].Entry)
		}
	}
	return t.SetQueued(list, gone)
}

// finishPlan goes on with a plan whose acceptance was interrupted: the rest of
// its chunks is accepted, and who was decided in it is decided again, so that
// its notes are written (ACC-7). Plans that were never decided to their end are
// dropped.
func (r *Runner) finishPlan(ctx context.Context, rep *StepReport) error {
	var open []store.Plan
	err := r.store.Read(ctx, func(t *store.Tx) (err error) {
		open, err = t.Plans(0, 20)
		return err
	})
	if err != nil {
		return err
	}
	for _, p := range open {
		switch p.State {
		case store.PlanAccepting:
			rep.count("resumed", 1)
			if _, err := r.acceptPlan(ctx, rep, &acceptance{plan: p, own: store.Marks{}}); err != nil {
				return err
			}
		case store.PlanDeciding:
			err := r.store.People(ctx, func(t *store.Tx) error { return t.SetPlanState(p.No, store.PlanDropped, 0) })
			if err != nil {
				return err
			}
		default:
		}
	}
	return nil
}

// acceptPlan applies what is left of a plan, one transaction a batch of chunks.
func (r *Runner) acceptPlan(ctx context.Context, rep *StepReport, a *acceptance) (*acceptance, error) {
	p := a.plan
	a.r, a.next, a.waits, a.open = r, p.Accepted, map[object.ID]bool{}, map[object.ID][]engine.Change{}
	if err := a.begin(ctx); err != nil {
		return nil, err
	}
	chunks := (p.Units + units.InChunk - 1) / units.InChunk
	r.observe(Event{Step: rep.Step, Phase: "accept", Done: a.next * units.InChunk, Total: p.Units})
	a.chunks = r.store.Accepting(ctx, a.stamp(), a.next, chunks)
	defer a.chunks.End()
	for a.next < chunks {
		if err := r.store.Bulk(ctx, func(t *store.Tx) error { return a.some(t, chunks) }); err != nil {
			return nil, err
		}
		r.observe(Event{Step: rep.Step, Phase: "accept", Done: min(a.next*units.InChunk, p.Units), Total: p.Units})
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	if chunks >= chunksAtOnce {
		if err := r.store.Compact(ctx); err != nil {
			return nil, err
		}
	}
	rep.count("not-approved", int64(len(a.open)))
	return a, r.store.People(ctx, func(t *store.Tx) error { return t.SetPlanState(p.No, store.PlanAccepted, a.next) })
}

// some accepts chunks until somebody waits for the store.
func (a *acceptance) some(t *store.Tx, chunks int64) (err error) {
	if a.first == nil {
		if a.first, err = a.r.firstPlanned(t); err != nil {
			return err
		}
	}
	x := &accepting{acceptance: a, t: t}
	next := a.next
	w := t.Writer(a.plan.No)
	w.Over(a.kept)
	most := a.r.opt.Chunks
	for n := int64(0); next < chunks && n < most && x.changes < changesAtOnce; n++ {
		if err := x.chunk(w, next); err != nil {
			return err
		}
		next++
		if t.ShouldYield() {
			break
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if err := x.close(); err != nil {
		return err
	}
	a.next = next
	return t.SetPlanState(a.plan.No, store.PlanAccepting, next)
}

func (a *acceptance) stamp() engine.Stamp {
	return engine.Stamp{Plan: a.plan.No, At: a.plan.Started}
}

// firstPlanned lists the connectors in which no plan has made accounts yet:
// nobody needs to look for accounts that are left from an earlier life.
func (r *Runner) firstPlanned(t *store.Tx) (map[string]bool, error) {
	out := map[string]bool{}
	for _, name := range r.names() {
		planned, err := t.Planned(name)
		if err != nil {
			return nil, err
		}
		out[name] = !planned
	}
	return out, nil
}

// What one transaction accepts, if nobody waits: so many chunks, and no other
// after so many changes. What they write is in memory until it commits, and a
// unit of a group may have a hundred thousand.
const (
	chunksAtOnce  = 32
	changesAtOnce = 250_000
)

// accepting is one transaction of acceptance.
type accepting struct {
	*acceptance
	t       *store.Tx
	changes int         // accepted so far
	stale   []object.ID // objects to be decided again
	mark    []object.ID // entries to be decided again
	linked  map[engine.Count]int
	marks   []store.UnitMark
	ended   []*engine.Hold // holds that end with their objects
}

func (a *accepting) chunk(w *store.Writer, no int64) error {
	c, err := a.chunks.Chunk(a.t, no)
	if err != nil {
		return err
	}
	if c == nil {
		return incomplete(a.plan.No)
	}
	v, err := a.t.View(a.r.names()).From(a.kept)
	if err != nil {
		return err
	}
	known, err := a.load(v, c)
	if err != nil {
		return err
	}
	if err := a.overtaken(v, c.Units, no); err != nil {
		return err
	}
	if err := w.Announce(changed(c.Units)); err != nil {
		return err
	}
	for i := range c.Units {
		u := &c.Units[i]
		a.changes += len(u.Changes)
		if a.waits[u.Object] {
			a.leaveOut(u, no, i)
			continue
		}
		w.At(no, i)
		if err := a.unit(w, v, u, known[i]); err != nil {
			return err
		}
	}
	return nil
}

// changed lists the objects of units that do not bring them into being.
func changed(units []engine.Unit) []object.ID {
	var out []object.ID
	for i := range units {
		if u := &units[i]; !slices.ContainsFunc(u.Changes, func(c engine.Change) bool { return c.Op == engine.Birth }) {
			out = append(out, u.Object)
		}
	}
	return out
}

// leaveOut notes a unit that does not go with its plan; its object is decided
// again, with the entries that would found it, as it may have none to be marked by.
func (a *accepting) leaveOut(u *engine.Unit, chunk int64, place int) {
	why := store.UnitOvertaken
	if a.plan.Trigger == onlyApproved {
		why = store.UnitHeld
		a.open[u.Object] = u.Changes
	}
	a.stale = append(a.stale, u.Object)
	a.mark = append(a.mark, engine.Moved(u.Changes)...)
	a.marks = append(a.marks, store.UnitMark{Object: u.Object, Chunk: chunk, Place: place, State: why})
}

// namesOf lists the unique names that a unit gives.
func (a *accepting) namesOf(u *engine.Unit) []engine.Name {
	var out []engine.Name
	t := a.r.cfg.Rules.Types[u.Type]
	for _, c := range u.Claims {
		if t != nil && t.Attributes[c.Attr] != nil {
			out = append(out, engine.Name{Type: u.Type, Attr: c.Attr, Value: object.Key(object.Str(c.Name), t.Attributes[c.Attr].Folded)})
		}
	}
	return out
}

// load reads what applying the units reads, and returns what those come to of
// which that is known: that they bring their objects into being, and of the
// entries that they link no more than that they are there.
func (a *accepting) load(v *store.View, c *units.Chunk) ([]*engine.Effect, error) {
	gen, err := a.t.Generation()
	if err != nil {
		return nil, err
	}
	known := make([]*engine.Effect, len(c.Units))
	var free, linked []object.ID // entries, by whether they are linked to somebody
	var others []engine.Unit
	for i := range c.Units {
		if i < len(c.Born) && c.Born[i] != nil && gen == a.plan.Generation && a.firstThere(c.Born[i].Added) {
			known[i] = c.Born[i]
			for _, l := range known[i].Links {
				if l.From.IsZero() {
					free = append(free, l.Entry)
				} else {
					linked = append(linked, l.Entry)
				}
			}
			continue
		}
		others = append(others, c.Units[i])
	}
	if err := v.LoadHeads(free, linked); err != nil {
		return nil, err
	}
	return known, v.Load(engine.Needs(others))
}

// firstThere reports that no plan before this one made accounts where these are
// added, so that none of an earlier life can be there.
func (a *accepting) firstThere(added []*space.Entry) bool {
	return !slices.ContainsFunc(added, func(e *space.Entry) bool { return !a.first[e.Connector] })
}

// unit writes what one unit does; fx is nil if that is still to be worked out.
func (a *accepting) unit(w *store.Writer, v *store.View, u *engine.Unit, fx *engine.Effect) (err error) {
	if fx == nil {
		if fx, err = engine.Apply(v, u, a.stamp()); err != nil {
			return err
		}
	}
	switch {
	case fx.Born:
		err = w.Birth(fx.Object)
	case !fx.Ended.IsZero():
		err = w.Death(v.Object(u.Object))
	case fx.Object != nil:
		err = w.Put(fx.Object, v.Object(u.Object))
	}
	if err != nil {
		return err
	}
	for _, l := range fx.Links {
		if e := v.Entry(l.Entry); e != nil && e.Connector == rules.Portal && e.Explicit && l.To.IsZero() {
			fx.Removed = append(fx.Removed, l.Entry) // what people edited of an object ends with it
			continue
		}
		if err := w.Link(l, v.Entry(l.Entry)); err != nil {
			return err
		}
	}
	for _, e := range fx.Added {
		if err := w.NewAccount(e, u.Object); err != nil {
			return err
		}
	}
	for _, e := range fx.Changed {
		if err := w.SetPending(e.ID, e.Pending); err != nil {
			return err
		}
		if was := v.Entry(e.ID); was != nil && was.DN != e.DN {
			if err := w.Name(e); err != nil {
				return err
			}
		}
		if was := v.Entry(e.ID); len(e.Initial) > 0 && (was == nil || !was.Initial.Equal(e.Initial)) {
			if err := w.SetInitial(e.ID, e.Initial); err != nil {
				return err
			}
		}
	}
	for _, id := range fx.Removed {
		if err := w.DropEntry(id); err != nil {
			return err
		}
	}
	a.mark = append(a.mark, fx.Recheck...)
	a.ended = append(a.ended, fx.Holds...)
	a.tally(v, u, fx.Born)
	return nil
}

// close marks who must be decided again, and counts for the guards.
func (a *accepting) close() error {
	if err := a.t.Marking(a.own, func() error { return a.t.EndHolds(a.ended) }); err != nil {
		return err
	}
	if err := a.t.MarkUnits(a.plan.No, a.marks); err != nil {
		return err
	}
	if err := a.t.SetWaiting(a.open); err != nil {
		return err
	}
	err := a.t.Marking(a.own, func() error {
		if err := a.t.MarkObjects(a.stale); err != nil {
			return err
		}
		return a.t.MarkEntries(a.mark)
	})
	if err != nil {
		return err
	}
	return addCounts(a.t, a.plan, a.counted(), a.linked)
}
