package store

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"muster/internal/base/object"
	"muster/internal/store/layout"
	"muster/internal/sync/engine"
	"muster/internal/sync/metaverse"
	"muster/internal/sync/rules"
	"muster/internal/sync/space"
)

// TestBenchAccept imports people, writes a plan that projects each with an
// account, and accepts it.
func TestBenchAccept(t *testing.T) {
	n, _ := strconv.Atoi(os.Getenv("MUSTER_BENCH"))
	if n == 0 {
		t.Skip("set MUSTER_BENCH to a number of people")
	}
	ctx := context.Background()
	path := benchFile(t, n, 0)
	dir := t.TempDir()
	base := floor(t, path, filepath.Join(dir, "floor.db"))
	s, err := Open(ctx, "sqlite:"+filepath.Join(dir, "m.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	s.SetIndexes(layout.Indexes{Keys: map[rules.Spot]bool{{Type: "person", Attr: "employeeID"}: false}, Search: []string{"displayName", "mail"}})
	imp, _ := benchImport(t, s, path)
	begin := time.Now()
	w, err := s.NewPlan(ctx, Plan{Kind: "sync"})
	if err != nil {
		t.Fatal(err)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(s.Read(ctx, func(tx *Tx) error {
		v := tx.View([]string{"hr", "ad"})
		return tx.EachEntry("hr", true, func(refs []Ref) (bool, error) {
			ids := make([]object.ID, len(refs))
			for i := range refs {
				ids[i] = refs[i].ID
			}
			if err := v.Load(engine.Need{Entries: ids}); err != nil {
				return false, err
			}
			for _, id := range ids {
				if _, _, err := w.Add(benchUnit(v.Entry(id))); err != nil {
					return false, err
				}
			}
			v.Forget()
			return true, nil
		})
	}))
	p, err := w.End(engine.Hash{}, nil, time.Now())
	must(err)
	decided := time.Since(begin)
	begin = time.Now()
	for no, more := int64(0), true; more; {
		must(s.Bulk(ctx, func(tx *Tx) error {
			wr := tx.Writer(p.No)
			for range 40 {
				c, err := tx.Chunk(p.No, no)
				if err != nil || c == nil {
					more = false
					break
				}
				for i := range c.Units {
					wr.At(no, i)
					if err := benchApply(wr, &c.Units[i]); err != nil {
						return err
					}
				}
				no++
			}
			if err := wr.Flush(); err != nil {
				return err
			}
			return tx.SetPlanState(p.No, PlanAccepting, no)
		}))
	}
	accepted := time.Since(begin)
	begin = time.Now()
	must(s.Compact(ctx))
	compacted := time.Since(begin)
	begin = time.Now()
	must(s.Checkpoint(ctx))
	total := imp + decided + accepted + compacted + time.Since(begin)
	t.Logf("floor %v; import %v, read and write plan %v, accept %v, compact %v, checkpoint %v: %.2f x floor", base, imp, decided, accepted, compacted, time.Since(begin), total.Seconds()/base.Seconds())
	begin = time.Now()
	read := 0
	must(s.Read(ctx, func(tx *Tx) error {
		v := tx.View([]string{"hr", "ad"})
		return tx.EachEntry("hr", true, func(refs []Ref) (bool, error) {
			need := engine.Need{}
			for i := range refs {
				need.Entries = append(need.Entries, refs[i].ID)
			}
			if err := v.Load(need); err != nil {
				return false, err
			}
			for _, id := range need.Entries {
				need.Objects = append(need.Objects, v.LinkOf(id))
			}
			if err := v.Load(engine.Need{Objects: need.Objects}); err != nil {
				return false, err
			}
			read += len(v.Object(need.Objects[0]).Attrs)
			v.Forget()
			return true, nil
		})
	}))
	t.Logf("reading all as a full synchronization would: %v", time.Since(begin))
	if fi, err := os.Stat(filepath.Join(dir, "m.db")); err == nil {
		t.Logf("size %d MB", fi.Size()>>20)
	}
}

func benchUnit(e *space.Entry) *engine.Unit {
	id := metaverse.NewObjectID("hr", e.Anchor, 0)
	u := &engine.Unit{Object: id, Type: "person", Basis: []engine.Basis{{ID: e.ID, Version: e.Version}}}
	u.Changes = append(u.Changes, engine.Change{Op: engine.Birth, After: space.Present}, engine.Change{Op: engine.Link, Connector: "hr", Name: e.Anchor, After: space.Present})
	from := metaverse.Origin{Connector: "hr", Entry: e.ID, Rule: "hr-in", Import: 1}
	for _, a := range e.Image {
		if a.Values[0].Kind() == object.Ref {
			continue
		}
		u.Changes = append(u.Changes, engine.Change{Op: engine.SetValue, Name: a.Name, After: a.Values, Rule: "hr-in"})
		u.Origins = append(u.Origins, from)
	}
	u.Changes = append(u.Changes, engine.Change{Op: engine.AddAccount, Connector: "ad", Name: "user", After: space.Present})
	return u
}

func benchApply(w *Writer, u *engine.Unit) error {
	o := &metaverse.Object{ID: u.Object, Type: u.Type, Origins: u.Origins}
	for _, c := range u.Changes {
		if c.Op == engine.SetValue {
			o.Attrs = append(o.Attrs, object.Attr{Name: c.Name, Values: c.After})
		}
	}
	if err := w.Birth(o); err != nil {
		return err
	}
	if err := w.Link(engine.LinkEffect{Entry: u.Basis[0].ID, To: u.Object}, nil); err != nil {
		return err
	}
	return w.NewAccount(&space.Entry{ID: space.AccountID("ad", u.Object, 0), Connector: "ad", Type: "user"}, u.Object)
}
