package storetest

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"muster/internal/base/object"
	"muster/internal/store"
	"muster/internal/sync/engine"
	"muster/internal/sync/metaverse"
	"muster/internal/sync/rules"
)

// testReindex looks people up by an attribute that nobody was looked up by when
// they came, after indexing that was stopped again and again.
func testReindex(t *testing.T, fresh func(testing.TB) string) {
	const people = 5000
	dsn := fresh(t)
	s := Open(t, dsn)
	types := []string{"group", "person"}
	check(t, s.Reindex(context.Background(), types, nil)) // nothing is there yet
	recs := make([]object.Record, people)
	for i := range recs {
		recs[i] = person(fmt.Sprintf("%05d", i), str("name", fmt.Sprintf("Name %d", i)))
	}
	importAll(t, s, "hr", recs...)
	project(t, s)

	x := store.Indexes{Keys: map[rules.Spot]bool{{Type: "person", Attr: "displayName"}: true}, Unique: indexes.Unique, Search: []string{"displayName", "account", "employeeID"}}
	s.SetIndexes(x)
	matches := func(value string) []object.ID {
		t.Helper()
		k := engine.Key{Type: "person", Attr: "displayName", Value: value}
		var out []object.ID
		read(t, s, func(tx *store.Tx) error {
			v := tx.View([]string{"hr"})
			err := v.Load(engine.Need{Matches: []engine.Key{k}})
			out = v.Matches(k)
			return err
		})
		return out
	}
	if got := matches("name 7"); len(got) != 0 {
		t.Fatalf("they are found before they are indexed: %v", got)
	}
	stops := 0
	for looked := int64(0); ; stops++ { // stopped after each part
		ctx, stop := context.WithCancel(context.Background())
		err := s.Reindex(ctx, types, func(n int64) { looked += n; stop() })
		stop()
		if err == nil {
			if looked != people {
				t.Errorf("%d objects were looked at, not %d", looked, people)
			}
			break
		}
		if !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
	if stops < 2 {
		t.Errorf("indexing stopped %d times: it is not done in parts", stops)
	}
	for _, i := range []int{0, 7, people - 1} {
		want := metaverse.NewObjectID("hr", fmt.Sprintf("%05d", i), 0)
		if got := matches(fmt.Sprintf("name %d", i)); len(got) != 1 || got[0] != want {
			t.Errorf("person %d is found as %v", i, got)
		}
	}
	read(t, s, func(tx *store.Tx) error {
		page, err := tx.Search("employeeID", "00042", "", 10)
		if len(page.Objects) != 1 {
			t.Errorf("people find %d objects by a number", len(page.Objects))
		}
		return err
	})
	check(t, s.Reindex(context.Background(), types, func(int64) { t.Error("it is indexed again") }))
	testReindexAlso(t, s, x, types)
}

// testReindexAlso looks up accounts by an attribute whose values may not be given
// as names from now on.
func testReindexAlso(t *testing.T, s *store.Store, x store.Indexes, types []string) {
	importAll(t, s, "ad", adUser("a", "CN=A,DC=x", str("sAMAccountName", "Anna")), adUser("b", "CN=B,DC=x", str("sAMAccountName", "ben")))
	importAll(t, s, "ad", adUser("a", "CN=A,DC=x", str("sAMAccountName", "Anna")), adUser("b", "CN=B,DC=x", str("sAMAccountName", "carl")))
	account := rules.Spot{Type: "person", Attr: "account"}
	spot := rules.Spot{Connector: "ad", Type: "user", Attr: "sAMAccountName"}
	x.Spots, x.Also = map[rules.Spot]bool{spot: true}, map[rules.Spot][]rules.Spot{account: {spot}}
	x.Unique = map[rules.Spot]bool{account: true}
	s.SetIndexes(x)
	looked := int64(0)
	check(t, s.Reindex(context.Background(), types, func(n int64) { looked = n }))
	if looked != 5002 {
		t.Errorf("%d entries were looked at, not 5002", looked)
	}
	read(t, s, func(tx *store.Tx) error {
		v := tx.View([]string{"hr", "ad"})
		names := []engine.Name{{Type: "person", Attr: "account", Value: "anna"}, {Type: "person", Attr: "account", Value: "ben"}, {Type: "person", Attr: "account", Value: "carl"}}
		err := v.Load(engine.Need{Names: names})
		for i, want := range []int{1, 0, 1} {
			if got := v.Bearers(names[i]); len(got) != want {
				t.Errorf("%s is borne by %v", names[i].Value, got)
			}
		}
		return err
	})
	check(t, s.Reindex(context.Background(), types, func(int64) { t.Error("it is indexed again") }))
}
