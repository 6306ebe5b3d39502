package tree

import (
	"slices"

	"muster/internal/base/ldapschema"
)

// checkEntry enforces the schema on a whole entry (RFC 4512 §2.4, RFC 4511
// §4.6 and §4.7) and returns the name of its structural class.
func (s *Rules) checkEntry(e *Entry) (structural string, err error) {
	names := e.get("objectClass")
	if len(names) == 0 {
		return "", Fail(ClassViolation, "no objectClass attribute")
	}
	classes, unknown := s.Closure(names)
	if len(unknown) > 0 {
		i := slices.Index(names, unknown[0])
		return "", Fail(InvalidSyntax, "objectClass: value #%d invalid per syntax", max(i, 0))
	}
	structuralClass, err := s.structural(classes)
	if err != nil {
		return "", err
	}
	if err := s.checkContents(e, classes); err != nil {
		return "", err
	}
	return structuralClass.Name(), s.checkNaming(e)
}

// structural finds the one class from which all other structural classes of
// the entry are inherited.
func (s *Rules) structural(classes []*ldapschema.ObjectClass) (*ldapschema.ObjectClass, error) {
	var best *ldapschema.ObjectClass
	for _, c := range classes {
		switch {
		case c.Kind != ldapschema.Structural || best != nil && s.Derives(best, c):
		case best == nil || s.Derives(c, best):
			best = c
		default:
			return nil, Fail(ClassViolation, "invalid structural object class chain (%s/%s)", best.Name(), c.Name())
		}
	}
	if best == nil {
		return nil, Fail(ClassViolation, "no structural object class provided")
	}
	return best, nil
}

func (s *Rules) checkContents(e *Entry, classes []*ldapschema.ObjectClass) error {
	for _, c := range classes {
		for _, must := range c.Must {
			typ := s.Attribute(must)
			if !slices.ContainsFunc(e.Attrs, func(a Attr) bool { return a.Type == typ }) {
				return Fail(ClassViolation, "object class '%s' requires attribute '%s'", c.Name(), must)
			}
		}
	}
	must, may := s.Contents(classes)
	anything := slices.Contains(classes, s.Class("extensibleObject"))
	for _, a := range e.Attrs {
		if a.Type.Single && len(a.Values) > 1 {
			return Fail(ConstraintViolation, "attribute '%s' cannot have multiple values", a.Desc)
		}
		if !anything && !a.Type.Operational() && !slices.Contains(must, a.Type) && !slices.Contains(may, a.Type) {
			return Fail(ClassViolation, "attribute '%s' not allowed", a.Desc)
		}
	}
	return nil
}

// checkNaming sees to it that the entry holds the values of its RDN (RFC 4512
// §2.3.1).
func (s *Rules) checkNaming(e *Entry) error {
	for _, a := range e.Name.rdns[0] {
		if !s.holds(e, a) {
			return Fail(NamingViolation, "value of naming attribute '%s' is not present in entry", a.typ)
		}
	}
	return nil
}

func (s *Rules) holds(e *Entry, a ava) bool {
	typ := s.Attribute(a.typ)
	key, err := s.normal(typ, a.value)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(e.Attrs, func(x Attr) bool { return x.Type == typ && slices.Contains(x.keys, key) })
}
