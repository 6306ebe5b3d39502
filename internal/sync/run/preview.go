package run

import (
	"context"

	"muster/internal/base/object"
	"muster/internal/store"
	"muster/internal/store/units"
	"muster/internal/sync/engine"
	"muster/internal/sync/metaverse"
)

// previewRelease decides as if a connector's held import had been released: in
// a copy of the store, which is thrown away. The plan is brought back, so that
// it can be looked at like any other.
func (r *Runner) previewRelease(ctx context.Context, rep *StepReport, o SyncOptions) error {
	x, wrong := r.cfg.Connector(o.Release)
	if wrong != nil {
		return wrong
	}
	return r.store.Aside(ctx, func(aside *store.Store) error {
		twin := New(aside, r.cfg, r.opt)
		if err := twin.release(ctx, x, rep); err != nil {
			return err
		}
		o.Release = ""
		if err := twin.syncStep(ctx, rep, o); err != nil {
			return err
		}
		return r.bringAll(rep, func(no int64) (int64, error) { return r.bring(ctx, aside, no) })
	})
}

// bringAll brings the plans that a report names from where they were decided.
func (r *Runner) bringAll(rep *StepReport, bring func(no int64) (int64, error)) (err error) {
	for _, no := range []*int64{&rep.Plan, &rep.Waits} {
		if *no != 0 {
			if *no, err = bring(*no); err != nil {
				return err
			}
		}
	}
	return nil
}

// bring copies a plan from another store into this one.
func (r *Runner) bring(ctx context.Context, from *store.Store, no int64) (int64, error) {
	var p store.Plan
	err := from.Read(ctx, func(t *store.Tx) (err error) {
		p, err = t.Plan(no)
		return err
	})
	if err != nil {
		return 0, err
	}
	return r.keep(ctx, p, func(n int64) (c *units.Chunk, err error) {
		err = from.Read(ctx, func(t *store.Tx) error {
			c, err = t.Chunk(no, n)
			return err
		})
		return c, err
	})
}

// keep stores a plan that was decided elsewhere, chunk by chunk.
func (r *Runner) keep(ctx context.Context, p store.Plan, chunk func(n int64) (*units.Chunk, error)) (int64, error) {
	hash, counts, ended := p.Hash, p.Counts, p.Ended
	p.Units, p.Accepted = 0, 0 // they are counted as they come
	w, err := r.store.NewPlan(ctx, p)
	if err != nil {
		return 0, err
	}
	for n := int64(0); ; n++ {
		c, err := chunk(n)
		if err != nil {
			return 0, err
		}
		if c == nil {
			break
		}
		for i := range c.Units {
			if _, _, err := w.Add(&c.Units[i]); err != nil {
				return 0, err
			}
		}
	}
	out, err := w.End(hash, counts, ended)
	return out.No, err
}

// keepWaiting stores what a preview would hold back, as a plan of its own that
// nobody accepts.
func (d *deciding) keepWaiting(ctx context.Context) error {
	var waiting []note
	for _, n := range d.notes {
		if len(n.waiting) > 0 {
			waiting = append(waiting, n)
		}
	}
	if len(waiting) == 0 {
		return nil
	}
	w, err := d.r.store.NewPlan(ctx, store.Plan{Kind: "would wait", Author: d.r.opt.By, Rules: d.set.Version, Started: d.trig.Now, Generation: d.gen, Moment: d.moment})
	if err != nil {
		return err
	}
	var hashes []engine.Hash
	counts := map[string]int64{}
	for _, n := range waiting {
		u := waitingUnit(n.object, n.waiting)
		if _, _, err := w.Add(&u); err != nil {
			return err
		}
		hashes = append(hashes, u.Hash())
		for i := range u.Changes {
			counts[u.Changes[i].Connector+"\x00"+u.Changes[i].Op.String()]++
		}
	}
	p, err := w.End(engine.PlanHash(hashes), counts, d.r.now())
	d.rep.Waits = p.No
	return err
}

// waitingUnit is what waits of an object, in the form of a unit.
func waitingUnit(id object.ID, changes []engine.Change) engine.Unit {
	u := engine.Unit{Object: id, Changes: changes}
	for i := range changes {
		if changes[i].HasOrigin() {
			u.Origins = append(u.Origins, metaverse.Origin{})
		}
	}
	return u
}
