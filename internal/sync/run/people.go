package run

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"muster/internal/base/object"
	"muster/internal/base/problem"
	"muster/internal/store"
	"muster/internal/sync/engine"
	"muster/internal/sync/space"
)

// picked is one change that a decision is about, and the hold that keeps it
// back, if one does.
type picked struct {
	object object.ID
	change engine.Change
	hold   *engine.Hold
	author string   // who began what led to it
	voters []string // who approved it, if that took several
}

// pick lists what a selection is about.
func (r *Runner) pick(t *store.Tx, s Selection) ([]picked, error) {
	var only object.ID
	if s.Object != "" {
		x, err := r.find(t, s.Object)
		if err != nil {
			return nil, err
		}
		only = x.id
	}
	if s.Plan != 0 {
		return r.pickPlan(t, s, only)
	}
	out, err := r.pickWaiting(t, s, only)
	if err != nil || len(out) > 0 {
		return out, err
	}
	last, err := planOf(t, 0) // a plan that was shown and not accepted
	if err != nil || last.State != store.PlanReady {
		return nil, err
	}
	s.Plan = last.No
	return r.pickPlan(t, s, only)
}

func (r *Runner) pickWaiting(t *store.Tx, s Selection, only object.ID) ([]picked, error) {
	var out []picked
	for after := (object.ID{}); ; {
		list, err := unitsThatWait(t, after, 500)
		if err != nil || len(list) == 0 {
			return out, err
		}
		after = list[len(list)-1].Object
		infos, err := r.waitingInfos(t, list)
		if err != nil {
			return nil, err
		}
		v := t.View(r.names())
		ids := make([]object.ID, len(list))
		for i := range list {
			ids[i] = list[i].Object
		}
		if err := v.Load(engine.Need{Objects: ids}); err != nil {
			return nil, err
		}
		for i, w := range list {
			if !only.IsZero() && w.Object != only {
				continue
			}
			for k := range w.Changes {
				c := &infos[i].Changes[k]
				if s.matches(c) {
					out = append(out, picked{object: w.Object, change: w.Changes[k], hold: holdFor(v.Holds(w.Object), w.Object, &w.Changes[k])})
				}
			}
		}
	}
}

func (r *Runner) pickPlan(t *store.Tx, s Selection, only object.ID) ([]picked, error) {
	p, err := planNo(t, s.Plan)
	if err != nil {
		return nil, err
	}
	var out []picked
	for c, err := range chunksOf(t, p.No, 0) {
		if err != nil {
			return nil, err
		}
		for i := range c.Units {
			u := &c.Units[i]
			if !only.IsZero() && u.Object != only {
				continue
			}
			for k := range u.Changes {
				info := ChangeInfo{Connector: u.Changes[k].Connector, Name: u.Changes[k].Name}
				if s.matches(&info) {
					out = append(out, picked{object: u.Object, change: u.Changes[k], author: p.Author})
				}
			}
		}
	}
	return out, nil
}

// matches reports that the selection's target and cause fit the change.
func (s *Selection) matches(c *ChangeInfo) bool {
	if s.Cause != "" && !strings.HasPrefix(c.Why, s.Cause) {
		return false
	}
	conn, name, dotted := strings.Cut(s.Target, ".")
	switch {
	case s.Target == "":
		return true
	case dotted:
		return c.Connector == conn && (c.Name == name || name == "dn" && c.Name == space.Name)
	}
	return c.Connector == s.Target || c.Connector == "" && c.Name == s.Target
}

// none says that a decision met nothing.
func none(s Selection) error {
	return &problem.Problem{Code: "nothing-selected", Message: "nothing that waits fits the selection", Fix: "see what waits with: muster plan waiting"}
}

// decide picks what a decision is about and carries it out in one transaction.
func (r *Runner) decide(ctx context.Context, s Selection, fn func(*store.Tx, []picked) error) (int, error) {
	n := 0
	err := r.store.People(ctx, func(t *store.Tx) error {
		list, err := r.pick(t, s)
		if err != nil {
			return err
		}
		if len(list) == 0 {
			return none(s)
		}
		n = len(list)
		return fn(t, list)
	})
	return n, err
}

// Approve lets what waits happen: each hold on it is lifted, and that very
// difference is approved (HOLD-17). Where several approvals are demanded it
// happens with the last of them.
func (r *Runner) Approve(ctx context.Context, s Selection, d Decision) (int, error) {
	return r.decide(ctx, s, func(t *store.Tx, list []picked) error {
		ready, err := r.vote(t, list, d)
		if err != nil {
			return err
		}
		return r.approve(t, ready, d)
	})
}

