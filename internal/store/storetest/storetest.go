// Package storetest examines a store: the same questions for SQLite and
// PostgreSQL, and help for tests that need either.
package storetest

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"muster/internal/base/object"
	"muster/internal/store"
	"muster/internal/store/staging"
	"muster/internal/sync/rules"
	"muster/internal/sync/space"
)

// SQLite returns the name of a fresh SQLite store.
func SQLite(t testing.TB) string { return "sqlite:" + filepath.Join(t.TempDir(), "muster.db") }

// Open opens a store and closes it when the test ends.
func Open(t testing.TB, dsn string) *store.Store {
	t.Helper()
	s, err := store.Open(context.Background(), dsn, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	s.SetIndexes(indexes)
	return s
}

var indexes = store.Indexes{
	Keys:   map[rules.Spot]bool{{Type: "person", Attr: "employeeID"}: false, {Type: "person", Attr: "mail"}: true},
	Unique: map[rules.Spot]bool{{Type: "person", Attr: "account"}: true},
	Also:   map[rules.Spot][]rules.Spot{{Type: "person", Attr: "account"}: {{Connector: "ad", Type: "user", Attr: "sam"}}},
	Spots:  map[rules.Spot]bool{{Connector: "ad", Type: "user", Attr: "sam"}: true},
	Search: []string{"displayName", "account"},
}

// Examine asks a store everything. fresh returns the name of an empty store.
func Examine(t *testing.T, fresh func(testing.TB) string) {
	for _, q := range []struct {
		name string
		fn   func(*testing.T, func(testing.TB) string)
	}{
		{"Import", testImport}, {"Names", testNames}, {"Renames", testRenames}, {"TwoNames", testTwoNames}, {"Nests", testNests}, {"Retype", testRetype}, {"Twice", testTwice}, {"Deltas", testDeltas}, {"SameTwice", testSameTwice}, {"ImportHistories", testImportHistories},
		{"Accept", testAccept}, {"Memory", testMemory}, {"References", testReferences}, {"People", testPeople}, {"Sending", testSending}, {"Within", testWithin}, {"Reindex", testReindex}, {"Crash", testCrash},
	} {
		t.Run(q.name, func(t *testing.T) { q.fn(t, fresh) })
	}
	t.Run(staged, func(t *testing.T) { // the same with few changes kept as many are
		for _, fn := range []func(*testing.T, func(testing.TB) string){testImport, testNames, testRenames, testTwoNames, testNests, testRetype, testTwice, testDeltas, testSameTwice, testImportHistories} {
			fn(t, fresh)
		}
	})
}

// staged is the name of examinations in which few changes of an import are kept
// as many are.
const staged = "Staged"

var at = time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC)

var schema = func() object.Schema {
	s := object.Schema{Types: []object.Type{
		{Name: "user", Attributes: []object.Attribute{{Name: "boss", Kind: object.Ref}, {Name: "manager", Kind: object.Ref, ByDN: true}, {Name: "name", Kind: object.String}, {Name: "sam", Kind: object.String}}},
		{Name: "group", Attributes: []object.Attribute{{Name: "member", Kind: object.Ref, Multi: true, ByDN: true}, {Name: "members", Kind: object.Ref, Multi: true}}},
	}}
	object.SortSchema(&s)
	return s
}()

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func read(t testing.TB, s *store.Store, fn func(*store.Tx) error) {
	t.Helper()
	check(t, s.Read(context.Background(), fn))
}

func people(t testing.TB, s *store.Store, fn func(*store.Tx) error) {
	t.Helper()
	check(t, s.People(context.Background(), fn))
}

func str(name string, vs ...string) object.Attr {
	var list []object.Value
	for _, v := range vs {
		list = append(list, object.Str(v))
	}
	return object.Attr{Name: name, Values: object.Set(list...)}
}

func ref(name string, vs ...string) object.Attr {
	var list []object.Value
	for _, v := range vs {
		list = append(list, object.Reference(v))
	}
	return object.Attr{Name: name, Values: object.Set(list...)}
}

func person(anchor string, attrs ...object.Attr) object.Record {
	return object.Record{Type: "user", Anchor: anchor, Attrs: object.Bag(attrs...)}
}

func begin(t testing.TB, s *store.Store, conn string, full bool) *staging.Import {
	t.Helper()
	m, err := s.BeginImport(context.Background(), conn, staging.Options{Full: full, Schema: schema, At: at, Staged: strings.Contains(t.Name(), "/"+staged)})
	check(t, err)
	return m
}

// importAll imports the records whole and releases them.
func importAll(t testing.TB, s *store.Store, conn string, recs ...object.Record) staging.Stats {
	t.Helper()
	m := begin(t, s, conn, true)
	for _, r := range recs {
		check(t, m.Put(r))
	}
	_, err := m.Finish("mark", true)
	check(t, err)
	st, err := s.Release(context.Background(), conn)
	check(t, err)
	return st
}

// all returns the connector's entries by anchor.
func all(t testing.TB, s *store.Store, conn string) map[string]*space.Entry {
	t.Helper()
	out := map[string]*space.Entry{}
	read(t, s, func(tx *store.Tx) error {
		after := ""
		for {
			list, next, err := tx.EntryPage(conn, "", after, 100)
			if err != nil {
				return err
			}
			for _, e := range list {
				key := e.Anchor
				if key == "" {
					key = "dn:" + e.DN
				}
				out[key] = e
			}
			if next == "" {
				return nil
			}
			after = next
		}
	})
	return out
}

// entry shows an entry in one line.
func show(e *space.Entry) string {
	if e == nil {
		return "none"
	}
	s := fmt.Sprintf("%s %s dn=%q seen=%v stub=%v missing=%v", e.Type, e.Anchor, e.DN, e.Seen, e.Stub, !e.Missing.IsZero())
	for _, a := range e.Image {
		s += " " + a.Name + "="
		var list []string
		for _, v := range a.Values {
			if v.Kind() == object.Ref {
				list = append(list, fmt.Sprintf("%x", v.Text()))
			} else {
				list = append(list, v.String())
			}
		}
		slices.Sort(list)
		s += fmt.Sprint(list)
	}
	return s
}

func refTo(ids ...object.ID) object.Values {
	var list []object.Value
	for _, id := range ids {
		list = append(list, object.Reference(string(id[:])))
	}
	return object.Set(list...)
}

func equal[T comparable](t testing.TB, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}
