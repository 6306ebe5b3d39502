package engine

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"muster/internal/base/object"
	"muster/internal/sync/rules"
)

func text(in rules.Input, space, name string) string { return in.Values(space, name).First().Text() }

// people is a small set of rules: HR founds persons, badge joins them, a
// directory gets an account a person, teams get their members.
func people() *rules.Set {
	str := func(n string) *rules.Attribute {
		return &rules.Attribute{Attribute: object.Attribute{Name: n, Kind: object.String}, Folded: true}
	}
	person := &rules.Type{Name: "person", Attributes: map[string]*rules.Attribute{"emp": str("emp"), "name": str("name"), "login": str("login"), "phone": str("phone"),
		"boss": {Attribute: object.Attribute{Name: "boss", Kind: object.Ref}}}}
	person.Attributes["emp"].Key, person.Attributes["login"].Unique = true, true
	group := &rules.Type{Name: "group", Attributes: map[string]*rules.Attribute{"name": str("name"), "member": {Attribute: object.Attribute{Name: "member", Kind: object.Ref, Multi: true}}}}
	return &rules.Set{
		Connectors: []*rules.Connector{{Name: "badge"}, {Name: "dir"}, {Name: "hr"}},
		Types:      map[string]*rules.Type{"person": person, "group": group},
		Inbound: []*rules.Inbound{
			{Name: "badge-in", Connector: "badge", From: "card", To: "person", Joins: []rules.Join{{Keys: []rules.Key{{Attr: "emp", Value: attr("emp")}}}},
				Flows: []rules.Inflow{{Attr: "phone", Value: attr("phone"), Rank: 1}}},
			{Name: "hr-in", Connector: "hr", From: "employee", To: "person", Project: true, Joins: []rules.Join{{Keys: []rules.Key{{Attr: "emp", Value: attr("emp")}}}},
				Flows: []rules.Inflow{{Attr: "emp", Value: attr("emp")}, {Attr: "name", Value: attr("name")}, {Attr: "phone", Value: attr("phone"), Rank: 2}, {Attr: "boss", Value: attr("boss")},
					{Attr: "login", Value: calc(func(in rules.Input) string { return object.Fold(text(in, "attr", "name")) }),
						Unique: &rules.Unique{Candidate: func(_ rules.Input, wish string, n int64) (string, error) { return wish + string(rune('0'+n)), nil }}}}},
			{Name: "team-in", Connector: "hr", From: "team", To: "group", Project: true,
				Flows: []rules.Inflow{{Attr: "name", Value: attr("name")}, {Attr: "member", Value: attr("member")}}},
		},
		Outbound: []*rules.Outbound{
			{Name: "person-dir", From: "person", Connector: "dir", To: "user",
				Exists: when(func(in rules.Input) bool {
					since, gone := in.MissingSince()
					if gone {
						in.Due(since.Add(48 * time.Hour))
					}
					return len(in.Values("mv", "login")) > 0 && (!gone || in.Now().Before(since.Add(48*time.Hour)))
				}),
				DN: calc(func(in rules.Input) string { return "cn=" + text(in, "mv", "login") }),
				Flows: []rules.Outflow{{Attr: "cn", Value: mv("name"), From: "name", OwnRank: -1}, {Attr: "phone", Value: mv("phone"), From: "phone", OwnRank: -1},
					{Attr: "boss", Value: mv("boss"), From: "boss", Ref: true, OwnRank: -1}}},
			{Name: "group-dir", From: "group", Connector: "dir", To: "group", Exists: when(func(in rules.Input) bool { return len(in.Values("mv", "name")) > 0 }),
				DN:    calc(func(in rules.Input) string { return "cn=" + text(in, "mv", "name") }),
				Flows: []rules.Outflow{{Attr: "member", Value: mv("member"), From: "member", Ref: true, OwnRank: -1}}},
		},
	}
}

func same(t *testing.T, want, got []string) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("plan (-want +got):\n%s", d)
	}
}

func TestBirthLinksAccountsAndReferences(t *testing.T) {
	for _, batch := range []int{1, 7, 10_000} {
		w := newWorld(people())
		w.show("hr", "employee", "1", "emp", "e1", "name", "Ann")
		w.show("hr", "employee", "2", "emp", "e2", "name", "Ann", "boss", "->1")
		w.show("hr", "team", "t", "name", "crew", "member", "->1", "member", "->2")
		w.show("badge", "card", "b2", "emp", "E2", "phone", "22")
		lines := w.run(t, batch)
		got := map[string]bool{}
		for _, l := range lines {
			got[l] = true
		}
		for _, want := range []string{
			"hr/1: birth person", "hr/1: hr link 1", `hr/1: value login "" -> "ann"`, "hr/1: dir account added user",
			`hr/2: value login "" -> "ann2"`, `hr/2: value phone "" -> "22"`, "hr/2: badge link b2", "hr/2: reference added boss hr/1",
			"hr/2: dir account reference added boss hr/1", `hr/2: dir rename @dn "" -> "cn=ann2"`,
			"hr/t: dir account reference added member hr/1", "hr/t: dir account reference added member hr/2", "hr/t: reference added member hr/2",
		} {
			if !got[want] {
				t.Errorf("batch %d: %q is not in the plan:\n%v", batch, want, lines)
			}
		}
		same(t, nil, w.run(t, batch))
	}
}

