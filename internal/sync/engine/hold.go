package engine

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"muster/internal/base/object"
	"muster/internal/sync/space"
)

func (a Target) compare(b Target) int {
	return cmp.Or(a.Object.Compare(b.Object), cmp.Compare(a.Kind, b.Kind), compareText(a.Connector, b.Connector),
		compareText(a.Name, b.Name), a.Ref.Compare(b.Ref))
}

// over reports that the hold's time has come (HOLD-9).
func (h *Hold) over(now time.Time) bool { return !h.Until.IsZero() && !now.Before(h.Until) }

// refuses reports that the hold is in force and refuses the outcome (HOLD-5,
// HOLD-6).
func (h *Hold) refuses(outcome object.Values, now time.Time) bool {
	return h != nil && !h.over(now) && (h.Standing || h.Refused.Equal(outcome))
}

// stays says what takes the place of a refused outcome, where is is there.
func (h *Hold) stays(is object.Values) object.Values {
	if h.AtValue {
		return h.Instead
	}
	return is
}

// binds reports a person's word that an entry be linked to the object.
func (h *Hold) binds(now time.Time) bool {
	return h.Target.Kind == EntryLink && h.AtValue && len(h.Instead) > 0 && !h.over(now)
}

// parts reports a person's word that an entry be not linked to the object.
func (h *Hold) parts(now time.Time) bool {
	return h.Target.Kind == EntryLink && h.AtValue && len(h.Instead) == 0 && !h.over(now)
}

// undoes reports a hold that takes a birth back. One that keeps an object from
// being born leaves what is there, which is nothing.
func (h *Hold) undoes() bool {
	return h.Target.Kind == WholeObject && h.AtValue && len(h.Refused) > 0 && len(h.Instead) == 0
}

// isOn reports that the hold is about a link of the entry.
func (h *Hold) isOn(e *space.Entry) bool {
	return h.Target.Kind == EntryLink && h.Target.Connector == e.Connector && h.Target.Name == e.Anchor && e.Anchor != ""
}

// linkTarget is the link of the entry to the object.
func linkTarget(e *space.Entry, o object.ID) Target {
	return Target{Object: o, Kind: EntryLink, Connector: e.Connector, Name: e.Anchor}
}

// Entry is the entry that a target is about which is a link: known by its
// anchor, whatever id it had before it got one.
func (a Target) Entry() object.ID { return space.EntryID(a.Connector, a.Name) }

// refusal returns the hold that refuses the outcome for the target, nil if none
// does: a person's or an earlier guard's, else one that this plan's guards
// wrote.
func (d *Decider) refusal(v View, t Target, outcome object.Values) *Hold {
	if h := d.holdOn(v, t); h.refuses(outcome, d.now) {
		return h
	}
	return nil
}

// holdOn returns the hold on the target, nil if there is none.
func (d *Decider) holdOn(v View, t Target) *Hold {
	for _, h := range v.Holds(t.Object) {
		if h.Target == t {
			return h
		}
	}
	for _, h := range d.holds[t.Object] {
		if h.Target == t {
			return h
		}
	}
	return nil
}

// allHolds lists the holds on the object and all it has, those of this plan's
// guards with them, in the order of their targets.
func (d *Decider) allHolds(v View, id object.ID) []*Hold {
	out := v.Holds(id)
	if more := d.holds[id]; len(more) > 0 {
		out = append(slices.Clone(out), more...)
		slices.SortFunc(out, func(a, b *Hold) int { return a.Target.compare(b.Target) })
	}
	return out
}

// freeLife is Present when the free decision lets the object live. An object
// that the plan does not touch stays what it is.
func (d *Decider) freeLife(v View, id object.ID) object.Values {
	if x := d.life(id); x != nil {
		return presence(x.typ != 0)
	}
	return presence(v.Object(id) != nil)
}

// stands reports that a hold keeps the whole object as it is: unborn, or alive
// with all it has.
func (d *Decider) stands(v View, id object.ID) bool {
	h := d.holdOn(v, Target{Object: id, Kind: WholeObject})
	return h.refuses(d.freeLife(v, id), d.now) && (!h.AtValue || len(h.Instead) > 0)
}

// birthRefused reports an object whose birth a person takes back: it is there, and
// held at "not there" (HOLD-22). Once it is gone, the marks of its entries keep
// them from founding it again.
func (d *Decider) birthRefused(v View, id object.ID) bool {
	h := d.holdOn(v, Target{Object: id, Kind: WholeObject})
	return h.refuses(space.Present, d.now) && h.undoes() && v.Object(id) != nil && len(d.freeLife(v, id)) > 0
}

func (l *linker) birthRefused(id object.ID) bool { return l.Decider.birthRefused(l.v, id) }

