package staging

import (
	"iter"
	"maps"
	"slices"
	"strings"

	"muster/internal/base/object"
	"muster/internal/store/db"
	"muster/internal/store/layout"
)

// Names move
//
// Where a system names by DN, who is meant by a reference is known only when
// all was told: the holder of the name may be told later to have left it, and
// its taker may be told later to have taken it. So references lead at once to
// whoever has the name as far as was told, and are looked at again at the end
// where that can have changed. A system whose references do not follow a rename
// tells them as before; in a full import they then lead to the name's new
// holder, or to a placeholder.

// names is what moved within an import.
type names struct {
	aims    []aim
	renamed map[uint32][16]byte // what entries that had a name are called now
	left    map[uint32]bool     // entries whose name is no longer theirs, or that had none
	taken   map[uint32]string   // placeholders whose name turned out to be somebody's who was known

	// Of a full import: names, folded, that somebody left in imports of changes
	// since the last full one. Whoever is still told to refer by them is looked
	// at as if he had changed.
	since map[string]bool
}

// aim is a reference that was told, and whom it leads to so far.
type aim struct {
	from int64
	attr uint32
	at   uint32
	name string
}

func newNames() names {
	return names{renamed: map[uint32][16]byte{}, left: map[uint32]bool{}, taken: map[uint32]string{}, since: map[string]bool{}}
}

// aimed remembers a reference by DN whose target can lose the name yet. Those
// that new records make to placeholders are found in the rows.
func (m *Import) aimed(e layout.Edge, at uint32, name string) {
	st := *m.cells.state(at)
	fresh := *m.cells.state(layout.PlaceOf(e.From))&cellNew != 0
	if m.opts.Full && st&cellSeen != 0 || fresh && st&cellNameless != 0 {
		return
	}
	m.moved.aims = append(m.moved.aims, aim{from: e.From, attr: e.Attr, at: at, name: strings.Clone(name)})
}

// holder returns the place of who has a name, as far as was told.
func (m *Import) holder(h [16]byte) uint32 {
	if m.dns == nil {
		return 0
	}
	at := m.dns.find(&h)
	if now, ok := m.moved.renamed[at]; ok && now != h {
		return 0
	}
	return at
}

// named notes that the entry has the name, which was there's so far.
func (m *Import) named(at, there, parent uint32, rdn, dn string, isNew bool) {
	x := &m.moved
	if there != 0 && there != at {
		if *m.cells.state(there)&(cellNameless|cellSeen) == cellNameless {
			x.taken[there] = strings.Clone(dn)
			if stub, ours := m.names[there]; ours {
				delete(m.names, there)
				id := m.stubID(stub.text, there)
				m.ids.put((*[16]byte)(&id), at)
			}
		} else {
			x.left[there] = true
		}
	}
	if _, before := x.renamed[at]; before || !isNew && there != at {
		x.left[at] = true
		x.renamed[at] = layout.DNHash(int64(parent), rdn)
		clear(m.up)
	}
	m.learnDN(at, parent, rdn)
}

// move leads a reference elsewhere.
type move struct {
	attr    uint32
	was, is int64
}

// settleNames leads the references to whoever has their names now that all was
// told.
func (m *Import) settleNames() error {
	moves := map[int64][]move{}
	for _, a := range m.moved.aims {
		if is := m.target(a.name, true); is != a.at {
			moves[a.from] = append(moves[a.from], move{a.attr, layout.KeyAt(m.conn.Sym, a.at), layout.KeyAt(m.conn.Sym, is)})
		}
	}
	var forget []int64
	var gone []LeftName
	err := m.of.rows.Read(m.ctx, func(t *layout.Tx) (err error) {
		if forget, err = m.fromTaken(t, moves); err != nil {
			return err
		}
		if m.stats.Left, err = m.namesLeft(t); err != nil {
			return err
		}
		if gone, err = m.gone(t); err != nil {
			return err
		}
		if m.opts.Full {
			return m.fromLeft(t, moves)
		}
		return m.fromGone(t, gone, moves)
	})
	if err != nil || len(moves)+len(forget)+len(gone) == 0 {
		return err
	}
	return m.writeMoves(moves, forget, gone)
}

// still reports that no reference leads elsewhere than was told.
func (m *Import) still() bool {
	x := &m.moved
	return len(x.left)+len(x.taken)+len(x.since) == 0 && !slices.ContainsFunc(x.aims, func(a aim) bool { return m.target(a.name, true) != a.at })
}

