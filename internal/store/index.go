package store

import (
	"muster/internal/base/object"
	"muster/internal/store/sorted"
	"muster/internal/sync/metaverse"
	"muster/internal/sync/rules"
)

// Indexes says what the store must be able to look up; it follows from the
// rules. Attributes of objects are rules.Spot without a connector. The values
// tell whether letters' case is ignored.
type Indexes struct {
	Keys     map[rules.Spot]bool         // attributes that joins look objects up by
	Unique   map[rules.Spot]bool         // attributes whose names are claimed
	Spots    map[rules.Spot]bool         // attributes of accounts that must not have a claimed name either
	Also     map[rules.Spot][]rules.Spot // the spots of each unique attribute
	Arrivals map[rules.Spot]bool         // attributes of entries for which it matters when a value arrived
	Search   []string                    // attributes that people look objects up by, always folded
}

// IndexesOf returns what the rules ask for.
func IndexesOf(set *rules.Set, search ...string) Indexes {
	x := Indexes{Keys: map[rules.Spot]bool{}, Unique: map[rules.Spot]bool{}, Spots: map[rules.Spot]bool{}, Also: map[rules.Spot][]rules.Spot{}, Arrivals: map[rules.Spot]bool{}, Search: search}
	for name, typ := range set.Types {
		for _, a := range typ.Attributes {
			spot := rules.Spot{Type: name, Attr: a.Name}
			if a.Key {
				x.Keys[spot] = a.Folded
			}
			if a.Unique {
				x.Unique[spot] = a.Folded
				x.Also[spot] = a.Also
				for _, also := range a.Also {
					x.Spots[also] = a.Folded
				}
			}
			if a.Mode == rules.Equal {
				for _, in := range set.Inbound {
					for _, f := range in.Flows {
						if in.To != name || f.Attr != a.Name || f.Value == nil {
							continue
						}
						for _, rd := range f.Value.Reads() {
							x.Arrivals[rules.Spot{Connector: in.Connector, Type: in.From, Attr: rd.Attr}] = true
						}
					}
				}
			}
		}
	}
	return x
}

// SetIndexes says what must be looked up from now on. What is stored already
// is not indexed again.
func (s *Store) SetIndexes(x Indexes) {
	s.indexMu.Lock()
	defer s.indexMu.Unlock()
	s.indexes = x
}

func (s *Store) indexesNow() Indexes {
	s.indexMu.RLock()
	defer s.indexMu.RUnlock()
	return s.indexes
}

// keyRec is a record of objectKeys or offers.
func keyRec(typ, attr uint32, prepared string, key int64) []byte {
	return be64(append(be32(be32(make([]byte, 0, 24), typ), attr), hash64(prepared)...), key)
}

func claimRec(typ, attr uint32, prepared string, owner object.ID) []byte {
	return append(append(be32(be32(make([]byte, 0, 32), typ), attr), hash64(prepared)...), owner[:]...)
}

func searchRec(attr uint32, prepared string, key int64) []byte {
	return be64(appendOrdered(be32(nil, attr), prepared), key)
}

// indexObject adds or drops the records by which the object is looked up.
func (t *Tx) indexObject(w *objectRow, change func(sorted.Kind, []byte)) error {
	x := t.index
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
		y, err := t.sym(a.Name)
		if err != nil {
			return err
		}
		for _, v := range a.Values {
			if isKey {
				change(objectKeys, keyRec(w.typ, y, object.Key(v, folded), w.key))
			}
			if search {
				change(searchTexts, searchRec(y, object.Key(v, true), w.key))
			}
		}
	}
	for _, c := range o.Claims {
		y, err := t.sym(c.Attr)
		if err != nil {
			return err
		}
		// A name that was given stays its object's for ever (CLAIM-3, CLAIM-6).
		t.sets.Add(claims, claimRec(w.typ, y, prepareName(x, o.Type, c), o.ID))
	}
	if !o.Due.IsZero() {
		change(dueTimes, be64(be64(nil, o.Due.UnixMicro()), w.key))
	}
	return nil
}

func prepareName(x Indexes, typ string, c metaverse.Claim) string {
	return object.Key(object.Str(c.Name), x.Unique[rules.Spot{Type: typ, Attr: c.Attr}])
}
