package store

import (
	"slices"
	"strings"

	"muster/internal/base/object"
	"muster/internal/store/layout"
	"muster/internal/store/sorted"
	"muster/internal/sync/metaverse"
	"muster/internal/sync/space"
)

// Page is a part of what a search found.
type Page struct {
	Objects []*metaverse.Object
	Next    string // for the next page; "" when this was the last
}

// Search returns objects whose attribute begins with the text, letters' case
// ignored, in the order of the attribute; after is the Next of the page before.
// An object is found once, by the first of its values.
func (t *Tx) Search(attr, begin, after string, limit int) (Page, error) {
	text, err := t.searchText(attr, begin)
	if err != nil || text == nil {
		return Page{}, err
	}
	recs, next, err := t.page(layout.SearchTexts, text, after, limit)
	if err != nil {
		return Page{}, err
	}
	rows, err := t.objectsByKey(keysOf(recs))
	if err != nil {
		return Page{}, err
	}
	out := Page{Next: next}
	for _, rec := range recs {
		w := rows[layout.U64(rec[len(rec)-8:])]
		if w != nil && string(rec) == t.firstFound(w, text, attr) {
			out.Objects = append(out.Objects, &w.obj)
		}
	}
	return out, nil
}

// FoundAt returns where Search finds the object, as an after for the page behind
// it; "" if it does not.
func (t *Tx) FoundAt(attr, begin string, id object.ID) (string, error) {
	text, err := t.searchText(attr, begin)
	if err != nil || text == nil {
		return "", err
	}
	rows, err := t.headsOf([]object.ID{id})
	if w := rows[id]; w != nil {
		return t.firstFound(w, text, attr), nil
	}
	return "", err
}

// searchText is how the records begin by which the text is found; nil if
// nothing stored has the attribute.
func (t *Tx) searchText(attr, begin string) ([]byte, error) {
	y, err := t.rows.Known(attr)
	if err != nil || y == 0 {
		return nil, err
	}
	text := layout.AppendOrdered(layout.BE32(nil, y), object.Fold(begin))
	return text[:len(text)-2], nil // without the end mark
}

// firstFound is the first of the object's records that begin with the text.
func (t *Tx) firstFound(w *objectRow, text []byte, attr string) (first string) {
	for _, v := range w.obj.Attrs.Get(attr) {
		rec := string(searchRec(layout.U32(text), object.Key(v, true), w.key))
		if strings.HasPrefix(rec, string(text)) && (first == "" || rec < first) {
			first = rec
		}
	}
	return first
}

// page returns an index's records that begin with the text; next is the after
// of the page behind it, "" when this was the last.
func (t *Tx) page(kind sorted.Kind, begin []byte, after string, limit int) (recs [][]byte, next string, err error) {
	from := begin
	if after != "" {
		from = append([]byte(after), 0)
	}
	err = t.sets.Scan(kind, from, nextText(begin), func(rec []byte) bool {
		if len(recs) == limit {
			return false
		}
		recs = append(recs, slices.Clone(rec))
		return true
	})
	if len(recs) == limit && limit > 0 {
		next = string(recs[limit-1])
	}
	return recs, next, err
}

// keysOf reads the keys that end records.
func keysOf(recs [][]byte) []int64 {
	keys := make([]int64, len(recs))
	for i, rec := range recs {
		keys[i] = layout.U64(rec[len(rec)-8:])
	}
	return keys
}

func nextText(p []byte) []byte {
	q := slices.Clone(p)
	q[len(q)-1]++
	if q[len(q)-1] == 0 {
		return nil
	}
	return q
}

func (t *Tx) objectList(keys []int64) ([]*metaverse.Object, error) {
	rows, err := t.objectsByKey(slices.Clone(keys))
	if err != nil {
		return nil, err
	}
	var out []*metaverse.Object
	for _, k := range keys {
		if w := rows[k]; w != nil {
			out = append(out, &w.obj)
		}
	}
	return out, nil
}

// ObjectsOf returns objects of a type behind the cursor after (0 begins), in
// the order in which they came to be, and the next cursor, 0 at the end.
func (t *Tx) ObjectsOf(typ string, after int64, limit int) ([]*metaverse.Object, int64, error) {
	y, err := t.rows.Known(typ)
	if err != nil || y == 0 {
		return nil, 0, err
	}
	var keys []int64
	err = t.sets.Scan(layout.TypeOrder, layout.BE64(layout.BE32(nil, y), after+1), layout.BE32(nil, y+1), func(rec []byte) bool {
		keys = append(keys, layout.U64(rec[4:]))
		return len(keys) < limit
	})
	if err != nil {
		return nil, 0, err
	}
	next := int64(0)
	if len(keys) == limit {
		next = keys[limit-1]
	}
	list, err := t.objectList(keys)
	return list, next, err
}

// Objects returns the objects with the ids; those that are not there are left
// out.
func (t *Tx) Objects(ids []object.ID) (map[object.ID]*metaverse.Object, error) {
	rows, err := t.objectRowsOf(ids)
	out := make(map[object.ID]*metaverse.Object, len(rows))
	for id, w := range rows {
		out[id] = &w.obj
	}
	return out, err
}

