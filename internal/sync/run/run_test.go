package run_test

import (
	"context"
	"os"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"muster/internal/base/config"
	"muster/internal/base/object"
	"muster/internal/base/secret"
	"muster/internal/store"
	"muster/internal/store/storetest"
	"muster/internal/sync/connector"
	"muster/internal/sync/connector/memory"
	"muster/internal/sync/run"
)

const estate = `
connector: hr
kind: memory
types:
  employee: {emp: string, first: string, last: string, boss: ref, phone: string}
  team: {name: string, member: {kind: ref, multi: true}}
---
connector: dir
kind: memory
tree: true
givesAnchors: true
roots: ["ou=people,o=x", "ou=teams,o=x"]
types:
  user: {cn: string, uid: {kind: string, folded: true}, phone: string, manager: {kind: ref, byDN: true}}
  group: {cn: string, member: {kind: ref, multi: true, required: true, byDN: true}}
---
metaverse: person
attributes: {employeeID: string, displayName: string, accountName: string, phone: string, manager: ref}
---
metaverse: group
attributes: {name: string, member: {type: ref, multi: true}}
---
rule: hr-person
from: hr/employee
to: person
join: [{on: {employeeID: attr.emp}}]
project: true
flows:
  employeeID: attr.emp
  displayName: 'attr.first + " " + attr.last'
  accountName: 'unique(lower(left(attr.first, 1) + attr.last), n, base + string(n))'
  phone: attr.phone
  manager: attr.boss
---
rule: hr-team
from: hr/team
to: group
project: true
flows: {name: attr.name, member: attr.member}
---
rule: person-dir
from: person
to: dir/user
exists: 'has(mv.accountName) && !after(missingSince, duration("48h"))'
dn: '"uid=" + escape(mv.accountName) + ",ou=people,o=x"'
flows: {cn: mv.displayName, uid: mv.accountName, phone: mv.phone, manager: mv.manager}
---
rule: team-dir
from: group
to: dir/group
exists: has(mv.name)
dn: '"cn=" + escape(mv.name) + ",ou=teams,o=x"'
flows: {cn: mv.name, member: mv.member}
---
profile: nightly
steps: [{import: hr, full: true}, {sync: delta}, {export: dir}, {import: dir, full: true}, {sync: delta}]
`

type bench struct {
	t   *testing.T
	sys *memory.Systems
	r   *run.Runner
	now time.Time
	cfg *run.Config

	store *store.Store
}

func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }

func newBench(t *testing.T) *bench { return benchOf(t, estate, storetest.SQLite(t)) }

// onBoth runs a test on an empty store of each database.
func onBoth(t *testing.T, fn func(t *testing.T, dsn string)) {
	for name, fresh := range map[string]func(testing.TB) string{"SQLite": storetest.SQLite, "PostgreSQL": storetest.Postgres} {
		t.Run(name, func(t *testing.T) { fn(t, fresh(t)) })
	}
}

func benchOf(t *testing.T, estate, dsn string) *bench {
	t.Helper()
	b := &bench{t: t, sys: &memory.Systems{}, now: time.Date(2027, 3, 1, 8, 0, 0, 0, time.UTC)}
	kinds := []connector.Kind{memory.Kind(b.sys)}
	tree, problems := config.Load(fstest.MapFS{"all.yaml": {Data: []byte(estate)}}, run.Sections(kinds))
	if len(problems) > 0 {
		t.Fatal(problems.Error())
	}
	cfg, problems := run.Check(tree, kinds, nil)
	if len(problems) > 0 {
		t.Fatal(problems.Error())
	}
	b.cfg = cfg
	s, err := store.Open(context.Background(), dsn, store.Options{Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	b.store = s
	b.r = b.runner(nil)
	for _, c := range cfg.Connectors {
		conn, err := c.Open(context.Background(), secret.Fixed{})
		if err != nil {
			t.Fatal(err)
		}
		conn.Close()
	}
	return b
}

func (b *bench) runner(watch func(run.Event)) *run.Runner {
	return run.New(b.store, b.cfg, run.Options{Now: func() time.Time { return b.now }, By: "tester", Secrets: secret.Fixed{}, Observe: watch, Workers: 2})
}

func (b *bench) put(typ, anchor string, pairs ...string) {
	rec := object.Record{Type: typ, Anchor: anchor}
	for i := 0; i < len(pairs); i += 2 {
		v := object.Str(pairs[i+1])
		if to, ok := strings.CutPrefix(pairs[i+1], "->"); ok {
			v = object.Reference(to)
		}
		rec.Attrs.Put(pairs[i], object.Set(append(append(object.Values{}, rec.Attrs.Get(pairs[i])...), v)...))
	}
	b.sys.System("hr", nil).Put(rec)
}

func (b *bench) nightly() *run.Report {
	b.t.Helper()
	rep, err := b.r.Run(context.Background(), "nightly")
	if err != nil {
		b.t.Fatalf("%v\n%+v", err, rep)
	}
	return rep
}

func (b *bench) dir() map[string]string {
	out := map[string]string{}
	for _, rec := range b.sys.System("dir", nil).Read() {
		var parts []string
		for _, a := range rec.Attrs {
			parts = append(parts, a.Name+"="+a.Values.String())
		}
		out[rec.DN] = strings.Join(parts, " | ")
	}
	return out
}

func TestNightly(t *testing.T) {
	b := newBench(t)
	b.put("employee", "1", "emp", "e1", "first", "Ann", "last", "Lee")
	b.put("employee", "2", "emp", "e2", "first", "Al", "last", "Lee", "boss", "->1", "phone", "22")
	b.put("team", "t", "name", "crew", "member", "->1", "member", "->2")
	rep := b.nightly()
	for _, s := range rep.Steps {
		t.Logf("%s %s: %s %v %v %s", s.Do, s.Connector, s.Result, s.Counters, s.Errors, s.Message)
	}
	want := map[string]string{
		"uid=alee,ou=people,o=x":  "cn=Ann Lee | uid=alee",
		"uid=alee2,ou=people,o=x": "cn=Al Lee | manager=uid=alee,ou=people,o=x | phone=22 | uid=alee2",
		"cn=crew,ou=teams,o=x":    "cn=crew | member=uid=alee,ou=people,o=x; uid=alee2,ou=people,o=x",
	}
	if d := cmp.Diff(want, b.dir()); d != "" {
		t.Fatalf("directory (-want +got):\n%s", d)
	}
	again := b.nightly()
	for _, s := range again.Steps {
		if s.Result != run.Success || s.Counters["units"] > 0 || s.Counters["export-update"]+s.Counters["export-add"] > 0 {
			t.Errorf("a second run does nothing: %s %s %s %v %v", s.Do, s.Connector, s.Result, s.Counters, s.Errors)
		}
	}
}
