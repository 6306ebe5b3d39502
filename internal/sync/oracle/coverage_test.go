package oracle

import (
	"os"
	"sync"
	"testing"
)

// TestRandomHistoriesMeetEverything lets histories run without laws, which is
// fast, and demands of a long run that everything was met a thousand times.
func TestRandomHistoriesMeetEverything(t *testing.T) {
	n, least := 300, 0
	if os.Getenv("MUSTER_LONG") != "" {
		n, least = 10_000, 1000
	}
	met := map[string]int{}
	var mu sync.Mutex
	eachSeed(n, func(seed int64) {
		h := NewHistory(seed)
		for range 60 {
			h.Step()
		}
		mu.Lock()
		defer mu.Unlock()
		for what, k := range h.Met {
			met[what] += k
		}
	})
	for _, what := range Features {
		t.Logf("%-24s %d", what, met[what])
		if met[what] < least {
			t.Errorf("%s: met %d times, want %d; random worlds no longer lead there", what, met[what], least)
		}
	}
}

// eachSeed calls fn with the seeds below n, on all processors.
func eachSeed(n int, fn func(seed int64)) {
	var wg sync.WaitGroup
	const workers = 4
	for w := range workers {
		wg.Go(func() {
			for seed := w; seed < n; seed += workers {
				fn(int64(seed))
			}
		})
	}
	wg.Wait()
}
