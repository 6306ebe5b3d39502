package store

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"muster/internal/base/object"
	"muster/internal/store/db"
	"muster/internal/store/staging"
	"muster/internal/sync/metaverse"
	"muster/internal/sync/space"
)

func openTest(t *testing.T) *Store {
	t.Helper()
	s, err := Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "m.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestOneOwner(t *testing.T) {
	dsn := "sqlite:" + filepath.Join(t.TempDir(), "m.db")
	s, err := Open(t.Context(), dsn, Options{Now: func() time.Time { return time.Unix(0, 0) }})
	if err != nil {
		t.Fatal(err)
	}
	_, err = Open(t.Context(), dsn, Options{})
	var owned *db.OwnedError
	if !errors.As(err, &owned) || !strings.Contains(err.Error(), "pid ") || !strings.Contains(err.Error(), "since 1970") {
		t.Errorf("second owner: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s, err = Open(t.Context(), dsn, Options{})
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
}

func TestPeopleGoFirst(t *testing.T) {
	s := openTest(t)
	var mu sync.Mutex
	var order []string
	note := func(x string) {
		mu.Lock()
		defer mu.Unlock()
		order = append(order, x)
	}
	check := func(err error) {
		if err != nil {
			t.Error(err)
		}
	}
	var wait sync.WaitGroup
	started := make(chan bool)
	wait.Go(func() {
		check(s.Bulk(context.Background(), func(tx *Tx) error {
			close(started)
			for !tx.ShouldYield() {
				time.Sleep(time.Millisecond)
			}
			note("bulk 1")
			return nil
		}))
	})
	<-started
	wait.Go(func() {
		check(s.Bulk(context.Background(), func(*Tx) error { note("bulk 2"); return nil }))
	})
	time.Sleep(20 * time.Millisecond)
	wait.Go(func() {
		check(s.People(context.Background(), func(*Tx) error { note("people"); return nil }))
	})
	wait.Wait()
	if got := strings.Join(order, ", "); got != "bulk 1, people, bulk 2" {
		t.Errorf("order: %s", got)
	}
}

// TestOneMemberWritesFewRows counts the rows that one change of a large group
// writes: in the space at import, and in the metaverse at accepting.
func TestOneMemberWritesFewRows(t *testing.T) {
	s := openTest(t)
	schema := object.Schema{Types: []object.Type{{Name: "group", Attributes: []object.Attribute{{Name: "member", Kind: object.Ref, Multi: true}}}}}
	const n = 100000
	refs := make([]object.Value, n)
	ids := make([]object.Value, n)
	for i := range refs {
		refs[i] = object.Reference(fmt.Sprintf("p%06d", i))
		id := object.NewID("o", fmt.Sprint(i))
		ids[i] = object.Reference(string(id[:]))
	}
	g := object.NewID("g")
	var from metaverse.Origin
	m, err := s.BeginImport(t.Context(), "hr", staging.Options{Full: true, Schema: schema})
	if err != nil {
		t.Fatal(err)
	}
	err = m.Put(object.Record{Type: "group", Anchor: "g", Attrs: object.Bag(object.Attr{Name: "member", Values: object.Set(refs...)})})
	_, err2 := m.Finish("", true)
	_, err3 := s.Release(t.Context(), "hr")
	err4 := s.People(t.Context(), func(tx *Tx) error {
		w := tx.Writer(1)
		return errors.Join(w.Birth(&metaverse.Object{ID: g, Type: "group", Attrs: object.Bag(object.Attr{Name: "member", Values: object.Set(ids...)}), Origins: []metaverse.Origin{from}}), w.Flush())
	})
	if err := errors.Join(err, err2, err3, err4); err != nil {
		t.Fatal(err)
	}
	written := func() (n int64) {
		err := s.People(t.Context(), func(tx *Tx) error {
			_, err := tx.db.One([]any{&n}, "SELECT total_changes()")
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	member := func(i int) (imported, accepted int64) {
		before := written()
		m, err := s.BeginImport(t.Context(), "hr", staging.Options{Schema: schema})
		if err != nil {
			t.Fatal(err)
		}
		gone := object.Values{object.Reference(fmt.Sprintf("p%06d", i))}
		err = m.Change(staging.Delta{Op: staging.Merge, Record: object.Record{Type: "group", Anchor: "g"}, Mods: []staging.Mod{{Op: staging.DropValues, Name: "member", Values: gone}}})
		_, err2 := m.Finish("", true)
		_, err3 := s.Release(t.Context(), "hr")
		if err := errors.Join(err, err2, err3); err != nil {
			t.Fatal(err)
		}
		imported = written() - before
		before = written()
		err = s.People(t.Context(), func(tx *Tx) error {
			w := tx.Writer(int64(i))
			return errors.Join(w.DropRef(g, "member", object.NewID("o", fmt.Sprint(i))), w.Flush())
		})
		accepted = written() - before
		err2 = s.People(t.Context(), func(tx *Tx) error {
			now, err := tx.Now()
			return errors.Join(err, tx.Decided([]string{"hr"}, now))
		})
		if err := errors.Join(err, err2); err != nil {
			t.Fatal(err)
		}
		return imported, accepted
	}
	member(4) // the first changes are the first of several things
	member(5)
	imported, accepted := member(6)
	t.Logf("importing wrote %d rows, accepting %d", imported, accepted)
	if accepted > 4 {
		t.Errorf("accepting one member of %d wrote %d rows, want at most 4", n, accepted)
	}
	if imported > 6 {
		t.Errorf("importing one member of %d wrote %d rows, want at most 6", n, imported)
	}
	err = s.Read(t.Context(), func(tx *Tx) error {
		list, err := tx.Entries([]object.ID{space.EntryID("hr", "g")})
		if e := list[space.EntryID("hr", "g")]; e == nil || len(e.Image.Get("member")) != n-3 {
			t.Error("the member is still there")
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
