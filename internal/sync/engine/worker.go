package engine

import (
	"slices"
	"sync/atomic"

	"muster/internal/base/object"
	"muster/internal/sync/metaverse"
	"muster/internal/sync/rules"
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
	v    View
	hubs map[object.ID]*hub
}

// hub is one object while it is decided.
type hub struct {
	id     object.ID
	x      *life
	stored *metaverse.Object
	same   bool // held and free decisions are the same
	pics   [2]*picture
	done   [2]bool
	accts  [2][]*account
	wants  [2]map[string]bool
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
	h := &hub{id: id, x: w.life[id], stored: w.v.Object(id)}
	h.same = !w.diverged() && len(w.v.Holds(id)) == 0 && len(w.Decider.holds[id]) == 0
	w.hubs[id] = h
	return h
}

// diverged reports that holds changed some link or life, so that other objects
// may differ between the decisions too.
func (d *Decider) diverged() bool { return len(d.eff) > 0 || d.split }

func (w *worker) hubType(h *hub, m mode) string { return w.typeOf(h.id, h.stored, m) }

// entries returns the entries linked to the object in the mode.
func (w *worker) entries(h *hub, m mode) []*space.Entry {
	switch {
	case h.x == nil:
		return w.v.EntriesOf(h.id)
	case m == held:
		return w.heldEntries(w.v, h.id)
	case !h.x.linked:
		return w.v.EntriesOf(h.id)
	}
	out := make([]*space.Entry, 0, len(h.x.entries))
	for _, id := range h.x.entries {
		if e := w.v.Entry(id); e != nil {
			out = append(out, e)
		}
	}
	return w.sorted(out)
}

// picture returns what the object's attributes are in the mode; nil when it
// does not exist.
func (w *worker) picture(h *hub, m mode) *picture {
	if h.same {
		m = free
	}
	if !h.done[m] {
		h.done[m] = true
		h.pics[m] = w.paint(h, m)
	}
	return h.pics[m]
}

func (w *worker) paint(h *hub, m mode) *picture {
	typ := w.hubType(h, m)
	switch {
	case h.stored != nil && (h.x == nil || m == held && w.objectHeld(w.v, h.id) && !w.birthRefused(w.v, h.id)):
		p := &picture{attrs: h.stored.Attrs, origins: h.stored.Origins}
		p.ranks = make([]int, len(p.attrs))
		for i := range p.ranks {
			if i < len(p.origins) {
				p.ranks[i] = w.rankOf(p.origins[i], p.attrs[i].Name)
			}
		}
		return p
	case typ == "":
		return nil
	}
	entries := w.entries(h, m)
	base := func(skip func(string) bool) *picture {
		p := w.inbound(typ, entries, h.stored, skip)
		w.nameWishes(p, h.id, h.stored)
		w.translate(p, m)
		if m == held {
			w.holdValues(h, p)
		}
		return p
	}
	want, p := w.wanted(typ, entries, h.stored, base)
	if m == held && !h.same {
		if w.holdWants(h, want) && w.feeding(typ, entries) {
			faults, due := p.faults, p.due
			p = base(func(c string) bool { return w.set.governed[[2]string{typ, c}] && !want[c] })
			p.faults, p.due = faults, earliest(p.due, due)
		}
	}
	h.wants[m] = want
	return p
}

// holdWants lets holds on accounts decide whether they exist.
func (w *worker) holdWants(h *hub, want map[string]bool) (changed bool) {
	w.picture(h, free)
	for conn, now := range want {
		hd := w.refusal(w.v, Target{Object: h.id, Kind: AccountLife, Connector: conn}, presence(h.wants[free][conn]))
		if hd == nil {
			continue
		}
		stays := hd.AtValue && len(hd.Instead) > 0
		if !hd.AtValue {
			e := w.account(h, conn, held)
			stays = e != nil && e.Exists()
		}
		if stays != now {
			want[conn], changed = stays, true
		}
	}
	return changed
}

func presence(b bool) object.Values {
	if b {
		return space.Present
	}
	return nil
}

