package sql

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	stdsql "database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"muster/internal/base/config"
	"muster/internal/base/object"
	"muster/internal/base/problem"
	"muster/internal/base/secret"
	"muster/internal/sync/connector"
)

func postgresDialect() *dialect {
	cursors := new(atomic.Int64)
	return &dialect{
		name:  postgresName,
		param: func(n int) string { return "$" + strconv.Itoa(n) },
		read: func(c *column, expr string) string {
			if c.cast {
				return expr + "::text"
			}
			return expr
		},
		sorted: func(c *column, expr string) string {
			if c.raw != object.String {
				return expr
			}
			return expr + `::text COLLATE "C"`
		},
		grows:    func(_ *column, expr string) string { return expr },
		kind:     postgresKind,
		rights:   postgresRights,
		relation: postgresRelation,
		stream: func(ctx context.Context, tx *stdsql.Tx, query string, args []any) (stream, error) {
			name := "muster" + strconv.FormatInt(cursors.Add(1), 10)
			if _, err := tx.ExecContext(ctx, "DECLARE "+name+" NO SCROLL CURSOR FOR "+query, args...); err != nil {
				return nil, err
			}
			return &cursor{ctx: ctx, tx: tx, name: name, size: 16}, nil
		},
		judge:       postgresJudge,
		now:         "now()",
		countsViews: true,
	}
}

