package store

import (
	"encoding/json"

	"muster/internal/base/object"
	"muster/internal/store/sorted"
	"muster/internal/sync/rules"
)

// Stats is what an import said, in numbers.
type Stats struct {
	Import  int64                `json:"import"`
	Full    bool                 `json:"full"`
	SentNo  int64                `json:"sent"`    // the last batch of sending before it began: it knows nothing of later ones
	Shown   int64                `json:"shown"`   // objects told
	Added   int64                `json:"added"`   // seen for the first time
	Changed int64                `json:"changed"` // different from what was released
	Missing int64                `json:"missing"` // there before, not shown
	Types   map[string]TypeStats `json:"types"`
}

// TypeStats is what an import said of one type.
type TypeStats struct {
	Rows    int64            `json:"rows"`
	Present map[string]int64 `json:"present"` // by attribute: how many had a value
}

// Nulls returns in how many rows the attribute had no value.
func (s TypeStats) Nulls(attr string) int64 { return s.Rows - s.Present[attr] }

func (s *Stats) encode() ([]byte, error) { return json.Marshal(s) }

func decodeStats(b []byte) (Stats, error) {
	var s Stats
	err := json.Unmarshal(b, &s)
	return s, err
}

// respot moves the look-up records of an entry that changed.
func (t *Tx) respot(c *connRow, was, is *row) error {
	list := t.index.Spots
	if len(list) == 0 || was.image == is.image && was.typ == is.typ {
		return nil
	}
	conn := t.name(c.sym)
	for _, side := range []struct {
		w   *row
		put bool
	}{{was, false}, {is, true}} {
		if side.w.image == "" {
			continue
		}
		bag, err := t.bag(side.w.image)
		if err != nil {
			return err
		}
		typ := t.name(side.w.typ)
		for _, a := range bag {
			folded, ok := list[rules.Spot{Connector: conn, Type: typ, Attr: a.Name}]
			if !ok {
				continue
			}
			attr, err := t.sym(a.Name)
			if err != nil {
				return err
			}
			for _, v := range a.Values {
				rec := spotRec(c.sym, side.w.typ, attr, object.Key(v, folded), side.w.key)
				if side.put {
					t.sets.Add(spots, rec)
				} else {
					t.sets.Drop(spots, rec)
				}
			}
		}
	}
	return nil
}

// Amounts counts what the store keeps for looking back and across: rows and
// records of sets, about.
func (t *Tx) Amounts() (map[string]int64, error) {
	out := map[string]int64{}
	names := map[sorted.Kind]string{edgesOut: "references of entries", refsOut: "references of objects", linksOut: "links", history: "later versions"}
	var kind, n int64
	err := t.db.Each([]any{&kind, &n}, func() error {
		if name := names[sorted.Kind(kind)]; name != "" {
			out[name] += n
		}
		return nil
	}, "SELECT kind, recs FROM chunk_run")
	for name, c := range map[string]counter{"entries": entryRows, "objects": objectRows} {
		if err == nil {
			out[name], err = t.count(c)
		}
	}
	return out, err
}
