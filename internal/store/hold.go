package store

import (
	"cmp"
	"encoding/binary"
	"slices"
	"strings"
	"time"

	"muster/internal/base/object"
	"muster/internal/store/db"
	"muster/internal/store/layout"
	"muster/internal/sync/engine"
)

func appendFlag(b []byte, on bool) []byte {
	if on {
		return append(b, 1)
	}
	return append(b, 0)
}

func appendHold(b []byte, h *engine.Hold) []byte {
	b = append(b, byte(h.Target.Kind))
	b = layout.AppendText(layout.AppendText(b, h.Target.Connector), h.Target.Name)
	b = append(b, h.Target.Ref[:]...)
	b = layout.AppendSet(b, h.Refused)
	b = appendFlag(appendFlag(b, h.Standing), h.AtValue)
	b = layout.AppendSet(b, h.Instead)
	b = layout.AppendText(layout.AppendText(layout.AppendText(b, h.Why), h.Cause), h.By)
	b = layout.AppendInstant(layout.AppendInstant(b, h.At), h.Until)
	return binary.AppendUvarint(b, uint64(h.Plan))
}

func readHold(r *layout.Reader, id int64, obj object.ID) *engine.Hold {
	h := &engine.Hold{ID: id, Target: engine.Target{Object: obj, Kind: engine.TargetKind(r.Byte()), Connector: r.Text(), Name: r.Text(), Ref: r.ID()},
		Refused: r.Values(), Standing: r.Byte() == 1, AtValue: r.Byte() == 1, Instead: r.Values(), Why: r.Text(), Cause: r.Text(), By: r.Text(),
		At: r.Instant(), Until: r.Instant()}
	h.Plan = int64(r.Uvarint())
	return h
}

func compareTargets(a, b engine.Target) int {
	return cmp.Or(a.Object.Compare(b.Object), cmp.Compare(a.Kind, b.Kind), strings.Compare(a.Connector, b.Connector), strings.Compare(a.Name, b.Name), a.Ref.Compare(b.Ref))
}

func idBatch(ids []object.ID) *db.Batch {
	b := db.NewBatch("b")
	for i := range ids {
		b.Bytes(ids[i][:])
	}
	return b
}

// holdsOf reads the holds on the objects into out.
func (t *Tx) holdsOf(ids []object.ID, out map[object.ID][]*engine.Hold) (map[object.ID][]*engine.Hold, error) {
	if none, err := t.empty("hold"); err != nil || none {
		return out, err
	}
	list, err := t.holdsWhere(idBatch(ids), "SELECT h.id, h.object, h.body FROM @feed JOIN hold h ON h.object = feed.c0")
	for _, h := range list {
		out[h.Target.Object] = append(out[h.Target.Object], h)
	}
	return out, err
}

// empty reports that people decided nothing that the table would hold: most of
// the time nobody needs to look there for each object.
func (t *Tx) empty(table string) (bool, error) {
	if none, known := t.quiet[table]; known {
		return none, nil
	}
	var n int64
	found, err := t.db.One([]any{&n}, "SELECT 1 FROM "+table+" LIMIT 1")
	if err == nil && !t.db.Writes() {
		if t.quiet == nil {
			t.quiet = map[string]bool{}
		}
		t.quiet[table] = !found
	}
	return !found, err
}

// holdsWhere reads the holds that a query gives, in the order of their targets.
func (t *Tx) holdsWhere(b *db.Batch, q string, args ...any) ([]*engine.Hold, error) {
	var id int64
	var obj, body []byte
	var out []*engine.Hold
	err := t.db.EachOf(b, []any{&id, &obj, &body}, func() error {
		r := t.rows.Owned(body)
		out = append(out, readHold(r, id, object.ID(obj)))
		return r.Err()
	}, q, args...)
	slices.SortFunc(out, func(a, b *engine.Hold) int { return compareTargets(a.Target, b.Target) })
	return out, err
}

// Holds returns all holds, a page at a time, behind the id after.
func (t *Tx) Holds(after int64, limit int) ([]*engine.Hold, error) {
	out, err := t.holdsWhere(nil, "SELECT id, object, body FROM hold WHERE id > ? ORDER BY id LIMIT ?", after, int64(limit))
	slices.SortFunc(out, func(a, b *engine.Hold) int { return cmp.Compare(a.ID, b.ID) })
	return out, err
}