// holdBack finds the links and lives that holds leave: a link moves only if
// neither end is held (HOLD-16), and nobody is linked to an object that is not
// born. Who stays where he was may keep another object alive, or leave another
// without his place, so this goes on, from those whom a hold concerns to those
// whom they concern, until nothing changes. Where no hold concerns anybody, the
// held decision is the free one.
func (l *linker) holdBack() error {
	for _, no := range l.order {
		x := l.lifeAt(no)
		x.held = x.typ != 0
	}
	if len(l.suspects)+len(l.gave) == 0 {
		return nil
	}
	b := &backward{linker: l, takers: map[object.ID][]object.ID{}, judge: map[object.ID]bool{}, check: map[object.ID]bool{}}
	for e, x := range l.gave {
		b.takers[x] = append(b.takers[x], e)
		b.check[e] = true
	}
	if len(l.suspects) > 0 {
		if err := b.links(); err != nil {
			return err
		}
	}
	for len(b.judge)+len(b.check) > 0 {
		if err := b.lives(); err != nil {
			return err
		}
		if err := b.flips(); err != nil {
			return err
		}
	}
	return nil
}

// backward is the work of holding links and lives back.
type backward struct {
	*linker
	takers map[object.ID][]object.ID // entries that gave their place, by whom they gave it to
	judge  map[object.ID]bool        // objects whose life must be judged again
	check  map[object.ID]bool        // entries whose link must be looked at again
}

func keysOf(m map[object.ID]bool) []object.ID {
	out := make([]object.ID, 0, len(m))
	for id := range m {
		out = append(out, id)
	}
	slices.SortFunc(out, object.ID.Compare)
	return out
}

// links holds the links back that holds concern directly.
func (b *backward) links() error {
	for ids := range slices.Chunk(b.suspects, chunk) {
		if err := b.loadTouched(ids); err != nil {
			return err
		}
		var moved []object.ID
		for _, id := range ids {
			b.judge[id] = true
			for _, e := range slices.Concat(b.v.EntriesOf(id), b.entriesOf(id)) {
				if b.linkOf(e.ID, e.Link, free) != e.Link || b.birthRefused(id) {
					moved = append(moved, e.ID)
				}
			}
		}
		if err := b.loadWithObjects(moved); err != nil {
			return err
		}
		for _, id := range moved {
			e := b.v.Entry(id)
			to := b.heldLink(e, b.linkOf(id, e.Link, free))
			if x := b.life(to); x != nil && b.birthRefused(to) && !b.set.governed[[2]string{b.typ(x), e.Connector}] {
				b.moves(e)
				to = object.ID{}
			}
			b.hold(e, to)
		}
		b.v.Forget()
	}
	return nil
}

// hold makes to the link of e in the held decision.
func (b *backward) hold(e *space.Entry, to object.ID) {
	was, freely := b.linkOf(e.ID, e.Link, held), b.linkOf(e.ID, e.Link, free)
	if was == to {
		return
	}
	delete(b.eff, e.ID)
	if to != freely {
		b.eff[e.ID] = to
	}
	for _, o := range [...]object.ID{was, to, e.Link, freely} {
		if b.life(o) != nil {
			b.judge[o] = true
		}
	}
	for _, x := range b.takers[e.ID] {
		b.check[x] = true
	}
}

// heldLink says where an entry that goes freely from one object to another
// stays.
func (b *backward) heldLink(e *space.Entry, to object.ID) object.ID {
	from := e.Link
	if !from.IsZero() && b.stands(b.v, from) || !to.IsZero() && b.stands(b.v, to) {
		return from
	}
	on := func(o object.ID) *Hold {
		if o.IsZero() || e.Anchor == "" {
			return nil
		}
		return b.holdOn(b.v, linkTarget(e, o))
	}
	if h := on(to); h.refuses(space.Present, b.now) && !h.AtValue {
		return from
	}
	if from == to {
		return to
	}
	if h := on(from); h.refuses(nil, b.now) && !h.parts(b.now) {
		return from
	}
	return to
}

// lives judges the lives that have to be judged again; who comes to one that is
// no longer there has to be looked at.
func (b *backward) lives() error {
	ids := keysOf(b.judge)
	clear(b.judge)
	for part := range slices.Chunk(ids, chunk) {
		if err := b.loadTouched(part); err != nil {
			return err
		}
		for _, id := range part {
			x := b.life(id)
			x.held = b.lives1(id, x)
			if x.held {
				continue
			}
			for _, e := range b.heldEntries(b.v, id) {
				if e.Link != id {
					b.check[e.ID] = true
				}
			}
		}
		b.v.Forget()
	}
	return nil
}

// lives1 reports that the object lives with the links that holds leave.
func (b *backward) lives1(id object.ID, x *life) bool {
	es := b.heldEntries(b.v, id)
	kept := b.countLinks(b.typOr(x), es) > 0 && !b.birthRefused(id)
	switch {
	case b.stands(b.v, id):
		return x.stored != 0
	case x.stored == 0:
		by := b.founder(x).entry
		return x.typ != 0 && kept && slices.ContainsFunc(es, func(e *space.Entry) bool { return e.ID == by })
	case x.typ == 0: // its end came from links, some of which may be held back
		return kept && !b.bereft(id, b.stored(x), es, held)
	}
	return kept
}

