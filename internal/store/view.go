package store

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"muster/internal/base/object"
	"muster/internal/store/layout"
	"muster/internal/store/sorted"
	"muster/internal/sync/engine"
	"muster/internal/sync/metaverse"
	"muster/internal/sync/rules"
	"muster/internal/sync/space"
)

// View is an engine.View over a transaction. Reading what was not loaded is a
// fault of the engine, and panics.
type View struct {
	t     *Tx
	order map[string]int // connectors in the order of the rules

	read // since the view has forgotten

	coming, arriving *coming // what is read for when the view has forgotten this; what was read for now

	kept   *Kept // of this view
	before *Kept // of an earlier one; nil if there is none, or something changed since
}

// read is what was loaded.
type read struct {
	entries   map[object.ID]*space.Entry
	byKey     map[int64]*space.Entry
	objects   map[object.ID]*metaverse.Object
	of        map[object.ID][]*space.Entry
	holds     map[object.ID][]*engine.Hold
	approved  map[object.ID]map[engine.Hash]bool
	links     map[object.ID]object.ID
	accounts  map[object.ID]map[string]bool
	matches   map[engine.Key][]object.ID
	offered   map[engine.Key][]object.ID
	namers    map[object.ID][]object.ID
	referrers map[object.ID][]object.ID
	names     map[engine.Name]named

	unheld     []*space.Entry // loaded, but for the holds on their links
	linkHolds  map[object.ID][]*engine.Hold
	remembered map[object.ID]bool
}

func newRead() read {
	return read{entries: map[object.ID]*space.Entry{}, byKey: map[int64]*space.Entry{}, objects: map[object.ID]*metaverse.Object{}, of: map[object.ID][]*space.Entry{},
		holds: map[object.ID][]*engine.Hold{}, approved: map[object.ID]map[engine.Hash]bool{}, links: map[object.ID]object.ID{},
		accounts: map[object.ID]map[string]bool{}, matches: map[engine.Key][]object.ID{}, offered: map[engine.Key][]object.ID{},
		namers: map[object.ID][]object.ID{}, referrers: map[object.ID][]object.ID{}, names: map[engine.Name]named{},
		linkHolds: map[object.ID][]*engine.Hold{}, remembered: map[object.ID]bool{}}
}

var _ engine.View = (*View)(nil)

// View returns a view of what the transaction sees. connectors are in the
// order of the rules.
func (t *Tx) View(connectors []string) *View {
	v := &View{t: t, order: map[string]int{}, kept: newKept()}
	for i, c := range connectors {
		v.order[c] = i
	}
	v.Forget()
	return v
}

// Forget drops what was loaded.
func (v *View) Forget() {
	v.keep()
	v.read, v.arriving, v.coming = newRead(), v.coming, nil
}

// Load reads what is needed, a kind of thing at a time.
func (v *View) Load(need engine.Need) error {
	v.arrive()
	if err := v.loadHomes(&need); err != nil {
		return err
	}
	steps := []func(engine.Need) error{v.loadEntries, v.loadObjects, v.loadLinks, v.loadAccounts, v.loadMatches,
		v.loadCandidates, v.loadNamers, v.loadReferrers, v.loadNames, v.loadLinkHolds}
	for _, step := range steps {
		if err := step(need); err != nil {
			return err
		}
	}
	return nil
}

// loadHomes reads where the entries are linked, and puts their objects among
// those that are needed.
func (v *View) loadHomes(need *engine.Need) error {
	if len(need.Homes) == 0 {
		return nil
	}
	err := v.loadLinks(engine.Need{Links: need.Homes})
	objects := slices.Clone(need.Objects)
	for _, id := range need.Homes {
		if o := v.links[id]; !o.IsZero() {
			objects = append(objects, o)
		}
	}
	need.Objects = objects
	return err
}

