package object_test

import (
	"testing"

	"muster/internal/base/object"
)

func TestSplitDN(t *testing.T) {
	for dn, want := range map[string][2]string{
		"":                               {"", ""},
		"dc=example":                     {"dc=example", ""},
		"uid=anna,ou=people, dc=example": {"uid=anna", "ou=people, dc=example"},
		"uid=anna,  ou=people":           {"uid=anna", "ou=people"},
		`cn=Berg\, Anna,ou=people`:       {`cn=Berg\, Anna`, "ou=people"},
		`cn=Anna\\,ou=people`:            {`cn=Anna\\`, "ou=people"},
		`cn=Anna\`:                       {`cn=Anna\`, ""},
	} {
		if rdn, above := object.SplitDN(dn); rdn != want[0] || above != want[1] {
			t.Errorf("%s: %q and %q, want %q", dn, rdn, above, want)
		}
	}
}
