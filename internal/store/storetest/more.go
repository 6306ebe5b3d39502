package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"muster/internal/base/object"
	"muster/internal/store"
	"muster/internal/store/staging"
	"muster/internal/sync/engine"
	"muster/internal/sync/metaverse"
	"muster/internal/sync/space"
)

func sortedStrings(list []string) []string {
	slices.Sort(list)
	return list
}

// born makes a person out of an entry of hr, with an account in ad.
func born(e *space.Entry) (*metaverse.Object, *space.Entry, *engine.Unit) {
	id := metaverse.NewObjectID("hr", e.Anchor, 0)
	from := metaverse.Origin{Connector: "hr", Entry: e.ID, Rule: "in", Import: 1, At: at}
	name := e.Image.Get("name")
	acct := object.Values{object.Str("U" + e.Anchor)}
	o := &metaverse.Object{ID: id, Type: "person", Version: 1,
		Attrs:   object.Bag(object.Attr{Name: "account", Values: acct}, object.Attr{Name: "displayName", Values: name}, str("employeeID", e.Anchor)),
		Origins: []metaverse.Origin{from, from, from},
		Claims:  []metaverse.Claim{{Attr: "account", Wish: "u", Name: "U" + e.Anchor}}}
	account := &space.Entry{ID: space.AccountID("ad", id, 0), Connector: "ad", Type: "user", Initial: object.Bag(str("pw", "once"))}
	u := &engine.Unit{Object: id, Type: "person", Claims: o.Claims, Changes: []engine.Change{
		{Op: engine.Birth, After: space.Present},
		{Op: engine.SetValue, Name: "account", After: acct},
		{Op: engine.SetValue, Name: "displayName", After: name},
		{Op: engine.AddAccount, Connector: "ad", Name: "user", After: space.Present},
		{Op: engine.SetAccount, Connector: "ad", Name: "sam", After: acct},
	}, Origins: []metaverse.Origin{from, from}, Basis: []engine.Basis{{ID: e.ID, Version: e.Version}}}
	return o, account, u
}

// project makes a plan that projects all people of hr, and accepts it.
func project(t testing.TB, s *store.Store) store.Plan {
	t.Helper()
	p, err := tryProject(context.Background(), s)
	check(t, err)
	return p
}

func tryProject(ctx context.Context, s *store.Store) (store.Plan, error) {
	var units []*engine.Unit
	var head store.Plan
	err := s.Read(ctx, func(tx *store.Tx) (err error) {
		if head.Generation, err = tx.Generation(); err != nil {
			return err
		}
		if head.Moment, err = tx.Now(); err != nil {
			return err
		}
		v := tx.View([]string{"hr", "ad"})
		return tx.EachEntry("hr", false, func(refs []store.Ref) (bool, error) {
			var need engine.Need
			for _, r := range refs {
				need.Entries = append(need.Entries, r.ID)
			}
			if err := v.Load(need); err != nil {
				return false, err
			}
			for _, r := range refs {
				if e := v.Entry(r.ID); e.Link.IsZero() {
					_, _, u := born(e)
					units = append(units, u)
				}
			}
			v.Forget()
			return true, nil
		})
	})
	if err != nil {
		return head, err
	}
	head.Kind, head.Started = "sync", at
	w, err := s.NewPlan(ctx, head)
	if err != nil {
		return head, err
	}
	var hashes []engine.Hash
	for _, u := range units {
		if _, _, err := w.Add(u); err != nil {
			return head, err
		}
		hashes = append(hashes, u.Hash())
	}
	p, err := w.End(engine.PlanHash(hashes), map[string]int64{"birth": int64(len(units))}, at.Add(time.Minute))
	if err != nil {
		return p, err
	}
	return p, accept(ctx, s, p)
}

