package store

import (
	"muster/internal/base/object"
	"muster/internal/store/layout"
	"muster/internal/store/sorted"
	"muster/internal/sync/metaverse"
	"muster/internal/sync/rules"
)

// Indexes says what the store must be able to look up.
type Indexes = layout.Indexes

// IndexesOf returns what the rules ask for.
func IndexesOf(set *rules.Set, search ...string) Indexes { return layout.IndexesOf(set, search...) }

// keyRec is a record of objectKeys or offers.
func keyRec(typ, attr uint32, prepared string, key int64) []byte {
	return layout.BE64(append(layout.BE32(layout.BE32(make([]byte, 0, 24), typ), attr), layout.Hash64(prepared)...), key)
}

func claimRec(typ, attr uint32, prepared string, owner object.ID) []byte {
	return append(append(layout.BE32(layout.BE32(make([]byte, 0, 32), typ), attr), layout.Hash64(prepared)...), owner[:]...)
}

func searchRec(attr uint32, prepared string, key int64) []byte {
	return layout.BE64(layout.AppendOrdered(layout.BE32(nil, attr), prepared), key)
}

// indexObject adds or drops the records by which the object is looked up.
func (t *Tx) indexObject(w *objectRow, change func(sorted.Kind, []byte)) error {
	x := t.rows.Index
	o := &w.obj
	for i := range o.Attrs {
		a := &o.Attrs[i]
		spot := rules.Spot{Type: o.Type, Attr: a.Name}
		folded, isKey := x.Keys[spot]
		search := false
		for _, s := range x.Search {
			search = search || s == a.Name
		}
		if !isKey && !search {
			continue
		}
		y, err := t.rows.Sym(a.Name)
		if err != nil {
			return err
		}
		for _, v := range a.Values {
			if isKey {
				change(layout.ObjectKeys, keyRec(w.typ, y, object.Key(v, folded), w.key))
			}
			if search {
				change(layout.SearchTexts, searchRec(y, object.Key(v, true), w.key))
			}
		}
	}
	for _, c := range o.Claims {
		y, err := t.rows.Sym(c.Attr)
		if err != nil {
			return err
		}
		// A name that was given stays its object's for ever (CLAIM-3, CLAIM-6).
		t.sets.Add(layout.Claims, claimRec(w.typ, y, prepareName(x, o.Type, c), o.ID))
	}
	if !o.Due.IsZero() {
		change(layout.DueTimes, layout.BE64(layout.BE64(nil, o.Due.UnixMicro()), w.key))
	}
	return nil
}

// reindexObject moves the records by which an object is looked up.
func (t *Tx) reindexObject(was, is *objectRow) error {
	type record struct {
		kind sorted.Kind
		rec  string
	}
	had := map[record]bool{}
	if err := t.indexObject(was, func(k sorted.Kind, rec []byte) { had[record{k, string(rec)}] = true }); err != nil {
		return err
	}
	err := t.indexObject(is, func(k sorted.Kind, rec []byte) {
		if r := (record{k, string(rec)}); had[r] {
			delete(had, r)
		} else {
			t.sets.Add(k, rec)
		}
	})
	for r := range had {
		t.sets.Drop(r.kind, []byte(r.rec))
	}
	return err
}

func prepareName(x layout.Indexes, typ string, c metaverse.Claim) string {
	return object.Key(object.Str(c.Name), x.Unique[rules.Spot{Type: typ, Attr: c.Attr}])
}
