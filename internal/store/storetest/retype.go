package storetest

import (
	"context"
	"errors"
	"testing"

	"muster/internal/base/object"
	"muster/internal/store"
	"muster/internal/sync/engine"
	"muster/internal/sync/metaverse"
	"muster/internal/sync/space"
)

// testRetype gives a linked anchor to an object of another type, in imports of
// everything and of changes: the entry is new in all but its link, until a plan
// writes that.
func testRetype(t *testing.T, fresh func(testing.TB) string) {
	for name, full := range map[string]bool{"whole": true, "changes": false} {
		s := Open(t, fresh(t))
		ada, bo := adUser("1", "CN=Ada,DC=x", str("name", "Ada"), ref("boss", "2")), adUser("2", "CN=Bo,DC=x", str("name", "Bo"))
		importAll(t, s, "hr", ada, bo)
		o := &metaverse.Object{ID: metaverse.NewObjectID("hr", "1", 0), Type: "person", Founder: "hr/1"}
		link := engine.LinkEffect{Entry: space.EntryID("hr", "1"), To: o.ID}
		people(t, s, func(tx *store.Tx) error {
			w := tx.Writer(1)
			return errors.Join(w.Birth(o), w.Link(link, nil), w.Flush())
		})

		m := begin(t, s, "hr", full)
		put := func(r object.Record) { check(t, m.Put(r)) }
		put(object.Record{Type: "group", Anchor: "1", DN: "CN=Ada,DC=x", Attrs: object.Bag(str("name", "Ada"))})
		if full {
			put(bo)
		} else {
			put(object.Record{Type: "group", Anchor: "1", DN: "CN=All,DC=x", Attrs: object.Bag(str("name", "All"))}) // told once more
		}
		st, err := m.Finish("m2", true)
		check(t, err)
		equal(t, name+": changed", st.Changed+st.Renamed, 0)
		equal(t, name+": retyped", st.Retyped, 1)
		equal(t, name+": users", st.Types["user"].Rows, 1)
		equal(t, name+": groups", st.Types["group"].Rows, 1)
		if e := all(t, s, "hr")["1"]; e.Type != "user" || e.Retyped {
			t.Errorf("%s: seen before its release: %s", name, show(e))
		}
		_, err = s.Release(context.Background(), "hr")
		check(t, err)
		e := all(t, s, "hr")["1"]
		if e.Type != "group" || !e.Retyped || e.Link != o.ID || e.Image.Has("boss") {
			t.Errorf("%s: %s", name, show(e))
		}

		// Another import does not make it forget; a plan does.
		if full {
			importAll(t, s, "hr", object.Record{Type: "group", Anchor: "1", DN: "CN=Other,DC=x"}, bo)
			e = all(t, s, "hr")["1"]
			equal(t, name+": still another", e.Retyped, true)
		}
		people(t, s, func(tx *store.Tx) error {
			w := tx.Writer(2)
			return errors.Join(w.Link(engine.LinkEffect{Entry: e.ID}, e), w.Flush())
		})
		e = all(t, s, "hr")["1"]
		equal(t, name+": cut", e.Retyped || !e.Link.IsZero(), false)
	}
	testRetypeUnlinked(t, fresh)
}

// testRetypeUnlinked links an entry that changed its type while it had no link:
// it is nobody's old entry.
func testRetypeUnlinked(t *testing.T, fresh func(testing.TB) string) {
	s := Open(t, fresh(t))
	importAll(t, s, "hr", person("1", str("name", "Ada")))
	importAll(t, s, "hr", object.Record{Type: "group", Anchor: "1", Attrs: object.Bag(str("name", "Ada"))})
	o := &metaverse.Object{ID: metaverse.NewObjectID("hr", "1", 0), Type: "person", Founder: "hr/1"}
	people(t, s, func(tx *store.Tx) error {
		v := tx.View([]string{"hr"})
		id := space.EntryID("hr", "1")
		check(t, v.LoadHeads(nil, []object.ID{id}))
		w := tx.Writer(1)
		return errors.Join(w.Birth(o), w.Link(engine.LinkEffect{Entry: id, To: o.ID}, v.Entry(id)), w.Flush())
	})
	if e := all(t, s, "hr")["1"]; e.Retyped || e.Link != o.ID {
		t.Errorf("linked as it is: %s", show(e))
	}

	// A rename is told from a change, and from an entry whose container came later.
	importAll(t, s, "ad", adUser("a", "CN=A,DC=x"), adUser("b", "CN=B,DC=x"))
	st := importAll(t, s, "ad", adUser("a", "CN=A2,DC=x", str("name", "A")), adUser("b", "CN=B,DC=x", str("name", "B")))
	equal(t, "renamed", st.Renamed, 1)
	equal(t, "changed", st.Changed, 1)
}
