package ldap

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"muster/internal/base/problem"
	"muster/internal/sync/connector"
)

// Range retrieval: Active Directory and its like give a long list of values in
// parts, as member;range=0-1499, the last of them as member;range=1500-*
// (MS-ADTS §3.1.1.3.1.3.3).

// rangeOf reads the option of an answer. from is where the next part begins, 0
// if this was the last; some reports that there is such an option at all.
func rangeOf(options string) (from int, some bool) {
	for o := range strings.SplitSeq(options, ";") {
		bounds, ok := strings.CutPrefix(strings.ToLower(o), "range=")
		if !ok {
			continue
		}
		_, end, _ := strings.Cut(bounds, "-")
		last, err := strconv.Atoi(end)
		if err != nil || last < 0 {
			return 0, true
		}
		return last + 1, true
	}
	return 0, false
}

// rest reads the parts of a list from a position to the end.
func (c *conn) rest(ctx context.Context, dn, name string, from int) ([][]byte, error) {
	var out [][]byte
	for from > 0 {
		e, err := c.readEntry(ctx, dn, fmt.Sprintf("%s;range=%d-*", name, from))
		if err != nil {
			return nil, err
		}
		next, found := 0, false
		for _, a := range e.Attributes {
			base, options, _ := strings.Cut(a.Name, ";")
			upTo, some := rangeOf(options)
			if strings.EqualFold(base, name) && some {
				out, next, found = append(out, a.ByteValues...), upTo, true
			}
		}
		if !found || next != 0 && next <= from {
			return nil, &problem.Problem{
				Code: connector.ReadError, Object: dn, Message: fmt.Sprintf("the values of %s from %d on were not given", name, from),
			}
		}
		from = next
	}
	return out, nil
}
