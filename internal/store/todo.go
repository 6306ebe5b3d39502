package store

import (
	"encoding/binary"
	"errors"
	"slices"
	"time"

	"muster/internal/base/object"
	"muster/internal/store/db"
	"muster/internal/store/layout"
	"muster/internal/sync/space"
)

func appendPending(b []byte, list []space.Pending) []byte {
	b = binary.AppendUvarint(b, uint64(len(list)))
	for i := range list {
		p := &list[i]
		b = append(layout.AppendText(b, p.Name), p.Target[:]...)
		b = layout.AppendSet(layout.AppendSet(layout.AppendSet(b, p.Before), p.Want), p.Found)
		b = append(b, byte(p.State))
		b = binary.AppendUvarint(binary.AppendUvarint(b, uint64(p.Tries)), uint64(p.Errors))
		b = layout.AppendInstant(layout.AppendText(b, p.Fault), p.First)
		b = binary.AppendUvarint(binary.AppendUvarint(b, uint64(p.SentNo)), uint64(p.Plan))
	}
	return b
}

func readPending(r *layout.Reader) []space.Pending {
	out := make([]space.Pending, r.Count())
	for i := range out {
		out[i] = space.Pending{Name: r.Text(), Target: r.ID(), Before: r.Values(), Want: r.Values(), Found: r.Values(),
			State: space.State(r.Byte()), Tries: int(r.Uvarint()), Errors: int(r.Uvarint()), Fault: r.Text(), First: r.Instant(),
			SentNo: int64(r.Uvarint()), Plan: int64(r.Uvarint())}
	}
	return out
}

// stage returns the state under which an entry's changes are found: the one
// that asks for attention first.
func stage(list []space.Pending) space.State {
	best := space.Contested
	for i := range list {
		if rank(list[i].State) < rank(best) {
			best = list[i].State
		}
	}
	return best
}

func rank(s space.State) int {
	return slices.Index([]space.State{space.Waiting, space.Failed, space.Unknown, space.Sent, space.Contested}, s)
}

const todoColumns = "(key, conn, state, sent_no, plan, chunk, pos, body)"

func (t *Tx) writeTodos(b *db.Batch) error {
	if b.Len() == 0 {
		return nil
	}
	_, err := t.db.Feed(b, "INSERT INTO todo "+todoColumns+` SELECT c0, c1, c2, c3, c4, c5, c6, c7 FROM @feed WHERE true
 ON CONFLICT (key) DO UPDATE SET state = excluded.state, sent_no = excluded.sent_no, plan = excluded.plan, chunk = excluded.chunk, pos = excluded.pos, body = excluded.body`)
	return err
}

// busy leaves out the entries of connectors that have nothing on its way, as
// sources have.
func (t *Tx) busy(keys []int64) ([]int64, error) {
	idle := t.idle
	if idle == nil {
		idle = map[uint32]bool{}
	}
	out := keys[:0]
	for _, k := range keys {
		sym := layout.ConnOf(k)
		quiet, known := idle[sym]
		if !known {
			var n int64
			found, err := t.db.One([]any{&n}, "SELECT key FROM todo WHERE conn = ? ORDER BY state, key LIMIT 1" /* by the index */, int64(sym))
			if err != nil {
				return nil, err
			}
			quiet = !found
			idle[sym] = quiet
		}
		if !quiet {
			out = append(out, k)
		}
	}
	if !t.db.Writes() {
		t.idle = idle
	}
	return out, nil
}

// Pending returns entries of a connector with changes in one of the states,
// whole, behind the cursor after (0 begins), and the cursor for the next call;
// 0 when there are no more.
func (t *Tx) Pending(connector string, states []space.State, after int64, limit int) ([]*space.Entry, int64, error) {
	keys, err := t.pendingKeys(connector, states, after, limit)
	return pendingPage(keys, err, after, limit, func(keys []int64) (map[int64]*space.Entry, error) { return t.entriesByKey(keys, nil) })
}

// Outgoing is Pending without the values and references that are there already:
// what sending takes.
func (t *Tx) Outgoing(connector string, states []space.State, after int64, limit int) ([]*space.Entry, int64, error) {
	keys, err := t.pendingKeys(connector, states, after, limit)
	return pendingPage(keys, err, after, limit, t.headsAt)
}

