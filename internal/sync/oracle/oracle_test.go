package oracle

import (
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// histories says how many histories a run makes: few by default, more with
// ORACLE_HISTORIES or MUSTER_LONG.
func histories() int {
	if n, err := strconv.Atoi(os.Getenv("ORACLE_HISTORIES")); err == nil {
		return n
	}
	if os.Getenv("MUSTER_LONG") != "" {
		return 3000
	}
	return 60
}

const steps = 100

// tally is how often laws were held against histories, and broken.
type tally struct {
	sync.Mutex
	checks   map[string]int
	broken   map[string][]int64 // seeds
	shortest map[string][]string
}

func (a *tally) note(law string, h *History, seed int64, breach string) {
	a.Lock()
	defer a.Unlock()
	a.checks[law]++
	if breach == "" {
		return
	}
	a.broken[law] = append(a.broken[law], seed)
	if old := a.shortest[law]; old == nil || len(h.Steps) < len(old) {
		a.shortest[law] = append([]string{"seed " + strconv.FormatInt(seed, 10)}, append(h.Steps[:len(h.Steps):len(h.Steps)], breach)...)
	}
}

// follow runs one history and holds the laws against it now and then, until one
// breaks.
func (a *tally) follow(seed int64) {
	h, rng := NewHistory(seed), rand.New(rand.NewPCG(uint64(seed), 0))
	for i, fine := 0, true; i < steps && fine; i++ {
		h.Step()
		for _, law := range Laws {
			if i%5 == 4 {
				breach := law.Breach(&Case{W: h.W, Out: h.Out, R: h.R, Rng: rng})
				a.note(law.Name, h, seed, breach)
				fine = fine && breach == ""
			}
		}
	}
}

func TestLawsHoldOnRandomHistories(t *testing.T) {
	a := &tally{checks: map[string]int{}, broken: map[string][]int64{}, shortest: map[string][]string{}}
	eachSeed(histories(), a.follow)
	for _, law := range Laws {
		seeds := a.broken[law.Name]
		t.Logf("%-58s %7d checks, %d broken", law.Name, a.checks[law.Name], len(seeds))
		if len(seeds) > 0 {
			t.Errorf("%s: broken with the seeds %v; shortest history:\n%s", law.Name, seeds, strings.Join(a.shortest[law.Name], "\n"))
		}
	}
}
