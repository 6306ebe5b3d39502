package oracle

import (
	"slices"

	"muster/internal/base/object"
	"muster/internal/sync/metaverse"
	"muster/internal/sync/space"
)

// Accept makes the units that pick names so, and writes what needs no unit: new
// and ended holds and what is due. A unit that read another's new value comes
// only with it; units that exchange a link come together. A nil pick takes all.
// What was accepted
// before is not made so again. It returns the changes made.
func Accept(w *World, p *Plan, pick func(object.ID) bool) (done []Change) {
	take := map[object.ID]bool{}
	for _, o := range sortedIDs(p.Units) { // in order: pick may be a die
		take[o] = p.accepted[o] || pick == nil || pick(o)
	}
	waits := func(t object.ID) bool { return len(p.Units[t]) > 0 && !take[t] }
	unborn := func(t object.ID) bool { return p.d.faulty[t] && w.Objects[t] == nil }
	for again := true; again; {
		again = false
		for o, ok := range take {
			on := p.d.leans(o, p.Units[o])
			if ok && (slices.ContainsFunc(on, unborn) || slices.ContainsFunc(slices.Concat(on, p.d.exchanges(o), p.droppers(o), p.goers(o)), waits)) {
				take[o], again = false, true
			}
		}
	}
	for o := range p.accepted {
		take[o] = false
	}
	w.count(p, take)
	for _, o := range sortedIDs(p.Units) {
		if take[o] {
			w.apply(p, o)
			done = append(done, p.Units[o]...)
			p.accepted[o] = true
		}
	}
	w.writeHolds(p, take)
	for o, so := range w.Objects {
		if len(p.Units[o]) == 0 || take[o] {
			so.Due = p.Due[o]
		}
	}
	return done
}

// exchanges lists the objects with which the object exchanges a link. One that is
// not born, for a rule fails, has no unit to go with: the others go on (FLOW-20).
func (d *decision) exchanges(o object.ID) (with []object.ID) {
	for _, e := range d.entries {
		if from, to := e.Link, d.eff[e.ID]; from != to && (from == o || to == o) {
			with = append(with, from, to)
		}
	}
	return with
}

// leans lists the objects whose units the unit rests on: those that it reads, and
// that its references name.
func (d *decision) leans(o object.ID, unit []Change) (on []object.ID) {
	for _, c := range unit {
		if c.Op == AddRef || c.Op == AddAccountRef {
			on = append(on, c.Target)
		}
	}
	if b := d.being(o, held); d.live[o] != "" {
		for _, f := range b.picture {
			for _, v := range f.values {
				if v.Kind() == object.Ref && d.readsThrough(o) {
					on = append(on, refOf(v))
				}
			}
		}
	}
	return on
}

// droppers lists who drops a reference to an account that the object cuts: later
// nobody would know any more whose account it was.
func (p *Plan) droppers(o object.ID) (by []object.ID) {
	if !slices.ContainsFunc(p.Units[o], func(c Change) bool { return c.Op == CutAccount || c.Op == Death }) {
		return nil
	}
	for x, cs := range p.Units {
		if slices.ContainsFunc(cs, func(c Change) bool { return c.Op == DropAccountRef && c.Target == o }) {
			by = append(by, x)
		}
	}
	return by
}

// goers lists those whom the unit no longer refers to because they, or their
// accounts, are to go, or entries of theirs by which it may have named them: it
// waits while they wait (ACC-5).
func (p *Plan) goers(o object.ID) (whom []object.ID) {
	for _, c := range p.Units[o] {
		goes := func(x Change) bool {
			return x.Op == Death || c.Op == DropAccountRef && x.Connector == c.Connector && (x.Op == DropAccount || x.Op == CutAccount)
		}
		loses := func(e *space.Entry) bool { return e.Link == c.Target && p.d.eff[e.ID] != c.Target }
		if (c.Op == DropRef || c.Op == DropAccountRef) && slices.ContainsFunc(p.Units[c.Target], goes) ||
			c.Op == DropRef && slices.ContainsFunc(p.d.entries, loses) {
			whom = append(whom, c.Target)
		}
	}
	return whom
}

