package sql

import (
	"context"
	stdsql "database/sql"
	"errors"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"muster/internal/base/config"
	"muster/internal/base/problem"
	"muster/internal/base/secret"
	"muster/internal/sync/connector"
)

// noExport is MIM's name for an object type that cannot be written.
const noExport problem.Code = "no-export-to-this-object-type"

// conn is a connection with the abilities that every database has. Further
// ones are added by what the settings describe.
type conn struct {
	d      *dialect
	db     *stdsql.DB
	zone   *time.Location
	types  []typeSettings
	listen string
	pg     *pgx.ConnConfig // of PostgreSQL, for a connection that listens
	file   string          // of SQLite

	mu     sync.Mutex
	closed bool
	tables []*table          // as last described; nil before
	rights map[string]rights // by table, as far as they were asked for
}

// What a connection can do.
var (
	_ connector.Exporter       = (*conn)(nil)
	_ connector.Finder         = (*conn)(nil)
	_ connector.Prober         = (*conn)(nil)
	_ connector.SinceImporter  = changes{}
	_ connector.PasswordSetter = passwords{}
	_ connector.Waiter         = waits{}
)

// open connects and signs in.
func open(ctx context.Context, s *config.Section, secrets secret.Source) (connector.Connector, error) {
	c := &conn{zone: s.Zone("zone"), types: readTypes(s.Block)}
	var err error
	if s.Text("database") == postgresName {
		c.d, c.listen = postgresDialect(), s.Text("listen")
		if c.pg, err = postgresConfig(s.Block, secrets); err == nil {
			c.db = stdlib.OpenDB(*c.pg)
		}
	} else {
		c.d, c.file = sqliteDialect(), s.Path("file")
		c.db, err = openSQLite(s.Block)
	}
	if err != nil {
		return nil, err
	}
	c.db.SetMaxOpenConns(4)
	c.db.SetMaxIdleConns(2)
	c.db.SetConnMaxIdleTime(5 * time.Minute)
	if err := c.hello(ctx); err != nil {
		c.db.Close()
		return nil, err
	}
	return c.able(), nil
}

// hello signs in and reads something, so that a wrong password, or a file that
// is no database, shows at once.
func (c *conn) hello(ctx context.Context) error {
	query := "SELECT 1"
	if c.d.name == sqliteName {
		query = "SELECT count(*) FROM sqlite_schema"
	}
	_, err := readAll(ctx, c.db, query)
	if err == nil {
		return nil
	}
	v := c.d.judge(err)
	var netErr interface{ Timeout() bool }
	if v.fate == lost || errors.As(err, &netErr) && netErr.Timeout() {
		v = verdict{denied, connector.FailedConnection, err.Error(), false, false}
	}
	return c.problem(ctx, err, v, "")
}

// able gives the connection the abilities that its settings describe.
func (c *conn) able() connector.Connector {
	since, password := c.types[0].delta.method != deltaNone, false
	for _, t := range c.types {
		password = password || t.password != nil
	}
	wait := since && c.listen != ""
	switch {
	case wait && password:
		return struct {
			*conn
			changes
			waits
			passwords
		}{c, changes{c}, waits{c}, passwords{c}}
	case wait:
		return struct {
			*conn
			changes
			waits
		}{c, changes{c}, waits{c}}
	case since && password:
		return struct {
			*conn
			changes
			passwords
		}{c, changes{c}, passwords{c}}
	case since:
		return struct {
			*conn
			changes
		}{c, changes{c}}
	case password:
		return struct {
			*conn
			passwords
		}{c, passwords{c}}
	}
	return c
}

var errClosed = errors.New("the connection is closed")

// ready is what every call asks first.
func (c *conn) ready(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return errClosed
	}
	return ctx.Err()
}

// Close ends the connection.
func (c *conn) Close() error {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	return c.db.Close()
}
