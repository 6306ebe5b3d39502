package storetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/cespare/xxhash/v2"

	"muster/internal/base/object"
	"muster/internal/store"
	"muster/internal/store/staging"
	"muster/internal/sync/space"
)

func testImport(t *testing.T, fresh func(testing.TB) string) {
	s := Open(t, fresh(t))
	m := begin(t, s, "hr", true)
	check(t, m.Put(person("2", str("name", "Bo"), ref("boss", "1"))))
	check(t, m.Put(person("1", str("name", "Ada", "Ada L."))))
	check(t, m.Put(person("3", str("name", "Cy"), ref("boss", "9"))))
	st, err := m.Finish("m1", true)
	check(t, err)
	equal(t, "added", st.Added, 3)
	equal(t, "names", st.Types["user"].Present["name"], 3)
	equal(t, "nulls", st.Types["user"].Nulls("boss"), 1)
	equal(t, "visible before release", len(all(t, s, "hr")), 0)
	_, err = s.Release(context.Background(), "hr")
	check(t, err)
	got := all(t, s, "hr")
	equal(t, "entries", len(got), 4)
	if !got["9"].Stub || got["1"].Stub || !got["1"].Seen {
		t.Errorf("stub: %s; %s", show(got["9"]), show(got["1"]))
	}
	if want := refTo(space.EntryID("hr", "1")); !got["2"].Image.Get("boss").Equal(want) {
		t.Errorf("boss of 2: %s", show(got["2"]))
	}
	read(t, s, func(tx *store.Tx) error {
		mark, err := tx.Mark("hr")
		equal(t, "mark", mark, "m1")
		return err
	})

	ada, bo := person("1", str("name", "Ada", "Ada L.")), person("2", str("name", "Bo"), ref("boss", "1"))
	st = importAll(t, s, "hr", ada, bo, person("3", str("name", "Cy"), ref("boss", "9")))
	equal(t, "changed", st.Changed, 0)
	v := all(t, s, "hr")["2"].Version

	// 3 goes, 2 changes its boss, and 9 appears.
	st = importAll(t, s, "hr", ada, person("2", str("name", "Bo"), ref("boss", "9")), person("9", str("name", "Nine")))
	equal(t, "missing", st.Missing, 1)
	got = all(t, s, "hr")
	if got["3"].Missing.IsZero() || got["9"].Stub || !got["9"].Seen || got["2"].Version != v+1 {
		t.Errorf("after: %s; %s; %s", show(got["3"]), show(got["9"]), show(got["2"]))
	}
	if want := refTo(space.EntryID("hr", "9")); !got["2"].Image.Get("boss").Equal(want) {
		t.Errorf("boss of 2: %s", show(got["2"]))
	}
	// What is missing is not missed twice; coming back ends it.
	st = importAll(t, s, "hr", ada, person("2", str("name", "Bo"), ref("boss", "9")), person("9", str("name", "Nine")))
	equal(t, "missing again", st.Missing, 0)
	importAll(t, s, "hr", ada, person("2", str("name", "Bo"), ref("boss", "9")), person("9", str("name", "Nine")), person("3", str("name", "Cy"), ref("boss", "9")))
	if got = all(t, s, "hr"); !got["3"].Missing.IsZero() {
		t.Errorf("back: %s", show(got["3"]))
	}

	// An import that is not released changes nothing, and the next replaces it.
	before := dump(all(t, s, "hr"))
	m = begin(t, s, "hr", true)
	check(t, m.Put(person("1", str("name", "Changed"))))
	check(t, m.Put(person("77", ref("boss", "78"))))
	_, err = m.Finish("m9", true)
	check(t, err)
	equal(t, "unreleased", dump(all(t, s, "hr")), before)
	check(t, s.DiscardImport(context.Background(), "hr"))
	equal(t, "discarded", dump(all(t, s, "hr")), before)
	m = begin(t, s, "hr", true)
	check(t, m.Put(person("1", str("name", "Changed"))))
	check(t, m.Discard())
	equal(t, "given up", dump(all(t, s, "hr")), before)
	st = importAll(t, s, "hr", ada, person("2", str("name", "Bo"), ref("boss", "9")), person("9", str("name", "Nine")), person("3", str("name", "Cy"), ref("boss", "9")))
	equal(t, "nothing left of it", st.Changed+st.Added+st.Missing, 0)
	if _, err := s.Release(context.Background(), "hr"); !errors.Is(err, staging.ErrNothingToRelease) {
		t.Errorf("released twice: %v", err)
	}
}

