package db

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"modernc.org/sqlite"
)

// Pages and caches: see docs/decisions. Large pages suit the chunks; memory is
// about twice the cache that is set.
const (
	sqlitePage        = 16384
	sqliteWriterCache = 16 << 10 // KiB
	sqliteReaderCache = 8 << 10
	checkpointBulk    = 16000 // pages in the log before it is written back
	checkpointServing = 1000
)

type sqliteEngine struct {
	path string
	db   *DB
}

func (d *DB) openSQLite(ctx context.Context, path string) error {
	if path == "" || strings.HasPrefix(path, ":memory:") {
		return errors.New("store sqlite: needs the path of a file, as in sqlite:/var/lib/muster/muster.db")
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return fmt.Errorf("store %s: %w", path, err)
	}
	if _, err := os.Stat(filepath.Dir(abs)); err != nil {
		return fmt.Errorf("store %s: the folder is not there; create it first: %w", abs, err)
	}
	if d.own, err = takeOwner(abs+".lock", d.opts.Now); err != nil {
		return err
	}
	d.engine = &sqliteEngine{path: abs, db: d}
	if d.writer, err = d.engine.open(ctx, true); err != nil {
		return err
	}
	if d.opts.Migrate == nil {
		return nil
	}
	w, ok := d.writer.(*sqliteSession)
	if !ok {
		return errors.New("store: the writer is not a SQLite session")
	}
	w.conn.Close()
	if err := d.opts.Migrate(ctx, &Migrator{Dialect: "sqlite3", DB: w.pool, opts: &d.opts}); err != nil {
		return err
	}
	w.conn, err = w.pool.Conn(ctx)
	return err
}

func (e *sqliteEngine) begin(write bool) []string {
	if write {
		return []string{"BEGIN IMMEDIATE"}
	}
	return []string{"BEGIN"}
}

// sqliteSession is one connection with a feed of its own.
type sqliteSession struct {
	pool *sql.DB // of one connection
	conn *sql.Conn
	feed *feedTable
	dead bool

	prepared map[stmtKey]*sql.Stmt
}

type stmtKey struct {
	q   string
	fed bool
}

// preparedMost is how many statements a connection keeps prepared; there are
// some hundred.
const preparedMost = 400

// prepare returns the statement, prepared once for the connection: preparing
// costs more than a small statement does.
func (s *sqliteSession) prepare(ctx context.Context, q string, b *Batch) (*sql.Stmt, error) {
	k := stmtKey{q, b != nil}
	if st := s.prepared[k]; st != nil {
		return st, nil
	}
	if len(s.prepared) >= preparedMost {
		s.forget()
	}
	st, err := s.conn.PrepareContext(ctx, sqliteText(q, b))
	if err == nil {
		if s.prepared == nil {
			s.prepared = map[stmtKey]*sql.Stmt{}
		}
		s.prepared[k] = st
	}
	return st, err
}

// forget closes the prepared statements; with any open, the connection would
// stay.
func (s *sqliteSession) forget() {
	for _, st := range s.prepared {
		st.Close()
	}
	s.prepared = nil
}

func (e *sqliteEngine) open(ctx context.Context, write bool) (session, error) {
	cache := sqliteReaderCache
	if write {
		cache = sqliteWriterCache
	}
	// In this order: the size of pages can be chosen only before the log is.
	pragmas := []string{
		"busy_timeout = 10000",
		fmt.Sprintf("page_size = %d", sqlitePage),
		"journal_mode = WAL",
		"synchronous = FULL",
		fmt.Sprintf("cache_size = -%d", cache),
		fmt.Sprintf("wal_autocheckpoint = %d", checkpointBulk),
		"temp_store = MEMORY",
	}
	s := &sqliteSession{feed: &feedTable{}}
	drv := &sqlite.Driver{}
	if err := drv.RegisterModule("muster_feed", s.feed); err != nil {
		return nil, err
	}
	s.pool = sql.OpenDB(&sqliteConnector{drv: drv, dsn: "file:" + escapePath(e.path), pragmas: pragmas})
	s.pool.SetMaxOpenConns(1)
	s.pool.SetMaxIdleConns(1)
	var err error
	if s.conn, err = s.pool.Conn(ctx); err != nil {
		s.pool.Close()
		return nil, fmt.Errorf("store %s cannot be opened: %w", e.path, err)
	}
	return s, nil
}

// escapePath writes a path as SQLite's file: names want it.
func escapePath(path string) string {
	p := filepath.ToSlash(path)
	if !strings.HasPrefix(p, "/") {
		p = "/" + p // C:/… on Windows
	}
	return (&url.URL{Path: p}).EscapedPath()
}

// sqliteConnector opens a connection and, unless it is bare, gives it its feed.
type sqliteConnector struct {
	drv     *sqlite.Driver
	dsn     string
	pragmas []string
	bare    bool // without a feed
}

