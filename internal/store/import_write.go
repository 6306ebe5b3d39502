package store

import (
	"encoding/binary"

	"muster/internal/base/object"
	"muster/internal/store/db"
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
	edges   []edge
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

// edge is one reference.
type edge struct {
	from int64
	attr uint32
	to   int64
}

func (e edge) out() []byte { return be64(be32(be64(make([]byte, 0, 20), e.from), e.attr), e.to) }
func (e edge) in() []byte  { return be64(be32(be64(make([]byte, 0, 20), e.to), e.attr), e.from) }

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
	r := row{key: keyAt(m.conn.sym, at), flags: rowSeen, typ: ti.sym, id: id, born: m.no, moved: m.no, anchor: rec.Anchor}
	if rec.DN != "" {
		r.flags |= rowNamed
		r.rdn = rdn
		if parent != 0 {
			r.parent = keyAt(m.conn.sym, parent)
		}
	}
	var edges []edge
	image := m.mark
	if ti.tracks {
		r.extra = m.arrivals(ti, rec)
		r.flags |= rowExtra
	}
	if refs {
		var err error
		if image, edges, err = m.resolve(ti, rec, &r); err != nil {
			return err
		}
	}
	if !isNew {
		r.image = string(image)
		w.changed = append(w.changed, &change{op: opChange, row: r, hash: hash, edges: edges})
	} else {
		w.keys = append(w.keys, r.key)
		w.bodies = append(r.append(w.bodies), image...)
		w.ends = append(w.ends, len(w.bodies))
		w.anchors = append(w.anchors, rec.Anchor...)
		w.anchorN = append(w.anchorN, len(w.anchors))
		w.edges = append(w.edges, edges...)
		if rec.DN != "" {
			w.hashes = append(w.hashes, dnHash(int64(parent), rdn))
			w.dnKeys = append(w.dnKeys, r.key)
		}
		m.noteSpots(w, ti, rec, r.key)
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
	var list []arrival
	for i := range rec.Attrs {
		if i < len(ti.shape) && ti.shape[i].tracked {
			list = append(list, arrival{attr: ti.shape[i].sym, at: m.opts.At})
		}
	}
	return string(appendExtra(nil, list, ""))
}

func (m *Import) noteSpots(w *work, ti *typeInfo, rec *object.Record, key int64) {
	for i := range rec.Attrs {
		if i >= len(ti.shape) || !ti.shape[i].spot {
			continue
		}
		for _, v := range rec.Attrs[i].Values {
			w.spots = append(w.spots, spotRec(m.conn.sym, ti.sym, ti.shape[i].sym, object.Key(v, ti.shape[i].folded), key))
		}
	}
}

// resolve writes the image without the references, and lists these.
func (m *Import) resolve(ti *typeInfo, rec *object.Record, r *row) ([]byte, []edge, error) {
	var edges []edge
	n := 0
	var b []byte
	for i := range rec.Attrs {
		a := &rec.Attrs[i]
		ai, err := m.attr(ti, i, a.Name)
		if err != nil {
			return nil, nil, err
		}
		if len(a.Values) == 0 || a.Values[0].Kind() != object.Ref {
			b = appendSet(binary.AppendUvarint(b, uint64(ai.sym)), a.Values)
			n++
			continue
		}
		for _, v := range a.Values {
			at := m.target(v.Text(), ai.byDN)
			if at == 0 {
				continue
			}
			edges = append(edges, edge{from: r.key, attr: ai.sym, to: keyAt(m.conn.sym, at)})
			r.flags |= rowEdges
		}
	}
	return append(binary.AppendUvarint(nil, uint64(n)), b...), edges, nil
}

// send hands the batch to the writer.
func (m *Import) send() error {
	if m.cur.empty() {
		return m.failed
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
			failed = m.store.Bulk(m.ctx, func(t *Tx) error { return m.write(t, w) })
			if failed != nil {
				m.done <- failed
			}
		}
		w.reset()
		m.free <- w
	}
	close(m.done)
}

func (m *Import) write(t *Tx, w *work) error {
	b := db.NewBatch("ib")
	from, anchor := 0, 0
	var rec []byte
	for i, key := range w.keys {
		b.Int(key).Bytes(w.bodies[from:w.ends[i]])
		from = w.ends[i]
		rec = orderRec(rec[:0], m.conn.sym, w.anchors[anchor:w.anchorN[i]], key)
		anchor = w.anchorN[i]
		t.sets.Add(entryOrder, rec)
		if !m.conn.decideAll {
			t.sets.Add(dirtyOrder, be64(rec, m.no))
		}
	}
	if err := t.insert(entries, b); err != nil {
		return err
	}
	for i, h := range w.hashes {
		t.sets.Add(entryNames, dnRec(m.conn.sym, h, w.dnKeys[i]))
	}
	t.addEdges(w.edges)
	for _, rec := range w.spots {
		t.sets.Add(spots, rec)
	}
	for _, a := range w.aliases {
		t.sets.Add(entryIDs, be64(append([]byte(nil), a.id[:]...), a.key))
	}
	return m.writeChanged(t, w.changed)
}

func (t *Tx) addEdges(edges []edge) {
	for _, e := range edges {
		t.sets.Add(edgesOut, e.out())
		t.sets.Add(edgesIn, e.in())
	}
}

func orderRec(b []byte, conn uint32, anchor []byte, key int64) []byte {
	return be64(appendOrdered(be32(b, conn), string(anchor)), key)
}

func dnRec(conn uint32, h [16]byte, key int64) []byte {
	return be64(append(be32(nil, conn), h[:]...), key)
}

func spotRec(conn, typ, attr uint32, prepared string, key int64) []byte {
	return be64(append(be32(be32(be32(nil, conn), typ), attr), hash64(prepared)...), key)
}