// fromTaken finds what leads to placeholders that turned out to be somebody. It
// returns those that were there before the import.
func (m *Import) fromTaken(t *layout.Tx, moves map[int64][]move) (forget []int64, err error) {
	keys := m.keysOf(maps.Keys(m.moved.taken))
	rows, err := t.RowsOf(keys)
	if err != nil {
		return nil, err
	}
	for _, key := range keys {
		if w := rows[key]; w != nil && w.Flags&layout.RowStub == 0 {
			continue // an account of ours that is not there yet
		} else if w != nil {
			forget = append(forget, key)
		}
		name := m.moved.taken[layout.PlaceOf(key)]
		if err := m.referrers(t, key, moves, func(layout.Edge) string { return name }); err != nil {
			return nil, err
		}
	}
	return forget, nil
}

// namesLeft lists who left which name in this import.
func (m *Import) namesLeft(t *layout.Tx) ([]LeftName, error) {
	keys := m.keysOf(maps.Keys(m.moved.left))
	rows, err := t.RowsOf(keys)
	if err != nil {
		return nil, err
	}
	var out []LeftName
	for _, key := range keys {
		if w := rows[key]; w != nil && w.Flags&(layout.RowNamed|layout.RowStub) == layout.RowNamed {
			name, err := nameOf(t, w)
			if err != nil {
				return nil, err
			}
			out = append(out, LeftName{Key: key, Name: name})
		}
	}
	return out, nil
}

// gone returns which of those who lost a name are not there any more.
func (m *Import) gone(t *layout.Tx) ([]LeftName, error) {
	var keys []int64
	for _, x := range m.stats.Left {
		keys = append(keys, x.Key)
	}
	rows, err := t.RowsOf(keys)
	if err != nil {
		return nil, err
	}
	now, err := m.staged(t, keys)
	if err != nil {
		return nil, err
	}
	var out []LeftName
	for _, x := range m.stats.Left {
		if c := now[x.Key]; c != nil && c.Op == layout.OpMissing || c == nil && rows[x.Key].Flags&layout.RowMissing != 0 {
			out = append(out, x)
		}
	}
	return out, nil
}

// fromGone finds what leads to entries that are gone and whose name somebody
// took: who is still told to refer to them means the name.
func (m *Import) fromGone(t *layout.Tx, gone []LeftName, moves map[int64][]move) error {
	for _, x := range gone {
		if err := m.referrers(t, x.Key, moves, func(layout.Edge) string { return x.Name }); err != nil {
			return err
		}
	}
	return nil
}

