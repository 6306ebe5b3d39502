package store

import (
	"context"
	"slices"

	"muster/internal/base/object"
	"muster/internal/store/db"
	"muster/internal/store/layout"
	"muster/internal/sync/engine"
	"muster/internal/sync/rules"
	"muster/internal/sync/space"
)

// named is who has a unique name.
type named struct {
	owner   object.ID
	given   bool
	bearers []object.ID
}

// loadLinkHolds reads the holds on links of the entries that were loaded since.
func (v *View) loadLinkHolds(engine.Need) error {
	list := v.unheld
	v.unheld = nil
	if len(list) == 0 {
		return nil
	}
	if none, err := v.t.empty("hold WHERE entry IS NOT NULL"); err != nil || none {
		return err
	}
	of := map[object.ID]object.ID{}
	var ids []object.ID
	for _, e := range list {
		id := space.EntryID(e.Connector, e.Anchor)
		if _, met := of[id]; e.Anchor != "" && !met {
			of[id] = e.ID
			ids = append(ids, id)
			delete(v.linkHolds, e.ID)
		}
	}
	by, err := v.t.holdsWhere(idBatch(ids), "SELECT h.id, h.object, h.body FROM @feed JOIN hold h ON h.entry = feed.c0")
	for _, h := range by {
		id := of[h.Target.Entry()]
		v.linkHolds[id] = append(v.linkHolds[id], h)
	}
	return err
}

// loadRemembered finds out which of the objects some entry was cut from until it
// changes.
func (v *View) loadRemembered(ids []object.ID) error {
	prefixes := make([][]byte, len(ids))
	for i := range ids {
		prefixes[i] = ids[i][:]
	}
	by := map[int64]object.ID{}
	var keys []int64
	err := v.t.sets.Find(layout.CutFrom, prefixes, func(_ int, rec []byte) {
		by[layout.U64(rec[16:])] = object.ID(rec[:16])
		keys = append(keys, layout.U64(rec[16:]))
	})
	if err != nil || len(keys) == 0 {
		return err
	}
	rows, err := v.t.rows.RowsOf(keys) // what was released since may say otherwise
	for k, w := range rows {
		if w.Cut == by[k] {
			v.remembered[w.Cut] = true
		}
	}
	return err
}

func (v *View) loadNames(need engine.Need) error {
	names := fresh(need.Names, v.names)
	if len(names) == 0 {
		return nil
	}
	prefixes := make([][]byte, len(names))
	for i, n := range names {
		v.names[n] = named{}
		p, err := v.t.symbolsOf(n.Type, n.Attr)
		if err != nil {
			return err
		}
		prefixes[i] = append(p, layout.Hash64(n.Value)...)
	}
	err := v.t.sets.Find(layout.Claims, prefixes, func(i int, rec []byte) {
		v.names[names[i]] = named{owner: object.ID(rec[16:32]), given: true}
	})
	if err != nil {
		return err
	}
	return v.loadBearers(names)
}

// symbolsOf writes the symbols of names; 0 stands for one that was never stored.
func (t *Tx) symbolsOf(names ...string) ([]byte, error) {
	var p []byte
	for _, name := range names {
		y, err := t.rows.Known(name)
		if err != nil {
			return nil, err
		}
		p = layout.BE32(p, y)
	}
	return p, nil
}

