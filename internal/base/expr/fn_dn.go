package expr

import (
	"fmt"
	"strconv"
	"strings"
)

// dnFunctions build DNs and take them apart.
func dnFunctions() []Function {
	component := "DNComponent(dn string, place int) string\nDNComponent(dn ref, place int) string"
	reversed := strings.ReplaceAll(component, "DNComponent", "DNComponentRev") +
		"\nDNComponentRev(dn string, place int, skip string) string\nDNComponentRev(dn ref, place int, skip string) string"
	escaped := func(_ *machine, a []val) val { return str(escapeLDAP(a[0].s)) }
	return []Function{
		{Name: "EscapeDNComponent", Origin: FromBoth, traits: tolerant, call: escapeComponent,
			Signature: "EscapeDNComponent(value string) string\nEscapeDNComponent(value string, style string) string",
			Summary:   "One value, made safe to stand in a DN. style is ldap (default), notes (hierarchical names that are not LDAP's) or database (names in a database or a file), as the connector's names are.",
			Examples:  []Example{{Expr: `"CN=" + EscapeDNComponent("Lovelace, Ada") + ",OU=People"`, Want: `CN=Lovelace\, Ada,OU=People`}, {Expr: `EscapeDNComponent("A\u0001C", "database")`, Want: "#410001004300"}}},
		{Name: "DNComponent", Origin: FromEntra, call: dnComponent(false), Signature: component,
			Summary: "The value of the DN's component at a place, counted from 1 at the left. A place that the DN does not have is a fault; ask dnCount first.", Examples: []Example{
				{Expr: `DNComponent("CN=Ada,OU=People,DC=example,DC=com", 1)`, Want: "Ada"}, {Expr: `DNComponent("CN=Ada", 2)`, Error: "has no component 2"}}},
		{Name: "DNComponentRev", Origin: FromEntra, call: dnComponent(true), Signature: reversed,
			Summary: "The value of the DN's component at a place, counted from 1 at the right. With \"DC\", domain components are left out.", Examples: []Example{{Expr: `DNComponentRev("CN=Ada,OU=People,DC=example,DC=com", 1, "DC")`, Want: "People"}}},
		{Name: "escape", Origin: Own, call: escaped, Signature: "escape(value string) string",
			Summary: "One value, made safe to stand in an LDAP DN.", Examples: []Example{{Expr: `"CN=" + escape("a+b")`, Want: `CN=a\+b`}}},
		{Name: "rdn", Origin: Own, Signature: "rdn(name string, value string) string",
			call: func(_ *machine, a []val) val {
				if !validName(a[0].s) || a[1].s == "" {
					return failf("a component needs a name of letters, digits, - and ., and a value")
				}
				return str(a[0].s + "=" + escapeLDAP(a[1].s))
			},
			Summary: "One component of a DN, its value escaped.", Examples: []Example{{Expr: `rdn("CN", "Lovelace, Ada")`, Want: `CN=Lovelace\, Ada`}, {Expr: `rdn("CN", "")`, Error: "needs a name"}}},
		{Name: "dn", Origin: Own, call: joinDN, Signature: "dn(parts list(string)) string",
			Summary: "A DN from its components and its container, from the left to the right; any number of them, each checked.", Examples: []Example{
				{Expr: `dn(rdn("CN", attr.first + " " + attr.last), "OU=People,DC=example,DC=com")`, Want: "CN=Ada Lovelace,OU=People,DC=example,DC=com"}, {Expr: `dn("Ada", "DC=com")`, Error: "not a DN"}}},
		{Name: "dnCount", Origin: Own, call: countDN, Signature: "dnCount(dn string) int\ndnCount(dn ref) int",
			Summary: "How many components the DN has.", Examples: []Example{{Expr: `dnCount("CN=Ada,OU=People,DC=com")`, Want: "3"}, {Expr: `dnCount("")`, Want: "0"}}},
		{Name: "dnNumber", Origin: Own, call: dnNumber, Signature: "dnNumber(dn string, place int) int\ndnNumber(dn ref, place int) int",
			Summary: "The whole number that stands in the DN's component at a place, counted from 1 at the left.", Examples: []Example{
				{Expr: `dnNumber("CN=Ada,OU=0017,DC=com", 2)`, Want: "17"}, {Expr: `dnNumber("CN=Ada,OU=People", 2)`, Error: "is no whole number"}}},
		{Name: "parentDN", Origin: Own, Signature: "parentDN(dn string) string", call: parentDN,
			Summary: "The DN of the container.", Examples: []Example{{Expr: `parentDN("CN=Ada\\, Countess,OU=People,DC=com")`, Want: "OU=People,DC=com"}}},
	}
}

func escapeComponent(_ *machine, a []val) val {
	style := "ldap"
	if len(a) > 1 {
		style = a[1].s
	}
	switch style {
	case "ldap":
		return str(escapeLDAP(a[0].s))
	case "notes":
		return escapeNotes(a[0].s)
	case "database":
		return str(escapeDatabase(a[0].s))
	}
	return failf("the style must be ldap, notes or database")
}

func dnComponent(fromRight bool) callFunc {
	return func(_ *machine, a []val) val {
		dn, err := parseDN(a[0].s)
		if err != nil {
			return failed(&EvalError{Message: err.Error()})
		}
		if len(a) > 2 {
			kept := dn[:0]
			for _, r := range dn {
				if !r.has(a[2].s) {
					kept = append(kept, r)
				}
			}
			dn = kept
		}
		i := a[1].n - 1
		if fromRight {
			i = int64(len(dn)) - a[1].n
		}
		if a[1].n < 1 || i < 0 || i >= int64(len(dn)) {
			return failed(&EvalError{Code: "dn-index-out-of-bounds", Message: fmt.Sprintf("%s has no component %d; ask dnCount first", a[0].show(), a[1].n)})
		}
		return str(dn[i][0].value)
	}
}

func countDN(_ *machine, a []val) val {
	dn, err := parseDN(a[0].s)
	if err != nil {
		return failed(&EvalError{Message: err.Error()})
	}
	return integer(int64(len(dn)))
}

func dnNumber(m *machine, a []val) val {
	part := dnComponent(false)(m, a)
	if part.k != kString {
		return part
	}
	n, err := strconv.ParseInt(part.s, 10, 64)
	if err != nil {
		return failed(&EvalError{Code: "cannot-parse-dn-component", Message: fmt.Sprintf("component %d of %s is no whole number", a[1].n, a[0].show())})
	}
	return integer(n)
}

func joinDN(_ *machine, a []val) val {
	var parts []string
	for _, v := range a[0].list() {
		dn, err := parseDN(v.s)
		if err != nil {
			return failf("%s is not a DN; write rdn(\"CN\", value) for a component", v.show())
		}
		if len(dn) > 0 {
			parts = append(parts, v.s)
		}
	}
	return str(strings.Join(parts, ","))
}

func parentDN(_ *machine, a []val) val {
	s := a[0].s
	dn, err := parseDN(s)
	switch {
	case err != nil:
		return failed(&EvalError{Message: err.Error()})
	case len(dn) < 2:
		return val{}
	}
	for {
		_, rest, _ := strings.Cut(s, "=")
		_, rest, err := parseDNValue(strings.TrimLeft(rest, " "))
		if err != nil || rest == "" {
			return val{}
		}
		if rest[0] != '+' {
			return str(strings.TrimLeft(rest[1:], " "))
		}
		s = rest[1:]
	}
}
