package app

import (
	stdsql "database/sql"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	ldap3 "github.com/go-ldap/ldap/v3"

	"muster/internal/demo/ldapserver"
	"muster/internal/sync/run"
	"muster/internal/testserver/postgres"
	"muster/internal/testserver/slapd"
)

// estate has rules from a file to a directory and a database.
const estate = `settings: {store: "sqlite:muster.db", secrets: secrets}
---
connector: hr
kind: csv
files:
- {file: people.csv, type: person, anchor: [emp], columns: {emp: string, first: string, last: string, title: string, fax: string}}
---
connector: dir
kind: ldap
url: %s
allowClear: true
bindDN: %s
password: dir-password
bases: ["dc=example,dc=test"]
types: {person: [inetOrgPerson]}
---
connector: db
kind: sql
database: postgresql
host: %s
port: %d
name: postgres
user: limited
types: {account: {table: accounts, anchor: [uid], columns: [uid, mail, title, fax], attributes: {uid: string, mail: string, title: string, fax: string}}}
---
metaverse: person
attributes: {employeeID: string, first: string, last: string, title: string, fax: string}
---
rule: hr-in
from: hr/person
to: person
project: true
flows: {employeeID: attr.emp, first: attr.first, last: attr.last, title: attr.title, fax: attr.fax}
---
rule: person-dir
from: person
to: dir/person
exists: 'has(mv.employeeID)'
dn: '"cn=" + escape(mv.first) + ",ou=people,dc=example,dc=test"'
flows: {sn: mv.last, title: mv.title}
---
rule: person-db
from: person
to: db/account
exists: 'has(mv.employeeID)'
flows: {uid: mv.employeeID, mail: 'lower(mv.first) + "@example.test"', title: mv.title, fax: mv.fax}
`

// TestObjectionsComeTrue asks an OpenLDAP and a PostgreSQL about a plan, and then
// carries it out: what was objected to is refused, and nothing else is.
func TestObjectionsComeTrue(t *testing.T) {
	if testing.Short() {
		t.Skip("starts servers")
	}
	t.Parallel()
	directory, database := aDirectory(t), aDatabase(t)
	dir := folder(t, fmt.Sprintf(estate, directory.URL, slapd.RootDN, database.Socket, database.Port))
	write(t, dir, "people.csv", `emp,first,last,title,fax
1,Anna,Berg,Clerk,
2,Printer,Okafor,Clerk,
3,Cleo,,Clerk,
4,Dan,Hill,Keeper of the northern harbour,
5,Eve,Sand,Clerk,
6,Finn,Ode,Clerk,100
`)
	if err := os.Mkdir(filepath.Join(dir, "secrets"), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, dir, "secrets/dir-password", slapd.Password)
	s, err := Open(t.Context(), Options{Dir: dir, Create: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	did := func(rep *run.StepReport, err error) *run.StepReport {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return rep
	}
	did(s.Import(t.Context(), "hr", true))
	shown, err := s.Ask(t.Context(), did(s.Sync(t.Context(), run.SyncOptions{Preview: true})).Plan, run.Page{})
	if err != nil || len(shown.Unasked) > 0 {
		t.Fatalf("not asked: %v, %v", shown, err)
	}
	var got []string
	for _, u := range shown.Units {
		for i := range u.Changes {
			if c := &u.Changes[i]; len(c.Objections) > 0 {
				got = append(got, u.Object.Founder+" "+c.Line()+" ["+strings.Join(c.Objections, "; ")+"]")
			}
		}
	}
	slices.Sort(got)
	want := []string{
		`hr/2 dir.dn: none -> "cn=Printer,ou=people,dc=example,dc=test" [the name is taken]`,
		`hr/3 dir: add person [sn is required]`,
		`hr/4 db.title: none -> "Keeper of the northern harbour" [30 of at most 10 characters]`,
		`hr/5 db.mail: none -> "eve@example.test" [another object has it]`,
		`hr/6 db.fax: none -> "100" [we may not write it]`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("objections:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	did(s.Sync(t.Context(), run.SyncOptions{}))
	for connector, refused := range map[string]int64{"dir": 2, "db": 3} {
		rep := did(s.Export(t.Context(), connector))
		if rep.Counters["export-failure"] != refused || rep.Counters["export-add"] != 6-refused {
			t.Errorf("%s: %v, %+v", connector, rep.Counters, rep.Errors)
		}
	}
}

// aDirectory starts an OpenLDAP with a container and something in the way.
func aDirectory(t *testing.T) *slapd.Server {
	t.Helper()
	certs, err := ldapserver.NewCertificates(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	s, err := slapd.Start(slapd.Options{CA: certs.CA, Cert: certs.Cert, Key: certs.Key})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	admin, err := ldap3.DialURL(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	if err := admin.Bind(slapd.RootDN, slapd.Password); err != nil {
		t.Fatal(err)
	}
	add := func(dn string, class string, attrs map[string]string) {
		r := ldap3.NewAddRequest(dn, nil)
		r.Attribute("objectClass", strings.Fields(class))
		for name, v := range attrs {
			r.Attribute(name, []string{v})
		}
		if err := admin.Add(r); err != nil {
			t.Fatalf("%s: %v", dn, err)
		}
	}
	add(slapd.Suffix, "dcObject organization", map[string]string{"o": "Example"})
	add("ou=people,"+slapd.Suffix, "organizationalUnit", nil)
	add("cn=Printer,ou=people,"+slapd.Suffix, "organizationalRole", nil)
	return s
}

// aDatabase starts a PostgreSQL with a table in which an account may write all
// but one column.
func aDatabase(t *testing.T) *postgres.Server {
	t.Helper()
	s, err := postgres.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	db, err := stdsql.Open("pgx", fmt.Sprintf("host=%s port=%d user=%s dbname=postgres sslmode=disable", s.Socket, s.Port, s.User))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, statement := range []string{
		"CREATE TABLE accounts (uid text primary key, mail text unique, title varchar(10), fax text)",
		"INSERT INTO accounts VALUES ('x', 'eve@example.test')", "CREATE ROLE limited LOGIN",
		"GRANT SELECT, INSERT (uid, mail, title), UPDATE (mail, title), DELETE ON accounts TO limited",
	} {
		if _, err := db.Exec(statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	return s
}