// translate turns references to entries into references to the objects that the
// entries are linked to; a reference to what is not there is left out.
func (w *worker) translate(p *picture, m mode) {
	for i := 0; i < len(p.attrs); {
		vs := p.attrs[i].Values
		if vs.First().Kind() != object.Ref || p.origins[i].Kept {
			i++
			continue
		}
		out := make(object.Values, 0, len(vs))
		for _, v := range vs {
			entry := refID(v)
			stored := w.v.LinkOf(entry)
			to := w.linkOf(entry, stored, m)
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
	if h.same {
		return
	}
	fp := w.picture(h, free)
	for _, hd := range w.allHolds(h.id) {
		switch hd.Target.Kind {
		case ObjectValue:
			w.holdValue(h, p, fp, hd)
		case ObjectRef:
			w.holdRef(h, p, fp, hd)
		default:
		}
	}
}

func (w *worker) allHolds(id object.ID) []*Hold {
	out := w.v.Holds(id)
	if more := w.Decider.holds[id]; len(more) > 0 {
		out = append(slices.Clone(out), more...)
	}
	return out
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
	var o metaverse.Origin
	switch {
	case hd.AtValue:
		vs = hd.Instead
	case h.stored != nil:
		vs = h.stored.Attrs.Get(name)
		o, _ = h.stored.Origin(name)
	}
	p.drop(name)
	p.put(name, vs, o, w.rankOf(o, name))
}

func (w *worker) holdRef(h *hub, p, fp *picture, hd *Hold) {
	name, ref := hd.Target.Name, RefTo(hd.Target.Ref)
	if !hd.refuses(presence(freeAttr(fp, name).Has(ref)), w.now) {
		return
	}
	stays := hd.AtValue && len(hd.Instead) > 0
	if !hd.AtValue {
		stays = h.stored != nil && h.stored.Attrs.Get(name).Has(ref)
	}
	o, rank, _ := p.origin(name)
	vs := slices.Clone(p.attrs.Get(name))
	if stays {
		vs = object.Set(append(vs, ref)...)
	} else {
		vs = slices.DeleteFunc(vs, func(v object.Value) bool { return v == ref })
	}
	p.drop(name)
	p.put(name, vs, o, rank)
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

// accounts returns what the object wants of each connected system in the mode.
func (w *worker) accounts(h *hub, m mode) []*account {
	if h.same {
		m = free
	}
	if h.accts[m] == nil {
		h.accts[m] = w.decideAccounts(h, m)
	}
	return h.accts[m]
}

func (w *worker) decideAccounts(h *hub, m mode) []*account {
	p := w.picture(h, m)
	typ := w.hubType(h, m)
	if typ == "" && h.stored != nil {
		typ = h.stored.Type
	}
	out := []*account{}
	for _, conn := range w.systems(typ) {
		out = append(out, w.decideAccount(h, p, typ, conn, m))
	}
	return out
}

// systems lists the connectors that have outbound rules for the type, in order.
func (d *Decider) systems(typ string) []string {
	var out []string
	for _, r := range d.set.outbound[typ] {
		if !slices.Contains(out, r.Connector) {
			out = append(out, r.Connector)
		}
	}
	return out
}

func (w *worker) decideAccount(h *hub, p *picture, typ, conn string, m mode) *account {
	a := &account{}
	var speak []*rules.Outbound
	for _, r := range w.set.outbound[typ] {
		if r.Connector != conn {
			continue
		}
		if a.rule == nil {
			a.rule = r
		}
		a.governs = a.governs || r.Exists != nil
		speak = append(speak, r)
	}
	e := w.account(h, conn, m)
	if m == held && h.stored != nil && w.objectHeld(w.v, h.id) && !w.birthRefused(w.v, h.id) || h.x == nil && p == nil {
		a.exists, a.stays = e != nil && e.Exists(), true
		return a
	}
	if p == nil {
		return a
	}
	a.exists = h.wants[m][conn]
	if h.x == nil || !a.governs {
		a.exists = e != nil && e.Exists()
	}
	if m == held && w.accountHeld(h, conn) {
		back := e == nil || !e.Exists()
		if a.exists == !back || !a.exists { // it stays as it is, or goes by a person's word
			a.stays = true
			return a
		}
	}
	if a.exists {
		w.outflows(h, p, a, speak, e == nil || !e.Exists(), m)
		if m == held && !h.same {
			w.holdAccount(h, a, e, conn)
		}
	}
	return a
}

// accountHeld reports a hold on the account's existence; it holds the values
// too.
func (w *worker) accountHeld(h *hub, conn string) bool {
	w.picture(h, free)
	return w.refusal(w.v, Target{Object: h.id, Kind: AccountLife, Connector: conn}, presence(h.wants[free][conn])) != nil
}

// holdAccount lets holds on the account's values and references decide them.
func (w *worker) holdAccount(h *hub, a *account, e *space.Entry, conn string) {
	fa := w.accountFor(h, conn, free)
	for _, hd := range w.allHolds(h.id) {
		t := hd.Target
		switch {
		case t.Connector != conn:
		case t.Kind == AccountValue && t.Name == space.Name:
			if a.hasDN && hd.refuses(fa.dn, w.now) {
				a.dn = hd.Instead
				if !hd.AtValue {
					a.hasDN = e != nil
					if e != nil {
						a.dn = e.Top(space.Name)
					}
				}
			}
		case t.Kind == AccountValue:
			holdAccountValue(a, fa, e, hd, w)
		case t.Kind == AccountRef:
			w.holdAccountRef(a, fa, e, hd)
		}
	}
}

func holdAccountValue(a, fa *account, e *space.Entry, hd *Hold, w *worker) {
	for i := range a.values {
		v := &a.values[i]
		if v.name != hd.Target.Name || !fa.exists || !hd.refuses(fa.value(v.name), w.now) {
			continue
		}
		v.values = hd.Instead
		if !hd.AtValue {
			v.values = nil
			if e != nil {
				v.values = e.Top(v.name)
			}
		}
	}
}

func (w *worker) holdAccountRef(a, fa *account, e *space.Entry, hd *Hold) {
	t := hd.Target
	is := func(r wantRef) bool { return r.name == t.Name && r.target == t.Ref }
	if !hd.refuses(presence(slices.ContainsFunc(fa.refs, is)), w.now) {
		return
	}
	stays := hd.AtValue && len(hd.Instead) > 0
	if !hd.AtValue {
		stays = e != nil && slices.Contains(w.topRefs(e, t.Name), t.Ref)
	}
	has := slices.ContainsFunc(a.refs, is)
	switch {
	case stays && !has:
		a.refs = append(a.refs, wantRef{name: t.Name, target: t.Ref, rule: "hold"})
	case !stays && has:
		a.refs = slices.DeleteFunc(a.refs, is)
	}
}

func (a *account) value(name string) object.Values {
	for _, v := range a.values {
		if v.name == name {
			return v.values
		}
	}
	return nil
}

// accountFor returns what the object wants of the connector in the mode.
func (w *worker) accountFor(h *hub, conn string, m mode) *account {
	for _, a := range w.accounts(h, m) {
		if a.rule.Connector == conn {
			return a
		}
	}
	return &account{}
}

// topRefs returns the objects that the account's reference attribute will name
// once all is sent.
func (w *worker) topRefs(e *space.Entry, name string) []object.ID {
	var out []object.ID
	for _, v := range e.Image.Get(name) {
		entry := refID(v)
		if to := w.v.LinkOf(entry); !to.IsZero() {
			out = append(out, to)
		}
	}
	for i := range e.Pending {
		p := &e.Pending[i]
		if p.Name != name || p.Target.IsZero() {
			continue
		}
		at := slices.Index(out, p.Target)
		switch {
		case len(p.Want) > 0 && at < 0:
			out = append(out, p.Target)
		case len(p.Want) == 0 && at >= 0:
			out = slices.Delete(out, at, at+1)
		}
	}
	return out
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

func (w *worker) typeForSystems(h *hub, m mode) string {
	if t := w.hubType(h, m); t != "" {
		return t
	}
	if h.stored != nil {
		return h.stored.Type
	}
	return ""
}

// existsFor answers whether the account shall exist, without deciding its
// values.
func (w *worker) existsFor(h *hub, conn string, m mode) bool {
	if h.same {
		m = free
	}
	p := w.picture(h, m)
	e := w.account(h, conn, m)
	now := e != nil && e.Exists()
	switch {
	case m == held && h.stored != nil && w.objectHeld(w.v, h.id) && !w.birthRefused(w.v, h.id):
		return now
	case p == nil:
		return false
	case !w.set.governed[[2]string{w.hubType(h, m), conn}]:
		return now
	}
	return h.wants[m][conn]
}
