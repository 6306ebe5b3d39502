package tree

import (
	"errors"
	"math/big"
	"strings"
	"time"
	"unicode/utf8"

	"muster/internal/base/ldapschema"
	"muster/internal/base/object"
)

// Rules is the schema with what it means: how values are checked and compared.
type Rules struct {
	*ldapschema.Schema
	AttributeTypes, ObjectClasses []string // the descriptions, as published
}

// NewRules reads the standard schema and what the owner adds to it, in the form
// that ldapschema.ReadLines reads.
func newRules(more string) (*Rules, error) {
	r := &Rules{}
	r.AttributeTypes, r.ObjectClasses = ldapschema.ReadLines(ldapschema.Standard() + more)
	var bad []error
	r.Schema, bad = ldapschema.Parse(r.AttributeTypes, r.ObjectClasses)
	return r, errors.Join(bad...)
}

// Syntaxes (RFC 4517 §3.3, RFC 4530 §2.1), the last parts of their OIDs.
const (
	syntaxRoot = "1.3.6.1.4.1.1466.115.121.1."
	syntaxUUID = "1.3.6.1.1.16.1"
)

var errSyntax = errors.New("invalid per syntax")

// check reports whether a value has the attribute's syntax (RFC 4517 §3.3).
func (s *Rules) check(typ *ldapschema.AttributeType, v string) error {
	ok := true
	switch strings.TrimPrefix(s.Syntax(typ), syntaxRoot) {
	case "7": // Boolean
		ok = v == "TRUE" || v == "FALSE"
	case "11": // Country String
		ok = len(v) == 2 && printable(v)
	case "12": // DN
		_, err := s.Name(v)
		ok = err == nil
	case "34": // Name and Optional UID
		_, err := s.Name(withoutUID(v))
		ok = err == nil
	case "15": // Directory String
		ok = v != "" && utf8.ValidString(v)
	case "24": // Generalized Time
		_, ok = parseTime(v)
	case "26", "22": // IA5 String, Facsimile
		ok = ascii(v)
	case "27": // Integer
		_, ok = integer(v)
	case "36": // Numeric String
		ok = v != "" && strings.Trim(v, "0123456789 ") == ""
	case "44", "50": // Printable String, Telephone Number
		ok = v != "" && printable(v)
	case "41": // Postal Address
		ok = v != "" && utf8.ValidString(v)
	case "38": // OID
		ok = v != "" && validType(v)
	case syntaxUUID:
		ok = len(v) == 36
	}
	if !ok {
		return errSyntax
	}
	return nil
}

// normal prepares a value for comparing by the attribute's equality rule (RFC
// 4517 §4.2, RFC 4518). A value that the rule cannot take is an error.
func (s *Rules) normal(typ *ldapschema.AttributeType, v string) (string, error) {
	return s.normalBy(s.Equality(typ), v)
}

func (s *Rules) normalBy(rule, v string) (string, error) {
	switch rule {
	case "caseIgnoreMatch", "caseIgnoreListMatch", "caseIgnoreIA5Match", "caseIgnoreOrderingMatch":
		return collapse(object.Fold(v)), nil
	case "caseExactMatch", "caseExactIA5Match":
		return collapse(object.Exact(v)), nil
	case "numericStringMatch":
		return strings.ReplaceAll(v, " ", ""), nil
	case "telephoneNumberMatch":
		return strings.NewReplacer(" ", "", "-", "").Replace(strings.ToLower(v)), nil
	case "integerMatch":
		if n, ok := integer(v); ok {
			return n.String(), nil
		}
		return "", errSyntax
	case "booleanMatch":
		v = strings.ToUpper(v)
		if v != "TRUE" && v != "FALSE" {
			return "", errSyntax
		}
		return v, nil
	case "distinguishedNameMatch", "uniqueMemberMatch":
		n, err := s.Name(withoutUID(v))
		return n.Key, err
	case "generalizedTimeMatch":
		t, ok := parseTime(v)
		if !ok {
			return "", errSyntax
		}
		return t.UTC().Format("20060102150405.000000000"), nil
	case "objectIdentifierMatch":
		return s.oid(v), nil
	case "UUIDMatch":
		return strings.ToLower(v), nil
	}
	return v, nil
}

// oid gives names and OIDs of the same thing one form.
func (s *Rules) oid(v string) string {
	if c := s.Class(v); c != nil {
		return c.OID
	}
	if a := s.Attribute(v); a != nil {
		return a.OID
	}
	return strings.ToLower(v)
}

// compare orders two normal values by the attribute's ordering rule.
func (s *Rules) compare(typ *ldapschema.AttributeType, a, b string) int {
	if s.Equality(typ) == "integerMatch" {
		x, _ := integer(a)
		y, _ := integer(b)
		if x != nil && y != nil {
			return x.Cmp(y)
		}
	}
	return strings.Compare(a, b)
}

func collapse(s string) string { return strings.Join(strings.Fields(s), " ") }

func withoutUID(v string) string {
	if i := strings.LastIndex(v, "#'"); i > 0 && strings.HasSuffix(v, "'B") {
		return v[:i]
	}
	return v
}

func integer(v string) (*big.Int, bool) {
	if v == "" || len(v) > 1000 || v[0] == '+' || strings.Contains(v, "_") {
		return nil, false
	}
	return new(big.Int).SetString(v, 10)
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// printable checks PrintableString (RFC 4517 §3.3.29).
func printable(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte(" '()+,-./:=?\"", c) >= 0) {
			return false
		}
	}
	return true
}

// parseTime reads a Generalized Time (RFC 4517 §3.3.13) with seconds or
// minutes, a fraction, and Z or an offset.
func parseTime(v string) (time.Time, bool) {
	for _, layout := range []string{"20060102150405Z07", "20060102150405Z0700", "200601021504Z0700", "2006010215Z0700"} {
		if t, err := time.Parse(layout, strings.Replace(v, ",", ".", 1)); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}
