package store

import (
	"encoding/binary"
	"errors"
	"time"
	"unsafe"

	"muster/internal/base/object"
)

// The store's own form of values: like the canonical one, but with symbols for
// names. It is never hashed across stores.

// errDamaged says that a row cannot be read.
var errDamaged = errors.New("a stored row is damaged; run `muster store verify`")

// many marks an attribute with other than one value.
const many = 0x80

func appendValue(b []byte, v object.Value, flag byte) []byte {
	b = append(b, byte(v.Kind())|flag)
	switch v.Kind() {
	case object.String, object.Bytes, object.Ref:
		s := v.Text()
		b = binary.AppendUvarint(b, uint64(len(s)))
		return append(b, s...)
	case object.Int:
		return binary.AppendVarint(b, v.Int())
	case object.Bool:
		if v.Bool() {
			return append(b, 1)
		}
		return append(b, 0)
	case object.Time:
		return binary.AppendVarint(b, v.Time().UnixMicro())
	default:
		return b
	}
}

// appendSet appends the values of one attribute.
func appendSet(b []byte, vs object.Values) []byte {
	if len(vs) == 1 {
		return appendValue(b, vs[0], 0)
	}
	b = append(b, many)
	b = binary.AppendUvarint(b, uint64(len(vs)))
	for _, v := range vs {
		b = appendValue(b, v, 0)
	}
	return b
}

func appendText(b []byte, s string) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

// appendBag appends a bag.
func (t *Tx) appendBag(b []byte, a object.Attrs) ([]byte, error) {
	b = binary.AppendUvarint(b, uint64(len(a)))
	for i := range a {
		y, err := t.sym(a[i].Name)
		if err != nil {
			return nil, err
		}
		b = binary.AppendUvarint(b, uint64(y))
		b = appendSet(b, a[i].Values)
	}
	return b, nil
}

func appendInstant(b []byte, at time.Time) []byte {
	if at.IsZero() {
		return binary.AppendVarint(b, 0)
	}
	return binary.AppendVarint(b, at.UnixMicro())
}

// reader reads the store's form. Texts share one copy of the input.
type reader struct {
	t   *Tx
	s   string
	bad bool
}

func (t *Tx) reader(body []byte) *reader { return &reader{t: t, s: string(body)} }

// owned reads a body that nobody writes to any more, without copying it.
func (t *Tx) owned(body []byte) *reader {
	return &reader{t: t, s: unsafe.String(unsafe.SliceData(body), len(body))}
}

func (r *reader) fail() { r.bad, r.s = true, "" }

func (r *reader) err() error {
	if r.bad {
		return errDamaged
	}
	return nil
}

func (r *reader) byte() byte {
	if r.s == "" {
		r.fail()
		return 0
	}
	c := r.s[0]
	r.s = r.s[1:]
	return c
}

func (r *reader) uvarint() uint64 {
	var x uint64
	for i := 0; i < len(r.s) && i < binary.MaxVarintLen64; i++ {
		c := r.s[i]
		if c < 0x80 {
			r.s = r.s[i+1:]
			return x | uint64(c)<<(7*i)
		}
		x |= uint64(c&0x7f) << (7 * i)
	}
	r.fail()
	return 0
}

func (r *reader) varint() int64 {
	u := r.uvarint()
	return int64(u>>1) ^ -int64(u&1)
}

func (r *reader) text() string { return r.take(r.uvarint()) }

func (r *reader) take(n uint64) string {
	if n > uint64(len(r.s)) {
		r.fail()
		return ""
	}
	s := r.s[:n]
	r.s = r.s[n:]
	return s
}

func (r *reader) id() object.ID {
	var id object.ID
	copy(id[:], r.take(16))
	return id
}

func (r *reader) name() string { return r.t.name(uint32(r.uvarint())) }

func (r *reader) instant() time.Time {
	if us := r.varint(); us != 0 {
		return time.UnixMicro(us).UTC()
	}
	return time.Time{}
}

// count reads how many things follow, each at least one byte long.
func (r *reader) count() int {
	n := r.uvarint()
	if n > uint64(len(r.s)) {
		r.fail()
		return 0
	}
	return int(n)
}

func (r *reader) value(kind byte) object.Value {
	switch object.Kind(kind) {
	case object.String:
		return object.Str(r.text())
	case object.Ref:
		return object.Reference(r.text())
	case object.Bytes:
		return object.Octets([]byte(r.text()))
	case object.Int:
		return object.Integer(r.varint())
	case object.Bool:
		return object.Boolean(r.byte() == 1)
	case object.Time:
		return object.Instant(time.UnixMicro(r.varint()))
	case object.None:
		return object.Value{}
	}
	r.fail()
	return object.Value{}
}

// set reads the values of one attribute; single values are cut from slab.
func (r *reader) set(slab *object.Values) object.Values {
	k := r.byte()
	if k&many == 0 {
		if len(*slab) == 0 {
			*slab = make(object.Values, 8)
		}
		vs := (*slab)[:1:1]
		*slab = (*slab)[1:]
		vs[0] = r.value(k)
		return vs
	}
	n := r.count()
	if n == 0 {
		return nil
	}
	vs := make(object.Values, n)
	for i := range vs {
		vs[i] = r.value(r.byte())
	}
	return vs
}

// values reads one set that stands alone.
func (r *reader) values() object.Values {
	slab := make(object.Values, 1)
	return r.set(&slab)
}

func (r *reader) bag() object.Attrs {
	n := r.count()
	if n == 0 {
		return nil
	}
	a := make(object.Attrs, n)
	slab := make(object.Values, n)
	for i := range a {
		a[i].Name = r.name()
		a[i].Values = r.set(&slab)
	}
	return a
}
