package sql

import (
	"context"
	stdsql "database/sql"
	"errors"

	"muster/internal/base/object"
	"muster/internal/sync/connector"
)

// Import reads every table in one transaction that only reads, so that what is
// told is the picture of one moment.
func (c *conn) Import(ctx context.Context, scope connector.Scope, emit func(object.Record) error) (connector.Mark, error) {
	m := mark{}
	err := c.reading(ctx, func(tx *stdsql.Tx, tables []*table) error {
		for _, t := range tables {
			if !scope.Wants(t.name) {
				continue
			}
			err := c.query(t, scope, nil).run(ctx, tx, func(o told) error {
				if o.gone {
					return nil
				}
				return emitted(emit(o.record))
			})
			if err != nil {
				return err
			}
			if t.delta == nil {
				continue
			}
			now, err := c.latest(ctx, tx, t, nil)
			if err != nil {
				return err
			}
			if err := c.note(ctx, tx, t, scope, m, now); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	return m.text(), nil
}

func (c *conn) query(t *table, scope connector.Scope, where condition) *query {
	q := &query{table: t, d: c.d, where: where, refused: func(r *connector.Refusal) error { return emitted(scope.Refuse(r)) }}
	if attrs, ok := scope.Attributes[t.name]; ok {
		if q.attrs = attrs; attrs == nil {
			q.attrs = []string{}
		}
	}
	return q
}

// reading runs f in a transaction that only reads and sees one moment.
func (c *conn) reading(ctx context.Context, f func(tx *stdsql.Tx, tables []*table) error) error {
	if err := c.ready(ctx); err != nil {
		return err
	}
	tables, err := c.loaded(ctx)
	if err != nil {
		return err
	}
	tx, err := c.db.BeginTx(ctx, &stdsql.TxOptions{ReadOnly: true, Isolation: stdsql.LevelRepeatableRead})
	if err != nil {
		return c.fault(ctx, err, "")
	}
	defer tx.Rollback()
	err = f(tx, tables)
	var theirs *emitError
	if errors.As(err, &theirs) {
		return theirs.err
	}
	if err == nil {
		err = ctx.Err()
	}
	return c.fault(ctx, err, "")
}

// emitError is an error of the receiver, which goes back as it is.
type emitError struct{ err error }

func (e *emitError) Error() string { return e.err.Error() }

func emitted(err error) error {
	if err == nil {
		return nil
	}
	return &emitError{err}
}