// WriteHolds stores holds. There is one for a target: a new one takes the
// place of an earlier, except that a guard's never takes a person's. Each
// hold's ID is set; whom it is about is marked to be decided again.
func (t *Tx) WriteHolds(list []*engine.Hold) error {
	have, err := t.holdsOf(objectsOf(list), map[object.ID][]*engine.Hold{})
	if err != nil {
		return err
	}
	for _, h := range list {
		i := slices.IndexFunc(have[h.Target.Object], func(x *engine.Hold) bool { return x.Target == h.Target })
		if i >= 0 {
			old := have[h.Target.Object][i]
			if h.By == engine.ByGuard && old.By != engine.ByGuard {
				h.ID = old.ID
				continue
			}
			if _, err := t.db.Exec("DELETE FROM hold WHERE id = ?", old.ID); err != nil {
				return err
			}
			have[h.Target.Object] = slices.Delete(have[h.Target.Object], i, i+1)
		}
		if h.ID, err = t.rows.Take(layout.HoldID, 1); err != nil {
			return err
		}
		have[h.Target.Object] = append(have[h.Target.Object], h)
		until := int64(0)
		if !h.Until.IsZero() {
			until = h.Until.UnixMicro()
		}
		if _, err := t.db.Exec("INSERT INTO hold (id, object, until_at, body, entry) VALUES (?, ?, ?, ?, ?)", h.ID, h.Target.Object[:], until, appendHold(nil, h), linkOf(h)); err != nil {
			return err
		}
	}
	t.rows.Touched = true
	return t.markHeld(list)
}

// markHeld asks for those to be decided again whom the holds are about.
func (t *Tx) markHeld(list []*engine.Hold) error {
	var linked []object.ID
	for _, h := range list {
		if h.Target.Kind == engine.EntryLink {
			linked = append(linked, h.Target.Entry())
		}
	}
	if err := t.MarkEntries(linked); err != nil {
		return err
	}
	return t.MarkObjects(objectsOf(list))
}

func objectsOf(list []*engine.Hold) []object.ID {
	ids := make([]object.ID, len(list))
	for i, h := range list {
		ids[i] = h.Target.Object
	}
	return ids
}

// linkOf is the id of the entry that a hold on a link is about; nil for others.
func linkOf(h *engine.Hold) []byte {
	if h.Target.Kind != engine.EntryLink {
		return nil
	}
	id := h.Target.Entry()
	return id[:]
}

// EndHolds deletes holds: lifted by a person, or over.
func (t *Tx) EndHolds(list []*engine.Hold) error {
	b := db.NewBatch("i")
	for _, h := range list {
		b.Int(h.ID)
	}
	if b.Len() == 0 {
		return nil
	}
	t.rows.Touched = true
	if _, err := t.db.Feed(b, "DELETE FROM hold WHERE id IN (SELECT c0 FROM @feed)"); err != nil {
		return err
	}
	return t.markHeld(list)
}

// LiftHolds deletes holds because a person wants it: the entries that they kept
// apart may join again.
func (t *Tx) LiftHolds(list []*engine.Hold) error {
	keys, err := t.keptApart(list)
	if err != nil {
		return err
	}
	rows, err := t.rows.RowsOf(keys)
	if err != nil {
		return err
	}
	var moved []layout.Raw
	var ids []object.ID
	for key, w := range rows {
		t.rows.Recut(key, w.Cut, object.ID{})
		w.Cut, w.Flags = object.ID{}, w.Flags&^layout.RowCut
		moved = append(moved, layout.Raw{Key: key, Version: w.Version, Body: w.Append(nil)})
		ids = append(ids, w.ID)
	}
	if err := t.rows.Put(layout.Entries, moved); err != nil {
		return err
	}
	if err := t.MarkEntries(ids); err != nil {
		return err
	}
	return t.EndHolds(list)
}

// keptApart finds the entries that were cut from the objects of the holds: all of
// them for a hold on the whole object, for one on a link its own.
func (t *Tx) keptApart(list []*engine.Hold) (keys []int64, err error) {
	var prefixes [][]byte
	var links []object.ID
	for _, h := range list {
		switch h.Target.Kind {
		case engine.WholeObject:
			prefixes = append(prefixes, h.Target.Object[:])
		case engine.EntryLink:
			links = append(links, h.Target.Entry())
		default:
		}
	}
	err = t.sets.Find(layout.CutFrom, prefixes, func(_ int, rec []byte) { keys = append(keys, layout.U64(rec[16:])) })
	if err != nil || len(links) == 0 {
		return keys, err
	}
	found, err := t.entriesOf(links)
	if err != nil {
		return nil, err
	}
	at, err := t.uncached(layout.EntryIDs, links)
	for _, h := range list {
		if e := found[h.Target.Entry()]; h.Target.Kind == engine.EntryLink && e != nil && e.Cut == h.Target.Object {
			keys = append(keys, at[h.Target.Entry()])
		}
	}
	return keys, err
}

