package ldapserver

import (
	"muster/internal/demo/ldapserver/tree"

	"fmt"
	"strconv"
	"strings"
)

// Long lists of values in parts, as Active Directory gives them (MS-ADTS
// §3.1.1.3.1.3.3): whoever asks for member gets member;range=0-1499 and asks on
// with member;range=1500-*. It is off unless Options.ValueLimit is set, for
// tests of clients that have to cope with it.

// withoutRange takes the range off what a client asks for and returns where it
// begins.
func withoutRange(desc string) (name string, from int) {
	name, option, ok := strings.Cut(desc, ";")
	bounds, isRange := strings.CutPrefix(strings.ToLower(option), "range=")
	if !ok || !isRange {
		return desc, 0
	}
	begin, _, _ := strings.Cut(bounds, "-")
	from, err := strconv.Atoi(begin)
	if err != nil || from < 0 {
		return desc, 0
	}
	return name, from
}

// ranged cuts the values that are sent.
func (p *selection) ranged(a tree.Attribute) tree.Attribute {
	from := p.from[strings.ToLower(a.Desc)]
	limit := p.opt.ValueLimit
	if limit <= 0 || len(a.Values) <= limit && from == 0 {
		return a
	}
	values := a.Values[min(from, len(a.Values)):]
	if len(values) <= limit {
		return tree.Attribute{Desc: fmt.Sprintf("%s;range=%d-*", a.Desc, from), Values: values}
	}
	return tree.Attribute{Desc: fmt.Sprintf("%s;range=%d-%d", a.Desc, from, from+limit-1), Values: values[:limit]}
}
