package expr

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// textFunctions are the text functions of MIM and Entra Connect.
func textFunctions() []Function {
	upper, lower := onText(strings.ToUpper), onText(strings.ToLower)
	proper := onText(properCase)
	const t = tolerant | each
	return []Function{
		{Name: "UpperCase", Origin: FromMIM, traits: t, call: upper, Signature: "UpperCase(text string) string",
			Summary: "The text in capital letters.", Examples: []Example{{Expr: `UpperCase("Müller")`, Want: "MÜLLER"}}},
		{Name: "UCase", Origin: FromEntra, traits: t, call: upper, Signature: "UCase(text string) string",
			Summary: "The text in capital letters.", Examples: []Example{{Expr: `UCase(attr.first)`, Want: "ADA"}}},
		{Name: "LowerCase", Origin: FromMIM, traits: t, call: lower, Signature: "LowerCase(text string) string",
			Summary: "The text in small letters.", Examples: []Example{{Expr: `LowerCase("MÜLLER")`, Want: "müller"}, {Expr: `LowerCase(attr.middle) + "x"`, Want: "x"}}},
		{Name: "LCase", Origin: FromEntra, traits: t, call: lower, Signature: "LCase(text string) string",
			Summary: "The text in small letters.", Examples: []Example{{Expr: `LCase(attr.mails)`, Want: "ada@example.com; lovelace@example.com"}}},
		{Name: "ProperCase", Origin: FromMIM, traits: t, call: proper, Signature: "ProperCase(text string) string",
			Summary:  "In each word, separated by spaces, the first letter is a capital and the others are small; leading spaces stay.",
			Examples: []Example{{Expr: `ProperCase("ada VON lovelace")`, Want: "Ada Von Lovelace"}, {Expr: `ProperCase("$TEsT")`, Want: "$Test"}}},
		{Name: "PCase", Origin: FromEntra, traits: t, call: proper, Signature: "PCase(text string) string",
			Summary: "In each word, separated by spaces, the first letter is a capital and the others are small.", Examples: []Example{{Expr: `PCase("ADA")`, Want: "Ada"}}},
		{Name: "LTrim", Origin: FromBoth, traits: t, call: onText(trimLeft), Signature: "LTrim(text string) string",
			Summary: "The text without white space at its beginning.", Examples: []Example{{Expr: `"<" + LTrim("  a ") + ">"`, Want: "<a >"}}},
		{Name: "RTrim", Origin: FromBoth, traits: t, call: onText(trimRight), Signature: "RTrim(text string) string",
			Summary: "The text without white space at its end.", Examples: []Example{{Expr: `"<" + RTrim("  a ") + ">"`, Want: "<  a>"}}},
		{Name: "Trim", Origin: FromBoth, traits: t, call: onText(strings.TrimSpace), Signature: "Trim(text string) string",
			Summary: "The text without white space at both ends.", Examples: []Example{{Expr: `"<" + Trim("  a ") + ">"`, Want: "<a>"}}},
		{Name: "LeftPad", Origin: FromMIM, traits: t, call: pad(true), Signature: "LeftPad(text string, length int, pad string) string",
			Summary:  "The text, filled up at its beginning to the length. A text long enough stays; pad is one character.",
			Examples: []Example{{Expr: `LeftPad("42", 5, "0")`, Want: "00042"}, {Expr: `LeftPad("42", 5, "")`, Error: "one character"}}},
		{Name: "RightPad", Origin: FromMIM, traits: t, call: pad(false), Signature: "RightPad(text string, length int, pad string) string",
			Summary: "The text, filled up at its end to the length.", Examples: []Example{{Expr: `RightPad("42", 5, ".")`, Want: "42..."}}},
		{Name: "PadLeft", Origin: FromEntra, traits: t, call: pad(true), Signature: "PadLeft(text string, length int, pad string) string",
			Summary: "The text, filled up at its beginning to the length.", Examples: []Example{{Expr: `PadLeft("User", 10, "0")`, Want: "000000User"}}},
		{Name: "PadRight", Origin: FromEntra, traits: t, call: pad(false), Signature: "PadRight(text string, length int, pad string) string",
			Summary: "The text, filled up at its end to the length.", Examples: []Example{{Expr: `PadRight("User", 10, "0")`, Want: "User000000"}}},
		{Name: "Left", Origin: FromBoth, traits: t, call: left, Signature: "Left(text string, count int) string",
			Summary:  "The first characters. A negative count gives the whole text.",
			Examples: []Example{{Expr: `Left("John Doe", 3)`, Want: "Joh"}, {Expr: `Left("John", -1)`, Want: "John"}, {Expr: `Left(attr.middle, 1) + attr.last`, Want: "Lovelace"}}},
		{Name: "Right", Origin: FromBoth, traits: t, call: right, Signature: "Right(text string, count int) string",
			Summary:  "The last characters. A negative count gives the whole text.",
			Examples: []Example{{Expr: `Right("John Doe", 3)`, Want: "Doe"}, {Expr: `Right("ab", 3)`, Want: "ab"}}},
		{Name: "Mid", Origin: FromBoth, traits: t, call: mid, Signature: "Mid(text string, start int, count int) string",
			Summary:  "Characters from a place on, counted from 1; as many as there are. A place outside of the text gives the whole text.",
			Examples: []Example{{Expr: `Mid("John Doe", 3, 5)`, Want: "hn Do"}, {Expr: `Mid("John", 9, 1)`, Want: "John"}}},
		{Name: "Len", Origin: FromEntra, traits: t, call: length, Signature: "Len(text string) int",
			Summary: "The number of characters.", Examples: []Example{{Expr: `Len("Zoë")`, Want: "3"}}},
		{Name: "Word", Origin: FromBoth, traits: t, call: word, Signature: "Word(text string, number int, delimiters string) string",
			Summary: "The word at a place, counted from 1. Every single character of delimiters ends a word, so two in a row have an empty word between them; no such word gives an empty text.",
			Examples: []Example{{Expr: `Word("The quick brown fox", 3, " ")`, Want: "brown"}, {Expr: `Word("This,string!has&many separators", 3, ",!&#")`, Want: "has"},
				{Expr: `Word("Test;;Function", 2, ";")`, Want: ""}}},
		{Name: "ReplaceString", Origin: FromMIM, traits: t, call: replaceEscaped, Signature: "ReplaceString(text string, old string, new string) string",
			Summary:  `Every occurrence replaced. \n, \r and \t in old and new mean line feed, carriage return and tab, also when they reach it as two characters.`,
			Examples: []Example{{Expr: `ReplaceString("one two", "two", "three")`, Want: "one three"}}},
		{Name: "Replace", Origin: FromEntra, traits: t, call: replaceEscaped, Signature: "Replace(text string, old string, new string) string",
			Summary: `Every occurrence replaced; knows \n, \r and \t as ReplaceString does.`, Examples: []Example{{Expr: `Replace("a\r\nb", r"\r\n", ", ")`, Want: "a, b"}}},
		{Name: "ReplaceChars", Origin: FromEntra, traits: t, call: replaceChars, Signature: "ReplaceChars(text string, pattern string) string",
			Summary:  "Single characters replaced, as the pattern \"a:b,c:\" says: a by b, and c by nothing. White space in the pattern does not count.",
			Examples: []Example{{Expr: `ReplaceChars("Räksmörgås", "å:a,ä:a,ö:o")`, Want: "Raksmorgas"}, {Expr: `ReplaceChars("a-b", "-:")`, Want: "ab"}}},
		{Name: "InStr", Origin: FromEntra, traits: tolerant, call: inStr,
			Signature: "InStr(text string, find string) int\nInStr(text string, find string, start int) int\nInStr(text string, find string, start int, compare string) int",
			Summary:   "The place at which find first occurs, counted from 1; 0 when it does not. compare is vbBinaryCompare (default) or vbTextCompare.",
			Examples:  []Example{{Expr: `InStr("The quick brown fox", "quick")`, Want: "5"}, {Expr: `InStr("repEated", "e", 3, vbBinaryCompare)`, Want: "7"}}},
		{Name: "InStrRev", Origin: FromEntra, traits: tolerant, call: inStrRev,
			Signature: "InStrRev(text string, find string) int\nInStrRev(text string, find string, start int) int\nInStrRev(text string, find string, start int, compare string) int",
			Summary:   "The place at which find last occurs, counted from 1; the search begins at start and goes to the left.",
			Examples:  []Example{{Expr: `InStrRev("abbcdbbbef", "bb")`, Want: "7"}}},
		{Name: "CRLF", Origin: FromMIM, call: func(*machine, []val) val { return str("\r\n") }, Signature: "CRLF() string",
			Summary: "Carriage return and line feed. The word CRLF alone, as Entra Connect writes it, does as well.", Examples: []Example{{Expr: `"a" + CRLF() + "b"`, Want: "a\r\nb"}}},
		{Name: "Concatenate", Origin: FromMIM, traits: tolerant, Signature: "Concatenate(a string, b string) string",
			call:     func(_ *machine, a []val) val { return str(a[0].s + a[1].s) },
			Summary:  "Texts joined, any number of them. Unlike +, which gives nothing when one is absent, it leaves out what is absent, as MIM's + does.",
			Examples: []Example{{Expr: `Concatenate(attr.first, " ", attr.middle, attr.last)`, Want: "Ada Lovelace"}}},
	}
}

