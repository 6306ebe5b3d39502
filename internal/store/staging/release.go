package staging

import (
	"context"
	"errors"
	"fmt"

	"muster/internal/store/db"
	"muster/internal/store/layout"
	"muster/internal/sync/space"
)

// Unreleased returns what the connector's finished but unreleased import
// said; ok is false if there is none.
func Unreleased(t *layout.Tx, conn string) (st Stats, ok bool, err error) {
	list, err := imports(t, conn, "no > ?", 1)
	if err != nil || len(list) == 0 {
		return Stats{}, false, err
	}
	return list[0], true, nil
}

// LastImports returns what the last n released imports said, newest first.
func LastImports(t *layout.Tx, conn string, n int) ([]Stats, error) {
	return imports(t, conn, "no <= ?", n)
}

// imports returns what finished imports said; cond compares them with the one
// that was released last.
func imports(t *layout.Tx, conn, cond string, n int) ([]Stats, error) {
	sym, err := t.Known(conn)
	if err != nil || sym == 0 {
		return nil, err
	}
	conns, err := t.Connectors()
	if err != nil || conns[sym] == nil {
		return nil, err
	}
	var out []Stats
	var body []byte
	err = t.DB.Each([]any{&body}, func() error {
		st, err := decodeStats(body)
		out = append(out, st)
		return err
	}, "SELECT stats FROM import WHERE conn = ? AND state = ? AND "+cond+" ORDER BY no DESC LIMIT ?", int64(sym), importReady, conns[sym].Released, int64(n))
	return out, err
}

// ErrNothingToRelease says that a connector has no finished import that waits.
var ErrNothingToRelease = errors.New("no import waits to be released")

// ErrOvertaken says that an import shows accounts as new that were made while it
// was under way: it knows nothing of them, and must be told again.
var ErrOvertaken = errors.New("an account was created while the system was imported; import it again")

// Release makes the connector's finished import visible, in one transaction of
// a few rows. Fold then moves its changes into the entries' rows; a few go along
// at once, those of a small import from its own row. It fails with ErrOvertaken
// where an account would have two entries (IMP-14); nothing is released then.
func (s *Imports) Release(ctx context.Context, conn string) (Stats, error) {
	var st Stats
	err := s.rows.Write(ctx, db.People, func(t *layout.Tx) error {
		var ok bool
		var err error
		if st, ok, err = Unreleased(t, conn); err != nil {
			return err
		}
		if !ok {
			return fmt.Errorf("connector %s: %w", conn, ErrNothingToRelease)
		}
		c, err := t.Connector(conn)
		if err != nil {
			return err
		}
		var mark, few []byte
		var first int64
		if _, err := t.DB.One([]any{&mark, &few, &first}, "SELECT mark, few, first_key FROM import WHERE no = ?", st.Import); err != nil {
			return err
		}
		if err := noTwins(t, conn, c, &st, first); err != nil {
			return err
		}
		c.Released, c.Mark = st.Import, string(mark)
		if len(few) == 0 {
			return foldFew(t, c)
		}
		list, err := readFew(t, few)
		if err != nil {
			return err
		}
		if len(few) > fewKept {
			if _, err := t.DB.Exec("UPDATE import SET few = NULL WHERE no = ?", st.Import); err != nil {
				return err
			}
		}
		c.Folded = c.Released
		return foldSome(t, c, list)
	})
	if err != nil {
		return Stats{}, err
	}
	return st, s.Fold(ctx, conn)
}

// noTwins is ErrOvertaken if an account that was made since the import began has
// the anchor or the name of an entry that the import made, from the key first on.
func noTwins(t *layout.Tx, conn string, c *layout.Connector, st *Stats, first int64) error {
	if st.Added == 0 || st.MadeNo == 0 {
		return nil
	}
	isNew := func(key int64) bool { return key >= first && key < int64(c.Sym)<<layout.KeyBits+layout.Planned }
	twins := false
	for from := st.MadeNo; from < c.NextMade; from += foldBatch {
		var keys []int64
		for k := from; k < min(from+foldBatch, c.NextMade); k++ {
			keys = append(keys, k)
		}
		rows, err := t.RowsOf(keys)
		if err != nil {
			return err
		}
		var ids, names [][]byte
		for _, r := range rows {
			if r.Anchor != "" {
				id := space.EntryID(conn, r.Anchor)
				ids = append(ids, id[:])
			}
			if r.Flags&layout.RowNamed != 0 {
				names = append(names, layout.DNPrefix(c.Sym, layout.DNHash(int64(layout.PlaceOf(r.Parent)), r.RDN)))
			}
		}
		err = errors.Join(
			t.Sets.Find(layout.EntryIDs, ids, func(_ int, rec []byte) { twins = twins || isNew(layout.U64(rec[16:])) }),
			t.Sets.Find(layout.EntryNames, names, func(_ int, rec []byte) { twins = twins || isNew(layout.U64(rec[20:])) }))
		if err != nil {
			return err
		}
		if twins {
			return fmt.Errorf("connector %s: %w", conn, ErrOvertaken)
		}
	}
	return nil
}

