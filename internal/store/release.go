package store

import (
	"context"
	"errors"
	"fmt"

	"muster/internal/store/db"
)

// Unreleased returns what the connector's finished but unreleased import
// said; ok is false if there is none.
func (t *Tx) Unreleased(conn string) (st Stats, ok bool, err error) {
	list, err := t.imports(conn, importReady, 1)
	if err != nil || len(list) == 0 {
		return Stats{}, false, err
	}
	return list[0], true, nil
}

// LastImports returns what the last n released imports said, newest first.
func (t *Tx) LastImports(conn string, n int) ([]Stats, error) {
	return t.imports(conn, importReleased, n)
}

func (t *Tx) imports(conn string, state int64, n int) ([]Stats, error) {
	sym, err := t.known(conn)
	if err != nil || sym == 0 {
		return nil, err
	}
	var out []Stats
	var body []byte
	err = t.db.Each([]any{&body}, func() error {
		st, err := decodeStats(body)
		out = append(out, st)
		return err
	}, "SELECT stats FROM import WHERE conn = ? AND state = ? ORDER BY no DESC LIMIT ?", int64(sym), state, int64(n))
	return out, err
}

// ErrNothingToRelease says that a connector has no finished import that waits.
var ErrNothingToRelease = errors.New("no finished import waits to be released; run an import first")

// Release makes the connector's finished import visible, in one transaction of
// a few rows. Fold then moves its changes into the entries' rows.
func (s *Store) Release(ctx context.Context, conn string) (Stats, error) {
	var st Stats
	err := s.People(ctx, func(t *Tx) error {
		var ok bool
		var err error
		if st, ok, err = t.Unreleased(conn); err != nil {
			return err
		}
		if !ok {
			return fmt.Errorf("connector %s: %w", conn, ErrNothingToRelease)
		}
		c, err := t.connector(conn)
		if err != nil {
			return err
		}
		var mark []byte
		if _, err := t.db.One([]any{&mark}, "SELECT mark FROM import WHERE no = ?", st.Import); err != nil {
			return err
		}
		c.released, c.mark = st.Import, string(mark)
		if err := t.save(c); err != nil {
			return err
		}
		t.moved = true
		_, err = t.db.Exec("UPDATE import SET state = ? WHERE no = ?", importReleased, st.Import)
		return err
	})
	if err != nil {
		return Stats{}, err
	}
	return st, s.Fold(ctx, conn)
}

// Mark returns where the next import of changes begins; "" asks for a full
// import.
func (t *Tx) Mark(conn string) (string, error) {
	sym, err := t.known(conn)
	if err != nil {
		return "", err
	}
	conns, err := t.connectors()
	if err != nil || conns[sym] == nil {
		return "", err
	}
	return conns[sym].mark, nil
}

// SetMark replaces the watermark; "" asks for a full import.
func (t *Tx) SetMark(conn, mark string) error {
	c, err := t.connector(conn)
	if err != nil {
		return err
	}
	c.mark = mark
	return t.save(c)
}

// foldBatch is how many changes are folded in one transaction.
const foldBatch = 2000

