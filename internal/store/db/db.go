// Package db is what lies directly above the two databases: connections, the
// queue of writers, transactions, and one way to hand a batch of rows to a
// statement. It knows no table.
//
// SQL is written once. Values are ? marks, and a batch of rows is the table
// @feed with the columns c0, c1, …: a virtual table in SQLite, unnest in
// PostgreSQL. There are two types of column: whole numbers (BIGINT) and bytes
// (BLOB, which is BYTEA in PostgreSQL). Text that is matched or ordered is
// stored as bytes prepared in Go, so that no collation has a say.
package db

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Options is what Open has to be told.
type Options struct {
	Now     func() time.Time        // names the moment in the owner's note; nil: the note says no time
	Readers int                     // connections for reading; 0: 4
	Before  func(stmt string) error // called before each statement and commit, an error stops it; for tests of crashes
	After   func(stmt string)       // called after each that went well; for tests of crashes
	Migrate func(context.Context, *Migrator) error
}

// DB is an open database.
type DB struct {
	opts    Options
	engine  engine
	readers *pool
	writer  session
	lanes   lanes
	own     *owner
	outer   *outer // of a DB whose transactions are parts of one
}

// engine opens sessions with one kind of database.
type engine interface {
	open(ctx context.Context, write bool) (session, error)
	begin(write bool) []string // statements that begin a transaction
}

// session is one connection, used by one transaction at a time.
type session interface {
	exec(ctx context.Context, q string, b *Batch, args []any) (int64, error)
	query(ctx context.Context, q string, b *Batch, args []any) (rows, error)
	load(ctx context.Context, table string, cols []string, b *Batch) error
	usable() bool
	close()
}

// rows are the answers to a query.
type rows interface {
	Next() bool
	Scan(dest ...any) error
	Err() error
	Close() error
}

// Open opens the database that dsn names: "sqlite:PATH", or a PostgreSQL URL.
func Open(ctx context.Context, dsn string, opts Options) (*DB, error) {
	if opts.Readers == 0 {
		opts.Readers = 4
	}
	d := &DB{opts: opts, readers: newPool(opts.Readers)}
	var err error
	if path, ok := strings.CutPrefix(dsn, "sqlite:"); ok {
		err = d.openSQLite(ctx, path)
	} else if strings.HasPrefix(dsn, "postgres://") || strings.HasPrefix(dsn, "postgresql://") {
		err = d.openPostgres(ctx, dsn)
	} else {
		return nil, fmt.Errorf("store %q: write sqlite:PATH for a file, or postgres://USER@HOST/DATABASE", redact(dsn))
	}
	if err != nil {
		d.own.release()
		return nil, err
	}
	return d, nil
}

// redact keeps a password out of messages.
func redact(dsn string) string {
	if at := strings.LastIndexByte(dsn, '@'); at >= 0 {
		if scheme := strings.Index(dsn, "://"); scheme >= 0 && scheme+3 < at {
			return dsn[:scheme+3] + "…" + dsn[at:]
		}
	}
	return dsn
}

// Close waits for the transactions under way and closes the connections.
func (d *DB) Close() error {
	if err := d.lanes.enter(context.Background(), People); err != nil {
		return err
	}
	for range d.opts.Readers {
		<-d.readers.free
	}
	d.readers.close()
	if d.writer != nil {
		d.writer.close()
	}
	d.own.release()
	return nil
}

// Abort closes everything at once, without waiting: what tests do to see
// whether a crash is survived. The DB is of no use afterwards.
func (d *DB) Abort() {
	if d.writer != nil {
		d.writer.close()
	}
	d.readers.close()
	d.own.release()
}

// Read calls fn with a transaction that sees one moment and changes nothing.
func (d *DB) Read(ctx context.Context, fn func(*Tx) error) error {
	if d.outer != nil {
		return d.part(ctx, false, fn)
	}
	select {
	case <-d.readers.free:
		return d.readFree(ctx, fn)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// ReadIfFree is Read if there is a connection that nobody uses, and tells so: who
// has one already must not wait for another. Within a transaction there is none.
func (d *DB) ReadIfFree(ctx context.Context, fn func(*Tx) error) (ran bool, err error) {
	if d.outer != nil {
		return false, nil
	}
	select {
	case <-d.readers.free:
		return true, d.readFree(ctx, fn)
	default:
		return false, nil
	}
}

// readFree uses one of the free connections, or opens another.
func (d *DB) readFree(ctx context.Context, fn func(*Tx) error) error {
	s := d.readers.take()
	defer func() { d.readers.put(s) }()
	if s == nil || !s.usable() {
		fresh, err := d.engine.open(ctx, false)
		if err != nil {
			return err
		}
		s = fresh
	}
	return d.transact(ctx, s, false, People, fn)
}

// Write calls fn with a transaction that may change things, once it is the
// lane's turn. It is committed durably if fn returns nil.
func (d *DB) Write(ctx context.Context, lane Lane, fn func(*Tx) error) error {
	if d.outer != nil {
		return d.part(ctx, true, fn)
	}
	if err := d.lanes.enter(ctx, lane); err != nil {
		return err
	}
	defer d.lanes.leave()
	if d.writer == nil || !d.writer.usable() {
		s, err := d.engine.open(ctx, true)
		if err != nil {
			return err
		}
		d.writer = s
	}
	return d.transact(ctx, d.writer, true, lane, fn)
}

// transact runs fn between begin and commit.
func (d *DB) transact(ctx context.Context, s session, write bool, lane Lane, fn func(*Tx) error) error {
	t := &Tx{ctx: ctx, db: d, s: s, write: write, lane: lane}
	for _, q := range d.engine.begin(write) {
		if _, err := t.Exec(q); err != nil {
			s.close()
			return fmt.Errorf("begin: %w", err)
		}
	}
	if write && lane == Bulk {
		timer := time.AfterFunc(turn, func() { t.long.Store(true) })
		defer timer.Stop()
	}
	return t.complete(fn, "COMMIT", "ROLLBACK", func(err, _ error) error {
		s.close() // the database rolls back for us
		return err
	})
}

// complete runs fn and ends what was begun before: by the statement keep, or by
// back if something fails. stuck is told why back was needed when that fails
// too, and returns what the caller hears.
func (t *Tx) complete(fn func(*Tx) error, keep, back string, stuck func(err, back error) error) (err error) {
	done := false
	defer func() {
		if done {
			return
		}
		t.ctx = context.WithoutCancel(t.ctx)
		if _, rerr := t.Exec(back); rerr != nil {
			err = stuck(err, rerr)
		}
		if t.onRollback != nil {
			t.onRollback()
		}
	}()
	if err := fn(t); err != nil {
		return err
	}
	if t.onCommit != nil {
		if err := t.onCommit(); err != nil {
			return err
		}
	}
	if _, err := t.Exec(keep); err != nil {
		return fmt.Errorf("%s: %w", strings.ToLower(keep), err)
	}
	done = true
	if t.afterCommit != nil {
		t.afterCommit()
	}
	return nil
}

// ErrReadOnly says that a transaction for reading was asked to write.
var ErrReadOnly = errors.New("this transaction only reads; use People or Bulk to write")
