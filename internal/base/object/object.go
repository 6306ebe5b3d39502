// Package object holds the words everybody speaks: ids, typed values, bags of
// attributes, records as a connected system tells them, and schemas. It never
// reads or writes anything and knows no rule.
package object

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// ID identifies an object or an entry for ever: 16 bytes of a SHA-256 hash of
// where the thing came from, so that the same history gives the same ids.
type ID [16]byte

// IsZero reports that id names nothing.
func (id ID) IsZero() bool { return id == ID{} }

// String returns the id as 32 hexadecimal digits, "" for the zero ID.
func (id ID) String() string {
	if id.IsZero() {
		return ""
	}
	return hex.EncodeToString(id[:])
}

// Compare orders ids by their bytes.
func (id ID) Compare(other ID) int { return bytes.Compare(id[:], other[:]) }

// ParseID reads what ID.String wrote.
func ParseID(s string) (ID, error) {
	var id ID
	if len(s) != 2*len(id) {
		return id, fmt.Errorf("%q is not an object id: want %d hexadecimal digits", s, 2*len(id))
	}
	if _, err := hex.Decode(id[:], []byte(s)); err != nil {
		return ID{}, fmt.Errorf("%q is not an object id: %w", s, err)
	}
	return id, nil
}

// NewID hashes the parts, each with its length, so that no two lists of parts
// give the same bytes.
func NewID(parts ...string) ID {
	var buf [256]byte
	b := buf[:0]
	for _, p := range parts {
		b = appendString(b, p)
	}
	sum := sha256.Sum256(b)
	return ID(sum[:16])
}

// Record is one object of a connected system as the system tells it.
//
// Anchor never changes while the object lives; it is unique in the connector.
// DN is the name in a hierarchical system ("" in flat ones), in the system's
// own spelling. References in Attrs name their target by anchor or by DN, as
// the schema's attribute says.
type Record struct {
	Type   string
	Anchor string
	DN     string
	Attrs  Attrs
	Print  uint64 // a hash of all that the record was made of, where its receiver compares by it; 0: none
}

// Schema is what a connected system, or the metaverse, can hold.
type Schema struct {
	Types []Type // sorted by name
}

// Type returns the named type.
func (s Schema) Type(name string) (Type, bool) {
	for _, t := range s.Types {
		if t.Name == name {
			return t, true
		}
	}
	return Type{}, false
}

// Type is one object type.
type Type struct {
	Name       string
	Attributes []Attribute // sorted by name
	ReadOnly   bool        // the system does not let objects of it be written
}

// Attribute returns the named attribute.
func (t Type) Attribute(name string) (Attribute, bool) {
	i, ok := slices.BinarySearchFunc(t.Attributes, name, func(a Attribute, n string) int { return strings.Compare(a.Name, n) })
	if !ok {
		return Attribute{}, false
	}
	return t.Attributes[i], true
}

// Attribute describes one attribute of a type.
type Attribute struct {
	Name      string
	Kind      Kind
	Multi     bool // may hold several values
	Required  bool // a new object must have it
	ReadOnly  bool // the system sets it; never exported
	WriteOnly bool // cannot be read back, as a password: never confirmed
	Folded    bool // the system ignores the case of letters when it compares
	Unique    bool // no two objects of the type have the same value
	MaxLength int  // in characters; 0 is no limit that we know
	ByDN      bool // for Ref: names its target by DN, not by anchor
}

// SortSchema puts types and attributes in the order that look-ups expect.
func SortSchema(s *Schema) {
	slices.SortFunc(s.Types, func(a, b Type) int { return strings.Compare(a.Name, b.Name) })
	for i := range s.Types {
		slices.SortFunc(s.Types[i].Attributes, func(a, b Attribute) int { return strings.Compare(a.Name, b.Name) })
	}
}
