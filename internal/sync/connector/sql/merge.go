package sql

import (
	"context"
	stdsql "database/sql"
	"errors"
	"fmt"
	"slices"

	"muster/internal/base/object"
	"muster/internal/base/problem"
	"muster/internal/sync/connector"
)

// condition writes which rows of the main table are meant; alias is its name,
// with a dot. nil means all.
type condition func(s *statement, alias string) error

// told is one object that was read.
type told struct {
	record object.Record
	gone   bool // its row is there, but marked as deleted
	fresh  bool // query.fresh holds for it
}

// query is what to read of a table.
type query struct {
	*table
	d     *dialect
	where condition
	fresh condition // asked of each row; nil where nobody wants to know
	attrs []string  // nil means all
	// refused receives what cannot be read.
	refused func(*connector.Refusal) error
}

func (q *query) wants(attr string) bool { return q.attrs == nil || slices.Contains(q.attrs, attr) }

// run reads the main table and its tables of values side by side, all in the
// order of anchors, and gives each the whole object. Memory is bounded by the
// largest object.
func (q *query) run(ctx context.Context, tx *stdsql.Tx, each func(told) error) error {
	m := &merger{query: q, main: &run{where: q.typeSettings.from.String()}}
	defer m.close()
	if err := m.open(ctx, tx); err != nil {
		return err
	}
	for m.main.row != nil {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := m.object(each); err != nil {
			return err
		}
	}
	return m.strays(nil)
}

// merger reads several runs in step.
type merger struct {
	*query
	main  *run
	lists []*run
}

// run is one stream in the order of its keys, seen through its next row.
type run struct {
	stream
	where   string
	columns []*column // the key
	row     []any     // nil at the end
	key     []object.Value
	list    *list
}

func (m *merger) open(ctx context.Context, tx *stdsql.Tx) error {
	s, err := m.mainStatement()
	if err != nil {
		return err
	}
	if err := m.begin(ctx, tx, m.main, m.anchor, s); err != nil {
		return err
	}
	for _, l := range m.table.lists {
		if !m.wants(l.name) {
			continue
		}
		s, err := m.listStatement(l)
		if err != nil {
			return err
		}
		r := &run{where: l.listSettings.from.String(), list: l}
		m.lists = append(m.lists, r)
		if err := m.begin(ctx, tx, r, l.owner, s); err != nil {
			return err
		}
	}
	return nil
}

func (m *merger) begin(ctx context.Context, tx *stdsql.Tx, r *run, columns []*column, s *statement) (err error) {
	r.columns = columns
	if r.stream, err = m.d.stream(ctx, tx, s.String(), s.args); err != nil {
		return &readError{r.where, err}
	}
	return m.advance(r)
}

func (m *merger) close() {
	for _, r := range append(m.lists, m.main) {
		if r.stream != nil {
			r.stream.close()
		}
	}
}

// mainFields are what is read of the main table, in order.
func (q *query) mainFields() []*column {
	fields := slices.Clone(q.anchor)
	for _, c := range []*column{q.typ, q.flag} {
		if c != nil {
			fields = append(fields, c)
		}
	}
	for _, c := range q.columns {
		if q.wants(c.attr) {
			fields = append(fields, c)
		}
	}
	return fields
}

func (q *query) mainStatement() (*statement, error) {
	s := q.d.statement("SELECT ")
	s.fields("m.", q.mainFields())
	if q.fresh != nil {
		s.add(", (")
		if err := q.fresh(s, "m."); err != nil {
			return nil, err
		}
		s.add(")")
	}
	s.add(" FROM ", q.from, " AS m")
	if q.where != nil {
		s.add(" WHERE ")
		if err := q.where(s, "m."); err != nil {
			return nil, err
		}
	}
	return s.order("m.", q.anchor), nil
}

func (q *query) listStatement(l *list) (*statement, error) {
	s := q.d.statement("SELECT ")
	s.fields("v.", append(slices.Clone(l.owner), l.value)).add(" FROM ", l.from, " AS v")
	if q.where != nil {
		s.add(" WHERE EXISTS (SELECT 1 FROM ", q.from, " AS m WHERE ")
		s.match("m.", names(q.anchor), "v.", names(l.owner)).add(" AND (")
		if err := q.where(s, "m."); err != nil {
			return nil, err
		}
		s.add("))")
	}
	return s.order("v.", l.owner), nil
}

func (s *statement) fields(alias string, columns []*column) *statement {
	for i, c := range columns {
		if i > 0 {
			s.add(", ")
		}
		s.add(s.d.read(c, alias+quote(c.name)))
	}
	return s
}

func (s *statement) order(alias string, columns []*column) *statement {
	s.add(" ORDER BY ")
	for i, c := range columns {
		if i > 0 {
			s.add(", ")
		}
		s.add(s.d.sorted(c, alias+quote(c.name)))
	}
	return s
}

func names(columns []*column) []string {
	out := make([]string, len(columns))
	for i, c := range columns {
		out[i] = c.name
	}
	return out
}

