package store

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"muster/internal/base/object"
	"muster/internal/store/db"
	"muster/internal/store/layout"
	"muster/internal/sync/engine"
	"muster/internal/sync/metaverse"
	"muster/internal/sync/space"
)

// Writer collects what accepting units changes, and writes it a batch at a
// time. Only engine.Apply uses it. Nothing is written before Flush.
type Writer struct {
	t     *Tx
	plan  int64
	chunk int64
	place int

	kept     *Kept                    // what it changes, views have of it
	heads    map[object.ID]*objectRow // of objects that were announced
	bornKeys map[object.ID]int64      // of objects born in this transaction
	refd     map[object.ID]map[string]metaverse.Origin
	made     map[object.ID]int64 // of entries made in this transaction
	births   *db.Batch
	accounts *db.Batch
	todos    *db.Batch
	puts     []layout.Raw
	entries  []layout.Raw
	edited   map[int64]int // where in entries the rows are
	dead     *db.Batch
	gone     []layout.Raw
	doneTodo *db.Batch
}

// Writer returns a writer for a plan.
func (t *Tx) Writer(plan int64) *Writer {
	return &Writer{t: t, plan: plan, heads: map[object.ID]*objectRow{}, bornKeys: map[object.ID]int64{}, refd: map[object.ID]map[string]metaverse.Origin{}, made: map[object.ID]int64{}, edited: map[int64]int{},
		births: db.NewBatch("ib"), accounts: db.NewBatch("ib"), todos: db.NewBatch("iiiiiiib"), dead: db.NewBatch("i"), doneTodo: db.NewBatch("i")}
}

// Announce reads at once what is written about objects before Flush; those that
// are not there are left out.
func (w *Writer) Announce(ids []object.ID) error {
	rows, err := w.t.headsOf(ids)
	maps.Copy(w.heads, rows)
	return err
}

// Over says what views have kept of what is changed.
func (w *Writer) Over(k *Kept) { w.kept = k }

// At says which unit of the plan is being applied.
func (w *Writer) At(chunk int64, place int) { w.chunk, w.place = chunk, place }

func (w *Writer) where() int64 { return w.plan<<32 | w.chunk<<8 | int64(w.place) }

// errUnknown says that the engine names something that is not there.
var errUnknown = errors.New("store: the plan names something that is not there; decide again")

func (w *Writer) objectKey(id object.ID) (int64, error) {
	if k, ok := w.bornKeys[id]; ok {
		return k, nil
	}
	row, err := w.head(id)
	if err != nil {
		return 0, err
	}
	return row.key, nil
}

// head reads an object that must be there, without its references.
func (w *Writer) head(id object.ID) (*objectRow, error) {
	if row := w.heads[id]; row != nil {
		return row, nil
	}
	row, err := w.t.headOf(id)
	if err == nil && row == nil {
		err = fmt.Errorf("object %s: %w", id, errUnknown)
	}
	return row, err
}

func (w *Writer) entryKey(id object.ID) (int64, error) {
	if k, ok := w.made[id]; ok {
		return k, nil
	}
	if k := w.t.store.entryKeys.Get(id); k != 0 {
		return k, nil
	}
	keys, err := w.t.uncached(layout.EntryIDs, []object.ID{id})
	if err != nil {
		return 0, err
	}
	if k, ok := keys[id]; ok {
		return k, nil
	}
	return 0, fmt.Errorf("entry %s: %w", id, errUnknown)
}

