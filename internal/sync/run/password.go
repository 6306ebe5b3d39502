package run

import (
	"crypto/rand"
	"math/big"
)

// passwordLength gives a first password about 130 bits.
const passwordLength = 24

// newPassword makes a first password: letters, digits and marks that directory
// servers accept, at least one of each kind.
func newPassword() string {
	sets := []string{"ABCDEFGHJKLMNPQRSTUVWXYZ", "abcdefghijkmnopqrstuvwxyz", "23456789", "-_.!+*"}
	all := sets[0] + sets[1] + sets[2] + sets[3]
	b := make([]byte, passwordLength)
	for i := range b {
		from := all
		if i < len(sets) {
			from = sets[i]
		}
		b[i] = from[below(len(from))]
	}
	for i := len(b) - 1; i > 0; i-- {
		j := below(i + 1)
		b[i], b[j] = b[j], b[i]
	}
	return string(b)
}

func below(n int) int {
	k, err := rand.Int(rand.Reader, big.NewInt(int64(n)))
	if err != nil {
		panic("no randomness: " + err.Error()) // the system cannot make secrets
	}
	return int(k.Int64())
}
