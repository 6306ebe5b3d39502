package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"muster/internal/base/object"
	"muster/internal/store/db"
	"muster/internal/store/layout"
	"muster/internal/store/units"
	"muster/internal/sync/engine"
)

// PlanState is where a plan is.
type PlanState int64

// The states of a plan. The numbers are stored.
const (
	PlanDeciding  PlanState = iota // units are being written
	PlanReady                      // complete; waits to be accepted
	PlanAccepting                  // some chunks are accepted
	PlanAccepted
	PlanDropped // overtaken or turned down
)

// Plan is a plan without its units.
type Plan struct {
	No         int64            `json:"-"`
	State      PlanState        `json:"-"`
	Started    time.Time        `json:"-"`
	Ended      time.Time        `json:"-"`
	Accepted   int64            `json:"-"` // chunks accepted so far: where to go on
	Units      int64            `json:"-"`
	Hash       engine.Hash      `json:"-"`
	Kind       string           `json:"kind"`
	Author     string           `json:"author,omitempty"`
	Rules      string           `json:"rules,omitempty"` // version of the rules
	Trigger    string           `json:"trigger,omitempty"`
	Generation int64            `json:"generation"` // Tx.Generation when deciding began
	Moment     int64            `json:"moment"`     // Tx.Now when deciding began
	Counts     map[string]int64 `json:"counts,omitempty"`
}

// UnitState is where a unit that left its chunk's way is.
type UnitState int64

// The states of a unit. The numbers are stored.
const (
	UnitHeld UnitState = iota
	UnitFailed
	UnitRejected
	UnitApproved
	UnitOvertaken // its basis moved; it is decided again
)

// UnitMark is the state of one unit of a plan that did not go with its chunk.
type UnitMark struct {
	Object object.ID
	Chunk  int64
	Place  int
	State  UnitState
	Note   string
}

// PlanWriter writes a plan's units as they are decided.
type PlanWriter struct {
	store *Store
	ctx   context.Context // a plan is written within one call of run
	plan  Plan
	pack  units.Packer
	next  int64
	batch *db.Batch
	bytes int
}

// NewPlan begins a plan. Its number is set.
func (s *Store) NewPlan(ctx context.Context, p Plan) (*PlanWriter, error) {
	w := &PlanWriter{store: s, ctx: ctx, plan: p, batch: db.NewBatch("iibb")}
	err := s.People(ctx, func(t *Tx) error {
		no, err := t.rows.Take(layout.PlanNo, 1)
		if err != nil {
			return err
		}
		w.plan.No, w.plan.State = no, PlanDeciding
		body, err := json.Marshal(&w.plan)
		if err != nil {
			return err
		}
		_, err = t.db.Exec("INSERT INTO plan (no, state, started, ended, accepted, units, hash, body) VALUES (?, ?, ?, 0, 0, 0, ?, ?)",
			no, int64(PlanDeciding), p.Started.UnixMicro(), []byte{}, body)
		return err
	})
	return w, err
}

// No returns the plan's number.
func (w *PlanWriter) No() int64 { return w.plan.No }

// Add adds a unit and returns where it is.
func (w *PlanWriter) Add(u *engine.Unit) (chunk int64, place int, err error) {
	return w.AddEncoded(units.Encode([]*engine.Unit{u})[0])
}

// AddEncoded adds a unit that was encoded before.
func (w *PlanWriter) AddEncoded(e units.Encoded) (chunk int64, place int, err error) {
	chunk, place = w.next, w.pack.Len()
	w.pack.Add(e)
	w.plan.Units++
	if w.pack.Len() == units.InChunk {
		err = w.cut()
	}
	return chunk, place, err
}

// cut ends a chunk.
func (w *PlanWriter) cut() error {
	if w.pack.Len() == 0 {
		return nil
	}
	hashes, body := w.pack.Take()
	w.batch.Int(w.plan.No).Int(w.next).Bytes(hashes).Bytes(body)
	w.bytes += len(body)
	w.next++
	if w.bytes < 4<<20 {
		return nil
	}
	return w.write()
}

