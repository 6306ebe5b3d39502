package ldap

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"

	"muster/internal/sync/connector"
)

// mark is where changes are told from. It goes with what was read: other types
// or bases need a full import first.
type mark struct {
	Mode    string            `json:"mode"`
	Scope   string            `json:"scope"`
	Filter  string            `json:"filter,omitempty"`  // DeltaSync: what to wait for
	Since   string            `json:"since,omitempty"`   // DeltaTime
	Cookies map[string][]byte `json:"cookies,omitempty"` // DeltaSync, by base
}

// String writes the mark. Maps are written in order, so equal marks are equal.
func (m mark) String() connector.Mark {
	b, err := json.Marshal(m)
	if err != nil {
		return "" // strings and bytes can always be written
	}
	return connector.Mark(b)
}

// parseMark reads a mark that is good for this way of telling and this scope;
// any other has expired.
func parseMark(from connector.Mark, mode, scope string) (mark, error) {
	var m mark
	if json.Unmarshal([]byte(from), &m) != nil || m.Mode != mode || m.Scope != scope {
		return mark{}, connector.ErrMarkExpired
	}
	return m, nil
}

// digest stands for what is read: bases and types.
func (r *reader) digest() string {
	b, err := json.Marshal(append(slices.Clone(r.bases), r.filter))
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:8])
}
