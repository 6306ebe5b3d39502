package storetest

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"muster/internal/base/object"
	"muster/internal/store"
	"muster/internal/sync/engine"
	"muster/internal/sync/metaverse"
	"muster/internal/sync/space"
)

// testMemory asks a view what people decided about links of unlinked entries,
// whom entries were cut from, and who bears a name.
func testMemory(t *testing.T, fresh func(testing.TB) string) {
	s := Open(t, fresh(t))
	var hr []object.ID
	for i := range 5 {
		hr = append(hr, space.EntryID("hr", fmt.Sprintf("%05d", i)))
	}
	importAll(t, s, "hr", hrPeople(5)...)
	project(t, s)
	linkHolds(t, s, hr)
	cutEntries(t, s, hr)
	bearers(t, s)
}

func linkHold(obj object.ID, conn, anchor string) *engine.Hold {
	return &engine.Hold{Target: engine.Target{Object: obj, Kind: engine.EntryLink, Connector: conn, Name: anchor}, Refused: space.Present, Standing: true, AtValue: true, Why: "disconnect", By: "ada", At: at}
}

// held says on the links to whom there are holds of the entry, after all entries
// were loaded, and again after they were forgotten.
func held(t testing.TB, s *store.Store, all []object.ID, entry object.ID) string {
	t.Helper()
	out := ""
	read(t, s, func(tx *store.Tx) error {
		v := tx.View([]string{"hr", "ad"})
		for range 2 {
			check(t, v.Load(engine.Need{Entries: all}))
			list := ""
			for _, h := range v.LinkHolds(entry) {
				list += h.Target.Object.String() + " "
			}
			if out != "" {
				equal(t, "once more", list, out)
			}
			out = list
			v.Forget()
		}
		return nil
	})
	return out
}

func linkHolds(t *testing.T, s *store.Store, hr []object.ID) {
	t.Helper()
	equal(t, "nobody is held", held(t, s, hr, hr[0]), "")
	a, b := object.NewID("a"), object.NewID("b")
	if a.Compare(b) > 0 {
		a, b = b, a
	}
	onB, onA := linkHold(b, "hr", "00000"), linkHold(a, "hr", "00000")
	value := &engine.Hold{Target: engine.Target{Object: a, Kind: engine.ObjectValue, Connector: "hr", Name: "00000"}, Why: "protect", Standing: true}
	people(t, s, func(tx *store.Tx) error { return tx.WriteHolds([]*engine.Hold{onB, onA, value}) })
	equal(t, "held", held(t, s, hr, hr[0]), a.String()+" "+b.String()+" ")
	equal(t, "another is not", held(t, s, hr, hr[1]), "")
	read(t, s, func(tx *store.Tx) error { // through its object
		v := tx.View([]string{"hr", "ad"})
		check(t, v.Load(engine.Need{Objects: []object.ID{metaverse.NewObjectID("hr", "00000", 0)}}))
		equal(t, "held, by its object", len(v.LinkHolds(hr[0])), 2)
		return nil
	})
	people(t, s, func(tx *store.Tx) error { return tx.EndHolds([]*engine.Hold{onA}) })
	equal(t, "lifted", held(t, s, hr, hr[0]), b.String()+" ")

	// An account that its system has named is known by its anchor, and by the id
	// that it had before.
	account := space.AccountID("ad", metaverse.NewObjectID("hr", "00001", 0), 0)
	people(t, s, func(tx *store.Tx) error { return tx.Named([]store.Answer{{Entry: account, Anchor: "g1"}}) })
	people(t, s, func(tx *store.Tx) error { return tx.WriteHolds([]*engine.Hold{linkHold(a, "ad", "g1")}) })
	for _, id := range []object.ID{account, space.EntryID("ad", "g1")} {
		equal(t, "held account", held(t, s, []object.ID{id}, id), a.String()+" ")
	}
	equal(t, "both ids", held(t, s, []object.ID{account, space.EntryID("ad", "g1")}, account), a.String()+" ")
}

// remembered lists the objects that some entry was cut from.
func remembered(t testing.TB, s *store.Store, objs ...object.ID) string {
	t.Helper()
	out := ""
	read(t, s, func(tx *store.Tx) error {
		v := tx.View([]string{"hr", "ad"})
		for range 2 {
			check(t, v.Load(engine.Need{Objects: objs}))
			out += "|"
			for i, o := range objs {
				if v.Remembered(o) {
					out += fmt.Sprint(i)
				}
			}
			v.Forget()
		}
		return nil
	})
	return out
}

