package sql_test

import (
	"slices"
	"strings"
	"testing"

	"muster/internal/base/object"
	"muster/internal/base/secret"
	"muster/internal/sync/connector"
	"muster/internal/sync/connector/sql"
)

func hidden(s string) secret.Text { return secret.New(s) }

func TestCheck(t *testing.T) {
	const file = "database: sqlite\nfile: x.db\n"
	const server = "database: postgresql\nhost: db.example.com\nname: hr\nuser: muster\n"
	for _, x := range []struct{ text, want string }{
		{file + "types: {p: {table: p, anchor: [id]}}", ""},
		{file + "types: {p: {anchor: [id]}}", "give either a table or a select"},
		{file + "types: {p: {table: p, select: select 1, anchor: [id]}}", "give either a table or a select"},
		{file + "types: {p: {table: 'a..b', anchor: [id]}}", "empty"},
		{file + "types: {p: {select: 'select :x', anchor: [id]}}", "without parameters"},
		{file + "types: {p: {select: 'select 1; drop table p', anchor: [id]}}", "single statement"},
		{file + "types: {p: {table: p, anchor: [id]}, q: {table: q, anchor: [id]}}", "anchors must differ"},
		{file + "types: {p: {table: p, anchor: [id], prefix: a}, q: {table: q, anchor: [id], prefix: ab}}", "begins like"},
		{file + "types: {p: {table: p, anchor: [id], prefix: ''}, q: {table: q, anchor: [id], prefix: ''}}", ""},
		{file + "types: {p: {table: p, anchor: [id], prefix: '', delta: watermark, watermark: w}, q: {table: q, anchor: [id], prefix: ''}}", "all types or for none"},
		{file + "types: {p: {table: p, anchor: [id], attributes: {boss: {ref: q}}}}", "no type here"},
		{file + "types: {p: {table: p, anchor: [id], attributes: {boss: {ref: p, kind: int}}}}", "has no kind"},
		{file + "types: {p: {table: p, anchor: [id], values: {m: {table: m, owner: [a, b], value: v}}}}", "the owner 2"},
		{file + "types: {p: {table: p, anchor: [id], values: {m: {table: m, owner: [a], value: v, watermark: w}}}}", "needs one of the objects"},
		{file + "types: {p: {table: p, anchor: [id], update: 'update p set a = :a'}}", "which object it means"},
		{file + "types: {p: {table: p, anchor: [id], insert: 'insert into p values (:anchor)'}}", "no :anchor yet"},
		{file + "types: {p: {table: p, anchor: [id], setPassword: 'select f(:anchor)'}}", "does not use :password"},
		{file + "types: {p: {table: p, anchor: [a, b], assigned: true}}", "single column"},
		{server + "types: {p: {table: p, anchor: [id]}}", ""},
		{server + "tls: none\ntypes: {p: {table: p, anchor: [id]}}", "must be this machine"},
		{server + "tls: require\ntypes: {p: {table: p, anchor: [id]}}", "verify-full"},
		{server + "listen: x\ntypes: {p: {table: p, anchor: [id]}}", "no type has delta"},
		{strings.Replace(server, "db.example.com", "localhost", 1) + "tls: none\ntypes: {p: {table: p, anchor: [id]}}", ""},
		{strings.Replace(server, "db.example.com", "'::1'", 1) + "tls: none\ntypes: {p: {table: p, anchor: [id]}}", ""},
		{strings.Replace(server, "db.example.com", "127.0.0.1.evil.example", 1) + "tls: none\ntypes: {p: {table: p, anchor: [id]}}", "must be this machine"},
	} {
		_, err := section(t, x.text)
		if x.want == "" && err != nil || x.want != "" && (err == nil || !strings.Contains(err.Error(), x.want)) {
			t.Errorf("%s\n  %v, want %q", x.text, err, x.want)
		}
		if err != nil && !strings.Contains(err.Error(), "hr.yaml:") {
			t.Errorf("%s\n  the problem does not say where: %v", x.text, err)
		}
	}
}

func TestDeclaredSchema(t *testing.T) {
	s, err := section(t, "database: sqlite\nfile: x.db\ntypes: {p: {table: p, anchor: [id], columns: [id, n, b], attributes: {n: int, boss: {column: b, ref: p}}, values: {m: {table: m, owner: [a], value: v}}}}")
	if err != nil {
		t.Fatal(err)
	}
	schema, err := sql.Kind().Schema(s)
	want := object.Schema{Types: []object.Type{{Name: "p", Attributes: []object.Attribute{
		{Name: "boss", Kind: object.Ref}, {Name: "id", Kind: object.String}, {Name: "m", Kind: object.String, Multi: true}, {Name: "n", Kind: object.Int},
	}}}}
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "schema", schema, want)
}

func TestAbilitiesFollowSettings(t *testing.T) {
	db := newPostgres(t)
	db.exec(t, "CREATE TABLE p (id integer primary key, v integer)")
	const delta, password = ", delta: watermark, watermark: v", ", setPassword: 'select :anchor::integer, :password::text'"
	for more, want := range map[string][]connector.Ability{
		"":               {connector.Exports, connector.Finds, connector.Probes},
		delta:            {connector.ImportsChanges, connector.Exports, connector.Finds, connector.Waits, connector.Probes},
		password:         {connector.Exports, connector.Finds, connector.SetsPasswords, connector.Probes},
		delta + password: {connector.ImportsChanges, connector.Exports, connector.Finds, connector.SetsPasswords, connector.Waits, connector.Probes},
	} {
		c := db.open(t, "types: {p: {table: p, anchor: [id]"+more+"}}\n")
		if got := connector.Abilities(c); !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", more, got, want)
		}
	}
}