// LoadHeads loads entries that are going to be linked and no more: no values
// of them are read. Those that are free are linked to nobody.
func (v *View) LoadHeads(free, linked []object.ID) error {
	ids := fresh(slices.Concat(free, linked), v.entries)
	if len(ids) == 0 {
		return nil
	}
	keys, err := v.t.find(layout.EntryIDs, &v.t.store.entryKeys, ids)
	if err != nil {
		return err
	}
	list := make([]int64, 0, len(keys))
	for _, k := range keys {
		list = append(list, k)
	}
	slices.Sort(list)
	rows, err := v.t.rows.RowsOf(list)
	if err != nil {
		return err
	}
	var bound []int64
	for _, id := range linked {
		if k, there := keys[id]; there {
			bound = append(bound, k)
		}
	}
	links, err := v.t.linksOf(bound)
	if err != nil {
		return err
	}
	var whole []object.ID
	for _, id := range ids {
		k, there := keys[id]
		if !there {
			v.entries[id], v.links[id] = nil, object.ID{}
			continue
		}
		w := rows[k]
		if w == nil || w.ID != id {
			whole = append(whole, id) // what was remembered is not so, or it goes by a second id
			continue
		}
		v.links[id] = links[w.Key]
		v.entries[id] = v.t.head(w)
		v.entries[id].Link = links[w.Key]
	}
	return v.loadEntries(engine.Need{Entries: whole})
}

// fresh lists what was not loaded yet, each once, however often it is asked for.
func fresh[K comparable, V any](keys []K, have map[K]V) []K {
	var out []K
	var met map[K]bool // of most loads nothing is new
	for _, k := range keys {
		if _, ok := have[k]; ok || met[k] {
			continue
		}
		if met == nil {
			met = make(map[K]bool, len(keys))
		}
		met[k] = true
		out = append(out, k)
	}
	return out
}

func (v *View) loadEntries(need engine.Need) error {
	ids := v.recallEntries(fresh(need.Entries, v.entries))
	if len(ids) == 0 {
		return nil
	}
	got, err := v.t.entriesKeyed(ids)
	for _, id := range ids {
		e := got[id].e
		v.entries[id] = e
		if e != nil {
			v.byKey[got[id].key], v.links[id] = e, e.Link
			v.entries[e.ID], v.links[e.ID] = e, e.Link // asked for by the id of its later anchor, it is known by its own too
			v.unheld = append(v.unheld, e)
		}
	}
	return err
}

func (v *View) loadObjects(need engine.Need) error {
	ids := v.recallObjects(fresh(need.Objects, v.objects))
	if len(ids) == 0 {
		return nil
	}
	rows, err := v.t.objectRowsOf(ids)
	if err != nil {
		return err
	}
	keys := make([]int64, 0, len(rows))
	for _, id := range ids {
		v.objects[id] = nil
		v.of[id] = nil
	}
	for id, w := range rows {
		v.objects[id] = &w.obj
		keys = append(keys, w.key)
	}
	if err := v.loadLinked(rows, keys); err != nil {
		return err
	}
	if v.holds, err = v.t.holdsOf(ids, v.holds); err != nil {
		return err
	}
	if v.approved, err = v.t.approvedOf(ids, v.approved); err != nil {
		return err
	}
	return v.loadRemembered(ids)
}

// loadLinked reads the entries that are linked to the objects.
func (v *View) loadLinked(rows map[object.ID]*objectRow, keys []int64) error {
	of, err := v.t.linked(keys)
	if err != nil {
		return err
	}
	got := map[int64]*space.Entry{}
	links := map[int64]object.ID{}
	var all []int64
	for id, w := range rows {
		for _, k := range of[w.key] {
			links[k] = id
			if e := cmp.Or(v.byKey[k], v.kept.at(k), v.before.at(k)); e != nil {
				got[k] = e
			} else {
				all = append(all, k)
			}
		}
	}
	more, err := v.t.entriesByKey(all, links)
	if err != nil {
		return err
	}
	maps.Copy(got, more)
	maps.Copy(v.byKey, more)
	for id, w := range rows {
		var list []*space.Entry
		for _, k := range of[w.key] {
			if e := got[k]; e != nil {
				list = append(list, e)
				v.entries[e.ID], v.links[e.ID] = e, id
			}
		}
		slices.SortFunc(list, func(a, b *space.Entry) int {
			if c := v.order[a.Connector] - v.order[b.Connector]; c != 0 {
				return c
			}
			return compareEntries(a, b)
		})
		v.of[id] = list
		v.unheld = append(v.unheld, list...)
	}
	return nil
}

func compareEntries(a, b *space.Entry) int {
	if a.Anchor != b.Anchor {
		if a.Anchor < b.Anchor {
			return -1
		}
		return 1
	}
	return a.ID.Compare(b.ID)
}