func cutEntries(t *testing.T, s *store.Store, hr []object.ID) {
	t.Helper()
	var objs []object.ID
	for i := range 5 {
		objs = append(objs, metaverse.NewObjectID("hr", fmt.Sprintf("%05d", i), 0))
	}
	equal(t, "nobody is cut", remembered(t, s, objs...), "||")
	people(t, s, func(tx *store.Tx) error {
		w := tx.Writer(9)
		cut := func(i int, explicit bool) error {
			return w.Link(engine.LinkEffect{Entry: hr[i], Explicit: explicit, Cut: objs[i]}, &space.Entry{Link: objs[i]})
		}
		check(t, errors.Join(cut(2, false), cut(3, false), cut(4, true)))
		return w.Flush()
	})
	equal(t, "cut", remembered(t, s, objs...), "|234|234")

	// One entry changes, one vanishes, one is forgotten: only the second is
	// still remembered to be apart.
	recs := slices.Concat(hrPeople(2), []object.Record{person("00002", str("name", "Another"))})
	m := begin(t, s, "hr", true)
	for _, r := range recs {
		check(t, m.Put(r))
	}
	_, err := m.Finish("mark", true)
	check(t, err)
	equal(t, "not released", remembered(t, s, objs...), "|234|234")
	_, err = s.Release(t.Context(), "hr")
	check(t, err)
	equal(t, "changed", remembered(t, s, objs...), "|34|34")
	people(t, s, func(tx *store.Tx) error {
		w := tx.Writer(10)
		check(t, w.DropEntry(hr[4]))
		return w.Flush()
	})
	equal(t, "forgotten", remembered(t, s, objs...), "|3|3")
	people(t, s, func(tx *store.Tx) error {
		w := tx.Writer(11)
		check(t, w.Link(engine.LinkEffect{Entry: hr[3], To: objs[0]}, &space.Entry{Cut: objs[3]}))
		return w.Flush()
	})
	equal(t, "joined", remembered(t, s, objs...), "||")

	// What one unit does to an entry is written together.
	people(t, s, func(tx *store.Tx) error {
		w := tx.Writer(12)
		check(t, errors.Join(w.Link(engine.LinkEffect{Entry: hr[2], Explicit: true, Cut: objs[2]}, nil), w.SetInitial(hr[2], object.Bag(str("home", "x")))))
		return w.Flush()
	})
	read(t, s, func(tx *store.Tx) error {
		got, err := tx.Entries([]object.ID{hr[2]})
		check(t, err)
		e := got[hr[2]]
		equal(t, "cut, explicit and given", fmt.Sprint(e.Cut == objs[2], e.Explicit, e.Initial.Get("home")), "true true x")
		return nil
	})
}

func bearers(t *testing.T, s *store.Store) {
	t.Helper()
	importAll(t, s, "ad", person("x1", str("sam", "Stranger")), person("x2", str("sam", "STRANGER")), person("x3", str("sam", "other")), person("x4", str("name", "stranger")))
	says := func(owned bool, who ...object.ID) string { return fmt.Sprint(owned, " ", len(who), who) }
	asked := func(value string) (out string) {
		n := engine.Name{Type: "person", Attr: "account", Value: value}
		read(t, s, func(tx *store.Tx) error {
			v := tx.View([]string{"hr", "ad"})
			check(t, v.Load(engine.Need{Names: []engine.Name{n, {Type: "person", Attr: "account", Value: "nobody"}}}))
			_, owned := v.Owner(n)
			out = says(owned, v.Bearers(n)...)
			return nil
		})
		return out
	}
	both := []object.ID{space.EntryID("ad", "x1"), space.EntryID("ad", "x2")}
	slices.SortFunc(both, object.ID.Compare)
	equal(t, "a name that two bear", asked("stranger"), says(false, both...))
	equal(t, "a name that was given", asked("u00001"), says(true))
	importAll(t, s, "ad", person("x1", str("sam", "Stranger")))
	equal(t, "one is missing", asked("stranger"), says(false, space.EntryID("ad", "x1")))
}