// Birth adds an object. References among its attributes are stored as edges.
func (w *Writer) Birth(o *metaverse.Object) error {
	t := w.t
	w.kept.change(o.ID)
	key, err := t.rows.Take(layout.ObjectKey, 1)
	if err != nil {
		return err
	}
	w.bornKeys[o.ID] = key
	body, err := t.appendObject(nil, w.where(), o)
	if err != nil {
		return err
	}
	w.births.Int(key).Bytes(body)
	t.sets.Add(layout.ObjectIDs, layout.BE64(append([]byte(nil), o.ID[:]...), key))
	typ, err := t.rows.Sym(o.Type)
	if err != nil {
		return err
	}
	t.sets.Add(layout.TypeOrder, layout.BE64(layout.BE32(nil, typ), key))
	if err := w.refs(key, o, nil); err != nil {
		return err
	}
	return t.indexObject(&objectRow{key: key, typ: typ, obj: *o}, t.sets.Add)
}

// refs moves an object's reference records from what was to what is.
func (w *Writer) refs(key int64, is, was *metaverse.Object) error {
	have := map[string]bool{}
	each := func(o *metaverse.Object, fn func(out, in []byte)) error {
		if o == nil {
			return nil
		}
		for _, a := range o.Attrs {
			if !isRefs(a.Values) {
				continue
			}
			y, err := w.t.rows.Sym(a.Name)
			if err != nil {
				return err
			}
			for _, v := range a.Values {
				to := v.Text()
				out := append(layout.BE32(layout.BE64(make([]byte, 0, 28), key), y), to...)
				in := append(layout.BE32(append(make([]byte, 0, 36), to...), y), o.ID[:]...)
				fn(out, in)
			}
		}
		return nil
	}
	if err := each(was, func(out, _ []byte) { have[string(out)] = true }); err != nil {
		return err
	}
	err := each(is, func(out, in []byte) {
		if !have[string(out)] {
			w.t.sets.Add(layout.RefsOut, out)
			w.t.sets.Add(layout.RefsIn, in)
		}
		delete(have, string(out))
	})
	if err != nil {
		return err
	}
	return each(was, func(out, in []byte) {
		if have[string(out)] {
			w.t.sets.Drop(layout.RefsOut, out)
			w.t.sets.Drop(layout.RefsIn, in)
		}
	})
}

// AddRef adds one reference of an object without reading the others; the
// object's version moves once, whatever else is written of it.
func (w *Writer) AddRef(obj object.ID, attr string, target object.ID, from metaverse.Origin) error {
	w.touched(obj)[attr] = from
	return w.ref(obj, attr, target, false)
}

// DropRef takes one reference away without reading the others.
func (w *Writer) DropRef(obj object.ID, attr string, target object.ID) error {
	w.touched(obj)
	return w.ref(obj, attr, target, true)
}

// touched returns the attributes of references that came to the object.
func (w *Writer) touched(obj object.ID) map[string]metaverse.Origin {
	w.kept.change(obj)
	m := w.refd[obj]
	if m == nil {
		m = map[string]metaverse.Origin{}
		w.refd[obj] = m
	}
	return m
}

func (w *Writer) ref(obj object.ID, attr string, target object.ID, drop bool) error {
	key, err := w.objectKey(obj)
	if err != nil {
		return err
	}
	y, err := w.t.rows.Sym(attr)
	if err != nil {
		return err
	}
	out := append(layout.BE32(layout.BE64(nil, key), y), target[:]...)
	in := append(layout.BE32(append([]byte(nil), target[:]...), y), obj[:]...)
	change := w.t.sets.Add
	if drop {
		change = w.t.sets.Drop
	}
	change(layout.RefsOut, out)
	change(layout.RefsIn, in)
	return nil
}

