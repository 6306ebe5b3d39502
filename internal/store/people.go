package store

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"muster/internal/base/object"
	"muster/internal/store/db"
	"muster/internal/store/layout"
	"muster/internal/sync/engine"
	"muster/internal/sync/metaverse"
)

// SetWaiting writes for each object what would change if nothing were held;
// no changes take it off the list.
func (t *Tx) SetWaiting(list map[object.ID][]engine.Change) error {
	put, drop := db.NewBatch("bb"), db.NewBatch("b")
	for id, changes := range list {
		key := append([]byte(nil), id[:]...)
		if len(changes) == 0 {
			drop.Bytes(key)
			continue
		}
		u := engine.Unit{Object: id, Changes: changes}
		for range changes {
			u.Origins = append(u.Origins, metaverse.Origin{})
		}
		put.Bytes(key).Bytes(u.Append(nil))
	}
	if drop.Len() > 0 {
		if _, err := t.db.Feed(drop, "DELETE FROM waiting WHERE object IN (SELECT c0 FROM @feed)"); err != nil {
			return err
		}
	}
	if put.Len() == 0 {
		return nil
	}
	_, err := t.db.Feed(put, "INSERT INTO waiting (object, body) SELECT c0, c1 FROM @feed WHERE true ON CONFLICT (object) DO UPDATE SET body = excluded.body")
	return err
}

// Waiting is an object with changes that wait for people.
type Waiting struct {
	Object  object.ID
	Changes []engine.Change
}

// WaitingObjects returns the waiting list behind an object, in order.
func (t *Tx) WaitingObjects(after object.ID, limit int) ([]Waiting, error) {
	var out []Waiting
	var id, body []byte
	err := t.db.Each([]any{&id, &body}, func() error {
		r := object.NewReader(append([]byte(nil), body...))
		u := engine.ReadUnit(r)
		out = append(out, Waiting{Object: object.ID(id), Changes: u.Changes})
		return r.Err()
	}, "SELECT object, body FROM waiting WHERE object > ? ORDER BY object LIMIT ?", after[:], int64(limit))
	return out, err
}

// SetQueued writes entries that wait for a person to say whom they join; gone
// are those that wait no more.
func (t *Tx) SetQueued(list []engine.Queued, gone []object.ID) error {
	ids := slices.Clone(gone)
	for i := range list {
		ids = append(ids, list[i].Entry)
	}
	keys, err := t.find(layout.EntryIDs, &t.store.entryKeys, ids)
	if err != nil {
		return err
	}
	put, drop := db.NewBatch("ib"), db.NewBatch("i")
	for _, id := range gone {
		if k, ok := keys[id]; ok {
			drop.Int(k)
		}
	}
	for i := range list {
		q := &list[i]
		k, ok := keys[q.Entry]
		if !ok {
			continue
		}
		b := appendFlag(layout.AppendText(nil, q.Rule), q.Taken)
		b = binary.AppendUvarint(b, uint64(len(q.Candidates)))
		for j := range q.Candidates {
			b = append(b, q.Candidates[j][:]...)
		}
		put.Int(k).Bytes(b)
	}
	if drop.Len() > 0 {
		if _, err := t.db.Feed(drop, "DELETE FROM queue WHERE entry IN (SELECT c0 FROM @feed)"); err != nil {
			return err
		}
	}
	if put.Len() == 0 {
		return nil
	}
	_, err = t.db.Feed(put, "INSERT INTO queue (entry, body) SELECT c0, c1 FROM @feed WHERE true ON CONFLICT (entry) DO UPDATE SET body = excluded.body")
	return err
}

// Queued returns the join queue.
func (t *Tx) Queued(limit int) ([]engine.Queued, error) {
	var raw []layout.Raw
	var x layout.Raw
	err := t.db.Each([]any{&x.Key, &x.Body}, func() error {
		raw = append(raw, layout.Raw{Key: x.Key, Body: append([]byte(nil), x.Body...)})
		return nil
	}, "SELECT entry, body FROM queue ORDER BY entry LIMIT ?", int64(limit))
	if err != nil {
		return nil, err
	}
	keys := make([]int64, len(raw))
	for i := range raw {
		keys[i] = raw[i].Key
	}
	ids, err := t.rows.EntryIDsOf(keys)
	if err != nil {
		return nil, err
	}
	var out []engine.Queued
	for _, x := range raw {
		r := t.rows.Reader(x.Body)
		q := engine.Queued{Entry: ids[x.Key], Rule: r.Text(), Taken: r.Byte() == 1}
		for range r.Count() {
			q.Candidates = append(q.Candidates, r.ID())
		}
		if r.Bad {
			return nil, layout.ErrDamaged
		}
		out = append(out, q)
	}
	return out, nil
}

