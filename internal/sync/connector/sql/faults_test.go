package sql_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"muster/internal/base/object"
	"muster/internal/base/problem"
	"muster/internal/base/secret"
	"muster/internal/sync/connector"
)

const flat = "types: {p: {table: p, anchor: [id]}}\n"

// kill ends every connection of the connector.
func (db *world) kill(t *testing.T) {
	t.Helper()
	if n := len(db.query(t, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'muster' AND datname = current_database()")); n == 0 {
		t.Error("there is no connection to kill")
	}
}

func TestConnectionKilledInImport(t *testing.T) {
	db := newPostgres(t)
	db.exec(t, "CREATE TABLE p (id integer primary key, s text)", "INSERT INTO p SELECT i, repeat('x', 100) FROM generate_series(1, 5000) i")
	c := db.open(t, flat)
	n := 0
	mark, err := c.Import(t.Context(), connector.Scope{}, func(object.Record) error {
		if n++; n == 1000 {
			db.kill(t)
		}
		return nil
	})
	if problem.CodeOf(err) != connector.DroppedConnection || mark != "" || n >= 5000 {
		t.Errorf("an import whose connection was killed told %d and returned %q, %v", n, mark, err)
	}
	if got, _, _ := told(t, c); len(got) != 5000 {
		t.Errorf("the next import told %d", len(got))
	}
}

func TestConnectionKilledInExport(t *testing.T) {
	db := newPostgres(t)
	db.exec(t, "CREATE TABLE p (id integer primary key, s text)", "INSERT INTO p SELECT i FROM generate_series(1, 200) i",
		function("trap() RETURNS trigger", "IF NEW.id = 120 THEN "+die+" END IF; RETURN NEW;"), "CREATE TRIGGER trap BEFORE UPDATE ON p FOR EACH ROW EXECUTE FUNCTION trap()")
	c := db.open(t, flat)
	var changes []connector.Change
	for i := range 200 {
		changes = append(changes, mod("p", fmt.Sprint(i+1), "s", object.Str("new")))
	}
	out, err := send(t.Context(), c, changes...)
	if problem.CodeOf(err) != connector.DroppedConnection || len(out) != 100 {
		t.Errorf("%d outcomes, %v; want those of two transactions", len(out), err)
	}
	equal(t, "changed", db.query(t, "SELECT count(*), max(id) FROM p WHERE s = 'new'"), [][]any{{int64(len(out)), int64(100)}})
	for _, o := range out {
		if o.Err != nil {
			t.Errorf("%v", o.Err)
		}
	}
}
func TestAnswerToCommitLost(t *testing.T) {
	db := newPostgres(t)
	// The trigger runs while the transaction commits.
	db.exec(t, "CREATE TABLE p (id integer primary key, s text)", "INSERT INTO p SELECT i FROM generate_series(1, 3) i",
		function("trap() RETURNS trigger", die+" RETURN NEW;"),
		"CREATE CONSTRAINT TRIGGER trap AFTER UPDATE ON p DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION trap()")
	c := db.open(t, flat)
	out, err := send(t.Context(), c, mod("p", "1", "s", object.Str("new")), mod("p", "99", "s", object.Str("new")), mod("p", "3", "s", object.Str("new")))
	if problem.CodeOf(err) != connector.DroppedConnection || len(out) != 3 {
		t.Fatalf("%v, %v", out, err)
	}
	var lost *connector.Unanswered
	var refusal *connector.Refusal
	if !errors.As(out[0].Err, &lost) || !errors.As(out[1].Err, &refusal) || !errors.As(out[2].Err, &lost) {
		t.Errorf("%v", out)
	}
}

func TestCommitRefusedFindsTheOne(t *testing.T) {
	both(t, func(t *testing.T, db *world) {
		db.exec(t, "CREATE TABLE p (id integer primary key, boss integer REFERENCES p DEFERRABLE INITIALLY DEFERRED)", "INSERT INTO p (id) VALUES (1), (2), (3)")
		c := db.open(t, flat)
		out, err := send(t.Context(), c, mod("p", "1", "boss", object.Integer(2)), mod("p", "2", "boss", object.Integer(77)), mod("p", "3", "boss", object.Integer(1)))
		var r *connector.Refusal
		if err != nil || len(out) != 3 || out[0].Err != nil || !errors.As(out[1].Err, &r) || r.Code != connector.BadReference || out[2].Err != nil {
			t.Errorf("%+v, %v", out, err)
		}
		equal(t, "rows", db.query(t, "SELECT id FROM p WHERE boss IS NOT NULL ORDER BY id"), [][]any{{int64(1)}, {int64(3)}})
	})
}

func TestStatementTimeout(t *testing.T) {
	db := newPostgres(t)
	db.exec(t, "CREATE TABLE q (id integer primary key, s text)", "INSERT INTO q VALUES (1), (2)", function("slow(i integer) RETURNS integer", "PERFORM pg_sleep(5); RETURN i;"),
		"CREATE VIEW p AS SELECT slow(id) AS id FROM q")
	db.where += "statementTimeout: 200ms\n"
	c := db.open(t, flat)
	_, err := c.Import(t.Context(), connector.Scope{}, func(object.Record) error { return nil })
	var busy *connector.Busy
	if !errors.As(err, &busy) {
		t.Errorf("%v", err)
	}
}

func TestLocksAreBusy(t *testing.T) {
	both(t, func(t *testing.T, db *world) {
		db.exec(t, "CREATE TABLE p (id integer primary key, s text)", "INSERT INTO p (id) VALUES (1), (2)")
		c := db.open(t, flat)
		if _, err := c.Describe(t.Context()); err != nil {
			t.Fatal(err)
		}
		tx, err := db.db.Begin()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Exec("UPDATE p SET s = 'mine' WHERE id = 1"); err != nil {
			t.Fatal(err)
		}
		out, err := send(t.Context(), c, mod("p", "1", "s", object.Str("new")), mod("p", "2", "s", object.Str("new")))
		if len(out) > 0 {
			err = errors.Join(err, out[0].Err)
		}
		var busy *connector.Busy
		if !errors.As(err, &busy) || db.postgres && (len(out) != 2 || out[1].Err != nil) {
			t.Errorf("%v, %v", out, err)
		}
		if err := tx.Rollback(); err != nil {
			t.Fatal(err)
		}
		sent(t, c, mod("p", "1", "s", object.Str("new")))
	})
}

func TestCancelledInExport(t *testing.T) {
	both(t, func(t *testing.T, db *world) {
		db.exec(t, "CREATE TABLE p (id integer primary key, s text)", "INSERT INTO p (id) VALUES (1)")
		c := db.open(t, flat)
		s, err := as[connector.Exporter](t, c).OpenExport(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		if db.postgres {
			db.exec(t, function("trap() RETURNS trigger", "PERFORM pg_sleep(20); RETURN NEW;"), "CREATE TRIGGER trap BEFORE UPDATE ON p FOR EACH ROW EXECUTE FUNCTION trap()")
			time.AfterFunc(300*time.Millisecond, cancel)
		} else {
			cancel()
		}
		out, err := s.Send(ctx, []connector.Change{mod("p", "1", "s", object.Str("new"))})
		if !errors.Is(err, context.Canceled) || len(out) > 0 {
			t.Errorf("%v, %v", out, err)
		}
	})
}

func TestRefusals(t *testing.T) {
	both(t, func(t *testing.T, db *world) {
		db.exec(t, "CREATE TABLE p (id integer primary key, s text NOT NULL, u text UNIQUE, n integer CHECK (n > 0), boss integer REFERENCES p, g integer GENERATED ALWAYS AS (id + 1) STORED)",
			"INSERT INTO p (id, s, u) VALUES (1, 'a', 'x'), (2, 'b', 'y')", "INSERT INTO p (id, s, boss) VALUES (3, 'c', 2)",
			"CREATE VIEW v AS SELECT id, count(*) AS s FROM p GROUP BY id", "CREATE TABLE d (id integer, s text)", "INSERT INTO d VALUES (1, 'a'), (1, 'b')")
		c := db.open(t, "types: {p: {table: p, anchor: [id], prefix: ''}, v: {table: v, anchor: [id], prefix: ''}, d: {table: d, anchor: [id], prefix: ''}}\n")
		d, err := c.Describe(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		p, _ := d.Schema.Type("p")
		want := []object.Attribute{
			{Name: "boss", Kind: object.Int}, {Name: "g", Kind: object.Int, ReadOnly: true}, {Name: "id", Kind: object.Int, Required: true, Unique: true},
			{Name: "n", Kind: object.Int}, {Name: "s", Kind: object.String, Required: true}, {Name: "u", Kind: object.String, Unique: true},
		}
		equal(t, "schema", p.Attributes, want)
		one := object.Str("x")
		add := func(anchor string, mods ...connector.Mod) connector.Change {
			return connector.Change{Verb: connector.Add, Type: "p", Anchor: anchor, Mods: mods}
		}
		set := func(name string, v object.Value) connector.Mod {
			return connector.Mod{Name: name, Values: object.Set(v)}
		}
		refuses(t, c, "cd-existing-object", add("1", set("s", one)))
		refuses(t, c, "cd-existing-object", add("9", set("s", one), set("u", one)))
		refuses(t, c, "schema-violation", add("9"))
		refuses(t, c, "missing-anchor-component", add("", set("s", one)))
		refuses(t, c, "constraint-violation", add("9", set("id", object.Integer(8)), set("s", one)))
		refuses(t, c, "constraint-violation", mod("p", "1", "n", object.Integer(-1)))
		refuses(t, c, "constraint-violation", mod("p", "1", "u", object.Str("y")))
		refuses(t, c, "dn-attributes-failure", mod("p", "1", "boss", object.Integer(99)))
		refuses(t, c, "constraint-violation", connector.Change{Verb: connector.Remove, Type: "p", Anchor: "2"})
		refuses(t, c, "syntax-violation", mod("p", "1", "n", object.Str("many")))
		refuses(t, c, "syntax-violation", mod("p", "1", "s", object.Str("a\x00b")))
		refuses(t, c, "syntax-violation", mod("p", "1", "s", object.Str("\xff")))
		refuses(t, c, "schema-violation", mod("p", "1", "g", object.Integer(5)))
		refuses(t, c, "schema-violation", mod("p", "1", "s"))
		refuses(t, c, "modify-naming-attribute", mod("p", "1", "id", object.Integer(5)))
		refuses(t, c, "multi-single-mismatch", mod("p", "1", "s", object.Str("a"), object.Str("b")))
		refuses(t, c, "ambiguous-update", mod("d", "1", "s", one))
		refuses(t, c, "ambiguous-update", connector.Change{Verb: connector.Remove, Type: "d", Anchor: "1"})
		refuses(t, c, "duplicate-anchor", connector.Change{Verb: connector.Add, Type: "d", Anchor: "1"})
		refuses(t, c, "schema-violation", mod("nobody", "1", "s", one))
		if db.postgres {
			refuses(t, c, "no-export-to-this-object-type", mod("v", "1", "s", object.Integer(3)))
		} else { // an expression has no type here
			refuses(t, c, "no-export-to-this-object-type", mod("v", "1", "s", one))
		}
		refuses(t, c, "no-export-to-this-object-type", connector.Change{Verb: connector.Remove, Type: "v", Anchor: "1"})
		equal(t, "rows", len(db.query(t, "SELECT * FROM p"))+len(db.query(t, "SELECT * FROM d")), 5)
	})
}

func TestPermissions(t *testing.T) {
	db := newPostgres(t)
	db.exec(t, "CREATE TABLE p (id integer primary key, s text)", "INSERT INTO p VALUES (1)", "DROP ROLE IF EXISTS reader", "CREATE ROLE reader LOGIN PASSWORD 'read''er'", "GRANT SELECT ON p TO reader")
	t.Cleanup(func() { db.exec(t, "DROP OWNED BY reader", "DROP ROLE reader") })
	db.where = strings.Replace(db.where, "user: muster", "user: reader", 1)
	c := db.open(t, flat)
	if got, _, _ := told(t, c); len(got) != 1 {
		t.Errorf("%v", got)
	}
	refuses(t, c, connector.PermissionIssue, mod("p", "1", "s", object.Str("x")))
	db.exec(t, "REVOKE SELECT ON p FROM reader")
	_, err := c.Import(t.Context(), connector.Scope{}, func(object.Record) error { return nil })
	if problem.CodeOf(err) != connector.FailedPermission {
		t.Errorf("%v", err)
	}
}

func TestOpen(t *testing.T) {
	s := theServer(t)
	good := fmt.Sprintf("database: postgresql\nhost: %s\nport: %d\nname: postgres\nuser: %s\npassword: pw\nca: %s\n", s.Host, s.Port, s.User, s.CA)
	secrets := secret.Fixed{"pw": s.Password, "wrong": "x"}
	types := "types: {p: {table: pg_class, anchor: [oid]}}\n"
	c, err := connect(t, good+types, secrets)
	if err != nil {
		t.Fatalf("with TLS: %v", err)
	}
	c.Close()
	if _, err := c.Describe(t.Context()); err == nil {
		t.Error("a closed connection described")
	}
	empty := filepath.Join(t.TempDir(), "no.db")
	junk := filepath.Join(t.TempDir(), "junk.db")
	if err := os.WriteFile(junk, []byte(strings.Repeat("this is no database. ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, x := range map[string]struct {
		text string
		code problem.Code
	}{
		"wrong password":  {strings.Replace(good, "password: pw", "password: wrong", 1), connector.FailedAuthentication},
		"no secret":       {strings.Replace(good, "password: pw", "password: none", 1), secret.CodeMissing},
		"wrong authority": {strings.Replace(good, "ca: "+s.CA+"\n", "", 1), connector.FailedConnection},
		"wrong name":      {strings.Replace(good, "host: "+s.Host, "host: localhost", 1), connector.FailedConnection},
		"no database":     {strings.Replace(good, "name: postgres", "name: nowhere", 1), connector.FailedConnection},
		"no server":       {strings.Replace(good, fmt.Sprint("port: ", s.Port), "port: 1", 1), connector.FailedConnection},
		"no ca":           {strings.Replace(good, s.CA, empty, 1), connector.FailedConnection},
		"no file":         {"database: sqlite\nfile: " + empty + "\n", connector.FailedConnection},
		"no SQLite":       {"database: sqlite\nfile: " + junk + "\n", connector.FailedConnection},
	} {
		if c, err := connect(t, x.text+types, secrets); problem.CodeOf(err) != x.code {
			t.Errorf("%s: %v, %v", name, c, err)
		} else if strings.Contains(err.Error(), s.Password) {
			t.Errorf("%s: the error tells the password: %v", name, err)
		}
	}
	if _, err := os.Stat(empty); !os.IsNotExist(err) {
		t.Error("a database that was not there was made")
	}
}
