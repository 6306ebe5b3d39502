package sql_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"muster/internal/base/object"
	"muster/internal/sync/connector"
)

// since imports changes: "anchor attributes", or "-anchor" for deletes.
func since(t *testing.T, c connector.Connector, from connector.Mark) ([]string, connector.Mark) {
	t.Helper()
	got := []string{}
	mark, err := as[connector.SinceImporter](t, c).ImportSince(t.Context(), connector.Scope{}, from, func(d connector.Delta) error {
		if d.Op == connector.Delete {
			got = append(got, "-"+d.Record.Anchor)
		} else {
			got = append(got, d.Record.Anchor+" "+shown(d.Record))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(got)
	return got, mark
}

// TestNothingIsLostAmongEqualsAndLateCommits is what the overlap is for.
func TestNothingIsLostAmongEqualsAndLateCommits(t *testing.T) {
	both(t, func(t *testing.T, db *world) {
		db.exec(t, "CREATE TABLE p (id text primary key, s text, at timestamp)", "INSERT INTO p VALUES ('a', '1', '2026-01-02 03:04:05'), ('never', '1', NULL)")
		c := db.open(t, "zone: UTC\ntypes: {p: {table: p, anchor: [id], columns: [s], delta: watermark, watermark: at}}\n")
		_, _, mark := told(t, c)
		step := func(what string, want []string, statements ...string) {
			t.Helper()
			db.exec(t, statements...)
			var got []string
			got, mark = since(t, c, mark)
			equal(t, what, got, want)
		}
		step("nothing", []string{})
		step("equal watermark", []string{"b s=1"}, "INSERT INTO p VALUES ('b', '1', '2026-01-02 03:04:05')")
		step("changed with an equal watermark", []string{"b s=2"}, "UPDATE p SET s = '2' WHERE id = 'b'")
		step("committed late", []string{"late s=1"}, "INSERT INTO p VALUES ('late', '1', '2026-01-02 02:58:00')")
		step("again", []string{})
		step("no watermark", []string{"never s=2"}, "UPDATE p SET s = '2' WHERE id = 'never'")
		step("mistyped year", []string{"far s=1"}, "INSERT INTO p VALUES ('far', '1', '2999-01-01 00:00:00')")
		step("again", []string{})
		now := time.Now().UTC().Format("2006-01-02 15:04:05")
		step("after a mistyped year", []string{"now s=1"}, "INSERT INTO p VALUES ('now', '1', '"+now+"')")
		step("again", []string{})
	})
}

// TestMuchInOneWindow has more rows in a window than a mark remembers: they
// are told again, never left out.
func TestMuchInOneWindow(t *testing.T) {
	db := newSQLite(t)
	db.exec(t, "CREATE TABLE p (id integer primary key, s text, v integer)",
		"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500) INSERT INTO p SELECT i, 'x', 5 FROM n")
	c := db.open(t, "types: {p: {table: p, anchor: [id], delta: watermark, watermark: v, overlapCount: 10}}\n")
	_, _, mark := told(t, c)
	if len(mark) > 200 {
		t.Errorf("the mark has %d bytes", len(mark))
	}
	got, mark := since(t, c, mark)
	equal(t, "told again", len(got), 2500)
	db.exec(t, "UPDATE p SET v = 100 WHERE id = 7")
	got, mark = since(t, c, mark)
	equal(t, "told again with one that changed", len(got), 2500)
	got, _ = since(t, c, mark)
	equal(t, "told after the window has passed", got, []string{})
}

func TestTransactionInFlight(t *testing.T) {
	db := newPostgres(t)
	db.exec(t, "CREATE SEQUENCE s", "CREATE TABLE p (id text primary key, v bigint default nextval('s'))")
	c := db.open(t, "types: {p: {table: p, anchor: [id], columns: [id], delta: watermark, watermark: v}}\n")
	_, _, mark := told(t, c)
	slow, err := db.db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := slow.Exec("INSERT INTO p VALUES ('slow')"); err != nil {
		t.Fatal(err)
	}
	db.exec(t, "INSERT INTO p VALUES ('quick')")
	got, mark := since(t, c, mark)
	equal(t, "while it runs", got, []string{"quick id=quick"})
	if err := slow.Commit(); err != nil {
		t.Fatal(err)
	}
	got, mark = since(t, c, mark)
	equal(t, "after its commit", got, []string{"slow id=slow"})
	got, _ = since(t, c, mark)
	equal(t, "again", got, []string{})
}

func TestMarkedAsDeleted(t *testing.T) {
	both(t, func(t *testing.T, db *world) {
		db.exec(t, "CREATE TABLE p (id text primary key, v integer, gone integer, kind text)", "CREATE TABLE m (id text, x text, v integer)",
			"INSERT INTO p VALUES ('a', 1, 0, 'p'), ('b', 1, NULL, 'p'), ('c', 1, 1, 'p'), ('d', 1, 0, 'other')", "INSERT INTO m VALUES ('a', 'x', 1), ('c', 'y', 1), ('d', 'z', 1)")
		c := db.open(t, `
types:
  p:
    table: p
    anchor: [id]
    columns: [id]
    typeColumn: kind
    deleted: gone
    delta: watermark
    watermark: v
    values: {x: {table: m, owner: [id], value: x, watermark: v}}
`)
		d, err := c.Describe(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "what is missed", d.Traits.DeltaMisses, "changes of type, values removed from x alone")
		got, refused, mark := told(t, c)
		equal(t, "told", got, map[string]string{"a": "id=a x=x", "b": "id=b"})
		equal(t, "refused", len(refused), 0)
		db.exec(t, "UPDATE p SET gone = 1, v = 2 WHERE id = 'a'", "UPDATE p SET gone = 0, v = 3 WHERE id = 'c'", "INSERT INTO m VALUES ('b', 'new', 4)", "UPDATE p SET v = 9 WHERE id = 'd'")
		changed, mark := since(t, c, mark)
		equal(t, "changes", changed, []string{"-a", "b id=b x=new", "c id=c x=y"})
		sent(t, c, connector.Change{Verb: connector.Remove, Type: "p", Anchor: "b"})
		refuses(t, c, "cd-missing-object", connector.Change{Verb: connector.Remove, Type: "p", Anchor: "b"})
		refuses(t, c, "cd-missing-object", mod("p", "a", "x", object.Str("q")))
		equal(t, "marked", db.query(t, "SELECT gone FROM p WHERE id = 'b'"), [][]any{{int64(1)}})
		changed, _ = since(t, c, mark)
		equal(t, "our own delete", changed, []string{"-b"})
		sent(t, c, connector.Change{Verb: connector.Add, Type: "p", Anchor: "b"})
		if _, err := as[connector.Finder](t, c).Find(t.Context(), connector.Whereabouts{Type: "p", Anchor: "a"}); !errors.Is(err, connector.ErrNotFound) {
			t.Errorf("a deleted row was found: %v", err)
		}
		got, _, _ = told(t, c)
		equal(t, "told at the end", got, map[string]string{"b": "id=b", "c": "id=c x=y"})
	})
}

func TestTableOfChanges(t *testing.T) {
	both(t, func(t *testing.T, db *world) {
		db.exec(t, "CREATE TABLE p (a text, b integer, s text, primary key (a, b))", "CREATE TABLE ch (n integer, a text, b integer, op text)", "INSERT INTO p VALUES ('x', 1, 'old')")
		c := db.open(t, `
types:
  p:
    table: p
    anchor: [a, b]
    columns: [s]
    delta: changes
    changeTable: ch
    changeAnchor: [a, b]
    sequence: n
    changeType: op
    changeDelete: D
`)
		_, _, mark := told(t, c)
		db.exec(t, "INSERT INTO p VALUES ('y', 2, 'new')", "INSERT INTO ch VALUES (1, 'y', 2, 'Add'), (2, 'x', 1, 'Modify'), (3, 'gone', 7, 'D'), (4, 'gone', 7, 'Add')")
		got, mark := since(t, c, mark)
		equal(t, "changes", got, []string{"-gone|7", "x|1 s=old", "y|2 s=new"})
		got, mark = since(t, c, mark)
		equal(t, "again", got, []string{})
		db.exec(t, "INSERT INTO ch VALUES (5, 'x', 1, 'Rename'), (6, 'y', 2, NULL), (7, NULL, 2, 'Add')")
		refused := []string{}
		_, err := as[connector.SinceImporter](t, c).ImportSince(t.Context(), connector.Scope{Refused: func(r *connector.Refusal) error {
			refused = append(refused, string(r.Code)+" "+r.Object)
			return nil
		}}, mark, func(connector.Delta) error { return nil })
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "refused", refused, []string{"invalid-change-type ch 5", "missing-change-type ch 6", "missing-anchor-component ch NULL|2"})
		db.exec(t, "DELETE FROM ch WHERE n < 5")
		if _, err := as[connector.SinceImporter](t, c).ImportSince(t.Context(), connector.Scope{}, mark, nil); !errors.Is(err, connector.ErrMarkExpired) {
			t.Errorf("changes that were not read are gone: %v", err)
		}
		other := db.open(t, "types: {p: {table: p, anchor: [a, b], delta: watermark, watermark: b}}\n")
		if _, err := as[connector.SinceImporter](t, other).ImportSince(t.Context(), connector.Scope{}, mark, nil); !errors.Is(err, connector.ErrMarkExpired) {
			t.Errorf("a mark of other settings: %v", err)
		}
	})
}

// TestClocksGoBack reads changes written in the hour that autumn shows twice.
func TestClocksGoBack(t *testing.T) {
	db := newPostgres(t)
	db.exec(t, "CREATE TABLE p (id text primary key, at timestamp)", "INSERT INTO p VALUES ('a', '2025-10-26 02:59')")
	c := db.open(t, "zone: Europe/Berlin\ntypes: {p: {table: p, anchor: [id], columns: [id], delta: watermark, watermark: at}}\n")
	_, _, mark := told(t, c)
	db.exec(t, "INSERT INTO p VALUES ('b', '2025-10-26 02:01')")
	got, _ := since(t, c, mark)
	equal(t, "changes", got, []string{"b id=b"})
}

func TestOwnStatements(t *testing.T) {
	both(t, func(t *testing.T, db *world) {
		db.exec(t, "CREATE TABLE base (k integer primary key, n text unique, t text, pw text)", "CREATE VIEW p AS SELECT k AS id, n AS name, t AS title FROM base")
		if db.postgres {
			db.exec(t, "DROP VIEW p", "ALTER TABLE base ALTER k ADD GENERATED BY DEFAULT AS IDENTITY", "CREATE VIEW p AS SELECT k AS id, n AS name, t AS title FROM base WHERE k > 0")
		}
		c := db.open(t, `
types:
  p:
    select: select * from p
    anchor: [id]
    assigned: true
    insert: "insert into base (n, t, pw) values (:name, coalesce(:title, 'none'), :password) returning k"
    update: "update base set n = :name, t = :title where k = :anchor"
    delete: "delete from base where k = :anchor1"
    setPassword: "update base set pw = :password || '!' where k = :anchor"
`)
		d, err := c.Describe(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		p, _ := d.Schema.Type("p")
		id, _ := p.Attribute("id")
		name, _ := p.Attribute("name")
		if !id.ReadOnly || name.ReadOnly || !d.Traits.AnchorAssigned || d.Traits.Repeats(connector.Update) {
			t.Errorf("%+v", d)
		}
		out := sent(t, c, connector.Change{Verb: connector.Add, Type: "p", Mods: []connector.Mod{{Name: "name", Values: object.Set(object.Str("Ada"))}},
			Secrets: []connector.Secret{{Name: "password", Value: hidden("first")}}})
		equal(t, "anchor", out[0].Anchor, "1")
		sent(t, c, mod("p", "1", "title", object.Str("Dr")))
		equal(t, "row", db.query(t, "SELECT n, t, pw FROM base"), [][]any{{"Ada", "Dr", "first"}})
		if err := as[connector.PasswordSetter](t, c).SetPassword(t.Context(), connector.Whereabouts{Type: "p", Anchor: "1"}, hidden("second")); err != nil {
			t.Fatal(err)
		}
		equal(t, "password", db.query(t, "SELECT pw FROM base"), [][]any{{"second!"}})
		refuses(t, c, "cd-missing-object", mod("p", "77", "title", object.Str("Dr")))
		db.exec(t, "UPDATE base SET t = NULL")
		err = refusal(t, c, "cd-existing-object", connector.Change{Verb: connector.Add, Type: "p", Mods: []connector.Mod{{Name: "name", Values: object.Set(object.Str("Ada"))}},
			Secrets: []connector.Secret{{Name: "password", Value: hidden("first")}}})
		if strings.Contains(fmt.Sprint(err), "first") {
			t.Errorf("the secret is told: %v", err)
		}
		sent(t, c, connector.Change{Verb: connector.Remove, Type: "p", Anchor: "1"})
		refuses(t, c, "cd-missing-object", connector.Change{Verb: connector.Remove, Type: "p", Anchor: "1"})
	})
}
