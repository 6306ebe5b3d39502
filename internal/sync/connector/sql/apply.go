package sql

import (
	"context"
	stdsql "database/sql"
	"errors"
	"slices"
	"strconv"
	"strings"

	"muster/internal/base/object"
	"muster/internal/sync/connector"
)

// writer makes one change.
type writer struct {
	c     *conn
	t     *table
	ch    connector.Change
	name  string // of the object, in problems
	parts []object.Value
	keys  []any           // parts, bound
	set   map[string]any  // column to value
	lists []connector.Mod // changes of attributes with a table of their own
	used  map[string]bool // secrets that an own statement took
	after map[string]object.Value
}

// apply makes one change: a *connector.Refusal if it cannot be made, or the
// database's own error.
func (s *session) apply(ctx context.Context, tx *stdsql.Tx, tables []*table, ch connector.Change) (connector.Outcome, error) {
	w := &writer{c: s.c, ch: ch, name: nameOf(ch), set: map[string]any{}, used: map[string]bool{}, after: map[string]object.Value{}}
	i := slices.IndexFunc(tables, func(t *table) bool { return t.name == ch.Type })
	if i < 0 {
		return connector.Outcome{}, refuse(w.name, connector.SchemaViolation, "there is no type %s", ch.Type)
	}
	w.t = tables[i]
	if ch.Verb == connector.Rename {
		return connector.Outcome{}, refuse(w.name, connector.NamingAttribute, "rows have no name beside their anchor")
	}
	if ch.Anchor != "" {
		var ok bool
		if w.parts, ok = w.t.partsOf(ch.Anchor); !ok {
			return connector.Outcome{}, refuse(w.name, connector.MissingObject, "no object of this type can have this anchor")
		}
	}
	if err := w.mods(); err != nil {
		return connector.Outcome{}, err
	}
	if ch.Verb == connector.Add {
		return w.add(ctx, tx)
	}
	if w.parts == nil {
		return connector.Outcome{}, refuse(w.name, connector.MissingAnchor, "the anchor is not known")
	}
	if err := w.bindKeys(); err != nil {
		return connector.Outcome{}, err
	}
	if ch.Verb == connector.Remove {
		return connector.Outcome{}, w.remove(ctx, tx)
	}
	return connector.Outcome{}, w.update(ctx, tx)
}

func (w *writer) bindKeys() (err error) {
	w.keys, err = bindAll(w.t.anchor, w.parts)
	return w.refused("the anchor", err)
}

// refused turns what is wrong with a value into a refusal.
func (w *writer) refused(what string, err error) error {
	var f *fault
	if errors.As(err, &f) {
		return refuse(w.name, f.code, "%s: %w", what, err)
	}
	return err
}

// mods sorts the modifications into columns and lists.
func (w *writer) mods() error {
	for _, m := range w.ch.Mods {
		if l := w.t.list(m.Name); l != nil {
			if l.value.readOnly {
				return refuse(w.name, connector.SchemaViolation, "%s is read by a statement and cannot be written", m.Name)
			}
			w.lists = append(w.lists, m)
			continue
		}
		c := w.t.column(m.Name)
		switch {
		case c == nil:
			return refuse(w.name, connector.SchemaViolation, "there is no attribute %s", m.Name)
		case w.ch.Verb != connector.Add && slices.Contains(w.t.anchor, c):
			if v := m.Values; m.Op == connector.Replace && len(v) == 1 && v[0] == w.parts[slices.Index(w.t.anchor, c)] {
				continue // as it is
			}
			return refuse(w.name, connector.NamingAttribute, "%s is part of the anchor, which never changes", m.Name)
		case c.readOnly && !(w.t.assigned && slices.Contains(w.t.anchor, c)):
			if w.t.onlyRead() {
				return w.unwritable()
			}
			return refuse(w.name, connector.SchemaViolation, "%s cannot be written", m.Name)
		}
		if err := w.modify(c, m); err != nil {
			return err
		}
	}
	return nil
}

// modify notes the new value of a column. It holds one value, so adding
// replaces, and dropping empties.
func (w *writer) modify(c *column, m connector.Mod) error {
	if len(m.Values) > 1 && m.Op != connector.DropValues {
		return refuse(w.name, connector.MultiSingleMismatch, "%s holds one value", m.Name)
	}
	v := m.Values.First()
	if m.Op == connector.AddValues && v.IsZero() {
		return nil
	}
	if m.Op == connector.DropValues {
		v = object.Value{}
	}
	bound, err := c.bind(v)
	if err != nil {
		return w.refused(m.Name, err)
	}
	w.set[c.name], w.after[c.attr] = bound, v
	return nil
}

// onlyRead reports a view or statement that nothing can be written through.
func (t *table) onlyRead() bool {
	return t.view && t.insert == nil && t.update == nil && !slices.ContainsFunc(t.columns, func(c *column) bool { return !c.readOnly })
}

func (w *writer) unwritable() error {
	return refuse(w.name, noExport, "%s is only read: it is a statement or a view that cannot be written through, and has no own statement to %s", w.t.name, w.ch.Verb)
}

// target writes a condition that means the object and nothing else.
func (w *writer) target(s *statement) *statement {
	s.equal("", w.t.anchor, w.keys)
	if w.t.typ != nil {
		s.add(" AND ", quote(w.t.typ.name), " = ").arg(w.t.typeValue)
	}
	if w.t.flag != nil {
		s.add(" AND ", w.t.notDeleted())
	}
	return s
}

