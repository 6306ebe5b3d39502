package db

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/jackc/pgx/v5"
)

// Aside calls fn with a copy of the database, as it is now. Nobody waits for
// what is done there, and nothing of it stays. It takes the time and the space
// of a copy: of the file in SQLite; in PostgreSQL of each table, as temporary
// tables of one transaction, so that fn's transactions follow one another.
func (d *DB) Aside(ctx context.Context, fn func(*DB) error) error {
	switch e := d.engine.(type) {
	case *sqliteEngine:
		return e.aside(ctx, fn)
	case *pgEngine:
		return e.aside(ctx, d, fn)
	}
	return errors.New("this database cannot be copied aside")
}

func (e *sqliteEngine) aside(ctx context.Context, fn func(*DB) error) (err error) {
	dir, err := os.MkdirTemp("", "muster-aside-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	path := filepath.Join(dir, "copy.db")
	if err := e.copyTo(ctx, path); err != nil {
		return err
	}
	d, err := Open(ctx, "sqlite:"+path, Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	return fn(d)
}

func (e *sqliteEngine) copyTo(ctx context.Context, path string) error {
	s, err := e.open(ctx, false)
	if err != nil {
		return err
	}
	defer s.close()
	one, ok := s.(*sqliteSession)
	if !ok {
		return errors.New("the reader is not a SQLite session")
	}
	if _, err := one.conn.ExecContext(ctx, "VACUUM INTO ?", path); err != nil {
		return fmt.Errorf("the store cannot be copied to %s: %w", path, err)
	}
	return nil
}

// aside copies the tables into temporary ones of the same names, which hide
// them from one session, in a transaction that is always rolled back.
func (e *pgEngine) aside(ctx context.Context, d *DB, fn func(*DB) error) error {
	s, err := e.open(ctx, true)
	if err != nil {
		return err
	}
	defer s.close() // the database rolls back and drops the tables
	t := &Tx{ctx: ctx, db: d, s: s, write: true}
	if _, err := t.Exec("BEGIN ISOLATION LEVEL REPEATABLE READ"); err != nil {
		return err
	}
	var schema, name string
	var tables []pgx.Identifier
	err = t.Each([]any{&schema, &name}, func() error {
		tables = append(tables, pgx.Identifier{schema, name})
		return nil
	}, "SELECT schemaname, tablename FROM pg_tables WHERE schemaname = current_schema() ORDER BY tablename")
	if err != nil {
		return err
	}
	for _, from := range tables {
		to := pgx.Identifier{"pg_temp", from[1]}.Sanitize()
		for _, q := range []string{
			"CREATE TEMPORARY TABLE " + to + " (LIKE " + from.Sanitize() + " INCLUDING ALL)",
			"INSERT INTO " + to + " SELECT * FROM " + from.Sanitize(),
			"ANALYZE " + to,
		} {
			if _, err := t.Exec(q); err != nil {
				return fmt.Errorf("the store cannot be copied aside, which needs the right to make temporary tables and room for them: %w", err)
			}
		}
	}
	return fn(d.within(s))
}
