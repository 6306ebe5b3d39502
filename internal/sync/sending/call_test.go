package sending

import (
	"testing"

	"muster/internal/base/object"
)

// A comma that belongs to a name stays with it when two names change places.
func TestTemporaryName(t *testing.T) {
	const dn = `cn=Berg\, Anna,ou=people,dc=example`
	rdn, above := object.SplitDN(temporary(dn))
	if want := `cn=Berg\, Anna-muster-`; len(rdn) != len(want)+8 || rdn[:len(want)] != want || above != "ou=people,dc=example" {
		t.Errorf("temporary(%s) = %s", dn, temporary(dn))
	}
	if got := Depth(dn); got != 2 {
		t.Errorf("Depth(%s) = %d", dn, got)
	}
}
