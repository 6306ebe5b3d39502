package staging

import (
	"errors"
	"iter"

	"muster/internal/store/db"
	"muster/internal/store/layout"
	"muster/internal/sync/space"
)

// Which of several tellings of one anchor is meant cannot be known, so none is
// taken (ERR-18). The first is written by the time the second comes: it is marked
// in memory and taken back at the end.

// Twice takes it that the system told the anchor once more, as whoever reads it
// found out. It reports whether that is news.
func (m *Import) Twice(anchor string) (news bool, err error) {
	if err := errors.Join(m.ready(), m.Drain()); err != nil {
		return false, err
	}
	id := space.EntryID(m.name, anchor)
	at := m.ids.find((*[16]byte)(&id))
	return at == 0 || *m.cells.state(at)&cellSeen == 0 && !m.known.isSame(at) || m.refute(at), nil
}

// refute takes nothing of what was told of the entry.
func (m *Import) refute(at uint32) (news bool) {
	st := m.cells.state(at)
	if *st&cellTwice != 0 {
		return false
	}
	*st |= cellTwice
	m.stats.Shown--
	m.twice = true
	return true
}

// takeBack takes back what was written of objects that were shown more than once.
func (m *Import) takeBack() error {
	if !m.twice {
		return nil
	}
	return m.inBulk(m.cells.which(func(_ uint64, state uint8) bool { return state&cellTwice != 0 }), 2000, m.takeBackSome)
}

// inBulk calls fn with some places at a time, each time in a transaction.
func (m *Import) inBulk(places iter.Seq[uint32], atOnce int, fn func(*layout.Tx, []uint32) error) error {
	var some []uint32
	for at := range places {
		if some = append(some, at); len(some) < atOnce {
			continue
		}
		if err := m.of.rows.Bulk(m.ctx, func(t *layout.Tx) error { return fn(t, some) }); err != nil {
			return err
		}
		some = some[:0]
	}
	if len(some) == 0 {
		return nil
	}
	return m.of.rows.Bulk(m.ctx, func(t *layout.Tx) error { return fn(t, some) })
}

func (m *Import) takeBackSome(t *layout.Tx, places []uint32) error {
	changed := db.NewBatch("i")
	var made []int64
	for _, at := range places {
		key := layout.KeyAt(m.conn.Sym, at)
		if *m.cells.state(at)&cellNew == 0 {
			changed.Int(key)
			continue
		}
		made = append(made, key)
		*m.cells.hash(at) = 0
	}
	if changed.Len() > 0 {
		if _, err := t.DB.Feed(changed, "DELETE FROM staged WHERE key IN (SELECT c0 FROM @feed)"); err != nil {
			return err
		}
	}
	return m.emptied(t, made)
}

// emptied leaves placeholders of entries that the import created: others may have
// named them meanwhile.
func (m *Import) emptied(t *layout.Tx, keys []int64) error {
	raw, err := t.Get(layout.Entries, keys)
	if err != nil {
		return err
	}
	for i := range raw {
		was, err := t.ReadRow(raw[i].Key, raw[i].Version, raw[i].Body)
		if err != nil {
			return err
		}
		is := layout.Row{Key: was.Key, Version: was.Version, Flags: layout.RowStub | was.Flags&layout.RowNamed, ID: was.ID, Born: was.Born, Moved: was.Moved,
			Anchor: was.Anchor, Parent: was.Parent, RDN: was.RDN, Image: noValues}
		if err := t.Respot(m.conn, &was, &is); err != nil {
			return err
		}
		if !m.conn.DecideAll {
			t.Sets.Drop(layout.DirtyOrder, layout.BE64(layout.OrderRec(nil, m.conn.Sym, []byte(was.Anchor), was.Key), m.no))
		}
		if ti := m.types[t.Name(was.Typ)]; ti != nil {
			ti.rows--
			ti.added--
		}
		m.stats.Added--
		raw[i].Body = is.Append(nil)
	}
	if err := t.DropEdges(keys); err != nil {
		return err
	}
	return t.Put(layout.Entries, raw)
}
