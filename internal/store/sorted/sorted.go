// Package sorted keeps sets of small records, byte strings in sorted order,
// in chunks: a few hundred neighbours in one row. It is the one index of the
// store: who refers to whom, which entry has which id, who has which join key,
// in which order entries are decided. A change writes the chunks that it falls
// into and no more, and a load of a million records writes a few thousand rows.
//
// A set lies in one run of chunks, or in several after large loads: a load
// that would touch everything becomes a run of its own, and runs are merged
// when there are many. A record is in the set when it is in any of its runs.
package sorted

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"muster/internal/store/db"
)

// Kind names one set.
type Kind int64

const (
	chunkRecs  = 512     // records in a chunk, at most
	chunkBytes = 8 << 10 // bytes in a chunk, about
	bulkRecs   = 4096    // changes from which a load may become a run of its own
	fanout     = 32      // runs of one level that are merged into one of the next
)

// ErrDamaged says that a chunk is not what was written.
var ErrDamaged = errors.New("an index chunk is damaged; restore the store from a backup")

// run is one sorted sequence of chunks.
type run struct {
	no    int64
	level int64
	recs  int64 // about
}

// Sets gives access to the sets within a transaction. Changes are collected
// and written by Flush, or when their set is scanned; Find knows of them.
type Sets struct {
	tx      *db.Tx
	runs    map[Kind][]run
	loaded  bool
	changed map[Kind]*changes
	stored  map[Kind][]run // the lists of runs as they are written
	found   Recs           // the memory in which chunks are searched
}

// changes are records to add and to drop, in the order they were asked for.
type changes struct {
	recs  Recs
	drop  []bool
	order []uint32 // of the first so many, the last change of each record, sorted
	seen  int      // how many those are
}

// New returns the sets as the transaction sees them.
func New(tx *db.Tx) *Sets {
	return &Sets{tx: tx, runs: map[Kind][]run{}, changed: map[Kind]*changes{}, stored: map[Kind][]run{}}
}

// Add puts a record into the set.
func (s *Sets) Add(k Kind, rec []byte) { s.change(k, rec, false) }

// Drop takes a record out of the set.
func (s *Sets) Drop(k Kind, rec []byte) { s.change(k, rec, true) }

func (s *Sets) change(k Kind, rec []byte, drop bool) {
	c := s.changed[k]
	if c == nil {
		c = &changes{}
		s.changed[k] = c
	}
	c.recs.Add(rec)
	c.drop = append(c.drop, drop)
}

// Empty reports that the set has no record, nor one that waits to be written.
func (s *Sets) Empty(k Kind) (bool, error) {
	if s.changed[k] != nil {
		return false, nil
	}
	err := s.load()
	return err == nil && len(s.runs[k]) == 0, err
}

// Flush writes all changes.
func (s *Sets) Flush() error {
	kinds := make([]Kind, 0, len(s.changed))
	for k := range s.changed {
		kinds = append(kinds, k)
	}
	slices.Sort(kinds)
	for _, k := range kinds {
		if err := s.flush(k); err != nil {
			return err
		}
	}
	return nil
}

// load reads the list of runs.
func (s *Sets) load() error {
	if s.loaded {
		return nil
	}
	var k, no, level, recs int64
	err := s.tx.Each([]any{&k, &no, &level, &recs}, func() error {
		s.runs[Kind(k)] = append(s.runs[Kind(k)], run{no: no, level: level, recs: recs})
		return nil
	}, "SELECT kind, run, level, recs FROM chunk_run ORDER BY kind, run")
	for k, runs := range s.runs {
		s.stored[k] = slices.Clone(runs)
	}
	s.loaded = err == nil
	return err
}

// flush writes the changes of one set.
func (s *Sets) flush(k Kind) error {
	c := s.changed[k]
	if c == nil {
		return nil
	}
	if err := s.load(); err != nil {
		return err
	}
	delete(s.changed, k)
	adds, drops := c.split()
	runs := s.runs[k]
	total := int64(0)
	for _, r := range runs {
		total += r.recs
	}
	bulk := len(runs) == 0 || len(adds) >= bulkRecs && int64(len(adds))*4*chunkRecs > total
	for i := range runs {
		var in []uint32
		if !bulk && i == largest(runs) {
			in = adds
		}
		if err := s.edit(k, &runs[i], &c.recs, in, drops); err != nil {
			return err
		}
	}
	if bulk && len(adds) > 0 {
		if err := s.append(k, &c.recs, adds); err != nil {
			return err
		}
	}
	return s.writeRuns(k)
}