// Put replaces an object by what it has become; was is what the view said.
// The version moves by one. References that was and is have are compared, and
// the differences stored as edges; an attribute of references that both lack
// stays as it is, so that AddRef and DropRef may do it edge by edge.
func (w *Writer) Put(is, was *metaverse.Object) error {
	t := w.t
	w.kept.change(is.ID)
	row, err := w.head(is.ID)
	if err != nil {
		return err
	}
	kept := *is
	kept.Attrs, kept.Origins = slices.Clone(is.Attrs), slices.Clone(is.Origins)
	for len(kept.Origins) < len(kept.Attrs) {
		kept.Origins = append(kept.Origins, metaverse.Origin{})
	}
	next := objectRow{obj: kept}
	next.withRefs(row.refsLeft(is, was))
	body, err := t.appendObject(nil, row.born, &next.obj)
	if err != nil {
		return err
	}
	w.puts = append(w.puts, layout.Raw{Key: row.key, Version: row.obj.Version + 1, Body: body})
	w.history(is.ID)
	if err := t.reindexObject(row, &objectRow{key: row.key, typ: row.typ, obj: *is}); err != nil {
		return err
	}
	return w.refs(row.key, is, was)
}

// refsLeft returns the attributes of references that a change leaves alone.
func (w *objectRow) refsLeft(is, was *metaverse.Object) map[string]metaverse.Origin {
	out := map[string]metaverse.Origin{}
	for i, a := range w.obj.Attrs {
		if a.Values == nil && !is.Attrs.Has(a.Name) && (was == nil || !was.Attrs.Has(a.Name)) {
			out[a.Name] = w.obj.Origins[i]
		}
	}
	return out
}

// history notes that the unit being applied changed the object.
func (w *Writer) history(id object.ID) {
	rec := layout.BE64(append([]byte(nil), id[:]...), w.plan)
	w.t.sets.Add(layout.History, append(layout.BE32(rec, uint32(w.chunk)), byte(w.place)))
}

// touch moves the versions of objects whose references changed, and sees to
// it that attributes of references have their origin.
func (w *Writer) touch() error {
	if len(w.refd) == 0 {
		return nil
	}
	var ids []object.ID
	for id := range w.refd {
		if _, born := w.bornKeys[id]; !born {
			ids = append(ids, id)
		}
	}
	rows, err := w.t.headsOf(ids)
	if err != nil {
		return err
	}
	for _, id := range ids {
		row := rows[id]
		if row == nil {
			return fmt.Errorf("object %s: %w", id, errUnknown)
		}
		put := layout.Raw{Version: row.obj.Version}
		i := slices.IndexFunc(w.puts, func(x layout.Raw) bool { return x.Key == row.key })
		if i >= 0 {
			put = w.puts[i]
			if row, err = w.t.readObject(put); err != nil {
				return err
			}
		}
		if put.Version == rows[id].obj.Version {
			put.Version++
			w.history(id)
		}
		row.withRefs(w.refd[id])
		if put.Body, err = w.t.appendObject(nil, row.born, &row.obj); err != nil {
			return err
		}
		put.Key = row.key
		if i >= 0 {
			w.puts[i] = put
		} else {
			w.puts = append(w.puts, put)
		}
	}
	clear(w.refd)
	return nil
}

// withRefs adds attributes of references without their values.
func (w *objectRow) withRefs(attrs map[string]metaverse.Origin) {
	o := &w.obj
	for name, from := range attrs {
		i, ok := slices.BinarySearchFunc(o.Attrs, name, func(a object.Attr, n string) int { return strings.Compare(a.Name, n) })
		if !ok {
			o.Attrs = slices.Insert(o.Attrs, i, object.Attr{Name: name})
			o.Origins = slices.Insert(o.Origins, i, from)
		}
	}
}

// Death ends an object. Its birth moves into the history.
func (w *Writer) Death(was *metaverse.Object) error {
	t := w.t
	w.kept.change(was.ID)
	rows, err := t.objectRowsOf([]object.ID{was.ID})
	if err != nil {
		return err
	}
	row := rows[was.ID]
	if row == nil {
		return fmt.Errorf("object %s: %w", was.ID, errUnknown)
	}
	w.dead.Int(row.key)
	rec := layout.BE64(append([]byte(nil), was.ID[:]...), row.born>>32)
	t.sets.Add(layout.History, append(layout.BE32(rec, uint32(row.born&0xffffffff>>8)), byte(row.born)))
	w.history(was.ID)
	t.sets.Drop(layout.ObjectIDs, layout.BE64(append([]byte(nil), was.ID[:]...), row.key))
	t.sets.Drop(layout.TypeOrder, layout.BE64(layout.BE32(nil, row.typ), row.key))
	if err := w.refs(row.key, nil, &row.obj); err != nil {
		return err
	}
	return t.indexObject(row, t.sets.Drop)
}