func TestLeaverThroughStages(t *testing.T) {
	w := newWorld(people())
	w.show("hr", "employee", "1", "emp", "e1", "name", "Ann")
	w.run(t, 10)
	w.show("dir", "user", "g1") // the account, as an import shows it
	e := w.entries[Begin(w.set, Trigger{}).accountOf(w, "hr", "1")]
	delete(w.entries, e.ID)
	shown := w.show("dir", "user", "g1", "cn", "Ann")
	shown.Link, shown.DN = e.Link, "cn=ann"
	same(t, nil, w.run(t, 10))
	w.now = w.now.Add(time.Hour)
	w.entries[entryID("hr", "1")].Missing = w.now
	r := w.decide(t, 10)
	if len(r.Verdicts) != 1 || r.Verdicts[0].Unit != nil || !r.Verdicts[0].Due.Equal(w.now.Add(48*time.Hour)) {
		t.Fatalf("a missing person changes nothing yet and is due in 48 h: %+v", r.Verdicts[0])
	}
	w.now = w.now.Add(48 * time.Hour)
	same(t, []string{"hr/1: dir account deleted user"}, w.run(t, 10))
	w.show("hr", "employee", "1", "emp", "e1", "name", "Ann")
	same(t, []string{"hr/1: dir account added user"}, w.run(t, 10))
	if len(shownPending(w, "g1")) != 0 {
		t.Errorf("a deletion not sent is taken back: %v", shownPending(w, "g1"))
	}
}

// TestBasisNamesEachVersionOnce lets one be read through a reference by himself
// and by another.
func TestBasisNamesEachVersionOnce(t *testing.T) {
	set := people()
	set.Outbound[0].Flows = append(set.Outbound[0].Flows, rules.Outflow{Attr: "chief", OwnRank: -1, Value: say{
		reads: []rules.Read{{Attr: "name", Ref: "boss"}},
		fn:    func(in rules.Input) object.Values { return in.Through("mv", "boss", "name") }}})
	w := newWorld(set)
	w.show("hr", "employee", "1", "emp", "e1", "name", "Ann", "boss", "->1")
	w.show("hr", "employee", "2", "emp", "e2", "name", "Ben", "boss", "->1")
	read := 0
	for _, v := range w.decide(t, 10).Verdicts {
		seen := map[Basis]bool{}
		for _, b := range v.Unit.Basis {
			if b.Object && b.ID != v.Object {
				read++
			}
			if seen[b] {
				t.Errorf("%s rests on %+v twice", w.label(v.Object), b)
			}
			seen[b] = true
		}
	}
	if read != 1 {
		t.Errorf("%d objects are read by others, want 1: Ann by Ben", read)
	}
}

// TestWhomAPersonLinkedSeeksWhenTheObjectEnds ends the object to which a person
// linked a badge: the same plan links it as rules say (LINK-22).
func TestWhomAPersonLinkedSeeksWhenTheObjectEnds(t *testing.T) {
	set := people()
	set.Inbound[1].Recall = true
	set.Types["person"].Any = map[string]bool{"hr": true}
	w := newWorld(set)
	w.show("hr", "employee", "1", "emp", "e1", "name", "Ann")
	w.show("hr", "employee", "2", "emp", "e2", "name", "Ben")
	w.run(t, 10)
	card := w.show("badge", "card", "b", "emp", "e2", "phone", "22")
	card.Link, card.Explicit = w.entries[entryID("hr", "1")].Link, true
	same(t, []string{`hr/1: value phone "" -> "22"`, `hr/1: dir account value phone "" -> "22"`}, w.run(t, 10))
	w.entries[entryID("hr", "1")].Missing = w.now
	got := w.run(t, 10)
	for _, want := range []string{"hr/1: death person", "hr/2: badge link b", `hr/2: value phone "" -> "22"`} {
		if !slices.Contains(got, want) {
			t.Errorf("%q is not in the plan:\n%v", want, got)
		}
	}
	same(t, nil, w.run(t, 10))
}
