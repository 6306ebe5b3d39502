package tree

import (
	"math/big"
	"slices"
	"strings"
)

// add creates an entry (RFC 4511 §4.7).
func (t *tx) add(r AddRequest) error {
	n, err := t.Name(r.DN)
	if err != nil {
		return err
	}
	if err := t.mayStand(n); err != nil {
		return err
	}
	e := &Entry{Name: t.respell(n), UUID: newUUID()}
	for _, in := range r.Attrs {
		if err := t.addAttribute(e, in); err != nil {
			return err
		}
	}
	for _, a := range n.rdns[0] { // a client may leave them out
		if !t.holds(e, a) {
			if err := t.addAttribute(e, Attribute{Desc: a.typ, Values: []string{a.value}}); err != nil {
				return err
			}
		}
	}
	class, err := t.checkEntry(e)
	if err != nil {
		return err
	}
	t.seq++
	e.seq = t.seq
	t.birth(e, class)
	t.put(nil, e)
	return nil
}

// mayStand checks that nothing has the name and that something is above it.
func (t *tx) mayStand(n Name) error {
	switch up := parentKey(n.Key); {
	case n.Key == "":
		return Fail(Unwilling, "the root DSE cannot be written")
	case t.entries[n.Key] != nil:
		return Fail(AlreadyExists, "")
	case t.IsSuffix(n.Key):
		return nil
	case !t.inSuffix(n.Key):
		return Fail(Unwilling, "no global superior knowledge")
	case t.entries[up] == nil:
		return &Failure{Code: NoSuchObject, Matched: t.nearest(up)}
	}
	return nil
}

// respell gives the part of a name above its first level the spelling of the
// entry that is there.
func (t *tx) respell(n Name) Name {
	up := t.entries[parentKey(n.Key)]
	if up == nil {
		return n
	}
	key, _, _ := strings.Cut(n.Key, level)
	return joinName(n.rdns[0], key, up.Name)
}

func (t *tx) addAttribute(e *Entry, in Attribute) error {
	a, err := t.prepare(in)
	switch {
	case err != nil:
		return err
	case a.Type.NoUserMod:
		return Fail(ConstraintViolation, "%s: no user modification allowed", in.Desc)
	case len(in.Values) == 0:
		return Fail(ProtocolError, "no values for attribute type")
	}
	if i := e.index(a.Desc); i >= 0 {
		if slices.ContainsFunc(a.keys, func(k string) bool { return slices.Contains(e.Attrs[i].keys, k) }) {
			return Fail(ValueExists, "%s: value provided more than once", in.Desc)
		}
		a = e.Attrs[i].with(a.Values, a.keys)
	}
	e.put(t.hashed(a))
	return nil
}

// birth sets the operational attributes of a new entry.
func (t *tx) birth(e *Entry, class string) {
	t.Set(e, "structuralObjectClass", class)
	t.Set(e, "entryUUID", e.UUID)
	t.Set(e, "creatorsName", t.who)
	t.Set(e, "createTimestamp", timestamp(t.now()))
	t.Set(e, "entryDN", e.Name.Text)
	t.stamp(e)
	e.born = e.CSN
	for group := range t.refs[e.Name.Key] { // a group may have named it before it was there
		if g := t.entries[group]; slices.Contains(keysOf(g, "member"), e.Name.Key) {
			a := Attr{Type: t.Attribute("memberOf"), Desc: "memberOf"}
			if i := e.index("memberOf"); i >= 0 {
				a = e.Attrs[i]
			}
			e.put(a.with([]string{g.Name.Text}, []string{g.Name.Key}))
		}
	}
}

// delete removes a leaf (RFC 4511 §4.8).
func (t *tx) delete(dn string) error {
	e, err := t.lookup(dn)
	switch {
	case err != nil:
		return err
	case len(t.children[e.Name.Key]) > 0:
		return Fail(NotOnNonLeaf, "subordinate objects must be deleted first")
	}
	t.put(e, nil)
	t.nextCSN()
	t.retarget(e, nil)
	return nil
}

// modify changes an entry (RFC 4511 §4.6): all of the changes or none, and the
// schema is asked about the outcome only.
func (t *tx) modify(r ModifyRequest) error {
	old, err := t.lookup(r.DN)
	if err != nil {
		return err
	}
	e := old.copy()
	for _, m := range r.Changes {
		if err := t.modifyOne(e, m); err != nil {
			return err
		}
	}
	for _, a := range e.Name.rdns[0] {
		if !t.holds(e, a) {
			return Fail(NotOnRDN, "value of naming attribute '%s' is not present in entry", a.typ)
		}
	}
	class, err := t.checkEntry(e)
	if err != nil {
		return err
	}
	if was := old.first("structuralObjectClass"); !strings.EqualFold(was, class) {
		return Fail(ClassModsProhibited, "structural object class modification from '%s' to '%s' not allowed", was, class)
	}
	t.stamp(e)
	t.put(old, e)
	return nil
}

func (t *tx) modifyOne(e *Entry, m Modification) error {
	a, err := t.prepare(m.Attribute)
	switch {
	case err != nil:
		return err
	case a.Type.NoUserMod:
		return Fail(ConstraintViolation, "%s: no user modification allowed", m.Desc)
	}
	old := Attr{Type: a.Type, Desc: a.Desc}
	i := e.index(a.Desc)
	if i >= 0 {
		old = e.Attrs[i]
	}
	switch m.Op {
	case 0:
		return t.addValues(e, m, old, a)
	case 1:
		return dropValues(e, m, old, a)
	case 2:
		e.put(t.hashed(a))
		return nil
	case 3:
		return t.increment(e, m, old)
	}
	return Fail(ProtocolError, "unrecognized modify operation")
}

func (t *tx) addValues(e *Entry, m Modification, old, more Attr) error {
	if len(more.Values) == 0 {
		return Fail(ProtocolError, "modify/add operation requires values")
	}
	there := setOf(old.keys)
	for i, k := range more.keys {
		if there[k] {
			return Fail(ValueExists, "modify/add: %s: value #%d already exists", m.Desc, i)
		}
	}
	more = t.hashed(more)
	e.put(old.with(more.Values, more.keys))
	return nil
}

func dropValues(e *Entry, m Modification, old, less Attr) error {
	if len(old.Values) == 0 {
		return Fail(NoSuchAttribute, "modify/delete: %s: no such attribute", m.Desc)
	}
	if len(less.Values) == 0 {
		e.put(Attr{Type: old.Type, Desc: old.Desc})
		return nil
	}
	there, gone := setOf(old.keys), setOf(less.keys)
	for _, k := range less.keys {
		if !there[k] {
			return Fail(NoSuchAttribute, "modify/delete: %s: no such value", m.Desc)
		}
	}
	e.put(old.without(func(k string) bool { return gone[k] }))
	return nil
}

// increment is RFC 4525.
func (t *tx) increment(e *Entry, m Modification, old Attr) error {
	if t.Equality(old.Type) != "integerMatch" || len(m.Values) != 1 {
		return Fail(ConstraintViolation, "modify/increment: %s: one value, of an attribute of integers, is wanted", m.Desc)
	}
	if len(old.Values) == 0 {
		return Fail(NoSuchAttribute, "modify/increment: %s: no such attribute", m.Desc)
	}
	by, _ := integer(m.Values[0])
	out := Attr{Type: old.Type, Desc: old.Desc}
	for _, v := range old.Values {
		n, _ := integer(v)
		sum := new(big.Int).Add(n, by).String()
		out.Values, out.keys = append(out.Values, sum), append(out.keys, sum)
	}
	e.put(out)
	return nil
}
