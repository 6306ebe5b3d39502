package staging

import (
	"encoding/json"
)

// Stats is what an import said, in numbers.
type Stats struct {
	Import  int64                `json:"import"`
	Full    bool                 `json:"full"`
	SentNo  int64                `json:"sent"`    // the last batch of sending before it began: it knows nothing of later ones
	MadeNo  int64                `json:"made"`    // the key that an account would have got when it began: later ones it does not know
	Shown   int64                `json:"shown"`   // objects told
	Added   int64                `json:"added"`   // seen for the first time
	Changed int64                `json:"changed"` // different from what was released, but for the next two
	Renamed int64                `json:"renamed"` // with another DN, whatever else changed
	Retyped int64                `json:"retyped"` // with another type: one object less and one more
	Missing int64                `json:"missing"` // there before, not shown
	Types   map[string]TypeStats `json:"types"`
	Left    []LeftName           `json:"left,omitempty"`
}

// LeftName says that in an import an entry left a name. A system whose
// references do not follow a rename means somebody else by it from then on, or
// nobody; a full import finds out.
type LeftName struct {
	Key  int64  `json:"key"`
	Name string `json:"name"`
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
