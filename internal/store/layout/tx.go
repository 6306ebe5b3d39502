// Package layout says how the store lies in its tables: transactions, names as
// numbers, counters, heaps of rows, the records of sets, and the rows of entries
// with the changes that imports have staged over them. It knows nothing of what
// imports compare and plans decide.
package layout

import (
	"context"
	"sync"

	"muster/internal/store/db"
	"muster/internal/store/sorted"
)

// Store is a database with what is remembered of it from one transaction to
// the next.
type Store struct {
	*db.DB
	syms symbols

	entryOf  idCache
	objectOf idCache

	indexMu sync.RWMutex
	indexes Indexes

	part bool // of a transaction: nothing large is begun
}

// New returns the rows of an open database.
func New(d *db.DB) *Store { return &Store{DB: d} }

// Part returns the rows as a part of a transaction sees them, with nothing
// remembered.
func (s *Store) Part(d *db.DB) *Store { return &Store{DB: d, indexes: s.IndexesNow(), part: true} }

// Tx is a transaction.
type Tx struct {
	DB      *db.Tx
	Sets    *sorted.Sets
	Index   Indexes
	Touched bool // what deciding reads has changed

	store   *Store
	fresh   map[string]uint32 // symbols that this transaction makes
	strange map[string]bool   // names that had no symbol when they were asked for
	nums    map[Counter]int64 // counters read or raised
	grown   map[Counter]bool
	conns   map[uint32]*Connector

	storedConns map[uint32]Connector // as they are stored
}

// Read calls fn with a transaction that sees one moment.
func (s *Store) Read(ctx context.Context, fn func(*Tx) error) error {
	return s.DB.Read(ctx, func(d *db.Tx) error { return fn(s.begin(d)) })
}

// ReadIfFree is Read if there is a connection that nobody uses, and tells so.
func (s *Store) ReadIfFree(ctx context.Context, fn func(*Tx) error) (ran bool, err error) {
	return s.DB.ReadIfFree(ctx, func(d *db.Tx) error { return fn(s.begin(d)) })
}

// Write calls fn with a transaction that writes.
func (s *Store) Write(ctx context.Context, lane db.Lane, fn func(*Tx) error) error {
	return s.DB.Write(ctx, lane, func(d *db.Tx) error { return fn(s.begin(d)) })
}

// Bulk calls fn with a transaction for large work. fn should end when
// ShouldYield says so, and be called again.
func (s *Store) Bulk(ctx context.Context, fn func(*Tx) error) error {
	return s.Write(ctx, db.Bulk, fn)
}

func (s *Store) begin(d *db.Tx) *Tx {
	t := &Tx{DB: d, store: s, Sets: sorted.New(d), nums: map[Counter]int64{}, grown: map[Counter]bool{}, Index: s.IndexesNow()}
	if d.Writes() {
		d.Hooks(t.finish, t.publish, nil)
	}
	return t
}

// Compact merges what large loads left in pieces; reading is faster then.
func (s *Store) Compact(ctx context.Context) error {
	if s.part {
		return nil
	}
	var kinds []sorted.Kind
	err := s.Read(ctx, func(t *Tx) (err error) {
		kinds, err = t.Sets.Kinds()
		return err
	})
	for _, k := range kinds {
		if err := s.Bulk(ctx, func(t *Tx) error { return t.Sets.Compact(k) }); err != nil {
			return err
		}
	}
	return err
}

// finish writes what was collected; it runs just before the commit.
func (t *Tx) finish() error {
	if err := t.Sets.Flush(); err != nil {
		return err
	}
	if err := t.writeConnectors(); err != nil {
		return err
	}
	if err := t.writeSymbols(); err != nil {
		return err
	}
	return t.writeCounters()
}

// publish makes new symbols known to others; it runs after the commit.
func (t *Tx) publish() { t.store.syms.add(t.fresh) }

// Context returns the transaction's context.
func (t *Tx) Context() context.Context { return t.DB.Context() }

// ShouldYield reports that somebody waits in the people lane for a bulk
// transaction that has gone on for 100 ms.
func (t *Tx) ShouldYield() bool { return t.DB.ShouldYield() }

// Counter names a number that only grows.
type Counter int64

// The counters. The numbers are stored.
const (
	Tick       Counter = 1 // imports and marks: later is larger; imports have it in their rows
	PlanNo     Counter = 2
	ObjectKey  Counter = 3
	HoldID     Counter = 4
	RunNo      Counter = 5
	SentNo     Counter = 6
	generation Counter = 7 // moves when what deciding reads changes, other than by accepting the plan itself or by a release
	symbolID   Counter = 8
	EntryRows  Counter = 9  // rows in entry, about
	entryNews  Counter = 10 // rows in entry_new, about
	ObjectRows Counter = 11
	objectNews Counter = 12
	erasures   Counter = 13 // moves when rows of entries or objects are removed
	Completed  Counter = 14 // what earlier versions did not store was added
)

// Count returns the counter's number.
func (t *Tx) Count(c Counter) (int64, error) {
	if n, ok := t.nums[c]; ok {
		return n, nil
	}
	q := "SELECT n FROM counter WHERE id = ?"
	if c == Tick {
		q = "SELECT coalesce(max(n), 0) FROM (SELECT n FROM counter WHERE id = ? UNION ALL SELECT max(no) FROM import) AS numbers"
	}
	var n int64
	if _, err := t.DB.One([]any{&n}, q, int64(c)); err != nil {
		return 0, err
	}
	t.nums[c] = n
	return n, nil
}

// Take raises the counter by n and returns the first of the n numbers.
func (t *Tx) Take(c Counter, n int64) (int64, error) {
	was, err := t.Count(c)
	if err != nil {
		return 0, err
	}
	t.nums[c], t.grown[c] = was+n, true
	return was + 1, nil
}

// NextImport returns the number of an import that begins; its row, which the
// caller writes, keeps the number from being given again.
func (t *Tx) NextImport() (int64, error) {
	n, err := t.Count(Tick)
	if err == nil {
		n++
		t.nums[Tick] = n
	}
	return n, err
}

func (t *Tx) writeCounters() error {
	if t.Touched {
		if _, err := t.Take(generation, 1); err != nil {
			return err
		}
	}
	b := db.NewBatch("ii")
	for c := range t.grown {
		b.Int(int64(c)).Int(t.nums[c])
	}
	if b.Len() == 0 {
		return nil
	}
	_, err := t.DB.Feed(b, "INSERT INTO counter (id, n) SELECT c0, c1 FROM @feed WHERE true ON CONFLICT (id) DO UPDATE SET n = excluded.n")
	return err
}

// Generation returns a number that moves whenever a transaction changes what
// deciding reads, other than by accepting a plan.
// What connectors have released is a part of it.
func (t *Tx) Generation() (int64, error) {
	n, err := t.Count(generation)
	if err != nil {
		return 0, err
	}
	conns, err := t.Connectors()
	for _, c := range conns {
		n += c.Released
	}
	return n, err
}

// Symbol returns the number of a name, storing it if it is new.
func (s *Store) Symbol(ctx context.Context, name string) (sym uint32, err error) {
	if name == "" {
		return 0, nil
	}
	if id, ok := s.syms.id(name); ok {
		return id, nil
	}
	err = s.Write(ctx, db.People, func(t *Tx) error {
		sym, err = t.Sym(name)
		return err
	})
	return sym, err
}
