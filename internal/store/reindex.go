package store

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"muster/internal/base/object"
	"muster/internal/store/layout"
	"muster/internal/store/sorted"
)

// settingIndexed is the name of the setting that says what is indexed.
const settingIndexed = "indexed"

// indexed says by what objects and entries can be looked up, and how far indexing
// has come.
type indexed struct {
	Done  []lookup `json:"done"`
	Doing []lookup `json:"doing,omitempty"`
	Clean bool     `json:"clean,omitempty"` // no records of an earlier time are left
	stretch
	After int64 `json:"after,omitempty"` // the stretch is done up to this one
}

// stretch is a part of what is indexed: the objects of a type, or the entries of
// a connector. Those before it are done.
type stretch struct {
	Type      string `json:"type,omitempty"`
	Connector string `json:"connector,omitempty"`
}

// lookup is one attribute by which objects are looked up, by joins, or by people
// whatever their type; or entries, by names that they bear.
type lookup struct {
	Connector string `json:"connector,omitempty"` // "" for objects
	Type      string `json:"type,omitempty"`      // "" for people
	Attr      string `json:"attr"`
	Folded    bool   `json:"folded,omitempty"`
}

// lookups lists what the rules ask for, in one order.
func lookups(x layout.Indexes) []lookup {
	var out []lookup
	for spot, folded := range x.Keys {
		out = append(out, lookup{Type: spot.Type, Attr: spot.Attr, Folded: folded})
	}
	for spot, folded := range x.Spots {
		out = append(out, lookup{spot.Connector, spot.Type, spot.Attr, folded})
	}
	for _, attr := range x.Search {
		out = append(out, lookup{Attr: attr, Folded: true})
	}
	slices.SortFunc(out, func(a, b lookup) int {
		return slices.Compare([]string{a.Connector, a.Type, a.Attr}, []string{b.Connector, b.Type, b.Attr})
	})
	return out
}

// stretches lists what must be gone through for the lookups, in one order.
func stretches(list []lookup, types []string) []stretch {
	var out []stretch
	for _, l := range list {
		switch {
		case l.Connector != "":
			out = append(out, stretch{Connector: l.Connector})
		case len(out) == 0: // those of objects come first
			for _, typ := range types {
				out = append(out, stretch{Type: typ})
			}
		}
	}
	return slices.Compact(out)
}

// reindexBatch is how many objects are indexed in one transaction.
const reindexBatch = 2000