func (r *Runner) approve(t *store.Tx, list []picked, d Decision) error {
	type approval struct {
		object object.ID
		by     string
	}
	by := map[approval][]engine.Hash{}
	var lifted []*engine.Hold
	var ids []object.ID
	for i := range list {
		p := &list[i]
		a := approval{p.object, cmp.Or(strings.Join(p.voters, ", "), d.By)}
		by[a] = append(by[a], engine.ChangeHash(p.object, &p.change))
		if p.hold != nil && !slices.Contains(lifted, p.hold) {
			lifted = append(lifted, p.hold)
		}
	}
	for a, hashes := range by {
		ids = append(ids, a.object)
		if err := t.Approve(a.object, hashes, a.by, r.now()); err != nil {
			return err
		}
	}
	if err := t.LiftHolds(lifted); err != nil {
		return err
	}
	return t.MarkObjects(ids)
}

// votes are approvals that do not suffice yet: who gave them, by change.
type votes map[string][]string

const settingVotes = "votes"

// settingAuthors says who edited what waits, by change.
const settingAuthors = "authors"

// vote notes an approval and returns what has enough of them. The author of
// what waits does not count when more than one approval is demanded.
func (r *Runner) vote(t *store.Tx, list []picked, d Decision) ([]picked, error) {
	need := r.cfg.Tree.Section("settings", "").Int("approvals")
	if need <= 1 {
		return list, nil
	}
	all := votes{}
	if err := setting(t, settingVotes, &all); err != nil {
		return nil, err
	}
	edited := map[string]string{}
	if err := setting(t, settingAuthors, &edited); err != nil {
		return nil, err
	}
	last, err := planOf(t, 0)
	if err != nil {
		return nil, err
	}
	var ready []picked
	for i := range list {
		p := &list[i]
		k := engine.ChangeHash(p.object, &p.change).String()
		author := cmp.Or(edited[k], p.author)
		if edited[k] != "" {
			// who edited it, whoever decided about it since
		} else if p.hold != nil && p.hold.By != engine.ByGuard && p.hold.By != "" {
			author = p.hold.By
		} else if author == "" {
			author = last.Author
		}
		if author == d.By {
			return nil, &problem.Problem{Code: "author-may-not-approve", Object: d.By, Message: fmt.Sprintf("began this, and %d other people must approve it", need), Fix: "ask somebody else to approve it"}
		}
		if !slices.Contains(all[k], d.By) {
			all[k] = append(all[k], d.By)
		}
		if len(all[k]) >= need {
			p.voters = all[k]
			ready = append(ready, *p)
			delete(all, k)
			delete(edited, k)
		}
	}
	if err := setSetting(t, settingAuthors, edited); err != nil {
		return nil, err
	}
	return ready, setSetting(t, settingVotes, all)
}

// addAuthors notes whose edit led to what waits.
func addAuthors(t *store.Tx, by string, waits []engine.Hash) error {
	if len(waits) == 0 {
		return nil
	}
	all := map[string]string{}
	if err := setting(t, settingAuthors, &all); err != nil {
		return err
	}
	for _, h := range waits {
		all[h.String()] = by
	}
	return setSetting(t, settingAuthors, all)
}

// Reject holds each change singly, so that an unrelated change of the same
// object goes on (HOLD-7); a new object is held at "not there" (HOLD-8).
func (r *Runner) Reject(ctx context.Context, s Selection, d Decision) (int, error) {
	return r.decide(ctx, s, func(t *store.Tx, list []picked) error {
		return t.WriteHolds(r.holdsFor(list, "reject", d))
	})
}

// Narrow holds everything that the plan, or the waiting list, has beside the
// selection.
func (r *Runner) Narrow(ctx context.Context, keep Selection, d Decision) (int, error) {
	n := 0
	err := r.store.People(ctx, func(t *store.Tx) error {
		kept, err := r.pick(t, keep)
		if err != nil {
			return err
		}
		if len(kept) == 0 {
			return none(keep)
		}
		all, err := r.pick(t, Selection{Plan: keep.Plan})
		if err != nil {
			return err
		}
		stays := map[engine.Hash]bool{}
		for i := range kept {
			stays[engine.ChangeHash(kept[i].object, &kept[i].change)] = true
		}
		rest := slices.DeleteFunc(all, func(p picked) bool { return stays[engine.ChangeHash(p.object, &p.change)] })
		n = len(rest)
		return t.WriteHolds(r.holdsFor(rest, "narrow", d))
	})
	return n, err
}

// holdsFor makes a hold for each change that can be held singly.
func (r *Runner) holdsFor(list []picked, why string, d Decision) []*engine.Hold {
	born := map[object.ID]bool{}
	for i := range list {
		born[list[i].object] = born[list[i].object] || list[i].change.Op == engine.Birth
	}
	var out []*engine.Hold
	seen := map[engine.Target]bool{}
	for i := range list {
		p := &list[i]
		t, ok := targetOf(p.object, &p.change)
		if born[p.object] && p.change.Op != engine.Birth || !ok || seen[t] {
			continue
		}
		seen[t] = true
		h := &engine.Hold{Target: t, Refused: p.change.After, Why: why, Cause: d.Because, By: d.By, At: r.now()}
		switch p.change.Op {
		case engine.Birth:
			h.Refused = space.Present
		case engine.Link:
			h.Refused, h.AtValue = space.Present, true
		default:
		}
		out = append(out, h)
	}
	return out
}

