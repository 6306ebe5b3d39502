package ldap

import (
	"strings"

	ldap3 "github.com/go-ldap/ldap/v3"

	"muster/internal/base/object"
)

// splitDN parts a DN into its first level and what is above, both as they are
// written. A backslash takes the next character along (RFC 4514 §3).
func splitDN(dn string) (rdn, parent string) {
	for i := 0; i < len(dn); i++ {
		switch dn[i] {
		case '\\':
			i++
		case ',', ';':
			return trimRDN(dn[:i]), strings.TrimLeft(dn[i+1:], " ")
		}
	}
	return trimRDN(dn), ""
}

// trimRDN cuts outer spaces, but not a last one that is escaped.
func trimRDN(s string) string {
	cut := strings.Trim(s, " ")
	slashes := len(cut) - len(strings.TrimRight(cut, `\`))
	if slashes%2 == 1 && strings.HasPrefix(s[strings.Index(s, cut)+len(cut):], " ") {
		cut += " "
	}
	return cut
}

// level separates the levels of a key; no escaped value holds it.
const level = "\x00"

// dnKey prepares a DN for comparing, whatever its spelling: levels apart, each
// with its pairs in order, folded. What is no DN is folded as it is.
func dnKey(dn string) string {
	parsed, err := ldap3.ParseDN(dn)
	if err != nil {
		return object.Fold(dn)
	}
	levels := make([]string, len(parsed.RDNs))
	for i, rdn := range parsed.RDNs {
		for _, a := range rdn.Attributes {
			a.Value = strings.Join(strings.Fields(object.Fold(a.Value)), " ")
		}
		levels[i] = object.Fold(rdn.String())
	}
	return strings.Join(levels, level)
}

// dnWithin reports that dn is base or lies below it; both are keys.
func dnWithin(dn, base string) bool {
	return base == "" || dn == base || strings.HasSuffix(dn, level+base)
}

// searchBases returns where to search: the bases, cut down to the containers if
// there are any, without what lies inside another.
func searchBases(bases, containers []string) []string {
	if containers != nil {
		var cut []string
		for _, c := range containers {
			for _, b := range bases {
				switch {
				case dnWithin(dnKey(c), dnKey(b)):
					cut = append(cut, c)
				case dnWithin(dnKey(b), dnKey(c)):
					cut = append(cut, b)
				}
			}
		}
		bases = cut
	}
	var out []string
	seen := map[string]bool{}
	for _, b := range bases {
		inner := seen[dnKey(b)]
		for _, other := range bases {
			inner = inner || dnKey(other) != dnKey(b) && dnWithin(dnKey(b), dnKey(other))
		}
		if !inner {
			seen[dnKey(b)] = true
			out = append(out, b)
		}
	}
	return out
}