func (w *PlanWriter) write() error {
	err := w.store.Bulk(w.ctx, func(t *Tx) error {
		return t.db.Load("plan_chunk", []string{"plan", "no", "hashes", "body"}, w.batch)
	})
	w.batch.Reset()
	w.bytes = 0
	return err
}

// End completes the plan.
func (w *PlanWriter) End(hash engine.Hash, counts map[string]int64, at time.Time) (Plan, error) {
	if err := w.cut(); err != nil {
		return w.plan, err
	}
	w.plan.Hash, w.plan.Counts, w.plan.Ended, w.plan.State = hash, counts, at, PlanReady
	body, err := json.Marshal(&w.plan)
	if err != nil {
		return w.plan, err
	}
	err = w.store.Bulk(w.ctx, func(t *Tx) error {
		if err := t.db.Load("plan_chunk", []string{"plan", "no", "hashes", "body"}, w.batch); err != nil {
			return err
		}
		_, err := t.db.Exec("UPDATE plan SET state = ?, ended = ?, units = ?, hash = ?, body = ? WHERE no = ?",
			int64(PlanReady), at.UnixMicro(), w.plan.Units, hash[:], body, w.plan.No)
		return err
	})
	return w.plan, err
}

const planColumns = "SELECT no, state, started, ended, accepted, units, hash, body FROM plan "

func (t *Tx) plans(cond string, args ...any) ([]Plan, error) {
	var out []Plan
	var p Plan
	var state, started, ended int64
	var hash, body []byte
	err := t.db.Each([]any{&p.No, &state, &started, &ended, &p.Accepted, &p.Units, &hash, &body}, func() error {
		x := Plan{No: p.No, Accepted: p.Accepted, Units: p.Units, State: PlanState(state), Started: instant(started), Ended: instant(ended)}
		copy(x.Hash[:], hash)
		if err := json.Unmarshal(body, &x); err != nil {
			return fmt.Errorf("plan %d: %w", p.No, err)
		}
		out = append(out, x)
		return nil
	}, planColumns+cond, args...)
	return out, err
}