// HoldsDue returns the objects with a hold that ends by time until then.
func (t *Tx) HoldsDue(now time.Time, limit int) ([]object.ID, error) {
	return t.ids("SELECT DISTINCT object FROM hold WHERE until_at > 0 AND until_at <= ? ORDER BY object LIMIT ?", now.UnixMicro(), int64(limit))
}

func (t *Tx) ids(q string, args ...any) ([]object.ID, error) {
	var out []object.ID
	var id []byte
	err := t.db.Each([]any{&id}, func() error {
		if len(id) == 16 {
			out = append(out, object.ID(id))
		}
		return nil
	}, q, args...)
	return out, err
}

// Approve notes changes of an object that a person approved.
func (t *Tx) Approve(obj object.ID, hashes []engine.Hash, by string, at time.Time) error {
	b := db.NewBatch("bbb")
	body := layout.AppendInstant(layout.AppendText(nil, by), at)
	for i := range hashes {
		b.Bytes(obj[:]).Bytes(hashes[i][:]).Bytes(body)
	}
	if b.Len() == 0 {
		return nil
	}
	t.rows.Touched = true
	if _, err := t.db.Feed(b, "INSERT INTO approval (object, hash, body) SELECT c0, c1, c2 FROM @feed WHERE true ON CONFLICT (object, hash) DO NOTHING"); err != nil {
		return err
	}
	return t.MarkObjects([]object.ID{obj})
}

// Approval is who approved a change, and when.
type Approval struct {
	By string // several are parted by commas
	At time.Time
}

// Approvals returns who approved changes of the object, by engine.ChangeHash.
func (t *Tx) Approvals(obj object.ID) (map[engine.Hash]Approval, error) {
	out := map[engine.Hash]Approval{}
	var hash, body []byte
	err := t.db.Each([]any{&hash, &body}, func() error {
		r := t.rows.Reader(body)
		out[engine.Hash(hash)] = Approval{By: r.Text(), At: r.Instant()}
		return r.Err()
	}, "SELECT hash, body FROM approval WHERE object = ?", obj[:])
	return out, err
}

// Unapprove forgets what was approved for an object, once it was accepted or
// no longer holds.
func (t *Tx) Unapprove(objs []object.ID) error {
	if len(objs) == 0 {
		return nil
	}
	_, err := t.db.Feed(idBatch(objs), "DELETE FROM approval WHERE object IN (SELECT c0 FROM @feed)")
	return err
}

// Approved returns the changes of the objects that people approved.
func (t *Tx) Approved(ids []object.ID) (map[object.ID]map[engine.Hash]bool, error) {
	return t.approvedOf(ids, map[object.ID]map[engine.Hash]bool{})
}

func (t *Tx) approvedOf(ids []object.ID, out map[object.ID]map[engine.Hash]bool) (map[object.ID]map[engine.Hash]bool, error) {
	if none, err := t.empty("approval"); err != nil || none {
		return out, err
	}
	var obj, hash []byte
	err := t.db.EachOf(idBatch(ids), []any{&obj, &hash}, func() error {
		id := object.ID(obj)
		if out[id] == nil {
			out[id] = map[engine.Hash]bool{}
		}
		out[id][engine.Hash(hash)] = true
		return nil
	}, "SELECT a.object, a.hash FROM @feed JOIN approval a ON a.object = feed.c0")
	return out, err
}

// MarkObjects asks for the objects to be decided again.
func (t *Tx) MarkObjects(ids []object.ID) error {
	if len(ids) == 0 {
		return nil
	}
	mark, err := t.rows.Take(layout.Tick, 1)
	if err != nil {
		return err
	}
	for i := range ids {
		t.sets.Add(layout.DirtyObject, layout.BE64(append([]byte(nil), ids[i][:]...), mark))
	}
	return nil
}

