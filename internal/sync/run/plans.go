package run

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"

	"muster/internal/base/object"
	"muster/internal/base/problem"
	"muster/internal/store"
	"muster/internal/store/units"
	"muster/internal/sync/engine"
	"muster/internal/sync/metaverse"
)

var planStates = map[store.PlanState]string{store.PlanDeciding: "being decided", store.PlanReady: "decided", store.PlanAccepting: "being accepted",
	store.PlanAccepted: "accepted", store.PlanDropped: "dropped"}

// ListPlans lists plans, newest first.
func (r *Runner) ListPlans(ctx context.Context, p Page) ([]PlanInfo, error) {
	before, err := p.number()
	if err != nil {
		return nil, err
	}
	var out []PlanInfo
	err = r.store.Read(ctx, func(t *store.Tx) error {
		list, err := t.Plans(before, p.size())
		for _, x := range list {
			out = append(out, planInfo(x))
		}
		return err
	})
	return out, err
}

// Plan returns one plan; 0 the last that was decided to its end.
func (r *Runner) Plan(ctx context.Context, no int64) (PlanInfo, error) {
	var out PlanInfo
	err := r.store.Read(ctx, func(t *store.Tx) error {
		x, err := planOf(t, no)
		out = planInfo(x)
		return err
	})
	return out, err
}

// planNo returns the plan that a person names.
func planNo(t *store.Tx, no int64) (store.Plan, error) {
	p, err := t.Plan(no)
	if errors.Is(err, store.ErrNoPlan) {
		return p, &problem.Problem{Code: "no-such-plan", Object: fmt.Sprintf("plan %d", no), Message: "there is no such plan", Fix: "see those that are kept with: muster plan list"}
	}
	return p, err
}

func planOf(t *store.Tx, no int64) (store.Plan, error) {
	if no != 0 {
		return planNo(t, no)
	}
	list, err := t.Plans(0, 20)
	if err != nil {
		return store.Plan{}, err
	}
	for _, p := range list {
		if p.State != store.PlanDropped && p.State != store.PlanDeciding {
			return p, nil
		}
	}
	return store.Plan{}, store.ErrNoPlan
}

func planInfo(p store.Plan) PlanInfo {
	out := PlanInfo{No: p.No, Kind: p.Kind, State: planStates[p.State], By: p.Author, Decided: p.Started, Hash: p.Hash.String(), Units: p.Units, Held: p.Counts["held"]}
	for _, k := range slices.Sorted(maps.Keys(p.Counts)) {
		if conn, what, ok := strings.Cut(k, "\x00"); ok {
			out.Counts = append(out.Counts, ChangeCount{Connector: conn, What: what, N: p.Counts[k]})
		}
	}
	return out
}

