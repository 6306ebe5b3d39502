package run

import (
	"context"
	"slices"

	"muster/internal/base/object"
	"muster/internal/store"
	"muster/internal/sync/engine"
)

// onlyApproved marks plans of which only approved units are accepted.
const onlyApproved = "approved"

// acceptance is a plan on its way into the metaverse: which of its units are
// accepted, and which wait.
type acceptance struct {
	r      *Runner
	plan   store.Plan
	own    store.Marks // marks that the plan set itself
	next   int64       // chunk to be accepted next
	chunks *store.Accepting
	first  map[string]bool // connectors in which no plan before this one made accounts

	tallies []*engine.Tally // what guards count in the plan, until it is noted; nil for a plan that was interrupted, which has noted it
	kept    *store.Kept     // what deciding read

	waits map[object.ID]bool            // units that wait: not approved, overtaken, or resting on one that waits (ACC-5)
	open  map[object.ID][]engine.Change // what those would change that wait for approval
	rests *engine.Rests                 // nil until somebody waits
	at    map[object.ID]int64           // chunks of the units, likewise
}

// counted is what guards count in the plan. It is noted with the first of it, so
// that a crash loses nothing, but for what is known to wait.
func (a *acceptance) counted() map[engine.Count]int {
	out := map[engine.Count]int{}
	if a.next == 0 {
		for _, t := range a.tallies {
			t.Counts(out, a.waits)
		}
	}
	return out
}

// begin finds the units that nobody approved, where approval is asked for; those
// that were left out before a crash; and who rests on them, or on somebody who is
// not born because a rule failed.
func (a *acceptance) begin(ctx context.Context) error {
	if a.plan.Trigger != onlyApproved && a.next == 0 && a.plan.Counts["faults"] == 0 {
		return nil
	}
	return a.r.store.Read(ctx, func(t *store.Tx) error {
		var wait []object.ID
		marks, err := t.UnitMarks(a.plan.No)
		if err != nil {
			return err
		}
		for _, m := range marks {
			wait = append(wait, m.Object)
		}
		for c, err := range chunksOf(t, a.plan.No, a.next) {
			if err != nil {
				return err
			}
			if a.plan.Trigger != onlyApproved {
				break
			}
			some, err := a.unapproved(t, c.Units)
			if err != nil {
				return err
			}
			wait = append(wait, some...)
		}
		_, err = a.wait(t, wait)
		return err
	})
}

// unapproved lists the objects of units of which people did not approve every
// change (ACC-3).
func (a *acceptance) unapproved(t *store.Tx, units []engine.Unit) (out []object.ID, err error) {
	if a.plan.Trigger != onlyApproved {
		return nil, nil
	}
	ids := make([]object.ID, len(units))
	for i := range units {
		ids[i] = units[i].Object
	}
	approved, err := t.Approved(ids)
	if err != nil {
		return nil, err
	}
	for i := range units {
		u := &units[i]
		for k := range u.Changes {
			if !approved[u.Object][engine.ChangeHash(u.Object, &u.Changes[k])] {
				out = append(out, u.Object)
				break
			}
		}
	}
	return out, nil
}

// wait lets the units of the objects wait, with all who rest on them, and
// returns those that did not wait before.
func (a *acceptance) wait(t *store.Tx, objects []object.ID) ([]object.ID, error) {
	if len(objects) == 0 {
		return nil, nil
	}
	if err := a.learnRests(t); err != nil {
		return nil, err
	}
	return a.rests.Wait(a.waits, objects...), nil
}

// learnRests reads the whole plan, once.
func (a *acceptance) learnRests(t *store.Tx) (err error) {
	if a.rests != nil {
		return nil
	}
	a.at = map[object.ID]int64{}
	a.rests = engine.RestsOf(func(yield func(*engine.Unit) bool) {
		for c, wrong := range chunksOf(t, a.plan.No, 0) {
			if wrong != nil {
				err = wrong
				return
			}
			for i := range c.Units {
				a.at[c.Units[i].Object] = c.No
				if !yield(&c.Units[i]) {
					return
				}
			}
		}
	})
	return err
}

// overtaken lets units wait whose basis moved since they were decided, or of which
// somebody asked meanwhile that something be decided again, or that give a name
// which somebody else got; and who rests on them. Who does and was accepted
// already is decided again (ACC-4). While nobody else has written anything that
// deciding reads, there are none.
func (a *accepting) overtaken(v *store.View, units []engine.Unit, chunk int64) error {
	gen, err := a.t.Generation()
	if err != nil || gen == a.plan.Generation {
		return err
	}
	bad, err := a.moved(units, chunk)
	if err != nil {
		return err
	}
	var objs, entries []object.ID
	var names []engine.Name
	for i := range units {
		objs = append(objs, units[i].Object)
		entries = append(entries, engine.Moved(units[i].Changes)...)
		names = append(names, a.namesOf(&units[i])...)
	}
	marked, err := a.t.MarkedSince(a.plan.Moment, objs, entries, a.own)
	if err != nil {
		return err
	}
	if err := v.Load(engine.Need{Names: names}); err != nil {
		return err
	}
	var wait []object.ID
	for i := range units {
		u := &units[i]
		if marked[u.Object] ||
			slices.ContainsFunc(u.Basis, func(b engine.Basis) bool { return bad[b] }) ||
			slices.ContainsFunc(engine.Moved(u.Changes), func(id object.ID) bool { return marked[id] }) ||
			slices.ContainsFunc(a.namesOf(u), func(n engine.Name) bool { owner, ok := v.Owner(n); return ok && owner != u.Object }) {
			wait = append(wait, u.Object)
		}
	}
	added, err := a.wait(a.t, wait)
	for _, id := range added {
		if a.at[id] < chunk {
			delete(a.waits, id) // it went before anybody knew
			a.stale = append(a.stale, id)
		}
	}
	return err
}

// moved returns what of the units' basis is no longer as it was.
func (a *accepting) moved(units []engine.Unit, chunk int64) (map[engine.Basis]bool, error) {
	var all []engine.Basis
	for i := range units {
		all = append(all, units[i].Basis...)
	}
	list, err := a.t.Moved(all)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	bad := map[engine.Basis]bool{}
	for _, b := range list {
		bad[b] = true
	}
	if err := a.learnRests(a.t); err != nil {
		return nil, err
	}
	return bad, a.forgive(bad, chunk)
}

// forgive takes out the objects that moved by their own unit in this very plan,
// which those that read them have counted on.
func (a *accepting) forgive(bad map[engine.Basis]bool, chunk int64) error {
	var ids []object.ID
	for b := range bad {
		if at, ours := a.at[b.ID]; b.Object && ours && at < chunk && !a.waits[b.ID] {
			ids = append(ids, b.ID)
		}
	}
	now, err := a.t.Objects(ids)
	if err != nil {
		return err
	}
	for _, id := range ids {
		for b := range bad {
			if b.Object && b.ID == id && (now[id] == nil || now[id].Version == b.Version+1) {
				delete(bad, b)
			}
		}
	}
	return nil
}
