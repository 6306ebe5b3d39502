package sql

import (
	"context"
	stdsql "database/sql"
	"maps"
	"slices"

	"muster/internal/base/object"
	"muster/internal/sync/connector"
)

// add makes a new row.
func (w *writer) add(ctx context.Context, tx *stdsql.Tx) (connector.Outcome, error) {
	if err := w.newAnchor(); err != nil {
		return connector.Outcome{}, err
	}
	if w.parts != nil {
		if err := w.free(ctx, tx); err != nil {
			return connector.Outcome{}, err
		}
	}
	if err := w.insert(ctx, tx); err != nil {
		return connector.Outcome{}, err
	}
	if err := w.writeLists(ctx, tx); err != nil {
		return connector.Outcome{}, err
	}
	return connector.Outcome{Anchor: w.t.anchorOf(w.parts)}, w.secrets(ctx, tx, w.ch.Secrets)
}

// newAnchor takes the anchor from the change or from its values, and sees to
// it that they agree.
func (w *writer) newAnchor() error {
	given := make([]object.Value, len(w.t.anchor))
	missing := false
	for i, c := range w.t.anchor {
		given[i] = w.after[c.attr]
		if c.attr == "" {
			given[i] = object.Value{}
		}
		if w.parts != nil {
			if !given[i].IsZero() && given[i] != w.parts[i] {
				return refuse(w.name, connector.ConstraintViolation, "%s is %s, but the anchor says %s", c.name, given[i], w.parts[i])
			}
			given[i] = w.parts[i]
		}
		missing = missing || given[i].IsZero()
	}
	if missing {
		if !w.t.assigned {
			return refuse(w.name, connector.MissingAnchor, "this table does not give anchors, and no value for one came")
		}
		return nil
	}
	w.parts = given
	if err := w.bindKeys(); err != nil {
		return err
	}
	for i, c := range w.t.anchor {
		w.set[c.name] = w.keys[i]
		if c.attr != "" {
			w.after[c.attr] = given[i]
		}
	}
	return nil
}

// free sees to it that nobody has the anchor. A row that is only marked as
// deleted makes room.
func (w *writer) free(ctx context.Context, tx *stdsql.Tx) error {
	n, err := w.count(ctx, tx)
	switch {
	case err != nil:
		return err
	case n == 1:
		return refuse(w.name, connector.ExistingObject, "it is there already")
	case n > 1:
		return refuse(w.name, connector.DuplicateAnchor, "%d rows have this anchor", n)
	}
	if w.t.flag == nil || w.t.typeSettings.from.table == "" || w.t.insert != nil {
		return nil
	}
	if err := w.dropLists(ctx, tx); err != nil {
		return err
	}
	s := w.c.d.statement("DELETE FROM ", w.t.from, " WHERE ").equal("", w.t.anchor, w.keys).add(" AND NOT ", w.t.notDeleted())
	if w.t.typ != nil {
		s.add(" AND ", quote(w.t.typ.name), " = ").arg(w.t.typeValue)
	}
	_, err = tx.ExecContext(ctx, s.String(), s.args...)
	return err
}

// insert writes the row and learns its anchor, where the database gives it.
func (w *writer) insert(ctx context.Context, tx *stdsql.Tx) error {
	s, err := w.insertStatement()
	if err != nil {
		return err
	}
	if w.parts != nil {
		_, err := tx.ExecContext(ctx, s.String(), s.args...)
		return err
	}
	rows, err := readAll(ctx, tx, s.String(), s.args...)
	if err != nil {
		return err
	}
	if len(rows) != 1 || len(rows[0]) < len(w.t.anchor) {
		return refuse(w.name, connector.MissingAnchor, "the statement does not give the anchor of the new row; let it end in RETURNING")
	}
	if w.parts, err = key(w.t.anchor, rows[0]); err != nil {
		return w.refused("the anchor that the database gave", err)
	}
	return w.bindKeys()
}

