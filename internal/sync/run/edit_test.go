package run_test

import (
	"context"
	"fmt"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"muster/internal/base/object"
	"muster/internal/sync/run"
)

// portalEstate lets people edit phones and make groups.
const portalEstate = `
connector: hr
kind: memory
types: {employee: {emp: string, name: string, title: string}}
---
connector: dir
kind: memory
tree: true
givesAnchors: true
roots: ["ou=people,o=x", "ou=groups,o=x"]
types:
  user: {cn: string, uid: {kind: string, folded: true}, phone: string, title: string}
  group: {cn: string, member: {kind: ref, multi: true, byDN: true}}
---
metaverse: person
attributes: {employeeID: string, displayName: string, accountName: string, title: string, phone: {type: string, editable: true}}
---
metaverse: group
attributes: {name: {type: string, editable: true}, member: {type: ref, multi: true, editable: true}}
---
rule: hr-person
from: hr/employee
to: person
join: [{on: {employeeID: attr.emp}}]
project: true
flows: {employeeID: attr.emp, displayName: attr.name, title: attr.title, accountName: 'unique(lower(attr.name), n, base + string(n))'}
---
rule: portal-person
from: portal/person
to: person
flows: {phone: attr.phone}
---
rule: portal-group
from: portal/group
to: group
project: true
flows: {name: attr.name, member: attr.member}
---
rule: person-dir
from: person
to: dir/user
exists: has(mv.accountName)
dn: '"uid=" + escape(mv.accountName) + ",ou=people,o=x"'
flows: {cn: mv.displayName, phone: mv.phone, title: mv.title}
---
rule: group-dir
from: group
to: dir/group
exists: has(mv.name)
dn: '"cn=" + escape(mv.name) + ",ou=groups,o=x"'
flows: {cn: mv.name, member: mv.member}
`

// staff is how many people there are: enough for deciding and accepting to take
// many transactions.
const staff = 2000

// TestEditsBesideASynchronization lets people edit while everybody is decided
// and accepted, at every moment of it, and looks whether both came out whole.
func TestEditsBesideASynchronization(t *testing.T) {
	onBoth(t, editBeside)
}

func editBeside(t *testing.T, dsn string) {
	ctx := context.Background()
	b := benchOf(t, portalEstate, dsn)
	tell := func(title string) {
		for i := range staff {
			b.put("employee", strconv.Itoa(i), "emp", strconv.Itoa(i), "name", fmt.Sprintf("name%04d", i), "title", title)
		}
		b.step(b.r.Import(ctx, "hr", true))
	}
	tell("old")
	b.step(b.r.Sync(ctx, run.SyncOptions{Full: true}))
	tell("new")

	// Edits follow one another while the synchronization goes on.
	var phase atomic.Value
	phase.Store("")
	ended := make(chan error, 1)
	edited := make(chan string) // what the synchronization did when an edit began that is done now
	bulk := b.runner(func(e run.Event) {
		if phase.Swap(e.Phase) == e.Phase || e.Phase != "decide" && e.Phase != "accept" {
			return
		}
		for wait := time.After(time.Minute); ; { // so that somebody edits meanwhile, however slow the machine
			select {
			case at := <-edited:
				if at == e.Phase {
					return
				}
			case <-wait:
				return
			}
		}
	})
	go func() {
		_, err := bulk.Sync(ctx, run.SyncOptions{Full: true})
		ended <- err
	}()
	phones, groups, met := map[int]string{}, map[string]int{}, map[string]int{}
	edit := func(e run.Edit) {
		t.Helper()
		if _, err := b.r.Edit(ctx, e, run.Decision{By: "anna"}); err != nil {
			t.Fatal(err)
		}
	}
	var err error
	for n, going := 0, true; going; n++ {
		select {
		case err = <-ended:
			going = false
		default:
		}
		i := n * 7919 % staff
		at, _ := phase.Load().(string)
		met[at]++
		who := "person hr/" + strconv.Itoa(i)
		if phones[i] = strconv.Itoa(n + 1); n%5 == 4 {
			g := "g" + strconv.Itoa(n)
			groups[g] = i
			edit(run.Edit{Do: run.EditNew, Type: "group", Name: g, Values: []run.EditValue{{Name: "name", Op: run.SetValues, Values: []string{g}}, {Name: "member", Op: run.SetValues, Values: []string{who}}}})
		}
		edit(run.Edit{Do: run.EditChange, Object: who, Values: []run.EditValue{{Name: "phone", Op: run.SetValues, Values: []string{phones[i]}}}})
		select {
		case edited <- at:
		default:
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	if met["decide"] == 0 || met["accept"] == 0 {
		t.Errorf("nobody edited while it decided, or while it accepted: %v", met)
	}
	t.Logf("edits by what the synchronization did: %v", met)

	// What it left out is decided again; then nothing is left to do.
	b.step(b.r.Sync(ctx, run.SyncOptions{}))
	if rep := b.step(b.r.Sync(ctx, run.SyncOptions{Full: true})); rep.Counters["units"] != 0 {
		t.Errorf("a full synchronization afterwards changes %d objects", rep.Counters["units"])
	}
	b.step(b.r.Export(ctx, "dir"))
	dir := map[string]object.Record{}
	for _, rec := range b.sys.System("dir", nil).Read() {
		dir[rec.DN] = rec
	}
	dn := func(i int) string { return fmt.Sprintf("uid=name%04d,ou=people,o=x", i) }
	if len(dir) != staff+len(groups) {
		t.Errorf("the directory has %d objects, not %d", len(dir), staff+len(groups))
	}
	for i := range staff {
		a := dir[dn(i)].Attrs
		if title, phone := a.Get("title").String(), a.Get("phone").String(); title != "new" || phone != phones[i] {
			t.Errorf("person hr/%d has the title %q and the phone %q, not new and %q", i, title, phone, phones[i])
		}
	}
	for g, i := range groups {
		if got := dir["cn="+g+",ou=groups,o=x"].Attrs.Get("member").String(); got != dn(i) {
			t.Errorf("group %s has the members %q, not %q", g, got, dn(i))
		}
	}
}

// step insists that a step ended well.
func (b *bench) step(rep *run.StepReport, err error) *run.StepReport {
	b.t.Helper()
	if err != nil || len(rep.Errors) > 0 || len(rep.Guards) > 0 || rep.Counters["held"] > 0 {
		if rep != nil {
			rep.Errors = rep.Errors[:min(3, len(rep.Errors))]
		}
		b.t.Fatalf("%v: %+v", err, rep)
	}
	return rep
}
