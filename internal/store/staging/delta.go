package staging

import (
	"cmp"
	"slices"

	"muster/internal/base/object"
	"muster/internal/store/layout"
	"muster/internal/sync/space"
)

// DeltaOp is what happened to an object.
type DeltaOp uint8

// The ways an object can change; they are the connector contract's.
const (
	PutWhole DeltaOp = iota // Record is the whole object
	Merge                   // Mods apply to the object as last imported; Record holds type, anchor, DN
	Gone                    // the object is gone; Record holds its anchor, or only its DN
)

// ModOp is how an attribute changes.
type ModOp uint8

// The ways an attribute can change.
const (
	ReplaceValues ModOp = iota
	AddValues
	DropValues
)

// Mod is a change of one attribute.
type Mod struct {
	Op     ModOp
	Name   string
	Values object.Values
}

// Over returns what the attribute has after the change, when it had the values.
func (m *Mod) Over(had object.Values) object.Values {
	vs := slices.Clone(m.Values)
	switch m.Op {
	case AddValues:
		vs = slices.Concat(had, m.Values)
	case DropValues:
		vs = slices.DeleteFunc(slices.Clone(had), m.Values.Has)
	case ReplaceValues:
	}
	return object.Set(vs...)
}

// Delta is one change that a system tells.
type Delta struct {
	Op     DeltaOp
	Record object.Record
	Mods   []Mod
}

// deltaBatch is how many changes are looked up at once.
const deltaBatch = 1000

// Change takes one change; imports of changes only.
func (m *Import) Change(d Delta) error {
	if m.failed != nil {
		return m.failed
	}
	m.queue = append(m.queue, d)
	if len(m.queue) < deltaBatch {
		return nil
	}
	return m.Drain()
}

// Drain takes the changes that wait to be looked up together.
func (m *Import) Drain() error {
	for len(m.queue) > 0 {
		if err := m.settle(); err != nil { // what is looked up next may be what was told before
			return err
		}
		some := m.queue[:apart(m.queue)]
		n := len(some)
		if err := m.of.rows.Read(m.ctx, func(t *layout.Tx) error { return m.lookUp(t, some) }); err != nil {
			return err
		}
		for i := range some {
			if err := m.take(&some[i]); err != nil {
				return err
			}
		}
		m.queue = m.queue[n:]
	}
	m.queue = m.queue[:0]
	return nil
}

// apart returns how many changes at the beginning are of different objects: two
// of one object must not be in one batch, whether they tell it by its anchor, by
// its DN or by both.
func apart(list []Delta) int {
	met := map[string]bool{}
	for i := range list {
		r := &list[i].Record
		for _, name := range []string{"a" + r.Anchor, "d" + object.Fold(r.DN)} {
			if len(name) > 1 && met[name] {
				return i
			}
		}
		met["a"+r.Anchor], met["d"+object.Fold(r.DN)] = true, true
	}
	return len(list)
}

// lookUp fetches what is known of the objects that the changes name.
func (m *Import) lookUp(t *layout.Tx, list []Delta) error {
	var ids []object.ID
	var dns []string
	for _, d := range list {
		if d.Record.Anchor != "" {
			ids = append(ids, space.EntryID(m.name, d.Record.Anchor))
		}
		if d.Record.DN != "" {
			dns = append(dns, d.Record.DN)
		}
		def, _ := m.opts.Schema.Type(d.Record.Type)
		each := func(name string, vs object.Values) {
			if len(vs) == 0 || vs[0].Kind() != object.Ref {
				return
			}
			at, _ := def.Attribute(name)
			for _, v := range vs {
				if at.ByDN {
					dns = append(dns, v.Text())
				} else {
					ids = append(ids, space.EntryID(m.name, v.Text()))
				}
			}
		}
		for _, a := range d.Record.Attrs {
			each(a.Name, a.Values)
		}
		for _, x := range d.Mods {
			each(x.Name, x.Values)
		}
	}
	if err := m.fetch(t, ids); err != nil {
		return err
	}
	return m.fetchNames(t, dns)
}

// fetchNames looks up DNs from the top down: a level of all of them at a time.
func (m *Import) fetchNames(t *layout.Tx, dns []string) error {
	var chains [][]string // from the top
	for _, dn := range dns {
		var chain []string
		for up := dn; up != ""; _, up = object.SplitDN(up) {
			chain = append(chain, up)
		}
		slices.Reverse(chain)
		chains = append(chains, chain)
	}
	if len(chains) > 0 && m.dns == nil {
		m.dns = newIDTable(1 << 10)
	}
	for level := 0; ; level++ {
		var prefixes [][]byte
		met := map[[16]byte]bool{}
		deeper := false
		add := func(h [16]byte) {
			if !met[h] && m.dns.find(&h) == 0 {
				met[h] = true
				prefixes = append(prefixes, append(layout.BE32(nil, m.conn.Sym), h[:]...))
			}
		}
		for _, chain := range chains {
			if level >= len(chain) {
				continue
			}
			deeper = true
			at, parent, rdn := m.byDN(chain[level])
			if at == 0 {
				add(layout.DNHash(int64(parent), rdn))
				add(layout.DNHash(0, chain[level]))
			}
		}
		if !deeper {
			return nil
		}
		var keys [][]byte
		err := t.Sets.Find(layout.EntryNames, prefixes, func(_ int, rec []byte) {
			key := layout.U64(rec[20:])
			m.dns.put((*[16]byte)(rec[4:]), layout.PlaceOf(key))
			keys = append(keys, layout.BE64(nil, key))
		})
		if err != nil {
			return err
		}
		if err := m.fetchCells(t, keys); err != nil {
			return err
		}
	}
}