// readsThrough reports that some rule of the object's type reads through references.
func (d *decision) readsThrough(o object.ID) bool {
	for _, out := range d.r.outs(d.live[o]) {
		for i := range out.Flows {
			if out.Flows[i].Value.reaches() {
				return true
			}
		}
	}
	return false
}

func (x *Expr) reaches() bool {
	return x.Do == "through" || slices.ContainsFunc(x.Args, func(y Expr) bool { return y.reaches() })
}

// writeHolds stores the guards' holds and removes those that are over, save
// those of units that stay open.
func (w *World) writeHolds(p *Plan, take map[object.ID]bool) {
	for _, h := range p.NewHolds {
		w.Holds[h.Target] = h
	}
	for _, t := range p.Ended {
		if t.Kind == EntryLink && take[t.Object] {
			if h, e := w.Holds[t], w.find(t.Connector, t.Name); h != nil && h.Why == "join" && e != nil && e.Link == t.Object {
				e.Explicit = true
			}
		}
		if len(p.Units[t.Object]) == 0 || take[t.Object] {
			delete(w.Holds, t)
		}
	}
}

// count remembers the accepted changes that guards count.
func (w *World) count(p *Plan, take map[object.ID]bool) {
	for _, c := range p.d.counted(p) {
		if take[c.change.Object] {
			w.Log = append(w.Log, Done{At: w.Clock, Guard: c.by, Approved: c.approved})
		}
	}
}

// apply makes one unit so. It decides nothing.
func (w *World) apply(p *Plan, o object.ID) {
	d, so := p.d, w.Objects[o]
	if so == nil && d.live[o] != "" {
		so = &metaverse.Object{ID: o, Type: d.live[o]}
		w.Objects[o] = so
	}
	for _, c := range p.Units[o] {
		switch c.Op {
		case Link:
			e := w.Entries[c.Target]
			e.Link, e.Cut, e.Explicit = o, object.ID{}, false
		case Unlink:
			w.unlink(d, c)
		case SetValue:
			w.setValue(d, so, c)
		case AddRef, DropRef:
			setAttr(so, c.Name, with(so.Attrs.Get(c.Name), refTo(c.Target), c.Op == AddRef), d.being(o, held).picture[c.Name].origin)
		case AddAccount, DropAccount, CutAccount:
			w.setAccount(c)
		case Rename, SetAccount, SetInitial, AddAccountRef, DropAccountRef:
			w.want(d, c)
		case Birth, Death:
		}
	}
	if d.live[o] == "" {
		w.end(o)
	} else {
		so.Version++
	}
}

// setAttr puts values and their origin, which stand in the same order.
func setAttr(so *metaverse.Object, name string, vs object.Values, origin metaverse.Origin) {
	origins := map[string]metaverse.Origin{}
	for i, a := range so.Attrs {
		origins[a.Name] = so.Origins[i]
	}
	origins[name] = origin
	so.Attrs.Put(name, vs)
	so.Origins = nil
	for _, a := range so.Attrs {
		so.Origins = append(so.Origins, origins[a.Name])
	}
}

// setValue writes a value, and the claim whose name it is.
func (w *World) setValue(d *decision, so *metaverse.Object, c Change) {
	setAttr(so, c.Name, c.After, d.being(c.Object, held).picture[c.Name].origin)
	claim, ok := d.claims[claimKey{c.Object, c.Name}]
	if !ok || claim.Name != c.After.First().Text() {
		return
	}
	so.Claims = append(slices.DeleteFunc(so.Claims, func(x metaverse.Claim) bool { return x.Attr == c.Name }), claim)
	w.Names[Name{c.Name, key(claim.Name, d.r.typ(so.Type).attr(c.Name))}] = c.Object
}