// Mark returns where the next import of changes begins; "" asks for a full
// import.
func Mark(t *layout.Tx, conn string) (string, error) {
	sym, err := t.Known(conn)
	if err != nil {
		return "", err
	}
	conns, err := t.Connectors()
	if err != nil || conns[sym] == nil {
		return "", err
	}
	return conns[sym].Mark, nil
}

// SetMark replaces the watermark; "" asks for a full import.
func SetMark(t *layout.Tx, conn, mark string) error {
	c, err := t.Connector(conn)
	if err != nil {
		return err
	}
	c.Mark = mark
	return nil
}

// foldBatch is how many changes are folded in one transaction, while people wait.
const foldBatch = 2000

// Fold moves the changes of a released import into the entries' rows. It goes
// on where it was stopped.
func (s *Imports) Fold(ctx context.Context, conn string) error {
	for more := true; more; {
		err := s.rows.Bulk(ctx, func(t *layout.Tx) (err error) {
			more, err = fold(t, conn)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func fold(t *layout.Tx, conn string) (more bool, err error) {
	sym, err := t.Known(conn)
	if err != nil || sym == 0 {
		return false, err
	}
	c, err := t.Connector(conn)
	if err != nil || c.Folded >= c.Released {
		return false, err
	}
	list, err := unfolded(t, c, foldBatch)
	if err != nil {
		return false, err
	}
	if len(list) < foldBatch {
		c.Folded = c.Released
	}
	t.Touched = t.Touched || len(list) > 0
	return len(list) == foldBatch, errors.Join(foldSome(t, c, list), unstage(t, list))
}

// foldFew folds the changes of the connector if there are few.
func foldFew(t *layout.Tx, c *layout.Connector) error {
	list, err := unfolded(t, c, foldBatch)
	if err != nil || len(list) == foldBatch {
		return err
	}
	c.Folded = c.Released
	return errors.Join(foldSome(t, c, list), unstage(t, list))
}

// unstage takes away staged changes that are in the entries' rows.
func unstage(t *layout.Tx, list []layout.Raw) error {
	if len(list) == 0 {
		return nil
	}
	done := db.NewBatch("i")
	for i := range list {
		done.Int(list[i].Key)
	}
	_, err := t.DB.Feed(done, "DELETE FROM staged WHERE key IN (SELECT c0 FROM @feed)")
	return err
}

// unfolded reads changes that are released and not yet in the entries' rows.
func unfolded(t *layout.Tx, c *layout.Connector, limit int) ([]layout.Raw, error) {
	var list []layout.Raw
	var x layout.Raw
	err := t.DB.Each([]any{&x.Key, &x.Body}, func() error {
		list = append(list, layout.Raw{Key: x.Key, Body: append([]byte(nil), x.Body...)})
		return nil
	}, "SELECT key, body FROM staged WHERE key >= ? AND key < ? AND import_no <= ? ORDER BY key LIMIT ?",
		int64(c.Sym)<<layout.KeyBits, int64(c.Sym+1)<<layout.KeyBits, c.Released, int64(limit))
	return list, err
}

func foldSome(t *layout.Tx, c *layout.Connector, list []layout.Raw) error {
	if len(list) == 0 {
		return nil
	}
	keys := make([]int64, len(list))
	prefixes := make([][]byte, len(list))
	for i := range list {
		keys[i] = list[i].Key
		prefixes[i] = layout.BE64(nil, list[i].Key)
	}
	raw, err := t.Get(layout.Entries, keys)
	if err != nil {
		return err
	}
	old := map[int64]layout.Raw{}
	for _, x := range raw {
		old[x.Key] = x
	}
	err = t.Sets.Find(layout.RowHashes, prefixes, func(_ int, rec []byte) { t.Sets.Drop(layout.RowHashes, rec) })
	if err != nil {
		return err
	}
	var moved, gone []layout.Raw
	for _, x := range list {
		ch, err := t.ReadStaged(x.Key, x.Body)
		if err != nil {
			return err
		}
		if ch.Hash != 0 {
			t.Sets.Add(layout.RowHashes, layout.BE64(layout.BE64(nil, x.Key), int64(ch.Hash)))
		}
		o, there := old[x.Key]
		switch {
		case !there || ch.Op == layout.OpHash:
			continue
		case ch.Op == layout.OpForget:
			gone = append(gone, o)
			continue
		}
		was, err := t.ReadRow(x.Key, o.Version, o.Body)
		if err != nil {
			return err
		}
		is := ch.Over(&was)
		t.Recut(x.Key, was.Cut, is.Cut)
		reindex(t, c, &was, &is, ch)
		if err := t.Respot(c, &was, &is); err != nil {
			return err
		}
		moved = append(moved, layout.Raw{Key: x.Key, Version: is.Version, Body: is.Append(nil)})
	}
	if err := t.Put(layout.Entries, moved); err != nil {
		return err
	}
	return t.Erase(c, gone, 0)
}

// reindex moves the records of an entry that changed.
func reindex(t *layout.Tx, c *layout.Connector, was, is *layout.Row, ch *layout.Staged) {
	key := was.Key
	if was.Anchor != is.Anchor {
		t.Sets.Drop(layout.EntryOrder, layout.OrderRec(nil, c.Sym, []byte(was.Anchor), key))
		t.Sets.Add(layout.EntryOrder, layout.OrderRec(nil, c.Sym, []byte(is.Anchor), key))
	}
	if was.Flags&layout.RowNamed != 0 && (was.Parent != is.Parent || was.RDN != is.RDN) {
		t.Sets.Drop(layout.EntryNames, layout.DNRec(c.Sym, layout.DNHash(int64(layout.PlaceOf(was.Parent)), was.RDN), key))
	}
	if is.Flags&layout.RowNamed != 0 && (was.Flags&layout.RowNamed == 0 || was.Parent != is.Parent || was.RDN != is.RDN) {
		t.Sets.Add(layout.EntryNames, layout.DNRec(c.Sym, layout.DNHash(int64(layout.PlaceOf(is.Parent)), is.RDN), key))
	}
	if was.Anchor == "" && is.Anchor != "" {
		t.Sets.Drop(layout.Nameless, layout.BE64(nil, key))
	}
	for _, e := range ch.Drops {
		t.Sets.Drop(layout.EdgesOut, e.Out())
		t.Sets.Drop(layout.EdgesIn, e.In())
	}
	t.AddEdges(ch.Adds)
	if !c.DecideAll && ch.Op != layout.OpNest {
		t.Sets.Add(layout.DirtyOrder, layout.BE64(layout.OrderRec(nil, c.Sym, []byte(is.Anchor), key), c.Released))
	}
}

// Discard forgets the connector's unreleased import.
func (s *Imports) Discard(ctx context.Context, conn string) error {
	busy := <-s.busy
	taken := busy[conn]
	s.busy <- busy
	if taken {
		return ErrImporting
	}
	return s.discard(ctx, conn)
}

func (s *Imports) discard(ctx context.Context, conn string) error {
	for more := true; more; {
		err := s.rows.Bulk(ctx, func(t *layout.Tx) (err error) {
			more, err = discardSome(t, conn)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// discardSome takes away a part of what an unreleased import wrote.
func discardSome(t *layout.Tx, conn string) (more bool, err error) {
	c, err := t.Connector(conn)
	if err != nil {
		return false, err
	}
	var no, first int64
	found, err := t.DB.One([]any{&no, &first}, "SELECT no, first_key FROM import WHERE conn = ? AND no > ? AND state IN (?, ?) ORDER BY no LIMIT 1",
		int64(c.Sym), c.Released, importBuilding, importReady)
	if err != nil || !found {
		return false, err
	}
	n, err := t.DB.Exec("DELETE FROM staged WHERE key >= ? AND key < ? AND import_no = ?", int64(c.Sym)<<layout.KeyBits, int64(c.Sym+1)<<layout.KeyBits, no)
	if err != nil {
		return false, err
	}
	var list []layout.Raw
	var x layout.Raw
	err = t.DB.Each([]any{&x.Key, &x.Version, &x.Body}, func() error {
		list = append(list, layout.Raw{Key: x.Key, Version: x.Version, Body: append([]byte(nil), x.Body...)})
		return nil
	}, "SELECT key, version, body FROM entry WHERE key >= ? AND key < ? ORDER BY key LIMIT ?", first, int64(c.Sym)<<layout.KeyBits+layout.Planned, int64(foldBatch))
	if err != nil {
		return false, err
	}
	if len(list) == 0 && n == 0 {
		_, err := t.DB.Exec("UPDATE import SET state = ? WHERE no = ?", importDiscarded, no)
		return true, err
	}
	return true, t.Erase(c, list, no)
}
