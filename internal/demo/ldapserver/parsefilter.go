package ldapserver

import "muster/internal/demo/ldapserver/tree"

import "fmt"

// maxFilterDepth is how deep filters may be nested; OpenLDAP has the same sort
// of bound, for its stack and ours.
const maxFilterDepth = 64

func parseFilter(e element, depth int) (tree.Filter, error) {
	if depth > maxFilterDepth {
		return tree.Filter{}, fmt.Errorf("%w: the filter is nested too deeply", errBER)
	}
	f := &fields{rest: e.body}
	out := tree.Filter{Tag: e.tag}
	switch e.tag {
	case tree.FilterAnd, tree.FilterOr, tree.FilterNot:
		for f.more() {
			sub, err := parseFilter(f.next(), depth+1)
			if err = firstError(f.err, err); err != nil {
				return out, err
			}
			out.Subs = append(out.Subs, sub)
		}
		if e.tag == tree.FilterNot && len(out.Subs) != 1 {
			f.fail("a not has one filter in it")
		}
	case tree.FilterEqual, tree.FilterGreater, tree.FilterLess, tree.FilterApprox:
		out.Desc, out.Value = f.text(), f.text()
	case tree.FilterPresent:
		out.Desc = string(e.body)
		return out, nil
	case tree.FilterSubstrings:
		out.Desc = f.text()
		out.Parts = parseParts(f.within(tagSequence), f)
	case tree.FilterExtensible:
		out.Rule, out.Desc = string(first(f.optional(context|1))), string(first(f.optional(context|2)))
		out.Value = string(f.take(context | 3))
		dn, ok := f.optional(context | 4)
		out.WithDN = ok && len(dn) == 1 && dn[0] != 0
	default:
		f.fail(fmt.Sprintf("unknown filter %#x", e.tag))
	}
	return out, f.end()
}

func first(b []byte, _ bool) []byte { return b }

func parseParts(list, f *fields) []tree.Part {
	var out []tree.Part
	for list.more() {
		e := list.next()
		tag := e.tag &^ context
		if e.tag&context == 0 || tag > 2 || tag == 0 && len(out) > 0 || len(out) > 0 && out[len(out)-1].Tag == 2 {
			list.fail("the parts of a substring filter are out of order")
			break
		}
		out = append(out, tree.Part{Tag: tag, Value: string(e.body)})
	}
	if len(out) == 0 {
		list.fail("a substring filter has no parts")
	}
	if list.err != nil {
		f.err = list.err
	}
	return out
}