// unlink cuts an entry. What was never sent, or is no longer there, is
// forgotten; what left an undone object waits until it changes.
func (w *World) unlink(d *decision, c Change) {
	e := w.Entries[c.Target]
	if e.Unsent() || !e.Missing.IsZero() {
		delete(w.Entries, e.ID)
		return
	}
	e.Link, e.Explicit = object.ID{}, false
	if d.undone(c.Object) {
		e.Cut = c.Object
	}
}

// end removes an object that is no more. Its accounts lose their link; its
// holds go, but for those that keep it, or a link to it, from coming back.
func (w *World) end(o object.ID) {
	delete(w.Objects, o)
	for _, e := range w.Entries {
		if e.Link == o {
			e.Link = object.ID{}
		}
	}
	for t, h := range w.Holds {
		if t.Object == o && !((t.Kind == WholeObject || t.Kind == EntryLink) && len(h.Refused) > 0) {
			delete(w.Holds, t)
		}
	}
}

// setAccount adds, deletes or cuts an account.
func (w *World) setAccount(c Change) {
	e := w.accountOf(c.Object, c.Connector)
	switch {
	case c.Op == AddAccount && e != nil && e.Deleting() && !e.DeletionSent():
		e.RemovePending(space.Account, object.ID{})
		if !e.Seen {
			e.PutPending(space.Pending{Name: space.Account, Want: space.Present, State: space.Sent})
		}
	case c.Op == AddAccount:
		if e != nil {
			e.Link, e.Explicit = object.ID{}, false
		}
		n := 0
		for w.Entries[space.AccountID(c.Connector, c.Object, n)] != nil {
			n++
		}
		e = &space.Entry{ID: space.AccountID(c.Connector, c.Object, n), Connector: c.Connector, Type: c.Name, Link: c.Object}
		e.PutPending(space.Pending{Name: space.Account, Want: space.Present})
		w.Entries[e.ID] = e
	case e.Unsent():
		delete(w.Entries, e.ID)
	case c.Op == DropAccount:
		e.PutPending(space.Pending{Name: space.Account, Before: space.Present})
	default:
		w.cut(e, c)
	}
}

// cut leaves an account as it is. It may not join again until it changes; for
// good means until a person joins it.
func (w *World) cut(e *space.Entry, c Change) {
	e.Link, e.Cut, e.Explicit = object.ID{}, c.Object, c.Name == DisconnectForGood.String()
	e.Pending = slices.DeleteFunc(e.Pending, func(p space.Pending) bool { return !p.OnItsWay() })
}

// want stages a change of an account's name, value or reference.
func (w *World) want(d *decision, c Change) {
	e := w.accountOf(c.Object, c.Connector)
	switch c.Op {
	case AddAccountRef, DropAccountRef:
		d.wantRef(e, space.Pending{Name: c.Name, Target: c.Target, Before: c.Before, Want: c.After})
	case SetInitial:
		e.Initial.Put(c.Name, c.After)
		e.Want(c.Name, c.After, 0)
	default:
		e.Want(c.Name, c.After, 0)
	}
}

// wantRef stages a reference, or drops what waits where the image is as wanted.
// What the image shows is asked of the links as the plan leaves them: an account
// that it names may be cut, or found again, in the same plan.
func (d *decision) wantRef(e *space.Entry, p space.Pending) {
	old := e.PendingOf(p.Name, p.Target)
	shows := slices.ContainsFunc(e.Image.Get(p.Name), func(v object.Value) bool { return d.eff[refOf(v)] == p.Target })
	if old != nil && !old.OnItsWay() && shows == (len(p.Want) > 0) && (shows || len(old.Before) == 0) {
		e.RemovePending(p.Name, p.Target)
		return
	}
	e.PutPending(p)
}

// accountOf is the object's present entry in the connector.
func (w *World) accountOf(o object.ID, connector string) *space.Entry {
	var found *space.Entry
	for _, e := range w.Entries {
		if e.Link == o && e.Connector == connector && e.Missing.IsZero() && (found == nil || e.Anchor < found.Anchor) {
			found = e
		}
	}
	return found
}