func (w *writer) insertStatement() (*statement, error) {
	if w.t.insert != nil {
		return w.render(w.t.insert, w.after, w.ch.Secrets)
	}
	if w.t.typeSettings.from.table == "" {
		return nil, w.unwritable()
	}
	if w.t.typ != nil {
		w.set[w.t.typ.name] = w.t.typeValue
	}
	s := w.c.d.statement("INSERT INTO ", w.t.from)
	if len(w.set) == 0 {
		s.add(" DEFAULT VALUES")
	} else {
		columns := sorted(w.set)
		s.add(" (")
		for i, name := range columns {
			if i > 0 {
				s.add(", ")
			}
			s.add(quote(name))
		}
		s.add(") VALUES (")
		for i, name := range columns {
			if i > 0 {
				s.add(", ")
			}
			s.arg(w.set[name])
		}
		s.add(")")
	}
	if w.parts == nil {
		s.add(" RETURNING ").fields("", w.t.anchor)
	}
	return s, nil
}

func sorted(set map[string]any) []string { return slices.Sorted(maps.Keys(set)) }

// writeLists writes the values that have rows of their own.
func (w *writer) writeLists(ctx context.Context, tx *stdsql.Tx) error {
	for _, m := range w.lists {
		l := w.t.list(m.Name)
		values, drop := m.Values, object.Values(nil)
		switch m.Op {
		case connector.AddValues:
		case connector.Replace:
			old, err := w.present(ctx, tx, l)
			if err != nil {
				return err
			}
			drop = slices.DeleteFunc(old, m.Values.Has)
		case connector.DropValues:
			values, drop = nil, m.Values
		}
		for _, v := range drop {
			if err := w.writeValue(ctx, tx, l, v, w.dropValue); err != nil {
				return err
			}
		}
		for _, v := range values {
			if err := w.writeValue(ctx, tx, l, v, w.addValue); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *writer) writeValue(ctx context.Context, tx *stdsql.Tx, l *list, v object.Value, write func(*list, any) *statement) error {
	bound, err := l.value.bind(v)
	if err != nil {
		return w.refused(l.name, err)
	}
	s := write(l, bound)
	_, err = tx.ExecContext(ctx, s.String(), s.args...)
	return err
}

// addValue inserts a value that is not there yet.
func (w *writer) addValue(l *list, v any) *statement {
	s := w.c.d.statement("INSERT INTO ", l.from, " (")
	for _, o := range l.owner {
		s.add(quote(o.name), ", ")
	}
	s.add(quote(l.value.name), ") SELECT ")
	for _, k := range w.keys {
		s.arg(k).add(", ")
	}
	s.arg(v).add(" WHERE NOT EXISTS (SELECT 1 FROM ", l.from, " AS v WHERE ")
	return w.isValue(s, "v.", l, v).add(")")
}

func (w *writer) dropValue(l *list, v any) *statement {
	return w.isValue(w.c.d.statement("DELETE FROM ", l.from, " WHERE "), "", l, v)
}

func (w *writer) isValue(s *statement, alias string, l *list, v any) *statement {
	return s.equal(alias, append(slices.Clone(l.owner), l.value), append(slices.Clone(w.keys), v))
}

// present reads the values that the object has now.
func (w *writer) present(ctx context.Context, tx *stdsql.Tx, l *list) (object.Values, error) {
	s := w.c.d.statement("SELECT ").fields("v.", []*column{l.value}).add(" FROM ", l.from, " AS v WHERE ").equal("v.", l.owner, w.keys)
	rows, err := readAll(ctx, tx, s.String(), s.args...)
	if err != nil {
		return nil, err
	}
	var values object.Values
	for _, r := range rows {
		v, err := l.value.value(r[0])
		if err != nil {
			return nil, w.refused(l.name, err)
		}
		values = append(values, v)
	}
	return object.Set(values...), nil
}

// dropLists deletes all values of the object that have rows of their own.
func (w *writer) dropLists(ctx context.Context, tx *stdsql.Tx) error {
	for _, l := range w.t.lists {
		if l.value.readOnly {
			continue
		}
		s := w.c.d.statement("DELETE FROM ", l.from, " WHERE ").equal("", l.owner, w.keys)
		if _, err := tx.ExecContext(ctx, s.String(), s.args...); err != nil {
			return err
		}
	}
	return nil
}