// testTwice tells anchors twice: of one that is known and stays as it was, of one
// that changes, and of one that is new and that others name.
func testTwice(t *testing.T, fresh func(testing.TB) string) {
	for _, full := range []bool{true, false} {
		testToldTwice(t, fresh, full)
	}
}

func twice(t *testing.T, m *staging.Import, anchor string) bool {
	t.Helper()
	news, err := m.Twice(anchor)
	check(t, err)
	return news
}

func testToldTwice(t *testing.T, fresh func(testing.TB) string, full bool) {
	s := Open(t, fresh(t))
	importAll(t, s, "ad", adUser("same", "CN=Same,DC=x", str("name", "S")), adUser("moves", "CN=Moves,DC=x", str("name", "M"), ref("boss", "same")))
	before := dump(all(t, s, "ad"))
	var told []string
	m, err := s.BeginImport(context.Background(), "ad", staging.Options{Full: full, Once: true, Schema: schema, At: at, Staged: strings.Contains(t.Name(), "/"+staged),
		Twice: func(anchor string) { told = append(told, anchor) }})
	check(t, err)
	for i, r := range []object.Record{
		adUser("same", "CN=Same,DC=x", str("name", "S")), adUser("moves", "CN=Moved,DC=x", str("name", "Other"), ref("boss", "new")),
		adUser("new", "CN=New,DC=x", str("sam", "n"), ref("boss", "moves")), adUser("fine", "CN=Fine,CN=New,DC=x", ref("boss", "new")),
	} {
		check(t, m.Put(r))
		if i == 3 {
			continue
		}
		r.Attrs = object.Bag(str("name", "again"))
		check(t, m.Put(r))
		check(t, m.Put(r)) // it is said once
	}
	equal(t, "told before, by the connector's word", twice(t, m, "fine"), true)
	equal(t, "known already", twice(t, m, "fine"), false)
	equal(t, "told twice", fmt.Sprint(told), "[same moves new]")
	check(t, m.Put(adUser("good", "CN=Good,DC=x", ref("boss", "new"))))
	st, err := m.Finish("m", false)
	check(t, err)
	equal(t, "shown", st.Shown, 1)
	equal(t, "added, changed and renamed", st.Added+st.Changed+st.Renamed, 1)
	equal(t, "users", st.Types["user"].Rows, 3)
	_, err = s.Release(context.Background(), "ad")
	check(t, err)
	got := all(t, s, "ad")
	if want := refTo(space.EntryID("ad", "new")); !got["good"].Image.Get("boss").Equal(want) {
		t.Errorf("good: %s", show(got["good"]))
	}
	for _, anchor := range []string{"new", "fine"} {
		if e := got[anchor]; e == nil || !e.Stub || len(e.Image) > 0 {
			t.Errorf("%s: %s", anchor, show(e))
		}
		delete(got, anchor)
	}
	delete(got, "good")
	equal(t, "as it was", dump(got), before)

	// Once the source is in order, all is taken.
	importAll(t, s, "ad", adUser("same", "CN=Same,DC=x", str("name", "S")), adUser("moves", "CN=Moved,DC=x", str("name", "M")),
		adUser("new", "CN=New,DC=x"), adUser("fine", "CN=Fine,CN=New,DC=x"), adUser("good", "CN=Good,DC=x"))
	got = all(t, s, "ad")
	equal(t, "moved", got["moves"].DN, "CN=Moved,DC=x")
	equal(t, "new", got["new"].Stub || got["fine"].Stub, false)
	equal(t, "under it", got["fine"].DN, "CN=Fine,CN=New,DC=x")
}

func dump(list map[string]*space.Entry) string {
	var names []string
	for n := range list {
		names = append(names, n)
	}
	out := ""
	for _, n := range sortedStrings(names) {
		out += show(list[n]) + "\n"
	}
	return out
}

