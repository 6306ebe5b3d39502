// Package store remembers: connector spaces, the metaverse, plans, and what
// people decided, in SQLite or PostgreSQL.
//
// Everything happens in a transaction: Read sees one moment, People and Bulk
// write, people first. A Tx is used by one goroutine. What is there:
//
//   - importing: BeginImport, then what package staging says, then Release (or
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
// that they are looked up by are chunks of sorted records (package sorted). How
// they lie there is in package layout.
// A large step ends with Compact.
package store

import (
	"context"
	"embed"
	"errors"
	"io/fs"
	"time"

	"muster/internal/store/db"
	"muster/internal/store/layout"
	"muster/internal/store/sorted"
	"muster/internal/store/staging"
	"muster/internal/store/units"
)

//go:embed tables/*.sql
var tables embed.FS

// Options is what Open has to be told.
type Options struct {
	Now    func() time.Time        // only for the note that says since when the store is owned
	Before func(stmt string) error // called before each statement; an error stops it. For tests of crashes
	After  func(stmt string)       // called after each that went well. For tests of crashes
}

// Store is an open store.
type Store struct {
	rows    *layout.Store
	imports *staging.Imports

	entryKeys  layout.KeyCache
	objectKeys layout.KeyCache
	chunks     units.Cache
}

// Open opens the store that dsn names, "sqlite:PATH" or "postgres://…", and
// brings its tables up to date. A SQLite store has one owner at a time.
func Open(ctx context.Context, dsn string, opts Options) (*Store, error) {
	sub, err := fs.Sub(tables, "tables")
	if err != nil {
		return nil, err
	}
	d, err := db.Open(ctx, dsn, db.Options{
		Now:     opts.Now,
		Before:  opts.Before,
		After:   opts.After,
		Migrate: func(ctx context.Context, m *db.Migrator) error { return m.Up(ctx, sub) },
	})
	if err != nil {
		return nil, err
	}
	s := on(layout.New(d))
	if err := s.complete(ctx); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return s, nil
}

// Close closes the store once the transactions under way have ended.
func (s *Store) Close() error { return s.rows.Close() }

// Abort drops the store as a crash would. For tests.
func (s *Store) Abort() { s.rows.Abort() }

// Serving says whether people wait for answers meanwhile.
func (s *Store) Serving(ctx context.Context, serving bool) error { return s.rows.Serving(ctx, serving) }

// Checkpoint writes SQLite's log back into its file.
func (s *Store) Checkpoint(ctx context.Context) error { return s.rows.Checkpoint(ctx) }

// ErrNotOwner says that another process has what Own was asked for.
var ErrNotOwner = db.ErrNotOwner

// Fault is a fault in Muster itself, met in work beside a transaction.
type Fault = db.Fault

// Guard calls fn. A fault in it becomes an error.
func Guard(fn func() error) error { return db.Guard(fn) }

// Own takes the right to work with something, which one process has at a time:
// a connector, or "" for deciding. It ends with release, or with the process.
func (s *Store) Own(ctx context.Context, what string) (release func(), err error) {
	return s.rows.Own(ctx, "work with "+what)
}

// Beside opens connections that do not pass the store's queue of writers, for
// an engine with tables of its own in the same database.
func (s *Store) Beside(ctx context.Context) (*db.Beside, error) { return s.rows.Beside(ctx) }

// Tx is a transaction.
type Tx struct {
	rows  *layout.Tx
	db    *db.Tx
	sets  *sorted.Sets
	store *Store
	dns   map[int64]*layout.Row // containers met while making DNs

	atDN  map[string]int64 // keys of containers by folded DN
	quiet map[string]bool  // tables of decisions in which nothing is; kept while the transaction only reads
	idle  map[uint32]bool  // connectors with nothing on its way; kept while the transaction only reads

	opened map[chunkNo]*units.Packed // chunks whose units were read together
}

// Read calls fn with a transaction that sees one moment.
func (s *Store) Read(ctx context.Context, fn func(*Tx) error) error {
	return s.rows.Read(ctx, func(r *layout.Tx) error { return fn(s.begin(r)) })
}

// readIfFree is Read if there is a connection that nobody uses, and tells so.
func (s *Store) readIfFree(ctx context.Context, fn func(*Tx) error) (ran bool, err error) {
	return s.rows.ReadIfFree(ctx, func(r *layout.Tx) error { return fn(s.begin(r)) })
}

// People calls fn with a transaction for what a person waits for.
func (s *Store) People(ctx context.Context, fn func(*Tx) error) error {
	return s.write(ctx, db.People, fn)
}

// Bulk calls fn with a transaction for large work. fn should end when
// ShouldYield says so, and be called again.
func (s *Store) Bulk(ctx context.Context, fn func(*Tx) error) error { return s.write(ctx, db.Bulk, fn) }

func (s *Store) write(ctx context.Context, lane db.Lane, fn func(*Tx) error) error {
	return s.rows.Write(ctx, lane, func(r *layout.Tx) error {
		return fn(s.begin(r))
	})
}

func (s *Store) begin(r *layout.Tx) *Tx {
	return &Tx{rows: r, db: r.DB, sets: r.Sets, store: s}
}

// Context returns the transaction's context.
func (t *Tx) Context() context.Context { return t.rows.Context() }

// ShouldYield reports that somebody waits in the people lane for a bulk
// transaction that has gone on for 100 ms.
func (t *Tx) ShouldYield() bool { return t.rows.ShouldYield() }

// Generation returns a number that moves whenever a transaction changes what
// deciding reads, other than by accepting a plan.
func (t *Tx) Generation() (int64, error) { return t.rows.Generation() }

// Compact merges what large loads left in pieces; reading is faster then.
func (s *Store) Compact(ctx context.Context) error { return s.rows.Compact(ctx) }

// Planned reports that plans created accounts in the connector before.
func (t *Tx) Planned(connector string) (bool, error) { return t.rows.Planned(connector) }

// SetIndexes says what must be looked up from now on. What is stored already
// is found after Reindex.
func (s *Store) SetIndexes(x layout.Indexes) { s.rows.SetIndexes(x) }

// Within calls fn with a store whose transactions are parts of one in the people
// lane: what they write comes to stay together if fn returns nil, and to nothing
// otherwise. Meanwhile nobody else writes, so it is for little work.
func (s *Store) Within(ctx context.Context, fn func(in *Store) error) error {
	return s.rows.DB.Write(ctx, db.People, func(d *db.Tx) error { return fn(on(s.rows.Part(d.Inside()))) })
}

// Aside calls fn with a copy of the store, as it is now. Whatever is done there
// comes to nothing, and nobody waits for it.
func (s *Store) Aside(ctx context.Context, fn func(aside *Store) error) error {
	return s.rows.Aside(ctx, func(d *db.DB) error { return fn(on(layout.New(d))) })
}

func on(r *layout.Store) *Store { return &Store{rows: r, imports: staging.New(r)} }
