package db

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"github.com/pressly/goose/v3"
)

// Migrator brings the tables of one database up to date.
type Migrator struct {
	Dialect string // as goose calls it
	DB      *sql.DB

	opts *Options
}

// Up applies the numbered files of fsys ("00001_name.sql") that were not yet
// applied, each in a transaction. They are written in SQLite's words; what
// PostgreSQL calls otherwise is replaced. A statement ends with a semicolon at
// the end of a line.
func (m *Migrator) Up(ctx context.Context, fsys fs.FS) error {
	names, err := fs.Glob(fsys, "*.sql")
	if err != nil {
		return err
	}
	var steps []*goose.Migration
	for _, name := range names {
		text, err := fs.ReadFile(fsys, name)
		if err != nil {
			return err
		}
		no, _, _ := strings.Cut(path.Base(name), "_")
		version, err := strconv.ParseInt(no, 10, 64)
		if err != nil {
			return fmt.Errorf("migration %s: its name must begin with a number", name)
		}
		steps = append(steps, goose.NewGoMigration(version, &goose.GoFunc{RunTx: m.step(string(text))}, nil))
	}
	p, err := goose.NewProvider(goose.Dialect(m.Dialect), m.DB, nil,
		goose.WithGoMigrations(steps...), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return err
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("the store's tables cannot be brought up to date; restore the backup or use the version of Muster that wrote it: %w", err)
	}
	current, target, err := p.GetVersions(ctx)
	if err != nil {
		return err
	}
	if current > target {
		return fmt.Errorf("the store was written by a newer Muster (tables %d, this one knows %d); use that version", current, target)
	}
	return nil
}

func (m *Migrator) step(text string) func(context.Context, *sql.Tx) error {
	if m.Dialect == "postgres" {
		text = strings.NewReplacer("INTEGER PRIMARY KEY", "BIGINT PRIMARY KEY", "BLOB", "BYTEA").Replace(text)
	}
	var clean []string
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(strings.TrimSpace(line), "--") {
			clean = append(clean, line)
		}
	}
	return func(ctx context.Context, tx *sql.Tx) error {
		for stmt := range strings.SplitSeq(strings.Join(clean, ""), ";\n") {
			if strings.TrimSpace(stmt) == "" {
				continue
			}
			err := m.opts.watched(strings.TrimSpace(stmt), func() error {
				_, err := tx.ExecContext(ctx, stmt)
				return err
			})
			if err != nil {
				return fmt.Errorf("%w (in %s)", err, head(strings.TrimSpace(stmt)))
			}
		}
		return nil
	}
}
