package store

import (
	"maps"
	"slices"

	"muster/internal/base/object"
	"muster/internal/store/layout"
	"muster/internal/store/sorted"
)

// ForgetPlans drops the parts of plans that are remembered for those who go on
// with the same accounts; a step that ends goes on with none.
func (s *Store) ForgetPlans() { s.chunks.Forget() }

// Forget drops what is remembered to make work in order fast; call it when a
// run ends.
func (s *Store) Forget() {
	s.chunks.Forget()
	s.entryKeys.Forget()
	s.objectKeys.Forget()
	s.rows.Forget()
}

// find looks up keys of ids; those that do not exist are left out.
func (t *Tx) find(kind sorted.Kind, cache *layout.KeyCache, ids []object.ID) (map[object.ID]int64, error) {
	none, err := t.sets.Empty(kind)
	if none || err != nil {
		return map[object.ID]int64{}, err
	}
	out := make(map[object.ID]int64, len(ids))
	var prefixes [][]byte
	for _, i := range cache.Take(ids, out) {
		prefixes = append(prefixes, ids[i][:])
	}
	err = t.sets.Find(kind, prefixes, func(_ int, rec []byte) {
		out[object.ID(rec[:16])] = layout.U64(rec[16:])
	})
	return out, err
}

// uncached reads the keys from the sets alone.
func (t *Tx) uncached(kind sorted.Kind, ids []object.ID) (map[object.ID]int64, error) {
	return t.find(kind, &layout.KeyCache{}, ids)
}

// keyed reads what goes by the ids. read takes where they are, and leaves out what
// is not there: where that was remembered and is not so any more, it is looked up
// in the sets, and read once more.
func keyed[T any](t *Tx, kind sorted.Kind, cache *layout.KeyCache, ids []object.ID, read func(map[object.ID]int64) (map[object.ID]T, error)) (map[object.ID]T, error) {
	keys, err := t.find(kind, cache, ids)
	if err != nil {
		return nil, err
	}
	out, err := read(keys)
	if err != nil {
		return nil, err
	}
	var again []object.ID
	for id := range keys {
		if _, ok := out[id]; !ok {
			again = append(again, id)
		}
	}
	if len(again) == 0 {
		return out, nil
	}
	if keys, err = t.uncached(kind, again); err != nil {
		return nil, err
	}
	more, err := read(keys)
	maps.Copy(out, more)
	return out, err
}

// objectKeysOf returns where the objects with the ids are; those that do not exist
// are left out.
func (t *Tx) objectKeysOf(ids []object.ID) (map[object.ID]int64, error) {
	return keyed(t, layout.ObjectIDs, &t.store.objectKeys, ids, func(keys map[object.ID]int64) (map[object.ID]int64, error) {
		there, err := t.rows.ObjectIDsOf(slices.Collect(maps.Values(keys)))
		out := make(map[object.ID]int64, len(keys))
		for id, k := range keys {
			if there[k] == id {
				out[id] = k
			}
		}
		return out, err
	})
}

// objectRowsOf reads the objects with the ids, with their references.
func (t *Tx) objectRowsOf(ids []object.ID) (map[object.ID]*objectRow, error) {
	out, err := t.headsOf(ids)
	if err != nil {
		return nil, err
	}
	rows := make(map[int64]*objectRow, len(out))
	for _, w := range out {
		rows[w.key] = w
	}
	return out, t.addRefs(rows)
}

// headOf is headsOf for one object; nil if it is not there.
func (t *Tx) headOf(id object.ID) (*objectRow, error) {
	rows, err := t.headsOf([]object.ID{id})
	return rows[id], err
}

// headsOf reads the objects with the ids, without references.
func (t *Tx) headsOf(ids []object.ID) (map[object.ID]*objectRow, error) {
	return keyed(t, layout.ObjectIDs, &t.store.objectKeys, ids, t.objectsAt)
}

func (t *Tx) objectsAt(keys map[object.ID]int64) (map[object.ID]*objectRow, error) {
	list := make([]int64, 0, len(keys))
	for _, k := range keys {
		list = append(list, k)
	}
	rows, err := t.headsByKey(list)
	if err != nil {
		return nil, err
	}
	out := make(map[object.ID]*objectRow, len(rows))
	for id, k := range keys {
		if w := rows[k]; w != nil && w.obj.ID == id {
			out[id] = w
		}
	}
	return out, nil
}

// objectsByKey reads objects, with their references.
func (t *Tx) objectsByKey(keys []int64) (map[int64]*objectRow, error) {
	out, err := t.headsByKey(keys)
	if err != nil {
		return nil, err
	}
	return out, t.addRefs(out)
}

// headsByKey reads objects without their references.
func (t *Tx) headsByKey(keys []int64) (map[int64]*objectRow, error) {
	out := make(map[int64]*objectRow, len(keys))
	keys = slices.Clone(keys)
	slices.Sort(keys) // neighbours are read together
	for len(keys) > 0 {
		some := keys[:min(len(keys), 1000)]
		keys = keys[len(some):]
		raw, err := t.rows.Get(layout.Objects, some)
		if err != nil {
			return nil, err
		}
		for _, x := range raw {
			w, err := t.readObject(x)
			if err != nil {
				return nil, err
			}
			out[x.Key] = w
		}
		t.store.objectKeys.PutAll(func(put func(object.ID, int64)) {
			for _, x := range raw {
				put(out[x.Key].obj.ID, x.Key)
			}
		})
	}
	return out, nil
}

// addRefs fills in the references of objects that have some.
func (t *Tx) addRefs(rows map[int64]*objectRow) error {
	var prefixes [][]byte
	for k, w := range rows {
		for i := range w.obj.Attrs {
			if w.obj.Attrs[i].Values == nil {
				prefixes = append(prefixes, layout.BE64(nil, k))
				break
			}
		}
	}
	type place struct {
		key  int64
		attr uint32
	}
	found := map[place]object.Values{}
	err := t.sets.Find(layout.RefsOut, prefixes, func(_ int, rec []byte) {
		p := place{layout.U64(rec), layout.U32(rec[8:])}
		found[p] = append(found[p], object.Reference(string(rec[12:28])))
	})
	if err != nil {
		return err
	}
	for p, vs := range found {
		if w := rows[p.key]; w != nil {
			name := t.rows.Name(p.attr)
			for i := range w.obj.Attrs {
				if w.obj.Attrs[i].Name == name {
					w.obj.Attrs[i].Values = object.Set(vs...)
				}
			}
		}
	}
	for _, w := range rows {
		w.dropEmpty()
	}
	return nil
}

// dropEmpty takes out attributes whose last reference went.
func (w *objectRow) dropEmpty() {
	o := &w.obj
	n := 0
	for i := range o.Attrs {
		if len(o.Attrs[i].Values) > 0 {
			o.Attrs[n], o.Origins[n] = o.Attrs[i], o.Origins[i]
			n++
		}
	}
	o.Attrs, o.Origins = o.Attrs[:n], o.Origins[:n]
}