// Unanswered is Outgoing for the entries of some of whose changes the outcome is
// not known, whatever becomes of the others.
func (t *Tx) Unanswered(connector string, after int64, limit int) ([]*space.Entry, int64, error) {
	sym, err := t.rows.Known(connector)
	if err != nil || sym == 0 {
		return nil, 0, err
	}
	var keys []int64
	var k int64
	err = t.db.Each([]any{&k}, func() error { keys = append(keys, k); return nil },
		`SELECT key FROM todo WHERE conn = ? AND state = ? AND key > ?
 UNION ALL SELECT key FROM todo WHERE conn = ? AND state IN (?, ?) AND sent_no > 0 AND key > ? ORDER BY key LIMIT ?`,
		int64(sym), int64(space.Unknown), after, int64(sym), int64(space.Waiting), int64(space.Failed), after, int64(limit))
	list, next, err := pendingPage(keys, err, after, limit, t.headsAt)
	return slices.DeleteFunc(list, func(e *space.Entry) bool {
		return !slices.ContainsFunc(e.Pending, func(p space.Pending) bool { return p.State == space.Unknown })
	}), next, err
}

const (
	pageEntries = 256   // that a page of pending entries reads at once
	pageChanges = 10000 // on their way, with which a page ends: large groups have as many each
)

// pendingPage reads as many of the entries as a page takes, unless listing them
// failed.
func pendingPage(keys []int64, err error, after int64, limit int, read func([]int64) (map[int64]*space.Entry, error)) ([]*space.Entry, int64, error) {
	if err != nil {
		return nil, 0, err
	}
	full := len(keys) >= limit
	var out []*space.Entry
	changes := 0
	for len(keys) > 0 && changes < pageChanges {
		some := keys[:min(len(keys), pageEntries)]
		keys = keys[len(some):]
		got, err := read(some)
		if err != nil {
			return nil, 0, err
		}
		for _, k := range some {
			if e := got[k]; e != nil {
				out = append(out, e)
				changes += len(e.Pending)
			}
		}
		after = some[len(some)-1]
	}
	if len(keys) == 0 && !full {
		after = 0
	}
	return out, after, nil
}

// pendingKeys returns the keys of entries with changes in one of the states, in
// order.
func (t *Tx) pendingKeys(connector string, states []space.State, after int64, limit int) ([]int64, error) {
	sym, err := t.rows.Known(connector)
	if err != nil || sym == 0 {
		return nil, err
	}
	var keys []int64
	for _, st := range states {
		var k int64
		err := t.db.Each([]any{&k}, func() error { keys = append(keys, k); return nil },
			"SELECT key FROM todo WHERE conn = ? AND state = ? AND key > ? ORDER BY key LIMIT ?", int64(sym), int64(st), after, int64(limit))
		if err != nil {
			return nil, err
		}
	}
	slices.Sort(keys)
	return keys[:min(len(keys), limit)], nil
}

// PendingNow returns what is on its way for the entries, by their ids.
func (t *Tx) PendingNow(entries []*space.Entry) (map[object.ID][]space.Pending, error) {
	w := t.Writer(0)
	keys := make([]int64, len(entries))
	for i, e := range entries {
		var err error
		if keys[i], err = w.entryKey(e.ID); err != nil && !errors.Is(err, errUnknown) {
			return nil, err
		}
	}
	list, err := t.pendingOf(keys, false)
	if err != nil {
		return nil, err
	}
	out := make(map[object.ID][]space.Pending, len(list))
	for i, e := range entries {
		if p := list[keys[i]]; keys[i] != 0 && len(p) > 0 {
			out[e.ID] = p
		}
	}
	return out, nil
}

// SendNo begins a batch of sending: its number is later than any import that
// began before.
func (t *Tx) SendNo() (int64, error) { return t.rows.Take(layout.SentNo, 1) }

// MarkSent notes that the entries' changes are being handed over, before they
// are: in the state and with the numbers that list says. It is one small
// commit, and durable.
func (t *Tx) MarkSent(list []*space.Entry) error { return t.SetPending(list) }

// Answer is what became of an account that a system took.
type Answer struct {
	Entry  object.ID
	Anchor string // what the system calls it; "" if it did not say
}

