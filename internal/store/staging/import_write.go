package staging

import (
	"encoding/binary"

	"muster/internal/base/object"
	"muster/internal/store/db"
	"muster/internal/store/layout"
)

// A batch of an import: about 10,000 rows or 4 MB.
const (
	workRows  = 10240
	workBytes = 4 << 20
)

// work is one batch on its way to the database.
type work struct {
	keys    []int64
	ends    []int
	bodies  []byte
	edges   []layout.Edge
	anchors []byte
	anchorN []int
	hashes  [][16]byte // of DNs, with keys in dnKeys
	dnKeys  []int64
	spots   [][]byte
	aliases []alias
	changed []*change
}

type alias struct {
	id  object.ID
	key int64
}

func (w *work) reset() {
	w.keys, w.ends, w.bodies = w.keys[:0], w.ends[:0], w.bodies[:0]
	w.edges, w.anchors, w.anchorN = w.edges[:0], w.anchors[:0], w.anchorN[:0]
	w.hashes, w.dnKeys, w.spots, w.aliases = w.hashes[:0], w.dnKeys[:0], nil, nil
	w.changed = nil
}

func (w *work) empty() bool { return len(w.keys) == 0 && len(w.changed) == 0 && len(w.aliases) == 0 }

// note adds a new or changed record to the batch.
func (m *Import) note(ti *typeInfo, rec *object.Record, id object.ID, at, parent uint32, rdn string, hash uint64, refs, isNew bool) error {
	w := m.cur
	r := layout.Row{Key: layout.KeyAt(m.conn.Sym, at), Flags: layout.RowSeen, Typ: ti.sym, ID: id, Born: m.no, Moved: m.no, Anchor: rec.Anchor}
	if rec.DN != "" {
		r.Flags |= layout.RowNamed
		r.RDN = rdn
		if parent != 0 {
			r.Parent = layout.KeyAt(m.conn.Sym, parent)
		}
	}
	var edges []layout.Edge
	image := m.mark
	if ti.tracks {
		r.Extra = m.arrivals(ti, rec)
		r.Flags |= layout.RowExtra
	}
	if refs {
		var err error
		if image, edges, err = m.resolve(ti, rec, &r); err != nil {
			return err
		}
	}
	if !isNew {
		r.Image = string(image)
		w.changed = append(w.changed, &change{Staged: layout.Staged{Op: layout.OpChange, Row: r, Hash: hash}, edges: edges})
	} else {
		w.keys = append(w.keys, r.Key)
		w.bodies = append(r.Append(w.bodies), image...)
		w.ends = append(w.ends, len(w.bodies))
		w.anchors = append(w.anchors, rec.Anchor...)
		w.anchorN = append(w.anchorN, len(w.anchors))
		w.edges = append(w.edges, edges...)
		if rec.DN != "" {
			w.hashes = append(w.hashes, layout.DNHash(int64(parent), rdn))
			w.dnKeys = append(w.dnKeys, r.Key)
		}
		m.noteSpots(w, ti, rec, r.Key)
		m.stats.Added++
		ti.added++
	}
	if len(w.keys) >= workRows || len(w.bodies) >= workBytes || len(w.changed) >= 2000 {
		return m.send()
	}
	return nil
}

// arrivals notes when the values arrived, for the attributes where it matters.
func (m *Import) arrivals(ti *typeInfo, rec *object.Record) string {
	var list []layout.Arrival
	for i := range rec.Attrs {
		if i < len(ti.shape) && ti.shape[i].tracked {
			list = append(list, layout.Arrival{Attr: ti.shape[i].sym, At: m.opts.At})
		}
	}
	return string(layout.AppendExtra(nil, list, ""))
}

func (m *Import) noteSpots(w *work, ti *typeInfo, rec *object.Record, key int64) {
	for i := range rec.Attrs {
		if i >= len(ti.shape) || !ti.shape[i].spot {
			continue
		}
		for _, v := range rec.Attrs[i].Values {
			w.spots = append(w.spots, layout.SpotRec(m.conn.Sym, ti.sym, ti.shape[i].sym, object.Key(v, ti.shape[i].folded), key))
		}
	}
}

// resolve writes the image without the references, and lists these.
func (m *Import) resolve(ti *typeInfo, rec *object.Record, r *layout.Row) ([]byte, []layout.Edge, error) {
	var edges []layout.Edge
	n := 0
	var b []byte
	for i := range rec.Attrs {
		a := &rec.Attrs[i]
		ai, err := m.attr(ti, i, a.Name)
		if err != nil {
			return nil, nil, err
		}
		if len(a.Values) == 0 || a.Values[0].Kind() != object.Ref {
			b = layout.AppendSet(binary.AppendUvarint(b, uint64(ai.sym)), a.Values)
			n++
			continue
		}
		for _, v := range a.Values {
			at := m.target(v.Text(), ai.byDN)
			if at == 0 {
				continue
			}
			e := layout.Edge{From: r.Key, Attr: ai.sym, To: layout.KeyAt(m.conn.Sym, at)}
			if edges = append(edges, e); ai.byDN {
				m.aimed(e, at, v.Text())
			}
			r.Flags |= layout.RowEdges
		}
	}
	return append(binary.AppendUvarint(nil, uint64(n)), b...), edges, nil
}

// send hands the batch to the writer.
func (m *Import) send() error {
	if m.cur.empty() {
		return m.failed
	}
	if err := m.enter(); err != nil {
		return err
	}
	m.work <- m.cur
	m.cur = <-m.free
	select {
	case err := <-m.done:
		m.failed = err
	default:
	}
	return m.failed
}

// writer writes batches, each in a transaction, until there are no more.
func (m *Import) writer() {
	var failed error
	for w := range m.work {
		if failed == nil {
			failed = db.Guard(func() error {
				return m.of.rows.Bulk(m.ctx, func(t *layout.Tx) error { return m.write(t, w) })
			})
			if failed != nil {
				m.done <- failed
			}
		}
		w.reset()
		m.free <- w
	}
	close(m.done)
}

func (m *Import) write(t *layout.Tx, w *work) error {
	b := db.NewBatch("ib")
	from, anchor := 0, 0
	var rec []byte
	for i, key := range w.keys {
		b.Int(key).Bytes(w.bodies[from:w.ends[i]])
		from = w.ends[i]
		rec = layout.OrderRec(rec[:0], m.conn.Sym, w.anchors[anchor:w.anchorN[i]], key)
		anchor = w.anchorN[i]
		t.Sets.Add(layout.EntryOrder, rec)
		if !m.conn.DecideAll {
			t.Sets.Add(layout.DirtyOrder, layout.BE64(rec, m.no))
		}
	}
	if err := t.Insert(layout.Entries, b); err != nil {
		return err
	}
	for i, h := range w.hashes {
		t.Sets.Add(layout.EntryNames, layout.DNRec(m.conn.Sym, h, w.dnKeys[i]))
	}
	t.AddEdges(w.edges)
	for _, rec := range w.spots {
		t.Sets.Add(layout.Spots, rec)
	}
	for _, a := range w.aliases {
		t.Sets.Add(layout.EntryIDs, layout.BE64(append([]byte(nil), a.id[:]...), a.key))
	}
	return m.writeChanged(t, w.changed)
}
