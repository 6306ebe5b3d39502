package store

import (
	"cmp"
	"maps"
	"slices"
	"unsafe"

	"muster/internal/base/object"
	"muster/internal/store/layout"
	"muster/internal/sync/space"
)

// entriesOf reads the entries with the ids.
func (t *Tx) entriesOf(ids []object.ID) (map[object.ID]*space.Entry, error) {
	got, err := t.entriesKeyed(ids)
	out := make(map[object.ID]*space.Entry, len(got))
	for id, x := range got {
		out[id] = x.e
	}
	return out, err
}

// entriesKeyed reads the entries with the ids, and says where they are.
func (t *Tx) entriesKeyed(ids []object.ID) (map[object.ID]keptEntry, error) {
	return keyed(t, layout.EntryIDs, &t.store.entryKeys, ids, func(keys map[object.ID]int64) (map[object.ID]keptEntry, error) {
		rows, err := t.entriesByKey(slices.Collect(maps.Values(keys)), nil)
		out := make(map[object.ID]keptEntry, len(keys))
		for id, k := range keys {
			// An entry may go by a second id: the anchor it got later.
			if e := rows[k]; e != nil && (e.ID == id || space.EntryID(e.Connector, e.Anchor) == id) {
				out[id] = keptEntry{k, e}
			}
		}
		return out, err
	})
}

// entriesByKey reads released entries whole. links says which objects they are
// linked to, if that is known.
func (t *Tx) entriesByKey(keys []int64, links map[int64]object.ID) (map[int64]*space.Entry, error) {
	out := make(map[int64]*space.Entry, len(keys))
	keys = slices.Clone(keys)
	slices.Sort(keys) // neighbours are read together
	for len(keys) > 0 {
		some := keys[:min(len(keys), 1000)]
		keys = keys[len(some):]
		rows, err := t.rows.RowsOf(some)
		if err != nil {
			return nil, err
		}
		if err := t.assemble(rows, links, out); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// refAttributes is for how many attributes of references there is room in an
// image from the beginning.
const refAttributes = 2

// assemble makes entries of rows: with references, links, names and what is
// on its way.
func (t *Tx) assemble(rows map[int64]*layout.Row, links map[int64]object.ID, out map[int64]*space.Entry) (err error) {
	var edged, named, all []int64
	for k, w := range rows {
		all = append(all, k)
		if w.Flags&layout.RowEdges != 0 {
			edged = append(edged, k)
		}
		if w.Flags&layout.RowNamed != 0 {
			named = append(named, k)
		}
		e := t.head(w)
		more := 0
		if w.Flags&layout.RowEdges != 0 {
			more = refAttributes
		}
		var err error
		if e.Image, err = t.rows.BagFor(w.Image, more); err != nil {
			return err
		}
		if err := t.extra(e, w.Extra); err != nil {
			return err
		}
		out[k] = e
	}
	t.store.entryKeys.PutAll(func(put func(object.ID, int64)) {
		for k, w := range rows {
			put(w.ID, k)
		}
	})
	slices.Sort(all)
	if err := t.addEdgeValues(edged, out); err != nil {
		return err
	}
	if err := t.addNames(rows, named, out); err != nil {
		return err
	}
	if links == nil {
		if links, err = t.linksOf(all); err != nil {
			return err
		}
	}
	for _, k := range all {
		out[k].Link = links[k]
	}
	return t.addPending(all, false, out)
}

// addPending fills in what is on its way for the entries at the keys; bare leaves
// out all but account and name.
func (t *Tx) addPending(keys []int64, bare bool, out map[int64]*space.Entry) error {
	keys, err := t.busy(slices.Clone(keys))
	if err != nil || len(keys) == 0 {
		return err
	}
	pending, err := t.pendingOf(keys, bare)
	for k, list := range pending {
		if e := out[k]; e != nil {
			e.Pending = list
		}
	}
	return err
}

func (t *Tx) extra(e *space.Entry, s string) error {
	arrived, initial, err := t.rows.ReadExtra(s)
	if err != nil {
		return err
	}
	for _, a := range arrived {
		e.Arrived = append(e.Arrived, space.Arrival{Name: t.rows.Name(a.Attr), At: a.At})
	}
	if initial != "" {
		e.Initial, err = t.rows.Bag(initial)
	}
	return err
}

// addEdgeValues puts references into images, as ids.
func (t *Tx) addEdgeValues(edged []int64, out map[int64]*space.Entry) error {
	if len(edged) == 0 {
		return nil
	}
	slices.Sort(edged)
	prefixes := keyPrefixesOf(edged)
	var edges []layout.Edge
	err := t.sets.Find(layout.EdgesOut, prefixes, func(_ int, rec []byte) {
		edges = append(edges, layout.Edge{From: layout.U64(rec), Attr: layout.U32(rec[8:]), To: layout.U64(rec[12:])})
	})
	if err != nil {
		return err
	}
	targets := make([]int64, len(edges))
	for i := range edges {
		targets[i] = edges[i].To
	}
	ids, err := t.rows.EntryIDsOf(targets)
	if err != nil {
		return err
	}
	// Those of one attribute of one entry become neighbours; a set of one run
	// has them so already.
	order := func(a, b layout.Edge) int {
		return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.Attr, b.Attr))
	}
	if !slices.IsSortedFunc(edges, order) {
		slices.SortStableFunc(edges, order)
	}
	text, values := make([]byte, 0, 16*len(edges)), make(object.Values, 0, len(edges))
	for len(edges) > 0 {
		n, from := 0, len(values)
		for ; n < len(edges) && order(edges[n], edges[0]) == 0; n++ {
			if id, ok := ids[edges[n].To]; ok {
				text = append(text, id[:]...)
				ref := text[len(text)-16:]
				values = append(values, object.Reference(unsafe.String(unsafe.SliceData(ref), 16)))
			}
		}
		if len(values) > from {
			out[edges[0].From].Image.Put(t.rows.Name(edges[0].Attr), object.Set(values[from:len(values):len(values)]...))
		}
		edges = edges[n:]
	}
	return nil
}

