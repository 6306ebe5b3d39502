package expr

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// plain are the letters that are written with others where accents cannot be.
var plain = strings.NewReplacer(
	"ä", "ae", "ö", "oe", "ü", "ue", "Ä", "Ae", "Ö", "Oe", "Ü", "Ue", "ß", "ss", "ẞ", "SS",
	"æ", "ae", "Æ", "Ae", "ø", "oe", "Ø", "Oe", "å", "aa", "Å", "Aa", "œ", "oe", "Œ", "Oe",
	"ł", "l", "Ł", "L", "đ", "d", "Đ", "D", "ð", "d", "Ð", "D", "þ", "th", "Þ", "Th", "ı", "i", "’", "'", "–", "-", "—", "-",
)

// toASCII writes a text in the characters of ASCII.
func toASCII(s string) string {
	s = norm.NFD.String(plain.Replace(norm.NFC.String(s)))
	return strings.Map(func(r rune) rune {
		if r > unicode.MaxASCII {
			return -1
		}
		return r
	}, s)
}
