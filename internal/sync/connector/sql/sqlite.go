package sql

import (
	"context"
	stdsql "database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"muster/internal/base/config"
	"muster/internal/base/object"
	"muster/internal/base/problem"
	"muster/internal/sync/connector"
)

func sqliteDialect() *dialect {
	return &dialect{
		name:  sqliteName,
		param: func(n int) string { return "?" + strconv.Itoa(n) },
		// The plus keeps the driver from guessing times out of texts.
		read: func(_ *column, expr string) string { return "+" + expr },
		sorted: func(c *column, expr string) string {
			if c.raw != object.String {
				return expr
			}
			return "CAST(" + expr + " AS TEXT) COLLATE BINARY"
		},
		grows: func(c *column, expr string) string {
			if c.raw == object.Time {
				return "strftime('%Y-%m-%d %H:%M:%f', " + expr + ")"
			}
			return expr
		},
		kind:     sqliteKind,
		relation: sqliteRelation,
		stream: func(ctx context.Context, tx *stdsql.Tx, query string, args []any) (stream, error) {
			rows, err := tx.QueryContext(ctx, query, args...)
			if err != nil {
				return nil, err
			}
			return &rowsStream{Rows: rows}, rows.Err()
		},
		judge: sqliteJudge,
		plain: true,
		now:   "strftime('%Y-%m-%d %H:%M:%f', 'now')",
	}
}

// openSQLite opens a file, which must exist: a mistyped name must not become
// an empty database that seems to hold nobody.
func openSQLite(b *config.Block) (*stdsql.DB, error) {
	file := b.Path("file")
	if info, err := os.Stat(file); err != nil || !info.Mode().IsRegular() {
		if err == nil {
			err = errors.New("it is not a plain file")
		}
		return nil, &problem.Problem{Code: connector.FailedConnection, Object: b.Text("file"), Message: "the database cannot be opened",
			Fix: "check its path and that the account Muster runs as may read it", Err: err}
	}
	file, err := filepath.Abs(file)
	if err != nil {
		return nil, err
	}
	u := url.URL{Scheme: "file", Path: filepath.ToSlash(file)}
	q := url.Values{"mode": {"rw"}, "_txlock": {"immediate"}}
	q.Add("_pragma", fmt.Sprintf("busy_timeout(%d)", b.Duration("busyTimeout").Milliseconds()))
	q.Add("_pragma", "foreign_keys(1)")
	u.RawQuery = q.Encode()
	return stdsql.Open("sqlite", u.String())
}

// sqliteKind goes by the words in a declared type, as SQLite does itself.
func sqliteKind(typ string) shape {
	typ = strings.ToUpper(typ)
	has := func(words ...string) bool {
		for _, w := range words {
			if strings.Contains(typ, w) {
				return true
			}
		}
		return false
	}
	switch {
	case has("BOOL"):
		return shape{kind: object.Bool}
	case has("DATETIME", "TIMESTAMP"):
		return shape{kind: object.Time, form: wall}
	case has("DATE"):
		return shape{kind: object.Time, form: date}
	case has("INT") && !has("POINT"):
		return shape{kind: object.Int}
	case has("BLOB"):
		return shape{kind: object.Bytes}
	}
	return shape{kind: object.String}
}

func sqliteRelation(ctx context.Context, q querier, parts []string) (relation, error) {
	rel := relation{columns: map[string]details{}}
	schema, name := "main", parts[len(parts)-1]
	if len(parts) == 2 {
		schema = parts[0]
	}
	kinds, err := readAll(ctx, q, "SELECT type FROM "+quote(schema)+".sqlite_schema WHERE lower(name) = lower(?1) AND type IN ('table', 'view')", name)
	if err != nil {
		return rel, err
	}
	rel.view = len(kinds) == 1 && kinds[0][0] == "view"
	rows, err := readAll(ctx, q, "SELECT name, type, \"notnull\", dflt_value IS NOT NULL, pk, hidden FROM pragma_table_xinfo(?1, ?2)", name, schema)
	if err != nil {
		return rel, err
	}
	unique, err := readAll(ctx, q, `SELECT min(c.name) FROM pragma_index_list(?1, ?2) AS i, pragma_index_info(i.name, ?2) AS c
WHERE i."unique" AND NOT i.partial GROUP BY i.name HAVING count(*) = 1`, name, schema)
	if err != nil {
		return rel, err
	}
	keys := 0 // columns of the primary key, which need not have an index
	for _, r := range rows {
		if r[4] != int64(0) {
			keys++
		}
	}
	for _, r := range rows {
		column, typ := fmt.Sprint(r[0]), fmt.Sprint(r[1])
		rowid := r[4] == int64(1) && strings.EqualFold(typ, "INTEGER")
		rel.columns[column] = details{
			typ: typ, generated: r[5] == int64(2) || r[5] == int64(3),
			required: r[2] == int64(1) && r[3] == int64(0) && !rowid,
			unique:   keys == 1 && r[4] == int64(1) || slices.ContainsFunc(unique, func(u []any) bool { return u[0] == column }),
		}
	}
	return rel, nil
}

func sqliteJudge(err error) verdict {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return verdict{fate: lost, code: connector.DroppedConnection, text: err.Error()}
	}
	v := verdict{text: e.Error()}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		v.fate = busy
	case sqlite3.SQLITE_CONSTRAINT:
		v.code, v.unique, v.foreign = sqliteConstraint(e.Code())
	case sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_RANGE:
		v.code = connector.SyntaxViolation
	case sqlite3.SQLITE_TOOBIG:
		v.code = connector.ConstraintViolation
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH:
		v.code = connector.PermissionIssue
	case sqlite3.SQLITE_ERROR:
		v.code = connector.SchemaViolation
		if strings.Contains(v.text, "because it is a view") {
			v.code = noExport
		}
	case sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL,
		sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_INTERRUPT:
		v.fate, v.code = lost, connector.DroppedConnection
	default:
		v.code = connector.CDError
	}
	return v
}

func sqliteConstraint(code int) (c problem.Code, unique, foreign bool) {
	switch code {
	case sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, sqlite3.SQLITE_CONSTRAINT_ROWID:
		return connector.ConstraintViolation, true, false
	case sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
		return connector.BadReference, false, true
	case sqlite3.SQLITE_CONSTRAINT_NOTNULL:
		return connector.SchemaViolation, false, false
	case sqlite3.SQLITE_CONSTRAINT_DATATYPE:
		return connector.SyntaxViolation, false, false
	case sqlite3.SQLITE_CONSTRAINT_TRIGGER:
		return connector.CDError, false, false
	}
	return connector.ConstraintViolation, false, false
}

// sqliteTimes are the forms in which SQLite's own functions take times.
var sqliteTimes = []string{
	"2006-01-02 15:04:05.999999999Z07:00", "2006-01-02T15:04:05.999999999Z07:00",
	"2006-01-02 15:04Z07:00", "2006-01-02T15:04Z07:00",
}

// parseTime reads a time kept as text. Without a zone of its own it is of the
// column's.
func parseTime(text string, zone *time.Location) (time.Time, error) {
	for _, layout := range sqliteTimes {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	for _, layout := range append(sqliteTimes, "2006-01-02") {
		layout = strings.TrimSuffix(layout, "Z07:00")
		if t, err := time.Parse(layout, text); err == nil {
			return inZone(t, zone)
		}
	}
	return time.Time{}, errors.New("it is not a time such as 2026-01-31 08:30:00")
}
