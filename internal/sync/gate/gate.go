// Package gate is the health gate: it compares how much an import tells with what
// the imports before it told, and says what looks as if something were missing. It
// holds nothing back itself.
package gate

import (
	"fmt"
	"maps"
	"slices"
)

// Census is what the health gate knows of an import: how many entries a
// connector space holds of each type, and how many of them have no value for
// each attribute that a rule reads.
type Census struct {
	Entries map[string]int            `json:"entries"`
	Empty   map[string]map[string]int `json:"empty"`
}

// Gate is when the health gate holds an import: at these many percent fewer
// entries of a type, or percentage points more entries without a value.
type Gate struct{ Fewer, Nulls float64 }

// Suspicion is one reason to hold an import.
type Suspicion struct {
	Type   string  `json:"type"`
	Attr   string  `json:"attribute,omitempty"` // "" for the number of entries
	Before float64 `json:"before"`              // the median of the imports released last: entries, or percent without a value
	Now    float64 `json:"now"`
}

// String says in words what the gate saw.
func (s Suspicion) String() string {
	if s.Attr == "" {
		if s.Now == 0 {
			return fmt.Sprintf("no %s at all, where there were %.0f", s.Type, s.Before)
		}
		return fmt.Sprintf("%.0f %s, where there were %.0f (%.0f %% fewer)", s.Now, s.Type, s.Before, (s.Before-s.Now)*100/s.Before)
	}
	return fmt.Sprintf("%.0f %% of %s have no %s, where it was %.0f %%", s.Now, s.Type, s.Attr, s.Before)
}

// Judge compares an import with the last five released ones, or with as many as
// there are; with none there is nothing to compare (GUARD-16 to GUARD-19). Types
// that had entries and now have none are always suspect.
func (g Gate) Judge(released []Census, now Census) []Suspicion {
	if len(released) == 0 {
		return nil
	}
	if len(released) > 5 {
		released = released[len(released)-5:]
	}
	var out []Suspicion
	for _, typ := range slices.Sorted(maps.Keys(released[len(released)-1].Entries)) {
		before := median(released, func(c Census) (float64, bool) { n, ok := c.Entries[typ]; return float64(n), ok })
		n := float64(now.Entries[typ])
		if before > 0 && (n == 0 || (before-n)*100 >= g.Fewer*before) {
			out = append(out, Suspicion{Type: typ, Before: before, Now: n})
		}
		if n > 0 {
			out = append(out, g.judgeNulls(released, now, typ)...)
		}
	}
	return out
}

func (g Gate) judgeNulls(released []Census, now Census, typ string) []Suspicion {
	var out []Suspicion
	for _, attr := range slices.Sorted(maps.Keys(now.Empty[typ])) {
		before := median(released, func(c Census) (float64, bool) { return c.share(typ, attr) })
		if share, ok := now.share(typ, attr); ok && before >= 0 && share-before >= g.Nulls {
			out = append(out, Suspicion{Type: typ, Attr: attr, Before: before, Now: share})
		}
	}
	return out
}

// share is the percentage of entries without a value.
func (c Census) share(typ, attr string) (float64, bool) {
	n := c.Entries[typ]
	empty, ok := c.Empty[typ][attr]
	if n == 0 || !ok {
		return 0, false
	}
	return float64(empty) * 100 / float64(n), true
}

// median returns the middle of what of gives, -1 when it gives nothing. Of an
// even number it is the mean of the middle two.
func median(list []Census, of func(Census) (float64, bool)) float64 {
	var xs []float64
	for _, c := range list {
		if x, ok := of(c); ok {
			xs = append(xs, x)
		}
	}
	if len(xs) == 0 {
		return -1
	}
	slices.Sort(xs)
	return (xs[(len(xs)-1)/2] + xs[len(xs)/2]) / 2
}
