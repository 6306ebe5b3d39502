package tree

import (
	"strings"

	"muster/internal/base/ldapschema"
)

// Verdict is the three-valued outcome of a filter (RFC 4511 §4.5.1.7).
type Verdict int8

// The verdicts, in an order in which and is the least and or the greatest.
const (
	No Verdict = iota
	Undefined
	Yes
)

// Filter is a search filter.
type Filter struct {
	Tag    byte     // the tag of its choice in RFC 4511 §4.5.1
	Subs   []Filter // and, or, not
	Desc   string
	Value  string
	Parts  []Part // substrings
	Rule   string // extensible
	WithDN bool
}

// Part is one part of a substring filter.
type Part struct {
	Tag   byte // 0 initial, 1 any, 2 final
	Value string
}

// The choices of a filter, by their tags in BER.
const (
	FilterAnd        = 0xa0
	FilterOr         = 0xa1
	FilterNot        = 0xa2
	FilterEqual      = 0xa3
	FilterSubstrings = 0xa4
	FilterGreater    = 0xa5
	FilterLess       = 0xa6
	FilterPresent    = 0x87
	FilterApprox     = 0xa8
	FilterExtensible = 0xa9
)

// Match evaluates a filter on an entry.
func (s *Rules) Match(f *Filter, e *Entry) Verdict {
	switch f.Tag {
	case FilterAnd:
		out := Yes
		for i := range f.Subs {
			out = min(out, s.Match(&f.Subs[i], e))
		}
		return out
	case FilterOr:
		out := No
		for i := range f.Subs {
			out = max(out, s.Match(&f.Subs[i], e))
		}
		return out
	case FilterNot:
		return Yes - s.Match(&f.Subs[0], e)
	case FilterExtensible:
		return s.matchExtensible(f, e)
	}
	typ := s.Attribute(f.Desc)
	if typ == nil {
		return Undefined
	}
	return s.matchValues(f, typ, e)
}

// matchValues asks the values of an attribute and of its subtypes.
func (s *Rules) matchValues(f *Filter, typ *ldapschema.AttributeType, e *Entry) Verdict {
	test, ok := s.assertion(f, typ)
	if !ok {
		return Undefined
	}
	for i := range e.Attrs {
		a := &e.Attrs[i]
		if !s.Is(a.Type, typ) || !SameOptions(a.Desc, f.Desc) {
			continue
		}
		for _, key := range a.keys {
			if test(key) {
				return Yes
			}
		}
	}
	return No
}

// SameOptions reports that an attribute has the options that were asked for
// (RFC 4512 §2.5.3).
func SameOptions(have, asked string) bool {
	_, options, some := strings.Cut(asked, ";")
	if !some {
		return true
	}
	_, has, _ := strings.Cut(have, ";")
	return strings.EqualFold(has, options)
}

// assertion prepares the test of one value; false means Undefined.
func (s *Rules) assertion(f *Filter, typ *ldapschema.AttributeType) (func(key string) bool, bool) {
	if f.Tag == FilterPresent {
		return func(string) bool { return true }, true
	}
	if f.Tag == FilterSubstrings {
		return s.substrings(f, typ)
	}
	want, err := s.normal(typ, f.Value)
	if err != nil {
		return nil, false
	}
	switch f.Tag {
	case FilterGreater:
		return func(key string) bool { return s.compare(typ, key, want) >= 0 }, s.ordered(typ)
	case FilterLess:
		return func(key string) bool { return s.compare(typ, key, want) <= 0 }, s.ordered(typ)
	}
	if super := s.Class(f.Value); super != nil && typ == s.Attribute("objectClass") {
		return func(key string) bool { // a class is also what it inherits from (RFC 4512 §3.3)
			c := s.Class(key)
			return c == super || c != nil && s.Derives(c, super)
		}, true
	}
	return func(key string) bool { return key == want }, s.Equality(typ) != ""
}

func (s *Rules) ordered(typ *ldapschema.AttributeType) bool {
	return s.Ordering(typ) != "" || s.Equality(typ) == "integerMatch" || s.Equality(typ) == "caseIgnoreMatch"
}

func (s *Rules) substrings(f *Filter, typ *ldapschema.AttributeType) (func(key string) bool, bool) {
	rule := s.Equality(typ)
	switch rule {
	case "caseIgnoreMatch", "caseIgnoreListMatch", "caseIgnoreIA5Match", "caseExactMatch", "caseExactIA5Match",
		"numericStringMatch", "telephoneNumberMatch": // not octets: a hash must not be found out piece by piece
	default:
		return nil, false
	}
	parts := make([]Part, len(f.Parts))
	for i, p := range f.Parts {
		v, _ := s.normalBy(rule, p.Value)
		if strings.HasPrefix(rule, "case") { // a space at an inner end counts (RFC 4518 §2.6.1)
			v = keepEdges(p, v)
		}
		parts[i] = Part{p.Tag, v}
	}
	return func(key string) bool { return hasParts(key, parts) }, true
}

func keepEdges(p Part, v string) string {
	if p.Tag != 0 && strings.HasPrefix(p.Value, " ") {
		v = " " + v
	}
	if p.Tag != 2 && strings.HasSuffix(p.Value, " ") && v != " " {
		v += " "
	}
	return v
}

func hasParts(key string, parts []Part) bool {
	for _, p := range parts {
		switch p.Tag {
		case 0:
			if !strings.HasPrefix(key, p.Value) {
				return false
			}
			key = key[len(p.Value):]
		case 1:
			i := strings.Index(key, p.Value)
			if i < 0 {
				return false
			}
			key = key[i+len(p.Value):]
		case 2:
			return strings.HasSuffix(key, p.Value)
		}
	}
	return true
}

// matchExtensible knows equality rules by name, with a type, and the DN's
// values; that is what clients in the field ask for.
func (s *Rules) matchExtensible(f *Filter, e *Entry) Verdict {
	typ := s.Attribute(f.Desc)
	if typ == nil {
		return Undefined
	}
	rule := f.Rule
	if rule == "" {
		rule = s.Equality(typ)
	}
	switch rule {
	case "caseIgnoreMatch", "caseExactMatch", "caseIgnoreIA5Match", "caseExactIA5Match", "distinguishedNameMatch", "integerMatch", "booleanMatch", "objectIdentifierMatch":
	default:
		return Undefined
	}
	want, err := s.normalBy(rule, f.Value)
	if err != nil {
		return Undefined
	}
	for _, v := range s.valuesFor(typ, e, f.WithDN) {
		if got, err := s.normalBy(rule, v); err == nil && got == want {
			return Yes
		}
	}
	return No
}

func (s *Rules) valuesFor(typ *ldapschema.AttributeType, e *Entry, dn bool) []string {
	var out []string
	for _, a := range e.Attrs {
		if s.Is(a.Type, typ) {
			out = append(out, a.Values...)
		}
	}
	for _, level := range e.Name.rdns {
		for _, a := range level {
			if dn && s.Is(s.Attribute(a.typ), typ) {
				out = append(out, a.value)
			}
		}
	}
	return out
}
