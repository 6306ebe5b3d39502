package tree

import (
	"slices"
	"strings"
)

// rename changes the name of an entry, its place, or both, with all that lies
// below it (RFC 4511 §4.9).
func (t *tx) rename(r ModifyDNRequest) error {
	old, err := t.lookup(r.DN)
	if err != nil {
		return err
	}
	fresh, err := t.newName(old, r)
	if err != nil {
		return err
	}
	if other := t.entries[fresh.Key]; other != nil && other != old {
		return Fail(AlreadyExists, "")
	}
	e := old.copy()
	e.Name = fresh
	if err := t.renameValues(old, e, r.DeleteOld); err != nil {
		return err
	}
	if _, err := t.checkEntry(e); err != nil {
		return err
	}
	t.Set(e, "entryDN", fresh.Text)
	t.stamp(e)
	t.move(old, e)
	return nil
}

// newName works out the DN that an entry is to have, and whether it may.
func (t *tx) newName(old *Entry, r ModifyDNRequest) (Name, error) {
	rdns, ok := parseDN(r.NewRDN)
	if !ok || len(rdns) != 1 {
		return Name{}, Fail(InvalidDN, "invalid new RDN")
	}
	key, err := t.rdnKey(rdns[0])
	if err != nil {
		return Name{}, err
	}
	up := t.entries[parentKey(old.Name.Key)]
	if r.WithSuperior {
		if up, err = t.lookup(r.NewSuperior); err != nil {
			return Name{}, err
		}
	}
	switch {
	case up == nil:
		return Name{}, Fail(Unwilling, "the suffix cannot be renamed")
	case under(up.Name.Key, old.Name.Key):
		return Name{}, Fail(Unwilling, "an entry cannot be moved below itself")
	}
	return joinName(rdns[0], key, up.Name), nil
}

// renameValues takes out the values of the old RDN, if asked, and puts in those
// of the new one.
func (t *tx) renameValues(old, e *Entry, deleteOld bool) error {
	if deleteOld {
		for _, a := range old.Name.rdns[0] {
			typ := t.Attribute(a.typ)
			key, _ := t.normal(typ, a.value)
			if i := e.index(typ.Name()); i >= 0 {
				e.put(e.Attrs[i].without(func(k string) bool { return k == key }))
			}
		}
	}
	for _, a := range e.Name.rdns[0] {
		typ := t.Attribute(a.typ)
		if typ.NoUserMod {
			return Fail(ConstraintViolation, "%s: no user modification allowed", a.typ)
		}
		if err := t.check(typ, a.value); err != nil {
			return Fail(InvalidSyntax, "%s: value invalid per syntax", a.typ)
		}
		key, _ := t.normal(typ, a.value)
		x := Attr{Type: typ, Desc: typ.Name()}
		if i := e.index(x.Desc); i >= 0 {
			x = e.Attrs[i]
		}
		if !slices.Contains(x.keys, key) {
			e.put(x.with([]string{a.value}, []string{key}))
		}
	}
	return nil
}

// move puts e in the place of old and takes along what lies below; references
// to all of it follow. As in OpenLDAP only the renamed entry counts as changed.
func (t *tx) move(old, e *Entry) {
	below := t.subtree(old.Name.Key)[1:]
	t.put(old, e)
	t.retarget(old, e)
	for _, b := range below {
		b = t.entries[b.Name.Key] // a reference in it may have followed already
		moved := b.copy()
		key, _, _ := strings.Cut(b.Name.Key, level)
		moved.Name = joinName(b.Name.rdns[0], key, t.entries[t.movedKey(b, old, e)].Name)
		t.Set(moved, "entryDN", moved.Name.Text)
		t.put(b, moved)
		t.retarget(b, moved)
	}
}

// movedKey returns the key of b's parent after old has become e.
func (t *tx) movedKey(b, old, e *Entry) string {
	up := parentKey(b.Name.Key)
	return up[:len(up)-len(old.Name.Key)] + e.Name.Key
}
