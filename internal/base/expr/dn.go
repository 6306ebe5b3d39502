package expr

import (
	"encoding/hex"
	"errors"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// rdn is one component of a DN: one or more type=value pairs joined by +. The
// values are unescaped.
type rdn []pair

type pair struct{ name, value string }

func (r rdn) has(name string) bool {
	for _, p := range r {
		if strings.EqualFold(p.name, name) {
			return true
		}
	}
	return false
}

// Naming returns the values that a DN's first component gives its object, by
// attribute in lower case; nil for what is no DN.
func Naming(dn string) map[string]string {
	parts, err := parseDN(dn)
	if err != nil || len(parts) == 0 {
		return nil
	}
	out := map[string]string{}
	for _, p := range parts[0] {
		out[strings.ToLower(p.name)] = p.value
	}
	return out
}

var errDN = errors.New("this is not a DN")

// parseDN reads a DN as RFC 4514 writes it; semicolons separate as well, as
// in older systems. An empty text is the empty DN.
func parseDN(s string) ([]rdn, error) {
	if strings.TrimSpace(s) == "" {
		return nil, nil
	}
	if !utf8.ValidString(s) {
		return nil, errDN
	}
	dn := []rdn{nil}
	for {
		name, rest, ok := strings.Cut(s, "=")
		name = strings.TrimSpace(name)
		if !ok || !validName(name) {
			return nil, errDN
		}
		value, rest, err := parseDNValue(strings.TrimLeft(rest, " "))
		if err != nil {
			return nil, err
		}
		last := &dn[len(dn)-1]
		*last = append(*last, pair{name, value})
		if rest == "" {
			return dn, nil
		}
		if rest[0] != '+' {
			dn = append(dn, nil)
		}
		s = rest[1:]
	}
}

func validName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '.') {
			return false
		}
	}
	return s != ""
}

// parseDNValue reads a value up to the next separator, which it leaves.
func parseDNValue(s string) (value, rest string, err error) {
	if q, ok := strings.CutPrefix(s, `"`); ok {
		end := strings.IndexByte(q, '"')
		if end < 0 || strings.Contains(q[:end], `\`) {
			return "", "", errDN
		}
		rest = strings.TrimLeft(q[end+1:], " ")
		if rest != "" && !strings.ContainsRune(",;+", rune(rest[0])) {
			return "", "", errDN
		}
		return q[:end], rest, nil
	}
	var b []byte
	keep := 0 // up to here spaces at the end are part of the value
	i := 0
	for ; i < len(s) && s[i] != ',' && s[i] != ';' && s[i] != '+'; i++ {
		switch c := s[i]; c {
		case '\\':
			if i+2 < len(s) {
				if h, err := hex.DecodeString(s[i+1 : i+3]); err == nil {
					b, keep, i = append(b, h...), len(b)+1, i+2
					continue
				}
			}
			if i+1 >= len(s) || !strings.ContainsRune(`\ "#+,;<=>/`, rune(s[i+1])) {
				return "", "", errDN
			}
			i++
			b, keep = append(b, s[i]), len(b)+1
		case '"', '<', '>':
			return "", "", errDN
		default:
			b = append(b, c)
			if c != ' ' {
				keep = len(b)
			}
		}
	}
	if !utf8.Valid(b[:keep]) {
		return "", "", errDN
	}
	return string(b[:keep]), s[i:], nil
}

// escapeLDAP escapes a value for an LDAP DN: what RFC 4514 asks for, = and # as
// MIM does, and characters that XML cannot hold as hexadecimal.
func escapeLDAP(s string) string {
	var b strings.Builder
	for i, r := range s {
		switch {
		case strings.ContainsRune(`,=+<>#;\"`, r), r == ' ' && (i == 0 || i == len(s)-1):
			b.WriteByte('\\')
			b.WriteRune(r)
		case !legalXML(r):
			for _, c := range []byte(string(r)) {
				b.WriteString(`\` + strings.ToUpper(hex.EncodeToString([]byte{c})))
			}
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// escapeNotes escapes a value for a hierarchical name that is not LDAP's.
func escapeNotes(s string) val {
	var b strings.Builder
	for i, r := range s {
		if !legalXML(r) {
			return failf("the value has a character that a name cannot hold")
		}
		if strings.ContainsRune(`,/\`, r) || r == ' ' && i == len(s)-1 {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return str(b.String())
}

// escapeDatabase escapes a value for a name in a database or a file.
func escapeDatabase(s string) string {
	var b strings.Builder
	for i, r := range s {
		if !legalXML(r) {
			h := []byte{}
			for _, u := range utf16.Encode([]rune(s)) {
				h = append(h, byte(u), byte(u>>8))
			}
			return "#" + strings.ToUpper(hex.EncodeToString(h))
		}
		if strings.ContainsRune(`\,+#`, r) || r == ' ' && i == len(s)-1 {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

func legalXML(r rune) bool {
	return r == '\t' || r == '\n' || r == '\r' || r >= 0x20 && r <= 0xD7FF || r >= 0xE000 && r <= 0xFFFD || r >= 0x10000
}