// accept applies the chunks of a plan from where it was left.
func accept(ctx context.Context, s *store.Store, p store.Plan) error {
	for no := p.Accepted; ; no++ {
		more := false
		err := s.Bulk(ctx, func(tx *store.Tx) error {
			c, err := tx.Chunk(p.No, no)
			if err != nil || c == nil {
				return err
			}
			more = true
			w := tx.Writer(p.No)
			for i := range c.Units {
				w.At(no, i)
				id := c.Units[i].Basis[0].ID
				list, err := tx.Entries([]object.ID{id})
				if err != nil {
					return err
				}
				o, account, _ := born(list[id])
				if err := errors.Join(w.Birth(o), w.Link(engine.LinkEffect{Entry: id, To: o.ID}, nil), w.NewAccount(account, o.ID)); err != nil {
					return err
				}
			}
			return errors.Join(w.Flush(), tx.SetPlanState(p.No, store.PlanAccepting, no+1))
		})
		if err != nil {
			return err
		}
		if !more {
			break
		}
	}
	return s.Bulk(ctx, func(tx *store.Tx) error {
		return errors.Join(tx.SetPlanState(p.No, store.PlanAccepted, p.Accepted), tx.Decided([]string{"hr", "ad"}, p.Moment))
	})
}

func hrPeople(n int) []object.Record {
	var out []object.Record
	for i := range n {
		out = append(out, person(fmt.Sprintf("%05d", i), str("name", fmt.Sprintf("Name %05d", i))))
	}
	return out
}

func testAccept(t *testing.T, fresh func(testing.TB) string) {
	s := Open(t, fresh(t))
	importAll(t, s, "hr", hrPeople(600)...)
	p := project(t, s)
	read(t, s, func(tx *store.Tx) error {
		got, err := tx.Plan(p.No)
		check(t, err)
		equal(t, "state", got.State, store.PlanAccepted)
		equal(t, "units", got.Units, 600)
		equal(t, "counts", got.Counts["birth"], 600)
		n := 0
		check(t, tx.EachEntry("hr", false, func(r []store.Ref) (bool, error) { n += len(r); return true, nil }))
		equal(t, "still dirty", n, 0)
		order := ""
		check(t, tx.EachEntry("hr", true, func(r []store.Ref) (bool, error) {
			n += len(r)
			for _, x := range r {
				order += x.ID.String()
			}
			return true, nil
		}))
		equal(t, "all", n, 600)

		acceptedView(t, tx, p)
		return nil
	})
	acceptMore(t, s)
}

// acceptedView looks at one of the accepted objects from all sides.
func acceptedView(t *testing.T, tx *store.Tx, p store.Plan) {
	t.Helper()
	id := metaverse.NewObjectID("hr", "00300", 0)
	e := space.EntryID("hr", "00300")
	acct := space.AccountID("ad", id, 0)
	v := tx.View([]string{"hr", "ad"})
	key := engine.Key{Type: "person", Attr: "employeeID", Value: "00300"}
	name := engine.Name{Type: "person", Attr: "account", Value: "u00300"}
	free := engine.Name{Type: "person", Attr: "account", Value: "nobody"}
	check(t, v.Load(engine.Need{Objects: []object.ID{id, id} /* asked for twice, it is the same */, Links: []object.ID{e}, Accounts: []object.ID{id}, Matches: []engine.Key{key}, Names: []engine.Name{name, free}}))
	o := v.Object(id)
	equal(t, "name", o.Attrs.Get("displayName").String(), "Name 00300")
	from, _ := o.Origin("displayName")
	equal(t, "origin", from, metaverse.Origin{Connector: "hr", Entry: e, Rule: "in", Import: 1, At: at})
	equal(t, "link", v.LinkOf(e), id)
	equal(t, "account", v.Account(id, "ad"), true)
	equal(t, "match", fmt.Sprint(v.Matches(key)), fmt.Sprint([]object.ID{id}))
	if who, ok := v.Owner(name); !ok || who != id {
		t.Errorf("owner: %v %v", who, ok)
	}
	if _, ok := v.Owner(free); ok || len(v.Bearers(free)) > 0 {
		t.Errorf("a free name is claimed")
	}
	list := v.EntriesOf(id)
	if len(list) != 2 || list[0].ID != e || list[1].ID != acct || !list[1].Unsent() || list[1].Top("sam").String() != "U00300" || list[1].Initial.Get("pw").String() != "once" {
		t.Errorf("entries: %v", list)
	}
	h, err := tx.History(id)
	check(t, err)
	if len(h) != 1 || h[0].Plan != p.No || h[0].Unit.Object != id {
		t.Errorf("history: %+v", h)
	}
	page, err := tx.Search("displayName", "NAME 0030", "", 4)
	check(t, err)
	equal(t, "found", len(page.Objects), 4)
	page, err = tx.Search("displayName", "name 0030", page.Next, 40)
	check(t, err)
	equal(t, "found then", len(page.Objects), 6)
	if moved, err := tx.Moved([]engine.Basis{{Object: true, ID: id, Version: 1}, {ID: e, Version: 1}, {ID: e, Version: 7}, {ID: acct}}); err != nil || len(moved) != 2 {
		t.Errorf("moved: %v %v", moved, err)
	}
}

