package tree

import (
	"slices"
	"strings"

	"muster/internal/base/ldapschema"
)

// Entry is one entry. It does not change once it is stored: writing makes a new
// one, so searches go on with what they began with.
type Entry struct {
	Name  Name
	seq   int // order of creation, kept for life
	UUID  string
	CSN   string
	born  string // the CSN it was added with, "" if that was in an earlier run
	Attrs []Attr
}

// Attr is an attribute of an entry.
type Attr struct {
	Type   *ldapschema.AttributeType
	Desc   string   // the type's name in the schema's spelling, with options
	Values []string // as they were given
	keys   []string // prepared for comparing, in the same order
}

func (e *Entry) index(desc string) int {
	return slices.IndexFunc(e.Attrs, func(a Attr) bool { return strings.EqualFold(a.Desc, desc) })
}

// get returns the values of an attribute.
func (e *Entry) get(desc string) []string {
	if i := e.index(desc); i >= 0 {
		return e.Attrs[i].Values
	}
	return nil
}

func (e *Entry) first(desc string) string {
	if vs := e.get(desc); len(vs) > 0 {
		return vs[0]
	}
	return ""
}

// copy returns an entry whose list of attributes can be changed; the lists of
// values are replaced, never written into.
func (e *Entry) copy() *Entry {
	c := *e
	c.Attrs = slices.Clone(e.Attrs)
	return &c
}

// put sets an attribute; no values remove it.
func (e *Entry) put(a Attr) {
	i := e.index(a.Desc)
	switch {
	case i >= 0 && len(a.Values) == 0:
		e.Attrs = slices.Delete(e.Attrs, i, i+1)
	case i >= 0:
		e.Attrs[i] = a
	case len(a.Values) > 0:
		e.Attrs = append(e.Attrs, a)
	}
}

// Set gives an attribute the values, prepared for comparing. It is for values
// that the server makes itself.
func (s *Rules) Set(e *Entry, desc string, values ...string) {
	a := Attr{Type: s.Attribute(desc), Desc: desc, Values: values}
	for _, v := range values {
		key, _ := s.normal(a.Type, v)
		a.keys = append(a.keys, key)
	}
	e.put(a)
}

// describe gives an attribute description the schema's spelling.
func (s *Rules) describe(desc string) (*ldapschema.AttributeType, string, error) {
	base, options, some := strings.Cut(desc, ";")
	typ := s.Attribute(base)
	if typ == nil {
		return nil, "", Fail(UndefinedType, "%s: attribute type undefined", desc)
	}
	if some {
		return typ, typ.Name() + ";" + options, nil
	}
	return typ, typ.Name(), nil
}

// prepare checks the values of an attribute that a client sends.
func (s *Rules) prepare(in Attribute) (Attr, error) {
	typ, desc, err := s.describe(in.Desc)
	if err != nil {
		return Attr{}, err
	}
	a := Attr{Type: typ, Desc: desc, Values: in.Values, keys: make([]string, len(in.Values))}
	seen := make(map[string]bool, len(in.Values))
	for i, v := range in.Values {
		if err := s.check(typ, v); err != nil {
			return a, Fail(InvalidSyntax, "%s: value #%d invalid per syntax", in.Desc, i)
		}
		if a.keys[i], err = s.normal(typ, v); err != nil {
			return a, Fail(InvalidSyntax, "%s: value #%d invalid per syntax", in.Desc, i)
		}
		if seen[a.keys[i]] {
			return a, Fail(ValueExists, "%s: value #%d provided more than once", in.Desc, i)
		}
		seen[a.keys[i]] = true
	}
	return a, nil
}
