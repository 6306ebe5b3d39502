package engine

import (
	"slices"
	"sync/atomic"

	"muster/internal/base/object"
	"muster/internal/sync/metaverse"
	"muster/internal/sync/space"
)

// ends remembers in which systems an object wants an account: two bits for each
// of up to 15 systems, and one that says they are known. Several workers may
// learn the same.
type ends struct{ bits atomic.Uint32 }

// MaxSystems is how many connected systems may have outbound rules. More is a
// configuration error.
const MaxSystems = 15

const endsKnown = 1 << 31

func (e *ends) get(bit int, m mode) (wanted, known bool) {
	b := e.bits.Load()
	return b&(1<<(2*bit+int(m))) != 0, b&endsKnown != 0
}

func (e *ends) set(freeWant, heldWant uint32) { e.bits.Store(endsKnown | freeWant | heldWant) }

// worker decides a batch of objects with a view of its own.
type worker struct {
	*Decider
	v     View
	hubs  map[object.ID]*hub
	slabs []*slab  // in which changes are written
	free  []Change // of the last
}

// hub is one object while it is decided.
type hub struct {
	id     object.ID
	x      *life
	stored *metaverse.Object
	asked  bool // same is known
	same   bool // held and free decisions are the same
	pics   [2]*picture
	done   [2]bool
	accts  [2][]*account
	exists [2]wants // the account shall be there
	lists  [2][]*space.Entry
	listed [2]bool
	reads  []object.ID // objects it read through references
	faults []ObjectFault
}

func (h *hub) fault(f ObjectFault) {
	for _, g := range h.faults {
		if g == f {
			return
		}
	}
	h.faults = append(h.faults, f)
}

// hub returns the object's hub; the object is loaded.
func (w *worker) hub(id object.ID) *hub {
	if h := w.hubs[id]; h != nil {
		return h
	}
	h := &hub{id: id, x: w.life(id), stored: w.v.Object(id)}
	w.hubs[id] = h
	return h
}

// diverged reports that holds changed some link or life, so that other objects
// may differ between the decisions too.
func (d *Decider) diverged() bool { return len(d.eff) > 0 || d.split }

// same reports that the held decision is the free one: nobody holds anything of
// the object, nor of those to whom it refers (HOLD-14).
func (w *worker) same(h *hub) bool {
	if h.asked {
		return h.same
	}
	h.asked = true
	heeded := func(id object.ID) bool { x := w.life(id); return x != nil && x.heeded }
	refers := func(a object.Attrs, to func(object.ID) object.ID) bool {
		return slices.ContainsFunc(appendRefs(nil, a), func(id object.ID) bool { return heeded(to(id)) })
	}
	switch {
	case h.x == nil:
		h.same = true
	case w.diverged() || h.x.heeded,
		h.stored != nil && refers(h.stored.Attrs, func(id object.ID) object.ID { return id }):
	default:
		h.same = !slices.ContainsFunc(w.entries(h, free), func(e *space.Entry) bool {
			return refers(e.Image, func(id object.ID) object.ID { return w.linkOf(id, w.v.LinkOf(id), free) }) ||
				slices.ContainsFunc(e.Pending, func(p space.Pending) bool { return heeded(p.Target) })
		})
	}
	return h.same
}

func (w *worker) hubType(h *hub, m mode) string { return w.typeOf(h.id, h.stored, m) }

// typeForSystems is the type by whose rules the object has accounts, alive or
// dying.
func (w *worker) typeForSystems(h *hub, m mode) string {
	if t := w.hubType(h, m); t != "" || h.stored == nil {
		return t
	}
	return h.stored.Type
}

// entries returns the entries linked to the object in the mode.
func (w *worker) entries(h *hub, m mode) []*space.Entry {
	if m == held && !w.diverged() {
		m = free
	}
	if !h.listed[m] {
		h.lists[m], h.listed[m] = w.listEntries(h, m), true
	}
	return h.lists[m]
}

func (w *worker) listEntries(h *hub, m mode) []*space.Entry {
	switch {
	case h.x == nil:
		return w.v.EntriesOf(h.id)
	case m == held:
		return w.heldEntries(w.v, h.id)
	case !h.x.linked:
		return w.v.EntriesOf(h.id)
	}
	var buf [4]object.ID
	list := w.appendEntries(buf[:0], h.id, h.x)
	out := make([]*space.Entry, 0, len(list))
	for _, id := range list {
		if e := w.v.Entry(id); e != nil {
			out = append(out, e)
		}
	}
	return w.sorted(out)
}

// picture returns what the object's attributes are in the mode; nil when it
// does not exist.
func (w *worker) picture(h *hub, m mode) *picture {
	if m == held && w.same(h) {
		m = free
	}
	if !h.done[m] {
		h.done[m] = true
		h.pics[m] = w.paint(h, m)
	}
	return h.pics[m]
}

