package enginetest

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"muster/internal/sync/oracle"
)

func TestZZ(t *testing.T) {
	seed, _ := strconv.Atoi(os.Getenv("SEED"))
	seen := map[string]int{}
	for range 200 {
		h := oracle.NewHistory(int64(seed))
		for i := 0; i < steps; i++ {
			h.Step()
		}
		seen[strings.Join(h.Steps, "\n")]++
	}
	fmt.Println(seed, len(seen))
	var texts []string
	for s := range seen {
		texts = append(texts, s)
	}
	if len(texts) > 1 {
		fmt.Println(oracle.Diff(texts[0], texts[1]))
	}
}
