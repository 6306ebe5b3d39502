package object

import (
	"encoding/binary"
	"errors"
	"math"
	"unsafe"
)

// The canonical form is the one byte sequence that stands for a value, a set
// or a bag. Hashes are taken over it, so it never depends on a database, a
// dictionary or the order in which things were met.

func appendString(b []byte, s string) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

// AppendString appends s with its length.
func AppendString(b []byte, s string) []byte { return appendString(b, s) }

// AppendValue appends the canonical form of v.
func AppendValue(b []byte, v Value) []byte {
	b = append(b, byte(v.kind))
	switch v.kind {
	case String, Bytes, Ref:
		return appendString(b, v.text)
	case Int, Bool, Time:
		return binary.AppendVarint(b, v.num)
	default:
		return b
	}
}

// AppendValues appends the canonical form of a set.
func AppendValues(b []byte, vs Values) []byte {
	b = binary.AppendUvarint(b, uint64(len(vs)))
	for _, v := range vs {
		b = AppendValue(b, v)
	}
	return b
}

// AppendAttrs appends the canonical form of a bag, names written out.
func AppendAttrs(b []byte, a Attrs) []byte {
	b = binary.AppendUvarint(b, uint64(len(a)))
	for _, x := range a {
		b = appendString(b, x.Name)
		b = AppendValues(b, x.Values)
	}
	return b
}

// ErrCorrupt says that bytes are not what an Append function wrote.
var ErrCorrupt = errors.New("stored bytes are damaged")

// Reader reads what the Append functions wrote. After the first failure every
// call returns zero values and Err tells why, so callers check once.
type Reader struct {
	b     []byte
	err   error
	share bool
	slab  Values // for sets of one
}

// NewReader returns a reader over b. Texts that it returns are copies.
func NewReader(b []byte) *Reader { return &Reader{b: b} }

// NewSharingReader returns a reader over b whose texts are pieces of b, which
// nobody may write to any more. It is for reading much at once; what is kept of
// it keeps all of b.
func NewSharingReader(b []byte) *Reader { return &Reader{b: b, share: true} }

// Err returns the first failure.
func (r *Reader) Err() error { return r.err }

// Len returns how many bytes are left.
func (r *Reader) Len() int { return len(r.b) }

func (r *Reader) fail() {
	r.err, r.b = ErrCorrupt, nil
}

// Byte reads one byte.
func (r *Reader) Byte() byte {
	if len(r.b) == 0 {
		r.fail()
		return 0
	}
	c := r.b[0]
	r.b = r.b[1:]
	return c
}

// Uvarint reads a number.
func (r *Reader) Uvarint() uint64 {
	n, size := binary.Uvarint(r.b)
	if size <= 0 {
		r.fail()
		return 0
	}
	r.b = r.b[size:]
	return n
}

// Varint reads a signed number.
func (r *Reader) Varint() int64 {
	n, size := binary.Varint(r.b)
	if size <= 0 {
		r.fail()
		return 0
	}
	r.b = r.b[size:]
	return n
}

// Count reads a number of things that follow, each at least one byte long.
func (r *Reader) Count() int {
	n := r.Uvarint()
	if n > uint64(len(r.b)) || n > math.MaxInt32 {
		r.fail()
		return 0
	}
	return int(n)
}

// String reads a text.
func (r *Reader) String() string {
	b := r.Raw()
	if r.share {
		return unsafe.String(unsafe.SliceData(b), len(b))
	}
	return string(b)
}

// Raw reads a text without copying it; the bytes belong to the reader's input.
func (r *Reader) Raw() []byte {
	n := r.Uvarint()
	if n > uint64(len(r.b)) {
		r.fail()
		return nil
	}
	s := r.b[:n:n]
	r.b = r.b[n:]
	return s
}

// ID reads 16 bytes.
func (r *Reader) ID() ID {
	var id ID
	if len(r.b) < len(id) {
		r.fail()
		return id
	}
	copy(id[:], r.b)
	r.b = r.b[len(id):]
	return id
}

// Value reads a value.
func (r *Reader) Value() Value {
	v := Value{kind: Kind(r.Byte())}
	switch v.kind {
	case String, Bytes, Ref:
		v.text = r.String()
	case Int, Bool, Time:
		v.num = r.Varint()
	case None:
	default:
		r.fail()
	}
	return v
}

// Values reads a set.
func (r *Reader) Values() Values {
	n := r.Count()
	if n == 0 {
		return nil
	}
	var vs Values
	if n == 1 && r.share {
		if len(r.slab) == 0 {
			r.slab = make(Values, 256)
		}
		vs, r.slab = r.slab[:1:1], r.slab[1:]
	} else {
		vs = make(Values, n)
	}
	for i := range vs {
		vs[i] = r.Value()
	}
	return vs
}

// Attrs reads a bag.
func (r *Reader) Attrs() Attrs {
	n := r.Count()
	if n == 0 {
		return nil
	}
	a := make(Attrs, n)
	for i := range a {
		a[i] = Attr{Name: r.String(), Values: r.Values()}
	}
	return a
}

// AppendUvarint appends a number as Reader.Uvarint reads it.
func AppendUvarint(b []byte, n uint64) []byte { return binary.AppendUvarint(b, n) }
