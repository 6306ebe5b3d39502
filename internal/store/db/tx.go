package db

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
)

// Tx is one transaction. It is used by one goroutine, and only until the
// function that it was given to returns.
type Tx struct {
	ctx   context.Context // a transaction lives within one call
	db    *DB
	s     session
	write bool
	lane  Lane
	long  atomic.Bool

	onCommit    func() error
	afterCommit func()
	onRollback  func()
}

// Context returns the context that the transaction runs under.
func (t *Tx) Context() context.Context { return t.ctx }

// Writes reports that the transaction may write.
func (t *Tx) Writes() bool { return t.write }

// Hooks sets what happens just before the commit, after it, and after a
// rollback. Any may be nil.
func (t *Tx) Hooks(before func() error, after, rollback func()) {
	t.onCommit, t.afterCommit, t.onRollback = before, after, rollback
}

// ShouldYield reports that a bulk transaction has gone on long enough while
// somebody waits in the people lane.
func (t *Tx) ShouldYield() bool { return t.long.Load() && t.db.lanes.waiting.Load() > 0 }

// Exec runs a statement and returns how many rows it changed.
func (t *Tx) Exec(q string, args ...any) (int64, error) { return t.Feed(nil, q, args...) }

// Feed runs a statement that reads the batch as the table @feed.
func (t *Tx) Feed(b *Batch, q string, args ...any) (int64, error) {
	var n int64
	err := t.db.opts.watched(q, func() (err error) {
		n, err = t.s.exec(t.ctx, q, b, args)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("%w (in %s)", err, head(q))
	}
	return n, nil
}

// Load inserts the batch into the table.
func (t *Tx) Load(table string, cols []string, b *Batch) error {
	if b.Len() == 0 {
		return nil
	}
	err := t.db.opts.watched("LOAD "+table, func() error { return t.s.load(t.ctx, table, cols, b) })
	if err != nil {
		return fmt.Errorf("%w (in loading %s)", err, table)
	}
	return nil
}

// Each runs a query and calls fn after each row was read into dest. fn may not
// use the transaction.
func (t *Tx) Each(dest []any, fn func() error, q string, args ...any) error {
	return t.EachOf(nil, dest, fn, q, args...)
}

// EachOf is Each for a query that reads the batch as the table @feed.
func (t *Tx) EachOf(b *Batch, dest []any, fn func() error, q string, args ...any) error {
	if b != nil && b.Len() == 0 {
		return nil
	}
	return t.db.opts.watched(q, func() error { return t.each(b, dest, fn, q, args) })
}

func (t *Tx) each(b *Batch, dest []any, fn func() error, q string, args []any) (err error) {
	rs, err := t.s.query(t.ctx, q, b, args)
	if err != nil {
		return fmt.Errorf("%w (in %s)", err, head(q))
	}
	defer func() { err = errors.Join(err, rs.Close()) }()
	for rs.Next() {
		if err := rs.Scan(dest...); err != nil {
			return fmt.Errorf("%w (in %s)", err, head(q))
		}
		if err := fn(); err != nil {
			return err
		}
	}
	if err := rs.Err(); err != nil {
		return fmt.Errorf("%w (in %s)", err, head(q))
	}
	return nil
}

// One reads the first row of a query into dest; found tells whether there was
// one.
func (t *Tx) One(dest []any, q string, args ...any) (found bool, err error) {
	err = t.Each(dest, func() error { found = true; return errEnough }, q, args...)
	if errors.Is(err, errEnough) {
		err = nil
	}
	return found, err
}

var errEnough = errors.New("enough")

// watched carries out one statement between the two hooks.
func (o *Options) watched(q string, do func() error) error {
	if o.Before != nil {
		if err := o.Before(q); err != nil {
			return err
		}
	}
	err := do()
	if err == nil && o.After != nil {
		o.After(q)
	}
	return err
}

// head returns enough of a statement to find it in the source.
func head(q string) string {
	if len(q) > 60 {
		return q[:60] + "…"
	}
	return q
}
