package sql

import (
	"context"
	stdsql "database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"muster/internal/base/object"
	"muster/internal/sync/connector"
)

// mark is what a Mark says, by type.
type mark map[string]*place

// place is how far the changes of one type were told.
//
// A transaction may take its time or number early and come to an end late, so
// the next import reads a window before To again. What it then finds was
// mostly told; Seen holds the fingerprints of that, so that only what is new
// or different is told again.
type place struct {
	Of   string `json:"of"`             // fingerprint of the settings
	To   string `json:"to,omitempty"`   // the largest watermark, "" if there was none
	Seen string `json:"seen,omitempty"` // fingerprints, in base64; "" where there are none or too many
}

// remembered is how many fingerprints a mark holds. When more rows change
// within a window, those of the window are told again until it has passed.
const remembered = 2000

const printSize = 8

func (m mark) text() connector.Mark {
	b, err := json.Marshal(m)
	if err != nil {
		panic("sql: mark: " + err.Error())
	}
	return connector.Mark(b)
}

func parseMark(text connector.Mark) (mark, error) {
	var m mark
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.DisallowUnknownFields()
	if err := d.Decode(&m); err != nil || m == nil || slices.Contains(values(m), nil) {
		return nil, connector.ErrMarkExpired
	}
	return m, nil
}

func values(m mark) []*place {
	var out []*place
	for _, p := range m {
		out = append(out, p)
	}
	return out
}

// fingerprints are what was told of a window.
type fingerprints map[[printSize]byte]bool

func (p *place) fingerprints() (fingerprints, error) {
	b, err := base64.RawStdEncoding.DecodeString(p.Seen)
	if err != nil || len(b)%printSize != 0 {
		return nil, connector.ErrMarkExpired
	}
	f := fingerprints{}
	for ; len(b) > 0; b = b[printSize:] {
		f[[printSize]byte(b)] = true
	}
	return f, nil
}

func (f fingerprints) text() string {
	if len(f) > remembered {
		return ""
	}
	var all [][printSize]byte
	for p := range f {
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b [printSize]byte) int { return strings.Compare(string(a[:]), string(b[:])) })
	var b []byte
	for _, p := range all {
		b = append(b, p[:]...)
	}
	return base64.RawStdEncoding.EncodeToString(b)
}

// printOf is the fingerprint of a whole object, or of its absence.
func printOf(o told) [printSize]byte {
	state := "there"
	if o.gone {
		state = "gone"
	}
	id := object.NewID(o.record.Type, o.record.Anchor, state, string(object.AppendAttrs(nil, o.record.Attrs)))
	return [printSize]byte(id[:printSize])
}

var errEnough = errors.New("enough")

// note writes into m that the table is told up to a watermark.
func (c *conn) note(ctx context.Context, tx *stdsql.Tx, t *table, scope connector.Scope, m mark, to string) error {
	seen := fingerprints{}
	scope.Refused = func(*connector.Refusal) error { return nil } // told already
	err := c.window(ctx, tx, t, scope, to, to, func(o told) error {
		seen[printOf(o)] = true
		if len(seen) > remembered {
			return errEnough
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return err
	}
	m[t.name] = &place{Of: t.delta.print, To: to, Seen: seen.text()}
	return nil
}
