package csv

import (
	"bytes"

	"muster/internal/base/object"
)

// slab hands out the memory of records by the hundred, because a million small
// allocations cost more than reading the file. Each piece is handed out once
// and its capacity ends where the next begins.
type slab struct {
	free   []object.Attr
	values []object.Value
}

// Pieces under 32 KiB are what Go's allocator gives quickest.
const (
	slabAttrs  = 32 << 10 / 40
	slabValues = 32 << 10 / 32
)

// attrs returns an empty bag with room for n attributes.
func (s *slab) attrs(n int) object.Attrs {
	if len(s.free) < n {
		s.free = make([]object.Attr, max(n, slabAttrs))
	}
	return s.free[:0:n]
}

// keep hands out the bag that attrs returned and that was filled since.
func (s *slab) keep(a object.Attrs) object.Attrs {
	if len(a) == 0 {
		return nil
	}
	s.free = s.free[len(a):]
	return a[:len(a):len(a)]
}

// one returns a set of one value.
func (s *slab) one(v object.Value) object.Values {
	if len(s.values) == 0 {
		s.values = make([]object.Value, slabValues)
	}
	vs := s.values[:1:1]
	s.values = s.values[1:]
	vs[0] = v
	return vs
}

func trimBytes(b []byte, trim bool) []byte {
	if trim {
		return bytes.TrimSpace(b)
	}
	return b
}
