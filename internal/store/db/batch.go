package db

import "strconv"

// Batch is rows on their way into a statement, kept as columns. Values are
// added row by row, from the first column to the last.
type Batch struct {
	cols []column
	next int // the column that the next value goes to
	rows int
	slab []byte
}

type column struct {
	bytes bool
	ints  []int64
	blobs [][]byte
}

// NewBatch returns an empty batch; kinds has a letter for each column: i for
// whole numbers, b for bytes.
func NewBatch(kinds string) *Batch {
	b := &Batch{cols: make([]column, len(kinds))}
	for i := range kinds {
		switch kinds[i] {
		case 'b':
			b.cols[i].bytes = true
		case 'i':
		default:
			panic("db: a batch column is i or b, not " + strconv.Quote(kinds[i:i+1]))
		}
	}
	return b
}

// Len returns the number of whole rows.
func (b *Batch) Len() int { return b.rows }

// Reset empties the batch and keeps its memory.
func (b *Batch) Reset() {
	for i := range b.cols {
		b.cols[i].ints = b.cols[i].ints[:0]
		clear(b.cols[i].blobs)
		b.cols[i].blobs = b.cols[i].blobs[:0]
	}
	b.next, b.rows, b.slab = 0, 0, b.slab[:0]
}

func (b *Batch) step() {
	if b.next++; b.next == len(b.cols) {
		b.next = 0
		b.rows++
	}
}

// Int adds a number and returns b.
func (b *Batch) Int(v int64) *Batch {
	c := &b.cols[b.next]
	if c.bytes {
		panic("db: column " + strconv.Itoa(b.next) + " of the batch takes bytes")
	}
	c.ints = append(c.ints, v)
	b.step()
	return b
}

// Bytes adds bytes, which the caller leaves alone until the batch is done
// with, and returns b. Nil is NULL.
func (b *Batch) Bytes(v []byte) *Batch {
	c := &b.cols[b.next]
	if !c.bytes {
		panic("db: column " + strconv.Itoa(b.next) + " of the batch takes numbers")
	}
	c.blobs = append(c.blobs, v)
	b.step()
	return b
}

// Text adds the bytes of a text.
func (b *Batch) Text(s string) *Batch { return b.Bytes(b.keep(s)) }

// keep copies s into memory of the batch.
func (b *Batch) keep(s string) []byte {
	if b.slab == nil || len(b.slab)+len(s) > cap(b.slab) { // nil would be NULL
		b.slab = make([]byte, 0, max(16<<10, 2*len(s)))
	}
	at := len(b.slab)
	b.slab = append(b.slab, s...)
	return b.slab[at:len(b.slab):len(b.slab)]
}
