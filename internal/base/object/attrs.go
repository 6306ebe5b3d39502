package object

import (
	"slices"
	"strings"
)

// Values is the value set of one attribute: sorted, without duplicates. The
// order in which a system gave them carries no meaning.
type Values []Value

// Set returns vs as a set: sorted, each value once, no zero values. It may
// reorder vs in place.
func Set(vs ...Value) Values {
	if len(vs) > 1 {
		slices.SortFunc(vs, Value.Compare)
		vs = slices.Compact(vs)
	}
	for len(vs) > 0 && vs[0].IsZero() {
		vs = vs[1:]
	}
	if len(vs) == 0 {
		return nil
	}
	return vs
}

// First returns the smallest value, the zero Value when there is none.
func (vs Values) First() Value {
	if len(vs) == 0 {
		return Value{}
	}
	return vs[0]
}

// Has reports that v is one of the values.
func (vs Values) Has(v Value) bool {
	_, ok := slices.BinarySearchFunc(vs, v, Value.Compare)
	return ok
}

// Equal reports that both sets hold the same values.
func (vs Values) Equal(ws Values) bool { return slices.Equal(vs, ws) }

// String shows the values to a person, separated by "; ".
func (vs Values) String() string {
	if len(vs) == 1 {
		return vs[0].String()
	}
	parts := make([]string, len(vs))
	for i, v := range vs {
		parts[i] = v.String()
	}
	return strings.Join(parts, "; ")
}

// Attr is a named attribute with at least one value.
type Attr struct {
	Name   string
	Values Values
}

// Attrs is a bag of attributes, sorted by name. An attribute that is not there
// has no value; an attribute that is there has at least one.
type Attrs []Attr

func (a Attrs) index(name string) (int, bool) {
	// Bags are small (tens of names): a linear scan over the sorted names
	// with an early exit beats a binary search up to about that size.
	for i := range a {
		if a[i].Name >= name {
			return i, a[i].Name == name
		}
	}
	return len(a), false
}

// Get returns the values of the named attribute, nil when it has none.
func (a Attrs) Get(name string) Values {
	if i, ok := a.index(name); ok {
		return a[i].Values
	}
	return nil
}

// Has reports that the named attribute has a value.
func (a Attrs) Has(name string) bool {
	_, ok := a.index(name)
	return ok
}

// Put sets the values of the named attribute; no values remove it. vs must be
// a set (see Set).
func (a *Attrs) Put(name string, vs Values) {
	i, ok := a.index(name)
	switch {
	case ok && len(vs) == 0:
		*a = slices.Delete(*a, i, i+1)
	case ok:
		(*a)[i].Values = vs
	case len(vs) > 0:
		*a = slices.Insert(*a, i, Attr{Name: name, Values: vs})
	}
}

// Bag builds a bag from attributes in any order; no name may come twice.
// Attributes without values are left out.
func Bag(attrs ...Attr) Attrs {
	a := slices.DeleteFunc(attrs, func(x Attr) bool { return len(x.Values) == 0 })
	slices.SortFunc(a, func(x, y Attr) int { return strings.Compare(x.Name, y.Name) })
	return a
}

// Clone returns a copy that shares the value sets, which nobody changes in
// place.
func (a Attrs) Clone() Attrs { return slices.Clone(a) }

// Equal reports that both bags hold the same attributes and values.
func (a Attrs) Equal(b Attrs) bool {
	return slices.EqualFunc(a, b, func(x, y Attr) bool { return x.Name == y.Name && x.Values.Equal(y.Values) })
}

// Change is one attribute that goes from Before to After; either may be empty,
// not both.
type Change struct {
	Name          string
	Before, After Values
}

// Diff returns what must change for a to become b, sorted by name.
func Diff(a, b Attrs) []Change {
	var out []Change
	for len(a) > 0 || len(b) > 0 {
		switch {
		case len(b) == 0 || len(a) > 0 && a[0].Name < b[0].Name:
			out = append(out, Change{Name: a[0].Name, Before: a[0].Values})
			a = a[1:]
		case len(a) == 0 || b[0].Name < a[0].Name:
			out = append(out, Change{Name: b[0].Name, After: b[0].Values})
			b = b[1:]
		default:
			if !a[0].Values.Equal(b[0].Values) {
				out = append(out, Change{Name: a[0].Name, Before: a[0].Values, After: b[0].Values})
			}
			a, b = a[1:], b[1:]
		}
	}
	return out
}
