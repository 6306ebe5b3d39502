package store

import (
	"encoding/binary"
	"slices"

	"muster/internal/base/object"
	"muster/internal/sync/metaverse"
)

// objectRow is a metaverse object as its row holds it. References are not in
// it but in the sets; an attribute of references stands in it without values,
// for its origin's sake.
type objectRow struct {
	key  int64
	born int64 // the plan that made it
	typ  uint32
	obj  metaverse.Object
}

// appendObject encodes an object: origins are a table, and each attribute has
// the number of its origin, as most come from one entry by one rule.
func (t *Tx) appendObject(b []byte, born int64, o *metaverse.Object) ([]byte, error) {
	typ, err := t.sym(o.Type)
	if err != nil {
		return nil, err
	}
	b = binary.AppendUvarint(b, uint64(typ))
	b = append(b, o.ID[:]...)
	b = appendText(b, o.Founder)
	b = binary.AppendUvarint(b, uint64(born))
	b = appendInstant(b, o.Due)
	var table []metaverse.Origin
	at := make([]int, len(o.Attrs))
	for i := range o.Attrs {
		var from metaverse.Origin
		if i < len(o.Origins) {
			from = o.Origins[i]
		}
		if at[i] = slices.Index(table, from); at[i] < 0 {
			at[i] = len(table)
			table = append(table, from)
		}
	}
	b = binary.AppendUvarint(b, uint64(len(table)))
	for i := range table {
		if b, err = t.appendOrigin(b, &table[i]); err != nil {
			return nil, err
		}
	}
	b = binary.AppendUvarint(b, uint64(len(o.Attrs)))
	for i, a := range o.Attrs {
		y, err := t.sym(a.Name)
		if err != nil {
			return nil, err
		}
		vs := a.Values
		if isRefs(vs) {
			vs = nil
		}
		b = binary.AppendUvarint(b, uint64(y))
		b = binary.AppendUvarint(b, uint64(at[i]))
		b = appendSet(b, vs)
	}
	b = binary.AppendUvarint(b, uint64(len(o.Claims)))
	for _, c := range o.Claims {
		y, err := t.sym(c.Attr)
		if err != nil {
			return nil, err
		}
		b = appendText(appendText(binary.AppendUvarint(b, uint64(y)), c.Wish), c.Name)
	}
	return b, nil
}

func isRefs(vs object.Values) bool { return len(vs) > 0 && vs[0].Kind() == object.Ref }

func (t *Tx) appendOrigin(b []byte, o *metaverse.Origin) ([]byte, error) {
	conn, err := t.sym(o.Connector)
	if err != nil {
		return nil, err
	}
	rule, err := t.sym(o.Rule)
	if err != nil {
		return nil, err
	}
	b = binary.AppendUvarint(b, uint64(conn))
	b = append(b, o.Entry[:]...)
	b = appendText(b, o.Anchor)
	b = binary.AppendUvarint(b, uint64(rule))
	b = binary.AppendUvarint(b, uint64(o.Import))
	b = appendInstant(b, o.At)
	kept := byte(0)
	if o.Kept {
		kept = 1
	}
	return append(b, kept), nil
}

func (r *reader) origin() metaverse.Origin {
	return metaverse.Origin{Connector: r.name(), Entry: r.id(), Anchor: r.text(), Rule: r.name(), Import: int64(r.uvarint()), At: r.instant(), Kept: r.byte() == 1}
}

// readObject decodes an object. Attributes of references come without values.
func (t *Tx) readObject(x rawRow) (*objectRow, error) {
	r := t.owned(x.body)
	w := &objectRow{key: x.key, typ: uint32(r.uvarint())}
	o := &w.obj
	o.Type, o.ID, o.Founder, o.Version = t.name(w.typ), r.id(), r.text(), x.version
	w.born, o.Due = int64(r.uvarint()), r.instant()
	table := make([]metaverse.Origin, r.count())
	for i := range table {
		table[i] = r.origin()
	}
	n := r.count()
	o.Attrs = make(object.Attrs, n)
	o.Origins = make([]metaverse.Origin, n)
	slab := make(object.Values, n)
	for i := range n {
		o.Attrs[i].Name = r.name()
		if at := r.uvarint(); at < uint64(len(table)) {
			o.Origins[i] = table[at]
		}
		o.Attrs[i].Values = r.set(&slab)
	}
	for range r.count() {
		o.Claims = append(o.Claims, metaverse.Claim{Attr: r.name(), Wish: r.text(), Name: r.text()})
	}
	return w, r.err()
}
