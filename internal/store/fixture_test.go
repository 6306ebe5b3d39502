package store

import (
	"os"
	"path/filepath"
	"testing"

	"muster/internal/base/object"
	"muster/internal/store/staging"
	"muster/internal/sync/engine"
	"muster/internal/sync/metaverse"
	"muster/internal/sync/space"
)

// TestKeptDatabase opens a database that an earlier Muster wrote: whoever adds
// a migration keeps it working. MUSTER_FIXTURE=1 writes the one of now.
func TestKeptDatabase(t *testing.T) {
	const kept = "testdata/00001.db"
	path := filepath.Join(t.TempDir(), "m.db")
	if os.Getenv("MUSTER_FIXTURE") != "" {
		writeFixture(t, path)
		body, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(kept, body, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	body, err := os.ReadFile(kept)
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(t.TempDir(), "kept.db")
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
	must(m.Put(object.Record{Type: "person", Anchor: "1", Attrs: object.Bag(object.Attr{Name: "name", Values: object.Values{object.Str("Ada")}})}))
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
		return w.Flush()
	}))
	must(s.Checkpoint(t.Context()))
	must(s.Close())
}