func adUser(anchor, dn string, attrs ...object.Attr) object.Record {
	r := person(anchor, attrs...)
	r.DN = dn
	return r
}

func testNames(t *testing.T, fresh func(testing.TB) string) {
	s := Open(t, fresh(t))
	ou := object.Record{Type: "ou", Anchor: "g-ou", DN: "OU=Staff,DC=x"}
	group := object.Record{Type: "group", Anchor: "g-grp", DN: "CN=All,OU=Staff,DC=x", Attrs: object.Bag(ref("member", "CN=Ada,OU=Staff,DC=x", "cn=bo,ou=staff,dc=x", "CN=Out,OU=Else,DC=x"))}
	ada := adUser("g-ada", "CN=Ada,OU=Staff,DC=x", ref("manager", "CN=Bo,OU=Staff,DC=x"))
	bo := adUser("g-bo", "CN=Bo,OU=Staff,DC=x")
	importAll(t, s, "ad", ou, group, ada, bo)
	got := all(t, s, "ad")
	equal(t, "DN", got["g-ada"].DN, "CN=Ada,OU=Staff,DC=x")
	stub := got["dn:CN=Out,OU=Else,DC=x"]
	if stub == nil || !stub.Stub {
		t.Fatalf("no placeholder: %s", dump(got))
	}
	if want := refTo(got["g-ada"].ID, got["g-bo"].ID, stub.ID); !got["g-grp"].Image.Get("member").Equal(want) {
		t.Errorf("members: %s", show(got["g-grp"]))
	}
	if want := refTo(got["g-bo"].ID); !got["g-ada"].Image.Get("manager").Equal(want) {
		t.Errorf("manager: %s", show(got["g-ada"]))
	}

	// The container is renamed: its children show their new names at once,
	// though only the container was told; a later full import finds nothing.
	m := begin(t, s, "ad", false)
	check(t, m.Change(staging.Delta{Op: staging.PutWhole, Record: object.Record{Type: "ou", Anchor: "g-ou", DN: "OU=People,DC=x"}}))
	_, err := m.Finish("", true)
	check(t, err)
	_, err = s.Release(context.Background(), "ad")
	check(t, err)
	equal(t, "DN", all(t, s, "ad")["g-ada"].DN, "CN=Ada,OU=People,DC=x")
	read(t, s, func(tx *store.Tx) error {
		id, err := tx.EntryAt("ad", "", "cn=ada,ou=people,dc=x")
		equal(t, "found by DN", id, got["g-ada"].ID)
		return err
	})
	testBeneath(t, s, all(t, s, "ad"))

	// The placeholder turns out to be somebody, under the same id.
	m = begin(t, s, "ad", false)
	check(t, m.Change(staging.Delta{Op: staging.PutWhole, Record: adUser("g-out", "CN=Out,OU=Else,DC=x", str("name", "Out"))}))
	_, err = m.Finish("", true)
	check(t, err)
	_, err = s.Release(context.Background(), "ad")
	check(t, err)
	out := all(t, s, "ad")["g-out"]
	if out == nil || out.Stub || out.ID != stub.ID || !out.Seen {
		t.Errorf("placeholder: %s", show(out))
	}
	read(t, s, func(tx *store.Tx) error {
		list, err := tx.Entries([]object.ID{space.EntryID("ad", "g-out")})
		if len(list) != 1 {
			t.Errorf("the entry is not found by its anchor")
		}
		return err
	})
}

// testBeneath asks who is left in the container that got another name.
func testBeneath(t *testing.T, s *store.Store, now map[string]*space.Entry) {
	for gone, want := range map[string]string{"": "CN=Ada,OU=People,DC=x", "g-ada": "CN=Bo,OU=People,DC=x", "g-ada g-bo g-grp": ""} {
		read(t, s, func(tx *store.Tx) error {
			left, err := tx.Beneath("ad", []*space.Entry{now["g-ou"], now["g-bo"]}, func(e *space.Entry) string {
				if strings.Contains(gone, e.Anchor) {
					return ""
				}
				return e.DN
			})
			equal(t, "left without "+gone, left[now["g-ou"].ID], want)
			equal(t, "left under nobody's container", left[now["g-bo"].ID], "")
			return err
		})
	}
}

