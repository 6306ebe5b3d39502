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
	if h.stored != nil {
		u.Founder = h.stored.Founder
	}
	w.linkChanges(h, u, m)
	if alive {
		w.valueChanges(h, u, w.picture(h, m))
	}
	for _, a := range w.accounts(h, m) {
		w.accountChanges(u, a)
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
		for _, claim := range w.newClaims(h) { // claimed with the value that holds it (CLAIM-7)
			if claim.Attr == c.Name && claim.Name == c.After.First().Text() {
				u.Claims = append(u.Claims, claim)
			}
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
func (w *worker) accountChanges(u *Unit, a *account) {
	conn := a.rule.Connector
	switch {
	case a.now && !a.exists && a.governs:
		u.Changes = append(u.Changes, a.fate())
	case !a.now && a.exists:
		u.Changes = append(u.Changes, Change{Op: AddAccount, Connector: conn, Name: a.rule.To, After: space.Present, Rule: a.rule.Name})
	}
	if !a.exists || a.still {
		return
	}
	for _, v := range a.values {
		c := Change{Op: SetAccount, Connector: conn, Name: v.name, Before: a.is(v.name), After: v.values, Rule: v.rule}
		switch {
		case v.initial:
			c.Op, c.Before = SetInitial, nil
		case v.name == space.Name && sameDN(c.Before, c.After):
			continue
		case v.name == space.Name:
			c.Op = Rename
		}
		if !space.SameValues(c.Before, c.After, w.set.folded[[3]string{conn, a.rule.To, v.name}]) {
			u.Changes = append(u.Changes, c)
		}
	}
	was, want := a.refsNow, a.refs
	for len(was) > 0 || len(want) > 0 {
		switch {
		case len(want) == 0 || len(was) > 0 && was[0].compare(want[0]) < 0:
			u.Changes = append(u.Changes, Change{Op: DropAccountRef, Connector: conn, Name: was[0].name, Target: was[0].target, Before: space.Present,
				Rule: was[0].rule, Shown: has(a.shown, was[0])})
			was = was[1:]
		case len(was) == 0 || want[0].compare(was[0]) < 0:
			u.Changes = append(u.Changes, Change{Op: AddAccountRef, Connector: conn, Name: want[0].name, Target: want[0].target, After: space.Present,
				Rule: want[0].rule, Shown: has(a.shown, want[0])})
			want = want[1:]
		default:
			was, want = was[1:], want[1:]
		}
	}
}

// fate is what happens to an account that is no longer wanted (OUT-9 to OUT-11).
func (a *account) fate() Change {
	c := Change{Connector: a.rule.Connector, Name: a.rule.To, Before: space.Present, Rule: a.rule.Name}
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

func sortIDs(ids *[]object.ID) {
	slices.SortFunc(*ids, object.ID.Compare)
	*ids = slices.Compact(*ids)
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
		u.Basis, u.Undone = w.basis(h), w.birthRefused(w.v, id)
		v.Unit = u
	}
	if !w.same(h) {
		fu := w.changes(h, free)
		v.Waiting = notDone(fu.Changes, u.Changes)
		v.Ended = w.ended(h)
	}
	v.Due = w.due(h, v.Ended)
	if h.stored != nil {
		v.WasDue = h.stored.Due
	}
	if v.Unit != nil {
		v.Unit.Due = v.Due
	}
	v.Origins = w.newOrigins(h)
	return v
}

// newOrigins lists the attributes whose values stay while their contributor
// becomes another: only lineage changes (FLOW-21).
func (w *worker) newOrigins(h *hub) []NewOrigin {
	p := w.picture(h, held)
	if h.stored == nil || h.x == nil || p == nil {
		return nil
	}
	var out []NewOrigin
	for i, a := range p.attrs {
		was, ok := h.stored.Origin(a.Name)
		now := p.origins[i]
		if !ok || now.Connector == "" || !h.stored.Attrs.Get(a.Name).Equal(a.Values) ||
			was.Entry == now.Entry && was.Rule == now.Rule && was.Kept == now.Kept && was.Anchor == now.Anchor {
			continue
		}
		out = append(out, NewOrigin{Attr: a.Name, Origin: now})
	}
	return out
}

// notDone is what the free decision would do and the held one does not.
func notDone(freely, heldBack []Change) []Change {
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

// due is the next instant at which time alone may change the object, or a hold
// that stays will end (TIME-4).
func (w *worker) due(h *hub, ended []*Hold) (at time.Time) {
	for m := free; m <= held; m++ {
		if p := w.picture(h, m); p != nil {
			at = earliest(at, p.due)
		}
	}
	if h.x != nil {
		at = earliest(at, h.x.due)
	}
	for _, hd := range w.allHolds(w.v, h.id) {
		if !hd.Until.IsZero() && !slices.ContainsFunc(ended, func(x *Hold) bool { return x.Target == hd.Target }) {
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