// postgresConfig makes the settings into what the driver wants. Whatever the
// environment of the process says is overridden.
func postgresConfig(b *config.Block, secrets secret.Source) (*pgx.ConnConfig, error) {
	c, err := pgx.ParseConfig("host=localhost user=nobody dbname=nothing sslmode=disable connect_timeout=1 target_session_attrs=any")
	if err != nil {
		return nil, &problem.Problem{Code: connector.FailedConnection, Message: "the environment holds settings of PostgreSQL that cannot be read", Fix: "unset the variables that begin with PG", Err: err}
	}
	c.Host, c.Port, c.Database, c.User = b.Text("host"), uint16(b.Int("port")), b.Text("name"), b.Text("user")
	c.Password, c.Fallbacks, c.ValidateConnect, c.AfterConnect = "", nil, nil, nil
	if name := b.Secret("password"); name != "" {
		password, err := secrets.Secret(name)
		if err != nil {
			return nil, err
		}
		c.Password = password.Reveal()
	}
	c.TLSConfig = nil
	if b.Text("tls") != tlsNone && !isSocket(c.Host) {
		if c.TLSConfig, err = tlsConfig(c.Host, b.Path("ca")); err != nil {
			return nil, err
		}
	}
	c.ConnectTimeout = b.Duration("connectTimeout")
	c.DialFunc = (&net.Dialer{Timeout: c.ConnectTimeout, KeepAlive: 30 * time.Second}).DialContext
	c.RuntimeParams = map[string]string{
		"application_name": "muster", "TimeZone": "UTC", "DateStyle": "ISO", "client_encoding": "UTF8",
		"standard_conforming_strings": "on", "idle_in_transaction_session_timeout": "0",
		"statement_timeout": milliseconds(b.Duration("statementTimeout")), "lock_timeout": milliseconds(b.Duration("lockTimeout")),
	}
	return c, nil
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

func tlsConfig(host, ca string) (*tls.Config, error) {
	c := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
	if ca == "" {
		return c, nil
	}
	text, err := os.ReadFile(ca)
	if err == nil {
		if c.RootCAs = x509.NewCertPool(); c.RootCAs.AppendCertsFromPEM(text) {
			return c, nil
		}
		err = errors.New("it holds no certificate in PEM form")
	}
	return nil, &problem.Problem{Code: connector.FailedConnection, Object: ca, Message: "the file of trusted authorities cannot be used", Err: err}
}

// postgresKind tells what a column holds by the type that the driver names.
// What is not known is read as PostgreSQL writes it.
func postgresKind(typ string) shape {
	switch typ {
	case "BOOL":
		return shape{kind: object.Bool}
	case "INT2", "INT4", "INT8":
		return shape{kind: object.Int}
	case "BYTEA":
		return shape{kind: object.Bytes}
	case "TIMESTAMPTZ":
		return shape{kind: object.Time}
	case "TIMESTAMP":
		return shape{kind: object.Time, form: wall}
	case "DATE":
		return shape{kind: object.Time, form: date}
	case "TEXT", "VARCHAR":
		return shape{kind: object.String}
	}
	return shape{kind: object.String, cast: true}
}

const postgresColumns = `
SELECT a.attname::text, format_type(a.atttypid, a.atttypmod),
  a.attnotnull AND NOT a.atthasdef AND a.attidentity = '',
  a.attidentity = 'a' OR a.attgenerated <> '' OR NOT pg_column_is_updatable(c.oid::regclass, a.attnum, true),
  c.relkind::text IN ('v', 'm'),
  EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indnkeyatts = 1 AND i.indkey[0] = a.attnum AND i.indpred IS NULL)
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.oid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped`

func postgresRelation(ctx context.Context, q querier, parts []string) (relation, error) {
	rel := relation{columns: map[string]details{}}
	rows, err := readAll(ctx, q, postgresColumns, quoteAll(parts))
	for _, r := range rows {
		d := details{typ: fmt.Sprint(r[1]), required: r[2] == true, generated: r[3] == true, unique: r[5] == true}
		d.folded = d.typ == "citext" || strings.HasSuffix(d.typ, ".citext")
		var n int
		if _, err := fmt.Sscanf(d.typ, "character varying(%d)", &n); err == nil {
			d.length = n
		} else if _, err := fmt.Sscanf(d.typ, "character(%d)", &n); err == nil {
			d.length = n
		}
		rel.columns[fmt.Sprint(r[0])] = d
		rel.view = r[4] == true
	}
	return rel, err
}

// cursor is a stream by a cursor of the server, so that several can be read in
// turn over one connection.
type cursor struct {
	ctx  context.Context
	tx   *stdsql.Tx
	name string
	size int // rows in the next portion
	rows [][]any
	done bool
}

// portion is how many bytes of rows are held at once, more or less.
const portion = 1 << 20

func (c *cursor) next() ([]any, error) {
	if len(c.rows) == 0 && !c.done {
		query := "FETCH FORWARD " + strconv.Itoa(c.size) + " FROM " + c.name
		rows, err := readAll(c.ctx, c.tx, query, pgx.QueryExecModeDescribeExec)
		if err != nil {
			return nil, err
		}
		c.rows, c.done = rows, len(rows) < c.size
		c.adjust()
	}
	if len(c.rows) == 0 {
		return nil, nil
	}
	row := c.rows[0]
	c.rows = c.rows[1:]
	return row, nil
}

// adjust makes the next portion larger or smaller, by what this one weighed.
func (c *cursor) adjust() {
	weight := 0
	for _, r := range c.rows {
		for _, v := range r {
			switch v := v.(type) {
			case string:
				weight += len(v)
			case []byte:
				weight += len(v)
			}
			weight += 16
		}
	}
	if len(c.rows) > 0 {
		c.size = min(max(portion/(weight/len(c.rows)+1), 1), 2*c.size, 2000)
	}
}

func (c *cursor) close() {} // it ends with the transaction

func postgresJudge(err error) verdict {
	var e *pgconn.PgError
	if !errors.As(err, &e) {
		return verdict{fate: lost, code: connector.DroppedConnection, text: err.Error()}
	}
	v := verdict{text: e.Message + " (SQLSTATE " + e.Code + ")"}
	if e.ConstraintName != "" && !strings.Contains(v.text, e.ConstraintName) {
		v.text += ", " + e.ConstraintName
	}
	v.fate, v.code = postgresFate(e)
	v.unique, v.foreign = e.Code == "23505", e.Code == "23503"
	return v
}

func postgresFate(e *pgconn.PgError) (fate, problem.Code) {
	switch e.Code {
	case "40001", "40P01", "55P03", "57014", "57P03":
		return busy, connector.CDError
	case "23505", "23514", "23P01", "23001", "22001":
		return refused, connector.ConstraintViolation
	case "23503":
		return refused, connector.BadReference
	case "23502", "42703", "42P01", "428C9":
		return refused, connector.SchemaViolation
	case "42501", "25006":
		return refused, connector.PermissionIssue
	case "42804":
		return refused, connector.SyntaxViolation
	case "55000", "0A000":
		return refused, noExport
	case "3D000":
		return denied, connector.FailedConnection
	}
	switch {
	case e.Severity == "FATAL" || e.Severity == "PANIC":
		if strings.HasPrefix(e.Code, "28") {
			return denied, connector.FailedAuthentication
		}
		if strings.HasPrefix(e.Code, "53") {
			return busy, connector.CDError
		}
		return lost, connector.DroppedConnection
	case strings.HasPrefix(e.Code, "22"):
		return refused, connector.SyntaxViolation
	case strings.HasPrefix(e.Code, "53"):
		return busy, connector.CDError
	case strings.HasPrefix(e.Code, "08"):
		return lost, connector.DroppedConnection
	case strings.HasPrefix(e.Code, "57P"):
		return lost, connector.DroppedConnection
	}
	return refused, connector.CDError
}