func instant(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

// ErrNoPlan says that there is no plan with the number.
var ErrNoPlan = errors.New("there is no such plan")

// Plan returns a plan.
func (t *Tx) Plan(no int64) (Plan, error) {
	list, err := t.plans("WHERE no = ?", no)
	if err == nil && len(list) == 0 {
		err = fmt.Errorf("plan %d: %w", no, ErrNoPlan)
	}
	if err != nil {
		return Plan{}, err
	}
	return list[0], nil
}

// Plans returns plans before a number, newest first; 0 begins at the newest.
func (t *Tx) Plans(before int64, limit int) ([]Plan, error) {
	if before == 0 {
		before = 1 << 62
	}
	return t.plans("WHERE no < ? ORDER BY no DESC LIMIT ?", before, int64(limit))
}

// SetPlanState moves a plan on; accepted is how many chunks are done.
func (t *Tx) SetPlanState(no int64, state PlanState, accepted int64) error {
	_, err := t.db.Exec("UPDATE plan SET state = ?, accepted = ? WHERE no = ?", int64(state), accepted, no)
	return err
}

// Progress is how much of a plan is accepted.
type Progress struct{ Plan, Chunks int64 }

// FirstOpen returns the number of the first plan of which more may be accepted.
func (t *Tx) FirstOpen() (int64, error) {
	var no int64
	_, err := t.db.One([]any{&no}, "SELECT coalesce((SELECT min(no) FROM plan WHERE state IN (?, ?, ?)), (SELECT max(no) + 1 FROM plan), 1)",
		int64(PlanDeciding), int64(PlanReady), int64(PlanAccepting))
	return no, err
}

// Accepted tells what was accepted of the plans from a number on. As long as it
// stays the same, no plan has changed what is to be sent.
func (t *Tx) Accepted(from int64) ([]Progress, error) {
	var out []Progress
	var p Progress
	err := t.db.Each([]any{&p.Plan, &p.Chunks}, func() error {
		out = append(out, p)
		return nil
	}, "SELECT no, accepted FROM plan WHERE no >= ? AND accepted > 0 ORDER BY no", from)
	return out, err
}

// MarkUnits stores the states of units that do not go with their chunk.
func (t *Tx) MarkUnits(plan int64, list []UnitMark) error {
	b := db.NewBatch("ibiiib")
	for i := range list {
		u := &list[i]
		b.Int(plan).Bytes(u.Object[:]).Int(u.Chunk).Int(int64(u.Place)).Int(int64(u.State)).Text(u.Note)
	}
	if b.Len() == 0 {
		return nil
	}
	_, err := t.db.Feed(b, `INSERT INTO unit (plan, object, chunk, pos, state, note) SELECT c0, c1, c2, c3, c4, c5 FROM @feed WHERE true
 ON CONFLICT (plan, object) DO UPDATE SET state = excluded.state, note = excluded.note`)
	return err
}

// UnitMarks returns the marked units of a plan, in the order of objects.
func (t *Tx) UnitMarks(plan int64) ([]UnitMark, error) {
	var out []UnitMark
	var obj, note []byte
	var chunk, pos, state int64
	err := t.db.Each([]any{&obj, &chunk, &pos, &state, &note}, func() error {
		out = append(out, UnitMark{Object: object.ID(obj), Chunk: chunk, Place: int(pos), State: UnitState(state), Note: string(note)})
		return nil
	}, "SELECT object, chunk, pos, state, note FROM unit WHERE plan = ? ORDER BY object", plan)
	return out, err
}

// Moved returns those of the basis that are no longer as they were.
func (t *Tx) Moved(basis []engine.Basis) ([]engine.Basis, error) {
	var objs, ents []object.ID
	for _, b := range basis {
		if b.Object {
			objs = append(objs, b.ID)
		} else {
			ents = append(ents, b.ID)
		}
	}
	rows, err := t.headsOf(objs)
	if err != nil {
		return nil, err
	}
	keys, err := t.find(layout.EntryIDs, &t.store.entryKeys, ents)
	if err != nil {
		return nil, err
	}
	list := make([]int64, 0, len(keys))
	for _, k := range keys {
		list = append(list, k)
	}
	entryRows, err := t.rows.RowsOf(list)
	if err != nil {
		return nil, err
	}
	var out []engine.Basis
	for _, b := range basis {
		now := int64(0)
		if b.Object {
			if w := rows[b.ID]; w != nil {
				now = w.obj.Version
			}
		} else if w := entryRows[keys[b.ID]]; w != nil {
			now = w.Version
		}
		if now != b.Version {
			out = append(out, b)
		}
	}
	return out, nil
}

// Event is one unit of an object that was accepted.
type Event struct {
	Plan  int64
	Chunk int64
	Place int
	Unit  engine.Unit
}

// History returns what was accepted for an object, oldest first.
func (t *Tx) History(obj object.ID) ([]Event, error) {
	var out []Event
	if w, err := t.headOf(obj); err != nil {
		return nil, err
	} else if w != nil && w.born != 0 {
		out = append(out, Event{Plan: w.born >> 32, Chunk: w.born & 0xffffffff >> 8, Place: int(w.born & 0xff)})
	}
	err := t.sets.Find(layout.History, [][]byte{obj[:]}, func(_ int, rec []byte) {
		out = append(out, Event{Plan: layout.U64(rec[16:]), Chunk: int64(layout.U32(rec[24:])), Place: int(rec[28])})
	})
	if err != nil {
		return nil, err
	}
	for i := range out {
		u, err := t.unit(out[i].Plan, out[i].Chunk, out[i].Place)
		if err != nil {
			return nil, err
		}
		if u != nil {
			out[i].Unit = *u
		}
	}
	return out, nil
}
