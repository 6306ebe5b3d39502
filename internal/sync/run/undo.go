package run

import (
	"context"
	"fmt"
	"strconv"

	"muster/internal/base/object"
	"muster/internal/base/problem"
	"muster/internal/store"
	"muster/internal/store/units"
	"muster/internal/sync/engine"
	"muster/internal/sync/space"
)

// Undo writes holds that put back what is still as the plan left it, and keep
// later runs from bringing it again (HOLD-20). A plan that came from changed
// rules is undone by deciding with the earlier ones (HOLD-23). The next
// synchronization carries it out: an undo is a plan like any other.
func (r *Runner) Undo(ctx context.Context, no int64, d Decision) (*UndoInfo, error) {
	info := &UndoInfo{Plan: no}
	err := r.store.People(ctx, func(t *store.Tx) error {
		p, err := planOf(t, no)
		if err != nil {
			return err
		}
		info.Plan = p.No
		if p.State != store.PlanAccepted {
			return &problem.Problem{Code: "not-accepted", Object: fmt.Sprintf("plan %d", p.No), Message: "was not accepted, so there is nothing to undo", Fix: "reject what it would do with: muster plan reject " + strconv.FormatInt(p.No, 10)}
		}
		earlier, err := before(t, p)
		if err != nil {
			return err
		}
		if earlier != "" && earlier != p.Rules {
			info.Rules = earlier
			return r.undoRules(t, p, earlier, d)
		}
		for c, err := range chunksOf(t, p.No, 0) {
			if err != nil {
				return err
			}
			if err := r.undoChunk(t, p, c, d, info); err != nil {
				return err
			}
		}
		return nil
	})
	return info, err
}

func (r *Runner) undoChunk(t *store.Tx, p store.Plan, c *units.Chunk, d Decision, info *UndoInfo) error {
	u := &undoing{r: r, t: t, info: info, names: newNaming(t)}
	u.view = t.View(r.names())
	if err := u.view.Load(engine.Needs(c.Units)); err != nil {
		return err
	}
	if _, err := u.names.unitInfos(c.Units); err != nil {
		return err
	}
	var holds []*engine.Hold
	for i := range c.Units {
		holds = append(holds, u.unit(&c.Units[i])...)
	}
	for _, h := range holds {
		h.Why, h.Cause, h.By, h.At, h.Plan = "undo", d.Because, d.By, r.now(), p.No
	}
	info.Undone += len(holds)
	return t.WriteHolds(holds)
}

// undoing is one chunk of a plan while it is undone.
type undoing struct {
	r     *Runner
	t     *store.Tx
	view  *store.View
	names *naming
	info  *UndoInfo
}

// unit makes the holds that undo one unit. What comes and goes with an object
// or an account needs none of its own.
func (u *undoing) unit(x *engine.Unit) []*engine.Hold {
	obj := u.view.Object(x.Object)
	added := map[string]bool{}
	for i := range x.Changes {
		c := &x.Changes[i]
		switch c.Op {
		case engine.Birth:
			if obj == nil {
				return nil
			}
			u.partly(x, "the object goes, with its accounts: "+u.names.name(x.Object, x.Type).String())
			return []*engine.Hold{{Target: engine.Target{Object: x.Object, Kind: engine.WholeObject}, Refused: space.Present, AtValue: true}}
		case engine.Death:
			u.info.Never = append(u.info.Never, u.names.name(x.Object, x.Type).String()+" ended; it comes back only when its source does")
			return nil
		case engine.AddAccount:
			added[c.Connector] = true
		default:
		}
	}
	var out []*engine.Hold
	for i := range x.Changes {
		c := &x.Changes[i]
		if c.Connector != "" && added[c.Connector] && c.Op != engine.AddAccount {
			continue
		}
		h, still := u.change(x.Object, c)
		switch {
		case h == nil:
		case still:
			out = append(out, h)
		default:
			u.info.Moved = append(u.info.Moved, u.names.change(c))
		}
	}
	return out
}

func (u *undoing) partly(x *engine.Unit, what string) {
	u.info.Partial = append(u.info.Partial, what)
}