// SetOffers writes by which keys unlinked entries ask to join; no keys take an
// entry out.
func (t *Tx) SetOffers(list map[object.ID][]engine.Key) error {
	ids := make([]object.ID, 0, len(list))
	for id := range list {
		ids = append(ids, id)
	}
	keys, err := t.find(layout.EntryIDs, &t.store.entryKeys, ids)
	if err != nil {
		return err
	}
	var prefixes [][]byte
	for _, k := range keys {
		prefixes = append(prefixes, layout.BE64(nil, k))
	}
	err = t.sets.Find(layout.OffersOf, prefixes, func(_ int, rec []byte) {
		t.sets.Drop(layout.OffersOf, rec)
		t.sets.Drop(layout.Offers, append(append([]byte(nil), rec[8:]...), rec[:8]...))
	})
	if err != nil {
		return err
	}
	for id, wanted := range list {
		k, ok := keys[id]
		if !ok {
			continue
		}
		for _, w := range wanted {
			typ, err := t.rows.Sym(w.Type)
			if err != nil {
				return err
			}
			attr, err := t.rows.Sym(w.Attr)
			if err != nil {
				return err
			}
			rec := keyRec(typ, attr, w.Value, k)
			t.sets.Add(layout.Offers, rec)
			t.sets.Add(layout.OffersOf, append(layout.BE64(nil, k), rec[:16]...))
		}
	}
	return nil
}

// Run is one run of a profile or part of it: what it did, in MIM's words.
type Run struct {
	No       int64            `json:"-"`
	Started  time.Time        `json:"-"`
	Ended    time.Time        `json:"-"`
	Done     bool             `json:"-"`
	Name     string           `json:"name"`
	Step     string           `json:"step"`             // where a run that was stopped goes on
	Cursor   string           `json:"cursor,omitempty"` // within the step
	Counters map[string]int64 `json:"counters,omitempty"`
	Result   string           `json:"result,omitempty"` // MIM's: success, completed-sync-errors, …
	By       string           `json:"by,omitempty"`
}

// SaveRun writes a run; a run without a number gets one.
func (t *Tx) SaveRun(r *Run) error {
	body, err := json.Marshal(r)
	if err != nil {
		return err
	}
	ended, state := int64(0), int64(0)
	if !r.Ended.IsZero() {
		ended = r.Ended.UnixMicro()
	}
	if r.Done {
		state = 1
	}
	if r.No == 0 {
		if r.No, err = t.rows.Take(layout.RunNo, 1); err != nil {
			return err
		}
		_, err = t.db.Exec("INSERT INTO run (no, started, ended, state, body) VALUES (?, ?, ?, ?, ?)", r.No, r.Started.UnixMicro(), ended, state, body)
		return err
	}
	_, err = t.db.Exec("UPDATE run SET ended = ?, state = ?, body = ? WHERE no = ?", ended, state, body, r.No)
	return err
}

// Runs returns runs before a number, newest first; 0 begins at the newest.
func (t *Tx) Runs(before int64, limit int) ([]Run, error) {
	if before == 0 {
		before = 1 << 62
	}
	return t.runs("WHERE no < ? ORDER BY no DESC LIMIT ?", before, int64(limit))
}

// UnfinishedRuns returns runs that were begun and not ended.
func (t *Tx) UnfinishedRuns() ([]Run, error) { return t.runs("WHERE state = 0 ORDER BY no") }

func (t *Tx) runs(cond string, args ...any) ([]Run, error) {
	var out []Run
	var no, started, ended, state int64
	var body []byte
	err := t.db.Each([]any{&no, &started, &ended, &state, &body}, func() error {
		r := Run{No: no, Started: instant(started), Ended: instant(ended), Done: state == 1}
		if err := json.Unmarshal(body, &r); err != nil {
			return err
		}
		out = append(out, r)
		return nil
	}, "SELECT no, started, ended, state, body FROM run "+cond, args...)
	return out, err
}

// AddRunErrors keeps what failed in a run.
func (t *Tx) AddRunErrors(run int64, list []engine.ObjectFault) error {
	var n int64
	if _, err := t.db.One([]any{&n}, "SELECT count(*) FROM run_error WHERE run = ?", run); err != nil {
		return err
	}
	b := db.NewBatch("iib")
	for i := range list {
		body, err := json.Marshal(&list[i])
		if err != nil {
			return err
		}
		b.Int(run).Int(n + int64(i)).Bytes(body)
	}
	return t.db.Load("run_error", []string{"run", "no", "body"}, b)
}

// RunErrors returns what failed in a run.
func (t *Tx) RunErrors(run int64, after int64, limit int) ([]engine.ObjectFault, error) {
	var out []engine.ObjectFault
	var body []byte
	err := t.db.Each([]any{&body}, func() error {
		var f engine.ObjectFault
		if err := json.Unmarshal(body, &f); err != nil {
			return err
		}
		out = append(out, f)
		return nil
	}, "SELECT body FROM run_error WHERE run = ? AND no >= ? ORDER BY no LIMIT ?", run, after, int64(limit))
	return out, err
}

// ErrNoSetting says that a setting was never written.
var ErrNoSetting = errors.New("no such setting")

// Setting reads a setting.
func (t *Tx) Setting(name string) ([]byte, error) {
	var v []byte
	found, err := t.db.One([]any{&v}, "SELECT value FROM setting WHERE name = ?", []byte(name))
	if err == nil && !found {
		err = ErrNoSetting
	}
	return v, err
}

// SetSetting writes a setting.
func (t *Tx) SetSetting(name string, value []byte) error {
	if value == nil {
		value = []byte{}
	}
	_, err := t.db.Exec("INSERT INTO setting (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value", []byte(name), value)
	return err
}
