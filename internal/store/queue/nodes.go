package queue

import (
	"context"
	"database/sql"
	"log/slog"
	"sync"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
)

// migrate brings River's tables up to date.
func migrate[T any](ctx context.Context, d riverdriver.Driver[T], log *slog.Logger) error {
	m, err := rivermigrate.New(d, &rivermigrate.Config{Logger: log})
	if err != nil {
		return err
	}
	_, err = m.Migrate(ctx, rivermigrate.DirectionUp, nil)
	return err
}

// alone is the one process that a SQLite store has.
type alone struct{ db *sql.DB }

func onSQLite(ctx context.Context, pool *sql.DB, cfg *river.Config) (client, nodes, error) {
	d := riversqlite.New(pool)
	if err := migrate(ctx, d, cfg.Logger); err != nil {
		return nil, nil, err
	}
	// With the same name each time, it need not wait until the process before
	// is held to be gone.
	cfg.ID = "muster"
	c, err := river.NewClient(d, cfg)
	if err != nil {
		return nil, nil, err
	}
	n := &alone{db: pool}
	_, err = n.db.ExecContext(ctx, "UPDATE river_job SET state = 'available' WHERE state = 'running'")
	return c, n, err
}

// rescue has nothing to do: nobody else could have died meanwhile.
func (*alone) rescue(context.Context) error { return nil }

func (*alone) close() {}

// shared is one of several processes on PostgreSQL. Each holds a lock on its own
// name, which the database drops when the process ends, however it ends.
type shared struct {
	pool *pgxpool.Pool
	id   string

	mu   sync.Mutex
	life *pgxpool.Conn // holds the lock
}

// migrating is the advisory lock under which tables are brought up to date.
const migrating = 0x4d757374_52697672

func onPostgres(ctx context.Context, pool *pgxpool.Pool, cfg *river.Config) (client, nodes, error) {
	d := riverpgxv5.New(pool)
	if err := migrateOnce(ctx, pool, d, cfg.Logger); err != nil {
		return nil, nil, err
	}
	c, err := river.NewClient(d, cfg)
	if err != nil {
		return nil, nil, err
	}
	return c, &shared{pool: pool, id: c.ID()}, nil
}

// migrateOnce migrates while no other process does.
func migrateOnce[T any](ctx context.Context, pool *pgxpool.Pool, d riverdriver.Driver[T], log *slog.Logger) error {
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	if _, err := conn.Exec(ctx, "SELECT pg_advisory_lock($1)", int64(migrating)); err != nil {
		return err
	}
	defer conn.Exec(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock($1)", int64(migrating)) //nolint:errcheck // a lost connection unlocks too
	return migrate(ctx, d, log)
}

// rescue puts back what processes have whose lock is free.
func (n *shared) rescue(ctx context.Context) error {
	if err := n.live(ctx); err != nil {
		return err
	}
	_, err := n.pool.Exec(ctx, `WITH busy AS MATERIALIZED (
			SELECT id, attempted_by[array_upper(attempted_by, 1)] AS node FROM river_job WHERE state = 'running')
		UPDATE river_job SET state = 'available' FROM busy
		WHERE river_job.id = busy.id AND river_job.state = 'running' AND pg_try_advisory_xact_lock(hashtextextended(busy.node, 0))`)
	return err
}

// live takes the lock on our own name, again if the connection was lost.
func (n *shared) live(ctx context.Context) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.life != nil {
		if n.life.Ping(ctx) == nil {
			return nil
		}
		n.life.Release()
		n.life = nil
	}
	conn, err := n.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	if _, err := conn.Exec(ctx, "SELECT pg_advisory_lock(hashtextextended($1, 0))", n.id); err != nil {
		conn.Release()
		return err
	}
	n.life = conn
	return nil
}

func (n *shared) close() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.life != nil {
		n.life.Conn().Close(context.Background()) // the lock goes with it
		n.life.Release()
		n.life = nil
	}
}
