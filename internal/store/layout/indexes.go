package layout

import (
	"muster/internal/base/object"
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
// is found once the store has indexed it again.
func (s *Store) SetIndexes(x Indexes) {
	s.indexMu.Lock()
	defer s.indexMu.Unlock()
	s.indexes = x
}

// IndexesNow returns what must be looked up.
func (s *Store) IndexesNow() Indexes {
	s.indexMu.RLock()
	defer s.indexMu.RUnlock()
	return s.indexes
}

// Respot moves the look-up records of an entry that changed.
func (t *Tx) Respot(c *Connector, was, is *Row) error {
	list := t.Index.Spots
	if len(list) == 0 || was.Image == is.Image && was.Typ == is.Typ {
		return nil
	}
	conn := t.Name(c.Sym)
	for _, side := range []struct {
		w   *Row
		put bool
	}{{was, false}, {is, true}} {
		if side.w.Image == "" {
			continue
		}
		bag, err := t.Bag(side.w.Image)
		if err != nil {
			return err
		}
		typ := t.Name(side.w.Typ)
		for _, a := range bag {
			folded, ok := list[rules.Spot{Connector: conn, Type: typ, Attr: a.Name}]
			if !ok {
				continue
			}
			attr, err := t.Sym(a.Name)
			if err != nil {
				return err
			}
			for _, v := range a.Values {
				rec := SpotRec(c.Sym, side.w.Typ, attr, object.Key(v, folded), side.w.Key)
				if side.put {
					t.Sets.Add(Spots, rec)
				} else {
					t.Sets.Drop(Spots, rec)
				}
			}
		}
	}
	return nil
}

// SpotEntries writes the look-up records of some of the connector's entries, of
// those with keys behind after; it returns how many it looked at and the last key.
func (t *Tx) SpotEntries(connector string, after int64, most int) (n, last int64, err error) {
	sym, err := t.Known(connector)
	if err != nil || sym == 0 {
		return 0, after, err
	}
	c, err := t.Connector(connector)
	if err != nil {
		return 0, after, err
	}
	var keys []int64
	var key int64
	err = t.DB.Each([]any{&key}, func() error {
		keys = append(keys, key)
		return nil
	}, "SELECT key FROM entry WHERE key > ? AND key < ? ORDER BY key LIMIT ?", max(after, int64(sym)<<KeyBits), int64(sym+1)<<KeyBits, int64(most))
	if err != nil || len(keys) == 0 {
		return 0, after, err
	}
	list, err := t.Get(Entries, keys)
	for i := 0; i < len(list) && err == nil; i++ {
		var r Row
		if r, err = t.ReadRow(list[i].Key, list[i].Version, list[i].Body); err == nil {
			err = t.Respot(c, &Row{}, &r)
		}
	}
	return int64(len(keys)), keys[len(keys)-1], err
}
