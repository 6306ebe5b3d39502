package systems

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"os"
	"path/filepath"

	_ "modernc.org/sqlite" // the badge system's database

	"muster/internal/demo/organisation"
)

// BadgeFile is the database of the badge system, below the folder of the
// configuration.
const BadgeFile = "data/badge.db"

// WriteBadges makes the badge system's database, in place of the last one.
func WriteBadges(ctx context.Context, dir string, badges []organisation.Badge) error {
	file := filepath.Join(dir, filepath.FromSlash(BadgeFile))
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	if err := os.Remove(file); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return withBadges(ctx, dir, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "CREATE TABLE badges (badge_no INTEGER PRIMARY KEY, emp_no TEXT NOT NULL, phone TEXT, room TEXT)")
		if err != nil {
			return err
		}
		return addBadges(ctx, tx, badges)
	})
}

// AddBadges gives people badges.
func AddBadges(ctx context.Context, dir string, badges ...organisation.Badge) error {
	return withBadges(ctx, dir, func(tx *sql.Tx) error { return addBadges(ctx, tx, badges) })
}

func addBadges(ctx context.Context, tx *sql.Tx, badges []organisation.Badge) error {
	for _, b := range badges {
		_, err := tx.ExecContext(ctx, "INSERT INTO badges (badge_no, emp_no, phone, room) VALUES (?, ?, ?, ?)", b.No, b.Person, b.Phone, b.Room)
		if err != nil {
			return err
		}
	}
	return nil
}

func withBadges(ctx context.Context, dir string, do func(*sql.Tx) error) error {
	u := url.URL{Scheme: "file", OmitHost: true, Path: filepath.ToSlash(filepath.Join(dir, filepath.FromSlash(BadgeFile)))}
	db, err := sql.Open("sqlite", u.String())
	if err != nil {
		return err
	}
	defer db.Close()
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := do(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}