func testDeltas(t *testing.T, fresh func(testing.TB) string) {
	s := Open(t, fresh(t))
	var members []string
	var recs []object.Record
	for i := range 50 {
		recs = append(recs, person(fmt.Sprint("p", i), str("name", fmt.Sprint("Name ", i))))
		members = append(members, fmt.Sprint("p", i))
	}
	recs = append(recs, object.Record{Type: "group", Anchor: "g", Attrs: object.Bag(ref("members", members...))})
	importAll(t, s, "hr", recs...)
	m := begin(t, s, "hr", false)
	mod := func(op staging.ModOp, name string, vs ...object.Value) staging.Mod {
		return staging.Mod{Op: op, Name: name, Values: object.Set(vs...)}
	}
	merge := func(typ, anchor string, mods ...staging.Mod) {
		t.Helper()
		check(t, m.Change(staging.Delta{Op: staging.Merge, Record: object.Record{Type: typ, Anchor: anchor}, Mods: mods}))
	}
	merge("group", "g", mod(staging.AddValues, "members", object.Reference("new")), mod(staging.DropValues, "members", object.Reference("p0")))
	merge("group", "g", mod(staging.DropValues, "members", object.Reference("p1"))) // the same object once more
	merge("user", "p2", mod(staging.ReplaceValues, "name", object.Str("Other")))
	merge("user", "p2", mod(staging.AddValues, "name", object.Str("Second")))
	check(t, m.Change(staging.Delta{Op: staging.PutWhole, Record: person("new", str("name", "New"))}))
	check(t, m.Change(staging.Delta{Op: staging.Gone, Record: object.Record{Anchor: "p3"}}))
	st, err := m.Finish("m2", true)
	check(t, err)
	equal(t, "changed", st.Changed, 2)
	_, err = s.Release(context.Background(), "hr")
	check(t, err)
	got := all(t, s, "hr")
	list := got["g"].Image.Get("members")
	equal(t, "members", len(list), 49)
	for anchor, want := range map[string]bool{"p0": false, "p1": false, "new": true, "p5": true} {
		id := space.EntryID("hr", anchor)
		equal(t, "member "+anchor, list.Has(object.Reference(string(id[:]))), want)
	}
	equal(t, "name", got["p2"].Image.Get("name").String(), "Other; Second")
	equal(t, "p3 is missing", got["p3"].Missing.IsZero(), false)
	equal(t, "new", show(got["new"]) != "none" && got["new"].Seen && !got["new"].Stub, true)

	// A change of what is not known, or gone, is not put over nothing.
	var unknown []string
	m, err = s.BeginImport(context.Background(), "hr", staging.Options{Schema: schema, At: at, Unknown: func(name string) { unknown = append(unknown, name) }})
	check(t, err)
	for _, anchor := range []string{"nobody", "p3", "p4"} {
		merge("user", anchor, mod(staging.ReplaceValues, "name", object.Str("Late")))
	}
	check(t, m.Change(staging.Delta{Op: staging.Gone, Record: object.Record{Anchor: "nobody either"}}))
	check(t, m.Drain())
	equal(t, "unknown", strings.Join(unknown, " "), "nobody p3")
	st, err = m.Finish("m3", false)
	check(t, err)
	equal(t, "changed", st.Changed, 1)
}