// Entries returns the entries with the ids; those that are not there are left
// out.
func (t *Tx) Entries(ids []object.ID) (map[object.ID]*space.Entry, error) { return t.entriesOf(ids) }

// EntryPage returns entries of a connector in the order of their anchors.
func (t *Tx) EntryPage(connector, begin, after string, limit int) ([]*space.Entry, string, error) {
	sym, err := t.rows.Known(connector)
	if err != nil || sym == 0 {
		return nil, "", err
	}
	from := layout.AppendOrdered(layout.BE32(nil, sym), begin)
	recs, next, err := t.page(layout.EntryOrder, from[:len(from)-2], after, limit)
	if err != nil {
		return nil, "", err
	}
	keys := keysOf(recs)
	got, err := t.entriesByKey(slices.Clone(keys), nil)
	var out []*space.Entry
	for _, k := range keys {
		if e := got[k]; e != nil {
			out = append(out, e)
		}
	}
	return out, next, err
}

// Beneath finds out who is left under entries of a connector: for each that has
// anybody, the DN of one. dn says where an entry lies, "" if it is not there.
// Nobody is looked for under an entry that never had anything under it.
func (t *Tx) Beneath(connector string, list []*space.Entry, dn func(*space.Entry) string) (map[object.ID]string, error) {
	above, err := t.onceAbove(list)
	out := map[object.ID]string{}
	for after := ""; err == nil && len(above) > 0; {
		var page []*space.Entry
		if page, after, err = t.EntryPage(connector, "", after, 1000); err != nil {
			break
		}
		for _, e := range page {
			at := dn(e)
			for _, up := object.SplitDN(at); up != ""; _, up = object.SplitDN(up) {
				if id, ok := above[object.DNKey(up)]; ok && out[id] == "" {
					out[id] = at
				}
			}
		}
		if after == "" {
			break
		}
	}
	return out, err
}

// onceAbove returns those of the entries, by DN, that had others under them.
func (t *Tx) onceAbove(list []*space.Entry) (map[string]object.ID, error) {
	ids := make([]object.ID, len(list))
	for i, e := range list {
		ids[i] = e.ID
	}
	keys, err := t.find(layout.EntryIDs, &t.store.entryKeys, ids)
	if err != nil {
		return nil, err
	}
	had := map[int64]bool{}
	var prefixes [][]byte
	for _, k := range keys {
		prefixes = append(prefixes, layout.BE64(nil, k))
	}
	if err := t.sets.Find(layout.Containers, prefixes, func(_ int, rec []byte) { had[layout.U64(rec)] = true }); err != nil {
		return nil, err
	}
	out := map[string]object.ID{}
	for _, e := range list {
		if had[keys[e.ID]] {
			out[object.DNKey(e.DN)] = e.ID
		}
	}
	return out, nil
}

// Status is the store in numbers.
type Status struct {
	Entries, Objects int64
	Connectors       map[string]ConnectorStatus
	Holds, Waiting   int64
	Queued           int64
}

// ConnectorStatus is one connector in numbers.
type ConnectorStatus struct {
	Released int64 // the last released import
	Pending  map[string]int64
}

// Status counts.
func (t *Tx) Status() (Status, error) {
	st := Status{Connectors: map[string]ConnectorStatus{}}
	var err error
	if st.Entries, err = t.rows.Count(layout.EntryRows); err != nil {
		return st, err
	}
	if st.Objects, err = t.rows.Count(layout.ObjectRows); err != nil {
		return st, err
	}
	for table, to := range map[string]*int64{"hold": &st.Holds, "waiting": &st.Waiting, "queue": &st.Queued} {
		if _, err := t.db.One([]any{to}, "SELECT count(*) FROM "+table); err != nil {
			return st, err
		}
	}
	conns, err := t.rows.Connectors()
	if err != nil {
		return st, err
	}
	for sym, c := range conns {
		st.Connectors[t.rows.Name(sym)] = ConnectorStatus{Released: c.Released, Pending: map[string]int64{}}
	}
	var conn, state, n int64
	type count struct{ conn, state, n int64 }
	var list []count
	err = t.db.Each([]any{&conn, &state, &n}, func() error {
		list = append(list, count{conn, state, n})
		return nil
	}, "SELECT conn, state, count(*) FROM todo GROUP BY conn, state")
	for _, x := range list {
		if c, ok := st.Connectors[t.rows.Name(uint32(x.conn))]; ok {
			c.Pending[space.State(x.state).String()] = x.n
		}
	}
	return st, err
}

// Amounts counts what the store keeps for looking back and across: rows and
// records of sets, about.
func (t *Tx) Amounts() (map[string]int64, error) {
	out := map[string]int64{}
	names := map[sorted.Kind]string{layout.EdgesOut: "references of entries", layout.RefsOut: "references of objects", layout.LinksOut: "links", layout.History: "later versions"}
	var kind, n int64
	err := t.db.Each([]any{&kind, &n}, func() error {
		if name := names[sorted.Kind(kind)]; name != "" {
			out[name] += n
		}
		return nil
	}, "SELECT kind, recs FROM chunk_run")
	for name, c := range map[string]layout.Counter{"entries": layout.EntryRows, "objects": layout.ObjectRows} {
		if err == nil {
			out[name], err = t.rows.Count(c)
		}
	}
	return out, err
}