func onText(f func(string) string) callFunc {
	return func(_ *machine, a []val) val { return str(f(a[0].s)) }
}

func trimLeft(s string) string  { return strings.TrimLeftFunc(s, unicode.IsSpace) }
func trimRight(s string) string { return strings.TrimRightFunc(s, unicode.IsSpace) }

func properCase(s string) string {
	start := true
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			start = true
		case start && unicode.IsLetter(r):
			start = false
			return unicode.ToUpper(r)
		default:
			return unicode.ToLower(r)
		}
		return r
	}, s)
}

func pad(before bool) callFunc {
	return func(_ *machine, a []val) val {
		if utf8.RuneCountInString(a[2].s) != 1 {
			return failf("the character to fill up with must be one character")
		}
		if a[0].k == kFail {
			return str("")
		}
		if a[1].n > MaxText {
			return failf("the length is too large")
		}
		fill := strings.Repeat(a[2].s, max(0, int(a[1].n)-utf8.RuneCountInString(a[0].s)))
		if before {
			return str(fill + a[0].s)
		}
		return str(a[0].s + fill)
	}
}

// runes returns the byte offset of the n-th character, len(s) beyond the end.
func offset(s string, n int64) int {
	if n <= 0 {
		return 0
	}
	for i := range s {
		if n == 0 {
			return i
		}
		n--
	}
	return len(s)
}