// Reindex makes the objects and entries that are there found by whatever SetIndexes
// asks for and they are not found by yet. It goes batch by batch, on where it was
// stopped. types are all types of objects, in order. done is told how many were
// looked at; it may be nil.
func (s *Store) Reindex(ctx context.Context, types []string, done func(n int64)) error {
	n := int64(0)
	for more := true; more; {
		err := s.Bulk(ctx, func(t *Tx) (err error) {
			var looked int64
			more, looked, err = t.reindex(types)
			n += looked
			return err
		})
		if err != nil {
			return err
		}
		if done != nil && n > 0 {
			done(n)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

// reindex does the next part.
func (t *Tx) reindex(types []string) (more bool, looked int64, err error) {
	at, err := t.indexedNow()
	if err != nil {
		return false, 0, err
	}
	want := lookups(t.rows.Index)
	missing := slices.DeleteFunc(slices.Clone(want), func(l lookup) bool { return slices.Contains(at.Done, l) })
	kept := slices.DeleteFunc(slices.Clone(at.Done), func(l lookup) bool { return !slices.Contains(want, l) })
	switch {
	case len(missing) == 0:
		if len(kept) == len(at.Done) && len(at.Doing) == 0 {
			return false, 0, nil
		}
		return false, 0, t.setIndexed(indexed{Done: kept})
	case !slices.Equal(missing, at.Doing):
		at = indexed{Doing: missing}
	}
	at.Done = kept
	if !at.Clean {
		left, err := t.unindex(missing)
		if err != nil {
			return false, 0, err
		}
		at.Clean = !left
		return true, 0, t.setIndexed(at)
	}
	all := stretches(missing, types)
	i := slices.Index(all, at.stretch)
	if i < 0 && len(all) > 0 {
		i, at.stretch, at.After = 0, all[0], 0
	}
	if looked, err = t.indexSome(&at); err != nil {
		return false, 0, err
	}
	if looked < reindexBatch {
		if i++; i >= len(all) {
			return false, looked, t.setIndexed(indexed{Done: want})
		}
		at.stretch, at.After = all[i], 0
	}
	return true, looked, t.setIndexed(at)
}

// indexSome indexes a batch of the stretch at hand.
func (t *Tx) indexSome(at *indexed) (n int64, err error) {
	if at.Connector == "" {
		return t.indexObjects(at)
	}
	n, at.After, err = t.rows.SpotEntries(at.Connector, at.After, reindexBatch)
	if n > 0 {
		t.rows.Touched = true // who is found now was not before
	}
	return n, err
}

func (t *Tx) indexObjects(at *indexed) (int64, error) {
	y, err := t.rows.Known(at.Type)
	if err != nil || y == 0 {
		return 0, err
	}
	var keys []int64
	err = t.sets.Scan(layout.TypeOrder, layout.BE64(layout.BE32(nil, y), at.After+1), layout.BE32(nil, y+1), func(rec []byte) bool {
		keys = append(keys, layout.U64(rec[4:]))
		return len(keys) < reindexBatch
	})
	if err != nil || len(keys) == 0 {
		return 0, err
	}
	rows, err := t.headsByKey(keys)
	if err != nil {
		return 0, err
	}
	for _, w := range rows {
		for _, l := range at.Doing {
			if l.Connector != "" {
				continue
			}
			if err := t.index(w, l); err != nil {
				return 0, err
			}
		}
	}
	t.rows.Touched = true // who is found now was not before
	at.After = keys[len(keys)-1]
	return int64(len(keys)), nil
}

func (t *Tx) index(w *objectRow, l lookup) error {
	vs := w.obj.Attrs.Get(l.Attr)
	if len(vs) == 0 || l.Type != "" && l.Type != w.obj.Type {
		return nil
	}
	y, err := t.rows.Sym(l.Attr)
	if err != nil {
		return err
	}
	for _, v := range vs {
		if l.Type == "" {
			t.sets.Add(layout.SearchTexts, searchRec(y, object.Key(v, true), w.key))
		} else {
			t.sets.Add(layout.ObjectKeys, keyRec(w.typ, y, object.Key(v, l.Folded), w.key))
		}
	}
	return nil
}

// unindex takes away a part of the records that are left from an earlier time:
// while nobody looked by them, they were not kept. It reports whether there may
// be more.
func (t *Tx) unindex(list []lookup) (left bool, err error) {
	for _, l := range list {
		kind, begin, err := t.lookupRecs(l)
		if err != nil {
			return false, err
		}
		if begin == nil {
			continue
		}
		n := 0
		err = t.sets.Scan(kind, begin, nextText(begin), func(rec []byte) bool {
			t.sets.Drop(kind, slices.Clone(rec))
			n++
			return n < 5*reindexBatch
		})
		if err != nil || n == 5*reindexBatch {
			return true, err
		}
	}
	return false, nil
}

// lookupRecs is how the records of a lookup begin; nil if there are none.
func (t *Tx) lookupRecs(l lookup) (sorted.Kind, []byte, error) {
	attr, err := t.rows.Known(l.Attr)
	if err != nil || attr == 0 {
		return 0, nil, err
	}
	if l.Type == "" {
		return layout.SearchTexts, layout.BE32(nil, attr), nil
	}
	typ, err := t.rows.Known(l.Type)
	if err != nil || typ == 0 {
		return 0, nil, err
	}
	if l.Connector != "" {
		conn, err := t.rows.Known(l.Connector)
		if err != nil || conn == 0 {
			return 0, nil, err
		}
		return layout.Spots, layout.BE32(layout.BE32(layout.BE32(nil, conn), typ), attr), nil
	}
	return layout.ObjectKeys, layout.BE32(layout.BE32(nil, typ), attr), nil
}

// indexedNow reads what is indexed. A store without objects has none to be
// indexed.
func (t *Tx) indexedNow() (indexed, error) {
	var at indexed
	b, err := t.Setting(settingIndexed)
	if errors.Is(err, ErrNoSetting) {
		n, err := t.rows.Count(layout.ObjectRows)
		if n == 0 {
			at.Done = slices.DeleteFunc(lookups(t.rows.Index), func(l lookup) bool { return l.Connector != "" })
		}
		return at, errors.Join(err, t.setIndexed(at))
	}
	if err == nil {
		err = json.Unmarshal(b, &at)
	}
	return at, err
}

func (t *Tx) setIndexed(at indexed) error {
	b, err := json.Marshal(at)
	if err != nil {
		return err
	}
	return t.SetSetting(settingIndexed, b)
}
