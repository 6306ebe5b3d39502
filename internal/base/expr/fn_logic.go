package expr

// logicFunctions compare, choose, and deal with what is absent.
func logicFunctions() []Function {
	compare := func(ok func(x, y int64) bool) callFunc {
		return func(_ *machine, a []val) val { return truth(ok(a[0].n, a[1].n)) }
	}
	equal := func(_ *machine, a []val) val { return truth(a[0].equal(a[1])) }
	isNull := func(_ *machine, a []val) val { return truth(isNothing(a[0])) }
	orElse := func(_ *machine, a []val) val {
		if isNothing(a[0]) {
			return a[1]
		}
		return a[0]
	}
	return []Function{
		{Name: "IIF", Origin: FromBoth, Signature: "IIF(condition bool, yes T, no T) T",
			Summary:  "One of two values. Only the chosen one is computed. condition ? yes : no is the same.",
			Examples: []Example{{Expr: `IIF(attr.active, "on", "off")`, Want: "on"}, {Expr: `IIF(IsPresent(attr.middle), attr.middle, Null())`, Want: ""}}},
		{Name: "Switch", Origin: FromEntra, Signature: "Switch(condition bool, value T, …) T",
			Summary:  "The value behind the first condition that is true; nothing when none is. Conditions behind it are not computed, unlike in Entra Connect, where a fault in any of them counts.",
			Examples: []Example{{Expr: `Switch(attr.country == "fr", "Paris", attr.country == "de", "Berlin")`, Want: "Berlin"}, {Expr: `Switch(false, "a")`, Want: ""}}},
		{Name: "Eq", Origin: FromMIM, traits: tolerant, call: equal, Signature: "Eq(a T, b T) bool",
			Summary: "Whether two values are equal. Nothing equals nothing.", Examples: []Example{{Expr: `Eq(attr.country, "de")`, Want: "true"}, {Expr: `Eq(attr.middle, "x")`, Want: "false"}}},
		{Name: "NotEquals", Origin: FromMIM, traits: tolerant, Signature: "NotEquals(a T, b T) bool",
			call:    func(_ *machine, a []val) val { return truth(!a[0].equal(a[1])) },
			Summary: "Whether two values differ.", Examples: []Example{{Expr: `NotEquals(attr.middle, "x")`, Want: "true"}}},
		{Name: "LessThan", Origin: FromMIM, traits: tolerant, call: compare(func(x, y int64) bool { return x < y }), Signature: "LessThan(a int, b int) bool",
			Summary: "Whether a number is less than another. An absent number is 0.", Examples: []Example{{Expr: `LessThan(1, 2)`, Want: "true"}}},
		{Name: "GreaterThan", Origin: FromMIM, traits: tolerant, call: compare(func(x, y int64) bool { return x > y }), Signature: "GreaterThan(a int, b int) bool",
			Summary: "Whether a number is greater than another.", Examples: []Example{{Expr: `GreaterThan(attr.number, 2)`, Want: "true"}}},
		{Name: "LessThanOrEquals", Origin: FromMIM, traits: tolerant, call: compare(func(x, y int64) bool { return x <= y }), Signature: "LessThanOrEquals(a int, b int) bool",
			Summary: "Whether a number is at most another.", Examples: []Example{{Expr: `LessThanOrEquals(2, 2)`, Want: "true"}}},
		{Name: "GreaterThanOrEquals", Origin: FromMIM, traits: tolerant, call: compare(func(x, y int64) bool { return x >= y }), Signature: "GreaterThanOrEquals(a int, b int) bool",
			Summary: "Whether a number is at least another.", Examples: []Example{{Expr: `GreaterThanOrEquals(1, 2)`, Want: "false"}}},
		{Name: "IsPresent", Origin: FromBoth, traits: tolerant, Signature: "IsPresent(value T) bool",
			call:    func(_ *machine, a []val) val { return truth(!isNothing(a[0]) && !isEmpty(a[0])) },
			Summary: "Whether there is a value, and it is not an empty text.", Examples: []Example{{Expr: `IsPresent(attr.first)`, Want: "true"}, {Expr: `IsPresent("")`, Want: "false"}}},
		{Name: "IsNull", Origin: FromEntra, traits: tolerant, call: isNull, Signature: "IsNull(value T) bool",
			Summary: "Whether there is no value.", Examples: []Example{{Expr: `IsNull(attr.middle)`, Want: "true"}, {Expr: `IsNull("")`, Want: "false"}}},
		{Name: "IsEmpty", Origin: FromEntra, traits: tolerant, Signature: "IsEmpty(value T) bool",
			call:    func(_ *machine, a []val) val { return truth(isEmpty(a[0])) },
			Summary: "Whether there is a value, and it is an empty text.", Examples: []Example{{Expr: `IsEmpty(attr.middle)`, Want: "false"}, {Expr: `IsEmpty("")`, Want: "true"}}},
		{Name: "IsNullOrEmpty", Origin: FromEntra, traits: tolerant, Signature: "IsNullOrEmpty(value T) bool",
			call:    func(_ *machine, a []val) val { return truth(isNothing(a[0]) || isEmpty(a[0])) },
			Summary: "Whether there is no value or an empty text.", Examples: []Example{{Expr: `IsNullOrEmpty(attr.middle)`, Want: "true"}}},
		{Name: "default", Origin: Own, traits: tolerant | fallback, call: orElse, Signature: "default(value T, otherwise T) T",
			Summary: "The value, or the other one when it is absent or an empty list.", Examples: []Example{{Expr: `default(attr.middle, "-")`, Want: "-"}, {Expr: `default(attr.first, "-")`, Want: "Ada"}}},
		{Name: "orValue", Origin: Own, traits: tolerant | fallback, call: orElse, Signature: "orValue(value T, otherwise T) T",
			Summary: "The same as default.", Examples: []Example{{Expr: `orValue(attr.middle, attr.first)`, Want: "Ada"}}},
		{Name: "coalesce", Origin: Own, Signature: "coalesce(value T, …) T",
			Summary: "The first of the values that is not absent.", Examples: []Example{{Expr: `coalesce(attr.middle, attr.nick, attr.last)`, Want: "Lovelace"}, {Expr: `coalesce(attr.first, IgnoreThisFlow)`, Want: "Ada"}}},
		{Name: "oneOf", Origin: Own, Signature: "oneOf(value T, values list(T)) bool", call: oneOf,
			Summary: "Whether a value is one of a list, or of those written behind it.", Examples: []Example{{Expr: `oneOf(attr.country, "de", "fr", "it")`, Want: "true"}, {Expr: `oneOf("x", attr.mails)`, Want: "false"}}},
	}
}