// addNames makes DNs of parents and RDNs.
func (t *Tx) addNames(rows map[int64]*layout.Row, named []int64, out map[int64]*space.Entry) error {
	if len(named) == 0 {
		return nil
	}
	if t.dns == nil {
		t.dns = map[int64]*layout.Row{}
	}
	need := named
	for len(need) > 0 { // a level of parents at a time
		var up []int64
		for _, k := range need {
			w := rows[k]
			if w == nil {
				w = t.dns[k]
			}
			if w == nil || w.Parent == 0 || rows[w.Parent] != nil {
				continue
			}
			if _, ok := t.dns[w.Parent]; !ok {
				t.dns[w.Parent] = nil
				up = append(up, w.Parent)
			}
		}
		parents, err := t.rows.RowsOf(up)
		if err != nil {
			return err
		}
		for k, w := range parents {
			t.dns[k] = w
		}
		need = up
	}
	for _, k := range named {
		dn := rows[k].RDN
		for p, depth := rows[k].Parent, 0; p != 0 && depth < 100; depth++ {
			w := rows[p]
			if w == nil {
				w = t.dns[p]
			}
			if w == nil {
				break
			}
			dn += "," + w.RDN
			p = w.Parent
		}
		out[k].DN = dn
	}
	return nil
}

// linksOf returns the ids of the objects that the entries are linked to.
func (t *Tx) linksOf(keys []int64) (map[int64]object.ID, error) {
	if none, err := t.sets.Empty(layout.LinksOut); none || err != nil {
		return nil, err
	}
	prefixes := keyPrefixesOf(keys)
	objs := map[int64]int64{}
	var all []int64
	err := t.sets.Find(layout.LinksOut, prefixes, func(_ int, rec []byte) {
		objs[layout.U64(rec)] = layout.U64(rec[8:])
		all = append(all, layout.U64(rec[8:]))
	})
	if err != nil || len(all) == 0 {
		return nil, err
	}
	ids, err := t.rows.ObjectIDsOf(all)
	out := make(map[int64]object.ID, len(objs))
	t.store.objectKeys.PutAll(func(put func(object.ID, int64)) { // they will be asked for
		for e, o := range objs {
			if out[e] = ids[o]; !ids[o].IsZero() {
				put(ids[o], o)
			}
		}
	})
	return out, err
}

