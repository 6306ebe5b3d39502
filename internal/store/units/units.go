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

	"github.com/klauspost/compress/s2"

	"muster/internal/base/object"
	"muster/internal/sync/engine"
)

// InChunk is how many units a chunk holds; the last of a plan has fewer.
const InChunk = 256

const blockUnits = 8

var errDamaged = errors.New("a stored unit is damaged; run `muster store verify`")

// Encoded is a unit as a plan holds it.
type Encoded struct {
	Hash engine.Hash
	body []byte
}

// encoder is the memory in which a unit is encoded.
type encoder struct{ whole, hashed []byte }

var encoders = sync.Pool{New: func() any { return &encoder{} }}

// Encode encodes a unit. It may be called by many at the same time.
func Encode(u *engine.Unit) Encoded {
	s := encoders.Get().(*encoder) //nolint:forcetypeassert,errcheck // nothing else is put there
	defer encoders.Put(s)
	s.whole, s.hashed = u.AppendWith(s.whole[:0], s.hashed[:0])
	return Encoded{Hash: engine.HashOf(s.hashed), body: bytes.Clone(s.whole)}
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
	p.body = append(p.body, e.body...)
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
}

// Packed is a chunk as it is stored. Blocks are decoded when they are asked for.
type Packed struct {
	plan, no int64
	hashes   []engine.Hash

	mu     sync.Mutex
	blocks [][]byte
	units  [][]engine.Unit
}

// Open reads a chunk as the plan holds it.
func Open(plan, no int64, hashes, body []byte) (*Packed, error) {
	p := &Packed{plan: plan, no: no, hashes: make([]engine.Hash, 0, len(hashes)/16)}
	for i := 0; i+16 <= len(hashes); i += 16 {
		p.hashes = append(p.hashes, engine.Hash(hashes[i:i+16]))
	}
	for len(body) > 0 {
		n, k := binary.Uvarint(body)
		if k <= 0 || n > uint64(len(body)-k) {
			return nil, p.damaged(errDamaged)
		}
		p.blocks = append(p.blocks, body[k:k+int(n)])
		body = body[k+int(n):]
	}
	if len(p.blocks) != (len(p.hashes)+blockUnits-1)/blockUnits {
		return nil, p.damaged(errDamaged)
	}
	p.units = make([][]engine.Unit, len(p.blocks))
	return p, nil
}

func (p *Packed) damaged(err error) error {
	return fmt.Errorf("plan %d, chunk %d: %w", p.plan, p.no, err)
}

// block returns the units of a block. They are shared: whoever reads them
// changes nothing in them.
func (p *Packed) block(i int) ([]engine.Unit, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.units[i] != nil {
		return p.units[i], nil
	}
	raw, err := s2.Decode(nil, p.blocks[i])
	if err != nil {
		return nil, p.damaged(errDamaged)
	}
	units := make([]engine.Unit, min(blockUnits, len(p.hashes)-i*blockUnits))
	r := object.NewSharingReader(raw)
	for k := range units {
		units[k] = engine.ReadUnit(r)
	}
	if r.Err() != nil {
		return nil, p.damaged(r.Err())
	}
	p.units[i] = units
	return units, nil
}

// Chunk decodes all of it.
func (p *Packed) Chunk() (*Chunk, error) {
	c := &Chunk{No: p.no, Hashes: p.hashes, Units: make([]engine.Unit, 0, len(p.hashes))}
	for i := range p.blocks {
		units, err := p.block(i)
		if err != nil {
			return nil, err
		}
		c.Units = append(c.Units, units...)
	}
	return c, nil
}

// Unit decodes one unit; nil if there is none at the place. It is shared: whoever
// reads it changes nothing in it.
func (p *Packed) Unit(place int) (*engine.Unit, error) {
	if place >= len(p.hashes) {
		return nil, nil
	}
	units, err := p.block(place / blockUnits)
	if err != nil {
		return nil, err
	}
	return &units[place%blockUnits], nil
}

// Cache remembers chunks, which never change, for the transactions that
// follow one another over the same accounts.
type Cache struct {
	mu   sync.Mutex
	list []*Packed // the latest last
}

// chunksKept is how many chunks are remembered.
const chunksKept = 8

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
	if len(c.list) >= chunksKept {
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
