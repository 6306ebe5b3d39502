package ldapschema

import (
	"slices"
	"strings"
)

// Schema is a set of attribute types and object classes. It does not change
// once it is built, and is safe for concurrent use.
type Schema struct {
	Attributes []*AttributeType
	Classes    []*ObjectClass
	attrs      map[string]*AttributeType // by lower-case name and OID
	classes    map[string]*ObjectClass
}

// New indexes attribute types and object classes. Where two share a name, the
// first has it.
func New(attrs []*AttributeType, classes []*ObjectClass) *Schema {
	s := &Schema{Attributes: attrs, Classes: classes, attrs: map[string]*AttributeType{}, classes: map[string]*ObjectClass{}}
	for _, a := range attrs {
		for _, n := range append([]string{a.OID}, a.Names...) {
			if _, taken := s.attrs[strings.ToLower(n)]; !taken {
				s.attrs[strings.ToLower(n)] = a
			}
		}
	}
	for _, c := range classes {
		for _, n := range append([]string{c.OID}, c.Names...) {
			if _, taken := s.classes[strings.ToLower(n)]; !taken {
				s.classes[strings.ToLower(n)] = c
			}
		}
	}
	return s
}

// Parse reads descriptions as a subschema subentry holds them. Descriptions
// that cannot be read are returned beside the rest, which stay usable.
func Parse(attributeTypes, objectClasses []string) (*Schema, []error) {
	var attrs []*AttributeType
	var classes []*ObjectClass
	var bad []error
	for _, text := range attributeTypes {
		a, err := ParseAttributeType(text)
		if err != nil {
			bad = append(bad, err)
			continue
		}
		attrs = append(attrs, a)
	}
	for _, text := range objectClasses {
		c, err := ParseObjectClass(text)
		if err != nil {
			bad = append(bad, err)
			continue
		}
		classes = append(classes, c)
	}
	return New(attrs, classes), bad
}

// Attribute returns the attribute type that goes by a name or OID; options
// ("cn;lang-de", "member;range=0-99") are not looked at. Nil if unknown.
func (s *Schema) Attribute(name string) *AttributeType {
	name, _, _ = strings.Cut(name, ";")
	return s.attrs[strings.ToLower(name)]
}

// Class returns the object class that goes by a name or OID, nil if unknown.
func (s *Schema) Class(name string) *ObjectClass { return s.classes[strings.ToLower(name)] }

// maxDepth is deeper than any real inheritance; it ends circles.
const maxDepth = 32

// inherited returns the first answer along the chain of superiors.
func (s *Schema) inherited(a *AttributeType, get func(*AttributeType) string) string {
	for range maxDepth {
		if a == nil {
			return ""
		}
		if v := get(a); v != "" {
			return v
		}
		a = s.Attribute(a.Sup)
	}
	return ""
}

// Syntax returns the OID of the attribute's syntax, its own or inherited.
func (s *Schema) Syntax(a *AttributeType) string {
	return s.inherited(a, func(a *AttributeType) string { return a.Syntax })
}

// Equality returns the attribute's equality rule, its own or inherited.
func (s *Schema) Equality(a *AttributeType) string {
	return s.inherited(a, func(a *AttributeType) string { return a.Equality })
}

// Ordering returns the attribute's ordering rule, its own or inherited.
func (s *Schema) Ordering(a *AttributeType) string {
	return s.inherited(a, func(a *AttributeType) string { return a.Ordering })
}

// Is reports that a is super or a subtype of it.
func (s *Schema) Is(a, super *AttributeType) bool {
	for range maxDepth {
		if a == nil || a == super {
			return a != nil
		}
		a = s.Attribute(a.Sup)
	}
	return false
}

// Closure returns the named classes with all their superiors, each once, a
// class before what it inherits from. Unknown names are returned apart.
func (s *Schema) Closure(names []string) (classes []*ObjectClass, unknown []string) {
	queue := slices.Clone(names)
	for len(queue) > 0 {
		c := s.Class(queue[0])
		switch {
		case c == nil:
			unknown = append(unknown, queue[0])
		case !slices.Contains(classes, c):
			classes = append(classes, c)
			queue = append(queue, c.Sup...)
		}
		queue = queue[1:]
	}
	return classes, unknown
}

// Derives reports that c is super or inherits from it.
func (s *Schema) Derives(c, super *ObjectClass) bool {
	all, _ := s.Closure([]string{c.OID})
	return slices.Contains(all, super)
}

// Contents returns the attributes that the classes demand and allow, each
// once; what is demanded is not in may. Attributes the schema does not
// describe are left out.
func (s *Schema) Contents(classes []*ObjectClass) (must, may []*AttributeType) {
	pick := func(out []*AttributeType, names []string, not []*AttributeType) []*AttributeType {
		for _, n := range names {
			if a := s.Attribute(n); a != nil && !slices.Contains(out, a) && !slices.Contains(not, a) {
				out = append(out, a)
			}
		}
		return out
	}
	for _, c := range classes {
		must = pick(must, c.Must, nil)
	}
	for _, c := range classes {
		may = pick(may, c.May, must)
	}
	return must, may
}