// Link links an entry to an object, or with the zero object cuts it. was is the
// entry as the view says it is; nil if this transaction made it.
func (w *Writer) Link(l engine.LinkEffect, was *space.Entry) error {
	if was == nil {
		was = &space.Entry{}
	}
	from := was.Link
	w.kept.change(l.Entry, l.To, from)
	key, err := w.entryKey(l.Entry)
	if err != nil {
		return err
	}
	if !from.IsZero() {
		obj, err := w.objectKey(from)
		if err != nil {
			return err
		}
		w.t.sets.Drop(layout.LinksIn, layout.BE64(layout.BE64(nil, obj), key))
		w.t.sets.Drop(layout.LinksOut, layout.BE64(layout.BE64(nil, key), obj))
	}
	if !l.To.IsZero() {
		obj, err := w.objectKey(l.To)
		if err != nil {
			return err
		}
		w.t.sets.Add(layout.LinksIn, layout.BE64(layout.BE64(nil, obj), key))
		w.t.sets.Add(layout.LinksOut, layout.BE64(layout.BE64(nil, key), obj))
	}
	if l.Explicit == was.Explicit && l.Cut == was.Cut && !was.Retyped {
		return nil // the row says so
	}
	r, err := w.row(l.Entry, key)
	if err != nil {
		return err
	}
	r.Flags &^= layout.RowExplicit | layout.RowCut | layout.RowRetyped
	if l.Explicit {
		r.Flags |= layout.RowExplicit
	}
	if !l.Cut.IsZero() {
		r.Flags |= layout.RowCut
	}
	w.t.rows.Recut(key, r.Cut, l.Cut)
	r.Cut = l.Cut
	w.putRow(r)
	return nil
}

// row returns an entry's row as it is about to be written.
func (w *Writer) row(id object.ID, key int64) (*layout.Row, error) {
	if i, ok := w.edited[key]; ok {
		r, err := w.t.rows.ReadRow(key, w.entries[i].Version, w.entries[i].Body)
		return &r, err
	}
	rows, err := w.t.rows.RowsOf([]int64{key})
	if err == nil && rows[key] == nil {
		err = fmt.Errorf("entry %s: %w", id, errUnknown)
	}
	return rows[key], err
}

// putRow writes an entry's row anew, at Flush.
func (w *Writer) putRow(r *layout.Row) {
	raw := layout.Raw{Key: r.Key, Version: r.Version, Body: r.Append(nil)}
	if i, ok := w.edited[r.Key]; ok {
		w.entries[i] = raw
		return
	}
	w.edited[r.Key] = len(w.entries)
	w.entries = append(w.entries, raw)
}

