package sql

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"muster/internal/base/object"
	"muster/internal/base/problem"
	"muster/internal/sync/connector"
)

// resolve looks every type up in the catalogue and reports all that does not
// fit the settings.
func (c *conn) resolve(ctx context.Context) ([]*table, error) {
	var tables []*table
	var list problem.List
	for i := range c.types {
		r := resolver{c: c, ctx: ctx, list: &list, t: &table{typeSettings: &c.types[i]}}
		if err := r.resolve(); err != nil {
			return nil, err
		}
		tables = append(tables, r.t)
	}
	if err := list.Err(); err != nil {
		return nil, err
	}
	return tables, nil
}

// resolver turns one type's settings into a table.
type resolver struct {
	c    *conn
	ctx  context.Context
	list *problem.List
	t    *table
	all  []*column
}

func (r *resolver) say(where, message, fix string) {
	r.list.Add(&problem.Problem{Code: connector.SchemaViolation, Object: r.t.name + ": " + where, Message: message, Fix: fix})
}

func (r *resolver) resolve() error {
	t := r.t
	var rel relation
	var err error
	if t.from, rel, r.all, err = r.source(t.typeSettings.from); err != nil {
		return err
	}
	t.view = rel.view
	where := t.typeSettings.from.String()
	t.anchor = r.find(where, r.all, t.typeSettings.anchor...)
	t.typ = r.one(where, r.all, t.typeColumn)
	t.flag = r.one(where, r.all, t.deleted)
	r.attributes(where)
	r.writable()
	for _, a := range t.anchor {
		r.checkAnchor(where, a)
		a.required = !t.assigned
		a.readOnly = a.readOnly || t.assigned
	}
	if t.flag != nil && (t.flag.raw == object.String || t.flag.raw == object.Bytes) {
		r.say(where, t.deleted+" cannot mark deleted rows, because it is text", "name a column that is true or false, a number or a time")
	}
	for i := range t.typeSettings.lists {
		if err := r.values(&t.typeSettings.lists[i]); err != nil {
			return err
		}
	}
	return r.changes()
}

// source asks what a table or a statement gives.
func (r *resolver) source(s source) (from string, rel relation, columns []*column, err error) {
	d := r.c.d
	if s.table != "" {
		parts, err := parseName(s.table)
		if err != nil {
			return "", rel, nil, err
		}
		if rel, err = d.relation(r.ctx, r.c.db, parts); err != nil {
			return "", rel, nil, r.c.fault(r.ctx, err, s.String())
		}
		from = quoteAll(parts)
	} else {
		t := parsed(s.query)
		from, rel.view = "("+strings.Join(t.texts, "")+"\n)", true
	}
	rows, err := r.c.db.QueryContext(r.ctx, "SELECT * FROM "+from+" AS m WHERE 1 = 0")
	if err != nil {
		return "", rel, nil, r.c.fault(r.ctx, err, s.String())
	}
	defer rows.Close()
	types, err := rows.ColumnTypes()
	if err == nil {
		err = rows.Err()
	}
	if err != nil {
		return "", rel, nil, r.c.fault(r.ctx, err, s.String())
	}
	for _, ct := range types {
		sh, more := d.kind(ct.DatabaseTypeName()), rel.columns[ct.Name()]
		if precision, scale, ok := ct.DecimalSize(); ok && scale == 0 && precision > 0 && precision <= 18 {
			sh.kind = object.Int
		}
		if slices.ContainsFunc(columns, func(c *column) bool { return c.name == ct.Name() }) {
			r.say(s.String(), "gives two columns "+ct.Name(), "give one another name with AS")
		}
		columns = append(columns, &column{
			name: ct.Name(), raw: sh.kind, kind: sh.kind, form: sh.form, cast: sh.cast, plain: d.plain, zone: r.c.zone,
			required: more.required, readOnly: more.generated || s.table == "", folded: more.folded, unique: more.unique, length: more.length,
		})
	}
	return from, rel, columns, nil
}

// find returns the named columns, and reports those that are not there.
func (r *resolver) find(where string, all []*column, names ...string) []*column {
	var known []string
	for _, c := range all {
		known = append(known, c.name)
	}
	out := make([]*column, len(names))
	for i, name := range names {
		at := slices.Index(known, name)
		if at < 0 {
			fix := problem.Suggest(name, known)
			if fix == "" {
				fix = "there are: " + strings.Join(known, ", ")
			}
			r.say(where, "there is no column "+name, fix)
			out[i] = &column{name: name, raw: object.String, kind: object.String} // for the checks that follow
			continue
		}
		out[i] = all[at]
	}
	return out
}

