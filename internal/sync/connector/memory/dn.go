package memory

import (
	"slices"
	"strings"

	"muster/internal/base/expr"
	"muster/internal/base/object"
)

// within reports that dn is container or lies under it.
func within(dn, container string) bool {
	container = object.Fold(container)
	for dn = object.Fold(dn); dn != ""; _, dn = object.SplitDN(dn) {
		if dn == container {
			return true
		}
	}
	return false
}

// inside reports that dn lies in one of the containers; nil means everywhere.
func inside(dn string, containers []string) bool {
	for _, c := range containers {
		if within(dn, c) {
			return true
		}
	}
	return containers == nil
}

// naming returns the values that a DN's first component gives its object, by
// attribute of the type (RFC 4511 §4.7, §4.9).
func (s *System) naming(typ object.Type, dn string) map[string]string {
	if !s.opt.Traits.Hierarchical {
		return nil
	}
	parts := expr.Naming(dn)
	out := map[string]string{}
	for _, a := range typ.Attributes {
		if v, ok := parts[strings.ToLower(a.Name)]; ok && a.Kind == object.String {
			out[a.Name] = v
		}
	}
	return out
}

// named gives the object the values of the DN it shall have, in place of those of
// the DN it has.
func (s *System) named(r *object.Record, dn string) {
	typ, _ := s.opt.Schema.Type(r.Type)
	before := s.naming(typ, r.DN)
	for name, value := range s.naming(typ, dn) {
		if s.opt.Lowercase {
			value = strings.ToLower(value)
		}
		a, _ := typ.Attribute(name)
		kept := slices.DeleteFunc(slices.Clone(r.Attrs.Get(name)), func(v object.Value) bool {
			return !a.Multi || same(v, before[name]) || same(v, value)
		})
		r.Attrs.Put(name, object.Set(append(kept, object.Str(value))...))
	}
	for name, value := range before {
		if _, still := s.naming(typ, dn)[name]; !still {
			r.Attrs.Put(name, object.Set(slices.DeleteFunc(slices.Clone(r.Attrs.Get(name)), func(v object.Value) bool { return same(v, value) })...))
		}
	}
}

// same compares naming values as directories do.
func same(v object.Value, name string) bool { return strings.EqualFold(v.Text(), name) }

func has(vs object.Values, name string) bool {
	return slices.ContainsFunc(vs, func(v object.Value) bool { return same(v, name) })
}
