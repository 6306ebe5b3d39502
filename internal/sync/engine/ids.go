package engine

import (
	"encoding/binary"

	"muster/internal/base/object"
)

// ids numbers ids in the order in which they come. It takes 24 bytes for each
// and has no pointers, where a map would take twice that: a large plan has
// millions.
type ids struct {
	list  []object.ID
	table []uint32 // number and one, by hash; 0 is free
}

// numbered numbers the ids as they stand, and shares the list.
func numbered(list []object.ID) (s ids) {
	size := 64
	for 3*size < 4*len(list) {
		size *= 2
	}
	s.list, s.table = list[:0:len(list)], make([]uint32, size)
	for _, id := range list {
		s.add(id)
	}
	return s
}

// find returns the number of the id.
func (s *ids) find(id object.ID) (no uint32, ok bool) {
	if len(s.table) == 0 {
		return 0, false
	}
	at := s.slot(id)
	return s.table[at] - 1, s.table[at] != 0
}

// slot is where the id is in the table, or would be. Ids are hashes, so their
// beginnings are spread evenly.
func (s *ids) slot(id object.ID) int {
	mask := len(s.table) - 1
	at := int(binary.LittleEndian.Uint64(id[:])) & mask
	for s.table[at] != 0 && s.list[s.table[at]-1] != id {
		at = (at + 1) & mask
	}
	return at
}

// add returns the number of the id, giving it one if it has none.
func (s *ids) add(id object.ID) (no uint32, fresh bool) {
	if 4*len(s.list) >= 3*len(s.table) {
		s.grow()
	}
	at := s.slot(id)
	if s.table[at] == 0 {
		s.list, fresh = append(s.list, id), true
		s.table[at] = uint32(len(s.list))
	}
	return s.table[at] - 1, fresh
}

func (s *ids) grow() {
	s.table = make([]uint32, max(64, 2*len(s.table)))
	for i, id := range s.list {
		s.table[s.slot(id)] = uint32(i + 1)
	}
}

// records keeps small records of bytes, and gives each a place. A record is
// never changed; who reads it may keep what it reads. The zero place has none.
type records struct {
	chunks [][]byte
}

// recordChunk is how many bytes are kept together; a longer record has a chunk of
// its own.
const recordChunk = 1 << 20

// put keeps a copy of the record.
func (r *records) put(b []byte) (place uint32) {
	last := len(r.chunks) - 1
	if last < 0 || len(r.chunks[last])+len(b) > cap(r.chunks[last]) || len(r.chunks[last]) >= recordChunk {
		c := make([]byte, 0, max(recordChunk, len(b)))
		if last < 0 {
			c = append(c, 0) // so that no record has the zero place
		}
		r.chunks, last = append(r.chunks, c), last+1
	}
	place = uint32(last*recordChunk + len(r.chunks[last]))
	r.chunks[last] = append(r.chunks[last], b...)
	return place
}

// reader reads the record at the place, and must not read on.
func (r *records) reader(place uint32) *object.Reader {
	return object.NewSharingReader(r.chunks[place/recordChunk][place%recordChunk:])
}
