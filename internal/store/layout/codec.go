package layout

import (
	"encoding/binary"
	"errors"
	"time"
	"unsafe"

	"muster/internal/base/object"
)

// The store's own form of values: like the canonical one, but with symbols for
// names. It is never hashed across stores.

// ErrDamaged says that a row cannot be read.
var ErrDamaged = errors.New("a stored row is damaged; restore the store from a backup")

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

// AppendSet appends the values of one attribute.
func AppendSet(b []byte, vs object.Values) []byte {
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

// AppendText appends a text with its length.
func AppendText(b []byte, s string) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

// AppendBag appends a bag.
func (t *Tx) AppendBag(b []byte, a object.Attrs) ([]byte, error) {
	b = binary.AppendUvarint(b, uint64(len(a)))
	for i := range a {
		y, err := t.Sym(a[i].Name)
		if err != nil {
			return nil, err
		}
		b = binary.AppendUvarint(b, uint64(y))
		b = AppendSet(b, a[i].Values)
	}
	return b, nil
}

// AppendInstant appends a time; the zero time is kept.
func AppendInstant(b []byte, at time.Time) []byte {
	if at.IsZero() {
		return binary.AppendVarint(b, 0)
	}
	return binary.AppendVarint(b, at.UnixMicro())
}

// Reader reads the store's form. Texts share one copy of the input.
type Reader struct {
	t   *Tx
	s   string
	Bad bool
}

// Reader returns a reader of a copy of the body.
func (t *Tx) Reader(body []byte) *Reader { return &Reader{t: t, s: string(body)} }

// Owned reads a body that nobody writes to any more, without copying it.
func (t *Tx) Owned(body []byte) *Reader {
	return &Reader{t: t, s: unsafe.String(unsafe.SliceData(body), len(body))}
}

func (r *Reader) fail() { r.Bad, r.s = true, "" }

// Err returns what was wrong with the input.
func (r *Reader) Err() error {
	if r.Bad {
		return ErrDamaged
	}
	return nil
}

// Byte reads a byte.
func (r *Reader) Byte() byte {
	if r.s == "" {
		r.fail()
		return 0
	}
	c := r.s[0]
	r.s = r.s[1:]
	return c
}

// Uvarint reads a number.
func (r *Reader) Uvarint() uint64 {
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

func (r *Reader) varint() int64 {
	u := r.Uvarint()
	return int64(u>>1) ^ -int64(u&1)
}

// Text reads a text.
func (r *Reader) Text() string { return r.take(r.Uvarint()) }

func (r *Reader) take(n uint64) string {
	if n > uint64(len(r.s)) {
		r.fail()
		return ""
	}
	s := r.s[:n]
	r.s = r.s[n:]
	return s
}

// ID reads an id.
func (r *Reader) ID() object.ID {
	var id object.ID
	copy(id[:], r.take(16))
	return id
}

// Name reads a symbol and returns its name.
func (r *Reader) Name() string { return r.t.Name(uint32(r.Uvarint())) }

// Instant reads a time.
func (r *Reader) Instant() time.Time {
	if us := r.varint(); us != 0 {
		return time.UnixMicro(us).UTC()
	}
	return time.Time{}
}

// Count reads how many things follow, each at least one byte long.
func (r *Reader) Count() int {
	n := r.Uvarint()
	if n > uint64(len(r.s)) {
		r.fail()
		return 0
	}
	return int(n)
}

func (r *Reader) value(kind byte) object.Value {
	switch object.Kind(kind) {
	case object.String:
		return object.Str(r.Text())
	case object.Ref:
		return object.Reference(r.Text())
	case object.Bytes:
		return object.Octets([]byte(r.Text()))
	case object.Int:
		return object.Integer(r.varint())
	case object.Bool:
		return object.Boolean(r.Byte() == 1)
	case object.Time:
		return object.Instant(time.UnixMicro(r.varint()))
	case object.None:
		return object.Value{}
	}
	r.fail()
	return object.Value{}
}

// Set reads the values of one attribute; single values are cut from slab.
func (r *Reader) Set(slab *object.Values) object.Values {
	k := r.Byte()
	if k&many == 0 {
		if len(*slab) == 0 {
			*slab = make(object.Values, 8)
		}
		vs := (*slab)[:1:1]
		*slab = (*slab)[1:]
		vs[0] = r.value(k)
		return vs
	}
	n := r.Count()
	if n == 0 {
		return nil
	}
	vs := make(object.Values, n)
	for i := range vs {
		vs[i] = r.value(r.Byte())
	}
	return vs
}

// Values reads one set that stands alone.
func (r *Reader) Values() object.Values {
	slab := make(object.Values, 1)
	return r.Set(&slab)
}

func (r *Reader) bag(more int) object.Attrs {
	n := r.Count()
	if n == 0 {
		return nil
	}
	a := make(object.Attrs, n, n+more)
	slab := make(object.Values, n)
	for i := range a {
		a[i].Name = r.Name()
		a[i].Values = r.Set(&slab)
	}
	return a
}
