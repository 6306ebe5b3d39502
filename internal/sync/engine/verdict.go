package engine

import (
	"slices"
	"sync"
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
	accounts := w.accounts(h, m)
	n := 4
	if alive {
		n += len(w.picture(h, m).attrs)
	}
	for _, a := range accounts {
		n += len(a.values) + len(a.refs)
	}
	u.Changes = w.room(n)
	w.lifeChanges(h, u, alive)
	if h.stored != nil {
		u.Founder = h.stored.Founder
	}
	if alive {
		w.valueChanges(h, u, w.picture(h, m))
	}
	links := w.linkChanges(h, m)
	for _, a := range accounts {
		for len(links) > 0 && links[0].Connector <= a.rule.Connector {
			u.Changes, links = append(u.Changes, links[0]), links[1:]
		}
		w.accountChanges(u, a)
	}
	u.Changes = append(u.Changes, links...)
	u.sort()
	return u
}

// slab is memory for the changes of some units.
type slab [2048]Change

var slabs = sync.Pool{New: func() any { return &slab{} }}

// room returns memory for n changes.
func (w *worker) room(n int) []Change {
	if n > len(w.free) {
		if n > len(slab{})/4 {
			return make([]Change, 0, n)
		}
		s := slabs.Get().(*slab) //nolint:forcetypeassert,errcheck // nothing else is put there
		w.slabs, w.free = append(w.slabs, s), s[:]
	}
	out := w.free[:0:n]
	w.free = w.free[n:]
	return out
}

// Done says that nobody needs the verdicts of the batch any more, nor any change
// in them: other batches are written over them. What guards counted stays.
func (t *Tally) Done() {
	for _, s := range t.slabs {
		clear(s[:])
		slabs.Put(s)
	}
	t.Verdicts, t.slabs = nil, nil
}

func (w *worker) lifeChanges(h *hub, u *Unit, alive bool) {
	switch {
	case h.stored == nil && alive:
		f := w.founder(h.x)
		u.Changes = append(u.Changes, Change{Op: Birth, Name: u.Type, After: object.Values{object.Str(w.set.Connectors[f.rank].Name + "/" + f.anchor)}})
	case h.stored != nil && !alive:
		u.Changes = append(u.Changes, Change{Op: Death, Name: h.stored.Type})
	}
}

// linkChanges lists entries that come or go, in canonical order. A link that
// moves from one object to another is a change of the one that gets it.
func (w *worker) linkChanges(h *hub, m mode) (links []Change) {
	if h.x == nil {
		return nil
	}
	for _, e := range w.v.EntriesOf(h.id) {
		if w.linkOf(e.ID, e.Link, m).IsZero() {
			links = append(links, Change{Op: Unlink, Connector: e.Connector, Name: anchorOf(e), Target: e.ID})
		}
	}
	for _, e := range w.entries(h, m) {
		again := isAnother(e) && w.linkOf(e.ID, e.Link, free) == h.id
		if e.Link != h.id || again {
			c := Change{Op: Link, Connector: e.Connector, Name: anchorOf(e), Target: e.ID}
			if !e.Link.IsZero() && !again {
				c.Before = object.Values{RefTo(e.Link)}
			}
			links = append(links, c)
		}
	}
	if len(links) > 1 {
		slices.SortStableFunc(links, func(a, b Change) int { return a.compare(&b) })
	}
	return links
}

// anchorOf names an entry in plans: by its anchor, which an account that was
// never sent does not have.
func anchorOf(e *space.Entry) string { return e.Anchor }

// valueChanges compares the metaverse object: values come first, then
// references, as they stand in the canonical order.
func (w *worker) valueChanges(h *hub, u *Unit, p *picture) {
	var before object.Attrs
	if h.stored != nil {
		before = h.stored.Attrs
	}
	claims := w.newClaims(h)
	u.Origins = make([]metaverse.Origin, 0, len(p.attrs))
	refs := 0
	eachChange(before, p, func(c *object.Change, from *source) {
		if firstKind(c) == object.Ref {
			refs++
			return
		}
		o := w.originOf(h, c.Name, from)
		u.Changes = append(u.Changes, Change{Op: SetValue, Name: c.Name, Before: c.Before, After: c.After, Rule: o.Rule})
		u.Origins = append(u.Origins, o)
		for _, claim := range claims { // claimed with the value that holds it (CLAIM-7)
			if claim.Attr == c.Name && claim.Name == c.After.First().Text() {
				u.Claims = append(u.Claims, claim)
			}
		}
	})
	for _, op := range [...]Op{AddRef, DropRef} {
		if refs == 0 {
			return
		}
		eachChange(before, p, func(c *object.Change, from *source) {
			if firstKind(c) == object.Ref {
				refChanges(u, op, c, w.originOf(h, c.Name, from))
			}
		})
	}
}

