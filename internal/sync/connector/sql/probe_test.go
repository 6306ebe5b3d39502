package sql_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"muster/internal/base/object"
	"muster/internal/sync/connector"
	"muster/internal/sync/connector/connectortest"
)

// probed asks what stands against a change, as "about: says".
func probed(t *testing.T, c connector.Connector, ch connector.Change) []string {
	t.Helper()
	p, ok := c.(connector.Prober)
	if !ok {
		t.Fatal("it does not tell what is not permitted")
	}
	list, err := p.Probe(t.Context(), ch)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, o := range list {
		out = append(out, o.About+": "+o.Says)
	}
	return out
}

func values(name, text string) connector.Mod {
	return connector.Mod{Name: name, Values: object.Set(object.Str(text))}
}

// TestProbeTableToRead asks about a table that the account may read, but for one
// column that it may write, and about a table of values beside it.
func TestProbeTableToRead(t *testing.T) {
	db := newPostgres(t)
	db.exec(t, "CREATE TABLE staff (id text primary key, title text, fax text)", "CREATE TABLE phones (owner text, phone text)")
	db.exec(t, "GRANT SELECT ON staff, phones TO "+db.role, "GRANT UPDATE (title) ON staff TO "+db.role, "GRANT INSERT ON phones TO "+db.role)
	db.limitTo()
	const types = "types: {staff: {table: staff, anchor: [id], values: {phone: {table: phones, owner: [owner], value: phone}}}}\n"
	add := connector.Change{Verb: connector.Add, Type: "staff", Mods: []connector.Mod{values("id", "1"), values("title", "Clerk")}}
	update := connector.Change{Verb: connector.Update, Type: "staff", Anchor: "1", Mods: []connector.Mod{
		values("title", "Clerk"), values("fax", "100"),
		{Op: connector.AddValues, Name: "phone", Values: object.Set(object.Str("200"))},
	}}
	drop := connector.Change{Verb: connector.Update, Type: "staff", Anchor: "1", Mods: []connector.Mod{{Op: connector.DropValues, Name: "phone", Values: object.Set(object.Str("200"))}}}
	c := db.open(t, types)
	for _, x := range []struct {
		what   string
		change connector.Change
		want   []string
	}{
		{"add", add, []string{"@account: we may not add rows to staff"}},
		{"update", update, []string{"fax: we may not write it"}},
		{"drop", drop, []string{"phone: we may not write it"}},
		{"delete", connector.Change{Verb: connector.Remove, Type: "staff", Anchor: "1"}, []string{"@account: we may not delete rows of staff"}},
	} {
		if got := probed(t, c, x.change); !slices.Equal(got, x.want) {
			t.Errorf("%s: %q, want %q", x.what, got, x.want)
		}
	}

	db.exec(t, "GRANT ALL ON staff, phones TO "+db.role)
	c = db.open(t, types)
	for _, change := range []connector.Change{add, update, drop} {
		if got := probed(t, c, change); len(got) > 0 {
			t.Errorf("%s is permitted by now, and objected to: %q", change.Verb, got)
		}
	}
	db.exec(t, "ALTER ROLE "+db.role+" SET default_transaction_read_only = on")
	if got := probed(t, db.open(t, types), update); len(got) != 3 {
		t.Errorf("nobody may write, and the objections are %q", got)
	}
}

// TestProbeFile asks about an SQLite file that may only be read.
func TestProbeFile(t *testing.T) {
	if connectortest.AsNobody(t) {
		return
	}
	dir := filepath.Join(t.TempDir(), "data")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "staff.db")
	db := newSQLiteAt(t, file)
	db.exec(t, "PRAGMA journal_mode = delete", "CREATE TABLE staff (id text primary key, title text)")
	c := db.open(t, "types: {staff: {table: staff, anchor: [id]}}\n")
	update := connector.Change{Verb: connector.Update, Type: "staff", Anchor: "1", Mods: []connector.Mod{values("title", "Clerk")}}
	if got := probed(t, c, update); len(got) > 0 {
		t.Errorf("it is permitted, and objected to: %q", got)
	}
	for _, path := range []string{file, dir} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, info.Mode()&^0o222); err != nil {
			t.Fatal(err)
		}
		if got, want := probed(t, c, update), []string{"@account: we may not write the database's file, or in its folder"}; !slices.Equal(got, want) {
			t.Errorf("%s may only be read: %q, want %q", path, got, want)
		}
		if err := os.Chmod(path, info.Mode()); err != nil {
			t.Fatal(err)
		}
	}
}

// TestUnique holds what the catalogue says of columns that no two rows share.
func TestUnique(t *testing.T) {
	for name, make := range map[string]func(*testing.T) *world{"sqlite": newSQLite, "postgres": newPostgres} {
		t.Run(name, func(t *testing.T) {
			db := make(t)
			db.exec(t, "CREATE TABLE staff (id text primary key, mail text unique, site text, badge text, phone text, fax text, unique (site, badge))",
				"CREATE UNIQUE INDEX by_phone ON staff (phone)", "CREATE UNIQUE INDEX by_fax ON staff (fax) WHERE site = 'x'",
				"CREATE UNIQUE INDEX by_badge ON staff (lower(badge))", "CREATE INDEX by_site ON staff (site)")
			d, err := db.open(t, "types: {staff: {table: staff, anchor: [id]}}\n").Describe(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, a := range d.Schema.Types[0].Attributes {
				if a.Unique {
					got = append(got, a.Name)
				}
			}
			if want := []string{"id", "mail", "phone"}; !slices.Equal(got, want) {
				t.Errorf("unique are %v, want %v", got, want)
			}
		})
	}
}
