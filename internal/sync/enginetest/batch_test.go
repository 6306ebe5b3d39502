package enginetest

import (
	"testing"

	"muster/internal/sync/oracle"
)

// TestPlanDoesNotDependOnBatchesOrWorkers wants the plan byte for byte the same
// whatever the size of batches and the number of workers (PLAN-6). It is worth
// running with -race.
func TestPlanDoesNotDependOnBatchesOrWorkers(t *testing.T) {
	plans := 0
	for seed := range histories(25, 1000) {
		h := oracle.NewHistory(int64(seed))
		h.Watch = func(w *oracle.World, r *oracle.Rules, _ *oracle.Plan) {
			set := ruleSet(r)
			want := ""
			for _, by := range [][2]int{{500, 1}, {1, 1}, {7, 1}, {10_000, 1}, {1, 4}, {3, 4}} {
				d := deciding{w: w, set: set, size: by[0], workers: by[1]}
				out, err := d.decide(full(w, set))
				if err != nil {
					t.Fatalf("seed %d: batches of %d by %d workers: %v", seed, d.size, d.workers, err)
				}
				got := out.canonical()
				if want == "" {
					want = got
				}
				if got != want {
					t.Fatalf("seed %d: batches of %d by %d workers give another plan:\n%s", seed, d.size, d.workers, oracle.Diff(want, got))
				}
				plans++
			}
		}
		for range steps {
			h.Step()
		}
	}
	t.Logf("%d plans", plans)
}