// paint works out the object's picture and where its accounts shall exist.
func (w *worker) paint(h *hub, m mode) *picture {
	typ := w.hubType(h, m)
	there := func(conn string) bool { e := w.account(h, conn, m); return e != nil && e.Exists() }
	switch {
	case typ == "":
		return nil
	case h.stored != nil && (h.x == nil || m == held && w.stands(w.v, h.id)):
		for _, conn := range w.systems(typ) {
			h.exists[m].set(conn, there(conn))
		}
		return w.accepted(h.stored)
	}
	entries := w.entries(h, m)
	base := func(skip func(string) bool) *picture {
		p := w.inbound(typ, entries, h.stored, skip, everything)
		w.giveNames(p, h.id, h.stored, m)
		if m == free {
			w.limit(typ, p)
		}
		w.translate(p, m)
		if m == held {
			w.holdValues(h, p)
		}
		return p
	}
	settle := func(conn string, wanted bool) bool { return wanted }
	if m == held {
		settle = func(conn string, wanted bool) bool {
			if hd := w.lifeHold(h, conn); hd != nil {
				return len(hd.stays(presence(there(conn)))) > 0
			}
			return wanted
		}
	}
	want, p := w.wanted(typ, entries, h.stored, base, settle)
	for _, conn := range w.systems(typ) {
		if _, asked := want.get(conn); !asked { // no rule asks: it exists if it is there (OUT-2)
			want.set(conn, there(conn))
		}
	}
	h.exists[m] = want
	return p
}

// accepted is the picture as it was accepted last.
func (d *Decider) accepted(o *metaverse.Object) *picture {
	p := &picture{attrs: o.Attrs, from: make([]source, len(o.Attrs))}
	for i := range min(len(o.Attrs), len(o.Origins)) {
		p.from[i].stored = &o.Origins[i]
	}
	return p
}

// lifeHold is the hold that refuses the account's free existence, nil if there
// is none.
func (w *worker) lifeHold(h *hub, conn string) *Hold {
	return w.refusal(w.v, Target{Object: h.id, Kind: AccountLife, Connector: conn}, presence(w.existsFor(h, conn, free)))
}

// existsFor answers whether the account shall exist.
func (w *worker) existsFor(h *hub, conn string, m mode) bool {
	if m == held && w.same(h) {
		m = free
	}
	w.picture(h, m)
	return h.exists[m].has(conn)
}

func presence(b bool) object.Values {
	if b {
		return space.Present
	}
	return nil
}

// translate turns references to entries into references to the objects that the
// entries are linked to; a reference to what is not there is left out (REF-1).
func (w *worker) translate(p *picture, m mode) {
	for i := 0; i < len(p.attrs); {
		vs := p.attrs[i].Values
		if vs.First().Kind() != object.Ref || p.from[i].kept() {
			i++
			continue
		}
		out := make(object.Values, 0, len(vs))
		for _, v := range vs {
			entry := refID(v)
			to := w.linkOf(entry, w.v.LinkOf(entry), m)
			if !to.IsZero() && w.alive(to, m, func() bool { return true }) {
				out = append(out, RefTo(to))
			}
		}
		if len(out) == 0 {
			p.drop(p.attrs[i].Name)
			continue
		}
		p.attrs[i].Values = object.Set(out...)
		i++
	}
}

// holdValues puts what holds say in the place of what they refuse.
func (w *worker) holdValues(h *hub, p *picture) {
	fp := w.picture(h, free)
	for _, hd := range w.allHolds(w.v, h.id) {
		switch hd.Target.Kind {
		case ObjectValue:
			w.holdValue(h, p, fp, hd)
		case ObjectRef:
			w.holdRef(h, p, fp, hd)
		default:
		}
	}
}

func freeAttr(fp *picture, name string) object.Values {
	if fp == nil {
		return nil
	}
	return fp.attrs.Get(name)
}

func (w *worker) holdValue(h *hub, p, fp *picture, hd *Hold) {
	name := hd.Target.Name
	if !hd.refuses(freeAttr(fp, name), w.now) {
		return
	}
	var vs object.Values
	var from source
	if !hd.AtValue && h.stored != nil {
		vs = h.stored.Attrs.Get(name)
		if o, ok := h.stored.Origin(name); ok {
			from.stored = &o
		}
	}
	p.drop(name)
	p.put(name, hd.stays(vs), from)
}

// holdRef holds one reference; nothing can name who is not there.
func (w *worker) holdRef(h *hub, p, fp *picture, hd *Hold) {
	name, ref := hd.Target.Name, RefTo(hd.Target.Ref)
	if !hd.refuses(presence(freeAttr(fp, name).Has(ref)), w.now) {
		return
	}
	is := h.stored != nil && h.stored.Attrs.Get(name).Has(ref)
	stays := len(hd.stays(presence(is))) > 0 &&
		w.alive(hd.Target.Ref, held, func() bool { return w.v.Object(hd.Target.Ref) != nil })
	var from source
	if is := p.source(name); is != nil {
		from = *is
	}
	vs := slices.DeleteFunc(slices.Clone(p.attrs.Get(name)), func(v object.Value) bool { return v == ref })
	if stays {
		vs = object.Set(append(vs, ref)...)
	}
	p.drop(name)
	p.put(name, vs, from)
}

// account returns the entry that is the object's account in the connector.
func (w *worker) account(h *hub, conn string, m mode) *space.Entry {
	for _, e := range w.entries(h, m) {
		if e.Connector == conn && e.Missing.IsZero() {
			return e
		}
	}
	return nil
}

// record notes in which systems the object wants accounts.
func (w *worker) record(h *hub) {
	if h.x == nil {
		return
	}
	var bits [2]uint32
	for m := free; m <= held; m++ {
		w.picture(h, m)
		for _, conn := range w.systems(w.typeForSystems(h, m)) {
			if w.existsFor(h, conn, m) {
				bits[m] |= 1 << (2*w.set.bit[conn] + int(m))
			}
		}
	}
	h.x.ends.set(bits[free], bits[held])
}

// systems lists the connectors that have outbound rules for the type, in order.
func (d *Decider) systems(typ string) []string { return d.set.systems[typ] }
