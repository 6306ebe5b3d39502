package run

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"muster/internal/store"
	"muster/internal/sync/connector"
)

// watermark is where an import of changes begins, and what was chosen to be read
// when it was set: who chooses more has to ask for everything once (IMP-18).
type watermark struct {
	selection string
	mark      connector.Mark // "" where the system tells no changes
}

// selection stands for what the connector's section chooses to be read.
func (x *Connected) selection() string {
	sum := sha256.Sum256(x.Section.Substance())
	return hex.EncodeToString(sum[:8])
}

// text is how the watermark is stored; the zero one is empty.
func (w watermark) text() string {
	if w == (watermark{}) {
		return ""
	}
	return w.selection + "\n" + string(w.mark)
}

// markOf returns the connector's watermark; the zero one if everything must be
// imported whatever was chosen.
func markOf(t *store.Tx, x *Connected) (watermark, error) {
	text, err := t.Mark(x.Name)
	selection, mark, ok := strings.Cut(text, "\n")
	if !ok {
		return watermark{}, err
	}
	return watermark{selection, connector.Mark(mark)}, err
}
