package crashtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing/fstest"
	"time"

	"muster/internal/base/config"
	"muster/internal/base/object"
	"muster/internal/base/secret"
	"muster/internal/store"
	"muster/internal/store/db"
	"muster/internal/sync/connector"
	"muster/internal/sync/connector/csv"
	"muster/internal/sync/run"
)

var ctx = context.Background()

// estate is the configuration: HR's files and the badge office's in, a
// directory out. It has one of everything that deciding leaves behind: links,
// unique names, initial values, references, a population that is protected,
// and a join that may match several.
const estate = `
connector: hr
kind: csv
gate: {fewer: 100, nulls: 100}
files:
- file: "%[1]s/people.csv"
  type: employee
  anchor: [emp]
  columns: {emp: string, first: string, last: string, title: string, boss: ref}
- file: "%[1]s/teams.csv"
  type: team
  anchor: [team]
  columns: {team: string, name: string}
  members: [{file: "%[1]s/members.csv", owner: team, value: emp, attribute: member}]
---
connector: badge
kind: csv
gate: {fewer: 100, nulls: 100}
file: "%[1]s/badges.csv"
type: card
anchor: [card]
columns: {card: string, name: string, phone: string}
---
connector: dir
kind: ledger
folder: "%[1]s"
finds: %[2]t
tree: true
checkRefs: true
gate: {fewer: 100, nulls: 100}
exportBatch: %[3]d
roots: ["ou=people,o=x", "ou=teams,o=x"]
types:
  user: {emp: string, cn: string, uid: string, title: {kind: string, length: 30}, phone: string, note: string, manager: {kind: ref, byDN: true}, userPassword: {kind: string, writeOnly: true}}
  group: {cn: string, member: {kind: ref, multi: true, byDN: true}}
---
guard: generous
connector: dir
type: user
deletes: {count: 1000, percent: 100}
renames: {count: 1000, percent: 100}
overwrites: {count: 10000, percent: 100}
---
guard: groups
connector: dir
type: group
removals: {count: 10000, percent: 100}
---
metaverse: person
attributes: {employeeID: string, displayName: string, accountName: string, title: string, phone: string, manager: ref}
---
metaverse: group
attributes: {name: string, member: {type: ref, multi: true}}
---
protect: board
type: person
if: 'mv.title == "Chairwoman"'
---
rule: hr-person
from: hr/employee
to: person
join: [{on: {employeeID: attr.emp}}]
project: true
missing: recall
flows:
  employeeID: attr.emp
  displayName: 'attr.first + " " + attr.last'
  accountName: 'unique(lower(left(attr.first, 1) + attr.last), n, base + string(n))'
  title: attr.title
  manager: attr.boss
---
rule: hr-team
from: hr/team
to: group
project: true
missing: recall
flows: {name: attr.name, member: attr.member}
---
rule: badge-person
from: badge/card
to: person
join: [{on: {displayName: attr.name}}]
flows: {phone: attr.phone}
---
rule: person-dir
from: person
to: dir/user
exists: has(mv.accountName) && has(mv.employeeID)
dn: '"uid=" + escape(mv.accountName) + ",ou=people,o=x"'
initial: {userPassword: password(), note: '"Welcome, " + mv.displayName'}
flows: {emp: mv.employeeID, cn: mv.displayName, uid: mv.accountName, title: mv.title, phone: mv.phone, manager: mv.manager}
---
rule: team-dir
from: group
to: dir/group
exists: has(mv.name)
dn: '"cn=" + escape(mv.name) + ",ou=teams,o=x"'
flows: {cn: mv.name, member: mv.member}
---
# what runs each night
profile: nightly
steps: [{import: hr}, {import: badge}, {sync: delta}, {export: dir}, {import: dir, full: true}, {sync: delta}]
---
# the same for who wants to see first what the directory says
profile: careful
steps: [{import: hr, full: true}, {import: badge, full: true}, {import: dir, full: true}, {sync: delta}, {export: dir}, {import: dir, full: true}, {sync: delta}]
`

// day is the moment at which the n-th day's work is done.
func day(n int) time.Time {
	return time.Date(2027, 3, 1, 22, 0, 0, 0, time.UTC).Add(time.Duration(n-1) * 25 * time.Hour)
}

// journal is where the directory of the place keeps its journal.
func (p place) journal() string { return filepath.Join(p.Dir, "dir.journal") }