// sorted returns the last change of each record, sorted by record. It is not
// changed afterwards.
func (c *changes) sorted() []uint32 {
	if c.seen == c.recs.Len() {
		return c.order
	}
	tail := c.recs.order(c.seen)
	out := make([]uint32, 0, len(c.order)+len(tail))
	rest := c.order
	for i, at := range tail {
		rec := c.recs.At(int(at))
		if i+1 < len(tail) && bytes.Equal(rec, c.recs.At(int(tail[i+1]))) {
			continue
		}
		n, again := c.search(rest, rec)
		out = append(append(out, rest[:n]...), at)
		if again {
			n++
		}
		rest = rest[n:]
	}
	c.order, c.seen = append(out, rest...), c.recs.Len()
	return c.order
}

// search finds where rec is among changes in order, or would be.
func (c *changes) search(order []uint32, rec []byte) (int, bool) {
	return slices.BinarySearchFunc(order, rec, func(at uint32, rec []byte) int { return bytes.Compare(c.recs.At(int(at)), rec) })
}

// split parts the changes into what comes and what goes, both sorted.
func (c *changes) split() (adds, drops []uint32) {
	for _, at := range c.sorted() {
		if c.drop[at] {
			drops = append(drops, at)
		} else {
			adds = append(adds, at)
		}
	}
	return adds, drops
}

func largest(runs []run) int {
	at := 0
	for i := range runs {
		if runs[i].recs > runs[at].recs {
			at = i
		}
	}
	return at
}

// writeRuns writes the list of a set's runs. How many records a run has is known
// about: for a few more or less, nothing is written.
func (s *Sets) writeRuns(k Kind) error {
	same := slices.EqualFunc(s.runs[k], s.stored[k], func(a, b run) bool {
		off := max(a.recs-b.recs, b.recs-a.recs)
		return a.no == b.no && a.level == b.level && off <= 8
	})
	if same {
		return nil
	}
	s.stored[k] = slices.Clone(s.runs[k])
	if _, err := s.tx.Exec("DELETE FROM chunk_run WHERE kind = ?", int64(k)); err != nil {
		return err
	}
	b := db.NewBatch("iiii")
	for _, r := range s.runs[k] {
		b.Int(int64(k)).Int(r.no).Int(r.level).Int(r.recs)
	}
	return s.tx.Load("chunk_run", []string{"kind", "run", "level", "recs"}, b)
}

// append writes the records behind a run, or as a new run, and merges runs where
// there are many.
func (s *Sets) append(k Kind, recs *Recs, adds []uint32) error {
	if behind, err := s.behind(k, recs.At(int(adds[0]))); behind != nil || err != nil {
		if err != nil {
			return err
		}
		behind.recs += int64(len(adds))
		return s.writeRun(k, behind.no, false, recs, adds)
	}
	no := int64(1)
	for _, r := range s.runs[k] {
		no = max(no, r.no+1)
	}
	if err := s.writeRun(k, no, true, recs, adds); err != nil {
		return err
	}
	s.runs[k] = append(s.runs[k], run{no: no, recs: int64(len(adds))})
	for level := int64(0); ; level++ {
		var same []run
		for _, r := range s.runs[k] {
			if r.level == level {
				same = append(same, r)
			}
		}
		if len(same) < fanout {
			return nil
		}
		if err := s.merge(k, same, level+1); err != nil {
			return err
		}
	}
}

// writeRun writes records as chunks of a run: its first ones, or such as follow
// all that it has.
func (s *Sets) writeRun(k Kind, no int64, first bool, recs *Recs, adds []uint32) error {
	w := newWriter(s.tx, k, no)
	w.first = first
	for _, at := range adds {
		if err := w.add(recs.At(int(at))); err != nil {
			return err
		}
	}
	return w.close()
}

// behind returns the largest run if all that it has comes before rec, so that what
// is loaded in order needs no merging; otherwise nil.
func (s *Sets) behind(k Kind, rec []byte) (*run, error) {
	if len(s.runs[k]) == 0 {
		return nil, nil
	}
	r := &s.runs[k][largest(s.runs[k])]
	var body []byte
	found, err := s.tx.One([]any{&body}, "SELECT body FROM chunk WHERE kind = ? AND run = ? ORDER BY lo DESC LIMIT 1", int64(k), r.no)
	if err != nil || !found {
		return nil, err
	}
	var last Recs
	if !unpack(&last, body) {
		return nil, damaged(k, r.no)
	}
	if last.Len() == 0 || bytes.Compare(last.At(last.Len()-1), rec) >= 0 {
		return nil, nil
	}
	return r, nil
}

