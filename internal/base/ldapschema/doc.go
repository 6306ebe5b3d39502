// Package ldapschema reads what an LDAP server publishes about itself in its
// subschema subentry: descriptions of attribute types and object classes (RFC
// 4512 §4.1). It answers what follows from them: the syntax that an attribute
// inherits, the attributes that a set of classes demands and allows. It never
// connects anywhere and knows nothing of records or connectors; the ldap
// connector reads foreign servers with it, the demo's directory its own files.
package ldapschema

import (
	"fmt"
	"strings"
)

// AttributeType is one attribute type (RFC 4512 §4.1.2).
type AttributeType struct {
	OID        string
	Names      []string
	Desc       string
	Sup        string // the type it inherits from, "" if none
	Equality   string // matching rules, by name or OID
	Ordering   string
	Substr     string
	Syntax     string // OID; "" means inherited
	Length     int    // the least length that the syntax promises to hold; 0 unknown
	Obsolete   bool
	Single     bool
	Collective bool
	NoUserMod  bool
	Usage      string // "" means userApplications
}

// Name returns the first name, the OID when it has none.
func (a *AttributeType) Name() string { return nameOf(a.Names, a.OID) }

// Operational reports that the server uses the attribute for itself, so that a
// search returns it only when asked.
func (a *AttributeType) Operational() bool { return a.Usage != "" && a.Usage != "userApplications" }

// ClassKind is the kind of an object class (RFC 4512 §2.4).
type ClassKind string

// The kinds of object classes.
const (
	Abstract   ClassKind = "ABSTRACT"
	Structural ClassKind = "STRUCTURAL"
	Auxiliary  ClassKind = "AUXILIARY"
)

// ObjectClass is one object class (RFC 4512 §4.1.1).
type ObjectClass struct {
	OID       string
	Names     []string
	Desc      string
	Sup       []string
	Kind      ClassKind
	Obsolete  bool
	Must, May []string
}

// Name returns the first name, the OID when it has none.
func (c *ObjectClass) Name() string { return nameOf(c.Names, c.OID) }

func nameOf(names []string, oid string) string {
	if len(names) > 0 {
		return names[0]
	}
	return oid
}

// SyntaxError says that a description is not in the form of RFC 4512.
type SyntaxError struct {
	Text string // the description
	At   int    // where, in bytes
	Why  string
}

// Error says what is wrong and shows where.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("schema description: %s at %q", e.Why, clip(e.Text, e.At))
}

func clip(s string, at int) string {
	from, to := max(0, at-20), min(len(s), at+20)
	return strings.ToValidUTF8(s[from:to], "?")
}
