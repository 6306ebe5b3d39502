package storetest

import (
	"context"
	"errors"
	"testing"

	"muster/internal/base/object"
	"muster/internal/store"
	"muster/internal/sync/space"
)

// testWithin makes a store import, and then either keep it or not, within one
// transaction; and does the same aside, where nothing may stay.
func testWithin(t *testing.T, fresh func(testing.TB) string) {
	s := Open(t, fresh(t))
	importAll(t, s, "hr", person("1", str("name", "Anna")))
	had := func(in *store.Store, anchor string) (name string) {
		t.Helper()
		id := space.EntryID("hr", anchor)
		read(t, in, func(tx *store.Tx) error {
			es, err := tx.Entries([]object.ID{id})
			if e := es[id]; e != nil {
				name = e.Image.Get("name").First().Text()
			}
			return err
		})
		return name
	}
	tell := func(in *store.Store) {
		t.Helper()
		m := begin(t, in, "hr", false)
		check(t, m.Put(person("1", str("name", "Anne"))))
		check(t, m.Put(person("2", str("name", "Ben"))))
		_, err := m.Finish("", true)
		check(t, err)
		_, err = in.Release(context.Background(), "hr")
		check(t, err)
		if a, b := had(in, "1"), had(in, "2"); a != "Anne" || b != "Ben" {
			t.Errorf("within it, the names are %q and %q", a, b)
		}
	}
	no := errors.New("no")
	err := s.Within(context.Background(), func(in *store.Store) error { tell(in); return no })
	if !errors.Is(err, no) {
		t.Errorf("it ended in %v", err)
	}
	check(t, s.Aside(context.Background(), func(aside *store.Store) error {
		tell(aside)
		people(t, s, func(tx *store.Tx) error { return tx.SetSetting("meanwhile", []byte("yes")) }) // nobody waits
		return nil
	}))
	if a, b := had(s, "1"), had(s, "2"); a != "Anna" || b != "" {
		t.Errorf("what came to nothing left the names %q and %q", a, b)
	}
	check(t, s.Within(context.Background(), func(in *store.Store) error { tell(in); return nil }))
	if a, b := had(s, "1"), had(s, "2"); a != "Anne" || b != "Ben" {
		t.Errorf("what was kept left the names %q and %q", a, b)
	}
	// A part that fails is taken back, and what was before it stays.
	check(t, s.Within(context.Background(), func(in *store.Store) error {
		people(t, in, func(tx *store.Tx) error { return tx.SetSetting("first", []byte("1")) })
		if err := in.People(context.Background(), func(tx *store.Tx) error {
			check(t, tx.SetSetting("second", []byte("2")))
			return no
		}); !errors.Is(err, no) {
			t.Errorf("the part ended in %v", err)
		}
		return nil
	}))
	read(t, s, func(tx *store.Tx) error {
		if v, err := tx.Setting("first"); string(v) != "1" {
			t.Errorf("the part before is %q, %v", v, err)
		}
		if _, err := tx.Setting("second"); !errors.Is(err, store.ErrNoSetting) {
			t.Errorf("the part that failed left something: %v", err)
		}
		return nil
	})
}
