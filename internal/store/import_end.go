package store

import (
	"context"
	"maps"
	"slices"

	"muster/internal/store/db"
	"muster/internal/sync/space"
)

// States of an import. The numbers are stored.
const (
	importBuilding  int64 = 0
	importReady     int64 = 1 // finished, not released
	importReleased  int64 = 2
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
	err := m.drain()
	if err == nil {
		err = m.settle()
	}
	close(m.work)
	if err != nil {
		return Stats{}, err
	}
	if err := m.writeStubs(); err != nil {
		return Stats{}, err
	}
	if m.opts.Full && complete {
		if err := m.writeMissing(); err != nil {
			return Stats{}, err
		}
	}
	if err := m.writeIndex(); err != nil {
		return Stats{}, err
	}
	if err := m.store.Compact(m.ctx); err != nil {
		return Stats{}, err
	}
	m.census()
	err = m.store.Bulk(m.ctx, func(t *Tx) error {
		var n int64
		for op, to := range map[int64]*int64{opChange: &m.stats.Changed, opMissing: &m.stats.Missing} {
			if _, err := t.db.One([]any{&n}, "SELECT count(*) FROM staged WHERE import_no = ? AND op = ?", m.no, op); err != nil {
				return err
			}
			*to = n
		}
		m.writeContainers(t)
		if !m.opts.Full {
			if err := m.carryOver(t); err != nil {
				return err
			}
		}
		c, err := t.connector(m.name)
		if err != nil {
			return err
		}
		c.nextKey = keyAt(c.sym, m.next)
		if err := t.save(c); err != nil {
			return err
		}
		body, err := m.stats.encode()
		if err != nil {
			return err
		}
		_, err = t.db.Exec("UPDATE import SET state = ?, mark = ?, stats = ? WHERE no = ?", importReady, []byte(mark), body, m.no)
		return err
	})
	return m.stats, err
}

// writeContainers notes under which entries others lie: also those that were
// told after what lies under them.
func (m *Import) writeContainers(t *Tx) {
	for _, dn := range slices.Collect(maps.Keys(m.up)) {
		if at := m.container(dn); at != 0 {
			t.sets.Add(containers, be64(nil, keyAt(m.conn.sym, at)))
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
func (m *Import) carryOver(t *Tx) error {
	last, err := t.LastImports(m.name, 1)
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
	gone, err := m.goneByType(t)
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

// goneByType counts the entries that the import stages as missing.
func (m *Import) goneByType(t *Tx) (map[string]int64, error) {
	var keys []int64
	var key int64
	err := t.db.Each([]any{&key}, func() error {
		keys = append(keys, key)
		return nil
	}, "SELECT key FROM staged WHERE import_no = ? AND op = ?", m.no, int64(opMissing))
	if err != nil {
		return nil, err
	}
	out := map[string]int64{}
	for some := range slices.Chunk(keys, 1000) {
		rows, err := t.rowsOf(some)
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			if r.missing.IsZero() {
				out[t.name(r.typ)]++
			}
		}
	}
	return out, nil
}

// Discard ends the import and forgets what it told.
func (m *Import) Discard() error {
	m.cur.reset()
	close(m.work)
	for range 2 {
		<-m.free
	}
	m.leave()
	return m.store.discardImport(context.WithoutCancel(m.ctx), m.name)
}

// writeStubs writes placeholders for what was named and not shown.
func (m *Import) writeStubs() error {
	if len(m.names) == 0 {
		return nil
	}
	return m.store.Bulk(m.ctx, func(t *Tx) error {
		b := db.NewBatch("ib")
		for _, at := range slices.Sorted(maps.Keys(m.names)) {
			name := m.names[at]
			r := row{key: keyAt(m.conn.sym, at), flags: rowStub, born: m.no, moved: m.no}
			if name.byDN {
				_, parent, rdn := m.byDN(name.text)
				r.id = stubID(m.name, name.text)
				r.flags |= rowNamed
				r.rdn = rdn
				if parent != 0 {
					r.parent = keyAt(m.conn.sym, parent)
				}
				t.sets.Add(entryNames, dnRec(m.conn.sym, dnHash(int64(parent), rdn), r.key))
				t.sets.Add(nameless, be64(nil, r.key))
			} else {
				r.id, r.anchor = space.EntryID(m.name, name.text), name.text
			}
			t.sets.Add(entryOrder, orderRec(nil, m.conn.sym, []byte(r.anchor), r.key))
			b.Int(r.key).Bytes(append(r.append(nil), 0))
		}
		return t.insert(entries, b)
	})
}

// writeMissing stages that what was shown before was not shown now.
func (m *Import) writeMissing() error {
	var gone []*change
	send := func(least int) error {
		if len(gone) < max(least, 1) {
			return nil
		}
		err := m.store.Bulk(m.ctx, func(t *Tx) error { return m.writeChanged(t, gone) })
		gone = gone[:0]
		return err
	}
	for half := range m.cells.pages {
		for no, p := range m.cells.pages[half] {
			if p == nil {
				continue
			}
			for i := range p.hash {
				if p.hash[i] == 0 || p.state[i]&(cellSeen|cellNew) != 0 {
					continue
				}
				at := uint32(no)<<12 | uint32(i) | uint32(half)<<31
				gone = append(gone, &change{op: opMissing, row: row{key: keyAt(m.conn.sym, at), missing: m.opts.At}})
				if err := send(5000); err != nil {
					return err
				}
			}
		}
	}
	return send(1)
}

// writeIndex writes ids and hashes of the new entries: in order, at once.
func (m *Import) writeIndex() error {
	first := placeOf(m.conn.nextKey)
	if m.next == first {
		return nil
	}
	err := m.store.Bulk(m.ctx, func(t *Tx) error {
		var rec []byte
		for i := range m.ids.slots {
			s := &m.ids.slots[i]
			if s.at < first || s.at&made != 0 {
				continue
			}
			rec = be64(append(rec[:0], s.id[:]...), keyAt(m.conn.sym, s.at))
			t.sets.Add(entryIDs, rec)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return m.store.Bulk(m.ctx, func(t *Tx) error {
		var rec []byte
		for at := first; at < m.next; at++ {
			if h := *m.cells.hash(at); h != 0 {
				rec = be64(be64(rec[:0], keyAt(m.conn.sym, at)), int64(h))
				t.sets.Add(rowHashes, rec)
			}
		}
		return nil
	})
}
