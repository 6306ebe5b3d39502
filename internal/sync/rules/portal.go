package rules

import (
	"fmt"
	"slices"
	"strings"

	"muster/internal/base/object"
)

// portal adds the space of the portal where people may edit something: for each
// metaverse type an entry type of the same name, with the editable attributes.
// Types without any are there too, because references lead to them.
func (c *compiler) portal() {
	var schema object.Schema
	any := false
	for _, s := range c.tree.Sections("metaverse") {
		t := object.Type{Name: s.Name}
		if !s.Broken {
			for _, e := range s.Map("attributes") {
				if b := e.Sub(); b.Bool("editable") {
					kind, _ := object.ParseKind(b.Text("type"))
					t.Attributes = append(t.Attributes, object.Attribute{Name: e.Name, Kind: kind, Multi: b.Bool("multi")})
					any = true
				}
			}
		}
		schema.Types = append(schema.Types, t)
	}
	if s := c.tree.Section("connector", Portal); s != nil {
		c.add(s.Problem(CodeConflict, "the space of what people edit is called portal already", "give the connector another name"))
		return
	}
	if !any {
		return
	}
	object.SortSchema(&schema)
	c.schema[Portal] = schema
	c.set.Connectors = append(c.set.Connectors, &Connector{Name: Portal, Schema: schema, People: true})
	slices.SortFunc(c.set.Connectors, func(a, b *Connector) int { return strings.Compare(a.Name, b.Name) })
}

// readPortal insists that some rule reads what people may edit: otherwise they
// would edit it and nothing would come of it.
func (c *compiler) readPortal() {
	read := map[[2]string]bool{}
	for _, r := range c.set.Inbound {
		if r.Connector != Portal {
			continue
		}
		for i := range r.Flows {
			for _, x := range r.Flows[i].Value.Reads() {
				read[[2]string{r.From, x.Attr}] = true
			}
		}
	}
	for _, s := range c.tree.Sections("metaverse") {
		if s.Broken {
			continue
		}
		for _, e := range s.Map("attributes") {
			if b := e.Sub(); b.Bool("editable") && !read[[2]string{s.Name, e.Name}] {
				c.add(b.Problem(CodeMissing, fmt.Sprintf("people may edit %s of a %s, but no rule reads it", e.Name, s.Name),
					fmt.Sprintf("write a rule with from: %s/%s, to: %s and flows: {%s: attr.%s}", Portal, s.Name, s.Name, e.Name, e.Name), "editable"))
			}
		}
	}
}

// PortalType is what people may edit of objects of a metaverse type, false if
// nothing.
func (s *Set) PortalType(name string) (object.Type, bool) {
	for _, c := range s.Connectors {
		if c.People {
			return c.Schema.Type(name)
		}
	}
	return object.Type{}, false
}

// Founds reports that people may bring objects of the type into being.
func (s *Set) Founds(typ string) bool {
	return slices.ContainsFunc(s.Inbound, func(r *Inbound) bool { return r.Connector == Portal && r.From == typ && r.Project })
}
