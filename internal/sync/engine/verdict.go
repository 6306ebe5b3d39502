package engine

import (
	"slices"
	"time"

	"muster/internal/base/object"
	"muster/internal/sync/metaverse"
	"muster/internal/sync/rules"
	"muster/internal/sync/space"
)

// changes lists what the decision in the mode changes for the object, against
// what is accepted, in canonical order, with the origins of metaverse values.
func (w *worker) changes(h *hub, m mode) *Unit {
	u := &Unit{Object: h.id, Type: w.typeForSystems(h, m)}
	alive := w.hubType(h, m) != ""
	w.lifeChanges(h, u, alive)
	w.linkChanges(h, u, m)
	if alive {
		w.valueChanges(h, u, w.picture(h, m))
	}
	for _, a := range w.accounts(h, m) {
		if a.rule != nil {
			w.accountChanges(h, u, a, m)
		}
	}
	u.sort()
	return u
}

func (w *worker) lifeChanges(h *hub, u *Unit, alive bool) {
	switch {
	case h.stored == nil && alive:
		f := h.x.founder
		u.Changes = append(u.Changes, Change{Op: Birth, Name: u.Type, After: object.Values{object.Str(w.set.Connectors[f.rank].Name + "/" + f.anchor)}})
	case h.stored != nil && !alive:
		u.Changes = append(u.Changes, Change{Op: Death, Name: h.stored.Type})
	}
}

// linkChanges lists entries that come or go. A link that moves from one object
// to another is a change of the one that gets it.
func (w *worker) linkChanges(h *hub, u *Unit, m mode) {
	if h.x == nil {
		return
	}
	for _, e := range w.v.EntriesOf(h.id) {
		if w.linkOf(e.ID, e.Link, m).IsZero() {
			u.Changes = append(u.Changes, Change{Op: Unlink, Connector: e.Connector, Name: anchorOf(e), Target: e.ID})
		}
	}
	for _, e := range w.entries(h, m) {
		if e.Link != h.id {
			c := Change{Op: Link, Connector: e.Connector, Name: anchorOf(e), Target: e.ID}
			if !e.Link.IsZero() {
				c.Before = object.Values{RefTo(e.Link)}
			}
			u.Changes = append(u.Changes, c)
		}
	}
}

// anchorOf names an entry in plans: by its anchor, which an account that was
// never sent does not have.
func anchorOf(e *space.Entry) string { return e.Anchor }

// valueChanges compares the metaverse object.
func (w *worker) valueChanges(h *hub, u *Unit, p *picture) {
	var before object.Attrs
	if h.stored != nil {
		before = h.stored.Attrs
	}
	for _, c := range object.Diff(before, p.attrs) {
		o, _, ok := p.origin(c.Name)
		if !ok && h.stored != nil {
			o, _ = h.stored.Origin(c.Name)
			o.Kept = false
		}
		if firstKind(c) == object.Ref {
			refChanges(u, AddRef, DropRef, "", c, o)
			continue
		}
		u.Changes = append(u.Changes, Change{Op: SetValue, Name: c.Name, Before: c.Before, After: c.After, Rule: o.Rule})
		u.Origins = append(u.Origins, o)
	}
	for _, c := range w.newClaims(h) {
		if p.attrs.Get(c.Attr).First().Text() == c.Name {
			u.Claims = append(u.Claims, c)
		}
	}
}

func (w *worker) newClaims(h *hub) []metaverse.Claim {
	if h.x == nil {
		return nil
	}
	return h.x.wish
}

func firstKind(c object.Change) object.Kind {
	if len(c.Before) > 0 {
		return c.Before[0].Kind()
	}
	return c.After.First().Kind()
}

// refChanges turns two reference sets into changes of single references.
func refChanges(u *Unit, add, drop Op, conn string, c object.Change, o metaverse.Origin) {
	a, b := c.Before, c.After
	for len(a) > 0 || len(b) > 0 {
		switch {
		case len(b) == 0 || len(a) > 0 && a[0].Compare(b[0]) < 0:
			u.Changes = append(u.Changes, Change{Op: drop, Connector: conn, Name: c.Name, Target: refID(a[0]), Before: space.Present, Rule: o.Rule})
			u.Origins = append(u.Origins, o)
			a = a[1:]
		case len(a) == 0 || b[0].Compare(a[0]) < 0:
			u.Changes = append(u.Changes, Change{Op: add, Connector: conn, Name: c.Name, Target: refID(b[0]), After: space.Present, Rule: o.Rule})
			u.Origins = append(u.Origins, o)
			b = b[1:]
		default:
			a, b = a[1:], b[1:]
		}
	}
}

