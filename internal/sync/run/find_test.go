package run_test

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"muster/internal/base/problem"
	"muster/internal/sync/run"
)

// TestFindInPages finds people by two attributes, page by page, and compares
// with the whole: nobody twice, nobody left out, in the order asked for.
func TestFindInPages(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		ctx := context.Background()
		b := benchOf(t, estate, dsn)
		want := map[string]bool{}
		for i := range 40 {
			n := strconv.Itoa(i)
			first, last := "Ann", fmt.Sprintf("Lee%02d", 39-i) // found by displayName and by accountName: alee…
			switch i % 4 {
			case 0:
				first = "Zoe" // by neither
			case 1:
				first, last = "An", "N"+fmt.Sprintf("%02d", i) // accountName an…, displayName An N…
			}
			if i%4 != 0 {
				want["hr/"+n] = true
			}
			b.put("employee", n, "emp", n, "first", first, "last", last)
		}
		b.step(b.r.Import(ctx, "hr", true))
		b.step(b.r.Sync(ctx, run.SyncOptions{}))
		for _, sort := range []string{"", "name", "type", "founder"} {
			for _, size := range []int{1, 3, 7, 100} {
				var all []run.ObjectName
				for page := (run.Page{Size: size, Sort: sort}); ; {
					list, err := b.r.Find(ctx, "a", page)
					if err != nil {
						t.Fatal(err)
					}
					all = append(all, list...)
					if len(list) < size {
						break
					}
					page.After = list[len(list)-1].ID
				}
				got := map[string]bool{}
				for _, n := range all {
					if got[n.Founder] {
						t.Errorf("sorted by %q in pages of %d, %s is there twice", sort, size, n.Founder)
					}
					got[n.Founder] = true
				}
				if len(got) != len(want) {
					t.Errorf("sorted by %q in pages of %d, %d are found, not %d", sort, size, len(got), len(want))
				}
				by := func(a, b run.ObjectName) int { return strings.Compare(a.Label, b.Label) }
				if sort == "founder" {
					by = func(a, b run.ObjectName) int { return strings.Compare(a.Founder, b.Founder) }
				}
				if !slices.IsSortedFunc(all, by) {
					t.Errorf("in pages of %d they are not sorted by %q", size, sort)
				}
			}
		}
		if list, err := b.r.Find(ctx, "a", run.Page{Match: "lee38"}); err != nil || len(list) != 0 {
			t.Errorf("somebody whom no name found is listed: %v %v", list, err)
		}
		if list, err := b.r.Find(ctx, "a", run.Page{Match: "lee37"}); err != nil || len(list) != 1 {
			t.Errorf("not the one whose name contains it: %v %v", list, err)
		}
		for _, page := range []run.Page{{After: "x"}, {Sort: "colour"}} {
			if _, err := b.r.Find(ctx, "a", page); problem.CodeOf(err) != "bad-page" {
				t.Errorf("%+v ends in %v", page, err)
			}
		}
	})
}
