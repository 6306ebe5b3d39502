// Package units says how the units of a plan lie in chunks: a few hundred in a
// row, in blocks that are compressed each by itself, so that who asks for one
// unit decodes no more. It knows nothing of what units do.
package units

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/klauspost/compress/s2"

	"muster/internal/base/object"
	"muster/internal/sync/engine"
)

// InChunk is how many units a chunk holds; the last of a plan has fewer.
const InChunk = 256

// blockUnits is how many units are compressed together.
const blockUnits = 4

var errDamaged = errors.New("a stored unit is damaged; restore the store from a backup")

// Encoded is a unit as a plan holds it.
type Encoded struct {
	Hash engine.Hash
	body []byte
}

// encoder is the memory in which a unit is encoded.
type encoder struct{ whole, hashed []byte }

var encoders = sync.Pool{New: func() any { return &encoder{} }}

// Encode encodes units. It may be called by many at the same time.
func Encode(list []*engine.Unit) []Encoded {
	s := encoders.Get().(*encoder) //nolint:forcetypeassert,errcheck // nothing else is put there
	defer encoders.Put(s)
	out, ends := make([]Encoded, len(list)), make([]int, len(list))
	s.whole = s.whole[:0]
	for i, u := range list {
		s.whole, s.hashed = u.AppendWith(s.whole, s.hashed[:0])
		out[i].Hash, ends[i] = engine.HashOf(s.hashed), len(s.whole)
	}
	all, from := bytes.Clone(s.whole), 0
	for i, end := range ends {
		out[i].body, from = all[from:end:end], end
	}
	return out
}

// Packer puts units into a chunk.
type Packer struct {
	n      int
	hashes []byte
	body   []byte // of the block
	packed []byte
	blocks []byte
}

// Len returns how many units the chunk holds.
func (p *Packer) Len() int { return p.n }

// Add adds a unit.
func (p *Packer) Add(e Encoded) {
	p.hashes = append(p.hashes, e.Hash[:]...)
	p.body = append(binary.AppendUvarint(p.body, uint64(len(e.body))), e.body...)
	if p.n++; p.n%blockUnits == 0 {
		p.cut()
	}
}

// cut ends a block.
func (p *Packer) cut() {
	if len(p.body) == 0 {
		return
	}
	p.packed = s2.Encode(p.packed[:cap(p.packed)], p.body)
	p.blocks = append(binary.AppendUvarint(p.blocks, uint64(len(p.packed))), p.packed...)
	p.body = p.body[:0]
}

// Take returns the chunk as a plan holds it, and begins the next.
func (p *Packer) Take() (hashes, body []byte) {
	p.cut()
	hashes, body = bytes.Clone(p.hashes), bytes.Clone(p.blocks)
	p.n, p.hashes, p.blocks = 0, p.hashes[:0], p.blocks[:0]
	return hashes, body
}

// Chunk is a part of a plan.
type Chunk struct {
	No     int64
	Hashes []engine.Hash // of the units
	Units  []engine.Unit
	Born   []*engine.Effect // of each unit engine.Born, if that was asked for; else none
}

// Packed is a chunk as it is stored. Units are decoded when they are asked for.
type Packed struct {
	plan, no int64
	hashes   []engine.Hash

	mu     sync.Mutex
	blocks [][]byte
	bodies [][]byte       // of units, of blocks that were opened
	units  []*engine.Unit // that were decoded

	changes atomic.Int64 // of these units
}

// Open reads a chunk as the plan holds it.
func Open(plan, no int64, hashes, body []byte) (*Packed, error) {
	p := &Packed{plan: plan, no: no, hashes: make([]engine.Hash, 0, len(hashes)/16)}
	for i := 0; i+16 <= len(hashes); i += 16 {
		p.hashes = append(p.hashes, engine.Hash(hashes[i:i+16]))
	}
	var ok bool
	for len(body) > 0 {
		var block []byte
		if block, body, ok = cut(body); !ok {
			return nil, p.damaged(errDamaged)
		}
		p.blocks = append(p.blocks, block)
	}
	if len(p.blocks) != (len(p.hashes)+blockUnits-1)/blockUnits {
		return nil, p.damaged(errDamaged)
	}
	p.bodies, p.units = make([][]byte, len(p.hashes)), make([]*engine.Unit, len(p.hashes))
	return p, nil
}

// cut takes a piece with its length from the beginning of b.
func cut(b []byte) (piece, rest []byte, ok bool) {
	n, k := binary.Uvarint(b)
	if k <= 0 || n > uint64(len(b)-k) {
		return nil, nil, false
	}
	return b[k : k+int(n)], b[k+int(n):], true
}

func (p *Packed) damaged(err error) error {
	return fmt.Errorf("plan %d, chunk %d: %w", p.plan, p.no, err)
}

// open decompresses the block that the unit lies in.
func (p *Packed) open(place int) error {
	if p.bodies[place] != nil {
		return nil
	}
	raw, err := s2.Decode(nil, p.blocks[place/blockUnits])
	if err != nil {
		return p.damaged(errDamaged)
	}
	first := place / blockUnits * blockUnits
	for i := first; i < min(first+blockUnits, len(p.hashes)); i++ {
		var ok bool
		if p.bodies[i], raw, ok = cut(raw); !ok {
			return p.damaged(errDamaged)
		}
	}
	return nil
}

// Unit decodes one unit; nil if there is none at the place. It is shared: whoever
// reads it changes nothing in it.
func (p *Packed) Unit(place int) (*engine.Unit, error) {
	if place >= len(p.hashes) {
		return nil, nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.units[place] != nil {
		return p.units[place], nil
	}
	if err := p.open(place); err != nil {
		return nil, err
	}
	r := object.NewSharingReader(p.bodies[place])
	u := engine.ReadUnit(r)
	if r.Err() != nil {
		return nil, p.damaged(r.Err())
	}
	p.units[place] = &u
	p.changes.Add(int64(len(u.Changes)))
	return &u, nil
}

// Chunk decodes all of it.
func (p *Packed) Chunk() (*Chunk, error) {
	c := &Chunk{No: p.no, Hashes: p.hashes, Units: make([]engine.Unit, len(p.hashes))}
	for i := range c.Units {
		u, err := p.Unit(i)
		if err != nil {
			return nil, err
		}
		c.Units[i] = *u
	}
	return c, nil
}

// Cache remembers chunks, which never change, for the transactions that
// follow one another over the same accounts.
type Cache struct {
	mu   sync.Mutex
	list []*Packed // the latest last
}

// chunksKept is how many chunks are remembered: those of the accounts that an
// export sends, and of the next, which are read meanwhile. Those of large groups
// are large: beyond changesKept changes that were decoded, fewer are.
const (
	chunksKept  = 12
	changesKept = 50_000
)

// Get returns a chunk that is remembered, nil if it is not.
func (c *Cache) Get(plan, no int64) *Packed {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, p := range c.list {
		if p.plan == plan && p.no == no {
			c.list = append(slices.Delete(c.list, i, i+1), p)
			return p
		}
	}
	return nil
}

// Put remembers a chunk.
func (c *Cache) Put(p *Packed) {
	c.mu.Lock()
	defer c.mu.Unlock()
	changes := int64(0)
	for _, x := range c.list {
		changes += x.changes.Load()
	}
	for len(c.list) >= chunksKept || len(c.list) > 1 && changes > changesKept {
		changes -= c.list[0].changes.Load()
		c.list = slices.Delete(c.list, 0, 1)
	}
	c.list = append(c.list, p)
}

// Forget drops all, so that nothing of it stays in memory.
func (c *Cache) Forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.list = nil
}
