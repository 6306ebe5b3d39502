// Package store remembers: connector spaces, the metaverse, plans, and what
// people decided, in SQLite or PostgreSQL.
//
// Everything happens in a transaction: Read sees one moment, People and Bulk
// write, people first. A Tx is used by one goroutine. What is there:
//
//   - importing: BeginImport, Import.Put or Change, Finish, then Release (or
//     DiscardImport). Nothing is seen before Release; Tx.Unreleased and
//     Tx.LastImports give the health gate its numbers, Tx.Mark the watermark.
//   - deciding: Tx.EachEntry, DirtyObjects, DueObjects and HoldsDue say who;
//     Tx.View is the engine's view; NewPlan writes units as they come.
//   - accepting: Tx.Chunk reads units, Tx.Moved compares their basis (not
//     needed while Tx.Generation is the plan's), Tx.Writer writes what
//     engine.Apply says, Tx.SetPlanState keeps the cursor in the same
//     transaction, Tx.Decided takes the marks off at the end.
//   - sending: Tx.Pending, SendNo, MarkSent, SetPending, Named.
//   - people: holds, approvals, the waiting list, the join queue, runs.
//   - looking: Search, ObjectsOf, EntryPage, History, Status.
//
// Rows are few and wide on purpose: an entry or object is one row, and all
// that they are looked up by are chunks of sorted records (package sorted).
// A large step ends with Compact.
package store

import (
	"context"
	"embed"
	"io/fs"
	"sync"
	"time"

	"muster/internal/store/db"
	"muster/internal/store/sorted"
)

//go:embed tables/*.sql
var tables embed.FS

// Options is what Open has to be told.
type Options struct {
	Now  func() time.Time        // only for the note that says since when the store is owned
	Hook func(stmt string) error // before each statement; for tests of crashes
}

// Store is an open store.
type Store struct {
	db   *db.DB
	syms symbols

	entryKeys  keyCache
	objectKeys keyCache
	entryOf    idCache
	objectOf   idCache

	indexMu sync.RWMutex
	indexes Indexes

	imp struct {
		busy chan map[string]bool // connectors with an import under way
	}
}