// change makes the hold that undoes one change, and tells whether what it set
// is still so.
func (u *undoing) change(id object.ID, c *engine.Change) (h *engine.Hold, still bool) {
	t, ok := targetOf(id, c)
	if !ok {
		return nil, false
	}
	h = &engine.Hold{Target: t, Refused: c.After, AtValue: true, Instead: c.Before}
	obj := u.view.Object(id)
	var account *space.Entry
	for _, e := range u.view.EntriesOf(id) {
		if e.Connector == c.Connector && e.Missing.IsZero() {
			account = e
		}
	}
	switch c.Op {
	case engine.SetValue:
		return h, obj != nil && obj.Attrs.Get(c.Name).Equal(c.After)
	case engine.AddRef, engine.DropRef:
		return h, obj != nil && obj.Attrs.Get(c.Name).Has(engine.RefTo(c.Target)) == (c.Op == engine.AddRef)
	case engine.SetAccount, engine.Rename:
		return h, account != nil && account.Top(c.Name).Equal(c.After)
	case engine.AddAccountRef, engine.DropAccountRef:
		return h, account != nil
	case engine.AddAccount:
		h.Refused = space.Present
		return h, account != nil && account.Exists()
	case engine.DropAccount, engine.CutAccount:
		h.Instead = space.Present
		u.info.Partial = append(u.info.Partial, "the account in "+c.Connector+" of "+u.names.name(id, "").String()+
			" comes back as a new one if its deletion was sent: what its system gave it (identifiers, mailbox, history) is lost")
		return h, account == nil || !account.Exists()
	default:
		return nil, false // links follow their entries
	}
}

// JoinTo links an entry of the join queue to the object that a person chose, or
// lets it found a new one.
func (r *Runner) JoinTo(ctx context.Context, entry, obj string, d Decision) error {
	return r.store.People(ctx, func(t *store.Tx) error {
		e, err := r.entry(t, entry)
		if err != nil {
			return err
		}
		if !e.Link.IsZero() {
			return &problem.Problem{Code: "already-linked", Object: entry, Message: "is linked to an object", Fix: "cut it first with: muster disconnect " + entry}
		}
		hold := func(id object.ID, stay object.Values) *engine.Hold {
			refused := space.Present
			if len(stay) > 0 {
				refused = nil
			}
			return &engine.Hold{Target: engine.Target{Object: id, Kind: engine.EntryLink, Connector: e.Connector, Name: e.Anchor},
				Refused: refused, AtValue: true, Instead: stay, Why: "join", Cause: d.Because, By: d.By, At: r.now()}
		}
		if obj != "" {
			x, err := r.find(t, obj)
			if err != nil {
				return err
			}
			return t.WriteHolds([]*engine.Hold{hold(x.id, space.Present)})
		}
		list, err := t.Queued(1 << 20)
		if err != nil {
			return err
		}
		var holds []*engine.Hold
		for i := range list {
			if list[i].Entry == e.ID {
				for _, id := range list[i].Candidates {
					holds = append(holds, hold(id, nil))
				}
			}
		}
		return t.WriteHolds(holds)
	})
}

// entry finds the entry that text names: connector/anchor, or connector:"dn".
func (r *Runner) entry(t *store.Tx, text string) (*space.Entry, error) {
	conn, anchor, dn := cutEntry(text)
	id, err := t.EntryAt(conn, anchor, dn)
	if err != nil {
		return nil, err
	}
	entries, err := t.Entries([]object.ID{id})
	if err != nil {
		return nil, err
	}
	if entries[id] == nil {
		return nil, &problem.Problem{Code: "no-such-entry", Message: fmt.Sprintf("there is no entry %q", text), Fix: "write it as connector/anchor, such as hr/1002"}
	}
	return entries[id], nil
}

// Disconnect cuts an entry from its object and keeps it cut, whatever joins
// match, until the hold is lifted (LINK-27).
func (r *Runner) Disconnect(ctx context.Context, entry string, d Decision) error {
	return r.store.People(ctx, func(t *store.Tx) error {
		e, err := r.entry(t, entry)
		if err != nil {
			return err
		}
		if e.Link.IsZero() {
			return &problem.Problem{Code: "not-linked", Object: entry, Message: "is linked to no object"}
		}
		h := &engine.Hold{Target: engine.Target{Object: e.Link, Kind: engine.EntryLink, Connector: e.Connector, Name: e.Anchor},
			Refused: space.Present, Standing: true, AtValue: true, Why: "disconnect", Cause: d.Because, By: d.By, At: r.now()}
		return t.WriteHolds([]*engine.Hold{h})
	})
}
