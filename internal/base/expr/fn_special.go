package expr

// specialFunctions give instructions instead of values, or make something
// that is bound to a place.
func specialFunctions() []Function {
	inbound := []Context{InboundFlow}
	initial := []Context{InitialFlow}
	flows := []Context{InboundFlow, OutboundFlow, InitialFlow}
	refs := func(_ *machine, a []val) val {
		if a[0].k != kList {
			return reference(a[0].text())
		}
		l := make([]val, len(a[0].list()))
		for i, v := range a[0].list() {
			l[i] = reference(v.text())
		}
		return list(l)
	}
	outcome := func(o Outcome) callFunc { return func(*machine, []val) val { return failed(o) } }
	return []Function{
		{Name: "Null", Origin: FromBoth, call: func(*machine, []val) val { return val{} }, Signature: "Null() T",
			Summary:  "No value: this flow contributes nothing, and the next one by precedence is asked. The word NULL does as well.",
			Examples: []Example{{Expr: `Null()`, Want: ""}, {Expr: `attr.active ? NULL : attr.first`, Want: ""}}},
		{Name: "AuthoritativeNull", Origin: FromEntra, call: outcome(ClearValue), only: flows, instead: "it says something about a flow", Signature: "AuthoritativeNull() T",
			Summary: "No value, and nobody ranked below is asked. Written with or without ().", Examples: []Example{{Expr: `IIF(attr.active, AuthoritativeNull, "x")`, Error: "cleared"}}},
		{Name: "IgnoreThisFlow", Origin: FromEntra, call: outcome(IgnoreFlow), only: flows, instead: "it says something about a flow", Signature: "IgnoreThisFlow() T",
			Summary: "The flow does as if it did not exist. Written with or without ().", Examples: []Example{{Expr: `IIF(IsNull(attr.middle), IgnoreThisFlow, attr.middle)`, Error: "ignored"}}},
		{Name: "ImportedValue", Origin: FromEntra, Signature: "ImportedValue(attribute string) T",
			Summary: "What the last import said of the attribute, in place of what was sent and is not confirmed. The name stands there as a text.", Examples: []Example{{Expr: `ImportedValue("mail")`, Want: "old@example.com"}}},
		{Name: "Error", Origin: FromEntra, Signature: "Error(message string) T",
			call:    func(_ *machine, a []val) val { return failed(&EvalError{Function: "Error", Message: a[0].s}) },
			Summary: "Stops deciding about this object with a message.", Examples: []Example{{Expr: `IIF(attr.active, Error("no " + attr.first), "x")`, Error: "no Ada"}}},
		{Name: "ref", Origin: Own, call: refs, only: inbound, instead: "references of the metaverse are copied as they are: mv.manager",
			Signature: "ref(anchor string) ref\nref(anchor int) ref\nref(anchors list(string)) list(ref)\nref(anchors list(int)) list(ref)\nref(target ref) ref\nref(targets list(ref)) list(ref)",
			Summary:   "A reference to the object of the same connector that has the anchor. Of what is a reference already, itself.", Examples: []Example{{Expr: `ref(attr.managerNumber)`, Want: "4711"}, {Expr: `ref(["b", "a"])`, Want: "a; b"}}},
		{Name: "CRef", Origin: FromEntra, call: refs, only: flows, instead: "it makes a value for a flow", Signature: "CRef(name string) ref",
			Summary: "A reference from the text that names its target.", Examples: []Example{{Expr: `CRef("CN=Boss,DC=com")`, Want: "CN=Boss,DC=com"}}},
		{Name: "password", Origin: Own, call: outcome(MakePassword), only: initial, instead: "a password is given once, to a new account", Signature: "password() string",
			Summary: "A secret, made at random when the new account is sent; plans show a placeholder. It must be the whole value.", Examples: []Example{{Expr: `password()`, Error: "password is made"}}},
		{Name: "unique", Origin: Own, Signature: "unique(wish string, n int, further string) string", only: inbound,
			Summary:  "The first name that nobody has: the wish, then the further ones, in which base is the wish and n counts from 2. It must be the whole expression of an inbound flow.",
			Examples: []Example{{Expr: `unique(lower(left(attr.first, 1) + attr.last), n, base + string(n))`, Want: "alovelace"}}},
	}
}