// Compact merges the runs of a set into one, which makes reading it faster.
func (s *Sets) Compact(k Kind) error {
	if err := s.flush(k); err != nil {
		return err
	}
	if err := s.load(); err != nil {
		return err
	}
	runs := s.runs[k]
	if len(runs) < 2 {
		return nil
	}
	level, rest := int64(0), int64(0)
	for _, r := range runs {
		level, rest = max(level, r.level), rest+r.recs
	}
	fold := s.merge
	if big := runs[largest(runs)].recs; (rest-big)*foldBy <= big {
		fold = s.fold
	}
	if err := fold(k, slices.Clone(runs), level); err != nil {
		return err
	}
	return s.writeRuns(k)
}

// foldBy is how many times larger a run must be than all others for these to be
// written into its chunks, rather than all of it again.
const foldBy = 8

// fold puts the records of all other runs into the largest.
func (s *Sets) fold(k Kind, runs []run, _ int64) error {
	at := largest(runs)
	into := runs[at]
	rest := slices.Delete(runs, at, at+1)
	m, err := s.open(k, rest, nil, nil)
	if err != nil {
		return err
	}
	var some Recs
	for more := true; more; {
		some.Reset()
		for more && some.Len() < bulkRecs {
			rec, err := m.next()
			if err != nil {
				return err
			}
			if more = rec != nil; more {
				some.Add(rec)
			}
		}
		if err := s.edit(k, &into, &some, some.order(0), nil); err != nil {
			return err
		}
	}
	if err := s.drop(k, rest); err != nil {
		return err
	}
	s.runs[k] = []run{into}
	return nil
}

// drop removes the chunks of runs.
func (s *Sets) drop(k Kind, runs []run) error {
	for _, r := range runs {
		if _, err := s.tx.Exec("DELETE FROM chunk WHERE kind = ? AND run = ?", int64(k), r.no); err != nil {
			return err
		}
	}
	return nil
}

// Kinds returns the sets that have several runs.
func (s *Sets) Kinds() ([]Kind, error) {
	if err := s.load(); err != nil {
		return nil, err
	}
	var out []Kind
	for k, runs := range s.runs {
		if len(runs) > 1 {
			out = append(out, k)
		}
	}
	slices.Sort(out)
	return out, nil
}

// merge replaces runs by one.
func (s *Sets) merge(k Kind, old []run, level int64) error {
	no := int64(1)
	for _, r := range s.runs[k] {
		no = max(no, r.no+1)
	}
	m, err := s.open(k, old, nil, nil)
	if err != nil {
		return err
	}
	w := newWriter(s.tx, k, no)
	n := int64(0)
	for {
		rec, err := m.next()
		if err != nil {
			return err
		}
		if rec == nil {
			break
		}
		if err := w.add(rec); err != nil {
			return err
		}
		n++
	}
	if err := w.close(); err != nil {
		return err
	}
	if err := s.drop(k, old); err != nil {
		return err
	}
	gone := func(r run) bool { return slices.ContainsFunc(old, func(o run) bool { return o.no == r.no }) }
	s.runs[k] = append(slices.DeleteFunc(s.runs[k], gone), run{no: no, level: level, recs: n})
	return nil
}

// writer writes sorted records as the chunks of a run.
type writer struct {
	tx    *db.Tx
	kind  Kind
	run   int64
	pack  packer
	lo    []byte
	first bool
	batch *db.Batch
	bytes int
}

func newWriter(tx *db.Tx, k Kind, no int64) *writer {
	return &writer{tx: tx, kind: k, run: no, first: true, batch: db.NewBatch("iibb")}
}

func (w *writer) add(rec []byte) error {
	if w.pack.n == 0 {
		// The first chunk is bounded by nothing, so that every record has a
		// chunk to go to.
		w.lo = []byte{}
		if !w.first {
			w.lo = bytes.Clone(rec)
		}
	}
	w.pack.add(rec)
	if w.pack.n >= chunkRecs*3/4 || len(w.pack.body) >= chunkBytes*3/4 {
		return w.cut()
	}
	return nil
}

// cut ends the chunk.
func (w *writer) cut() error {
	if w.pack.n == 0 {
		return nil
	}
	w.batch.Int(int64(w.kind)).Int(w.run).Bytes(w.lo).Bytes(bytes.Clone(w.pack.body))
	w.bytes += len(w.pack.body)
	w.first = false
	w.pack.reset()
	if w.bytes > 1<<20 {
		return w.write()
	}
	return nil
}

func (w *writer) write() error {
	err := w.tx.Load("chunk", []string{"kind", "run", "lo", "body"}, w.batch)
	w.batch.Reset()
	w.bytes = 0
	return err
}

func (w *writer) close() error {
	if err := w.cut(); err != nil {
		return err
	}
	return w.write()
}

func damaged(k Kind, no int64) error { return fmt.Errorf("set %d, run %d: %w", k, no, ErrDamaged) }