func (v *View) loadLinks(need engine.Need) error {
	ids := fresh(need.Links, v.links)
	if len(ids) == 0 {
		return nil
	}
	keys, err := v.t.find(layout.EntryIDs, &v.t.store.entryKeys, ids)
	if err != nil {
		return err
	}
	links, err := v.t.linksOf(slices.Collect(maps.Values(keys)))
	for _, id := range ids {
		v.links[id] = links[keys[id]]
	}
	return err
}

// loadAccounts reads where objects have accounts, and no more of these.
func (v *View) loadAccounts(need engine.Need) error {
	ids := fresh(need.Accounts, v.accounts)
	var left []object.ID
	for _, id := range ids {
		v.accounts[id] = map[string]bool{}
		of, ok := v.known(id)
		if !ok {
			left = append(left, id)
		}
		for _, e := range of {
			if e.Exists() {
				v.accounts[id][e.Connector] = true
			}
		}
	}
	if len(left) == 0 {
		return nil
	}
	keys, err := v.t.objectKeysOf(left)
	if err != nil {
		return err
	}
	of, err := v.t.linked(slices.Sorted(maps.Values(keys)))
	if err != nil {
		return err
	}
	exist, err := v.t.exist(slices.Concat(slices.Collect(maps.Values(of))...))
	for id, k := range keys {
		for _, at := range of[k] {
			if exist[at] {
				v.accounts[id][v.t.rows.Name(layout.ConnOf(at))] = true
			}
		}
	}
	return err
}

// known returns the entries linked to an object, if they were read.
func (v *View) known(id object.ID) ([]*space.Entry, bool) {
	if of, ok := v.of[id]; ok {
		return of, true
	}
	x, ok := recalled(v, id, (*Kept).object)
	return x.of, ok
}

// keyPrefixes returns the beginnings of the records for the keys; a nil one
// can have none.
func (t *Tx) keyPrefixes(keys []engine.Key) ([][]byte, []int, error) {
	var out [][]byte
	var at []int
	for i, k := range keys {
		typ, err := t.rows.Known(k.Type)
		if err != nil {
			return nil, nil, err
		}
		attr, err := t.rows.Known(k.Attr)
		if err != nil {
			return nil, nil, err
		}
		if typ != 0 && attr != 0 {
			out = append(out, append(layout.BE32(layout.BE32(nil, typ), attr), layout.Hash64(k.Value)...))
			at = append(at, i)
		}
	}
	return out, at, nil
}

// lookUp finds the keys of what has one of the prepared values.
func (t *Tx) lookUp(kind sorted.Kind, keys []engine.Key) (found [][]int64, all []int64, err error) {
	found = make([][]int64, len(keys))
	if none, err := t.sets.Empty(kind); none || err != nil {
		return found, nil, err
	}
	prefixes, at, err := t.keyPrefixes(keys)
	if err != nil {
		return nil, nil, err
	}
	err = t.sets.Find(kind, prefixes, func(i int, rec []byte) {
		k := layout.U64(rec[16:])
		found[at[i]] = append(found[at[i]], k)
		all = append(all, k)
	})
	return found, all, err
}

func (v *View) loadMatches(need engine.Need) error {
	keys := fresh(need.Matches, v.matches)
	if len(keys) == 0 {
		return nil
	}
	found, all, err := v.t.lookUp(layout.ObjectKeys, keys)
	if err != nil {
		return err
	}
	rows, err := v.t.objectsByKey(all)
	if err != nil {
		return err
	}
	for i, k := range keys {
		var ids []object.ID
		folded := v.t.rows.Index.Keys[rules.Spot{Type: k.Type, Attr: k.Attr}]
		for _, key := range found[i] {
			w := rows[key]
			if w != nil && w.obj.Type == k.Type && slices.ContainsFunc(w.obj.Attrs.Get(k.Attr), func(x object.Value) bool { return object.Key(x, folded) == k.Value }) {
				ids = append(ids, w.obj.ID)
			}
		}
		v.matches[k] = sortIDs(ids)
	}
	return nil
}

func (v *View) loadCandidates(need engine.Need) error {
	keys := fresh(need.Candidates, v.offered)
	if len(keys) == 0 {
		return nil
	}
	found, all, err := v.t.lookUp(layout.Offers, keys)
	if err != nil {
		return err
	}
	rows, err := v.t.rows.RowsOf(all)
	if err != nil {
		return err
	}
	for i, k := range keys {
		var ids []object.ID
		for _, key := range found[i] {
			if w := rows[key]; w != nil {
				ids = append(ids, w.ID)
			}
		}
		v.offered[k] = sortIDs(ids)
	}
	return nil
}

