package run

import (
	"context"
	"slices"

	"muster/internal/base/object"
	"muster/internal/store"
	"muster/internal/store/staging"
	"muster/internal/sync/space"
)

// confirm settles what a released import says of the changes that were on
// their way to the connector's accounts (EXP-8 to EXP-12, EXP-17).
func (r *Runner) confirm(ctx context.Context, x *Connected, rep *StepReport) error {
	var last []staging.Stats
	var only []string
	err := r.store.Read(ctx, func(t *store.Tx) (err error) {
		if last, err = t.LastImports(x.Name, 1); err != nil {
			return err
		}
		return setting(t, settingOnly+x.Name, &only)
	})
	if err != nil || len(last) == 0 {
		return err
	}
	full := last[0].Full
	states := []space.State{space.Waiting, space.Failed, space.Unknown, space.Sent, space.Contested}
	for after := int64(0); ; {
		var next int64
		err := r.store.Bulk(ctx, func(t *store.Tx) error {
			list, n, err := t.Pending(x.Name, states, after, 1000)
			if err != nil {
				return err
			}
			next = n
			if len(only) > 0 { // nobody looked elsewhere
				list = slices.DeleteFunc(list, func(e *space.Entry) bool { return !inside(e.DN, only) })
			}
			return r.confirmSome(t, x, rep, list, last[0].SentNo, last[0].Import, full)
		})
		if err != nil || next == 0 {
			return err
		}
		after = next
	}
}

func (r *Runner) confirmSome(t *store.Tx, x *Connected, rep *StepReport, list []*space.Entry, began, imp int64, full bool) error {
	c := &confirming{t: t, x: x, rep: rep}
	if err := c.load(list); err != nil {
		return err
	}
	var changed []*space.Entry
	var confirmed []store.Confirmed
	var objects, entries []object.ID
	w := t.Writer(0)
	for _, e := range list {
		if !c.shown(e) {
			v := e.Vanished(began)
			switch {
			case v == space.Forgotten && (full || e.DeletionSent()):
				if p := e.PendingOf(space.Account, object.ID{}); p != nil {
					if err := t.KeepGone(e.Link, store.Confirmed{Account: e.ID, Connector: x.Name, Plan: p.Plan, Import: imp}); err != nil {
						return err
					}
				}
				if err := w.DropEntry(e.ID); err != nil {
					return err
				}
				rep.count("confirmed", 1)
				objects = append(objects, e.Link)
			case v == space.GoesMissing || v == space.MissedBefore:
				e.Pending = nil // there is nobody to send it to
				changed = append(changed, e)
			case v == space.WaitsAgain && full:
				setStates(e, space.Unknown, space.Waiting)
				changed = append(changed, e)
			}
			continue
		}
		if e.Retyped {
			c.forget(e)
			changed = append(changed, e)
			continue
		}
		o := e.Confirm(began, c.reader(e.Type))
		c.tell(e, o)
		confirmed = append(confirmed, confirmedBy(imp, e, o.Confirmed)...)
		if o.Changed {
			changed = append(changed, e)
		}
		if o.Again {
			objects = append(objects, e.Link)
			entries = append(entries, e.ID)
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if err := t.KeepConfirmed(confirmed); err != nil {
		return err
	}
	if err := t.SetPending(changed); err != nil {
		return err
	}
	if err := t.MarkEntries(entries); err != nil {
		return err
	}
	return t.MarkObjects(nonzero(objects))
}

// confirmedBy says by which import changes of an account were confirmed. Where
// nothing of their plan is left on its way, it is said once for all of them.
func confirmedBy(imp int64, e *space.Entry, list []space.Pending) []store.Confirmed {
	var out []store.Confirmed
	for i := range list {
		p := &list[i]
		c := store.Confirmed{Account: e.ID, Plan: p.Plan, Import: imp}
		if slices.ContainsFunc(e.Pending, func(o space.Pending) bool { return o.Plan == p.Plan }) {
			c.Name = p.Name
		}
		if len(out) == 0 || out[len(out)-1] != c {
			out = append(out, c)
		}
	}
	return out
}

func nonzero(ids []object.ID) []object.ID {
	out := ids[:0]
	for _, id := range ids {
		if !id.IsZero() {
			out = append(out, id)
		}
	}
	return out
}

// confirming is one batch of confirmation.
type confirming struct {
	t        *store.Tx
	x        *Connected
	rep      *StepReport
	accounts map[object.ID]object.ID // object → its account here
}

// load finds the accounts that pending references lead to.
func (c *confirming) load(list []*space.Entry) error {
	var targets []object.ID
	for _, e := range list {
		for i := range e.Pending {
			if id := e.Pending[i].Target; !id.IsZero() {
				targets = append(targets, id)
			}
		}
	}
	found, err := c.t.AccountsIn(c.x.Name, targets)
	c.accounts = map[object.ID]object.ID{}
	for id, e := range found {
		c.accounts[id] = e.ID
	}
	return err
}

// shown reports that the released image shows the entry.
func (c *confirming) shown(e *space.Entry) bool { return e.Seen && e.Missing.IsZero() }

// forget drops what was on its way to an account whose anchor has gone to an
// object of another type: there is nobody to send it to, and nobody who could
// show it. A deletion that was sent is done.
func (c *confirming) forget(e *space.Entry) {
	if e.DeletionSent() {
		c.rep.count("confirmed", 1)
	} else {
		c.rep.count("overtaken", int64(len(e.Pending)))
	}
	e.Pending = nil
}

func (c *confirming) reader(typ string) space.Reader {
	t, _ := c.x.Schema.Type(typ)
	return &schemaReader{typ: t, accounts: c.accounts}
}

type schemaReader struct {
	typ      object.Type
	accounts map[object.ID]object.ID
}

func (r *schemaReader) Attribute(name string) object.Attribute {
	a, _ := r.typ.Attribute(name)
	return a
}
func (r *schemaReader) EntryOf(obj object.ID) object.ID { return r.accounts[obj] }

// tell reports what came back different.
func (c *confirming) tell(e *space.Entry, o space.Confirmation) {
	c.rep.count("confirmed", int64(len(o.Confirmed)))
	c.rep.count("overtaken", int64(len(o.Overtaken)))
	name := e.DN
	if name == "" {
		name = e.Anchor
	}
	if len(o.Returned)+len(o.Contested) > 0 && c.rep.Result == Success {
		c.rep.Result = CompletedWarnings
	}
	for _, p := range o.Returned {
		c.rep.fail(ObjectError{Code: "exported-change-not-reimported", Connector: e.Connector, Object: name,
			Message: p.Name + " was sent as " + c.said(&p, p.Want) + " and came back as " + c.said(&p, p.Before) + "; it is sent once more"})
	}
	for _, p := range o.Contested {
		c.rep.count("contested", 1)
		c.rep.fail(ObjectError{Code: "exported-change-not-reimported", Connector: e.Connector, Object: name,
			Message: p.Name + " is contested: wanted and sent " + c.said(&p, p.Want) + ", found " + c.said(&p, p.Found) + "; it rests until one of them changes or a person decides"})
	}
}

// said writes a value of a pending change; of a reference, whom it names.
func (c *confirming) said(p *space.Pending, vs object.Values) string {
	if p.Target.IsZero() || len(vs) == 0 {
		return quoted(vs)
	}
	names := newNaming(c.t)
	if err := names.load([]object.ID{p.Target}); err != nil {
		return p.Target.String()
	}
	return names.name(p.Target, "").String()
}

func quoted(vs object.Values) string {
	if len(vs) == 0 {
		return "none"
	}
	return `"` + vs.String() + `"`
}
