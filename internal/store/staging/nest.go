package staging

import (
	"cmp"
	"encoding/binary"
	"maps"
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"

	"muster/internal/base/object"
	"muster/internal/store/db"
	"muster/internal/store/layout"
)

// An entry lies in its container's entry, so that it is called otherwise as soon as
// that is. Which entry that is may be known only when all was told: the container
// may come later, or be told later to have given its name to another. So at the end
// those who were told before their containers are looked at again.

// spot is where entries lie: what their container is called, folded, and whose name
// that was when they were told, 0 if nobody's.
type spot struct {
	up string
	in uint32
}

// lying are the entries in a spot.
type lying struct {
	up     string
	places []uint32
}

// lies notes where an entry lies, if that can be another's yet.
func (m *Import) lies(at, parent uint32, dn string) {
	_, up := object.SplitDN(dn)
	if up == "" || m.opts.Full && parent != 0 && *m.cells.state(parent)&cellSeen != 0 {
		return
	}
	where := spot{object.Fold(up), parent}
	x := m.outer[where]
	if x == nil {
		x = &lying{up: strings.Clone(up)}
		m.outer[where] = x
	}
	x.places = append(x.places, at)
}

// nests reports that somebody lies elsewhere than it seemed.
func (m *Import) nests() bool {
	for where, x := range m.outer {
		if m.container(x.up) != where.in {
			return true
		}
	}
	return false
}

// nest puts entries into the containers that have their names now that all was
// told: those above first.
func (m *Import) nest() error {
	byDepth := func(a, b spot) int {
		return cmp.Or(strings.Count(a.up, ",")-strings.Count(b.up, ","), strings.Compare(a.up, b.up), cmp.Compare(a.in, b.in))
	}
	for _, where := range slices.SortedFunc(maps.Keys(m.outer), byDepth) {
		x := m.outer[where]
		clear(m.up)
		parent := m.container(x.up)
		if parent == where.in {
			continue
		}
		slices.Sort(x.places)
		err := m.inBulk(slices.Values(slices.Compact(x.places)), 2000, func(t *layout.Tx, some []uint32) error { return m.nestIn(t, where, x.up, parent, some) })
		if err != nil {
			return err
		}
	}
	return nil
}

func (m *Import) nestIn(t *layout.Tx, where spot, up string, parent uint32, places []uint32) error {
	keys := m.keysOf(slices.Values(places))
	raw, err := t.Get(layout.Entries, keys)
	if err != nil {
		return err
	}
	told, err := m.staged(t, keys)
	if err != nil {
		return err
	}
	var rows []layout.Raw
	b := db.NewBatch("iiib")
	for _, x := range raw {
		was, err := t.ReadRow(x.Key, x.Version, x.Body)
		if err != nil {
			return err
		}
		at, c := layout.PlaceOf(x.Key), told[x.Key]
		is := was
		if c != nil {
			is = c.Over(&was)
		}
		if *m.cells.state(at)&cellTwice != 0 || !m.nestRow(&is, where, up, parent) {
			continue // nothing of it is taken, or it was told elsewhere since
		}
		switch {
		case c != nil && c.Whole():
			c.Row.Parent, c.Row.RDN = is.Parent, is.RDN
			if c.Op != layout.OpRetype {
				c.Op = kindOf(&c.Row, &was)
			}
		case *m.cells.state(at)&cellNew != 0:
			t.Sets.Drop(layout.EntryNames, layout.DNRec(m.conn.Sym, layout.DNHash(int64(layout.PlaceOf(was.Parent)), was.RDN), x.Key))
			t.Sets.Add(layout.EntryNames, layout.DNRec(m.conn.Sym, layout.DNHash(int64(parent), is.RDN), x.Key))
			rows = append(rows, layout.Raw{Key: x.Key, Version: x.Version, Body: is.Append(nil)})
			continue
		default:
			c = &layout.Staged{Op: layout.OpNest, Row: layout.Row{Parent: is.Parent, RDN: is.RDN}}
		}
		c.Hash = *m.cells.hash(at)
		b.Int(x.Key).Int(m.no).Int(c.Op).Bytes(c.Append(nil))
	}
	if err := t.Put(layout.Entries, rows); err != nil {
		return err
	}
	return stage(t, b)
}

// nestRow puts the row of an entry that lies where it was told into the parent; false
// if it lies elsewhere.
func (m *Import) nestRow(w *layout.Row, where spot, up string, parent uint32) bool {
	rdn, above := w.RDN, where.up
	if where.in == 0 {
		rdn, above = object.SplitDN(w.RDN)
	}
	if layout.PlaceOf(w.Parent) != where.in || object.Fold(above) != where.up {
		return false
	}
	before := w.RDN
	w.Parent, w.RDN = 0, rdn+","+up
	if parent != 0 {
		w.Parent, w.RDN = layout.KeyAt(m.conn.Sym, parent), rdn
	}
	at := layout.PlaceOf(w.Key)
	if h := m.cells.hash(at); *h > 1 {
		*h = printOf(*h ^ nameHash(where.in, before) ^ nameHash(parent, w.RDN))
	}
	m.moved.renamed[at] = layout.DNHash(int64(parent), w.RDN)
	m.learnDN(at, parent, w.RDN)
	return true
}

// nameHash is what a name is to the hash of a record: so much of it changes when
// the entry turns out to lie elsewhere.
func nameHash(parent uint32, rdn string) uint64 {
	var buf [128]byte
	return xxhash.Sum64(append(binary.BigEndian.AppendUint32(buf[:0], parent), rdn...))
}

// nested reports that the entry only came to lie in its container's entry.
func nested(is, was *layout.Row) bool {
	if was.Parent != 0 || is.Parent == 0 {
		return false
	}
	rdn, up := object.SplitDN(was.RDN)
	return up != "" && rdn == is.RDN
}
