package run_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"muster/internal/base/object"
	"muster/internal/base/secret"
	"muster/internal/store/storetest"
	"muster/internal/sync/connector"
	"muster/internal/sync/run"
)

// everything is what the directory of the bench can do.
type everything interface {
	connector.Connector
	connector.Exporter
	connector.Finder
	connector.Prober
}

// watched is a directory that counts what it is asked, and may be slow to find.
type watched struct {
	everything
	finds, probes *int
	slow          bool
}

func (w *watched) Find(ctx context.Context, at connector.Whereabouts) (object.Record, error) {
	*w.finds++
	if w.slow {
		<-ctx.Done()
		return object.Record{}, ctx.Err()
	}
	return w.everything.Find(ctx, at)
}

func (w *watched) Probe(ctx context.Context, c connector.Change) ([]connector.Objection, error) {
	*w.probes++
	return w.everything.Probe(ctx, c)
}

// asker is a runner whose directory is watched.
func (b *bench) asker(w *watched) (*run.Runner, *int) {
	opened := new(int)
	w.finds, w.probes = new(int), new(int)
	return run.New(b.store, b.cfg, run.Options{Now: func() time.Time { return b.now }, By: "tester", Secrets: secret.Fixed{}, Ask: 200 * time.Millisecond,
		Open: func(ctx context.Context, x *run.Connected) (connector.Connector, error) {
			*opened++
			c, err := x.Open(ctx, secret.Fixed{})
			if x.Name != "dir" || err != nil {
				return c, err
			}
			w.everything, _ = c.(everything)
			return w, nil
		}}), opened
}

// people lets HR tell people, and previews.
func (b *bench) people(from, to int) int64 {
	b.t.Helper()
	for i := from; i < to; i++ {
		n := fmt.Sprintf("%04d", i)
		b.put("employee", n, "emp", n, "first", "Ann", "last", "Lee"+n)
	}
	b.step(b.r.Import(b.t.Context(), "hr", true))
	return b.step(b.r.Sync(b.t.Context(), run.SyncOptions{Preview: true})).Plan
}

// objections lists what is objected to, as «object line [says]».
func objections(list []run.UnitInfo) []string {
	var out []string
	for _, u := range list {
		for i := range u.Changes {
			if c := &u.Changes[i]; len(c.Objections) > 0 {
				out = append(out, u.Object.String()+" "+c.Line()+" ["+strings.Join(c.Objections, "; ")+"]")
			}
		}
	}
	return out
}

// TestAskIsBounded asks about a page of 1,100 new accounts whose names are all
// taken, and about one of ten.
func TestAskIsBounded(t *testing.T) {
	b := newBench(t)
	plan := b.people(0, 1100)
	for i := range 1100 {
		b.sys.System("dir", nil).Put(object.Record{Type: "user", DN: fmt.Sprintf("uid=alee%04d,ou=people,o=x", i)})
	}
	w := &watched{}
	r, _ := b.asker(w)
	for _, c := range []struct {
		page   run.Page
		asked  int
		unsaid int
	}{
		{run.Page{Size: 2000}, 1000, 2},
		{run.Page{Size: 10}, 10, 0},
	} {
		*w.finds, *w.probes = 0, 0
		a, err := r.Ask(t.Context(), plan, c.page)
		if err != nil {
			t.Fatal(err)
		}
		if got := len(objections(a.Units)); *w.finds != c.asked || *w.probes != c.asked || got != c.asked {
			t.Errorf("page of %d: %d names were looked for, %d changes probed and %d objected to, want %d of each", c.page.Size, *w.finds, *w.probes, got, c.asked)
		}
		if len(a.Unasked) != c.unsaid {
			t.Errorf("not asked: %q", a.Unasked)
		}
	}
}