// testImportHistories imports random worlds, whole and by changes, and
// compares what the store says with what was told.
func testImportHistories(t *testing.T, fresh func(testing.TB) string) {
	for seed := range uint64(3) {
		rnd := rand.New(rand.NewPCG(seed, 7))
		s := Open(t, fresh(t))
		world := map[string]object.Record{}
		known := map[string]bool{} // shown at some time
		name := func() string { return fmt.Sprint("a", rnd.IntN(60)) }
		draw := func(anchor string) object.Record {
			r := person(anchor, str("name", fmt.Sprint("n", rnd.IntN(3))))
			if rnd.IntN(2) == 0 {
				r.Attrs.Put("boss", ref("", name()).Values)
			}
			if rnd.IntN(3) == 0 {
				r.Attrs.Put("many", ref("", name(), name(), name()).Values)
			}
			return r
		}
		for step := range 25 {
			full := step == 0 || rnd.IntN(2) == 0
			m := begin(t, s, "hr", full)
			before := len(world)
			for range rnd.IntN(20) {
				n := name()
				if rnd.IntN(4) == 0 {
					if _, ok := world[n]; ok && !full {
						check(t, m.Change(staging.Delta{Op: staging.Gone, Record: object.Record{Anchor: n}}))
					}
					delete(world, n)
					continue
				}
				world[n] = draw(n)
				if !full {
					known[n] = true
					check(t, m.Change(staging.Delta{Op: staging.PutWhole, Record: world[n]}))
				}
			}
			if full {
				glimpses := rnd.IntN(3) > 0
				for n, r := range world {
					known[n] = true
					if glimpses && same(m, &r) {
						continue
					}
					check(t, m.Put(r))
				}
			}
			st, err := m.Finish("", true)
			check(t, err)
			if full {
				equal(t, "shown", st.Shown, int64(len(world)))
				equal(t, "rows", st.Types["user"].Rows, int64(len(world)))
				equal(t, "names", st.Types["user"].Present["name"], int64(len(world)))
			}
			_, err = s.Release(context.Background(), "hr")
			check(t, err)
			compareWorld(t, fmt.Sprintf("seed %d step %d full %v was %d", seed, step, full, before), all(t, s, "hr"), world, known)
			if t.Failed() {
				return
			}
		}
	}
}

// testSameTwice tells an anchor again that was told to be the same: none of it
// counts, and what was known stays (ERR-18).
func testSameTwice(t *testing.T, fresh func(testing.TB) string) {
	s := Open(t, fresh(t))
	ada, bo := person("1", str("name", "Ada")), person("2", str("name", "Bo"))
	for _, print := range []bool{false, true} {
		m := begin(t, s, "hr", true)
		for _, r := range []*object.Record{&ada, &bo} {
			equal(t, "known by its print", same(m, r), print)
			if !print {
				check(t, m.Put(*r))
			}
		}
		if print {
			again := person("1", str("name", "Eve"))
			check(t, m.Put(again)) // told whole after it was the same
			equal(t, "the second time is news", twice(t, m, "2"), true)
			equal(t, "the third time is news", twice(t, m, "2"), false)
		}
		st, err := m.Finish("", !print)
		check(t, err)
		equal(t, "shown", st.Shown, map[bool]int64{false: 2, true: 0}[print])
		_, err = s.Release(context.Background(), "hr")
		check(t, err)
	}
	got := all(t, s, "hr")
	equal(t, "name", got["1"].Image.Get("name").String(), "Ada")
	equal(t, "is there", got["1"].Missing.IsZero() && got["2"].Missing.IsZero(), true)
}

// same asks as a connector does that knows a print before it reads a record.
func same(m *staging.Import, r *object.Record) bool {
	attrs := []string{"boss", "many", "name"}
	has := make([]bool, len(attrs))
	for i, name := range attrs {
		has[i] = r.Attrs.Has(name)
	}
	r.Print = xxhash.Sum64String(fmt.Sprint(r.Attrs))
	return m.Same(r.Type, r.Anchor, r.Print, attrs, has)
}

func compareWorld(t *testing.T, when string, got map[string]*space.Entry, world map[string]object.Record, known map[string]bool) {
	t.Helper()
	for n, r := range world {
		e := got[n]
		if e == nil || !e.Seen || e.Stub || !e.Missing.IsZero() {
			t.Errorf("%s: %s should be there: %s", when, n, show(e))
			continue
		}
		want := r.Attrs.Clone()
		for _, a := range r.Attrs {
			if a.Values[0].Kind() != object.Ref {
				continue
			}
			var ids []object.ID
			for _, v := range a.Values {
				ids = append(ids, space.EntryID("hr", v.Text()))
			}
			want.Put(a.Name, refTo(ids...))
		}
		if !e.Image.Equal(want) {
			t.Errorf("%s: %s: %s", when, n, show(e))
		}
	}
	for n, e := range got {
		if _, there := world[n]; !there && known[n] && e.Missing.IsZero() {
			t.Errorf("%s: %s should be missing: %s", when, n, show(e))
		}
	}
}