// eachChange calls fn with what must change for the accepted values to become
// those of the picture, in the order of names, and where a value comes from; nil
// where there is none any more.
func eachChange(before object.Attrs, p *picture, fn func(c *object.Change, from *source)) {
	var c object.Change
	for i, a := 0, before; i < len(p.attrs) || len(a) > 0; {
		c = object.Change{}
		if i == len(p.attrs) || len(a) > 0 && a[0].Name < p.attrs[i].Name {
			c.Name, c.Before, a = a[0].Name, a[0].Values, a[1:]
			fn(&c, nil)
			continue
		}
		from := &p.from[i]
		c.Name, c.After = p.attrs[i].Name, p.attrs[i].Values
		i++
		if len(a) > 0 && a[0].Name == c.Name {
			c.Before, a = a[0].Values, a[1:]
		}
		if !c.Before.Equal(c.After) {
			fn(&c, from)
		}
	}
}

// originOf says where the attribute's change comes from: its value, or the one
// that goes.
func (w *worker) originOf(h *hub, name string, from *source) (o metaverse.Origin) {
	if from != nil {
		return from.origin()
	}
	if h.stored != nil {
		o, _ = h.stored.Origin(name)
		o.Kept = false
	}
	return o
}

func (w *worker) newClaims(h *hub) []metaverse.Claim {
	if h.x == nil {
		return nil
	}
	return w.claims(h.x)
}

func firstKind(c *object.Change) object.Kind {
	if len(c.Before) > 0 {
		return c.Before[0].Kind()
	}
	return c.After.First().Kind()
}

// refChanges turns two reference sets into changes of single references: those
// that come or those that go.
func refChanges(u *Unit, op Op, c *object.Change, o metaverse.Origin) {
	a, b := c.After, c.Before
	x := Change{Op: op, Name: c.Name, After: space.Present, Rule: o.Rule}
	if op == DropRef {
		a, b = b, a
		x.Before, x.After = space.Present, nil
	}
	for _, v := range a { // both in order
		for len(b) > 0 && b[0].Compare(v) < 0 {
			b = b[1:]
		}
		if len(b) > 0 && b[0] == v {
			continue
		}
		x.Target = refID(v)
		u.Changes = append(u.Changes, x)
		u.Origins = append(u.Origins, o)
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
	for _, op := range [...]Op{Rename, SetAccount, SetInitial} {
		for i := range a.values {
			w.accountValue(u, a, &a.values[i], op)
		}
	}
	a.refChanges(u, AddAccountRef)
	a.refChanges(u, DropAccountRef)
}

// accountValue adds the change of one value, if it is of the kind op.
func (w *worker) accountValue(u *Unit, a *account, v *wantValue, op Op) {
	is := SetAccount
	switch {
	case v.initial:
		is = SetInitial
	case v.name == space.Name:
		is = Rename
	}
	if is != op {
		return
	}
	var before object.Values
	if !v.initial {
		before = a.is(v.name)
	}
	if is == Rename && sameDN(before, v.values) || space.SameValues(before, v.values, w.set.folded[[3]string{a.rule.Connector, a.rule.To, v.name}]) {
		return
	}
	u.Changes = append(u.Changes, Change{Op: op, Connector: a.rule.Connector, Name: v.name, Before: before, After: v.values, Rule: v.rule})
}

// refChanges adds the references that come or those that go.
func (a *account) refChanges(u *Unit, op Op) {
	x := Change{Op: op, Connector: a.rule.Connector, After: space.Present}
	now, then := a.refs, a.refsNow
	if op == DropAccountRef {
		now, then = then, now
		x.Before, x.After = space.Present, nil
	}
	for _, r := range now { // both in order
		for len(then) > 0 && then[0].compare(r) < 0 {
			then = then[1:]
		}
		if len(then) > 0 && then[0].compare(r) == 0 {
			continue
		}
		x.Name, x.Target, x.Rule, x.Shown = r.name, r.target, r.rule, has(a.shown, r)
		u.Changes = append(u.Changes, x)
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
	if f, ok := w.unnamed[id]; ok {
		h.fault(f)
	}
	if len(h.faults)+w.pictureFaults(h) > 0 {
		v.Faults, v.Unborn, v.keys = w.gatherFaults(h), h.stored == nil, w.foundBy(h)
		for _, e := range w.entries(h, free) {
			v.Entries = append(v.Entries, e.ID)
		}
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
		now := p.from[i].origin()
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
		at = earliest(at, w.dues[h.id])
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
