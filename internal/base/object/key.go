package object

import (
	"strings"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Exact prepares text for matching that minds case: Unicode NFC, outer spaces
// kept. All matching and ordering is on prepared bytes, so both databases
// agree whatever their collation.
func Exact(s string) string {
	if isASCII(s) {
		return s
	}
	return norm.NFC.String(s)
}

// Fold prepares text for matching that ignores case: NFC, then full Unicode
// case folding (which does not depend on a language).
func Fold(s string) string {
	if isASCII(s) {
		return strings.ToLower(s)
	}
	return norm.NFC.String(cases.Fold().String(norm.NFC.String(s)))
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// Key prepares one value for matching. Numbers and text that looks the same
// match: an employee number is a number in one system and text in another.
func Key(v Value, folded bool) string {
	s := v.String()
	if folded {
		return Fold(s)
	}
	return Exact(s)
}

// SplitDN parts a DN into its first component and the DN above, "" at the top,
// both as written. A backslash takes the next character along (RFC 4514 §2.4).
func SplitDN(dn string) (rdn, above string) {
	for i := 0; i < len(dn); i++ {
		switch dn[i] {
		case '\\':
			i++
		case ',':
			return dn[:i], strings.TrimLeft(dn[i+1:], " ")
		}
	}
	return dn, ""
}

// DNKey prepares a distinguished name for matching: case folded, no spaces
// around the separators of its parts (RFC 4514 §2.4, RFC 4518 §2.6). It is for
// comparing names that one system gave; it does not check syntax.
func DNKey(dn string) string {
	var b strings.Builder
	b.Grow(len(dn))
	space := 0 // spaces seen and not written yet
	start := true
	for i := 0; i < len(dn); i++ {
		c := dn[i]
		switch {
		case c == ' ' && start:
		case c == ' ':
			space++
		case c == ',' || c == ';' || c == '=' || c == '+':
			space, start = 0, true
			if c == ';' {
				c = ','
			}
			b.WriteByte(c)
		default:
			for ; space > 0; space-- {
				b.WriteByte(' ')
			}
			start = false
			b.WriteByte(c)
			if c == '\\' && i+1 < len(dn) {
				i++
				b.WriteByte(dn[i])
			}
		}
	}
	return Fold(b.String())
}
