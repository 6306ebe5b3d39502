package staging

import (
	"encoding/binary"
	"iter"
	"math/bits"
	"slices"

	"muster/internal/base/object"
	"muster/internal/store/layout"
)

// idTable maps ids to places: the low 31 bits of an entry's key, and a high
// bit for entries that plans created. It takes 25 bytes an entry.
type idTable struct {
	slots []idSlot
	n     int
	under *idTable // what was loaded, which is read only
}

type idSlot struct {
	id [16]byte
	at uint32 // 0: free
}

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
		if s.at == 0 && x.under != nil {
			return x.under.find(id)
		}
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
	cellTwice                // shown more than once: nothing that was shown of it counts
)

// cells hold the row hash and the state of entries by place, in pages.
type cells struct {
	pages [2][]*cellPage
}

type cellPage struct {
	hash  [4096]uint64
	state [4096]uint8
}

// split returns the page of a place and its cell there.
func split(at uint32) (half uint32, no int, i uint32) {
	return at >> 31, int(at&^layout.Made) >> 12, at & 4095
}

func (c *cells) page(at uint32) *cellPage {
	half, no, _ := split(at)
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

// which gives the places of which hash and state are as asked, in order.
func (c *cells) which(asked func(hash uint64, state uint8) bool) iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		for half := range c.pages {
			for no, p := range c.pages[half] {
				for i := 0; p != nil && i < len(p.state); i++ {
					if asked(p.hash[i], p.state[i]) && !yield(uint32(half)<<31|uint32(no)<<12|uint32(i)) {
						return
					}
				}
			}
		}
	}
}

func (c *cells) hash(at uint32) *uint64 { return &c.page(at).hash[at&4095] }
func (c *cells) state(at uint32) *uint8 { return &c.page(at).state[at&4095] }

// loadAll reads what is known of all entries of the connector.
func (m *Import) loadAll(t *layout.Tx) error {
	if err := m.loadTables(t); err != nil {
		return err
	}
	m.known = known{ids: m.ids, types: map[string]*sameType{}}
	for half := range m.cells.pages {
		m.known.cells.pages[half] = slices.Clone(m.cells.pages[half])
		for _, p := range m.known.cells.pages[half] {
			same := (*[4096]bool)(nil)
			if p != nil {
				same = new([4096]bool)
			}
			m.known.same[half] = append(m.known.same[half], same)
		}
	}
	m.ids = newIDTable(1 << 10)
	m.ids.under = m.known.ids
	return nil
}

func (m *Import) loadTables(t *layout.Tx) error {
	m.ids = newIDTable(int(m.conn.NextKey&^(int64(m.conn.Sym)<<layout.KeyBits) + m.conn.NextMade&(layout.Planned-1)))
	lo, hi := layout.BE64(nil, int64(m.conn.Sym)<<layout.KeyBits), layout.BE64(nil, int64(m.conn.Sym+1)<<layout.KeyBits)
	if err := m.leftSince(t); err != nil {
		return err
	}
	err := t.Sets.Scan(layout.RowHashes, lo, hi, func(rec []byte) bool {
		*m.cells.hash(layout.PlaceOf(layout.U64(rec))) = uint64(layout.U64(rec[8:]))
		return true
	})
	if err != nil {
		return err
	}
	if m.conn.NextKey == int64(m.conn.Sym)<<layout.KeyBits+1 && m.conn.NextMade == int64(m.conn.Sym)<<layout.KeyBits+layout.Planned+1 {
		return nil
	}
	err = t.Sets.Scan(layout.EntryIDs, nil, nil, func(rec []byte) bool {
		if key := layout.U64(rec[16:]); layout.ConnOf(key) == m.conn.Sym {
			m.ids.put((*[16]byte)(rec), layout.PlaceOf(key))
		}
		return true
	})
	if err != nil {
		return err
	}
	err = t.Sets.Scan(layout.Nameless, lo, hi, func(rec []byte) bool {
		*m.cells.state(layout.PlaceOf(layout.U64(rec))) |= cellNameless
		return true
	})
	if err != nil {
		return err
	}
	lo, hi = layout.BE32(nil, m.conn.Sym), layout.BE32(nil, m.conn.Sym+1)
	return t.Sets.Scan(layout.EntryNames, lo, hi, func(rec []byte) bool {
		if m.dns == nil {
			m.dns = newIDTable(1 << 10)
		}
		m.dns.put((*[16]byte)(rec[4:]), layout.PlaceOf(layout.U64(rec[20:])))
		return true
	})
}

// fetch reads what is known of the ids and names, where not everything was
// loaded.
func (m *Import) fetch(t *layout.Tx, ids []object.ID) error {
	prefixes := make([][]byte, 0, len(ids))
	for i := range ids {
		if m.ids.find((*[16]byte)(&ids[i])) == 0 {
			prefixes = append(prefixes, ids[i][:])
		}
	}
	var keys [][]byte
	err := t.Sets.Find(layout.EntryIDs, prefixes, func(_ int, rec []byte) {
		if key := layout.U64(rec[16:]); layout.ConnOf(key) == m.conn.Sym {
			m.ids.put((*[16]byte)(rec), layout.PlaceOf(key))
			keys = append(keys, layout.BE64(nil, key))
		}
	})
	if err != nil {
		return err
	}
	return m.fetchCells(t, keys)
}

func (m *Import) fetchCells(t *layout.Tx, keys [][]byte) error {
	err := t.Sets.Find(layout.RowHashes, keys, func(_ int, rec []byte) {
		*m.cells.hash(layout.PlaceOf(layout.U64(rec))) = uint64(layout.U64(rec[8:]))
	})
	if err != nil {
		return err
	}
	return t.Sets.Find(layout.Nameless, keys, func(_ int, rec []byte) {
		*m.cells.state(layout.PlaceOf(layout.U64(rec))) |= cellNameless
	})
}
