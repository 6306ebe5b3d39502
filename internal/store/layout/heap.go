package layout

import (
	"slices"

	"muster/internal/store/db"
)

// A heap is rows by key in two tables: the large one, and a small one of rows
// that changed since, which stand before those of the large one. Changing one
// row in a hundred then writes a few dense pages, not every page of the large
// table; when the small table has grown to an eighth, it is merged.
type heap struct {
	table        string
	total, newer Counter
}

// The heaps of the store.
var (
	Entries = heap{table: "entry", total: EntryRows, newer: entryNews}
	Objects = heap{table: "object", total: ObjectRows, newer: objectNews}
)

// Get reads the rows with the keys, in any order; keys without a row are left
// out.
func (t *Tx) Get(h heap, keys []int64) ([]Raw, error) {
	var out []Raw
	if !slices.IsSorted(keys) {
		keys = slices.Clone(keys)
		slices.Sort(keys)
	}
	lone := keys[:0:0]
	err := runsOf(keys, func(some []int64) error {
		if len(some) < 16 {
			lone = append(lone, some...)
			return nil
		}
		return t.rawRange(h, some, &out)
	})
	if err == nil && len(lone) > 0 {
		var more []Raw
		more, err = t.RawRows(lone, "SELECT e.key, e.version, e.body FROM @feed JOIN "+h.table+" e ON e.key = feed.c0")
		out = append(out, more...)
	}
	if err != nil {
		return nil, err
	}
	n, err := t.Count(h.newer)
	if err != nil || n == 0 {
		return out, err
	}
	newer, err := t.RawRows(keys, "SELECT e.key, e.version, e.body FROM @feed JOIN "+h.table+"_new e ON e.key = feed.c0")
	if err != nil || len(newer) == 0 {
		return out, err
	}
	at := make(map[int64]int, len(newer))
	for i := range newer {
		at[newer[i].Key] = i
	}
	for i := range out {
		if j, ok := at[out[i].Key]; ok {
			out[i] = newer[j]
		}
	}
	return out, nil
}

// runsOf calls fn with parts of the sorted keys that lie close together.
func runsOf(keys []int64, fn func([]int64) error) error {
	for len(keys) > 0 {
		n := 1
		for n < len(keys) && keys[n]-keys[n-1] < 8 {
			n++
		}
		if err := fn(keys[:n]); err != nil {
			return err
		}
		keys = keys[n:]
	}
	return nil
}

// rawRange reads rows whose keys lie close together in one sweep.
func (t *Tx) rawRange(h heap, keys []int64, out *[]Raw) error {
	var x Raw
	return t.DB.Each([]any{&x.Key, &x.Version, &x.Body}, func() error {
		for len(keys) > 0 && keys[0] < x.Key {
			keys = keys[1:]
		}
		if len(keys) > 0 && keys[0] == x.Key {
			*out = append(*out, x)
		}
		return nil
	}, "SELECT key, version, body FROM "+h.table+" WHERE key >= ? AND key <= ? ORDER BY key", keys[0], keys[len(keys)-1])
}

// Insert adds rows with new keys; b holds key and body.
func (t *Tx) Insert(h heap, b *db.Batch) error {
	if b.Len() == 0 {
		return nil
	}
	if _, err := t.Take(h.total, int64(b.Len())); err != nil {
		return err
	}
	return t.DB.Load(h.table, []string{"key", "body"}, b)
}

// Put replaces rows that are there.
func (t *Tx) Put(h heap, rows []Raw) error {
	if len(rows) == 0 {
		return nil
	}
	total, err := t.Count(h.total)
	if err != nil {
		return err
	}
	newer, err := t.Count(h.newer)
	if err != nil {
		return err
	}
	b := db.NewBatch("iib")
	for _, x := range rows {
		b.Int(x.Key).Int(x.Version).Bytes(x.Body)
	}
	if total < 5000 || int64(len(rows))*8 > total {
		if newer > 0 {
			if _, err := t.DB.Feed(b, "DELETE FROM "+h.table+"_new WHERE key IN (SELECT c0 FROM @feed)"); err != nil {
				return err
			}
		}
		_, err := t.DB.Feed(b, "UPDATE "+h.table+" SET version = feed.c1, body = feed.c2 FROM @feed WHERE "+h.table+".key = feed.c0")
		return err
	}
	_, err = t.DB.Feed(b, "INSERT INTO "+h.table+"_new (key, version, body) SELECT c0, c1, c2 FROM @feed WHERE true"+
		" ON CONFLICT (key) DO UPDATE SET version = excluded.version, body = excluded.body")
	if err != nil {
		return err
	}
	if n := grown(newer, rows); n > 0 {
		if _, err := t.Take(h.newer, n); err != nil {
			return err
		}
	}
	if newer*8 > total {
		return t.mergeHeap(h)
	}
	return nil
}

// grown returns by how much newer rows count as more: of a few at a time, one key
// in sixteen stands for all, so that most changes do not write the number.
func grown(newer int64, rows []Raw) int64 {
	const sample = 16
	switch {
	case newer == 0 || len(rows) >= sample:
		return int64(len(rows))
	case rows[0].Key%sample == 0:
		return sample
	}
	return 0
}

// mergeHeap moves the newer rows into the large table.
func (t *Tx) mergeHeap(h heap) error {
	_, err := t.DB.Exec("UPDATE " + h.table + " SET version = n.version, body = n.body FROM " + h.table + "_new n WHERE " + h.table + ".key = n.key")
	if err != nil {
		return err
	}
	if _, err := t.DB.Exec("DELETE FROM " + h.table + "_new"); err != nil {
		return err
	}
	n, err := t.Count(h.newer)
	if err != nil {
		return err
	}
	_, err = t.Take(h.newer, -n)
	return err
}

// Remove deletes rows; c0 of b holds the keys.
func (t *Tx) Remove(h heap, b *db.Batch) error {
	if b.Len() == 0 {
		return nil
	}
	if _, err := t.Take(h.total, -int64(b.Len())); err != nil {
		return err
	}
	if _, err := t.Take(erasures, 1); err != nil {
		return err
	}
	for _, table := range []string{h.table, h.table + "_new"} {
		if _, err := t.DB.Feed(b, "DELETE FROM "+table+" WHERE key IN (SELECT c0 FROM @feed)"); err != nil {
			return err
		}
	}
	return nil
}
