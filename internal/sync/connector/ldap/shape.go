package ldap

import (
	"cmp"
	"slices"
	"strings"

	"muster/internal/base/ldapschema"
	"muster/internal/base/object"
	"muster/internal/base/problem"
	"muster/internal/sync/connector"
)

// shape is what the configured types look like in this directory.
type shape struct {
	schema *ldapschema.Schema
	types  []*typeShape // the one with more classes first
	anchor *ldapschema.AttributeType
	told   object.Schema
}

// typeShape is one configured type.
type typeShape struct {
	Type
	classes []*ldapschema.ObjectClass // with all they inherit from
	attrs   map[string]*attrShape     // by lower-case name
	filter  string
}

// attrShape is one attribute of a type.
type attrShape struct {
	object.Attribute
	syntax string
}

// newShape matches the configuration with the schema.
func newShape(s *ldapschema.Schema, set *Settings) (*shape, error) {
	sh := &shape{schema: s, anchor: s.Attribute(set.Anchor)}
	var list problem.List
	if sh.anchor == nil && !strings.EqualFold(set.Anchor, entryUUID) {
		list.Add(&problem.Problem{
			Code: connector.MissingAnchor, Object: set.Anchor, Message: "the directory has no attribute of that name",
			Fix: problem.Suggest(set.Anchor, attributeNames(s)),
		})
	}
	for _, t := range set.Types {
		ts, err := sh.newType(t, set)
		if err != nil {
			list.Add(err)
			continue
		}
		sh.types = append(sh.types, ts)
		sh.told.Types = append(sh.told.Types, ts.describe())
	}
	slices.SortStableFunc(sh.types, func(a, b *typeShape) int { return cmp.Compare(len(b.classes), len(a.classes)) })
	object.SortSchema(&sh.told)
	return sh, list.Err()
}

func (sh *shape) newType(t Type, set *Settings) (*typeShape, *problem.Problem) {
	classes, unknown := sh.schema.Closure(t.Classes)
	if len(unknown) > 0 {
		var names []string
		for _, c := range sh.schema.Classes {
			names = append(names, c.Names...)
		}
		return nil, &problem.Problem{
			Code: connector.MissingObjectType, Object: t.Name, Message: "the directory has no object class " + unknown[0],
			Fix: problem.Suggest(unknown[0], names),
		}
	}
	ts := &typeShape{Type: t, classes: classes, attrs: map[string]*attrShape{}}
	must, may := sh.schema.Contents(classes)
	for _, a := range must {
		ts.add(sh, a, set, true)
	}
	for _, a := range may {
		ts.add(sh, a, set, false)
	}
	for _, name := range set.Operational {
		a := sh.schema.Attribute(name)
		if a == nil {
			return nil, &problem.Problem{
				Code: connector.SchemaViolation, Object: name, Message: "the directory has no attribute of that name",
				Fix: problem.Suggest(name, attributeNames(sh.schema)),
			}
		}
		ts.add(sh, a, set, false)
	}
	parts := make([]string, len(t.Classes))
	for i, c := range t.Classes {
		parts[i] = equal("objectClass", c)
	}
	ts.filter = join("&", parts...)
	return ts, nil
}

func attributeNames(s *ldapschema.Schema) []string {
	var names []string
	for _, a := range s.Attributes {
		names = append(names, a.Names...)
	}
	return names
}

// add describes an attribute. objectClass is filled in by the connector and
// passwords are set, never read.
func (ts *typeShape) add(sh *shape, a *ldapschema.AttributeType, set *Settings, required bool) {
	syntax := sh.schema.Syntax(a)
	out := &attrShape{syntax: syntax, Attribute: object.Attribute{
		Name: a.Name(), Kind: kindOf(syntax), Multi: !a.Single, Folded: folded(sh.schema, a, syntax),
		ReadOnly: a.NoUserMod,
		Required: required && !a.NoUserMod && !strings.EqualFold(a.Name(), "objectClass"),
	}}
	out.ByDN = out.Kind == object.Ref
	if sh.schema.Attribute(set.PasswordAttribute) == a {
		out.Kind, out.WriteOnly = object.String, true
	}
	ts.attrs[strings.ToLower(a.Name())] = out
}

func (ts *typeShape) describe() object.Type {
	t := object.Type{Name: ts.Name}
	for _, a := range ts.attrs {
		t.Attributes = append(t.Attributes, a.Attribute)
	}
	return t
}

// folded reports that the server ignores case. Servers that publish no rules
// ignore it in texts and names.
func folded(s *ldapschema.Schema, a *ldapschema.AttributeType, syntax string) bool {
	rule := strings.ToLower(s.Equality(a))
	switch {
	case rule == "":
		return kindOf(syntax) == object.String || kindOf(syntax) == object.Ref
	case strings.HasPrefix(rule, "caseignore"), strings.HasPrefix(rule, "telephone"), strings.HasPrefix(rule, "objectidentifier"),
		strings.HasPrefix(rule, "distinguishedname"), strings.HasPrefix(rule, "uniquemember"), strings.HasPrefix(rule, "uuid"):
		return true
	}
	return false
}

// byName returns a configured type.
func (sh *shape) byName(name string) *typeShape {
	for _, t := range sh.types {
		if t.Name == name {
			return t
		}
	}
	return nil
}

// typeOf returns the type of an entry with these classes: of those that fit,
// the one with the most classes.
func (sh *shape) typeOf(classes []string) *typeShape {
	all, _ := sh.schema.Closure(classes)
	for _, t := range sh.types {
		if !slices.ContainsFunc(t.classes, func(c *ldapschema.ObjectClass) bool { return !slices.Contains(all, c) }) {
			return t
		}
	}
	return nil
}

// attr returns an attribute by any of its names.
func (ts *typeShape) attr(sh *shape, name string) *attrShape {
	if a := ts.attrs[strings.ToLower(name)]; a != nil {
		return a
	}
	if a := sh.schema.Attribute(name); a != nil {
		return ts.attrs[strings.ToLower(a.Name())]
	}
	return nil
}
