package run

import (
	"time"

	"muster/internal/base/object"
	"muster/internal/store"
	"muster/internal/sync/engine"
	"muster/internal/sync/space"
)

// history lists what was accepted for the object, newest first: each change with
// the plan, the people who approved it, and the import that confirmed it (LIN-6).
func (r *Runner) history(t *store.Tx, names *naming, id object.ID, accounts []*space.Entry) ([]HistoryInfo, error) {
	events, err := t.History(id)
	if err != nil {
		return nil, err
	}
	f := &following{object: id}
	if f.approved, err = t.Approvals(id); err != nil {
		return nil, err
	}
	entries := map[object.ID]string{}
	for _, e := range accounts {
		entries[e.ID] = e.Connector
	}
	if f.confirmed, err = t.ConfirmedOf(id, entries); err != nil {
		return nil, err
	}
	var out []HistoryInfo
	for i := len(events) - 1; i >= 0; i-- {
		infos, err := names.unitInfos([]engine.Unit{events[i].Unit})
		if err != nil {
			return nil, err
		}
		p, err := t.Plan(events[i].Plan)
		if err != nil {
			return nil, err
		}
		h := HistoryInfo{Plan: p.No, By: p.Author, At: p.Started, Changes: infos[0].Changes}
		for k := range h.Changes {
			f.follow(&h.Changes[k], p)
		}
		out = append(out, h)
	}
	return out, nil
}

// following follows the changes of an object, the newest first.
type following struct {
	object    object.ID
	approved  map[engine.Hash]store.Approval
	confirmed []store.Confirmed
	later     map[spot]time.Time // when it was changed again
}

// spot is what a change in a system is about.
type spot struct {
	connector, name string
	target          object.ID
}

// follow completes a change of a plan.
func (f *following) follow(c *ChangeInfo, p store.Plan) {
	if a, ok := f.approved[engine.ChangeHash(f.object, &c.Change)]; ok && !a.At.After(p.Ended) {
		c.Approved = &ApprovalInfo{By: a.By, At: a.At}
	}
	name, sent := pendingName(&c.Change)
	if !sent {
		return
	}
	at := spot{c.Connector, name, c.Change.Target}
	again, changed := f.later[at]
	if f.later == nil {
		f.later = map[spot]time.Time{}
	}
	f.later[at] = p.Started
	var best *store.Confirmed
	for i := range f.confirmed {
		x := &f.confirmed[i]
		if x.Plan != p.No || x.Connector != c.Connector || x.Name != name && x.Name != "" {
			continue
		}
		if best == nil || best.Name == "" && x.Name == name {
			best = x
		}
	}
	// Who was changed again before the import began was never shown by it.
	if best != nil && (!changed || again.After(best.At)) {
		c.Confirmed = &ImportInfo{Import: best.Import, At: best.At}
	}
}

// pendingName is what a change is called while it is on its way to a system;
// false if none is sent.
func pendingName(c *engine.Change) (string, bool) {
	switch c.Op {
	case engine.AddAccount, engine.DropAccount:
		return space.Account, true
	case engine.Rename:
		return space.Name, true
	case engine.Birth, engine.Death, engine.Link, engine.Unlink, engine.CutAccount:
		return "", false
	default:
		return c.Name, c.Connector != ""
	}
}
