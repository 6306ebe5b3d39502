package store

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"muster/internal/base/object"
	"muster/internal/store/staging"
	"muster/internal/sync/engine"
	"muster/internal/sync/metaverse"
	"muster/internal/sync/space"
)

// TestKeptDatabases opens databases that earlier versions of Muster wrote, one a
// state of the tables: whoever adds a migration keeps them working.
// MUSTER_FIXTURE=1 writes the one of now.
func TestKeptDatabases(t *testing.T) {
	steps, err := tables.ReadDir("tables")
	if err != nil {
		t.Fatal(err)
	}
	now := fmt.Sprintf("testdata/%05d.db", len(steps))
	path := filepath.Join(t.TempDir(), "m.db")
	if os.Getenv("MUSTER_FIXTURE") != "" {
		writeFixture(t, path)
		body, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(now, body, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := filepath.Glob("testdata/*.db")
	if err != nil || !slices.Contains(kept, now) {
		t.Fatalf("%s is not kept (%v); write it with MUSTER_FIXTURE=1", now, err)
	}
	for _, name := range kept {
		t.Run(filepath.Base(name), func(t *testing.T) { openKept(t, name) })
	}
}

func openKept(t *testing.T, kept string) {
	body, err := os.ReadFile(kept)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "kept.db")
	if err := os.WriteFile(path, body, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), "sqlite:"+path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	err = s.Read(t.Context(), func(tx *Tx) error {
		list, err := tx.Entries([]object.ID{space.EntryID("hr", "1")})
		if err != nil {
			return err
		}
		e := list[space.EntryID("hr", "1")]
		if e == nil || e.Image.Get("name").String() != "Ada" || e.Link != metaverse.NewObjectID("hr", "1", 0) {
			t.Errorf("entry: %+v", e)
		}
		objs, err := tx.Objects([]object.ID{metaverse.NewObjectID("hr", "1", 0)})
		if o := objs[metaverse.NewObjectID("hr", "1", 0)]; o == nil || o.Attrs.Get("displayName").String() != "Ada" {
			t.Errorf("object: %+v", o)
		}
		v := tx.View([]string{"hr"})
		ada, ben, cut := space.EntryID("hr", "1"), space.EntryID("hr", "2"), metaverse.NewObjectID("hr", "2", 0)
		if err := v.Load(engine.Need{Entries: []object.ID{ada, ben}, Objects: []object.ID{metaverse.NewObjectID("hr", "1", 0), cut}}); err != nil {
			return err
		}
		if hs := v.LinkHolds(ben); len(hs) != 1 || hs[0].Why != "disconnect" || hs[0].Target.Object != cut || len(v.LinkHolds(ada)) > 0 {
			t.Errorf("holds on links: %v and %v", hs, v.LinkHolds(ada))
		}
		if !v.Remembered(cut) || v.Remembered(metaverse.NewObjectID("hr", "1", 0)) {
			t.Error("whom an entry was cut from is not remembered, or who was not is")
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func writeFixture(t *testing.T, path string) {
	s, err := Open(t.Context(), "sqlite:"+path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	m, err := s.BeginImport(t.Context(), "hr", staging.Options{Full: true})
	must(err)
	for anchor, name := range map[string]string{"1": "Ada", "2": "Ben"} {
		must(m.Put(object.Record{Type: "person", Anchor: anchor, Attrs: object.Bag(object.Attr{Name: "name", Values: object.Values{object.Str(name)}})}))
	}
	_, err = m.Finish("mark", true)
	must(err)
	_, err = s.Release(t.Context(), "hr")
	must(err)
	must(s.People(t.Context(), func(tx *Tx) error {
		w := tx.Writer(1)
		id := metaverse.NewObjectID("hr", "1", 0)
		o := &metaverse.Object{ID: id, Type: "person", Attrs: object.Bag(object.Attr{Name: "displayName", Values: object.Values{object.Str("Ada")}}), Origins: []metaverse.Origin{{Connector: "hr"}}}
		must(w.Birth(o))
		must(w.Link(engine.LinkEffect{Entry: space.EntryID("hr", "1"), To: id}, nil))
		cut := metaverse.NewObjectID("hr", "2", 0) // it ended, and a person keeps its entry from it
		must(w.Link(engine.LinkEffect{Entry: space.EntryID("hr", "2"), Cut: cut}, nil))
		must(tx.WriteHolds([]*engine.Hold{
			{Target: engine.Target{Object: cut, Kind: engine.EntryLink, Connector: "hr", Name: "2"}, Refused: space.Present, Standing: true, AtValue: true, Why: "disconnect", By: "Ines Falk"},
			{Target: engine.Target{Object: id, Kind: engine.ObjectValue, Name: "displayName"}, Why: "protect", Standing: true, By: "Ines Falk"},
		}))
		return w.Flush()
	}))
	must(s.Checkpoint(t.Context()))
	must(s.Close())
}
