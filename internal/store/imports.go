package store

import (
	"context"
	"muster/internal/store/staging"
)

// BeginImport begins an import. It replaces whatever is unreleased. End it
// with Finish or Discard.
func (s *Store) BeginImport(ctx context.Context, conn string, opts staging.Options) (*staging.Import, error) {
	return s.imports.Begin(ctx, conn, opts)
}

// Release makes the connector's finished import visible.
func (s *Store) Release(ctx context.Context, conn string) (staging.Stats, error) {
	return s.imports.Release(ctx, conn)
}

// Fold moves the changes of a released import into the entries' rows. It goes
// on where it was stopped.
func (s *Store) Fold(ctx context.Context, conn string) error { return s.imports.Fold(ctx, conn) }

// DiscardImport forgets the connector's unreleased import.
func (s *Store) DiscardImport(ctx context.Context, conn string) error {
	return s.imports.Discard(ctx, conn)
}

// Unreleased returns what the connector's finished but unreleased import
// said; ok is false if there is none.
func (t *Tx) Unreleased(conn string) (st staging.Stats, ok bool, err error) {
	return staging.Unreleased(t.rows, conn)
}

// LastImports returns what the last n released imports said, newest first.
func (t *Tx) LastImports(conn string, n int) ([]staging.Stats, error) {
	return staging.LastImports(t.rows, conn, n)
}

// Mark returns where the next import of changes begins; "" asks for a full
// import.
func (t *Tx) Mark(conn string) (string, error) { return staging.Mark(t.rows, conn) }

// SetMark replaces the watermark; "" asks for a full import.
func (t *Tx) SetMark(conn, mark string) error { return staging.SetMark(t.rows, conn, mark) }
