package connector

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"muster/internal/base/expr"
	"muster/internal/base/object"
)

// Objection is what a system would have against a change, found out without
// making it. It is told to people and decides nothing.
type Objection struct {
	About string // an attribute of the change, AboutName or AboutObject
	Says  string // in a few words: "29 of at most 10 characters"
}

// What an objection is about, if it is about no attribute.
const (
	AboutName   = "@dn"      // the DN that the object shall have
	AboutObject = "@account" // the object as a whole, or all of the change
)

// Prober can tell of some changes beforehand that the system would refuse them,
// as what its account may not do.
type Prober interface {
	// Probe says what stands against the change as far as that can be known
	// without making it, and without changing or locking anything. No objection
	// is no promise.
	Probe(ctx context.Context, c Change) ([]Objection, error)
}

// Objections says what the description has against a change: lengths, what is
// required, what cannot be written, kinds and numbers of values. The system need
// not be asked for that.
func (d Description) Objections(c Change) []Objection {
	typ, ok := d.Schema.Type(c.Type)
	switch {
	case !ok:
		return []Objection{{AboutObject, "the system has no type " + c.Type}}
	case typ.ReadOnly:
		return []Objection{{AboutObject, "the system lets nobody write " + c.Type}}
	}
	var out []Objection
	for _, m := range c.Mods {
		a, ok := typ.Attribute(m.Name)
		if says := against(a, ok, m); says != "" {
			out = append(out, Objection{m.Name, says})
		}
	}
	if c.Verb == Add {
		if d.Traits.Hierarchical && c.DN == "" {
			out = append(out, Objection{AboutObject, "it has no DN"})
		}
		for _, name := range missing(typ, c) {
			out = append(out, Objection{AboutObject, name + " is required"})
		}
	}
	return out
}

// against says in a few words what a description has against a change of one
// attribute; known is false if the type does not have it.
func against(a object.Attribute, known bool, m Mod) string {
	switch {
	case !known:
		return "the system has no such attribute"
	case a.ReadOnly:
		return "only the system sets it"
	case m.Op == DropValues:
		return ""
	case len(m.Values) == 0 && m.Op == Replace && a.Required:
		return "it is required"
	case len(m.Values) > 1 && !a.Multi:
		return fmt.Sprintf("%d values, and it holds one", len(m.Values))
	}
	longest := 0
	for _, v := range m.Values {
		if v.Kind() != a.Kind {
			return fmt.Sprintf("it holds %s, not %s", a.Kind, v.Kind())
		}
		if a.Kind == object.String {
			longest = max(longest, utf8.RuneCountInString(v.Text()))
		}
	}
	if a.MaxLength > 0 && longest > a.MaxLength {
		return fmt.Sprintf("%d of at most %d characters", longest, a.MaxLength)
	}
	return ""
}

// missing lists what a new object must have and does not get, neither as a value
// nor as a secret nor by its name.
func missing(typ object.Type, c Change) []string {
	named := expr.Naming(c.DN)
	var out []string
	for _, a := range typ.Attributes {
		if !a.Required || a.ReadOnly || named[strings.ToLower(a.Name)] != "" ||
			slices.ContainsFunc(c.Mods, func(m Mod) bool { return m.Name == a.Name && len(m.Values) > 0 }) ||
			slices.ContainsFunc(c.Secrets, func(s Secret) bool { return s.Name == a.Name }) {
			continue
		}
		out = append(out, a.Name)
	}
	return out
}
