package store

import (
	"encoding/binary"
	"math/bits"

	"muster/internal/base/object"
)

// idTable maps ids to places: the low 31 bits of an entry's key, and a high
// bit for entries that plans created. It takes 25 bytes an entry.
type idTable struct {
	slots []idSlot
	n     int
}

type idSlot struct {
	id [16]byte
	at uint32 // 0: free
}

// made is the high bit of a place.
const made = uint32(1) << 31

func newIDTable(n int) *idTable { return &idTable{slots: make([]idSlot, max(64, n+n/4))} }

// home returns where the id would be if nothing were in the way. It grows with
// the id, so going through the table meets ids nearly in their order.
func (x *idTable) home(id *[16]byte) int {
	hi, _ := bits.Mul64(binary.BigEndian.Uint64(id[:]), uint64(len(x.slots)))
	return int(hi)
}

// find returns the place of the id, 0 if it is not there.
func (x *idTable) find(id *[16]byte) uint32 {
	for i := x.home(id); ; {
		s := &x.slots[i]
		if s.at == 0 || s.id == *id {
			return s.at
		}
		if i++; i == len(x.slots) {
			i = 0
		}
	}
}

// put sets the place of the id.
func (x *idTable) put(id *[16]byte, at uint32) {
	if x.n >= len(x.slots)*4/5 {
		old := x.slots
		x.slots = make([]idSlot, len(old)*8/5)
		x.n = 0
		for i := range old {
			if old[i].at != 0 {
				x.put(&old[i].id, old[i].at)
			}
		}
	}
	i := x.home(id)
	for x.slots[i].at != 0 && x.slots[i].id != *id {
		if i++; i == len(x.slots) {
			i = 0
		}
	}
	if x.slots[i].at == 0 {
		x.n++
	}
	x.slots[i] = idSlot{id: *id, at: at}
}

// What an import knows of an entry.
const (
	cellSeen     = 1 << iota // shown by this import
	cellNew                  // created by this import
	cellStub                 // known only because something names it
	cellNameless             // has no anchor yet
)

// cells hold the row hash and the state of entries by place, in pages.
type cells struct {
	pages [2][]*cellPage
}

type cellPage struct {
	hash  [4096]uint64
	state [4096]uint8
}

func (c *cells) page(at uint32) *cellPage {
	half := at >> 31
	no := int(at&^made) >> 12
	for len(c.pages[half]) <= no {
		c.pages[half] = append(c.pages[half], nil)
	}
	p := c.pages[half][no]
	if p == nil {
		p = &cellPage{}
		c.pages[half][no] = p
	}
	return p
}

func (c *cells) hash(at uint32) *uint64 { return &c.page(at).hash[at&4095] }
func (c *cells) state(at uint32) *uint8 { return &c.page(at).state[at&4095] }

// keyAt returns the key of the connector's entry at the place.
func keyAt(sym uint32, at uint32) int64 {
	k := int64(sym)<<keyBits | int64(at&^made)
	if at&made != 0 {
		k |= planned
	}
	return k
}

// placeOf returns the place of a key within its connector.
func placeOf(key int64) uint32 {
	at := uint32(key) &^ made
	if key&planned != 0 {
		at |= made
	}
	return at
}

// loadAll reads what is known of all entries of the connector.
func (m *Import) loadAll(t *Tx) error {
	m.ids = newIDTable(int(m.conn.nextKey&^(int64(m.conn.sym)<<keyBits) + m.conn.nextMade&(planned-1)))
	lo, hi := be64(nil, int64(m.conn.sym)<<keyBits), be64(nil, int64(m.conn.sym+1)<<keyBits)
	err := t.sets.Scan(rowHashes, lo, hi, func(rec []byte) bool {
		*m.cells.hash(placeOf(u64(rec))) = uint64(u64(rec[8:]))
		return true
	})
	if err != nil {
		return err
	}
	if m.conn.nextKey == int64(m.conn.sym)<<keyBits+1 && m.conn.nextMade == int64(m.conn.sym)<<keyBits+planned+1 {
		return nil
	}
	err = t.sets.Scan(entryIDs, nil, nil, func(rec []byte) bool {
		if key := u64(rec[16:]); connOf(key) == m.conn.sym {
			m.ids.put((*[16]byte)(rec), placeOf(key))
		}
		return true
	})
	if err != nil {
		return err
	}
	err = t.sets.Scan(nameless, lo, hi, func(rec []byte) bool {
		*m.cells.state(placeOf(u64(rec))) |= cellNameless
		return true
	})
	if err != nil {
		return err
	}
	lo, hi = be32(nil, m.conn.sym), be32(nil, m.conn.sym+1)
	return t.sets.Scan(entryNames, lo, hi, func(rec []byte) bool {
		if m.dns == nil {
			m.dns = newIDTable(1 << 10)
		}
		m.dns.put((*[16]byte)(rec[4:]), placeOf(u64(rec[20:])))
		return true
	})
}

// fetch reads what is known of the ids and names, where not everything was
// loaded.
func (m *Import) fetch(t *Tx, ids []object.ID) error {
	prefixes := make([][]byte, 0, len(ids))
	for i := range ids {
		if m.ids.find((*[16]byte)(&ids[i])) == 0 {
			prefixes = append(prefixes, ids[i][:])
		}
	}
	var keys [][]byte
	err := t.sets.Find(entryIDs, prefixes, func(_ int, rec []byte) {
		if key := u64(rec[16:]); connOf(key) == m.conn.sym {
			m.ids.put((*[16]byte)(rec), placeOf(key))
			keys = append(keys, be64(nil, key))
		}
	})
	if err != nil {
		return err
	}
	return m.fetchCells(t, keys)
}

func (m *Import) fetchCells(t *Tx, keys [][]byte) error {
	err := t.sets.Find(rowHashes, keys, func(_ int, rec []byte) {
		*m.cells.hash(placeOf(u64(rec))) = uint64(u64(rec[8:]))
	})
	if err != nil {
		return err
	}
	return t.sets.Find(nameless, keys, func(_ int, rec []byte) {
		*m.cells.state(placeOf(u64(rec))) |= cellNameless
	})
}
