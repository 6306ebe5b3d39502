package sql_test

import (
	"context"
	stdsql "database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"muster/internal/base/config"
	"muster/internal/base/object"
	"muster/internal/base/secret"
	"muster/internal/sync/connector"
	"muster/internal/sync/connector/sql"
	"muster/internal/testserver/postgres"
)

// server is one PostgreSQL for all tests here, started by the first that asks.
var server = sync.OnceValues(postgres.Start)

var started atomic.Bool

func TestMain(m *testing.M) {
	code := m.Run()
	if started.Load() {
		if s, err := server(); err == nil {
			if err := s.Stop(); err != nil {
				fmt.Fprintln(os.Stderr, err)
				code = 1
			}
		}
	}
	os.Exit(code)
}

func theServer(t *testing.T) *postgres.Server {
	t.Helper()
	started.Store(true)
	s, err := server()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// world is a database as its administrator sees it.
type world struct {
	way
	postgres bool
	db       *stdsql.DB
	where    string // the settings that lead there
	role     string // of PostgreSQL: an account that is no administrator
}

var databases atomic.Int64

func newPostgres(t *testing.T) *world {
	t.Helper()
	s := theServer(t)
	name := fmt.Sprint("test", databases.Add(1))
	connect := func(database string) *stdsql.DB {
		c, err := pgx.ParseConfig(fmt.Sprintf("host=%s port=%d user=%s dbname=%s sslmode=disable timezone=UTC", s.Socket, s.Port, s.User, database))
		if err != nil {
			t.Fatal(err)
		}
		return stdlib.OpenDB(*c)
	}
	admin := connect("postgres")
	w := &world{postgres: true, db: admin}
	w.exec(t, "CREATE DATABASE "+name, "CREATE ROLE "+name+" LOGIN")
	w.db = connect(name)
	t.Cleanup(func() {
		w.db.Close()
		w.db = admin
		w.exec(t, "DROP DATABASE "+name+" WITH (FORCE)", "DROP ROLE "+name)
		admin.Close()
	})
	w.where = fmt.Sprintf("database: postgresql\nhost: %s\nport: %d\nname: %s\nuser: %s\nlockTimeout: 200ms\nlisten: muster\n", s.Socket, s.Port, name, s.User)
	w.role = name
	return w
}

// limit has the connector sign in with an account that is no administrator, and
// may do everything with the tables.
func (db *world) limit(t *testing.T) {
	t.Helper()
	for _, what := range []string{"TABLES", "SEQUENCES"} {
		db.exec(t, "GRANT ALL ON ALL "+what+" IN SCHEMA public TO "+db.role, "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON "+what+" TO "+db.role)
	}
	db.limitTo()
}

// limitTo has the connector sign in with that account, and the rights it has.
func (db *world) limitTo() {
	at := strings.LastIndex(db.where, "user: ")
	_, rest, _ := strings.Cut(db.where[at:], "\n")
	db.where = db.where[:at] + "user: " + db.role + "\n" + rest
}

// deny takes a right from it.
func (db *world) deny(t *testing.T, verb connector.Verb, attr string) {
	t.Helper()
	right := map[connector.Verb]string{connector.Add: "INSERT", connector.Update: "UPDATE", connector.Remove: "DELETE"}[verb]
	switch {
	case verb == connector.Remove && db.flag:
		right, attr = "UPDATE", "gone"
	case attr == "":
		db.exec(t, "REVOKE "+right+" ON people FROM "+db.role)
		return
	}
	db.exec(t, "REVOKE "+right+" ON people FROM "+db.role)
	var others []string
	for _, row := range db.query(t, "SELECT attname::text FROM pg_attribute WHERE attrelid = 'people'::regclass AND attnum > 0 AND NOT attisdropped") {
		if name := fmt.Sprint(row[0]); name != attr {
			others = append(others, name)
		}
	}
	db.exec(t, "GRANT "+right+" ("+strings.Join(others, ", ")+") ON people TO "+db.role)
}

func newSQLite(t *testing.T) *world {
	t.Helper()
	return newSQLiteAt(t, filepath.Join(t.TempDir(), "it's 100% #1?.db"))
}

func newSQLiteAt(t *testing.T, file string) *world {
	t.Helper()
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	escaped := strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23", " ", "%20").Replace(file)
	db, err := stdsql.Open("sqlite", "file:"+escaped+"?_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	w := &world{db: db, where: "database: sqlite\nbusyTimeout: 200ms\nfile: " + fmt.Sprintf("%q", file) + "\n"}
	w.exec(t, "PRAGMA journal_mode = wal")
	return w
}

func (db *world) exec(t *testing.T, statements ...string) {
	t.Helper()
	for _, s := range statements {
		if !db.postgres {
			s = strings.ReplaceAll(s, "bytea", "blob")
		}
		if _, err := db.db.Exec(s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

func (db *world) query(t *testing.T, q string) [][]any {
	t.Helper()
	rows, err := db.db.Query(q)
	if err != nil {
		t.Fatalf("%s: %v", q, err)
	}
	defer rows.Close()
	names, _ := rows.Columns()
	var all [][]any
	for rows.Next() {
		row, into := make([]any, len(names)), make([]any, len(names))
		for i := range row {
			into[i] = &row[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		all = append(all, row)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// section checks the settings as a configuration is checked.
func section(t *testing.T, text string) (*config.Section, error) {
	t.Helper()
	kind := config.Kind{Type: "connector", Fields: sql.Kind().Fields}
	tree, list := config.Load(fstest.MapFS{"hr.yaml": {Data: []byte("connector: hr\n" + text)}}, []config.Kind{kind})
	if len(list) > 0 {
		return nil, list
	}
	s := tree.Section("connector", "hr")
	return s, sql.Kind().Check(s)
}

func connect(t *testing.T, text string, secrets secret.Source) (connector.Connector, error) {
	t.Helper()
	s, err := section(t, text)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return sql.Kind().Open(context.Background(), s, secrets)
}

// open opens the connector on types; they are closed with the test at the latest.
func (db *world) open(t *testing.T, types string) connector.Connector {
	t.Helper()
	where := db.where
	if !strings.Contains(types, "delta:") {
		where = strings.ReplaceAll(where, "listen: muster\n", "")
	}
	c, err := connect(t, where+types, secret.Fixed{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// plain makes a value of what the driver gave.
func plain(t *testing.T, name string, v any) object.Value {
	t.Helper()
	if v == nil {
		return object.Value{}
	}
	switch name {
	case "number":
		n, _ := v.(int64)
		return object.Integer(n)
	case "active":
		return object.Boolean(v == true || v == int64(1))
	case "photo":
		b, _ := v.([]byte)
		return object.Octets(b)
	case "hired":
		if at, ok := v.(time.Time); ok {
			return object.Instant(at)
		}
		at, err := object.ParseValue(object.Time, fmt.Sprint(v))
		if err != nil && fmt.Sprint(v) != "infinity" {
			t.Fatal(err)
		}
		return at
	}
	return object.Str(fmt.Sprint(v))
}

// tables are two types with a list each; key is the type of anchors.
func tables(key, primary string) []string {
	var out []string
	for _, name := range []string{"people", "teams"} {
		columns := "id " + primary + ", uid text not null unique"
		if key == "text" {
			columns = "id text generated always as (uid) stored unique, uid text primary key"
		}
		out = append(out, "CREATE TABLE "+name+" ("+columns+", title text, number bigint, active boolean, hired timestamp, photo bytea, secret text,"+
			" gone boolean not null default false, updated_at timestamp, version bigint)")
	}
	return append(out, "CREATE TABLE mails (owner "+key+", value text)", "CREATE TABLE members (owner "+key+", value "+key+")")
}

// twoTypes are the settings of these tables, with something said about each.
func twoTypes(anchor string, more func(table string) string) string {
	text := "zone: UTC\ntypes:\n"
	for _, t := range []struct{ name, table, values string }{
		{"team", "teams", "member: {table: members, owner: [owner], value: value, ref: person}"},
		{"person", "people", "mail: {table: mails, owner: [owner], value: value}"},
	} {
		text += fmt.Sprintf("  %s:\n    table: %s\n    prefix: %q\n    anchor: [%s]\n    columns: [uid, title, number, active, hired, photo]\n    values:\n      %s\n%s",
			t.name, t.table, t.name+":", anchor, t.values, more(t.table))
	}
	return text
}

var (
	typesByChanges = twoTypes("uid", func(table string) string {
		return "    delta: changes\n    changeTable: " + table + "_changes\n    changeAnchor: [uid]\n    sequence: seq\n    changeType: op\n"
	})
	typesByMark = twoTypes("id", func(string) string {
		return "    assigned: true\n    delta: watermark\n    watermark: updated_at\n"
	})
)

const typesPassword = "    setPassword: update people set secret = :password where uid = :anchor\n"

var (
	sqliteChanges   = forBoth(sqliteChange)
	sqliteStamps    = forBoth(sqliteStamp)
	postgresChanges = forBoth(postgresChange)
	postgresStamps  = forBoth(postgresStamp)
)

// liveOnly lets rows that are marked as deleted keep their names.
var liveOnly = forBoth(`ALTER TABLE TABLE_ DROP CONSTRAINT TABLE__uid_key;;
CREATE UNIQUE INDEX TABLE__live ON TABLE_ (uid) WHERE NOT gone`)

func forBoth(text string) []string {
	var out []string
	for _, table := range []string{"people", "teams"} {
		for _, s := range strings.Split(text, ";;") {
			out = append(out, strings.ReplaceAll(s, "TABLE_", table))
		}
	}
	return out
}

const sqliteChange = `CREATE TABLE TABLE__changes (seq integer primary key autoincrement, uid text, op text);;
CREATE TRIGGER TABLE__i AFTER INSERT ON TABLE_ BEGIN INSERT INTO TABLE__changes (uid, op) VALUES (NEW.uid, 'Add'); END;;
CREATE TRIGGER TABLE__u AFTER UPDATE ON TABLE_ BEGIN INSERT INTO TABLE__changes (uid, op) VALUES (NEW.uid, 'Modify'); END;;
CREATE TRIGGER TABLE__d AFTER DELETE ON TABLE_ BEGIN INSERT INTO TABLE__changes (uid, op) VALUES (OLD.uid, 'Delete'); END`

// A count, because a millisecond is too long for SQLite to tell changes apart.
const sqliteStamp = `CREATE TRIGGER TABLE__i AFTER INSERT ON TABLE_ BEGIN UPDATE TABLE_ SET version = (SELECT coalesce(max(version), 0) + 1 FROM TABLE_) WHERE id = NEW.id; END;;
CREATE TRIGGER TABLE__u AFTER UPDATE ON TABLE_ BEGIN UPDATE TABLE_ SET version = (SELECT coalesce(max(version), 0) + 1 FROM TABLE_) WHERE id = NEW.id; END`

const postgresChange = `CREATE TABLE TABLE__changes (seq bigint generated always as identity, uid text, op text);;
CREATE FUNCTION TABLE__note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO TABLE__changes (uid, op) VALUES (coalesce(NEW.uid, OLD.uid), CASE TG_OP WHEN 'INSERT' THEN 'Add' WHEN 'UPDATE' THEN 'Modify' ELSE 'Delete' END);
  NOTIFY muster; RETURN NULL; END $$;;
CREATE TRIGGER TABLE__note AFTER INSERT OR UPDATE OR DELETE ON TABLE_ FOR EACH ROW EXECUTE FUNCTION TABLE__note()`

const postgresStamp = `CREATE FUNCTION TABLE__stamp() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.updated_at = clock_timestamp(); NOTIFY muster; RETURN NEW; END $$;;
CREATE TRIGGER TABLE__stamp BEFORE INSERT OR UPDATE ON TABLE_ FOR EACH ROW EXECUTE FUNCTION TABLE__stamp()`
