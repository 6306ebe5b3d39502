package layout

import (
	"encoding/binary"
	"sync"

	"muster/internal/base/object"
)

// KeyCache remembers the keys of ids that were met, so that work in order does
// not look up ids at random. Of an id it knows eight bytes: what it says is
// checked against the row. It takes 16 bytes a place, half or more of which are
// taken, where a map would take twice that.
type KeyCache struct {
	mu   sync.RWMutex
	tags []uint64
	keys []int64 // 0: the place is free
	n    int
}

// keyCacheSize is how many places there are at most: three quarters of them are
// remembered, and then all is forgotten.
const keyCacheSize = 4 << 20

// place is where the tag is, or would be. Ids are hashes, so their beginnings are
// spread evenly.
func (c *KeyCache) place(tag uint64) int {
	mask := len(c.keys) - 1
	at := int(tag) & mask
	for c.keys[at] != 0 && c.tags[at] != tag {
		at = (at + 1) & mask
	}
	return at
}

func tagOf(id object.ID) uint64 { return binary.LittleEndian.Uint64(id[:]) }

func (c *KeyCache) known(id object.ID) int64 {
	if c.n == 0 {
		return 0
	}
	return c.keys[c.place(tagOf(id))]
}

// Get returns the key, 0 if it is not remembered.
func (c *KeyCache) Get(id object.ID) int64 {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.known(id)
}

// Take puts the keys that are remembered into out, and returns the places of the
// other ids.
func (c *KeyCache) Take(ids []object.ID, out map[object.ID]int64) (left []int) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	for i := range ids {
		if k := c.known(ids[i]); k != 0 {
			out[ids[i]] = k
		} else if !ids[i].IsZero() {
			left = append(left, i)
		}
	}
	return left
}

// Put remembers where an id is.
func (c *KeyCache) Put(id object.ID, key int64) {
	c.PutAll(func(put func(object.ID, int64)) { put(id, key) })
}

// PutAll remembers many at once.
func (c *KeyCache) PutAll(each func(put func(object.ID, int64))) {
	c.mu.Lock()
	defer c.mu.Unlock()
	each(func(id object.ID, key int64) { c.keep(tagOf(id), key) })
}

func (c *KeyCache) keep(tag uint64, key int64) {
	if 4*c.n >= 3*len(c.keys) {
		c.grow()
	}
	at := c.place(tag)
	if c.keys[at] == 0 {
		c.tags[at] = tag
		c.n++
	}
	c.keys[at] = key
}

// grow makes twice the room, or forgets all.
func (c *KeyCache) grow() {
	tags, keys := c.tags, c.keys
	c.forget()
	size := min(max(64, 2*len(keys)), keyCacheSize)
	c.tags, c.keys = make([]uint64, size), make([]int64, size)
	if len(keys) == keyCacheSize {
		return
	}
	for i, k := range keys {
		if k != 0 {
			c.keep(tags[i], k)
		}
	}
}

// Forget forgets all.
func (c *KeyCache) Forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forget()
}

func (c *KeyCache) forget() { c.tags, c.keys, c.n = nil, nil, 0 }