// notDeleted is the condition of rows that are not marked.
func (t *table) notDeleted() string {
	name := quote(t.flag.name)
	switch t.flag.raw {
	case object.Bool:
		return "(" + name + " IS NULL OR NOT " + name + ")"
	case object.Int:
		return "(" + name + " IS NULL OR " + name + " = 0)"
	default:
		return name + " IS NULL"
	}
}

// count tells how many rows the object has.
func (w *writer) count(ctx context.Context, tx *stdsql.Tx) (int64, error) {
	s := w.target(w.c.d.statement("SELECT count(*) FROM ", w.t.from, " AS m WHERE "))
	rows, err := readAll(ctx, tx, s.String(), s.args...)
	if err != nil {
		return 0, err
	}
	n, _ := rows[0][0].(int64)
	return n, nil
}

// one refuses anything but one row.
func (w *writer) one(rows int64) error {
	switch {
	case rows == 0:
		return refuse(w.name, connector.MissingObject, "it is not there")
	case rows > 1:
		return refuse(w.name, connector.AmbiguousUpdate, "%d rows have this anchor", rows)
	}
	return nil
}

// exec runs a statement that must touch the object's one row.
func (w *writer) exec(ctx context.Context, tx *stdsql.Tx, s *statement) error {
	if w.t.view && !w.c.d.countsViews {
		n, err := w.count(ctx, tx)
		if err == nil {
			err = w.one(n)
		}
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, s.String(), s.args...)
		return err
	}
	r, err := tx.ExecContext(ctx, s.String(), s.args...)
	if err != nil {
		return err
	}
	n, err := r.RowsAffected()
	if err != nil {
		return err
	}
	return w.one(n)
}

func (w *writer) update(ctx context.Context, tx *stdsql.Tx) error {
	switch {
	case len(w.set) == 0 && len(w.lists) == 0 && len(w.ch.Secrets) > 0: // a password alone
	case len(w.set) > 0 && w.t.update != nil:
		if err := w.image(ctx, tx); err != nil {
			return err
		}
		n, err := w.own(ctx, tx, w.t.update, w.after, w.ch.Secrets)
		if err == nil {
			err = w.one(n)
		}
		if err != nil {
			return err
		}
	case len(w.set) > 0 && w.t.typeSettings.from.table == "":
		return w.unwritable()
	case len(w.set) > 0:
		s := w.c.d.statement("UPDATE ", w.t.from, " SET ")
		for i, name := range sorted(w.set) {
			if i > 0 {
				s.add(", ")
			}
			s.add(quote(name), " = ").arg(w.set[name])
		}
		if err := w.exec(ctx, tx, w.target(s.add(" WHERE "))); err != nil {
			return err
		}
	default:
		n, err := w.count(ctx, tx)
		if err == nil {
			err = w.one(n)
		}
		if err != nil {
			return err
		}
	}
	if err := w.writeLists(ctx, tx); err != nil {
		return err
	}
	return w.secrets(ctx, tx, w.ch.Secrets)
}

// image fills in what the object holds now, for a statement that writes it all.
func (w *writer) image(ctx context.Context, tx *stdsql.Tx) error {
	found, err := w.c.look(ctx, tx, w.t, connector.Whereabouts{Type: w.t.name, Anchor: w.ch.Anchor})
	if err != nil {
		return err
	}
	if err := w.one(int64(len(found))); err != nil {
		return err
	}
	for _, c := range w.t.columns {
		if _, ok := w.after[c.attr]; !ok {
			w.after[c.attr] = found[0].Attrs.Get(c.attr).First()
		}
	}
	return nil
}

func (w *writer) remove(ctx context.Context, tx *stdsql.Tx) error {
	t := w.t
	switch {
	case t.remove != nil:
		n, err := w.own(ctx, tx, t.remove, nil, w.ch.Secrets)
		if err != nil {
			return err
		}
		return w.one(n)
	case t.typeSettings.from.table == "":
		return w.unwritable()
	case t.flag != nil:
		value := map[object.Kind]string{object.Bool: "TRUE", object.Int: "1", object.Time: w.c.d.now}[t.flag.raw]
		return w.exec(ctx, tx, w.target(w.c.d.statement("UPDATE ", t.from, " SET ", quote(t.flag.name), " = ", value, " WHERE ")))
	}
	if err := w.dropLists(ctx, tx); err != nil {
		return err
	}
	return w.exec(ctx, tx, w.target(w.c.d.statement("DELETE FROM ", t.from, " WHERE ")))
}

// own runs a statement of the administrator's and tells how many rows it
// touched or gave.
func (w *writer) own(ctx context.Context, tx *stdsql.Tx, t *template, values map[string]object.Value, secrets []connector.Secret) (int64, error) {
	s, err := w.render(t, values, secrets)
	if err != nil {
		return 0, err
	}
	r, err := tx.ExecContext(ctx, s.String(), s.args...)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

func (w *writer) render(t *template, values map[string]object.Value, secrets []connector.Secret) (*statement, error) {
	return t.render(w.c.d, func(name string) (any, error) {
		for _, s := range secrets {
			if s.Name == name {
				w.used[name] = true
				return s.Value.Reveal(), nil
			}
		}
		if values != nil {
			if c := w.t.column(name); c != nil {
				v, err := c.bind(values[name])
				return v, w.refused(name, err)
			}
		}
		if digits, ok := strings.CutPrefix(name, paramAnchor); ok {
			if name == paramAnchor {
				digits = "1"
			}
			if n, err := strconv.Atoi(digits); err == nil && n >= 1 && n <= len(w.keys) {
				return w.keys[n-1], nil
			}
		}
		return nil, refuse(w.name, connector.SchemaViolation, "nothing has a value for the parameter :%s of the statement", name)
	})
}
