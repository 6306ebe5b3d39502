package db

import (
	"context"
	"fmt"
)

// outer is the transaction that others are parts of.
type outer struct {
	s    session
	turn chan struct{} // whoever has it uses the session
}

// Inside returns a DB whose transactions are parts of t: they follow one
// another, see what t and those before them did, and come to stay or to nothing
// with t. It is of no use once t has ended, and t itself may not be used while
// one of them is under way.
func (t *Tx) Inside() *DB { return t.db.within(t.s) }

func (d *DB) within(s session) *DB {
	return &DB{opts: d.opts, engine: d.engine, outer: &outer{s: s, turn: make(chan struct{}, 1)}}
}

// part runs fn as a part of the outer transaction. What a part wrote goes if fn
// fails.
func (d *DB) part(ctx context.Context, write bool, fn func(*Tx) error) error {
	select {
	case d.outer.turn <- struct{}{}:
		defer func() { <-d.outer.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	t := &Tx{ctx: ctx, db: d, s: d.outer.s, write: write}
	if !write {
		return fn(t)
	}
	if _, err := t.Exec("SAVEPOINT part"); err != nil {
		return err
	}
	return t.complete(fn, "RELEASE SAVEPOINT part", "ROLLBACK TO SAVEPOINT part", func(err, back error) error {
		return fmt.Errorf("%w (and what was begun cannot be taken back: %w)", err, back)
	})
}