func isNothing(v val) bool { return v.k == kFail || v.k == kList && len(v.list()) == 0 }
func isEmpty(v val) bool   { return v.k == kString && v.s == "" }

func oneOf(_ *machine, a []val) val {
	for _, v := range a[1].list() {
		if v.equal(a[0]) {
			return truth(true)
		}
	}
	return truth(false)
}

// bitFunctions look into numbers of flags, such as userAccountControl.
func bitFunctions() []Function {
	bits := func(f func(x, y int64) int64) callFunc {
		return func(_ *machine, a []val) val { return integer(f(a[0].n, a[1].n)) }
	}
	and := bits(func(x, y int64) int64 { return x & y })
	or := bits(func(x, y int64) int64 { return x | y })
	isSet := func(_ *machine, a []val) val { return truth(a[0].n&a[1].n != 0) }
	return []Function{
		{Name: "BitAnd", Origin: FromBoth, traits: tolerant, call: and, Signature: "BitAnd(a int, b int) int",
			Summary:  "The bits that both numbers have. Hexadecimal numbers are written 0x200. To clear a bit, give its complement.",
			Examples: []Example{{Expr: `BitAnd(0xF, 0xF7)`, Want: "7"}}},
		{Name: "BitOr", Origin: FromBoth, traits: tolerant, call: or, Signature: "BitOr(mask int, flag int) int",
			Summary: "The bits that either number has.", Examples: []Example{{Expr: `BitOr(0x200, 0x2)`, Want: "514"}}},
		{Name: "IsBitSet", Origin: FromEntra, traits: tolerant, call: isSet, Signature: "IsBitSet(number int, flag int) bool",
			Summary: "Whether the flag's bit is set.", Examples: []Example{{Expr: `IsBitSet(attr.uac, 2)`, Want: "false"}}},
		{Name: "bitNot", Origin: Own, Signature: "bitNot(number int) int",
			call:    func(_ *machine, a []val) val { return integer(^a[0].n) },
			Summary: "The complement of a number, to clear bits with.", Examples: []Example{{Expr: `bitAnd(514, bitNot(2))`, Want: "512"}}},
		{Name: "bitAnd", Origin: Own, call: and, Signature: "bitAnd(a int, b int) int",
			Summary: "The bits that both numbers have.", Examples: []Example{{Expr: `bitAnd(attr.uac, 0x200)`, Want: "512"}}},
		{Name: "bitOr", Origin: Own, call: or, Signature: "bitOr(a int, b int) int",
			Summary: "The bits that either number has.", Examples: []Example{{Expr: `bitOr(attr.uac, 2)`, Want: "514"}}},
		{Name: "isBitSet", Origin: Own, call: isSet, Signature: "isBitSet(number int, flag int) bool",
			Summary: "Whether the flag's bit is set.", Examples: []Example{{Expr: `isBitSet(attr.uac, 0x200)`, Want: "true"}}},
	}
}