// Named notes what systems call the accounts that they took.
func (t *Tx) Named(list []Answer) error {
	w := t.Writer(0)
	list = slices.DeleteFunc(slices.Clone(list), func(a Answer) bool { return a.Anchor == "" })
	keys := make([]int64, len(list))
	for i, a := range list {
		var err error
		if keys[i], err = w.entryKey(a.Entry); err != nil {
			return err
		}
	}
	rows, err := t.rows.RowsOf(keys)
	if err != nil {
		return err
	}
	for i, a := range list {
		key := keys[i]
		r := rows[key]
		if r == nil || r.Anchor == a.Anchor {
			continue
		}
		sym := layout.ConnOf(key)
		t.sets.Drop(layout.EntryOrder, layout.OrderRec(nil, sym, []byte(r.Anchor), key))
		t.sets.Add(layout.EntryOrder, layout.OrderRec(nil, sym, []byte(a.Anchor), key))
		t.sets.Drop(layout.Nameless, layout.BE64(nil, key))
		id := space.EntryID(t.rows.Name(sym), a.Anchor)
		t.sets.Add(layout.EntryIDs, layout.BE64(append([]byte(nil), id[:]...), key))
		r.Anchor = a.Anchor
		w.putRow(r)
	}
	t.rows.Touched = true
	return w.Flush()
}

// linkRecs returns the keys of the objects that the entry is linked to.
func (t *Tx) linkRecs(key int64) ([]int64, error) {
	var out []int64
	err := t.sets.Find(layout.LinksOut, [][]byte{layout.BE64(nil, key)}, func(_ int, rec []byte) { out = append(out, layout.U64(rec[8:])) })
	return out, err
}

// parentOf finds the entry above a DN; 0 and the whole DN if there is none.
func (t *Tx) parentOf(c *layout.Connector, dn string) (parent int64, rdn string, err error) {
	rdn, up := object.SplitDN(dn)
	if up == "" {
		return 0, dn, nil
	}
	at, err := t.entryAtDN(c, up)
	if err != nil || at == 0 {
		return 0, dn, err
	}
	return at, rdn, nil
}

func (t *Tx) entryAtDN(c *layout.Connector, dn string) (int64, error) {
	folded := string(layout.BE32(nil, c.Sym)) + object.Fold(dn)
	if k, ok := t.atDN[folded]; ok {
		return k, nil
	}
	parent, rdn, err := t.parentOf(c, dn)
	if err != nil {
		return 0, err
	}
	var key int64
	hashes := [][16]byte{layout.DNHash(int64(layout.PlaceOf(parent)), rdn)}
	if parent != 0 {
		hashes = append(hashes, layout.DNHash(0, dn))
	}
	for _, h := range hashes {
		err := t.sets.Find(layout.EntryNames, [][]byte{layout.DNPrefix(c.Sym, h)}, func(_ int, rec []byte) { key = layout.U64(rec[20:]) })
		if err != nil || key != 0 {
			break
		}
	}
	if t.atDN == nil {
		t.atDN = map[string]int64{}
	}
	if err == nil && key != 0 {
		t.atDN[folded] = key
	}
	return key, err
}

// EntryAt returns the id of the entry that a connector calls by the anchor or,
// with an empty anchor, by the DN; zero if there is none.
func (t *Tx) EntryAt(connector, anchor, dn string) (object.ID, error) {
	c, err := t.rows.Connector(connector)
	if err != nil || c == nil {
		return object.ID{}, err
	}
	var key int64
	if anchor != "" {
		id := space.EntryID(connector, anchor)
		keys, err := t.uncached(layout.EntryIDs, []object.ID{id})
		if err != nil {
			return object.ID{}, err
		}
		key = keys[id]
	} else if key, err = t.entryAtDN(c, dn); err != nil {
		return object.ID{}, err
	}
	if key == 0 {
		return object.ID{}, nil
	}
	rows, err := t.rows.RowsOf([]int64{key})
	if err != nil || rows[key] == nil {
		return object.ID{}, err
	}
	return rows[key].ID, nil
}

// DueObjects returns objects whose time has come.
func (t *Tx) DueObjects(now time.Time, limit int) ([]object.ID, error) {
	var keys []int64
	err := t.sets.Scan(layout.DueTimes, nil, layout.BE64(nil, now.UnixMicro()+1), func(rec []byte) bool {
		keys = append(keys, layout.U64(rec[8:]))
		return len(keys) < limit
	})
	if err != nil {
		return nil, err
	}
	ids, err := t.rows.ObjectIDsOf(slices.Clone(keys))
	var out []object.ID
	for _, k := range keys {
		if id, ok := ids[k]; ok {
			out = append(out, id)
		}
	}
	return out, err
}