// accountChanges compares what the object wants of a system with the top of its
// account there.
func (w *worker) accountChanges(h *hub, u *Unit, a *account, m mode) {
	conn := a.rule.Connector
	e := w.account(h, conn, m)
	now := e != nil && e.Exists()
	switch {
	case now && !a.exists && !a.stays:
		u.Changes = append(u.Changes, w.fateChange(a, e))
		return
	case !a.exists:
		return
	case !now && a.exists:
		u.Changes = append(u.Changes, Change{Op: AddAccount, Connector: conn, Name: a.rule.To, After: space.Present, Rule: a.rule.Name})
	}
	if a.stays {
		return
	}
	back := e != nil && !now && takenBack(e)
	top := func(name string) object.Values {
		if now || back {
			return e.Top(name)
		}
		return nil
	}
	if a.hasDN {
		if was := top(space.Name); !sameDN(was, a.dn) {
			u.Changes = append(u.Changes, Change{Op: Rename, Connector: conn, Name: space.Name, Before: was, After: a.dn, Rule: a.rule.Name})
		}
	}
	for _, v := range a.values {
		if v.initial {
			if !now && !back {
				u.Changes = append(u.Changes, Change{Op: SetInitial, Connector: conn, Name: v.name, After: v.values, Rule: v.rule})
			}
			continue
		}
		if was := top(v.name); !was.Equal(v.values) {
			u.Changes = append(u.Changes, Change{Op: SetAccount, Connector: conn, Name: v.name, Before: was, After: v.values, Rule: v.rule})
		}
	}
	w.accountRefChanges(h, u, a, e, now || back, m)
}

// takenBack reports a deletion that was not sent yet: wanted again, the account
// keeps its entry, values and initial values.
func takenBack(e *space.Entry) bool { return e.Seen && e.Deleting() && !e.DeletionSent() }

// fateChange is what happens to an account that is no longer wanted.
func (w *worker) fateChange(a *account, e *space.Entry) Change {
	c := Change{Connector: a.rule.Connector, Name: e.Type, Before: space.Present, Rule: a.rule.Name}
	switch a.rule.Otherwise {
	case rules.DeleteAccount:
		c.Op = DropAccount
	case rules.DisconnectForGood:
		c.Op, c.Name = CutAccount, "for good"
	default:
		c.Op, c.Name = CutAccount, "until it changes"
	}
	return c
}

// accountRefChanges compares the account's references, each attribute that a
// flow maintains.
func (w *worker) accountRefChanges(h *hub, u *Unit, a *account, e *space.Entry, there bool, m mode) {
	for _, name := range w.refFlows(h, a, m) {
		var was, want []object.ID
		if there {
			was = w.topRefs(e, name)
		}
		rule := a.rule.Name
		for _, r := range a.refs {
			if r.name == name {
				want, rule = append(want, r.target), r.rule
			}
		}
		sortIDs(&was)
		sortIDs(&want)
		w.refDiff(u, a.rule.Connector, name, rule, was, want)
	}
}

func sortIDs(ids *[]object.ID) {
	slices.SortFunc(*ids, object.ID.Compare)
	*ids = slices.Compact(*ids)
}

func (w *worker) refDiff(u *Unit, conn, name, rule string, was, want []object.ID) {
	for len(was) > 0 || len(want) > 0 {
		switch {
		case len(want) == 0 || len(was) > 0 && was[0].Compare(want[0]) < 0:
			// The system drops a reference to what is deleted by itself.
			if w.accountWanted(was[0], conn, held) || w.targetLives(was[0]) {
				u.Changes = append(u.Changes, Change{Op: DropAccountRef, Connector: conn, Name: name, Target: was[0], Before: space.Present, Rule: rule})
			}
			was = was[1:]
		case len(was) == 0 || want[0].Compare(was[0]) < 0:
			u.Changes = append(u.Changes, Change{Op: AddAccountRef, Connector: conn, Name: name, Target: want[0], After: space.Present, Rule: rule})
			want = want[1:]
		default:
			was, want = was[1:], want[1:]
		}
	}
}

func (w *worker) targetLives(id object.ID) bool {
	x := w.life[id]
	return x == nil || x.stored != "" || x.held
}

// refFlows lists the reference attributes that the account's rules maintain.
func (w *worker) refFlows(h *hub, a *account, m mode) []string {
	var out []string
	for _, r := range w.set.outbound[w.typeForSystems(h, m)] {
		if r.Connector != a.rule.Connector {
			continue
		}
		for i := range r.Flows {
			if f := &r.Flows[i]; f.Ref && !slices.Contains(out, f.Attr) && !w.skipsRef(h, r, f, m) {
				out = append(out, f.Attr)
			}
		}
	}
	return out
}

// skipsRef reports that the flow does not speak now, because the system's own
// contribution outranks the present one.
func (w *worker) skipsRef(h *hub, r *rules.Outbound, f *rules.Outflow, m mode) bool {
	p := w.picture(h, m)
	return p != nil && f.From != "" && w.notPrecedent(p, r, f)
}