// TestAskEndsInTime has a directory that does not find what it looks for.
func TestAskEndsInTime(t *testing.T) {
	b := newBench(t)
	plan := b.people(0, 3)
	w := &watched{slow: true}
	r, _ := b.asker(w)
	a, err := r.Ask(t.Context(), plan, run.Page{})
	if err != nil || len(a.Units) != 3 {
		t.Fatalf("the plan is not shown: %v", err)
	}
	if len(a.Unasked) != 1 || !strings.Contains(a.Unasked[0], "dir was asked for 200ms") || *w.finds != 1 {
		t.Errorf("after %d questions not asked: %q", *w.finds, a.Unasked)
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	if _, err := r.Ask(ctx, plan, run.Page{}); !errors.Is(err, context.Canceled) {
		t.Errorf("whoever ends it gets %v", err)
	}
}

// TestAskOnlyWhatIsToCome asks nobody about a plan that was accepted, and not
// about what moved since it was decided.
func TestAskOnlyWhatIsToCome(t *testing.T) {
	b := newBench(t)
	shown := b.people(0, 3)
	r, opened := b.asker(&watched{})
	done := b.step(b.r.Sync(t.Context(), run.SyncOptions{})).Plan
	b.step(b.r.Export(t.Context(), "dir"))
	for plan, want := range map[int64]int{shown: 1, done: 0} {
		a, err := r.Ask(t.Context(), plan, run.Page{})
		if err != nil || len(a.Units) != 3 {
			t.Fatalf("plan %d is not shown: %v", plan, err)
		}
		if got := objections(a.Units); len(got) > 0 || len(a.Unasked) != want || *opened > 0 {
			t.Errorf("plan %d: %d systems were asked, and objected %q; not asked: %q", plan, *opened, got, a.Unasked)
		}
	}
}

// TestAskAboutApprovals looks at what nobody approved yet: two who swap their
// names, and one who wants the name of the first.
func TestAskAboutApprovals(t *testing.T) {
	b := swapped(t, storetest.SQLite(t))
	b.step(b.r.Import(t.Context(), "hr", true))
	if _, err := b.r.Sync(t.Context(), run.SyncOptions{Accept: run.Approved}); err != nil {
		t.Fatal(err)
	}
	var got []string
	for page := (run.Page{Size: 1}); ; {
		a, err := b.r.AskWaiting(t.Context(), page)
		if err != nil || len(a.Unasked) > 0 {
			t.Fatalf("not asked: %v, %v", a, err)
		}
		if len(a.Units) == 0 {
			break
		}
		got = append(got, objections(a.Units)...)
		page.After = a.Units[0].Key
	}
	if want := []string{takenFromTheFirst}; !slices.Equal(got, want) {
		t.Errorf("objections: %q, want %q", got, want)
	}
}

// swapped is a bench with two people who swap their names, and a third who wants
// the first one's.
func swapped(t *testing.T, dsn string) *bench {
	b := benchOf(t, strings.Replace(estate, `'"uid=" + escape(mv.accountName) + ",ou=people,o=x"'`, `'"cn=" + escape(mv.displayName) + ",ou=people,o=x"'`, 1), dsn)
	b.put("employee", "1", "emp", "1", "first", "Ann", "last", "Lee")
	b.put("employee", "2", "emp", "2", "first", "Bob", "last", "Ray")
	b.nightly()
	b.put("employee", "1", "emp", "1", "first", "Bob", "last", "Ray")
	b.put("employee", "2", "emp", "2", "first", "Ann", "last", "Lee")
	b.put("employee", "3", "emp", "3", "first", "Ann", "last", "Lee")
	return b
}

const takenFromTheFirst = `person hr/3 dir.dn: none -> "cn=Ann Lee,ou=people,o=x" [the name is taken]`

// TestAskAcrossPages looks at two who swap their names a page at a time, on both
// databases, and at one who wants the name of the first.
func TestAskAcrossPages(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		b := swapped(t, dsn)
		b.step(b.r.Import(t.Context(), "hr", true))
		plan := b.step(b.r.Sync(t.Context(), run.SyncOptions{Preview: true})).Plan
		var got []string
		for page := (run.Page{Size: 1}); ; {
			a, err := b.r.Ask(t.Context(), plan, page)
			if err != nil {
				t.Fatal(err)
			}
			if len(a.Units) == 0 {
				break
			}
			got = append(got, objections(a.Units)...)
			page.After = a.Units[0].Key
		}
		if want := []string{takenFromTheFirst}; !slices.Equal(got, want) {
			t.Errorf("objections: %q, want %q", got, want)
		}
	})
}

// TestAskAboutWhatWaits looks at what a preview would hold back: whoever is to
// approve it sees what the system objects to.
func TestAskAboutWhatWaits(t *testing.T) {
	b := newBench(t)
	b.put("employee", "1", "emp", "1", "first", "Ann", "last", "Lee", "phone", "1")
	b.nightly()
	if _, err := b.r.Protect(t.Context(), run.Selection{Object: "person hr/1", Target: "dir.phone"}, run.Decision{By: "Ines Falk"}); err != nil {
		t.Fatal(err)
	}
	b.put("employee", "1", "emp", "1", "first", "Ann", "last", "Lee", "phone", "2")
	b.sys.System("dir", nil).Deny(connector.Update, "phone")
	b.step(b.r.Import(t.Context(), "hr", true))
	rep, err := b.r.Sync(t.Context(), run.SyncOptions{Preview: true})
	if err != nil {
		t.Fatal(err)
	}
	a, err := b.r.Ask(t.Context(), rep.Waits, run.Page{})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := objections(a.Units), []string{`person hr/1 dir.phone: "1" -> "2" [we may not write it]`}; !slices.Equal(got, want) || len(a.Unasked) > 0 {
		t.Errorf("objections: %q, want %q; not asked: %q", got, want, a.Unasked)
	}
}
