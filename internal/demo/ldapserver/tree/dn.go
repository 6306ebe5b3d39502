package tree

import (
	"encoding/hex"
	"slices"
	"strings"
	"unicode/utf8"
)

// ava is one attribute type with its value.
type ava struct{ typ, value string }

// rdn is one level of a DN; mostly one ava.
type rdn []ava

// parseDN reads a DN in the form of RFC 4514, tolerating white space around
// separators and semicolons between levels, as RFC 2253 §4 asks.
func parseDN(text string) ([]rdn, bool) {
	var out []rdn
	if strings.TrimSpace(text) == "" {
		return nil, true
	}
	p := &dnParser{text: text}
	for {
		level, ok := p.level()
		if !ok {
			return nil, false
		}
		out = append(out, level)
		if p.at >= len(p.text) {
			return out, true
		}
		p.at++ // the separator
	}
}

type dnParser struct {
	text string
	at   int
}

func (p *dnParser) level() (rdn, bool) {
	var out rdn
	for {
		a, ok := p.pair()
		if !ok {
			return nil, false
		}
		out = append(out, a)
		if p.at >= len(p.text) || p.text[p.at] != '+' {
			return out, true
		}
		p.at++
	}
}

func (p *dnParser) pair() (ava, bool) {
	eq := strings.IndexByte(p.text[p.at:], '=')
	if eq < 0 {
		return ava{}, false
	}
	typ := strings.Trim(p.text[p.at:p.at+eq], " ")
	p.at += eq + 1
	if !validType(typ) {
		return ava{}, false
	}
	value, ok := p.value()
	return ava{typ, value}, ok
}

// validType checks an attribute description (RFC 4512 §1.4).
func validType(s string) bool {
	if s == "" {
		return false
	}
	for i := range len(s) {
		c := s[i] | 0x20
		if !(c >= 'a' && c <= 'z' || s[i] >= '0' && s[i] <= '9' || i > 0 && (s[i] == '-' || s[i] == '.')) {
			return false
		}
	}
	return true
}

// value reads up to the next separator. Escapes: a backslash with two digits,
// or with the character itself; a leading # is the value in hexadecimal BER.
func (p *dnParser) value() (string, bool) {
	for p.at < len(p.text) && p.text[p.at] == ' ' {
		p.at++
	}
	var b strings.Builder
	kept := 0 // bytes of b that trailing space must not take away
	for begin := p.at; p.at < len(p.text); p.at++ {
		switch c := p.text[p.at]; c {
		case ',', ';', '+':
			return finishValue(b.String(), kept, p.text[begin:p.at])
		case '"', '<', '>', 0:
			return "", false
		case '\\':
			decoded, size := unescape(p.text[p.at+1:])
			if size == 0 {
				return "", false
			}
			b.WriteByte(decoded)
			p.at += size
			kept = b.Len()
		default:
			b.WriteByte(c)
			if c != ' ' {
				kept = b.Len()
			}
		}
		if p.at == len(p.text)-1 {
			raw := p.text[begin:]
			p.at = len(p.text)
			return finishValue(b.String(), kept, raw)
		}
	}
	return "", true
}

func finishValue(s string, kept int, raw string) (string, bool) {
	s = s[:kept]
	if !strings.HasPrefix(raw, "#") {
		return s, true
	}
	der, err := hex.DecodeString(strings.TrimRight(raw[1:], " "))
	if err != nil {
		return "", false
	}
	if len(der) < 2 || der[1] >= 0x80 || len(der) != 2+int(der[1]) { // one element of a short form is all there is use for
		return "", false
	}
	return string(der[2:]), true
}

func unescape(s string) (c byte, size int) {
	if s == "" {
		return 0, 0
	}
	if strings.IndexByte(` "#+,;<=>\`, s[0]) >= 0 {
		return s[0], 1
	}
	if len(s) < 2 {
		return 0, 0
	}
	b, err := hex.DecodeString(s[:2])
	if err != nil {
		return 0, 0
	}
	return b[0], 2
}

// escapeValue writes a value so that parseDN reads it back.
func escapeValue(s string) string {
	var b strings.Builder
	valid := utf8.ValidString(s)
	for i := range len(s) {
		c := s[i]
		switch {
		case strings.IndexByte(`"+,;<>\`, c) >= 0, c == '#' && i == 0, c == ' ' && (i == 0 || i == len(s)-1):
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < 0x20 || c == 0x7f || c >= 0x80 && !valid:
			b.WriteByte('\\')
			b.WriteString(hex.EncodeToString([]byte{c}))
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

func (r rdn) String() string {
	parts := make([]string, len(r))
	for i, a := range r {
		parts[i] = a.typ + "=" + escapeValue(a.value)
	}
	return strings.Join(parts, "+")
}

// Name is a DN with its form for comparing. Levels of key are separated by
// NUL, which no escaped value contains.
type Name struct {
	Text string
	rdns []rdn
	Key  string
}

const level = "\x00"

// parentKey returns the key of what is above key, "" at the top.
func parentKey(key string) string {
	_, up, _ := strings.Cut(key, level)
	return up
}

// under reports that key is base or lies below it.
func under(key, base string) bool {
	return base == "" || key == base || strings.HasSuffix(key, level+base)
}

// joinName puts one level on top of a DN.
func joinName(r rdn, rdnKey string, up Name) Name {
	n := Name{Text: r.String(), rdns: append([]rdn{r}, up.rdns...), Key: rdnKey}
	if up.Key != "" {
		n.Text += "," + up.Text
		n.Key += level + up.Key
	}
	return n
}

// rdnKey normalises one level by the equality rules of its types (RFC 4517
// §4.2.15). Types the schema lacks are an error.
func (s *Rules) rdnKey(r rdn) (string, error) {
	parts := make([]string, len(r))
	for i, a := range r {
		typ := s.Attribute(a.typ)
		if typ == nil {
			return "", Fail(InvalidDN, "invalid DN: %s: attribute type undefined", a.typ)
		}
		v, err := s.normal(typ, a.value)
		if err != nil || a.value == "" {
			return "", Fail(InvalidDN, "invalid DN: %s: value is not valid", a.typ)
		}
		parts[i] = strings.ToLower(typ.Name()) + "=" + escapeValue(v)
	}
	slices.Sort(parts)
	return strings.Join(parts, "+"), nil
}

// Name reads and normalises a DN.
func (s *Rules) Name(text string) (Name, error) {
	rdns, ok := parseDN(text)
	if !ok || len(rdns) > 100 {
		return Name{}, Fail(InvalidDN, "invalid DN")
	}
	var n Name
	for i := len(rdns) - 1; i >= 0; i-- {
		key, err := s.rdnKey(rdns[i])
		if err != nil {
			return Name{}, err
		}
		n = joinName(rdns[i], key, n)
	}
	return n, nil
}