// Open opens the store that dsn names, "sqlite:PATH" or "postgres://…", and
// brings its tables up to date. A SQLite store has one owner at a time.
func Open(ctx context.Context, dsn string, opts Options) (*Store, error) {
	s := &Store{}
	s.imp.busy = make(chan map[string]bool, 1)
	s.imp.busy <- map[string]bool{}
	sub, err := fs.Sub(tables, "tables")
	if err != nil {
		return nil, err
	}
	s.db, err = db.Open(ctx, dsn, db.Options{
		Now:     opts.Now,
		Hook:    opts.Hook,
		Migrate: func(ctx context.Context, m *db.Migrator) error { return m.Up(ctx, sub) },
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Close closes the store once the transactions under way have ended.
func (s *Store) Close() error { return s.db.Close() }

// Abort drops the store as a crash would. For tests.
func (s *Store) Abort() { s.db.Abort() }

// Serving says whether people wait for answers meanwhile.
func (s *Store) Serving(ctx context.Context, serving bool) error { return s.db.Serving(ctx, serving) }

// Checkpoint writes SQLite's log back into its file.
func (s *Store) Checkpoint(ctx context.Context) error { return s.db.Checkpoint(ctx) }

// Compact merges what large loads left in pieces; reading is faster then.
func (s *Store) Compact(ctx context.Context) error {
	var kinds []sorted.Kind
	err := s.Read(ctx, func(t *Tx) (err error) {
		kinds, err = t.sets.Kinds()
		return err
	})
	for _, k := range kinds {
		if err := s.Bulk(ctx, func(t *Tx) error { return t.sets.Compact(k) }); err != nil {
			return err
		}
	}
	return err
}

// Own takes the right to link and claim, which one process has at a time.
func (s *Store) Own(ctx context.Context) (release func(), err error) {
	return s.db.Own(ctx, 0x4d757374_4c696e6b)
}

// Tx is a transaction.
type Tx struct {
	db      *db.Tx
	store   *Store
	sets    *sorted.Sets
	fresh   map[string]uint32 // symbols that this transaction makes
	strange map[string]bool   // names that had no symbol when they were asked for
	moved   bool              // what deciding reads has changed
	nums    map[counter]int64 // counters read or raised
	grown   map[counter]bool
	conns   map[uint32]*connRow
	index   Indexes
	dns     map[int64]*row // containers met while making DNs

	atDN   map[string]int64 // keys of containers by folded DN
	raised bool             // keys were taken for accounts
	idle   map[uint32]bool  // connectors with nothing on its way; kept while the transaction only reads

	chunks []*Chunk // of plans, read last
	ahead  map[[2]int64]chan decoded
}

// Read calls fn with a transaction that sees one moment.
func (s *Store) Read(ctx context.Context, fn func(*Tx) error) error {
	return s.db.Read(ctx, func(d *db.Tx) error { return fn(s.begin(d)) })
}

// People calls fn with a transaction for what a person waits for.
func (s *Store) People(ctx context.Context, fn func(*Tx) error) error {
	return s.write(ctx, db.People, fn)
}

// Bulk calls fn with a transaction for large work. fn should end when
// ShouldYield says so, and be called again.
func (s *Store) Bulk(ctx context.Context, fn func(*Tx) error) error { return s.write(ctx, db.Bulk, fn) }

func (s *Store) write(ctx context.Context, lane db.Lane, fn func(*Tx) error) error {
	return s.db.Write(ctx, lane, func(d *db.Tx) error {
		t := s.begin(d)
		if err := fn(t); err != nil {
			return err
		}
		return nil
	})
}

func (s *Store) begin(d *db.Tx) *Tx {
	t := &Tx{db: d, store: s, sets: sorted.New(d), nums: map[counter]int64{}, grown: map[counter]bool{}, index: s.indexesNow()}
	if d.Writes() {
		d.Hooks(t.finish, t.publish, nil)
	}
	return t
}

// finish writes what was collected; it runs just before the commit.
func (t *Tx) finish() error {
	if err := t.sets.Flush(); err != nil {
		return err
	}
	if t.raised {
		for _, c := range t.conns {
			if err := t.save(c); err != nil {
				return err
			}
		}
	}
	if err := t.writeSymbols(); err != nil {
		return err
	}
	return t.writeCounters()
}

// publish makes new symbols known to others; it runs after the commit.
func (t *Tx) publish() { t.store.syms.add(t.fresh) }

// Context returns the transaction's context.
func (t *Tx) Context() context.Context { return t.db.Context() }

// ShouldYield reports that somebody waits in the people lane for a bulk
// transaction that has gone on for 100 ms.
func (t *Tx) ShouldYield() bool { return t.db.ShouldYield() }

// counter names a number that only grows.
type counter int64

const (
	tick       counter = 1 // imports and marks: later is larger
	planNo     counter = 2
	objectKey  counter = 3
	holdID     counter = 4
	runNo      counter = 5
	sentNo     counter = 6
	generation counter = 7 // moves when what deciding reads changes, other than by accepting the plan itself
	symbolID   counter = 8
	entryRows  counter = 9  // rows in entry, about
	entryNews  counter = 10 // rows in entry_new, about
	objectRows counter = 11
	objectNews counter = 12
	erasures   counter = 13 // moves when rows of entries or objects are removed
)

// count returns the counter's number.
func (t *Tx) count(c counter) (int64, error) {
	if n, ok := t.nums[c]; ok {
		return n, nil
	}
	var n int64
	if _, err := t.db.One([]any{&n}, "SELECT n FROM counter WHERE id = ?", int64(c)); err != nil {
		return 0, err
	}
	t.nums[c] = n
	return n, nil
}

// take raises the counter by n and returns the first of the n numbers.
func (t *Tx) take(c counter, n int64) (int64, error) {
	was, err := t.count(c)
	if err != nil {
		return 0, err
	}
	t.nums[c], t.grown[c] = was+n, true
	return was + 1, nil
}

func (t *Tx) writeCounters() error {
	if t.moved {
		if _, err := t.take(generation, 1); err != nil {
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
	_, err := t.db.Feed(b, "INSERT INTO counter (id, n) SELECT c0, c1 FROM @feed WHERE true ON CONFLICT (id) DO UPDATE SET n = excluded.n")
	return err
}

// Generation returns a number that moves whenever a transaction changes what
// deciding reads, other than by accepting a plan.
func (t *Tx) Generation() (int64, error) { return t.count(generation) }

// CopyTo writes a copy of the store, as it is now, to a new file. Only a SQLite
// store can be copied.
func (s *Store) CopyTo(ctx context.Context, path string) error { return s.db.CopyTo(ctx, path) }
