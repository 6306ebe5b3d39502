package expr

import (
	"slices"
	"strings"
	"unicode/utf8"

	"muster/internal/base/object"
)

// listFunctions work on several values at once.
func listFunctions() []Function {
	return []Function{
		{Name: "Contains", Origin: FromEntra, call: containsAny,
			Signature: "Contains(values list(string), part string) int\nContains(values list(string), part string, compare string) int\nContains(values list(ref), target ref) int",
			Summary:   "The place, counted from 1, of the first value that contains the part; 0 when none does. compare is CaseSensitive (default) or CaseInsensitive. A reference must be the whole value.",
			Examples:  []Example{{Expr: `Contains(attr.mails, "lace@")`, Want: "2"}, {Expr: `Contains(attr.mails, "ada", CaseInsensitive)`, Want: "1"}, {Expr: `Contains(attr.mails, "ada")`, Want: "0"}}},
		{Name: "Count", Origin: FromEntra, Signature: "Count(values list(T)) int",
			call:    func(_ *machine, a []val) val { return integer(int64(len(a[0].list()))) },
			Summary: "The number of values.", Examples: []Example{{Expr: `Count(attr.mails)`, Want: "2"}, {Expr: `Count(attr.phones)`, Want: "0"}}},
		{Name: "Item", Origin: FromEntra, call: item(true), Signature: "Item(values list(T), place int) T",
			Summary:  "The value at a place, counted from 1. The values of an attribute are kept in order of their bytes.",
			Examples: []Example{{Expr: `Item(attr.mails, 1)`, Want: "Ada@example.com"}, {Expr: `Item(attr.mails, 3)`, Error: "no value at place 3"}}},
		{Name: "ItemOrNull", Origin: FromEntra, call: item(false), Signature: "ItemOrNull(values list(T), place int) T",
			Summary: "The value at a place, counted from 1; nothing when there is none.", Examples: []Example{{Expr: `ItemOrNull(attr.mails, 3)`, Want: ""}}},
		{Name: "RemoveDuplicates", Origin: FromEntra, call: distinct, Signature: "RemoveDuplicates(values list(string)) list(string)\nRemoveDuplicates(values list(int)) list(int)\nRemoveDuplicates(values list(ref)) list(ref)",
			Summary:  "Each value once, the first of those that are the same. The case of letters does not count.",
			Examples: []Example{{Expr: `RemoveDuplicates(["a", "A", "b"])`, Want: "a; b"}}},
		{Name: "Join", Origin: FromEntra, call: joinList, Signature: "Join(values list(string)) string\nJoin(values list(string), delimiter string) string",
			Summary: "The values as one text; without a delimiter a space stands between them.", Examples: []Example{{Expr: `Join(["a", "b"], ",")`, Want: "a,b"}}},
		{Name: "Split", Origin: FromEntra, traits: tolerant, call: splitEntra, Signature: "Split(text string, delimiter string) list(string)\nSplit(text string, delimiter string, limit int) list(string)",
			Summary:  "The parts of a text between a delimiter of one character. With a limit, the last part keeps the rest.",
			Examples: []Example{{Expr: `Split("SMTP:a@example.com", ":")`, Want: "SMTP; a@example.com"}, {Expr: `Split("a:b:c", ":", 2)`, Want: "a; b:c"}}},
		{Name: "Select", Origin: FromEntra, Signature: "Select(item T, values list(T), result U) list(U)",
			Summary:  "The result for each value. item is a name for the value, without Entra Connect's $.",
			Examples: []Example{{Expr: `Select(m, attr.mails, "smtp:" + m)`, Want: "smtp:Ada@example.com; smtp:Lovelace@example.com"}}},
		{Name: "Where", Origin: FromEntra, Signature: "Where(item T, values list(T), condition bool) list(T)",
			Summary: "The values for which the condition is true.", Examples: []Example{{Expr: `Where(m, attr.mails, m.startsWith("A"))`, Want: "Ada@example.com"}}},
		{Name: "With", Origin: FromEntra, Signature: "With(name T, value T, result U) U",
			Summary: "The result, in which the name stands for the value.", Examples: []Example{{Expr: `With(n, lower(attr.last), n + "@" + n + ".example")`, Want: "lovelace@lovelace.example"}}},
		{Name: "first", Origin: Own, Signature: "first(values list(T)) T",
			call: func(_ *machine, a []val) val {
				if l := a[0].list(); len(l) > 0 {
					return l[0]
				}
				return val{}
			},
			Summary: "The first value, in order of their bytes; nothing when there is none.", Examples: []Example{{Expr: `first(attr.mails)`, Want: "Ada@example.com"}, {Expr: `first(attr.phones)`, Want: ""}}},
		{Name: "containsText", Origin: Own, Signature: "containsText(values list(string), text string) bool",
			call: func(_ *machine, a []val) val {
				want := object.Fold(a[1].s)
				return truth(slices.ContainsFunc(a[0].list(), func(v val) bool { return object.Fold(v.s) == want }))
			},
			Summary: "Whether one of the values is the text; the case of letters does not count. Where it does, write text in values.", Examples: []Example{{Expr: `containsText(attr.mails, "ada@EXAMPLE.com")`, Want: "true"}}},
	}
}

func containsAny(_ *machine, a []val) val {
	mode := ""
	if len(a) > 2 {
		mode = a[2].s
	}
	for i, v := range a[0].list() {
		s, part, ok := compared(v.s, a[1].s, mode)
		if !ok {
			return failf("write CaseSensitive or CaseInsensitive")
		}
		if v.k == kRef && s == part || v.k == kString && strings.Contains(s, part) {
			return integer(int64(i) + 1)
		}
	}
	return integer(0)
}

func item(must bool) callFunc {
	return func(_ *machine, a []val) val {
		l, i := a[0].list(), a[1].n
		if i >= 1 && i <= int64(len(l)) {
			return l[i-1]
		}
		if must {
			return failf("there is no value at place %d", i)
		}
		return val{}
	}
}

func distinct(_ *machine, a []val) val {
	seen := map[string]bool{}
	var out []val
	for _, v := range a[0].list() {
		if k := object.Fold(v.text()); !seen[k] {
			seen[k] = true
			out = append(out, v)
		}
	}
	return list(out)
}

func splitEntra(_ *machine, a []val) val {
	if utf8.RuneCountInString(a[1].s) != 1 {
		return failf("the delimiter must be one character")
	}
	if a[0].k == kFail {
		return list(nil)
	}
	n := -1
	if len(a) > 2 {
		if a[2].n < 1 {
			return failf("the limit must be at least 1")
		}
		n = int(min(a[2].n, MaxText))
	}
	return texts(strings.SplitN(a[0].s, a[1].s, n))
}
