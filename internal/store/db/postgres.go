package db

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

// writerLock is the advisory lock that writing transactions take, so that the
// writers of several processes follow one another as they do in one.
const writerLock = 0x4d757374_57726974

type pgEngine struct {
	dsn string
	cfg *pgx.ConnConfig
}

func (d *DB) openPostgres(ctx context.Context, dsn string) error {
	cfg, err := pgx.ParseConfig(dsn)
	if err != nil {
		return fmt.Errorf("store %s: %w", redact(dsn), err)
	}
	d.engine = &pgEngine{dsn: dsn, cfg: cfg}
	if d.opts.Migrate == nil {
		return nil
	}
	pool := stdlib.OpenDB(*cfg)
	defer pool.Close()
	conn, err := pool.Conn(ctx)
	if err != nil {
		return fmt.Errorf("store %s cannot be reached: %w", redact(dsn), err)
	}
	defer conn.Close()
	// Two processes that start together must not both migrate.
	if _, err := conn.ExecContext(ctx, "SELECT pg_advisory_lock($1)", int64(writerLock)); err != nil {
		return err
	}
	defer conn.ExecContext(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock($1)", int64(writerLock)) //nolint:errcheck // closing the connection unlocks too
	return d.opts.Migrate(ctx, &Migrator{Dialect: "postgres", DB: pool, opts: &d.opts})
}

func (e *pgEngine) begin(write bool) []string {
	if write {
		return []string{"BEGIN", "SELECT pg_advisory_xact_lock(" + strconv.FormatInt(writerLock, 10) + ")"}
	}
	return []string{"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"}
}

type pgSession struct{ conn *pgx.Conn }

// durable makes commits wait for the disk, where the database was told that
// they need not: what is marked as sent must be known after a power loss.
const durable = "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"

// fastPacking makes the database compress large values in the way that takes
// the least time, where it was built with it: what is large here is mostly
// packed already.
const fastPacking = "SELECT set_config(name, 'lz4', false) FROM pg_settings WHERE name = 'default_toast_compression' AND 'lz4' = ANY (enumvals)"

func (e *pgEngine) open(ctx context.Context, write bool) (session, error) {
	conn, err := pgx.ConnectConfig(ctx, e.cfg.Copy())
	if err == nil && write {
		_, err = conn.Exec(ctx, durable)
	}
	if err == nil && write {
		_, err = conn.Exec(ctx, fastPacking)
	}
	if err != nil {
		return nil, fmt.Errorf("the database cannot be reached: %w", err)
	}
	return &pgSession{conn: conn}, nil
}

func (s *pgSession) exec(ctx context.Context, q string, b *Batch, args []any) (int64, error) {
	tag, err := s.conn.Exec(ctx, pgText(q, b), pgArgs(b, args)...)
	return tag.RowsAffected(), err
}

func (s *pgSession) query(ctx context.Context, q string, b *Batch, args []any) (rows, error) {
	rs, err := s.conn.Query(ctx, pgText(q, b), pgArgs(b, args)...)
	if err != nil {
		return nil, err
	}
	return pgRows{rs}, nil
}

// pgRows closes as database/sql does.
type pgRows struct{ pgx.Rows }

// Close ends the query.
func (r pgRows) Close() error {
	r.Rows.Close()
	return nil
}

func (s *pgSession) load(ctx context.Context, table string, cols []string, b *Batch) error {
	row := -1
	src := pgx.CopyFromFunc(func() ([]any, error) {
		if row++; row >= b.rows {
			return nil, nil
		}
		out := make([]any, len(cols))
		for i := range cols {
			if c := &b.cols[i]; !c.bytes {
				out[i] = c.ints[row]
			} else if c.blobs[row] != nil {
				out[i] = c.blobs[row]
			}
		}
		return out, nil
	})
	_, err := s.conn.CopyFrom(ctx, pgx.Identifier{table}, cols, src)
	return err
}

func (s *pgSession) usable() bool { return !s.conn.IsClosed() }

func (s *pgSession) close() {
	s.conn.Close(context.Background())
}

func pgArgs(b *Batch, args []any) []any {
	if b == nil {
		return args
	}
	out := append([]any(nil), args...)
	for i := range b.cols {
		if c := &b.cols[i]; c.bytes {
			out = append(out, c.blobs)
		} else {
			out = append(out, c.ints)
		}
	}
	return out
}

// pgTexts remembers statements in PostgreSQL's spelling; there are a few
// hundred.
var pgTexts sync.Map

type pgTextKey struct{ q, kinds string }

func pgText(q string, b *Batch) string {
	k := pgTextKey{q: q, kinds: b.kinds()}
	if t, ok := pgTexts.Load(k); ok {
		if s, ok := t.(string); ok {
			return s
		}
	}
	var out strings.Builder
	n := 0
	for _, r := range q {
		if r == '?' {
			n++
			out.WriteString("$" + strconv.Itoa(n))
			continue
		}
		out.WriteRune(r)
	}
	text := out.String()
	if b != nil {
		var arrays, names []string
		for i, c := range b.cols {
			n++
			typ := "bigint[]"
			if c.bytes {
				typ = "bytea[]"
			}
			arrays = append(arrays, "$"+strconv.Itoa(n)+"::"+typ)
			names = append(names, "c"+strconv.Itoa(i))
		}
		text = strings.ReplaceAll(text, "@feed", "unnest("+strings.Join(arrays, ",")+") AS feed("+strings.Join(names, ",")+")")
	}
	pgTexts.Store(k, text)
	return text
}

func (b *Batch) kinds() string {
	if b == nil {
		return ""
	}
	k := make([]byte, len(b.cols))
	for i, c := range b.cols {
		k[i] = 'i'
		if c.bytes {
			k[i] = 'b'
		}
	}
	return string(k)
}

// ErrNotOwner says that another process has the work that only one may do.
var ErrNotOwner = errors.New("another process does this work; wait until it ends")

// patience is how long Own waits for a process that has just died: its
// connection ends a moment after it.
const patience = "SET lock_timeout = '2s'"

// lockNotAvailable is PostgreSQL's code for a lock that others kept.
const lockNotAvailable = "55P03"

// Own takes the right to something that one process has at a time, until
// release is called or the process ends. The owner of a SQLite file has every
// right already, and within a transaction there is nobody else.
func (d *DB) Own(ctx context.Context, what string) (release func(), err error) {
	e, ok := d.engine.(*pgEngine)
	if !ok || d.outer != nil {
		return func() {}, nil
	}
	s, err := e.open(ctx, false)
	if err != nil {
		return nil, err
	}
	what = "muster: " + what
	if _, err = s.exec(ctx, patience, nil, nil); err == nil {
		_, err = s.exec(ctx, "SELECT pg_advisory_lock(hashtextextended(?, 0))", nil, []any{what})
	}
	if err != nil {
		s.close()
		var refused *pgconn.PgError
		if errors.As(err, &refused) && refused.Code == lockNotAvailable {
			err = ErrNotOwner
		}
		return nil, err
	}
	return func() {
		// Said aloud: the server sees that a connection was closed only later,
		// and the next step may come before that.
		_, _ = s.exec(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock(hashtextextended(?, 0))", nil, []any{what})
		s.close()
	}, nil
}
