package staging

import (
	"context"
	"errors"
	"iter"
	"maps"
	"slices"

	"muster/internal/store/db"
	"muster/internal/store/layout"
	"muster/internal/sync/space"
)

// States of an import. The numbers are stored.
const (
	importBuilding  int64 = 0
	importReady     int64 = 1 // finished; released, if no later one of its connector was
	importDiscarded int64 = 3
)

// settle waits until what was handed over is written.
func (m *Import) settle() error {
	if err := m.send(); err != nil {
		return err
	}
	// With all three batches in hand, none is under way.
	a, b := <-m.free, <-m.free
	m.free <- a
	m.free <- b
	select {
	case err, ok := <-m.done:
		if ok {
			m.failed = err
		}
	default:
	}
	return m.failed
}

// Finish ends the import: everything was told. complete says that no object
// was refused, so that what a full import did not show is missing. mark is
// where a later import of changes begins. The result waits for Release.
func (m *Import) Finish(mark string, complete bool) (Stats, error) {
	defer m.leave()
	defer m.stop()
	err := m.ready()
	if err == nil {
		err = m.Drain()
	}
	if err == nil {
		err = m.takeSame()
	}
	var gone iter.Seq[uint32] = func(func(uint32) bool) {}
	if m.opts.Full && complete {
		gone = m.cells.which(func(hash uint64, state uint8) bool { return hash != 0 && state&(cellSeen|cellNew) == 0 })
	}
	var small []*change
	if err == nil {
		if small = m.small(gone); small == nil {
			err = errors.Join(m.enter(), m.settle())
		}
	}
	m.stop()
	if err == nil && small == nil {
		err = m.writeRest(gone)
	}
	if err == nil {
		err = m.of.rows.Compact(m.ctx)
	}
	if err != nil {
		return Stats{}, err
	}
	m.census()
	err = m.of.rows.Bulk(m.ctx, func(t *layout.Tx) error {
		few, err := m.tally(t, small)
		if err != nil {
			return err
		}
		m.writeContainers(t)
		c, err := t.Connector(m.name)
		if err != nil {
			return err
		}
		c.NextKey = layout.KeyAt(c.Sym, m.next)
		return m.writeRow(t, importReady, mark, few)
	})
	return m.stats, err
}

// writeRest writes what is known only now that everything was told.
func (m *Import) writeRest(gone iter.Seq[uint32]) error {
	for _, write := range []func() error{m.takeBack, func() error { return m.writeMissing(gone) }, m.nest, m.settleNames, m.writeStubs, m.writeIndex} {
		if err := write(); err != nil {
			return err
		}
	}
	return nil
}

// tally counts what the import changes. The changes of a small one it returns
// encoded; those of others are staged.
func (m *Import) tally(t *layout.Tx, small []*change) (few []byte, err error) {
	var ops map[int64]int64
	var gone []int64
	if small != nil {
		few, ops, gone, err = m.few(t, small)
	} else {
		ops, gone, err = m.countStaged(t)
	}
	if err != nil {
		return nil, err
	}
	m.stats.Changed, m.stats.Renamed, m.stats.Retyped, m.stats.Missing = ops[layout.OpChange], ops[layout.OpRename], ops[layout.OpRetype], ops[layout.OpMissing]
	if m.opts.Full {
		return few, nil
	}
	return few, m.carryOver(t, gone)
}

// countStaged counts what was staged. Of an import of changes it returns the
// entries that are missing.
func (m *Import) countStaged(t *layout.Tx) (ops map[int64]int64, gone []int64, err error) {
	ops = map[int64]int64{}
	var op, n, key int64
	err = t.DB.Each([]any{&op, &n}, func() error {
		ops[op] = n
		return nil
	}, "SELECT op, count(*) FROM staged WHERE import_no = ? GROUP BY op", m.no)
	if err != nil || m.opts.Full || ops[layout.OpMissing] == 0 {
		return ops, nil, err
	}
	err = t.DB.Each([]any{&key}, func() error {
		gone = append(gone, key)
		return nil
	}, "SELECT key FROM staged WHERE import_no = ? AND op = ?", m.no, int64(layout.OpMissing))
	return ops, gone, err
}

// writeContainers notes under which entries others lie.
func (m *Import) writeContainers(t *layout.Tx) {
	for at := range m.above {
		if at != 0 {
			t.Sets.Add(layout.Containers, layout.BE64(nil, layout.KeyAt(m.conn.Sym, at)))
		}
	}
}

// census counts what was told, by type.
func (m *Import) census() {
	for name, ti := range m.types {
		st := TypeStats{Rows: ti.rows, Present: map[string]int64{}}
		for attr, ai := range ti.attrs {
			st.Present[attr] = ai.present
		}
		m.stats.Types[name] = st
	}
}