// loadBearers finds the present entries that bear the names.
func (v *View) loadBearers(names []engine.Name) error {
	type asked struct {
		name engine.Name
		attr string
	}
	var prefixes [][]byte
	var of []asked
	for _, n := range names {
		for _, spot := range v.t.rows.Index.Also[rules.Spot{Type: n.Type, Attr: n.Attr}] {
			p, err := v.t.symbolsOf(spot.Connector, spot.Type, spot.Attr)
			if err != nil {
				return err
			}
			prefixes = append(prefixes, append(p, layout.Hash64(n.Value)...))
			of = append(of, asked{n, spot.Attr})
		}
	}
	found := map[asked][]int64{}
	var all []int64
	err := v.t.sets.Find(layout.Spots, prefixes, func(i int, rec []byte) {
		found[of[i]] = append(found[of[i]], layout.U64(rec[20:]))
		all = append(all, layout.U64(rec[20:]))
	})
	if err != nil || len(all) == 0 {
		return err
	}
	rows, err := v.t.rows.RowsOf(all)
	if err != nil {
		return err
	}
	for a, keys := range found {
		folded := v.t.rows.Index.Unique[rules.Spot{Type: a.name.Type, Attr: a.name.Attr}]
		x := v.names[a.name]
		for _, k := range keys {
			w := rows[k]
			if w == nil || w.Flags&layout.RowMissing != 0 {
				continue
			}
			image, err := v.t.rows.Bag(w.Image)
			if err != nil {
				return err
			}
			if slices.ContainsFunc(image.Get(a.attr), func(y object.Value) bool { return object.Key(y, folded) == a.name.Value }) {
				x.bearers = append(x.bearers, w.ID)
			}
		}
		x.bearers = sortIDs(x.bearers)
		v.names[a.name] = x
	}
	return nil
}

// LinkHolds returns what people decided about links of the entry.
func (v *View) LinkHolds(entry object.ID) []*engine.Hold {
	e := loaded(v.entries, entry, "holds on links")
	if e == nil {
		return nil
	}
	return v.linkHolds[e.ID]
}

// Remembered reports that some entry was cut from the object and may not join
// until it changes.
func (v *View) Remembered(obj object.ID) bool {
	loaded(v.objects, obj, "object")
	return v.remembered[obj]
}

// Owner returns to whom the name was given.
func (v *View) Owner(n engine.Name) (object.ID, bool) {
	x := loaded(v.names, n, "name")
	return x.owner, x.given
}

// Bearers returns the present entries that bear the name.
func (v *View) Bearers(n engine.Name) []object.ID { return loaded(v.names, n, "name").bearers }

// complete adds what earlier versions of Muster did not store: whom entries were
// cut from, and which entries holds on links are about.
func (s *Store) complete(ctx context.Context) error {
	var done int64
	err := s.Read(ctx, func(t *Tx) (err error) {
		done, err = t.rows.Count(layout.Completed)
		return err
	})
	if err != nil || done > 0 {
		return err
	}
	return s.Bulk(ctx, func(t *Tx) error {
		if err := t.completeHolds(); err != nil {
			return err
		}
		for after := int64(0); ; {
			var keys []int64
			err := t.db.Each([]any{&after}, func() error { keys = append(keys, after); return nil }, "SELECT key FROM entry WHERE key > ? ORDER BY key LIMIT 5000", after)
			if err != nil {
				return err
			}
			if len(keys) == 0 {
				break
			}
			raw, err := t.rows.Get(layout.Entries, keys)
			if err != nil {
				return err
			}
			for _, x := range raw {
				w, err := t.rows.ReadRow(x.Key, x.Version, x.Body)
				if err != nil {
					return err
				}
				t.rows.Recut(x.Key, object.ID{}, w.Cut)
			}
		}
		_, err := t.rows.Take(layout.Completed, 1)
		return err
	})
}

func (t *Tx) completeHolds() error {
	list, err := t.holdsWhere(nil, "SELECT id, object, body FROM hold")
	if err != nil {
		return err
	}
	b := db.NewBatch("ib")
	for _, h := range list {
		if h.Target.Kind == engine.EntryLink {
			id := h.Target.Entry()
			b.Int(h.ID).Bytes(id[:])
		}
	}
	if b.Len() == 0 {
		return nil
	}
	_, err = t.db.Feed(b, "UPDATE hold SET entry = feed.c1 FROM @feed WHERE hold.id = feed.c0")
	return err
}