// NewAccount adds the entry of an account that is to be created, linked to the
// object. What is to be sent is what the unit being applied says.
func (w *Writer) NewAccount(e *space.Entry, obj object.ID) error {
	t := w.t
	w.kept.change(e.ID, obj)
	c, err := t.rows.Connector(e.Connector)
	if err != nil {
		return err
	}
	typ, err := t.rows.Sym(e.Type)
	if err != nil {
		return err
	}
	key := c.NextMade
	c.NextMade++
	w.made[e.ID] = key
	r := layout.Row{Key: key, Typ: typ, ID: e.ID, Anchor: e.Anchor}
	if len(e.Initial) > 0 {
		initial, err := t.rows.AppendBag(nil, e.Initial)
		if err != nil {
			return err
		}
		r.Extra = string(layout.AppendExtra(nil, nil, string(initial)))
		r.Flags |= layout.RowExtra
	}
	if e.DN != "" {
		r.Flags |= layout.RowNamed
		r.RDN = e.DN
		if err := w.nest(c, &r, e.DN); err != nil {
			return err
		}
	}
	w.accounts.Int(key).Bytes(append(r.Append(nil), 0))
	t.sets.Add(layout.EntryIDs, layout.BE64(append([]byte(nil), e.ID[:]...), key))
	t.sets.Add(layout.EntryOrder, layout.OrderRec(nil, c.Sym, []byte(e.Anchor), key))
	ok, err := w.objectKey(obj)
	if err != nil {
		return err
	}
	t.sets.Add(layout.LinksIn, layout.BE64(layout.BE64(nil, ok), key))
	t.sets.Add(layout.LinksOut, layout.BE64(layout.BE64(nil, key), ok))
	w.todos.Int(key).Int(int64(c.Sym)).Int(int64(space.Waiting)).Int(0).Int(w.plan).Int(w.chunk).Int(int64(w.place)).Bytes(nil)
	return nil
}

// nest finds the parent of a DN, so that renaming it renames this entry.
func (w *Writer) nest(c *layout.Connector, r *layout.Row, dn string) error {
	parent, rdn, err := w.t.parentOf(c, dn)
	if err != nil {
		return err
	}
	r.Parent, r.RDN = parent, rdn
	w.t.sets.Add(layout.EntryNames, layout.DNRec(c.Sym, layout.DNHash(int64(layout.PlaceOf(parent)), rdn), r.Key))
	w.t.sets.Add(layout.Nameless, layout.BE64(nil, r.Key))
	return nil
}

// SetPending replaces what is on its way for an entry; nothing ends it.
func (w *Writer) SetPending(entry object.ID, list []space.Pending) error {
	w.kept.change(entry)
	key, err := w.entryKey(entry)
	if err != nil {
		return err
	}
	return w.setPending(key, list)
}

// Name gives an account that was never sent another DN.
func (w *Writer) Name(e *space.Entry) error {
	w.kept.clear() // those that lie in it are called otherwise too
	key, err := w.entryKey(e.ID)
	if err != nil {
		return err
	}
	rows, err := w.t.rows.RowsOf([]int64{key})
	if err != nil {
		return err
	}
	c, err := w.t.rows.Connector(e.Connector)
	if err != nil {
		return err
	}
	r := rows[key]
	if r == nil || c == nil {
		return fmt.Errorf("entry %s: %w", e.ID, errUnknown)
	}
	if r.Flags&layout.RowNamed != 0 {
		w.t.sets.Drop(layout.EntryNames, layout.DNRec(c.Sym, layout.DNHash(int64(layout.PlaceOf(r.Parent)), r.RDN), key))
	}
	r.Flags |= layout.RowNamed
	if err := w.nest(c, r, e.DN); err != nil {
		return err
	}
	w.entries = append(w.entries, layout.Raw{Key: key, Version: r.Version, Body: r.Append(nil)})
	return nil
}

// SetInitial replaces the values that the account was given once.
func (w *Writer) SetInitial(entry object.ID, initial object.Attrs) error {
	w.kept.change(entry)
	key, err := w.entryKey(entry)
	if err != nil {
		return err
	}
	r, err := w.row(entry, key)
	if err != nil {
		return err
	}
	arrived, _, err := w.t.rows.ReadExtra(r.Extra)
	if err != nil {
		return err
	}
	bag, err := w.t.rows.AppendBag(nil, initial)
	if err != nil {
		return err
	}
	r.Extra = string(layout.AppendExtra(nil, arrived, string(bag)))
	r.Flags |= layout.RowExtra
	w.putRow(r)
	return nil
}