// carryOver makes the numbers of an import of changes say what the connector's
// space holds after it: what it held before, with what came and went. How many
// have a value is carried over in proportion, since changes do not tell it.
func (m *Import) carryOver(t *layout.Tx, missing []int64) error {
	last, err := LastImports(t, m.name, 1)
	if err != nil {
		return err
	}
	types := map[string]TypeStats{}
	if len(last) > 0 {
		for name, st := range last[0].Types {
			types[name] = TypeStats{Rows: st.Rows, Present: maps.Clone(st.Present)}
		}
	}
	for name, ti := range m.types {
		types[name] = types[name].grown(ti.added)
	}
	for sym, n := range m.turned {
		types[t.Name(sym)] = types[t.Name(sym)].grown(n)
	}
	gone, err := m.goneByType(t, missing)
	if err != nil {
		return err
	}
	for name, n := range gone {
		types[name] = types[name].grown(-n)
	}
	m.stats.Types = types
	return nil
}

// grown changes the number of rows, and the others in proportion.
func (s TypeStats) grown(n int64) TypeStats {
	out := TypeStats{Rows: max(0, s.Rows+n), Present: map[string]int64{}}
	for attr, p := range s.Present {
		if s.Rows > 0 {
			p = (p*out.Rows + s.Rows/2) / s.Rows
		}
		out.Present[attr] = p
	}
	return out
}

// goneByType counts the entries that the import makes missing.
func (m *Import) goneByType(t *layout.Tx, keys []int64) (map[string]int64, error) {
	out := map[string]int64{}
	for some := range slices.Chunk(keys, 1000) {
		rows, err := t.RowsOf(some)
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			if r.Missing.IsZero() {
				out[t.Name(r.Typ)]++
			}
		}
	}
	return out, nil
}

// Discard ends the import and forgets what it told.
func (m *Import) Discard() error {
	_ = m.ready() // what it read is of no use any more
	m.cur.reset()
	m.stop()
	for range 2 {
		<-m.free
	}
	m.leave()
	return m.of.discard(context.WithoutCancel(m.ctx), m.name)
}

// noValues is the image of a placeholder.
const noValues = "\x00"

// writeStubs writes placeholders for what was named and not shown.
func (m *Import) writeStubs() error {
	if len(m.names) == 0 {
		return nil
	}
	return m.of.rows.Bulk(m.ctx, func(t *layout.Tx) error {
		b := db.NewBatch("ib")
		for _, at := range slices.Sorted(maps.Keys(m.names)) {
			name := m.names[at]
			r := layout.Row{Key: layout.KeyAt(m.conn.Sym, at), Flags: layout.RowStub, Born: m.no, Moved: m.no, Image: noValues}
			if name.byDN {
				_, parent, rdn := m.byDN(name.text)
				r.ID = m.stubID(name.text, at)
				r.Flags |= layout.RowNamed
				r.RDN = rdn
				if parent != 0 {
					r.Parent = layout.KeyAt(m.conn.Sym, parent)
				}
				t.Sets.Add(layout.EntryNames, layout.DNRec(m.conn.Sym, layout.DNHash(int64(parent), rdn), r.Key))
				t.Sets.Add(layout.Nameless, layout.BE64(nil, r.Key))
			} else {
				r.ID, r.Anchor = space.EntryID(m.name, name.text), name.text
			}
			t.Sets.Add(layout.EntryOrder, layout.OrderRec(nil, m.conn.Sym, []byte(r.Anchor), r.Key))
			b.Int(r.Key).Bytes(r.Append(nil))
		}
		return t.Insert(layout.Entries, b)
	})
}

// writeMissing stages that what was shown before was not shown now.
func (m *Import) writeMissing(gone iter.Seq[uint32]) error {
	return m.inBulk(gone, 5000, func(t *layout.Tx, places []uint32) error {
		list := make([]*change, len(places))
		for i, at := range places {
			list[i] = m.missing(at)
		}
		return m.writeChanged(t, list)
	})
}

func (m *Import) missing(at uint32) *change {
	return &change{Staged: layout.Staged{Op: layout.OpMissing, Row: layout.Row{Key: layout.KeyAt(m.conn.Sym, at), Missing: m.opts.At}}}
}

// writeIndex writes ids and hashes of the new entries: in order, at once.
func (m *Import) writeIndex() error {
	first := layout.PlaceOf(m.conn.NextKey)
	if m.next == first {
		return nil
	}
	err := m.of.rows.Bulk(m.ctx, func(t *layout.Tx) error {
		var rec []byte
		for i := range m.ids.slots {
			s := &m.ids.slots[i]
			if s.at < first || s.at&layout.Made != 0 {
				continue
			}
			rec = layout.BE64(append(rec[:0], s.id[:]...), layout.KeyAt(m.conn.Sym, s.at))
			t.Sets.Add(layout.EntryIDs, rec)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return m.of.rows.Bulk(m.ctx, func(t *layout.Tx) error {
		var rec []byte
		for at := first; at < m.next; at++ {
			if h := *m.cells.hash(at); h != 0 {
				rec = layout.BE64(layout.BE64(rec[:0], layout.KeyAt(m.conn.Sym, at)), int64(h))
				t.Sets.Add(layout.RowHashes, rec)
			}
		}
		return nil
	})
}
