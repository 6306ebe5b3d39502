package csv

import (
	"os"
	"slices"
	"testing"

	"muster/internal/sync/connector"
	"muster/internal/sync/connector/connectortest"
)

// TestProbeFolder asks about a folder in which nobody may write.
func TestProbeFolder(t *testing.T) {
	if connectortest.AsNobody(t) {
		return
	}
	w := newWorld(t, true, false)
	c, err := Open(w.set)
	if err != nil {
		t.Fatal(err)
	}
	p, _ := c.(connector.Prober)
	for mode, want := range map[os.FileMode][]connector.Objection{
		0o700: nil,
		0o500: {{About: connector.AboutObject, Says: "we may not write in the folder " + w.dir}},
	} {
		if err := os.Chmod(w.dir, mode); err != nil {
			t.Fatal(err)
		}
		got, err := p.Probe(t.Context(), connector.Change{Verb: connector.Add, Type: "group"})
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("mode %o: %+v, %v; want %+v", mode, got, err, want)
		}
	}
	if err := os.Chmod(w.dir, 0o700); err != nil {
		t.Fatal(err)
	}
}