// sameDN compares DNs without regard to case and to spaces around separators
// (RFC 4514 §2, RFC 4518).
func sameDN(a, b object.Values) bool {
	return object.DNKey(a.First().Text()) == object.DNKey(b.First().Text())
}

// verdict decides one object, free and held.
func (w *worker) verdict(id object.ID) *Verdict {
	h := w.hub(id)
	w.record(h)
	u := w.changes(h, held)
	v := &Verdict{Object: id}
	if len(h.faults)+w.pictureFaults(h) > 0 {
		v.Faults = w.gatherFaults(h)
		return v // it stays as it is
	}
	if len(u.Changes) > 0 {
		u.Basis = w.basis(h)
		v.Unit = u
	}
	if !h.same {
		fu := w.changes(h, free)
		v.Waiting = waiting(fu.Changes, u.Changes)
		v.Ended = w.ended(h)
	}
	v.Due = w.due(h)
	if h.stored != nil {
		v.WasDue = h.stored.Due
	}
	if v.Unit != nil {
		v.Unit.Due = v.Due
	}
	return v
}

// waiting is what the free decision would do and the held one does not.
func waiting(freely, heldBack []Change) []Change {
	var out []Change
	for i := range freely {
		c := &freely[i]
		done := slices.ContainsFunc(heldBack, func(d Change) bool {
			return c.compare(&d) == 0 && c.After.Equal(d.After)
		})
		if !done {
			out = append(out, *c)
		}
	}
	return out
}

func (w *worker) pictureFaults(h *hub) int {
	n := 0
	for _, p := range h.pics {
		if p != nil {
			n += len(p.faults)
		}
	}
	return n
}

func (w *worker) gatherFaults(h *hub) []ObjectFault {
	for _, p := range h.pics {
		if p != nil {
			for _, f := range p.faults {
				h.fault(f)
			}
		}
	}
	return h.faults
}

// due is the next instant at which time alone may change the object.
func (w *worker) due(h *hub) (at time.Time) {
	for m := free; m <= held; m++ {
		if p := w.picture(h, m); p != nil {
			at = earliest(at, p.due)
		}
	}
	if h.x != nil {
		at = earliest(at, h.x.due)
	}
	for _, hd := range w.allHolds(h.id) {
		if hd.Until.After(w.now) {
			at = earliest(at, hd.Until)
		}
	}
	return at
}

// basis lists the versions that the unit rests on.
func (w *worker) basis(h *hub) []Basis {
	var out []Basis
	own := int64(0)
	if h.stored != nil {
		own = h.stored.Version
	}
	out = append(out, Basis{Object: true, ID: h.id, Version: own})
	for _, e := range w.entries(h, held) {
		out = append(out, Basis{ID: e.ID, Version: e.Version})
	}
	slices.SortFunc(h.reads, object.ID.Compare)
	for _, id := range slices.Compact(h.reads) {
		b := Basis{Object: true, ID: id}
		if o := w.v.Object(id); o != nil {
			b.Version = o.Version
		}
		out = append(out, b)
	}
	return out
}

// ended lists the holds whose refused outcome is no longer wanted, or whose
// time is over. It is judged against the free decision.
func (w *worker) ended(h *hub) []*Hold {
	var out []*Hold
	for _, hd := range w.allHolds(h.id) {
		over := !hd.Until.IsZero() && !w.now.Before(hd.Until)
		if over || !hd.Standing && !hd.Refused.Equal(w.outcome(h, hd.Target)) {
			out = append(out, hd)
		}
	}
	return out
}

// outcome is what the free decision says of the target.
func (w *worker) outcome(h *hub, t Target) object.Values {
	p := w.picture(h, free)
	switch t.Kind {
	case WholeObject:
		return presence(p != nil)
	case EntryLink:
		for _, e := range w.entries(h, free) {
			if e.Connector == t.Connector && e.Anchor == t.Name {
				return space.Present
			}
		}
		// A refused link is not made in the free decision either; its hold ends
		// when the entry changes, which whoever imports sees to.
		return space.Present
	case ObjectValue:
		return freeAttr(p, t.Name)
	case ObjectRef:
		return presence(freeAttr(p, t.Name).Has(RefTo(t.Ref)))
	case AccountLife:
		return presence(w.existsFor(h, t.Connector, free))
	}
	a := w.accountFor(h, t.Connector, free)
	switch {
	case t.Kind == AccountRef:
		return presence(slices.ContainsFunc(a.refs, func(r wantRef) bool { return r.name == t.Name && r.target == t.Ref }))
	case t.Name == space.Name:
		return a.dn
	}
	return a.value(t.Name)
}
