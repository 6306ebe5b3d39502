package db

import (
	"context"
	"errors"
	"fmt"
)

// ErrNoCopy says that the database cannot be copied aside.
var ErrNoCopy = errors.New("a PostgreSQL store cannot be copied aside; look at it in a copy of the database")

// CopyTo writes a copy of the database, as it is now, to a new file: SQLite
// only.
func (d *DB) CopyTo(ctx context.Context, path string) error {
	e, ok := d.engine.(*sqliteEngine)
	if !ok {
		return ErrNoCopy
	}
	s, err := e.open(ctx, false)
	if err != nil {
		return err
	}
	defer s.close()
	one, ok := s.(*sqliteSession)
	if !ok {
		return ErrNoCopy
	}
	if _, err := one.conn.ExecContext(ctx, "VACUUM INTO ?", path); err != nil {
		return fmt.Errorf("the store cannot be copied to %s: %w", path, err)
	}
	return nil
}