// take takes one change, whose names are looked up.
func (m *Import) take(d *Delta) error {
	if d.Op == PutWhole {
		id := space.EntryID(m.name, d.Record.Anchor)
		if at := m.ids.find((*[16]byte)(&id)); at != 0 && !m.opts.Once {
			*m.cells.state(at) &^= cellSeen // changes may tell of an object several times
		}
		return m.put(&d.Record)
	}
	at := m.placeOfRecord(&d.Record)
	switch {
	case d.Op == Merge && (at == 0 || *m.cells.hash(at) == 0): // never shown, or gone
		if m.opts.Unknown != nil {
			m.opts.Unknown(cmp.Or(d.Record.Anchor, d.Record.DN))
		}
		return nil
	case at == 0:
		return nil // never heard of it
	}
	m.stats.Shown++
	c := &change{Staged: layout.Staged{Op: layout.OpMissing, Row: layout.Row{Key: layout.KeyAt(m.conn.Sym, at), Missing: m.opts.At}}}
	if d.Op == Merge {
		ti, err := m.info(d.Record.Type)
		if err != nil {
			return err
		}
		c = &change{mods: []mod{}, Staged: layout.Staged{Op: layout.OpChange, Hash: 1, Row: layout.Row{Key: layout.KeyAt(m.conn.Sym, at), Flags: layout.RowSeen, Typ: ti.sym, Anchor: d.Record.Anchor}}}
		if d.Record.DN != "" {
			there, parent, rdn := m.byDN(d.Record.DN)
			m.named(at, there, parent, rdn, d.Record.DN, false)
			c.Row.Flags |= layout.RowNamed
			c.Row.RDN = rdn
			if parent != 0 {
				c.Row.Parent = layout.KeyAt(m.conn.Sym, parent)
			}
			m.lies(at, parent, d.Record.DN)
		}
		if ti.tracks {
			c.Row.Extra = m.arrivals(ti, &d.Record)
			c.Row.Flags |= layout.RowExtra
		}
		for _, x := range d.Mods {
			ai, err := m.attr(ti, len(ti.shape)+1, x.Name)
			if err != nil {
				return err
			}
			c.mods = append(c.mods, m.mod(c.Row.Key, ti, ai, x))
		}
	}
	*m.cells.hash(at) = c.Hash
	m.cur.changed = append(m.cur.changed, c)
	if len(m.cur.changed) >= 2000 {
		return m.send()
	}
	return nil
}

func (m *Import) mod(key int64, ti *typeInfo, ai *attrInfo, x Mod) mod {
	out := mod{Mod: x, attr: ai.sym}
	def, _ := ti.typ.Attribute(x.Name)
	out.ref = def.Kind == object.Ref || len(x.Values) > 0 && x.Values[0].Kind() == object.Ref
	if out.ref {
		for _, v := range x.Values {
			at := m.target(v.Text(), ai.byDN)
			if at == 0 {
				continue
			}
			e := layout.Edge{From: key, Attr: ai.sym, To: layout.KeyAt(m.conn.Sym, at)}
			if out.edges = append(out.edges, e); ai.byDN && x.Op != DropValues {
				m.aimed(e, at, v.Text())
			}
		}
	}
	return out
}

func (m *Import) placeOfRecord(rec *object.Record) uint32 {
	if rec.Anchor != "" {
		id := space.EntryID(m.name, rec.Anchor)
		return m.ids.find((*[16]byte)(&id))
	}
	at, _, _ := m.byDN(rec.DN)
	return at
}

// merge applies the mods to what was there.
func (c *change) merge(t *layout.Tx, was *layout.Row, edges []layout.Edge) error {
	w := &c.Row
	a, err := t.Bag(was.Image)
	if err != nil {
		return err
	}
	w.Flags |= was.Flags & (layout.RowEdges)
	if w.Flags&layout.RowNamed == 0 {
		w.Flags |= was.Flags & layout.RowNamed
		w.Parent, w.RDN = was.Parent, was.RDN
	}
	if w.Anchor == "" {
		w.Anchor = was.Anchor
	}
	for _, x := range c.mods {
		if x.ref {
			c.mergeEdges(x, edges)
			continue
		}
		a.Put(x.Name, x.Over(a.Get(x.Name)))
	}
	body, err := t.AppendBag(nil, a)
	w.Image = string(body)
	return err
}

func (c *change) mergeEdges(x mod, edges []layout.Edge) {
	switch x.Op {
	case AddValues:
		c.Adds = append(c.Adds, x.edges...)
	case DropValues:
		c.Drops = append(c.Drops, x.edges...)
	case ReplaceValues:
		adds, drops := diffEdges(slices.DeleteFunc(slices.Clone(edges), func(e layout.Edge) bool { return e.Attr != x.attr }), x.edges)
		c.Adds, c.Drops = append(c.Adds, adds...), append(c.Drops, drops...)
	}
}