// Fold moves the changes of a released import into the entries' rows. It goes
// on where it was stopped.
func (s *Store) Fold(ctx context.Context, conn string) error {
	for more := true; more; {
		err := s.Bulk(ctx, func(t *Tx) (err error) {
			more, err = t.fold(conn)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (t *Tx) fold(conn string) (more bool, err error) {
	sym, err := t.known(conn)
	if err != nil || sym == 0 {
		return false, err
	}
	c, err := t.connector(conn)
	if err != nil || c.folded >= c.released {
		return false, err
	}
	var list []rawRow
	var x rawRow
	err = t.db.Each([]any{&x.key, &x.body}, func() error {
		list = append(list, rawRow{key: x.key, body: append([]byte(nil), x.body...)})
		return nil
	}, "SELECT key, body FROM staged WHERE key >= ? AND key < ? AND import_no <= ? ORDER BY key LIMIT ?",
		int64(sym)<<keyBits, int64(sym+1)<<keyBits, c.released, int64(foldBatch))
	if err != nil {
		return false, err
	}
	if len(list) == 0 {
		c.folded = c.released
		return false, t.save(c)
	}
	return true, t.foldSome(c, list)
}

func (t *Tx) foldSome(c *connRow, list []rawRow) error {
	keys := make([]int64, len(list))
	prefixes := make([][]byte, len(list))
	done := db.NewBatch("i")
	for i := range list {
		keys[i] = list[i].key
		prefixes[i] = be64(nil, list[i].key)
		done.Int(list[i].key)
	}
	raw, err := t.get(entries, keys)
	if err != nil {
		return err
	}
	old := map[int64]rawRow{}
	for _, x := range raw {
		old[x.key] = x
	}
	err = t.sets.Find(rowHashes, prefixes, func(_ int, rec []byte) { t.sets.Drop(rowHashes, rec) })
	if err != nil {
		return err
	}
	var moved []rawRow
	for _, x := range list {
		ch, err := t.readStaged(x.key, x.body)
		if err != nil {
			return err
		}
		if ch.hash != 0 {
			t.sets.Add(rowHashes, be64(be64(nil, x.key), int64(ch.hash)))
		}
		o, there := old[x.key]
		if !there || ch.op == opHash {
			continue
		}
		was, err := t.readRow(x.key, o.version, o.body)
		if err != nil {
			return err
		}
		is := ch.over(&was)
		t.reindex(c, &was, &is, ch)
		if err := t.respot(c, &was, &is); err != nil {
			return err
		}
		moved = append(moved, rawRow{key: x.key, version: is.version, body: is.append(nil)})
	}
	t.moved = true
	if err := t.put(entries, moved); err != nil {
		return err
	}
	_, err = t.db.Feed(done, "DELETE FROM staged WHERE key IN (SELECT c0 FROM @feed)")
	return err
}

// reindex moves the records of an entry that changed.
func (t *Tx) reindex(c *connRow, was, is *row, ch *change) {
	key := was.key
	if was.anchor != is.anchor {
		t.sets.Drop(entryOrder, orderRec(nil, c.sym, []byte(was.anchor), key))
		t.sets.Add(entryOrder, orderRec(nil, c.sym, []byte(is.anchor), key))
	}
	if was.flags&rowNamed != 0 && (was.parent != is.parent || was.rdn != is.rdn) {
		t.sets.Drop(entryNames, dnRec(c.sym, dnHash(int64(placeOf(was.parent)), was.rdn), key))
	}
	if is.flags&rowNamed != 0 && (was.flags&rowNamed == 0 || was.parent != is.parent || was.rdn != is.rdn) {
		t.sets.Add(entryNames, dnRec(c.sym, dnHash(int64(placeOf(is.parent)), is.rdn), key))
	}
	if was.anchor == "" && is.anchor != "" {
		t.sets.Drop(nameless, be64(nil, key))
	}
	for _, e := range ch.drops {
		t.sets.Drop(edgesOut, e.out())
		t.sets.Drop(edgesIn, e.in())
	}
	t.addEdges(ch.adds)
	if !c.decideAll {
		t.sets.Add(dirtyOrder, be64(orderRec(nil, c.sym, []byte(is.anchor), key), c.released))
	}
}

// DiscardImport forgets the connector's unreleased import.
func (s *Store) DiscardImport(ctx context.Context, conn string) error {
	busy := <-s.imp.busy
	taken := busy[conn]
	s.imp.busy <- busy
	if taken {
		return ErrImporting
	}
	return s.discardImport(ctx, conn)
}

func (s *Store) discardImport(ctx context.Context, conn string) error {
	for more := true; more; {
		err := s.Bulk(ctx, func(t *Tx) (err error) {
			more, err = t.discard(conn)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// discard takes away a part of what an unreleased import wrote.
func (t *Tx) discard(conn string) (more bool, err error) {
	c, err := t.connector(conn)
	if err != nil {
		return false, err
	}
	var no, first int64
	found, err := t.db.One([]any{&no, &first}, "SELECT no, first_key FROM import WHERE conn = ? AND state IN (?, ?) ORDER BY no LIMIT 1",
		int64(c.sym), importBuilding, importReady)
	if err != nil || !found {
		return false, err
	}
	n, err := t.db.Exec("DELETE FROM staged WHERE key >= ? AND key < ? AND import_no = ?", int64(c.sym)<<keyBits, int64(c.sym+1)<<keyBits, no)
	if err != nil {
		return false, err
	}
	var list []rawRow
	var x rawRow
	err = t.db.Each([]any{&x.key, &x.version, &x.body}, func() error {
		list = append(list, rawRow{key: x.key, version: x.version, body: append([]byte(nil), x.body...)})
		return nil
	}, "SELECT key, version, body FROM entry WHERE key >= ? AND key < ? ORDER BY key LIMIT ?", first, int64(c.sym)<<keyBits+planned, int64(foldBatch))
	if err != nil {
		return false, err
	}
	if len(list) == 0 && n == 0 {
		_, err := t.db.Exec("UPDATE import SET state = ? WHERE no = ?", importDiscarded, no)
		return true, err
	}
	return true, t.erase(c, list, no)
}

// erase deletes entries with all that is kept of them.
func (t *Tx) erase(c *connRow, list []rawRow, no int64) error {
	b := db.NewBatch("i")
	var edged []int64
	var hashes [][]byte
	for _, x := range list {
		w, err := t.readRow(x.key, x.version, x.body)
		if err != nil {
			return err
		}
		b.Int(x.key)
		if w.flags&rowEdges != 0 {
			edged = append(edged, x.key)
		}
		hashes = append(hashes, be64(nil, x.key))
		t.sets.Drop(entryIDs, be64(append([]byte(nil), w.id[:]...), x.key))
		rec := orderRec(nil, c.sym, []byte(w.anchor), x.key)
		t.sets.Drop(entryOrder, rec)
		if !c.decideAll && no != 0 {
			t.sets.Drop(dirtyOrder, be64(rec, no))
		}
		t.sets.Drop(nameless, be64(nil, x.key))
		if w.flags&rowNamed != 0 {
			t.sets.Drop(entryNames, dnRec(c.sym, dnHash(int64(placeOf(w.parent)), w.rdn), x.key))
		}
		if err := t.respot(c, &w, &row{}); err != nil {
			return err
		}
	}
	if err := t.sets.Find(rowHashes, hashes, func(_ int, rec []byte) { t.sets.Drop(rowHashes, rec) }); err != nil {
		return err
	}
	edges, err := t.edgesOf(edged, nil)
	if err != nil {
		return err
	}
	for _, list := range edges {
		for _, e := range list {
			t.sets.Drop(edgesOut, e.out())
			t.sets.Drop(edgesIn, e.in())
		}
	}
	return t.remove(entries, b)
}