// DropEntry forgets an entry: an account that was never sent, or whose
// deletion is confirmed.
func (w *Writer) DropEntry(entry object.ID) error {
	w.kept.change(entry)
	key, err := w.entryKey(entry)
	if err != nil {
		return err
	}
	raw, err := w.t.rows.Get(layout.Entries, []int64{key})
	if err != nil || len(raw) == 0 {
		return err
	}
	w.gone = append(w.gone, raw...)
	w.doneTodo.Int(key)
	return nil
}

// SetDue says when time alone changes something for the object.
func (w *Writer) SetDue(id object.ID, at time.Time) error {
	w.kept.change(id)
	row, err := w.t.headOf(id)
	if err != nil || row == nil || row.obj.Due.Equal(at) {
		return err
	}
	if !row.obj.Due.IsZero() {
		w.t.sets.Drop(layout.DueTimes, layout.BE64(layout.BE64(nil, row.obj.Due.UnixMicro()), row.key))
	}
	if !at.IsZero() {
		w.t.sets.Add(layout.DueTimes, layout.BE64(layout.BE64(nil, at.UnixMicro()), row.key))
	}
	row.obj.Due = at
	body, err := w.t.appendObject(nil, row.born, &row.obj)
	w.puts = append(w.puts, layout.Raw{Key: row.key, Version: row.obj.Version, Body: body})
	return err
}

// Flush writes what was collected.
func (w *Writer) Flush() error {
	t := w.t
	if err := w.touch(); err != nil {
		return err
	}
	if w.births.Len() > 0 {
		if err := t.rows.Insert(layout.Objects, w.births); err != nil {
			return err
		}
	}
	if w.accounts.Len() > 0 {
		if err := t.rows.Insert(layout.Entries, w.accounts); err != nil {
			return err
		}
	}
	if err := t.rows.Put(layout.Objects, last(w.puts)); err != nil {
		return err
	}
	if err := t.rows.Put(layout.Entries, w.entries); err != nil {
		return err
	}
	if err := t.rows.Remove(layout.Objects, w.dead); err != nil {
		return err
	}
	if w.doneTodo.Len() > 0 {
		if _, err := t.db.Feed(w.doneTodo, "DELETE FROM todo WHERE key IN (SELECT c0 FROM @feed)"); err != nil {
			return err
		}
	}
	if err := w.flushGone(); err != nil {
		return err
	}
	if err := t.writeTodos(w.todos); err != nil {
		return err
	}
	for id, k := range w.bornKeys {
		t.store.objectKeys.Put(id, k)
	}
	for _, b := range []*db.Batch{w.births, w.accounts, w.todos, w.dead, w.doneTodo} {
		b.Reset()
	}
	w.puts, w.entries, w.gone = nil, nil, nil
	clear(w.edited)
	clear(w.heads)
	return nil
}

func (w *Writer) flushGone() error {
	by := map[uint32][]layout.Raw{}
	for _, x := range w.gone {
		by[layout.ConnOf(x.Key)] = append(by[layout.ConnOf(x.Key)], x)
	}
	conns, err := w.t.rows.Connectors()
	if err != nil {
		return err
	}
	for sym, list := range by {
		if err := w.t.rows.Erase(conns[sym], list, 0); err != nil {
			return err
		}
		for _, x := range list {
			links, err := w.t.linkRecs(x.Key)
			if err != nil {
				return err
			}
			for _, l := range links {
				w.t.sets.Drop(layout.LinksOut, layout.BE64(layout.BE64(nil, x.Key), l))
				w.t.sets.Drop(layout.LinksIn, layout.BE64(layout.BE64(nil, l), x.Key))
			}
		}
	}
	return nil
}

// last keeps the last row for each key.
func last(rows []layout.Raw) []layout.Raw {
	at := map[int64]int{}
	out := rows[:0]
	for _, x := range rows {
		if i, ok := at[x.Key]; ok {
			out[i] = x
			continue
		}
		at[x.Key] = len(out)
		out = append(out, x)
	}
	return out
}