// acceptMore changes one object; then it ends.
func acceptMore(t *testing.T, s *store.Store) {
	t.Helper()
	id := metaverse.NewObjectID("hr", "00300", 0)
	people(t, s, func(tx *store.Tx) error {
		was, err := tx.Objects([]object.ID{id})
		check(t, err)
		is := *was[id]
		is.Attrs = is.Attrs.Clone()
		is.Attrs.Put("displayName", object.Values{object.Str("Other")})
		is.Due = at.Add(time.Hour)
		w := tx.Writer(77)
		w.At(0, 3)
		check(t, w.Put(&is, was[id]))
		return w.Flush()
	})
	read(t, s, func(tx *store.Tx) error {
		got, err := tx.Objects([]object.ID{id})
		check(t, err)
		equal(t, "version", got[id].Version, 2)
		equal(t, "name", got[id].Attrs.Get("displayName").String(), "Other")
		due, err := tx.DueObjects(at.Add(2*time.Hour), 10)
		check(t, err)
		equal(t, "due", fmt.Sprint(due), fmt.Sprint([]object.ID{id}))
		page, err := tx.Search("displayName", "Name 00300", "", 4)
		equal(t, "found by its old name", len(page.Objects), 0)
		return err
	})
	people(t, s, func(tx *store.Tx) error {
		was, err := tx.Objects([]object.ID{id})
		check(t, err)
		w := tx.Writer(78)
		check(t, errors.Join(w.Link(engine.LinkEffect{Entry: space.EntryID("hr", "00300"), Cut: id}, &space.Entry{Link: id}), w.DropEntry(space.AccountID("ad", id, 0)), w.Death(was[id])))
		return w.Flush()
	})
	read(t, s, func(tx *store.Tx) error {
		got, err := tx.Objects([]object.ID{id})
		check(t, err)
		equal(t, "objects left", len(got), 0)
		list, err := tx.Entries([]object.ID{space.EntryID("hr", "00300"), space.AccountID("ad", id, 0)})
		check(t, err)
		equal(t, "entries left", len(list), 1)
		e := list[space.EntryID("hr", "00300")]
		equal(t, "cut from", e.Cut, id)
		equal(t, "link", e.Link.IsZero(), true)
		h, err := tx.History(id)
		equal(t, "history", len(h), 3)
		st, err2 := tx.Status()
		equal(t, "objects", st.Objects, 599)
		return errors.Join(err, err2)
	})
}