// flips lets entries stay where they were that would come to an object that is
// not there, or that gave their place to somebody who does not come: in order,
// so that who has to make way is asked after the other.
func (b *backward) flips() error {
	for id := range maps.Clone(b.check) {
		for _, e := range b.takers[id] {
			b.check[e] = true
		}
	}
	ids := keysOf(b.check)
	clear(b.check)
	var places []place
	err := inParts(b.v, ids, needEntries, func(part []object.ID) error {
		for _, id := range part {
			places = append(places, b.placeOf(b.v.Entry(id)))
		}
		return nil
	})
	if err != nil {
		return err
	}
	slices.SortFunc(places, place.compare)
	need := func(part []place) (n Need) {
		for _, p := range part {
			n.Entries = append(n.Entries, p.id, b.gave[p.id])
		}
		return n
	}
	return inParts(b.v, places, need, func(part []place) error {
		for _, p := range part {
			e := b.v.Entry(p.id)
			to := b.linkOf(p.id, e.Link, held)
			nowhere := !to.IsZero() && b.life(to) != nil && !b.life(to).held
			if to != e.Link && (nowhere || b.keeps(e, to)) {
				b.hold(e, e.Link)
			}
		}
		return nil
	})
}

// keeps reports that the entry gave its place to one that does not come.
func (b *backward) keeps(e *space.Entry, to object.ID) bool {
	x, gave := b.gave[e.ID]
	if !gave || e.Link.IsZero() || !to.IsZero() {
		return false
	}
	taker := b.v.Entry(x)
	return taker != nil && b.linkOf(x, taker.Link, held) != e.Link && (e.Missing.IsZero() || !b.recalls(b.typOr(b.life(e.Link)), e))
}

// heldEntries returns the entries linked to the object in the held decision.
func (d *Decider) heldEntries(v View, id object.ID) []*space.Entry {
	x := d.life(id)
	if x == nil {
		return v.EntriesOf(id)
	}
	var out []*space.Entry
	if x.stored != 0 {
		for _, e := range v.EntriesOf(id) {
			if d.linkOf(e.ID, e.Link, held) == id {
				out = append(out, e)
			}
		}
	}
	for _, eid := range d.appendEntries(nil, id, x) {
		e := v.Entry(eid)
		if e != nil && e.Link != id && d.linkOf(e.ID, e.Link, held) == id {
			out = append(out, e)
		}
	}
	return d.sorted(out)
}

// ended lists the holds whose refused outcome is no longer wanted, or whose
// time is over. It is judged against the free decision. A person's word on a
// link stays, and so does a birth taken back that an entry remembers.
func (w *worker) ended(h *hub) []*Hold {
	var out []*Hold
	for _, hd := range w.allHolds(w.v, h.id) {
		if w.holdEnds(h, hd) {
			out = append(out, hd)
		}
	}
	return out
}

func (w *worker) holdEnds(h *hub, hd *Hold) bool {
	switch {
	case hd.over(w.now):
		return true
	case hd.Standing, hd.parts(w.now),
		hd.binds(w.now) && !hasEntry(w.entries(h, held), hd.Target): // the word is not carried out yet
		return false
	}
	if hd.undoes() && h.stored == nil { // it is done, and a person may lift it while an entry remembers
		return w.hubType(h, held) != "" || !w.v.Remembered(h.id)
	}
	v, ok := w.outcome(h, hd.Target)
	return !ok || !v.Equal(hd.Refused)
}

// hasEntry reports that the entry whose link the target is about is among them.
func hasEntry(list []*space.Entry, t Target) bool {
	return slices.ContainsFunc(list, func(e *space.Entry) bool { return e.Connector == t.Connector && e.Anchor == t.Name })
}

// outcome is what the free decision says of the target; false if there is no
// account that could have it.
func (w *worker) outcome(h *hub, t Target) (object.Values, bool) {
	p := w.picture(h, free)
	switch t.Kind {
	case WholeObject:
		return w.freeLife(w.v, h.id), true
	case EntryLink:
		return presence(hasEntry(w.entries(h, free), t)), true
	case ObjectValue:
		return freeAttr(p, t.Name), true
	case ObjectRef:
		return presence(freeAttr(p, t.Name).Has(RefTo(t.Ref))), true
	case AccountLife:
		return presence(w.existsFor(h, t.Connector, free)), true
	case AccountValue, AccountRef:
	}
	a := w.accountFor(h, t.Connector, free)
	if p == nil || a == nil {
		return nil, false
	}
	if t.Kind == AccountRef {
		return presence(a.wantsRef(t.Name, t.Ref)), true
	}
	if vs, flows := a.value(t.Name); flows {
		return vs, a.exists
	}
	return a.is(t.Name), a.exists
}

// markSplit notes whether some life differs between the free and the held
// decision, so that others may too.
func (d *Decider) markSplit() {
	d.split = len(d.holds) > 0
	for _, no := range d.order {
		if x := d.lifeAt(no); x.held != (x.typ != 0) {
			d.split = true
			return
		}
	}
}