// fromLeft finds what is told by a name as before, though its holder left that
// name in this import.
func (m *Import) fromLeft(t *layout.Tx, moves map[int64][]move) error {
	byDN := m.attrsByDN()
	for _, x := range m.stats.Left {
		err := m.referrers(t, x.Key, moves, func(e layout.Edge) string {
			if st := *m.cells.state(layout.PlaceOf(e.From)); !byDN[e.Attr] || st&(cellSeen|cellNew) != cellSeen {
				return ""
			}
			return x.Name
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (m *Import) attrsByDN() map[uint32]bool {
	out := map[uint32]bool{}
	for _, ti := range m.types {
		for _, ai := range ti.attrs {
			out[ai.sym] = out[ai.sym] || ai.byDN
		}
	}
	return out
}

// saysLeft reports that the record refers to somebody by a name that was left
// since the last full import.
func (m *Import) saysLeft(ti *typeInfo, rec *object.Record) (bool, error) {
	if len(m.moved.since) == 0 {
		return false, nil
	}
	for i := range rec.Attrs {
		ai, err := m.attr(ti, i, rec.Attrs[i].Name)
		if err != nil {
			return false, err
		}
		left := func(v object.Value) bool { return m.moved.since[object.Fold(v.Text())] }
		if ai.byDN && slices.ContainsFunc(rec.Attrs[i].Values, left) {
			return true, nil
		}
	}
	return false, nil
}

// leftSince reads which names somebody left since the last full import.
func (m *Import) leftSince(t *layout.Tx) error {
	var full int64
	if _, err := t.DB.One([]any{&full}, "SELECT coalesce(max(no), 0) FROM import WHERE conn = ? AND state = ? AND no <= ? AND is_full = 1", int64(m.conn.Sym), importReady, m.conn.Released); err != nil {
		return err
	}
	var body []byte
	return t.DB.Each([]any{&body}, func() error {
		st, err := decodeStats(body)
		for _, x := range st.Left {
			m.moved.since[object.Fold(x.Name)] = true
		}
		return err
	}, "SELECT stats FROM import WHERE conn = ? AND state = ? AND no > ? AND no <= ? ORDER BY no", int64(m.conn.Sym), importReady, full, m.conn.Released)
}

func (m *Import) keysOf(places iter.Seq[uint32]) []int64 {
	var out []int64
	for at := range places {
		out = append(out, layout.KeyAt(m.conn.Sym, at))
	}
	slices.Sort(out)
	return out
}

// nameOf returns the DN that the row had when the import began.
func nameOf(t *layout.Tx, w *layout.Row) (string, error) {
	dn := w.RDN
	for up := w.Parent; up != 0; {
		rows, err := t.RowsOf([]int64{up})
		if err != nil || rows[up] == nil {
			return dn, err
		}
		dn += "," + rows[up].RDN
		up = rows[up].Parent
	}
	return dn, nil
}

// referrers leads references to the entry to whoever has the name now by which
// they mean it, "" for those that mean it whatever it is called. What this
// import tells anew leads there already.
func (m *Import) referrers(t *layout.Tx, key int64, moves map[int64][]move, name func(layout.Edge) string) error {
	var found []layout.Edge
	var before []int64
	err := t.Sets.Find(layout.EdgesIn, [][]byte{layout.BE64(nil, key)}, func(_ int, rec []byte) {
		e := layout.Edge{To: key, Attr: layout.U32(rec[8:]), From: layout.U64(rec[12:])}
		found = append(found, e)
		if *m.cells.state(layout.PlaceOf(e.From))&cellNew == 0 {
			before = append(before, e.From)
		}
	})
	if err != nil || len(found) == 0 {
		return err
	}
	anew, err := m.staged(t, before)
	if err != nil {
		return err
	}
	for _, e := range found {
		called := name(e)
		if called == "" || anew[e.From] != nil {
			continue
		}
		if is := layout.KeyAt(m.conn.Sym, m.target(called, true)); is != key {
			moves[e.From] = append(moves[e.From], move{e.Attr, key, is})
		}
	}
	return m.fetchCells(t, m.unknown(before))
}

// unknown returns those entries whose row hashes were not read yet.
func (m *Import) unknown(keys []int64) [][]byte {
	var out [][]byte
	for _, key := range keys {
		if *m.cells.hash(layout.PlaceOf(key)) == 0 {
			out = append(out, layout.BE64(nil, key))
		}
	}
	return out
}

// writeMoves writes where references lead now, that placeholders are no more,
// and that those who are gone have no name where somebody has it now.
func (m *Import) writeMoves(moves map[int64][]move, forget []int64, gone []LeftName) error {
	var list []*change
	for _, x := range gone {
		list = append(list, &change{Staged: layout.Staged{Op: layout.OpChange, Row: layout.Row{Key: x.Key}}, moves: append([]move{}, moves[x.Key]...), unnamed: true})
		delete(moves, x.Key)
	}
	for _, from := range slices.Sorted(maps.Keys(moves)) {
		if at := layout.PlaceOf(from); *m.cells.state(at)&cellNew == 0 {
			list = append(list, &change{Staged: layout.Staged{Op: layout.OpChange, Hash: *m.cells.hash(at), Row: layout.Row{Key: from}}, moves: moves[from]})
			delete(moves, from)
		}
	}
	for some := range slices.Chunk(list, 2000) {
		if err := m.of.rows.Bulk(m.ctx, func(t *layout.Tx) error { return m.writeChanged(t, some) }); err != nil {
			return err
		}
	}
	return m.of.rows.Bulk(m.ctx, func(t *layout.Tx) error {
		for _, from := range slices.Sorted(maps.Keys(moves)) { // told for the first time: nobody has seen them
			for _, x := range moves[from] {
				was, is := x.edges(from)
				t.Sets.Drop(layout.EdgesOut, was.Out())
				t.Sets.Drop(layout.EdgesIn, was.In())
				t.AddEdges([]layout.Edge{is})
			}
		}
		b := db.NewBatch("iiib")
		for _, key := range forget {
			c := layout.Staged{Op: layout.OpForget}
			b.Int(key).Int(m.no).Int(c.Op).Bytes(c.Append(nil))
		}
		return stage(t, b)
	})
}

func (x move) edges(from int64) (was, is layout.Edge) {
	return layout.Edge{From: from, Attr: x.attr, To: x.was}, layout.Edge{From: from, Attr: x.attr, To: x.is}
}

// move completes a change that only leads references elsewhere.
func (c *change) move(was *layout.Row, prev *layout.Staged) {
	c.Row = *was
	if c.unnamed {
		c.Row.Flags, c.Row.Parent, c.Row.RDN = c.Row.Flags&^layout.RowNamed, 0, ""
	}
	if prev != nil {
		c.Hash = prev.Hash
		if prev.Op == layout.OpRetype || prev.Op == layout.OpRename {
			c.Op = prev.Op
		}
	}
	for _, x := range c.moves {
		from, to := x.edges(c.Row.Key)
		c.Drops, c.Adds = append(c.Drops, from), append(c.Adds, to)
	}
}