// keyPrefixesOf writes keys as the beginnings of records.
func keyPrefixesOf(keys []int64) [][]byte {
	slab, out := make([]byte, 0, 8*len(keys)), make([][]byte, len(keys))
	for i, k := range keys {
		slab = layout.BE64(slab, k)
		out[i] = slab[8*i : 8*i+8 : 8*i+8]
	}
	return out
}

// linked returns the keys of the entries linked to the objects.
func (t *Tx) linked(objs []int64) (map[int64][]int64, error) {
	prefixes := keyPrefixesOf(objs)
	out := map[int64][]int64{}
	err := t.sets.Find(layout.LinksIn, prefixes, func(_ int, rec []byte) {
		out[layout.U64(rec)] = append(out[layout.U64(rec)], layout.U64(rec[8:]))
	})
	return out, err
}

// AccountsIn returns the accounts that objects have in a connector, present ones
// only, without their values and references, and of what is on its way what
// calling them by name takes.
func (t *Tx) AccountsIn(connector string, ids []object.ID) (map[object.ID]*space.Entry, error) {
	out := map[object.ID]*space.Entry{}
	sym, err := t.rows.Known(connector)
	if err != nil || sym == 0 {
		return out, err
	}
	keys, err := t.find(layout.ObjectIDs, &t.store.objectKeys, ids)
	if err != nil {
		return nil, err
	}
	left, err := t.accountsAt(sym, keys, out)
	if err != nil || len(left) == 0 {
		return out, err
	}
	if keys, err = t.uncached(layout.ObjectIDs, left); err != nil { // what was remembered may be gone
		return nil, err
	}
	_, err = t.accountsAt(sym, keys, out)
	return out, err
}

