package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"
	"modernc.org/sqlite"
)

// Beside are connections to the same database that do not pass the queue of
// writers: for an engine that keeps tables of its own there. One of them is
// set, by the kind of the database.
type Beside struct {
	SQLite   *sql.DB
	Postgres *pgxpool.Pool
}

// besideBusy is how long a writer beside our own waits for it, in milliseconds:
// longer than any of our transactions takes.
const besideBusy = 60000

// besidePool is how many connections a PostgreSQL pool beside ours may have.
const besidePool = 4

// Beside opens such connections. Their owner closes them before the database.
func (d *DB) Beside(ctx context.Context) (*Beside, error) {
	switch e := d.engine.(type) {
	case *sqliteEngine:
		pool := sql.OpenDB(&sqliteConnector{drv: &sqlite.Driver{}, dsn: "file:" + escapePath(e.path) + "?_txlock=immediate", bare: true, pragmas: []string{
			fmt.Sprintf("busy_timeout = %d", besideBusy), "journal_mode = WAL", "synchronous = FULL", "temp_store = MEMORY",
		}})
		pool.SetMaxOpenConns(1)
		pool.SetMaxIdleConns(1)
		return &Beside{SQLite: pool}, nil
	case *pgEngine:
		cfg, err := pgxpool.ParseConfig(e.dsn)
		if err != nil {
			return nil, fmt.Errorf("store %s: %w", redact(e.dsn), err)
		}
		cfg.MaxConns = besidePool
		pool, err := pgxpool.NewWithConfig(ctx, cfg)
		if err != nil {
			return nil, fmt.Errorf("store %s cannot be reached: %w", redact(e.dsn), err)
		}
		return &Beside{Postgres: pool}, nil
	}
	return nil, errors.New("this kind of database has no connections beside the store's")
}

// Close closes the connections.
func (b *Beside) Close() error {
	if b.Postgres != nil {
		b.Postgres.Close()
		return nil
	}
	return b.SQLite.Close()
}