func testReferences(t *testing.T, fresh func(testing.TB) string) {
	s := Open(t, fresh(t))
	ids := make([]object.ID, 20000)
	for i := range ids {
		ids[i] = object.NewID("m", fmt.Sprint(i))
	}
	g := object.NewID("group")
	from := metaverse.Origin{Connector: "hr", Rule: "g"}
	people(t, s, func(tx *store.Tx) error {
		w := tx.Writer(1)
		check(t, w.Birth(&metaverse.Object{ID: g, Type: "group", Attrs: object.Bag(str("displayName", "G"), object.Attr{Name: "member", Values: refTo(ids...)}), Origins: []metaverse.Origin{from, from}}))
		return w.Flush()
	})
	n := object.NewID("new")
	people(t, s, func(tx *store.Tx) error {
		w := tx.Writer(2)
		check(t, errors.Join(w.AddRef(g, "member", n, from), w.DropRef(g, "member", ids[7]), w.AddRef(g, "owner", n, from)))
		return w.Flush()
	})
	read(t, s, func(tx *store.Tx) error {
		got, err := tx.Objects([]object.ID{g})
		check(t, err)
		m := got[g].Attrs.Get("member")
		equal(t, "members", len(m), 20000)
		equal(t, "version", got[g].Version, 2)
		equal(t, "new member", m.Has(object.Reference(string(n[:]))), true)
		equal(t, "old member", m.Has(object.Reference(string(ids[7][:]))), false)
		equal(t, "owner", got[g].Attrs.Get("owner").Equal(refTo(n)), true)
		o, _ := got[g].Origin("owner")
		equal(t, "origin", o, from)
		v := tx.View(nil)
		check(t, v.Load(engine.Need{Referrers: []object.ID{ids[3], ids[7], n}}))
		equal(t, "referrers", fmt.Sprint(v.Referrers(ids[3]), v.Referrers(ids[7]), v.Referrers(n)), fmt.Sprint([]object.ID{g}, []object.ID{}, []object.ID{g}))
		return nil
	})
}