func left(_ *machine, a []val) val {
	s, n := a[0].s, a[1].n
	if n < 0 {
		return str(s)
	}
	return str(s[:offset(s, n)])
}

func right(_ *machine, a []val) val {
	s, n := a[0].s, a[1].n
	if n < 0 {
		return str(s)
	}
	return str(s[offset(s, int64(utf8.RuneCountInString(s))-n):])
}

func mid(_ *machine, a []val) val {
	s, pos, n := a[0].s, a[1].n, a[2].n
	if n <= 0 {
		return str("")
	}
	if pos <= 0 || pos > int64(utf8.RuneCountInString(s)) {
		return str(s)
	}
	s = s[offset(s, pos-1):]
	return str(s[:offset(s, n)])
}

func length(_ *machine, a []val) val { return integer(int64(utf8.RuneCountInString(a[0].s))) }

func word(_ *machine, a []val) val {
	n := a[1].n
	for n >= 1 {
		i := strings.IndexAny(a[0].s, a[2].s)
		switch {
		case n == 1 && i >= 0:
			return str(a[0].s[:i])
		case n == 1:
			return str(a[0].s)
		case i < 0:
			return str("")
		}
		_, size := utf8.DecodeRuneInString(a[0].s[i:])
		a[0].s = a[0].s[i+size:]
		n--
	}
	return str("")
}

// escapes are the two-character forms that ReplaceString and Replace know.
var escapes = strings.NewReplacer(`\n`, "\n", `\r`, "\r", `\t`, "\t")

func replaceEscaped(m *machine, a []val) val {
	return replaceAll(a[0].s, escapes.Replace(a[1].s), escapes.Replace(a[2].s))
}

func replaceAll(s, old, with string) val {
	if old == "" {
		return str(s)
	}
	if n := strings.Count(s, old); len(s)+n*(len(with)-len(old)) > MaxText {
		return tooLong()
	}
	return str(strings.ReplaceAll(s, old, with))
}

func replaceChars(_ *machine, a []val) val {
	by := map[rune]string{}
	pattern := strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, a[1].s)
	for pair := range strings.SplitSeq(pattern, ",") {
		from, to, ok := strings.Cut(pair, ":")
		r, size := utf8.DecodeRuneInString(from)
		if !ok || size == 0 || size != len(from) || strings.Contains(to, ":") {
			return failf("%q is no pair of a character, a colon and a text", pair)
		}
		by[r] = to
	}
	var b strings.Builder
	for _, r := range a[0].s {
		if to, ok := by[r]; ok {
			b.WriteString(to)
		} else {
			b.WriteRune(r)
		}
		if b.Len() > MaxText {
			break
		}
	}
	return str(b.String())
}

// compared returns the two texts ready to be compared as mode says.
func compared(s, t, mode string) (string, string, bool) {
	switch mode {
	case "", "CaseSensitive":
		return s, t, true
	case "CaseInsensitive":
		return strings.ToLower(s), strings.ToLower(t), true
	}
	return "", "", false
}

func inStr(_ *machine, a []val) val {
	start, mode := int64(1), ""
	if len(a) > 2 {
		start = a[2].n
	}
	if len(a) > 3 {
		mode = a[3].s
	}
	s, find, ok := compared(a[0].s, a[1].s, mode)
	if !ok {
		return failf("write vbTextCompare or vbBinaryCompare")
	}
	if start < 1 {
		return failf("the start is counted from 1")
	}
	from := offset(s, start-1)
	i := strings.Index(s[from:], find)
	if i < 0 || start > 1 && from == len(s) {
		return integer(0)
	}
	return integer(int64(utf8.RuneCountInString(s[:from+i])) + 1)
}

func inStrRev(_ *machine, a []val) val {
	mode := ""
	if len(a) > 3 {
		mode = a[3].s
	}
	s, find, ok := compared(a[0].s, a[1].s, mode)
	if !ok {
		return failf("write vbTextCompare or vbBinaryCompare")
	}
	if len(a) > 2 {
		if a[2].n < 1 {
			return failf("the start is counted from 1")
		}
		s = s[:offset(s, a[2].n)]
	}
	i := strings.LastIndex(s, find)
	if i < 0 {
		return integer(0)
	}
	return integer(int64(utf8.RuneCountInString(s[:i])) + 1)
}
