package staging

import "muster/internal/sync/space"

// known is what was there when a full import began, and which of it was told to
// be the same. It is read and written beside Put, which touches other entries.
type known struct {
	ids   *idTable
	cells cells
	types map[string]*sameType
	last  *sameType
	same  [2][]*[4096]bool // by place, as cells
}

// sameType counts what was told to be the same of one type.
type sameType struct {
	name    string
	rows    int64
	attrs   []string
	present []int64 // as attrs
}

// printOf makes a stored hash of a print: 0 is not shown, 1 is not known.
func printOf(print uint64) uint64 { return max(print, 2) }

// Same reports that the object is as it was last told with the print, and then
// takes it as shown; attrs, the same slice for all of a type, has the names of
// its attributes, has tells which of them have a value. Only full imports of
// flat systems may ask, for each object once and before it is Put. Same may be
// called while another goroutine calls Put.
func (m *Import) Same(typ, anchor string, print uint64, attrs []string, has []bool) bool {
	k := &m.known
	if m.ready() != nil || k.ids == nil {
		return false
	}
	id := space.EntryID(m.name, anchor)
	at := k.ids.find((*[16]byte)(&id))
	if at == 0 {
		return false
	}
	half, no, i := split(at)
	if no >= len(k.cells.pages[half]) || k.cells.pages[half][no] == nil || k.cells.pages[half][no].hash[i] != printOf(print) {
		return false
	}
	k.same[half][no][i] = true
	st := k.last
	if st == nil || st.name != typ {
		if st = k.types[typ]; st == nil {
			st = &sameType{name: typ, attrs: attrs, present: make([]int64, len(attrs))}
			k.types[typ] = st
		}
		k.last = st
	}
	st.rows++
	for i, yes := range has {
		if yes {
			st.present[i]++
		}
	}
	return true
}

// isSame reports that the entry was told to be the same.
func (k *known) isSame(at uint32) bool {
	half, no, i := split(at)
	return no < len(k.same[half]) && k.same[half][no] != nil && k.same[half][no][i]
}

// takeSame adds what was told to be the same to what was told whole.
func (m *Import) takeSame() error {
	for half, pages := range m.known.same {
		for no, p := range pages {
			if p == nil {
				continue
			}
			for i, yes := range p {
				if yes {
					m.known.cells.pages[half][no].state[i] |= cellSeen
				}
			}
		}
	}
	for _, st := range m.known.types {
		ti, err := m.info(st.name)
		if err != nil {
			return err
		}
		ti.rows += st.rows
		m.stats.Shown += st.rows
		for i, name := range st.attrs {
			if st.present[i] == 0 {
				continue
			}
			ai, err := m.attr(ti, len(ti.shape)+1, name)
			if err != nil {
				return err
			}
			ai.present += st.present[i]
		}
	}
	return nil
}
