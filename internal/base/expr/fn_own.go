package expr

import (
	"strings"

	"muster/internal/base/object"
)

// textOwnFunctions are Muster's text functions, with small letters. An absent
// argument gives nothing.
func textOwnFunctions() []Function {
	return []Function{
		{Name: "lower", Origin: Own, traits: each, call: onText(strings.ToLower), Signature: "lower(text string) string",
			Summary: "The text in small letters.", Examples: []Example{{Expr: `lower(left(attr.first, 1) + attr.last)`, Want: "alovelace"}, {Expr: `lower(attr.middle)`, Want: ""}}},
		{Name: "upper", Origin: Own, traits: each, call: onText(strings.ToUpper), Signature: "upper(text string) string",
			Summary: "The text in capital letters.", Examples: []Example{{Expr: `upper(attr.country)`, Want: "DE"}}},
		{Name: "proper", Origin: Own, traits: each, call: onText(properCase), Signature: "proper(text string) string",
			Summary: "Each word with a capital letter first.", Examples: []Example{{Expr: `proper("ada lovelace")`, Want: "Ada Lovelace"}}},
		{Name: "trim", Origin: Own, traits: each, call: onText(strings.TrimSpace), Signature: "trim(text string) string",
			Summary: "The text without white space at both ends.", Examples: []Example{{Expr: `trim(" a ")`, Want: "a"}}},
		{Name: "left", Origin: Own, traits: each, call: naturalCount(left), Signature: "left(text string, count int) string",
			Summary: "The first characters.", Examples: []Example{{Expr: `left(attr.first, 2)`, Want: "Ad"}, {Expr: `left("a", -1)`, Error: "negative"}}},
		{Name: "right", Origin: Own, traits: each, call: naturalCount(right), Signature: "right(text string, count int) string",
			Summary: "The last characters.", Examples: []Example{{Expr: `right(attr.first, 2)`, Want: "da"}}},
		{Name: "mid", Origin: Own, traits: each, call: naturalMid, Signature: "mid(text string, start int, count int) string",
			Summary:  "Characters from a place on, counted from 1; as many as there are. A place behind the end gives an empty text.",
			Examples: []Example{{Expr: `mid("Lovelace", 5, 3)`, Want: "lac"}, {Expr: `mid("a", 2, 1) + "."`, Want: "."}}},
		{Name: "length", Origin: Own, traits: each, call: length, Signature: "length(text string) int",
			Summary: "The number of characters.", Examples: []Example{{Expr: `length(attr.last)`, Want: "8"}}},
		{Name: "replace", Origin: Own, traits: each, Signature: "replace(text string, old string, new string) string",
			call:    func(_ *machine, a []val) val { return replaceAll(a[0].s, a[1].s, a[2].s) },
			Summary: "Every occurrence replaced.", Examples: []Example{{Expr: `replace("a b c", " ", "")`, Want: "abc"}}},
		{Name: "split", Origin: Own, call: split, Signature: "split(text string, separator string) list(string)",
			Summary: "The parts of a text between a separator of any length.", Examples: []Example{{Expr: `split("a, b, c", ", ")`, Want: "a; b; c"}}},
		{Name: "join", Origin: Own, call: joinList, Signature: "join(values list(string)) string\njoin(values list(string), separator string) string",
			Summary: "The values as one text; without a separator a space stands between them.", Examples: []Example{{Expr: `join(attr.mails, ", ")`, Want: "Ada@example.com, Lovelace@example.com"}}},
		{Name: "contains", Origin: Own, traits: dotted, Signature: "contains(text string, part string) bool",
			call:    func(_ *machine, a []val) val { return truth(strings.Contains(a[0].s, a[1].s)) },
			Summary: "Whether the text contains the part. text.contains(part) is the same.", Examples: []Example{{Expr: `contains(attr.last, "love")`, Want: "false"}}},
		{Name: "startsWith", Origin: Own, traits: dotted, Signature: "startsWith(text string, part string) bool",
			call:    func(_ *machine, a []val) val { return truth(strings.HasPrefix(a[0].s, a[1].s)) },
			Summary: "Whether the text begins with the part. text.startsWith(part) is the same.", Examples: []Example{{Expr: `startsWith(attr.last, "Love")`, Want: "true"}}},
		{Name: "endsWith", Origin: Own, traits: dotted, Signature: "endsWith(text string, part string) bool",
			call:    func(_ *machine, a []val) val { return truth(strings.HasSuffix(a[0].s, a[1].s)) },
			Summary: "Whether the text ends with the part. text.endsWith(part) is the same.", Examples: []Example{{Expr: `endsWith(attr.last, "lace")`, Want: "true"}}},
		{Name: "same", Origin: Own, Signature: "same(a string, b string) bool",
			call:    func(_ *machine, a []val) val { return truth(object.Fold(a[0].s) == object.Fold(a[1].s)) },
			Summary: "Whether two texts are the same when the case of letters does not count.", Examples: []Example{{Expr: `same("STRASSE", "straße")`, Want: "true"}}},
		{Name: "ascii", Origin: Own, traits: each, call: onText(toASCII), Signature: "ascii(text string) string",
			Summary:  "The text in plain letters, for names of accounts and mailboxes: ä, ö, ü become ae, oe, ue, ß becomes ss, other accents go, and what has no plain form is left out.",
			Examples: []Example{{Expr: `ascii("Jürgen Weiß")`, Want: "Juergen Weiss"}, {Expr: `ascii("Zoë Łukasz Øre")`, Want: "Zoe Lukasz Oere"}}},
	}
}

func naturalCount(f callFunc) callFunc {
	return func(m *machine, a []val) val {
		if a[1].n < 0 {
			return failf("the count is negative")
		}
		return f(m, a)
	}
}

func naturalMid(m *machine, a []val) val {
	if a[1].n < 1 || a[2].n < 0 {
		return failf("the start is counted from 1, and the count is not negative")
	}
	s := a[0].s
	s = s[offset(s, a[1].n-1):]
	return str(s[:offset(s, a[2].n)])
}

func split(_ *machine, a []val) val {
	if a[1].s == "" {
		return failf("the separator is empty")
	}
	return texts(strings.Split(a[0].s, a[1].s))
}

func texts(parts []string) val {
	l := make([]val, len(parts))
	for i, p := range parts {
		l[i] = str(p)
	}
	return list(l)
}

func joinList(_ *machine, a []val) val {
	sep := " "
	if len(a) > 1 {
		sep = a[1].s
	}
	var b strings.Builder
	for i, v := range a[0].list() {
		if i > 0 {
			b.WriteString(sep)
		}
		b.WriteString(v.s)
		if b.Len() > MaxText {
			break
		}
	}
	return str(b.String())
}