func sortIDs(ids []object.ID) []object.ID {
	slices.SortFunc(ids, object.ID.Compare)
	return slices.Compact(ids)
}

func (v *View) loadNamers(need engine.Need) error {
	ids := fresh(need.Namers, v.namers)
	if len(ids) == 0 {
		return nil
	}
	keys, err := v.t.find(layout.EntryIDs, &v.t.store.entryKeys, ids)
	if err != nil {
		return err
	}
	var prefixes [][]byte
	of := map[int64]object.ID{}
	for _, id := range ids {
		v.namers[id] = nil
		if k, ok := keys[id]; ok {
			of[k] = id
			prefixes = append(prefixes, layout.BE64(nil, k))
		}
	}
	named := map[int64][]int64{} // entry → who names it
	var all []int64
	err = v.t.sets.Find(layout.EdgesIn, prefixes, func(_ int, rec []byte) {
		named[layout.U64(rec)] = append(named[layout.U64(rec)], layout.U64(rec[12:]))
		all = append(all, layout.U64(rec[12:]))
	})
	if err != nil {
		return err
	}
	rows, err := v.t.rows.RowsOf(all) // leaves out what is not released
	if err != nil {
		return err
	}
	links, err := v.t.linksOf(all)
	for k, from := range named {
		var out []object.ID
		for _, f := range from {
			if l := links[f]; !l.IsZero() && rows[f] != nil {
				out = append(out, l)
			}
		}
		v.namers[of[k]] = sortIDs(out)
	}
	return err
}

func (v *View) loadReferrers(need engine.Need) error {
	ids := fresh(need.Referrers, v.referrers)
	var prefixes [][]byte
	for i := range ids {
		v.referrers[ids[i]] = nil
		prefixes = append(prefixes, ids[i][:])
	}
	err := v.t.sets.Find(layout.RefsIn, prefixes, func(_ int, rec []byte) {
		id := object.ID(rec[:16])
		v.referrers[id] = append(v.referrers[id], object.ID(rec[20:36]))
	})
	for _, id := range ids {
		v.referrers[id] = sortIDs(v.referrers[id])
	}
	return err
}

func loaded[K comparable, V any](m map[K]V, k K, what string) V {
	x, ok := m[k]
	if !ok {
		panic(fmt.Sprintf("engine: %s of %v was read without being loaded", what, k))
	}
	return x
}

// Entry returns the entry, nil if there is none.
func (v *View) Entry(id object.ID) *space.Entry { return loaded(v.entries, id, "entry") }

// Object returns the object, nil if there is none.
func (v *View) Object(id object.ID) *metaverse.Object { return loaded(v.objects, id, "object") }

// EntriesOf returns the entries linked to the object, in the rules' order.
func (v *View) EntriesOf(obj object.ID) []*space.Entry { return loaded(v.of, obj, "entries") }

// Holds returns the holds on the object, in the order of their targets.
func (v *View) Holds(obj object.ID) []*engine.Hold { return v.holds[obj] }

// Approved returns the changes of the object that people approved.
func (v *View) Approved(obj object.ID) map[engine.Hash]bool { return v.approved[obj] }

// LinkOf returns the object that the entry is linked to.
func (v *View) LinkOf(entry object.ID) object.ID { return loaded(v.links, entry, "link") }

// Account reports that the object has an account there.
func (v *View) Account(obj object.ID, connector string) bool {
	return loaded(v.accounts, obj, "accounts")[connector]
}

// Matches returns the objects that have the key.
func (v *View) Matches(k engine.Key) []object.ID { return loaded(v.matches, k, "matches") }

// Candidates returns the unlinked entries that offer the key.
func (v *View) Candidates(k engine.Key) []object.ID { return loaded(v.offered, k, "candidates") }

// Namers returns the objects linked to entries that name the entry.
func (v *View) Namers(entry object.ID) []object.ID { return loaded(v.namers, entry, "namers") }

// Referrers returns the objects that name the object.
func (v *View) Referrers(obj object.ID) []object.ID { return loaded(v.referrers, obj, "referrers") }