// Units lists the units that a plan accepted, or would, in the order in which
// they were decided. A page
// ends with the unit whose Key is the next page's After.
func (r *Runner) Units(ctx context.Context, no int64, p Page) ([]UnitInfo, error) {
	var out *shownUnits
	err := r.store.Read(ctx, func(t *store.Tx) (err error) {
		out, err = r.units(t, no, p)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out.infos, nil
}

// shownUnits is a page of the units of a plan, or of what waits, as people see
// them and as they were decided.
type shownUnits struct {
	plan  store.Plan // none: they wait
	infos []UnitInfo
	units []*engine.Unit
}

func (r *Runner) units(t *store.Tx, no int64, p Page) (*shownUnits, error) {
	at, err := p.number()
	if err != nil {
		return nil, err
	}
	out := &shownUnits{}
	if out.plan, err = planOf(t, no); err != nil {
		return nil, err
	}
	names := newNaming(t)
	left, err := notAccepted(t, out.plan.No)
	if err != nil {
		return nil, err
	}
	only := r.idsOf(t, p.Object)
	for len(out.infos) < p.size() {
		c, err := t.Chunk(out.plan.No, at/units.InChunk)
		if err != nil || c == nil || at%units.InChunk >= int64(len(c.Units)) {
			return out, err
		}
		infos, err := names.unitInfos(c.Units)
		if err != nil {
			return nil, err
		}
		for i := at % units.InChunk; i < int64(len(infos)) && len(out.infos) < p.size(); i++ {
			at++
			if u := infos[i]; u.matches(p.Match) && (p.Object == "" || only[u.Object.ID]) && !left[u.Object.ID] {
				u.Key = strconv.FormatInt(at, 10)
				out.infos, out.units = append(out.infos, u), append(out.units, &c.Units[i])
			}
		}
	}
	return out, nil
}

// chunksOf reads a plan from a chunk on.
func chunksOf(t *store.Tx, plan, from int64) iter.Seq2[*units.Chunk, error] {
	return func(yield func(*units.Chunk, error) bool) {
		for no := from; ; no++ {
			c, err := t.Chunk(plan, no)
			if err == nil && c == nil || !yield(c, err) || err != nil {
				return
			}
		}
	}
}

// notAccepted lists the objects whose units did not go with the plan: nobody
// approved them, or their basis moved.
func notAccepted(t *store.Tx, no int64) (map[string]bool, error) {
	marks, err := t.UnitMarks(no)
	out := map[string]bool{}
	for _, m := range marks {
		out[m.Object.String()] = true
	}
	return out, err
}

// matches reports that the unit, or a change or cause of it, contains the text.
func (u *UnitInfo) matches(text string) bool {
	if text == "" {
		return true
	}
	has := func(s string) bool { return strings.Contains(object.Fold(s), object.Fold(text)) }
	if has(u.Object.String()) || has(u.Object.Label) {
		return true
	}
	return slices.ContainsFunc(u.Changes, func(c ChangeInfo) bool { return has(c.Line()) || has(c.Why) || has(c.Cause) })
}

// Waiting lists what waits for people, object by object, with the reason.
func (r *Runner) Waiting(ctx context.Context, p Page) ([]UnitInfo, error) {
	var out *shownUnits
	err := r.store.Read(ctx, func(t *store.Tx) (err error) {
		out, err = r.waiting(t, p)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out.infos, nil
}

func (r *Runner) waiting(t *store.Tx, p Page) (*shownUnits, error) {
	var after object.ID
	if p.After != "" {
		id, err := object.ParseID(p.After)
		if err != nil {
			return nil, err
		}
		after = id
	}
	out := &shownUnits{}
	for len(out.infos) < p.size() {
		units, err := unitsThatWait(t, after, 200)
		if err != nil || len(units) == 0 {
			return out, err
		}
		after = units[len(units)-1].Object
		infos, err := r.waitingInfos(t, units)
		if err != nil {
			return nil, err
		}
		for i := range infos {
			if len(out.infos) < p.size() && infos[i].matches(p.Match) {
				out.infos, out.units = append(out.infos, infos[i]), append(out.units, &units[i])
			}
		}
	}
	return out, nil
}

// unitsThatWait reads what waits of the objects after one, in the form of units.
func unitsThatWait(t *store.Tx, after object.ID, limit int) ([]engine.Unit, error) {
	list, err := t.WaitingObjects(after, limit)
	out := make([]engine.Unit, len(list))
	for i, w := range list {
		out[i] = waitingUnit(w.Object, w.Changes)
	}
	return out, err
}

// waitingInfos says for each change that waits why it does.
func (r *Runner) waitingInfos(t *store.Tx, units []engine.Unit) ([]UnitInfo, error) {
	ids := make([]object.ID, len(units))
	for i := range units {
		ids[i] = units[i].Object
	}
	infos, err := newNaming(t).unitInfos(units)
	if err != nil {
		return nil, err
	}
	v := t.View(r.names())
	if err := v.Load(engine.Need{Objects: ids}); err != nil {
		return nil, err
	}
	for i := range infos {
		holds := v.Holds(ids[i])
		for k := range infos[i].Changes {
			c := &infos[i].Changes[k]
			h := holdFor(holds, ids[i], &c.Change)
			switch {
			case h != nil:
				c.Why, c.Cause = h.Why, h.Cause
			case v.Approved(ids[i])[engine.ChangeHash(ids[i], &c.Change)]:
				c.Why = "approved"
			case len(holds) == 0:
				if c.Why, err = r.follows(t, v.Object(ids[i]), &c.Change); err != nil {
					return nil, err
				}
			default:
				c.Why = "its unit is held"
			}
		}
	}
	return infos, nil
}

// follows says why a change waits on which nothing is held: whose hold it
// follows, or that nobody approved it.
func (r *Runner) follows(t *store.Tx, o *metaverse.Object, c *engine.Change) (string, error) {
	var near []object.ID
	if !c.Target.IsZero() {
		near = append(near, c.Target)
	}
	if o != nil {
		near = append(near, refsOf(o, nil)...)
	}
	v := t.View(r.names())
	if err := v.Load(engine.Need{Objects: near}); err != nil {
		return "", err
	}
	names := newNaming(t)
	for _, id := range near {
		holds := v.Holds(id)
		if len(holds) == 0 {
			continue
		}
		if o := v.Object(id); o != nil {
			return nameOf(o).String(), nil
		}
		name, err := names.unbornName(id)
		return name.String(), err
	}
	return "not approved", nil
}

// holdFor finds the hold that keeps a change back: on its very target, or on
// what it belongs to.
func holdFor(holds []*engine.Hold, obj object.ID, c *engine.Change) *engine.Hold {
	t, ok := targetOf(obj, c)
	account := engine.Target{Object: obj, Kind: engine.AccountLife, Connector: c.Connector}
	whole := engine.Target{Object: obj, Kind: engine.WholeObject}
	for _, want := range []engine.Target{t, account, whole} {
		if want == t && !ok {
			continue
		}
		for _, h := range holds {
			if h.Target == want {
				return h
			}
		}
	}
	return nil
}

// targetOf is what a hold on the change would be about; false if the change
// cannot be held singly.
func targetOf(obj object.ID, c *engine.Change) (engine.Target, bool) {
	t := engine.Target{Object: obj, Connector: c.Connector, Name: c.Name}
	switch c.Op {
	case engine.Birth, engine.Death:
		return engine.Target{Object: obj, Kind: engine.WholeObject}, true
	case engine.Link, engine.Unlink:
		t.Kind = engine.EntryLink
	case engine.SetValue:
		t.Kind = engine.ObjectValue
	case engine.AddRef, engine.DropRef:
		t.Kind, t.Ref = engine.ObjectRef, c.Target
	case engine.AddAccount, engine.DropAccount, engine.CutAccount:
		t.Kind, t.Name = engine.AccountLife, ""
	case engine.Rename, engine.SetAccount:
		t.Kind = engine.AccountValue
	case engine.AddAccountRef, engine.DropAccountRef:
		t.Kind, t.Ref = engine.AccountRef, c.Target
	case engine.SetInitial:
		return t, false
	}
	return t, true
}

// Queue lists the join queue.
func (r *Runner) Queue(ctx context.Context, p Page) ([]QueueInfo, error) {
	var out []QueueInfo
	err := r.store.Read(ctx, func(t *store.Tx) error {
		list, err := t.Queued(1 << 20)
		if err != nil {
			return err
		}
		names := newNaming(t)
		for i := range list {
			q := &list[i]
			entries, err := t.Entries([]object.ID{q.Entry})
			if err != nil {
				return err
			}
			e := entries[q.Entry]
			if e == nil {
				continue
			}
			if err := names.load(q.Candidates); err != nil {
				return err
			}
			info := QueueInfo{Key: e.ID.String(), Entry: e.Connector + "/" + e.Anchor, Rule: q.Rule, Taken: q.Taken}
			for _, id := range q.Candidates {
				info.Candidates = append(info.Candidates, names.name(id, ""))
			}
			if info.Key > p.After && len(out) < p.size() {
				out = append(out, info)
			}
		}
		return nil
	})
	return out, err
}