// one is find for a column that need not be configured.
func (r *resolver) one(where string, all []*column, name string) *column {
	if name == "" {
		return nil
	}
	return r.find(where, all, name)[0]
}

// attributes decides which columns are told, and as what.
func (r *resolver) attributes(where string) {
	t := r.t
	names := t.typeSettings.columns
	if names == nil {
		for _, c := range r.all {
			if !slices.Contains([]string{t.typeColumn, t.deleted, t.mainWatermark()}, c.name) {
				names = append(names, c.name)
			}
		}
	}
	for _, c := range r.find(where, r.all, names...) {
		c.attr = c.name
	}
	for _, a := range t.attributes {
		c := r.find(where, r.all, a.column)[0]
		c.attr = a.name
		r.override(where, c, a)
	}
	seen := map[string]bool{}
	for _, c := range r.all {
		if c.attr == "" {
			continue
		}
		if seen[c.attr] || slices.ContainsFunc(t.typeSettings.lists, func(l listSettings) bool { return l.name == c.attr }) {
			r.say(where, "two columns give the attribute "+c.attr, "give one another name under attributes")
		}
		seen[c.attr] = true
		r.checkZone(where, c)
		t.columns = append(t.columns, c)
	}
	slices.SortFunc(t.columns, func(a, b *column) int { return strings.Compare(a.attr, b.attr) })
}

// mainWatermark is the watermark's column, if it is one of the main table.
func (t *typeSettings) mainWatermark() string {
	if t.delta.method == deltaWatermark {
		return t.delta.watermark
	}
	return ""
}

func (r *resolver) override(where string, c *column, a attribute) {
	if a.zone != nil {
		c.zone = a.zone
	}
	if a.kind == object.None {
		return
	}
	if c.kind = a.kind; a.kind != object.Ref {
		return
	}
	if c.raw != object.String && c.raw != object.Int {
		r.say(where, "column "+c.name+" cannot hold references", "a reference is the anchor of its target, a text or a number")
	}
	for _, other := range r.c.types {
		if other.name == a.ref {
			c.ref = other.prefix
		}
	}
}

// checkZone refuses to guess what a time without zone means.
func (r *resolver) checkZone(where string, c *column) {
	if c.kind == object.Time && c.form == wall && c.zone == nil {
		r.say(where, "column "+c.name+" holds times without a zone", "say which: zone: UTC for the connector or under attributes; or read it with kind: string")
	}
	if c.kind == object.Time && c.raw != object.Time && c.raw != object.String && c.raw != object.Int {
		r.say(where, fmt.Sprintf("column %s holds %s, which cannot be told as time", c.name, c.raw), "")
	}
}

func (r *resolver) checkAnchor(where string, c *column) {
	if c.kind != object.String && c.kind != object.Int || c.kind != c.raw {
		r.say(where, "column "+c.name+" cannot be part of an anchor", "anchors are texts, whole numbers and what is read as text, such as uuid")
	}
}

// writable says which columns own statements write, where there are some.
func (r *resolver) writable() {
	t := r.t
	if t.insert == nil && t.update == nil {
		return
	}
	for _, c := range t.columns {
		c.readOnly = true
		for _, s := range []*template{t.insert, t.update} {
			if s != nil && slices.Contains(s.params, c.attr) {
				c.readOnly = false
			}
		}
	}
	if t.typeSettings.from.table == "" {
		return
	}
	for _, c := range t.columns { // what only a generated statement would write
		if t.insert == nil || t.update == nil {
			c.readOnly = false
		}
	}
}

// values resolves a table of values.
func (r *resolver) values(s *listSettings) error {
	from, _, all, err := r.source(s.from)
	if err != nil {
		return err
	}
	where := s.from.String()
	l := &list{listSettings: s, from: from, owner: r.find(where, all, s.owner...), value: r.find(where, all, s.column)[0]}
	l.watermark = r.one(where, all, s.watermark)
	for i, o := range l.owner {
		if i < len(r.t.anchor) && o.raw != r.t.anchor[i].raw {
			r.say(where, fmt.Sprintf("column %s holds %s, the anchor %s", o.name, o.raw, r.t.anchor[i].raw), "let the statement cast it")
		}
	}
	if slices.Contains(l.owner, l.value) {
		r.say(where, "column "+l.value.name+" is owner and value at once", "")
	}
	l.value.attr = s.name
	r.override(where, l.value, s.attribute)
	r.checkZone(where, l.value)
	r.t.lists = append(r.t.lists, l)
	return nil
}