func testPeople(t *testing.T, fresh func(testing.TB) string) {
	s := Open(t, fresh(t))
	importAll(t, s, "hr", hrPeople(3)...)
	obj := object.NewID("o")
	target := engine.Target{Object: obj, Kind: engine.ObjectValue, Name: "title"}
	hold := &engine.Hold{Target: target, Refused: object.Values{object.Str("x")}, Why: "reject", Cause: "no", By: "ada", At: at, Until: at.Add(time.Hour), Plan: 3}
	people(t, s, func(tx *store.Tx) error { return tx.WriteHolds([]*engine.Hold{hold}) })
	people(t, s, func(tx *store.Tx) error {
		return tx.WriteHolds([]*engine.Hold{{Target: target, Why: "guard", By: engine.ByGuard}, {Target: engine.Target{Object: obj}, Why: "guard", At: at}})
	})
	var gen int64
	read(t, s, func(tx *store.Tx) (err error) {
		v := tx.View(nil)
		check(t, v.Load(engine.Need{Objects: []object.ID{obj, obj}}))
		list := v.Holds(obj)
		equal(t, "holds", len(list), 2)
		got := *list[1]
		equal(t, "hold", fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", *hold))
		due, err := tx.HoldsDue(at.Add(2*time.Hour), 10)
		check(t, err)
		equal(t, "due", len(due), 1)
		dirty, err := tx.DirtyObjects(object.ID{}, 10)
		check(t, err)
		equal(t, "dirty", fmt.Sprint(dirty), fmt.Sprint([]object.ID{obj}))
		gen, err = tx.Generation()
		return err
	})
	people(t, s, func(tx *store.Tx) error {
		return errors.Join(tx.EndHolds([]*engine.Hold{hold}), tx.Approve(obj, []engine.Hash{{1}, {2}}, "ada", at), tx.SetSetting("a", []byte("b")),
			tx.SetWaiting(map[object.ID][]engine.Change{obj: {{Op: engine.SetValue, Name: "title", After: object.Values{object.Str("x")}}}}),
			tx.SetQueued([]engine.Queued{{Entry: space.EntryID("hr", "00001"), Rule: "r", Candidates: []object.ID{obj}, Taken: true}}, nil),
			tx.SetOffers(map[object.ID][]engine.Key{space.EntryID("hr", "00002"): {{Type: "person", Attr: "mail", Value: "m"}}}))
	})
	run := &store.Run{Name: "daily", Started: at, Step: "import", Counters: map[string]int64{"add": 3}}
	people(t, s, func(tx *store.Tx) error {
		return errors.Join(tx.SaveRun(run), tx.AddRunErrors(run.No, []engine.ObjectFault{{Code: "extension-error", Anchor: "1", Message: "m"}}))
	})
	read(t, s, func(tx *store.Tx) error {
		now, err := tx.Generation()
		check(t, err)
		equal(t, "generation moved", now > gen, true)
		v := tx.View(nil)
		k := engine.Key{Type: "person", Attr: "mail", Value: "m"}
		check(t, v.Load(engine.Need{Objects: []object.ID{obj}, Candidates: []engine.Key{k}}))
		equal(t, "holds", len(v.Holds(obj)), 1)
		equal(t, "approved", len(v.Approved(obj)), 2)
		equal(t, "candidates", fmt.Sprint(v.Candidates(k)), fmt.Sprint([]object.ID{space.EntryID("hr", "00002")}))
		w, err := tx.WaitingObjects(object.ID{}, 10)
		check(t, err)
		equal(t, "waiting", len(w) == 1 && w[0].Changes[0].Name == "title", true)
		q, err := tx.Queued(10)
		check(t, err)
		equal(t, "queued", len(q) == 1 && q[0].Taken && q[0].Entry == space.EntryID("hr", "00001") && q[0].Candidates[0] == obj, true)
		x, err := tx.Setting("a")
		equal(t, "setting", string(x), "b")
		if _, err := tx.Setting("none"); !errors.Is(err, store.ErrNoSetting) {
			t.Errorf("no setting: %v", err)
		}
		runs, err2 := tx.UnfinishedRuns()
		equal(t, "runs", len(runs) == 1 && runs[0].Counters["add"] == 3 && runs[0].Step == "import", true)
		faults, err3 := tx.RunErrors(run.No, 0, 10)
		equal(t, "faults", len(faults), 1)
		return errors.Join(err, err2, err3)
	})
	people(t, s, func(tx *store.Tx) error {
		return errors.Join(tx.SetOffers(map[object.ID][]engine.Key{space.EntryID("hr", "00002"): nil}), tx.SetWaiting(map[object.ID][]engine.Change{obj: nil}),
			tx.SetQueued(nil, []object.ID{space.EntryID("hr", "00001")}))
	})
	read(t, s, func(tx *store.Tx) error {
		st, err := tx.Status()
		equal(t, "left", st.Waiting+st.Queued, 0)
		v := tx.View(nil)
		k := engine.Key{Type: "person", Attr: "mail", Value: "m"}
		check(t, v.Load(engine.Need{Candidates: []engine.Key{k}}))
		equal(t, "candidates left", len(v.Candidates(k)), 0)
		return err
	})
}

func testSending(t *testing.T, fresh func(testing.TB) string) {
	s := Open(t, fresh(t))
	importAll(t, s, "hr", hrPeople(5)...)
	project(t, s)
	pending := func(states ...space.State) []*space.Entry {
		var out []*space.Entry
		read(t, s, func(tx *store.Tx) error {
			after := int64(0)
			for {
				list, next, err := tx.Pending("ad", states, after, 2)
				out = append(out, list...)
				if err != nil || next == 0 {
					return err
				}
				after = next
			}
		})
		return out
	}
	list := pending(space.Waiting, space.Failed)
	equal(t, "to send", len(list), 5)
	equal(t, "values", list[0].Top("sam").String(), "U00000")
	var no int64
	people(t, s, func(tx *store.Tx) (err error) {
		if no, err = tx.SendNo(); err != nil {
			return err
		}
		for _, e := range list[:3] {
			for i := range e.Pending {
				e.Pending[i].State, e.Pending[i].SentNo = space.Unknown, no
			}
		}
		return tx.MarkSent(list[:3])
	})
	equal(t, "still to send", len(pending(space.Waiting, space.Failed)), 2)
	people(t, s, func(tx *store.Tx) error {
		for i := range list[0].Pending {
			list[0].Pending[i].State = space.Sent
		}
		p := &list[1].Pending[0]
		p.State, p.Errors, p.Fault, p.First = space.Failed, 1, "exists", at
		return errors.Join(tx.SetPending(list[:2]), tx.Named([]store.Answer{{Entry: list[0].ID, Anchor: "g0"}}))
	})
	equal(t, "sent", len(pending(space.Sent)), 1)
	failed := pending(space.Failed)
	equal(t, "failed", len(failed) == 1 && failed[0].Pending[0].Fault == "exists", true)
	equal(t, "unknown", len(pending(space.Unknown)), 1)

	// The system shows the account: it is ours, by the anchor it told.
	importAll(t, s, "ad", person("g0", str("sam", "U00000")))
	got := all(t, s, "ad")["g0"]
	if got == nil || got.ID != list[0].ID || !got.Seen || got.Link.IsZero() || len(got.Pending) == 0 {
		t.Fatalf("confirmed: %s", show(got))
	}
	got.Pending = nil
	people(t, s, func(tx *store.Tx) error { return tx.SetPending([]*space.Entry{got}) })
	equal(t, "sent after confirmation", len(pending(space.Sent)), 0)
	read(t, s, func(tx *store.Tx) error {
		v := tx.View(nil)
		n := engine.Name{Type: "person", Attr: "account", Value: "u00000"}
		check(t, v.Load(engine.Need{Names: []engine.Name{n}}))
		_, ok := v.Owner(n)
		equal(t, "claimed", ok, true)
		equal(t, "bearers", fmt.Sprint(v.Bearers(n)), fmt.Sprint([]object.ID{list[0].ID}))
		return nil
	})
}

// errCrash is what the hook answers when the process is meant to die.
var errCrash = errors.New("crash")

// testCrash lets a small run die before each of its statements, starts it
// again, and compares the end with that of a run that did not die.
func testCrash(t *testing.T, fresh func(testing.TB) string) {
	work := func(ctx context.Context, s *store.Store) error {
		s.SetIndexes(indexes)
		for _, recs := range [][]object.Record{hrPeople(4), append(hrPeople(3), person("x", ref("boss", "00001", "y")))} {
			m, err := s.BeginImport(ctx, "hr", staging.Options{Full: true, Schema: schema, At: at})
			if err != nil {
				return err
			}
			for _, r := range recs {
				if err := m.Put(r); err != nil {
					return err
				}
			}
			if _, err := m.Finish("m", true); err != nil {
				return err
			}
			if _, err := s.Release(ctx, "hr"); err != nil {
				return err
			}
		}
		if err := resume(ctx, s); err != nil {
			return err
		}
		_, err := tryProject(ctx, s)
		return err
	}
	end := func(dsn string) string {
		s, err := store.Open(context.Background(), dsn, store.Options{})
		check(t, err)
		defer s.Close()
		s.SetIndexes(indexes)
		check(t, work(context.Background(), s))
		out := dump(all(t, s, "hr")) + dump(all(t, s, "ad"))
		read(t, s, func(tx *store.Tx) error {
			list, _, err := tx.ObjectsOf("person", 0, 100)
			for _, o := range list {
				out += o.ID.String() + o.Attrs.Get("displayName").String() + "\n"
			}
			st, err2 := tx.Status()
			out += fmt.Sprint(st.Entries, st.Objects, st.Connectors["ad"].Pending)
			return errors.Join(err, err2)
		})
		return out
	}
	want := end(fresh(t))
	step := 7
	if testing.Short() || dsnKind(fresh(t)) != "sqlite" {
		step = 29 // a database each takes its time
	}
	for n := 0; ; n += step {
		dsn := fresh(t)
		left, dead := n, false
		s, err := store.Open(context.Background(), dsn, store.Options{Before: func(string) error {
			if left--; left < 0 {
				dead = true
				return errCrash
			}
			return nil
		}})
		if err == nil {
			err = work(context.Background(), s)
			s.Abort()
		}
		if !dead {
			check(t, err)
			if n == 0 {
				t.Error("nothing was run")
			}
			return
		}
		if got := end(dsn); got != want {
			t.Fatalf("killed before statement %d, then run again:\n%s\nwant\n%s", n, got, want)
		}
	}
}

func dsnKind(dsn string) string {
	kind, _, _ := strings.Cut(dsn, ":")
	return kind
}

// resume accepts what was left half accepted.
func resume(ctx context.Context, s *store.Store) error {
	var open []store.Plan
	err := s.Read(ctx, func(tx *store.Tx) error {
		list, err := tx.Plans(0, 10)
		for _, p := range list {
			if p.State == store.PlanReady || p.State == store.PlanAccepting {
				open = append(open, p)
			}
		}
		return err
	})
	for _, p := range open {
		if err := accept(ctx, s, p); err != nil {
			return err
		}
	}
	return err
}
