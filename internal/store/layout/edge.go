package layout

import (
	"encoding/binary"

	"muster/internal/base/object"
	"muster/internal/store/db"
	"muster/internal/sync/space"
)

// Edge is one reference.
type Edge struct {
	From int64
	Attr uint32
	To   int64
}

// Out returns the record of the reference from where it starts.
func (e Edge) Out() []byte { return BE64(BE32(BE64(make([]byte, 0, 20), e.From), e.Attr), e.To) }

// In returns the record of the reference from where it leads.
func (e Edge) In() []byte { return BE64(BE32(BE64(make([]byte, 0, 20), e.To), e.Attr), e.From) }

// AddEdges adds the records of references.
func (t *Tx) AddEdges(edges []Edge) {
	for _, e := range edges {
		t.Sets.Add(EdgesOut, e.Out())
		t.Sets.Add(EdgesIn, e.In())
	}
}

func appendEdges(b []byte, list []Edge) []byte {
	b = binary.AppendUvarint(b, uint64(len(list)))
	for _, e := range list {
		b = binary.AppendUvarint(binary.AppendUvarint(b, uint64(e.Attr)), uint64(e.To))
	}
	return b
}

func (r *Reader) edges(from int64) []Edge {
	n := r.Count()
	out := make([]Edge, 0, n)
	for range n {
		out = append(out, Edge{From: from, Attr: uint32(r.Uvarint()), To: int64(r.Uvarint())})
	}
	return out
}

// EdgesOf reads the references of the entries.
func (t *Tx) EdgesOf(keys []int64, only map[int64]bool) (map[int64][]Edge, error) {
	var prefixes [][]byte
	for _, k := range keys {
		if only == nil || only[k] {
			prefixes = append(prefixes, BE64(nil, k))
		}
	}
	out := map[int64][]Edge{}
	err := t.Sets.Find(EdgesOut, prefixes, func(_ int, rec []byte) {
		e := Edge{From: U64(rec), Attr: U32(rec[8:]), To: U64(rec[12:])}
		out[e.From] = append(out[e.From], e)
	})
	return out, err
}

// DropEdges drops all references of the entries.
func (t *Tx) DropEdges(keys []int64) error {
	edges, err := t.EdgesOf(keys, nil)
	if err != nil {
		return err
	}
	for _, list := range edges {
		for _, e := range list {
			t.Sets.Drop(EdgesOut, e.Out())
			t.Sets.Drop(EdgesIn, e.In())
		}
	}
	return nil
}

// Erase deletes entries with all that is kept of them.
func (t *Tx) Erase(c *Connector, list []Raw, no int64) error {
	b := db.NewBatch("i")
	var edged []int64
	var hashes [][]byte
	for _, x := range list {
		w, err := t.ReadRow(x.Key, x.Version, x.Body)
		if err != nil {
			return err
		}
		b.Int(x.Key)
		if w.Flags&RowEdges != 0 {
			edged = append(edged, x.Key)
		}
		hashes = append(hashes, BE64(nil, x.Key))
		t.Sets.Drop(EntryIDs, BE64(append([]byte(nil), w.ID[:]...), x.Key))
		if id := space.EntryID(t.Name(c.Sym), w.Anchor); w.Anchor != "" && id != w.ID {
			t.Sets.Drop(EntryIDs, BE64(append([]byte(nil), id[:]...), x.Key))
		}
		t.Recut(x.Key, w.Cut, object.ID{})
		rec := OrderRec(nil, c.Sym, []byte(w.Anchor), x.Key)
		t.Sets.Drop(EntryOrder, rec)
		if !c.DecideAll && no != 0 {
			t.Sets.Drop(DirtyOrder, BE64(rec, no))
		}
		t.Sets.Drop(Nameless, BE64(nil, x.Key))
		if w.Flags&RowNamed != 0 {
			t.Sets.Drop(EntryNames, DNRec(c.Sym, DNHash(int64(PlaceOf(w.Parent)), w.RDN), x.Key))
		}
		if err := t.Respot(c, &w, &Row{}); err != nil {
			return err
		}
	}
	if err := t.Sets.Find(RowHashes, hashes, func(_ int, rec []byte) { t.Sets.Drop(RowHashes, rec) }); err != nil {
		return err
	}
	if err := t.DropEdges(edged); err != nil {
		return err
	}
	return t.Remove(Entries, b)
}

// Recut moves the record of whom the entry was cut from.
func (t *Tx) Recut(key int64, was, is object.ID) {
	if was == is {
		return
	}
	if !was.IsZero() {
		t.Sets.Drop(CutFrom, BE64(was[:], key))
	}
	if !is.IsZero() {
		t.Sets.Add(CutFrom, BE64(is[:], key))
	}
}