func (c *sqliteConnector) Driver() driver.Driver { return c.drv }

func (c *sqliteConnector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.drv.Open(c.dsn)
	if err != nil {
		return nil, err
	}
	x, ok := conn.(driver.ExecerContext)
	if !ok {
		conn.Close()
		return nil, errors.New("this SQLite driver cannot run statements directly")
	}
	for _, p := range c.pragmas {
		if _, err := x.ExecContext(ctx, "PRAGMA "+p, nil); err != nil {
			conn.Close()
			return nil, fmt.Errorf("PRAGMA %s: %w", p, err)
		}
	}
	if c.bare {
		return conn, nil
	}
	if _, err := x.ExecContext(ctx, "CREATE VIRTUAL TABLE temp.feed USING muster_feed()", nil); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

func (s *sqliteSession) exec(ctx context.Context, q string, b *Batch, args []any) (int64, error) {
	s.feed.batch = b
	defer func() { s.feed.batch = nil }()
	var res sql.Result
	st, err := s.prepare(ctx, q, b) //nolint:sqlclosecheck // the session keeps its statements until it ends
	if err == nil {
		res, err = st.ExecContext(ctx, args...)
	}
	if err != nil {
		s.note(err)
		return 0, err
	}
	return res.RowsAffected()
}

func (s *sqliteSession) query(ctx context.Context, q string, b *Batch, args []any) (rows, error) {
	s.feed.batch = b
	var rs *sql.Rows
	st, err := s.prepare(ctx, q, b) //nolint:sqlclosecheck // the session keeps its statements until it ends
	if err == nil {
		rs, err = st.QueryContext(ctx, args...) //nolint:rowserrcheck // whoever reads the rows asks
	}
	if err != nil {
		s.note(err)
		return nil, err
	}
	return &sqliteRows{Rows: rs}, nil
}

// sqliteRows takes blobs as the driver hands them out, in memory that nobody
// else has, where database/sql would copy them once more.
type sqliteRows struct {
	*sql.Rows
	dest  []any // what is scanned into: as given, but for blobs
	blobs []blob
}

type blob struct {
	raw sql.RawBytes
	to  *[]byte
}

// Scan reads a row. All rows of a query are scanned into the same places.
func (r *sqliteRows) Scan(dest ...any) error {
	if r.dest == nil {
		r.dest, r.blobs = slices.Clone(dest), make([]blob, 0, len(dest))
		for i := range dest {
			if to, ok := dest[i].(*[]byte); ok {
				r.blobs = append(r.blobs, blob{to: to})
				r.dest[i] = &r.blobs[len(r.blobs)-1].raw
			}
		}
	}
	err := r.Rows.Scan(r.dest...)
	for i := range r.blobs {
		*r.blobs[i].to = r.blobs[i].raw
	}
	return err
}

func (s *sqliteSession) load(ctx context.Context, table string, cols []string, b *Batch) error {
	var q strings.Builder
	q.WriteString("INSERT INTO " + table + " (" + strings.Join(cols, ", ") + ") SELECT ")
	for i := range cols {
		if i > 0 {
			q.WriteString(", ")
		}
		fmt.Fprintf(&q, "c%d", i)
	}
	q.WriteString(" FROM @feed")
	_, err := s.exec(ctx, q.String(), b, nil)
	return err
}

func sqliteText(q string, b *Batch) string {
	if b == nil {
		return q
	}
	return strings.ReplaceAll(q, "@feed", "feed")
}

func (s *sqliteSession) note(err error) {
	if errors.Is(err, sql.ErrConnDone) || errors.Is(err, driver.ErrBadConn) {
		s.dead = true
	}
}

func (s *sqliteSession) usable() bool { return !s.dead }

func (s *sqliteSession) close() {
	s.dead = true
	s.forget()
	s.conn.Close()
	s.pool.Close()
}

// Serving tells the database whether people wait for answers: the log is then
// written back in steps small enough not to be noticed.
func (d *DB) Serving(ctx context.Context, serving bool) error {
	if _, ok := d.engine.(*sqliteEngine); !ok {
		return nil
	}
	if err := d.lanes.enter(ctx, People); err != nil {
		return err
	}
	defer d.lanes.leave()
	pages := checkpointBulk
	if serving {
		pages = checkpointServing
	}
	_, err := d.writer.exec(ctx, fmt.Sprintf("PRAGMA wal_autocheckpoint = %d", pages), nil, nil)
	return err
}

// Checkpoint writes the log back into the file, as far as readers allow.
func (d *DB) Checkpoint(ctx context.Context) error {
	if _, ok := d.engine.(*sqliteEngine); !ok {
		return nil
	}
	if err := d.lanes.enter(ctx, Bulk); err != nil {
		return err
	}
	defer d.lanes.leave()
	_, err := d.writer.exec(ctx, "PRAGMA wal_checkpoint(TRUNCATE)", nil, nil)
	return err
}