// Shelve puts off whatever would happen to the target until an instant.
func (r *Runner) Shelve(ctx context.Context, s Selection, until time.Time, d Decision) (int, error) {
	if !until.After(r.now()) {
		return 0, &problem.Problem{Code: "bad-time", Message: "a shelved change must come back at a time in the future, not " + until.Format(time.RFC3339), Fix: "name a later time"}
	}
	return r.stand(ctx, s, engine.Hold{Why: "shelve", Until: until}, d)
}

// Protect keeps the target as it is until the hold is lifted.
func (r *Runner) Protect(ctx context.Context, s Selection, d Decision) (int, error) {
	return r.stand(ctx, s, engine.Hold{Why: "protect"}, d)
}

func (r *Runner) stand(ctx context.Context, s Selection, h engine.Hold, d Decision) (int, error) {
	err := r.store.People(ctx, func(t *store.Tx) error {
		x, err := r.find(t, s.Object)
		if err != nil {
			return err
		}
		if h.Target, err = r.parseTarget(x.obj.Type, x.id, s.Target); err != nil {
			return err
		}
		h.Standing, h.Cause, h.By, h.At = true, d.Because, d.By, r.now()
		return t.WriteHolds([]*engine.Hold{&h})
	})
	return 1, err
}

// parseTarget reads a target as plans write it: "" the whole object, "title" a
// value, "dir" an account, "dir.fax" a value of it.
func (r *Runner) parseTarget(typ string, id object.ID, text string) (engine.Target, error) {
	t := engine.Target{Object: id}
	conn, name, dotted := strings.Cut(text, ".")
	switch {
	case text == "":
		t.Kind = engine.WholeObject
	case dotted && r.known(conn):
		t.Kind, t.Connector, t.Name = engine.AccountValue, conn, name
		if name == "dn" {
			t.Name = space.Name
		}
	case r.known(text):
		t.Kind, t.Connector = engine.AccountLife, text
	case r.cfg.Rules.Types[typ] != nil && r.cfg.Rules.Types[typ].Attributes[text] != nil:
		t.Kind, t.Name = engine.ObjectValue, text
	default:
		return t, &problem.Problem{Code: "no-such-target", Message: fmt.Sprintf("%q is no attribute of %s and no connector", text, typ), Fix: "write title for a value, dir for an account, dir.title for a value of it"}
	}
	return t, nil
}

// Lift ends holds; what they kept back is approved as it now stands.
func (r *Runner) Lift(ctx context.Context, s Selection, d Decision) (int, error) {
	n := 0
	err := r.store.People(ctx, func(t *store.Tx) error {
		list, err := r.holdsOf(t, s)
		if err != nil {
			return err
		}
		if len(list) == 0 {
			return &problem.Problem{Code: "nothing-selected", Message: "no hold fits the selection", Fix: "see what is held with: muster plan holds"}
		}
		n = len(list)
		waits, err := r.pick(t, s)
		if err != nil {
			return err
		}
		waits = slices.DeleteFunc(waits, func(p picked) bool {
			return p.hold == nil || !slices.ContainsFunc(list, func(h *engine.Hold) bool { return h.ID == p.hold.ID })
		})
		if err := r.approve(t, waits, d); err != nil {
			return err
		}
		return t.LiftHolds(list)
	})
	return n, err
}

// holdsOf lists the holds that a selection is about.
func (r *Runner) holdsOf(t *store.Tx, s Selection) ([]*engine.Hold, error) {
	all, err := allHolds(t)
	if err != nil {
		return nil, err
	}
	var only *ref
	var target engine.Target
	if s.Object != "" {
		x, err := r.find(t, s.Object)
		if err != nil {
			return nil, err
		}
		if only = &x; s.Target != "" {
			if target, err = r.parseTarget(x.obj.Type, x.id, s.Target); err != nil {
				return nil, err
			}
		}
	}
	return slices.DeleteFunc(all, func(h *engine.Hold) bool {
		return only != nil && h.Target.Object != only.id || s.Target != "" && only != nil && h.Target != target ||
			s.Cause != "" && !strings.HasPrefix(h.Why, s.Cause) || s.Plan != 0 && h.Plan != s.Plan
	}), nil
}

func allHolds(t *store.Tx) ([]*engine.Hold, error) {
	var out []*engine.Hold
	for after := int64(0); ; {
		list, err := t.Holds(after, 1000)
		if err != nil || len(list) == 0 {
			return out, err
		}
		out = append(out, list...)
		after = list[len(list)-1].ID
	}
}
