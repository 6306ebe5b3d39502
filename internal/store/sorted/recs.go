package sorted

import (
	"bytes"
	"encoding/binary"
	"slices"
)

// Recs is a list of records: byte strings, kept in one piece.
type Recs struct {
	buf []byte
	end []uint32 // where each record ends in buf
}

// Len returns the number of records.
func (r *Recs) Len() int { return len(r.end) }

// At returns the i-th record, which belongs to r.
func (r *Recs) At(i int) []byte {
	from := uint32(0)
	if i > 0 {
		from = r.end[i-1]
	}
	return r.buf[from:r.end[i]:r.end[i]]
}

// Add appends a record.
func (r *Recs) Add(rec []byte) {
	r.buf = append(r.buf, rec...)
	r.end = append(r.end, uint32(len(r.buf)))
}

// Reset empties the list and keeps its memory.
func (r *Recs) Reset() { r.buf, r.end = r.buf[:0], r.end[:0] }

// order returns the numbers of the records behind the first from, in sorted
// order, equal ones in the order of their arrival.
func (r *Recs) order(from int) []uint32 {
	n := r.Len() - from
	type slot struct {
		prefix uint64
		at     uint32
	}
	// Records of one kind often begin alike; what follows tells them apart.
	skip := 0
	if n > 1 {
		skip = common(r.At(from), r.At(from+n-1))
		for i := 1; i < n-1 && skip > 0; i++ {
			skip = min(skip, common(r.At(from), r.At(from+i)))
		}
	}
	slots := make([]slot, n)
	sorted := true
	for i := range slots {
		at := from + i
		slots[i] = slot{prefix: prefix64(r.At(at)[skip:]), at: uint32(at)}
		sorted = sorted && (i == 0 || bytes.Compare(r.At(at-1), r.At(at)) <= 0)
	}
	if !sorted {
		slices.SortFunc(slots, func(a, b slot) int {
			switch {
			case a.prefix < b.prefix:
				return -1
			case a.prefix > b.prefix:
				return 1
			}
			if c := bytes.Compare(r.At(int(a.at)), r.At(int(b.at))); c != 0 {
				return c
			}
			return int(a.at) - int(b.at)
		})
	}
	out := make([]uint32, n)
	for i, s := range slots {
		out[i] = s.at
	}
	return out
}

// common returns how many bytes a and b share at their beginning.
func common(a, b []byte) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}

func prefix64(b []byte) uint64 {
	if len(b) >= 8 {
		return binary.BigEndian.Uint64(b)
	}
	var p [8]byte
	copy(p[:], b)
	return binary.BigEndian.Uint64(p[:])
}

// packer writes the body of a chunk: each record as the number of bytes it
// shares with the one before it, and the rest.
type packer struct {
	body []byte
	last []byte
	n    int
}

func (p *packer) reset() { p.body, p.last, p.n = p.body[:0], p.last[:0], 0 }

func (p *packer) add(rec []byte) {
	same := common(p.last, rec)
	p.body = binary.AppendUvarint(p.body, uint64(same))
	p.body = binary.AppendUvarint(p.body, uint64(len(rec)-same))
	p.body = append(p.body, rec[same:]...)
	p.last = append(p.last[:same], rec[same:]...)
	p.n++
}

// unpack appends the records of a body to r.
func unpack(r *Recs, body []byte) bool {
	at, n := len(r.buf), 0 // the last record begins at at and is n bytes long
	for len(body) > 0 {
		same, k := binary.Uvarint(body)
		if k <= 0 || same > uint64(n) {
			return false
		}
		body = body[k:]
		rest, k := binary.Uvarint(body)
		if k <= 0 || rest > uint64(len(body)-k) {
			return false
		}
		body = body[k:]
		from := at
		at = len(r.buf)
		r.buf = append(r.buf, r.buf[from:from+int(same)]...)
		r.buf = append(r.buf, body[:rest]...)
		r.end = append(r.end, uint32(len(r.buf)))
		n = int(same + rest)
		body = body[rest:]
	}
	return true
}
