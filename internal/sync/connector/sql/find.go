package sql

import (
	"context"
	stdsql "database/sql"
	"errors"

	"muster/internal/base/object"
	"muster/internal/sync/connector"
)

// Find looks up one object by its anchor or by an attribute of its row.
func (c *conn) Find(ctx context.Context, w connector.Whereabouts) (object.Record, error) {
	var found []object.Record
	err := c.reading(ctx, func(tx *stdsql.Tx, tables []*table) error {
		for _, t := range tables {
			if w.Type != "" && t.name != w.Type {
				continue
			}
			records, err := c.look(ctx, tx, t, w)
			if err != nil {
				return err
			}
			found = append(found, records...)
		}
		return nil
	})
	switch {
	case err != nil:
		return object.Record{}, err
	case len(found) == 0:
		return object.Record{}, connector.ErrNotFound
	case len(found) > 1:
		return object.Record{}, refuse(w.Type+" "+w.Key.Values.String(), connector.AmbiguousUpdate, "several objects have this %s", w.Key.Name)
	}
	return found[0], nil
}

func (c *conn) look(ctx context.Context, tx *stdsql.Tx, t *table, w connector.Whereabouts) ([]object.Record, error) {
	columns, args, ok := t.whereabouts(w)
	if !ok {
		return nil, nil
	}
	var found []object.Record
	err := c.query(t, connector.Scope{}, func(s *statement, alias string) error {
		s.equal(alias, columns, args)
		return nil
	}).run(ctx, tx, func(o told) error {
		if !o.gone {
			found = append(found, o.record)
		}
		if len(found) > 1 {
			return errEnough
		}
		return nil
	})
	switch {
	case errors.Is(err, errEnough):
		return found, nil
	case err != nil && ctx.Err() == nil && c.d.judge(err).code == connector.SyntaxViolation:
		return nil, nil // nothing of the column's type is written so
	}
	return found, err
}

// whereabouts turns what is known of an object into columns and their values;
// ok is false if no object of the table can be meant.
func (t *table) whereabouts(w connector.Whereabouts) (columns []*column, args []any, ok bool) {
	var values []object.Value
	if w.Anchor != "" {
		if values, ok = t.partsOf(w.Anchor); !ok {
			return nil, nil, false
		}
		columns = t.anchor
	} else {
		col := t.column(w.Key.Name)
		if col == nil || len(w.Key.Values) != 1 {
			return nil, nil, false
		}
		columns, values = []*column{col}, w.Key.Values
	}
	args, err := bindAll(columns, values)
	return columns, args, err == nil
}