// advance goes on to the next row whose key can be read, and sees to it that
// keys do not go back: rows out of order would be given to the wrong object.
func (m *merger) advance(r *run) error {
	for {
		row, err := r.next()
		if err != nil {
			return &readError{r.where, err}
		}
		if row == nil {
			r.row, r.key = nil, nil
			return nil
		}
		k, err := key(r.columns, row)
		if err != nil {
			if err := m.refuse(fmt.Sprint(r.where, " ", shownKey(row[:len(r.columns)])), "", err); err != nil {
				return err
			}
			continue
		}
		if r.key != nil && slices.CompareFunc(r.key, k, object.Value.Compare) > 0 {
			return &problem.Problem{Code: connector.ReadError, Object: r.where,
				Message: fmt.Sprintf("the database gave %s after %s, which is not the order that was asked for", m.anchorOf(k), m.anchorOf(r.key)),
				Fix:     "check the types and collations of the anchor's columns"}
		}
		r.row, r.key = row, k
		return nil
	}
}

func shownKey(row []any) string {
	text := ""
	for i, v := range row {
		if i > 0 {
			text += "|"
		}
		if v == nil {
			text += "NULL"
		} else {
			text += short(fmt.Sprint(v))
		}
	}
	return text
}

// object reads the next object: its row and its values.
func (m *merger) object(each func(told) error) error {
	row, k := m.main.row, m.main.key
	twice := false
	for {
		if err := m.advance(m.main); err != nil {
			return err
		}
		if m.main.row == nil || slices.CompareFunc(m.main.key, k, object.Value.Compare) != 0 {
			break
		}
		twice = true
	}
	if err := m.strays(k); err != nil {
		return err
	}
	name := m.main.where + " " + m.anchorOf(k)
	o, err := m.read(row, k)
	switch {
	case twice && err == nil:
		err = bad(connector.DuplicateObject, "several rows have this anchor")
	case err == nil && o != nil:
		return each(*o)
	case err == nil:
		return nil
	}
	var f *fault
	if !errors.As(err, &f) {
		return err
	}
	return m.refuse(name, m.anchorOf(k), err)
}

// read makes a record of a row and its values; nil if the row is of another
// type. All the values are read even if one of them cannot be.
func (m *merger) read(row []any, k []object.Value) (*told, error) {
	o := &told{record: object.Record{Type: m.name, Anchor: m.anchorOf(k)}, fresh: m.fresh != nil && present(row[len(row)-1])}
	at := len(k)
	other := false
	if m.typ != nil {
		text, err := m.typ.toText(row[at])
		other = err != nil || text != m.typeValue
		at++
	}
	if m.flag != nil {
		o.gone = present(row[at])
		at++
	}
	attrs := make([]object.Attr, 0, len(row)-at+len(m.lists))
	var first error
	for _, c := range m.columns {
		if !m.wants(c.attr) {
			continue
		}
		v, err := c.value(row[at])
		at++
		if err != nil && first == nil {
			first = fmt.Errorf("column %s: %w", c.name, err)
		}
		attrs = append(attrs, object.Attr{Name: c.attr, Values: object.Set(v)})
	}
	for _, r := range m.lists {
		values, err := m.values(r, k)
		if err != nil && first == nil {
			first = err
		}
		attrs = append(attrs, object.Attr{Name: r.list.name, Values: values})
	}
	var f *fault
	switch {
	case first != nil && !errors.As(first, &f):
		return nil, first
	case other:
		return nil, nil
	case o.gone:
		return o, nil
	}
	o.record.Attrs = object.Bag(attrs...)
	return o, first
}

// values takes the rows of r that belong to k.
func (m *merger) values(r *run, k []object.Value) (object.Values, error) {
	var values object.Values
	var first error
	for r.row != nil && slices.Equal(r.key, k) {
		v, err := r.list.value.value(r.row[len(k)])
		if err != nil && first == nil {
			first = fmt.Errorf("%s: column %s: %w", r.where, r.list.value.name, err)
		}
		values = append(values, v)
		if err := m.advance(r); err != nil {
			return nil, err
		}
	}
	return object.Set(values...), first
}

// strays passes over values whose owner comes before k, or all for nil, and
// reports each such owner once.
func (m *merger) strays(k []object.Value) error {
	for _, r := range m.lists {
		for r.row != nil && (k == nil || slices.CompareFunc(r.key, k, object.Value.Compare) < 0) {
			owner := r.key
			for r.row != nil && slices.Equal(r.key, owner) {
				if err := m.advance(r); err != nil {
					return err
				}
			}
			if r.list.skip {
				continue
			}
			err := bad(connector.BadReference, "column %s: %s has no such object", r.columns[0].name, m.main.where)
			if err := m.refuse(r.where+" "+m.anchorOf(owner), "", err); err != nil {
				return err
			}
		}
	}
	return nil
}

// refuse hands over an object that cannot be read; its anchor is "" where nobody can
// be asked for.
func (m *merger) refuse(name, anchor string, err error) error {
	r := &connector.Refusal{Object: name, Anchor: anchor, Code: connector.ReadError, Err: err}
	var f *fault
	if errors.As(err, &f) {
		r.Code = f.code
	}
	return m.refused(r)
}

// readError is an error of the database together with what was being read.
type readError struct {
	where string
	err   error
}

func (e *readError) Error() string { return e.where + ": " + e.err.Error() }
func (e *readError) Unwrap() error { return e.err }