// celFunctions are what CEL has itself, and rules use.
func celFunctions() []Function {
	f := func(name, signature, summary string, examples ...Example) Function {
		return Function{Name: name, Origin: FromCEL, Signature: signature, Summary: summary, Examples: examples}
	}
	return []Function{
		f("has", "has(attribute) bool", "Whether the attribute has a value.", Example{Expr: `has(attr.middle)`, Want: "false"}),
		f("size", "size(text string) int\nsize(values list(T)) int", "The number of characters, or of values.", Example{Expr: `size(attr.mails)`, Want: "2"}),
		f("matches", "text.matches(pattern string) bool", "Whether the regular expression (RE2) is found in the text.", Example{Expr: `attr.last.matches("^Lo.*e$")`, Want: "true"}),
		f("int", "int(value T) int", "A whole number from a text, or the seconds since 1970 of a time.", Example{Expr: `int("42")`, Want: "42"}),
		f("double", "double(value T) double", "A number with a fraction.", Example{Expr: `double("1.5") > 1.0`, Want: "true"}),
		f("uint", "uint(value T) uint", "A number without a sign.", Example{Expr: `uint(1) == 1u`, Want: "true"}),
		f("bool", "bool(text string) bool", "A yes-or-no value from true or false.", Example{Expr: `bool("true")`, Want: "true"}),
		f("bytes", "bytes(text string) bytes", "The UTF-8 bytes of a text.", Example{Expr: `bytes("AB")`, Want: "QUI="}),
		f("timestamp", "timestamp(text string) time", "A time from RFC 3339.", Example{Expr: `timestamp("2026-03-01T12:00:00Z")`, Want: "2026-03-01T12:00:00Z"}),
		f("duration", "duration(text string) duration", "A length of time: h, m and s; see also days(…).", Example{Expr: `attr.hired + duration("24h")`, Want: "2020-03-02T00:00:00Z"}),
		f("all", "values.all(x, condition) bool", "Whether the condition is true for every value.", Example{Expr: `attr.mails.all(m, m.contains("@"))`, Want: "true"}),
		f("exists", "values.exists(x, condition) bool", "Whether the condition is true for some value.", Example{Expr: `attr.mails.exists(m, m.startsWith("Ada"))`, Want: "true"}),
		f("exists_one", "values.exists_one(x, condition) bool", "Whether the condition is true for exactly one value.", Example{Expr: `attr.mails.exists_one(m, m.startsWith("Ada"))`, Want: "true"}),
		f("map", "values.map(x, result) list", "The result for each value.", Example{Expr: `attr.mails.map(m, lower(m))`, Want: "ada@example.com; lovelace@example.com"}),
		f("filter", "values.filter(x, condition) list", "The values for which the condition is true.", Example{Expr: `attr.mails.filter(m, m.startsWith("A"))`, Want: "Ada@example.com"}),
		f("getFullYear", "time.getFullYear(zone string) int", "The year.", Example{Expr: `attr.hired.getFullYear("Europe/Berlin")`, Want: "2020"}),
		f("getMonth", "time.getMonth(zone string) int", "The month, counted from 0.", Example{Expr: `attr.hired.getMonth("Europe/Berlin")`, Want: "2"}),
		f("getDate", "time.getDate(zone string) int", "The day of the month, counted from 1.", Example{Expr: `attr.hired.getDate("Europe/Berlin")`, Want: "1"}),
		f("getDayOfMonth", "time.getDayOfMonth(zone string) int", "The day of the month, counted from 0.", Example{Expr: `attr.hired.getDayOfMonth()`, Want: "0"}),
		f("getDayOfWeek", "time.getDayOfWeek(zone string) int", "The day of the week; Sunday is 0.", Example{Expr: `attr.hired.getDayOfWeek()`, Want: "0"}),
		f("getDayOfYear", "time.getDayOfYear(zone string) int", "The day of the year, counted from 0.", Example{Expr: `attr.hired.getDayOfYear()`, Want: "60"}),
		f("getHours", "time.getHours(zone string) int", "The hour.", Example{Expr: `attr.hired.getHours("Europe/Berlin")`, Want: "1"}),
		f("getMinutes", "time.getMinutes(zone string) int", "The minute.", Example{Expr: `attr.hired.getMinutes()`, Want: "0"}),
		f("getSeconds", "time.getSeconds(zone string) int", "The second.", Example{Expr: `attr.hired.getSeconds()`, Want: "0"}),
		f("getMilliseconds", "time.getMilliseconds(zone string) int", "The millisecond.", Example{Expr: `attr.hired.getMilliseconds()`, Want: "0"}),
	}
}
