package oracle

import (
	"errors"
	"fmt"
	"maps"
	"strings"

	"muster/internal/base/object"
)

// Outside is the connected systems: what is really there.
type Outside struct {
	Rows       map[string]map[string]object.Record // by connector and anchor; references name anchors
	Born       int
	Normalizes bool   // the directory writes titles in small letters
	Refuses    string // a title that the directory does not take
}

// Clone returns a copy.
func (x *Outside) Clone() *Outside {
	c := *x
	c.Rows = map[string]map[string]object.Record{}
	for name, rows := range x.Rows {
		c.Rows[name] = maps.Clone(rows)
	}
	return &c
}

var errGone = errors.New("there is no such account")

// Write changes one account and returns its anchor; an empty anchor adds one.
// It takes all changes or none.
func (x *Outside) Write(connector, typ, anchor, dn string, set map[string]object.Values) (string, error) {
	row, ok := x.Rows[connector][anchor]
	switch {
	case anchor == "":
		row = object.Record{Type: typ}
	case !ok:
		return "", errGone
	}
	row.Attrs = row.Attrs.Clone()
	if dn != "" {
		row.DN = dn
	}
	for name, vs := range set {
		if x.Refuses != "" && name == "title" && vs.First().Text() == x.Refuses {
			return "", errors.New("constraint violation")
		}
		if x.Normalizes && name == "title" {
			vs = text(strings.ToLower(vs.First().Text()))
		}
		row.Attrs.Put(name, vs)
	}
	if err := x.nameable(connector, anchor, row); err != nil {
		return "", err
	}
	if anchor == "" {
		x.Born++
		anchor = fmt.Sprintf("%c%03d", connector[0], x.Born)
		row.Anchor = anchor
		if connector == Directory && typ == "user" {
			row.Attrs.Put("mail", text(row.Attrs.Get("login").First().Text()+"@example.com"))
		}
	}
	x.Rows[connector][anchor] = row
	return anchor, nil
}

// nameable reports that no other account has the row's name.
func (x *Outside) nameable(connector, anchor string, row object.Record) error {
	if connector == Directory && row.DN == "" {
		return errors.New("naming violation")
	}
	for a, other := range x.Rows[connector] {
		login := row.Attrs.Get("login")
		if a != anchor && (row.DN != "" && other.DN == row.DN || len(login) > 0 && other.Attrs.Get("login").Equal(login)) {
			return errors.New("entry already exists")
		}
	}
	return nil
}

// Remove deletes an account and what refers to it.
func (x *Outside) Remove(connector, anchor string) {
	delete(x.Rows[connector], anchor)
	for a, row := range x.Rows[connector] {
		attrs := row.Attrs.Clone()
		for _, at := range row.Attrs {
			attrs.Put(at.Name, with(at.Values, object.Reference(anchor), false))
		}
		row.Attrs = attrs
		x.Rows[connector][a] = row
	}
}
