package sending

import (
	"slices"
	"strings"

	"muster/internal/base/object"
)

// Depth is how deep a DN lies.
func Depth(dn string) int {
	n := 0
	for _, dn = object.SplitDN(dn); dn != ""; _, dn = object.SplitDN(dn) {
		n++
	}
	return n
}

// Order puts the calls of a stage in the order in which they are sent:
// containers from the top, deletes from the bottom, else by anchor; accounts
// without an anchor after those with one, by name.
func Order(stage Stage, calls []*Call) {
	slices.SortStableFunc(calls, func(a, b *Call) int {
		if stage == AddsAndValues || stage == Deletes {
			d := Depth(a.Change.DN) - Depth(b.Change.DN)
			if stage == Deletes {
				d = -d
			}
			if d != 0 {
				return d
			}
		}
		if (a.Entry.Anchor == "") != (b.Entry.Anchor == "") {
			if a.Entry.Anchor == "" {
				return 1
			}
			return -1
		}
		if c := strings.Compare(a.Entry.Anchor, b.Entry.Anchor); c != 0 {
			return c
		}
		if c := strings.Compare(a.Change.DN, b.Change.DN); c != 0 {
			return c
		}
		return a.Entry.ID.Compare(b.Entry.ID)
	})
}

// Untangle orders renames so that each name is free when it is taken. A circle,
// such as two accounts that swap names, goes through one temporary name, given
// to the first by anchor (REF-11).
func Untangle(calls []*Call) []*Call {
	Order(Renames, calls)
	holder := map[string]*Call{}
	for _, c := range calls {
		holder[object.DNKey(c.Change.DN)] = c
	}
	next := func(c *Call) *Call {
		if n := holder[object.DNKey(c.Change.NewDN)]; n != c {
			return n
		}
		return nil
	}
	var out []*Call
	for _, c := range calls { // in order of anchors: the first of a circle is met first
		if !circular(c, next) {
			continue
		}
		aside := *c
		aside.Carries = nil
		aside.Change.NewDN = temporary(c.Change.DN)
		delete(holder, object.DNKey(c.Change.DN))
		c.Change.DN = aside.Change.NewDN
		out = append(out, &aside)
	}
	done := map[*Call]bool{}
	for _, c := range calls {
		var chain []*Call
		for x := c; x != nil && !done[x]; x = next(x) {
			done[x] = true
			chain = append(chain, x)
		}
		slices.Reverse(chain)
		out = append(out, chain...)
	}
	return out
}

// circular reports that the name that c takes comes free only by c's own
// rename.
func circular(c *Call, next func(*Call) *Call) bool {
	seen := map[*Call]bool{}
	for x := next(c); x != nil && !seen[x]; x = next(x) {
		if x == c {
			return true
		}
		seen[x] = true
	}
	return false
}

// temporary is a name beside the old one that nobody else has.
func temporary(dn string) string {
	rdn, above := object.SplitDN(dn)
	sum := object.NewID("temporary", dn)
	return rdn + "-muster-" + sum.String()[:8] + "," + above
}
