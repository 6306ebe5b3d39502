package sql

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"muster/internal/base/config"
	"muster/internal/base/object"
	"muster/internal/sync/connector"
)

// table is an object type together with what the catalogue says about it.
type table struct {
	*typeSettings
	from    string    // what stands after FROM
	view    bool      // a view, or a statement
	anchor  []*column // in the anchor's order
	columns []*column // attributes, by name
	lists   []*list   // attributes with a table of their own, by name
	typ     *column   // says of what type a row is; nil if there is none
	flag    *column   // marks deleted rows; nil if there is none
	delta   *delta    // nil if changes are not found
}

// list is an attribute with one value a row.
type list struct {
	*listSettings
	from      string
	owner     []*column
	value     *column
	watermark *column
}

// column returns the attribute's column in the main table.
func (t *table) column(attr string) *column {
	i := slices.IndexFunc(t.columns, func(c *column) bool { return c.attr == attr })
	if i < 0 {
		return nil
	}
	return t.columns[i]
}

func (t *table) list(attr string) *list {
	i := slices.IndexFunc(t.lists, func(l *list) bool { return l.name == attr })
	if i < 0 {
		return nil
	}
	return t.lists[i]
}

// Describe asks the catalogue.
func (c *conn) Describe(ctx context.Context) (connector.Description, error) {
	if err := c.ready(ctx); err != nil {
		return connector.Description{}, err
	}
	tables, err := c.resolve(ctx)
	if err != nil {
		return connector.Description{}, err
	}
	c.mu.Lock()
	c.tables = tables
	c.mu.Unlock()
	d := connector.Description{Traits: connector.Traits{AnchorIsName: true, Repeatable: []connector.Verb{connector.Update, connector.Remove}}}
	var misses []string
	for _, t := range tables {
		d.Schema.Types = append(d.Schema.Types, object.Type{Name: t.name, Attributes: t.schema(), ReadOnly: t.onlyRead()})
		if t.assigned {
			d.Traits.AnchorAssigned, d.Traits.AnchorIsName = true, false
		}
		if t.update != nil || t.remove != nil {
			d.Traits.Repeatable = nil
		}
		misses = append(misses, t.misses()...)
	}
	slices.Sort(misses)
	d.Traits.DeltaMisses = strings.Join(slices.Compact(misses), ", ")
	object.SortSchema(&d.Schema)
	return d, nil
}

func (t *table) schema() []object.Attribute {
	var out []object.Attribute
	for _, c := range t.columns {
		out = append(out, object.Attribute{
			Name: c.attr, Kind: c.kind, Required: c.required && !c.readOnly, ReadOnly: c.readOnly, Folded: c.folded, Unique: c.unique, MaxLength: c.length,
		})
	}
	for _, l := range t.lists {
		out = append(out, object.Attribute{Name: l.name, Kind: l.value.kind, Multi: true, ReadOnly: l.value.readOnly, MaxLength: l.value.length})
	}
	return out
}

// declared is what the settings alone say of the schema. What they leave to
// the database's catalogue counts as text.
func declared(s *config.Section) (object.Schema, error) {
	var schema object.Schema
	for _, t := range readTypes(s.Block) {
		typ := object.Type{Name: t.name}
		renamed := map[string]bool{}
		for _, a := range t.attributes {
			renamed[a.column] = true
			typ.Attributes = append(typ.Attributes, object.Attribute{Name: a.name, Kind: cmp.Or(a.kind, object.String)})
		}
		columns := t.columns
		if columns == nil {
			columns = t.anchor
		}
		for _, name := range columns {
			if !renamed[name] {
				typ.Attributes = append(typ.Attributes, object.Attribute{Name: name, Kind: object.String})
			}
		}
		for _, l := range t.lists {
			typ.Attributes = append(typ.Attributes, object.Attribute{Name: l.name, Kind: cmp.Or(l.kind, object.String), Multi: true})
		}
		schema.Types = append(schema.Types, typ)
	}
	object.SortSchema(&schema)
	return schema, nil
}

// loaded returns the tables as they were last described.
func (c *conn) loaded(ctx context.Context) ([]*table, error) {
	c.mu.Lock()
	tables := c.tables
	c.mu.Unlock()
	if tables != nil {
		return tables, nil
	}
	tables, err := c.resolve(ctx)
	if err == nil {
		c.mu.Lock()
		c.tables = tables
		c.mu.Unlock()
	}
	return tables, err
}