// MarkEntries asks for the entries to be decided again.
func (t *Tx) MarkEntries(ids []object.ID) error {
	keys, err := t.find(layout.EntryIDs, &t.store.entryKeys, ids)
	if err != nil || len(keys) == 0 {
		return err
	}
	mark, err := t.rows.Take(layout.Tick, 1)
	if err != nil {
		return err
	}
	list := make([]int64, 0, len(keys))
	for _, k := range keys {
		list = append(list, k)
	}
	rows, err := t.rows.RowsOf(list)
	for k, w := range rows {
		t.sets.Add(layout.DirtyOrder, layout.BE64(layout.OrderRec(nil, layout.ConnOf(k), []byte(w.Anchor), k), mark))
	}
	return err
}

// DirtyObjects returns objects that are to be decided again, behind after.
func (t *Tx) DirtyObjects(after object.ID, limit int) ([]object.ID, error) {
	var out []object.ID
	err := t.sets.Scan(layout.DirtyObject, after[:], nil, func(rec []byte) bool {
		id := object.ID(rec[:16])
		if id != after && (len(out) == 0 || out[len(out)-1] != id) {
			if len(out) == limit {
				return false
			}
			out = append(out, id)
		}
		return true
	})
	return out, err
}

// MarkedSince returns which of the objects and entries were marked to be decided
// again after the moment, but for the marks that are own.
func (t *Tx) MarkedSince(moment int64, objs, entries []object.ID, own Marks) (map[object.ID]bool, error) {
	out := map[object.ID]bool{}
	others := func(rec []byte) bool {
		mark := layout.U64(rec[len(rec)-8:])
		return mark > moment && !own[mark]
	}
	var prefixes [][]byte
	for i := range objs {
		prefixes = append(prefixes, objs[i][:])
	}
	err := t.sets.Find(layout.DirtyObject, prefixes, func(i int, rec []byte) { out[objs[i]] = out[objs[i]] || others(rec) })
	if err != nil || len(entries) == 0 {
		return out, err
	}
	keys, err := t.find(layout.EntryIDs, &t.store.entryKeys, entries)
	if err != nil {
		return nil, err
	}
	list := make([]int64, 0, len(keys))
	for _, k := range keys {
		list = append(list, k)
	}
	rows, err := t.rows.RowsOf(list)
	if err != nil {
		return nil, err
	}
	var ids []object.ID
	prefixes = nil
	for id, k := range keys {
		if w := rows[k]; w != nil {
			ids = append(ids, id)
			prefixes = append(prefixes, layout.OrderRec(nil, layout.ConnOf(k), []byte(w.Anchor), k))
		}
	}
	err = t.sets.Find(layout.DirtyOrder, prefixes, func(i int, rec []byte) { out[ids[i]] = out[ids[i]] || others(rec) })
	return out, err
}

// Marks are marks that one plan set.
type Marks map[int64]bool

// Marking calls fn and adds the marks that it set to own.
func (t *Tx) Marking(own Marks, fn func() error) error {
	from, err := t.Now()
	if err != nil {
		return err
	}
	if err := fn(); err != nil {
		return err
	}
	to, err := t.Now()
	for m := from + 1; m <= to; m++ {
		own[m] = true
	}
	return err
}

// Now names a moment between changes: what was marked to be decided again up to
// it, a plan begun then has decided.
func (t *Tx) Now() (int64, error) { return t.rows.Count(layout.Tick) }

// Decided takes the marks off that were set up to the moment: the plan that
// was begun then has decided those entries and objects.
func (t *Tx) Decided(connectors []string, upTo int64) error {
	for _, name := range connectors {
		c, err := t.rows.Connector(name)
		if err != nil {
			return err
		}
		if c.DecideAll && c.Released <= upTo {
			c.DecideAll = false
		}
		var done [][]byte
		err = t.sets.Scan(layout.DirtyOrder, layout.BE32(nil, c.Sym), layout.BE32(nil, c.Sym+1), func(rec []byte) bool {
			if layout.U64(rec[len(rec)-8:]) <= upTo {
				done = append(done, slices.Clone(rec))
			}
			return true
		})
		if err != nil {
			return err
		}
		for _, rec := range done {
			t.sets.Drop(layout.DirtyOrder, rec)
		}
	}
	var done [][]byte
	err := t.sets.Scan(layout.DirtyObject, nil, nil, func(rec []byte) bool {
		if layout.U64(rec[16:]) <= upTo {
			done = append(done, slices.Clone(rec))
		}
		return true
	})
	for _, rec := range done {
		t.sets.Drop(layout.DirtyObject, rec)
	}
	return err
}
