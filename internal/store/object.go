package store

import (
	"encoding/binary"
	"slices"

	"muster/internal/base/object"
	"muster/internal/store/layout"
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
	typ, err := t.rows.Sym(o.Type)
	if err != nil {
		return nil, err
	}
	b = binary.AppendUvarint(b, uint64(typ))
	b = append(b, o.ID[:]...)
	b = layout.AppendText(b, o.Founder)
	b = binary.AppendUvarint(b, uint64(born))
	b = layout.AppendInstant(b, o.Due)
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
		y, err := t.rows.Sym(a.Name)
		if err != nil {
			return nil, err
		}
		vs := a.Values
		if isRefs(vs) {
			vs = nil
		}
		b = binary.AppendUvarint(b, uint64(y))
		b = binary.AppendUvarint(b, uint64(at[i]))
		b = layout.AppendSet(b, vs)
	}
	b = binary.AppendUvarint(b, uint64(len(o.Claims)))
	for _, c := range o.Claims {
		y, err := t.rows.Sym(c.Attr)
		if err != nil {
			return nil, err
		}
		b = layout.AppendText(layout.AppendText(binary.AppendUvarint(b, uint64(y)), c.Wish), c.Name)
	}
	return b, nil
}

func isRefs(vs object.Values) bool { return len(vs) > 0 && vs[0].Kind() == object.Ref }

func (t *Tx) appendOrigin(b []byte, o *metaverse.Origin) ([]byte, error) {
	conn, err := t.rows.Sym(o.Connector)
	if err != nil {
		return nil, err
	}
	rule, err := t.rows.Sym(o.Rule)
	if err != nil {
		return nil, err
	}
	b = binary.AppendUvarint(b, uint64(conn))
	b = append(b, o.Entry[:]...)
	b = layout.AppendText(b, o.Anchor)
	b = binary.AppendUvarint(b, uint64(rule))
	b = binary.AppendUvarint(b, uint64(o.Import))
	b = layout.AppendInstant(b, o.At)
	kept := byte(0)
	if o.Kept {
		kept = 1
	}
	return append(b, kept), nil
}

func readOrigin(r *layout.Reader) metaverse.Origin {
	return metaverse.Origin{Connector: r.Name(), Entry: r.ID(), Anchor: r.Text(), Rule: r.Name(), Import: int64(r.Uvarint()), At: r.Instant(), Kept: r.Byte() == 1}
}

// readObject decodes an object. Attributes of references come without values.
func (t *Tx) readObject(x layout.Raw) (*objectRow, error) {
	r := t.rows.Owned(x.Body)
	w := &objectRow{key: x.Key, typ: uint32(r.Uvarint())}
	o := &w.obj
	o.Type, o.ID, o.Founder, o.Version = t.rows.Name(w.typ), r.ID(), r.Text(), x.Version
	w.born, o.Due = int64(r.Uvarint()), r.Instant()
	table := make([]metaverse.Origin, r.Count())
	for i := range table {
		table[i] = readOrigin(r)
	}
	n := r.Count()
	o.Attrs = make(object.Attrs, n)
	o.Origins = make([]metaverse.Origin, n)
	slab := make(object.Values, n)
	for i := range n {
		o.Attrs[i].Name = r.Name()
		if at := r.Uvarint(); at < uint64(len(table)) {
			o.Origins[i] = table[at]
		}
		o.Attrs[i].Values = r.Set(&slab)
	}
	for range r.Count() {
		o.Claims = append(o.Claims, metaverse.Claim{Attr: r.Name(), Wish: r.Text(), Name: r.Text()})
	}
	return w, r.Err()
}
