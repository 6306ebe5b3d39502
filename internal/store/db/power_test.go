package db

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"

	"muster/internal/testserver/postgres"
)

// TestCommitsSurvivePowerLoss asks the connection that writes, in both lanes,
// whether its commits wait for the disk: what is marked as sent is written by
// it. PostgreSQL may have been told otherwise for the database.
func TestCommitsSurvivePowerLoss(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s, err := postgres.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	dsn := fmt.Sprintf("postgres:///postgres?host=%s&port=%d&user=%s", s.Socket, s.Port, s.User)
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		t.Fatal(err)
	}
	for asked, want := range map[string]string{"off": "on", "local": "local", "on": "on", "remote_apply": "remote_apply"} {
		if _, err := conn.Exec(ctx, "ALTER DATABASE postgres SET synchronous_commit = "+asked); err != nil {
			t.Fatal(err)
		}
		writerSays(t, dsn, "SHOW synchronous_commit", want)
	}
	if err := conn.Close(ctx); err != nil {
		t.Error(err)
	}
	// Each has a file of its own: a server that another test starts this moment
	// may have inherited the lock of one that was closed.
	for q, want := range map[string]string{"synchronous": "2" /* FULL */, "journal_mode": "wal", "page_size": "16384"} {
		writerSays(t, "sqlite:"+filepath.Join(t.TempDir(), "m.db"), "PRAGMA "+q, want)
	}
}

func writerSays(t *testing.T, dsn, q, want string) {
	t.Helper()
	ctx := context.Background()
	d, err := Open(ctx, dsn, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, lane := range []Lane{People, Bulk} {
		err := d.Write(ctx, lane, func(tx *Tx) error {
			var got string
			_, err := tx.One([]any{&got}, q)
			if err == nil && got != want {
				t.Errorf("%s: %s, want %s", q, got, want)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}