// accountsAt adds the accounts of the objects at the keys, and returns the
// objects that have none there.
func (t *Tx) accountsAt(sym uint32, objs map[object.ID]int64, out map[object.ID]*space.Entry) (left []object.ID, err error) {
	keys := make([]int64, 0, len(objs))
	for _, k := range objs {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	of, err := t.linked(keys)
	if err != nil {
		return nil, err
	}
	var all []int64
	for _, list := range of {
		for _, k := range list {
			if layout.ConnOf(k) == sym {
				all = append(all, k)
			}
		}
	}
	slices.Sort(all)
	heads, err := t.heads(all, true)
	if err != nil {
		return nil, err
	}
	for id, k := range objs {
		for _, at := range of[k] {
			e := heads[at]
			if e == nil {
				continue
			}
			e.Link = id
			if was := out[id]; e.Missing.IsZero() && (was == nil || compareEntries(was, e) < 0) {
				out[id] = e
			}
		}
		if out[id] == nil {
			left = append(left, id)
		}
	}
	return left, nil
}

// headsAt reads entries without their values and references.
func (t *Tx) headsAt(keys []int64) (map[int64]*space.Entry, error) { return t.heads(keys, false) }

// heads is headsAt; bare leaves out what is on its way but for account and name.
func (t *Tx) heads(keys []int64, bare bool) (map[int64]*space.Entry, error) {
	rows, err := t.rows.RowsOf(keys)
	if err != nil {
		return nil, err
	}
	out := make(map[int64]*space.Entry, len(rows))
	var named []int64
	for k, w := range rows {
		out[k] = t.head(w)
		if w.Flags&layout.RowNamed != 0 {
			named = append(named, k)
		}
	}
	if err := t.addNames(rows, named, out); err != nil {
		return nil, err
	}
	if !bare { // they will be written
		t.store.entryKeys.PutAll(func(put func(object.ID, int64)) {
			for k, w := range rows {
				put(w.ID, k)
			}
		})
	}
	return out, t.addPending(keys, bare, out)
}

// exist tells of which entries there is an account, or will be once everything
// accepted is sent.
func (t *Tx) exist(keys []int64) (map[int64]bool, error) {
	slices.Sort(keys)
	rows, err := t.rows.RowsOf(keys)
	if err != nil {
		return nil, err
	}
	entries := make(map[int64]*space.Entry, len(rows))
	for k, w := range rows {
		entries[k] = t.head(w)
	}
	err = t.addPending(keys, true, entries)
	out := make(map[int64]bool, len(rows))
	for k, e := range entries {
		out[k] = e.Exists()
	}
	return out, err
}

// head makes an entry of a row, without its values.
func (t *Tx) head(w *layout.Row) *space.Entry {
	return &space.Entry{ID: w.ID, Connector: t.rows.Name(layout.ConnOf(w.Key)), Type: t.rows.Name(w.Typ), Anchor: w.Anchor,
		Explicit: w.Flags&layout.RowExplicit != 0, Cut: w.Cut, Seen: w.Flags&layout.RowSeen != 0, Retyped: w.Flags&layout.RowRetyped != 0, Missing: w.Missing,
		Stub: w.Flags&layout.RowStub != 0, Version: w.Version}
}

// Ref is an entry in the order of deciding.
type Ref struct {
	ID   object.ID
	mark int64
	key  int64
	rec  []byte
}

// AllMoved reports that all entries of the connector, if there are any, count as
// moved since they were decided: none was decided yet.
func (t *Tx) AllMoved(connector string) (bool, error) {
	sym, err := t.rows.Known(connector)
	if err != nil || sym == 0 {
		return err == nil, err
	}
	conns, err := t.rows.Connectors()
	return conns[sym] == nil || conns[sym].DecideAll, err
}

// EachEntry calls fn with the released entries of the connector in the order
// of their anchors, a batch at a time, beginning behind after ("" begins at
// the first). all tells whether all are meant, or only those that moved since
// they were decided. fn returns false to stop. fn may use the transaction.
func (t *Tx) EachEntry(connector string, all bool, fn func([]Ref) (bool, error)) error {
	sym, err := t.rows.Known(connector)
	if err != nil || sym == 0 {
		return err
	}
	conns, err := t.rows.Connectors()
	if err != nil || conns[sym] == nil {
		return err
	}
	kind := layout.DirtyOrder
	all = all || conns[sym].DecideAll
	if all {
		kind = layout.EntryOrder
	}
	from, to := layout.BE32(nil, sym), layout.BE32(nil, sym+1)
	for {
		var list []Ref
		err := t.sets.Scan(kind, from, to, func(rec []byte) bool {
			_, rest := layout.CutOrdered(rec[4:])
			r := Ref{key: layout.U64(rest), rec: slices.Clone(rec)}
			if !all {
				r.mark = layout.U64(rest[8:])
			}
			list = append(list, r)
			return len(list) < 2000
		})
		if err != nil || len(list) == 0 {
			return err
		}
		from = append(slices.Clone(list[len(list)-1].rec), 0)
		if list, err = t.refs(list); err != nil {
			return err
		}
		if len(list) == 0 {
			continue
		}
		if more, err := fn(list); err != nil || !more {
			return err
		}
	}
}

// refs fills in ids, leaves out what is not released, and keeps one of each.
func (t *Tx) refs(list []Ref) ([]Ref, error) {
	keys := make([]int64, len(list))
	for i := range list {
		keys[i] = list[i].key
	}
	rows, err := t.rows.RowsOf(keys)
	if err != nil {
		return nil, err
	}
	out := list[:0]
	for _, r := range list {
		w := rows[r.key]
		if w == nil || w.Flags&layout.RowStub != 0 || len(out) > 0 && out[len(out)-1].key == r.key {
			continue
		}
		r.ID = w.ID
		out = append(out, r)
	}
	t.store.entryKeys.PutAll(func(put func(object.ID, int64)) {
		for i := range out {
			put(out[i].ID, out[i].key)
		}
	})
	return out, nil
}