// has tells a trait of the place: "finds", its directory lets objects be looked
// up; "large", it has many people.
func (p place) has(trait string) bool {
	_, err := os.Stat(filepath.Join(p.Dir, trait))
	return err == nil
}

// configure reads the configuration of the place.
func (p place) configure(v *visitor) (*run.Config, error) {
	kinds := []connector.Kind{csv.Kind(), ledgerKind(v)}
	batch := 4
	if p.has("large") {
		batch = 50
	}
	text := fmt.Sprintf(estate, filepath.ToSlash(p.Dir), p.has("finds"), batch)
	tree, problems := config.Load(fstest.MapFS{"all.yaml": {Data: []byte(text)}}, run.Sections(kinds))
	if len(problems) > 0 {
		return nil, problems.Err()
	}
	cfg, problems := run.Check(tree, kinds, nil)
	return cfg, problems.Err()
}

// work opens the place as a process that is told o and v, and calls fn.
func (p place) work(o store.Options, v *visitor, observe func(run.Event), n int, fn func(*store.Store, *run.Runner) error) error {
	cfg, err := p.configure(v)
	if err != nil {
		return err
	}
	s, err := store.Open(ctx, p.DSN, o)
	for owned := (*db.OwnedError)(nil); errors.As(err, &owned); { // by a process that is being started, for a moment
		runtime.Gosched()
		s, err = store.Open(ctx, p.DSN, o)
	}
	if err != nil {
		return err
	}
	defer s.Close()
	now := func() time.Time { return day(n) }
	return fn(s, run.New(s, cfg, run.Options{Now: now, By: "night", Secrets: secret.Fixed{}, Observe: observe, Batch: 100}))
}

// ledger opens the directory of the place without Muster.
func (p place) ledger() (*ledger, error) {
	cfg, err := p.configure(idle())
	if err != nil {
		return nil, err
	}
	return openLedger(ctx, p.journal(), cfg.Tree.Section("connector", "dir"), idle())
}

// records are what the directory of the place holds.
func (p place) records() ([]object.Record, error) {
	l, err := p.ledger()
	if err != nil {
		return nil, err
	}
	return l.system.Read(), l.Close()
}

// carryOut does the job in this process.
func (j *job) carryOut() error {
	f := &fuse{at: j.Die}
	if j.Points != "" {
		file, err := os.Create(j.Points)
		if err != nil {
			return err
		}
		defer file.Close()
		f.told = file
	}
	f.phase = func(string) {}
	if j.Phases {
		f.phase = tell(os.NewFile(3, "phases"))
	}
	v := &visitor{point: f.point, phase: f.phase, hang: j.Hang}
	o := store.Options{Before: f.before, After: f.after}
	return j.Place.work(o, v, func(e run.Event) { f.phase(phaseOf(e)) }, j.Day, func(_ *store.Store, r *run.Runner) error {
		return whole(r, j.Profile)
	})
}

// phaseOf says in which of our phases a run is.
func phaseOf(e run.Event) string {
	if e.Phase == "link" {
		return "decide"
	}
	return e.Phase
}

// tell writes the phases that a process goes through, each at its beginning.
func tell(w io.Writer) func(string) {
	var mu sync.Mutex
	last := ""
	return func(name string) {
		mu.Lock()
		defer mu.Unlock()
		if name != last {
			fmt.Fprintln(w, name) //nolint:errcheck // the parent reads or is gone
		}
		last = name
	}
}

// whole runs a profile, all of whose steps must be reached. What systems refuse
// is no error here: the organisation has such people.
func whole(r *run.Runner, profile string) error {
	rep, err := r.Run(ctx, profile)
	if err != nil {
		return err
	}
	last := rep.Steps[len(rep.Steps)-1]
	if !last.Result.GoesOn() {
		return fmt.Errorf("%s %s: %s %s", last.Do, last.Connector, last.Result, last.Message)
	}
	return nil
}

// files are what the systems outside hold on one day.
type files map[string]string

func (f files) write(dir string) error {
	for name, text := range f {
		var b strings.Builder
		for line := range strings.Lines(text) {
			if line = strings.TrimSpace(line); line != "" {
				b.WriteString(line + "\n")
			}
		}
		// Renamed into place, as a careful export of HR does.
		if err := os.WriteFile(filepath.Join(dir, name+".new"), []byte(b.String()), 0o600); err != nil {
			return err
		}
		if err := os.Rename(filepath.Join(dir, name+".new"), filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return nil
}
