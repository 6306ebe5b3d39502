package run_test

import (
	"context"
	"strconv"
	"testing"

	"muster/internal/sync/run"
)

// TestPreviewOfAHeldImport looks at what an import that the health gate holds
// would do: on both databases the very plan that follows once it is released.
func TestPreviewOfAHeldImport(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		ctx := context.Background()
		b := benchOf(t, estate, dsn)
		put := func(from, to int, phone string) {
			for i := from; i < to; i++ {
				n := strconv.Itoa(i)
				b.put("employee", n, "emp", n, "first", "Ann", "last", "Lee"+n, "phone", phone)
			}
		}
		put(0, 60, "1")
		b.step(b.r.Import(ctx, "hr", true))
		b.step(b.r.Sync(ctx, run.SyncOptions{}))
		put(0, 40, "2")
		for i := 40; i < 60; i++ {
			b.sys.System("hr", nil).Delete(strconv.Itoa(i))
		}
		if rep := b.step(b.r.Import(ctx, "hr", true)); len(rep.Suspicion) == 0 {
			t.Fatalf("the import is not held: %+v", rep)
		}
		if rep := b.step(b.r.Sync(ctx, run.SyncOptions{Preview: true})); rep.Counters["units"] != 0 {
			t.Errorf("what is held counts already: %v", rep.Counters)
		}
		rep := b.step(b.r.Sync(ctx, run.SyncOptions{Preview: true, Release: "hr"}))
		seen, err := b.r.Plan(ctx, rep.Plan)
		if err != nil || seen.Units != 40 {
			t.Fatalf("the preview changes %d objects, not 40 (%v)", seen.Units, err)
		}
		if o, err := b.r.Show(ctx, "hr/1", b.now.AddDate(1, 0, 0)); err != nil || len(o.History) != 1 {
			t.Errorf("the preview left something: %v %+v", err, o)
		}
		if err := b.r.Release(ctx, "hr", "anna", ""); err != nil {
			t.Fatal(err)
		}
		rep = b.step(b.r.Sync(ctx, run.SyncOptions{}))
		if done, err := b.r.Plan(ctx, rep.Plan); err != nil || done.Hash != seen.Hash {
			t.Errorf("the plan is %s, and %s was shown (%v)", done.Hash, seen.Hash, err)
		}
	})
}
