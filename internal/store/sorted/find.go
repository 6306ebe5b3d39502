package sorted

import (
	"bytes"
	"container/heap"
	"slices"

	"muster/internal/store/db"
)

// rangeFloor finds, for each prefix c0, the chunk in which its records begin
// and the one behind.
const rangeFloor = `SELECT feed.c0,
 (SELECT d.lo FROM chunk d WHERE d.kind = ? AND d.run = ? AND d.lo <= feed.c0 ORDER BY d.lo DESC LIMIT 1),
 (SELECT d.lo FROM chunk d WHERE d.kind = ? AND d.run = ? AND d.lo > feed.c0 ORDER BY d.lo LIMIT 1)
 FROM @feed`

// Find calls fn with each record of the set that begins with one of the
// prefixes, and the number of the prefix. No prefix may be the beginning of
// another; the same one may come twice. The records of one prefix come in
// order as long as the set has one run and nothing of it waits to be written;
// rec is valid during the call. fn may not use the transaction, but to change
// the set.
func (s *Sets) Find(k Kind, prefixes [][]byte, fn func(i int, rec []byte)) error {
	if len(prefixes) == 0 {
		return nil
	}
	if c := s.changed[k]; c != nil {
		return s.findOver(c, k, prefixes, fn)
	}
	return s.findWritten(k, prefixes, fn)
}

// findOver is Find where changes wait to be written: whoever reads what he is
// writing would otherwise write the same chunks again and again.
func (s *Sets) findOver(c *changes, k Kind, prefixes [][]byte, fn func(i int, rec []byte)) error {
	order := c.sorted()
	err := s.findWritten(k, prefixes, func(i int, rec []byte) {
		if _, changes := c.search(order, rec); !changes {
			fn(i, rec)
		}
	})
	if err != nil {
		return err
	}
	for i, p := range prefixes {
		from, _ := c.search(order, p)
		for _, at := range order[from:] {
			rec := c.recs.At(int(at))
			if !bytes.HasPrefix(rec, p) {
				break
			}
			if !c.drop[at] {
				fn(i, rec)
			}
		}
	}
	return nil
}

func (s *Sets) findWritten(k Kind, prefixes [][]byte, fn func(i int, rec []byte)) error {
	if err := s.load(); err != nil {
		return err
	}
	if len(s.runs[k]) == 0 {
		return nil
	}
	order := make([]int, len(prefixes))
	sorted := true
	for i := range order {
		order[i] = i
		sorted = sorted && (i == 0 || bytes.Compare(prefixes[i-1], prefixes[i]) <= 0)
	}
	if !sorted {
		slices.SortFunc(order, func(a, b int) int { return bytes.Compare(prefixes[a], prefixes[b]) })
	}
	for _, r := range s.runs[k] {
		if err := s.findIn(k, r.no, prefixes, order, fn); err != nil {
			return err
		}
	}
	return nil
}

func (s *Sets) findIn(k Kind, no int64, prefixes [][]byte, order []int, fn func(i int, rec []byte)) error {
	chunks, err := s.ranges(k, no, prefixes, order)
	if err != nil {
		return err
	}
	recs := &s.found
	at := 0 // prefixes before order[at] are behind us
	for _, c := range chunks {
		recs.Reset()
		if !unpack(recs, c.body) {
			return damaged(k, no)
		}
		for j := 0; j < recs.Len(); {
			for at < len(order) && behind(prefixes[order[at]], recs.At(j)) {
				at++
			}
			if at == len(order) {
				return nil
			}
			p := prefixes[order[at]]
			if j = seek(recs, j, p); j == recs.Len() {
				break
			}
			rec := recs.At(j)
			if !bytes.HasPrefix(rec, p) {
				continue
			}
			for x := at; x < len(order) && bytes.Equal(p, prefixes[order[x]]); x++ {
				fn(order[x], rec)
			}
			j++
		}
	}
	return nil
}

// ranges reads the chunks that may hold records with the prefixes.
func (s *Sets) ranges(k Kind, no int64, prefixes [][]byte, order []int) ([]chunk, error) {
	met := map[string]bool{}
	which := db.NewBatch("b")
	want := func(lo []byte) {
		if !met[string(lo)] { // an empty one may come back as nil
			met[string(lo)] = true
			which.Text(string(lo))
		}
	}
	var p, lo, next, body []byte
	los, ok, err := s.dense(k, no, prefixes[order[0]], after(prefixes[order[len(order)-1]]), len(order))
	if err != nil {
		return nil, err
	}
	if ok {
		cover(los, len(order), func(i int) []byte { return prefixes[order[i]] }, want)
		return s.read(k, no, which, &lo, &body)
	}
	b := db.NewBatch("b")
	for _, i := range order {
		b.Bytes(prefixes[i])
	}
	var long [][2][]byte // ranges that go on behind the next chunk's beginning
	err = s.tx.EachOf(b, []any{&p, &lo, &next}, func() error {
		want(lo)
		if next != nil && bytes.HasPrefix(next, p) {
			long = append(long, [2][]byte{bytes.Clone(p), after(p)})
		}
		return nil
	}, rangeFloor, int64(k), no, int64(k), no)
	if err != nil {
		return nil, err
	}
	for _, r := range long {
		err := s.tx.Each([]any{&lo}, func() error { want(lo); return nil },
			"SELECT lo FROM chunk WHERE kind = ? AND run = ? AND lo > ? AND lo < ?", int64(k), no, r[0], r[1])
		if err != nil {
			return nil, err
		}
	}
	return s.read(k, no, which, &lo, &body)
}

// behind reports that every record with the prefix is before rec.
func behind(prefix, rec []byte) bool {
	return bytes.Compare(prefix, rec) < 0 && !bytes.HasPrefix(rec, prefix)
}

// seek returns the first record from j on that is not before p.
func seek(r *Recs, j int, p []byte) int {
	if bytes.Compare(r.At(j), p) >= 0 {
		return j
	}
	lo, hi := j, r.Len()
	for lo < hi {
		mid := (lo + hi) / 2
		if bytes.Compare(r.At(mid), p) < 0 {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}

// after returns the first byte string behind all that begin with p.
func after(p []byte) []byte {
	q := bytes.Clone(p)
	for len(q) > 0 {
		if q[len(q)-1]++; q[len(q)-1] != 0 {
			return q
		}
		q = q[:len(q)-1]
	}
	return bytes.Repeat([]byte{0xff}, 64)
}

// Scan calls fn with the records from from up to, not including, to, in order,
// each once. A nil to has no end. fn may not use the set's transaction; it
// ends the scan by returning false.
func (s *Sets) Scan(k Kind, from, to []byte, fn func(rec []byte) bool) error {
	if err := s.flush(k); err != nil {
		return err
	}
	if err := s.load(); err != nil {
		return err
	}
	m, err := s.open(k, s.runs[k], from, to)
	if err != nil {
		return err
	}
	for {
		rec, err := m.next()
		if err != nil || rec == nil || !fn(rec) {
			return err
		}
	}
}

// merger goes through several runs as through one.
type merger struct {
	cursors heads
	last    []byte
	begun   bool
}

// heads are the cursors that are not at their ends, as a heap: the first stands at
// the first record.
type heads []*cursor

func (h heads) Len() int           { return len(h) }
func (h heads) Less(i, j int) bool { return bytes.Compare(h[i].rec, h[j].rec) < 0 }
func (h heads) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *heads) Push(any)          {} // none comes once all were opened
func (h *heads) Pop() any          { *h = (*h)[:len(*h)-1]; return nil }

func (s *Sets) open(k Kind, runs []run, from, to []byte) (*merger, error) {
	m := &merger{}
	for _, r := range runs {
		c := &cursor{tx: s.tx, kind: k, run: r.no, to: to}
		if err := c.start(from); err != nil {
			return nil, err
		}
		if c.rec != nil {
			m.cursors = append(m.cursors, c)
		}
	}
	heap.Init(&m.cursors)
	return m, nil
}

// next returns the next record, nil at the end.
func (m *merger) next() ([]byte, error) {
	for len(m.cursors) > 0 {
		best := m.cursors[0]
		again := m.begun && bytes.Equal(best.rec, m.last)
		if !again {
			m.last, m.begun = append(m.last[:0], best.rec...), true
		}
		if err := best.next(); err != nil {
			return nil, err
		}
		if best.rec == nil {
			heap.Pop(&m.cursors)
		} else {
			heap.Fix(&m.cursors, 0)
		}
		if !again {
			return m.last, nil
		}
	}
	return nil, nil
}

// cursorChunks is how many chunks a cursor reads at once.
const cursorChunks = 32

// cursor goes through one run.
type cursor struct {
	tx    *db.Tx
	kind  Kind
	run   int64
	to    []byte
	recs  Recs
	at    int
	lo    []byte // of the last chunk that was read
	ended bool
	rec   []byte // nil: at the end
}

func (c *cursor) start(from []byte) error {
	if from == nil {
		from = []byte{}
	}
	var lo []byte
	if _, err := c.tx.One([]any{&lo}, "SELECT lo FROM chunk WHERE kind = ? AND run = ? AND lo <= ? ORDER BY lo DESC LIMIT 1", int64(c.kind), c.run, from); err != nil {
		return err
	}
	if err := c.read("lo >= ?", append([]byte{}, lo...)); err != nil {
		return err
	}
	for {
		if err := c.next(); err != nil || c.rec == nil || bytes.Compare(c.rec, from) >= 0 {
			return err
		}
	}
}

func (c *cursor) read(cond string, lo []byte) error {
	c.recs.Reset()
	c.at = 0
	n := 0
	var body []byte
	err := c.tx.Each([]any{&lo, &body}, func() error {
		n++
		c.lo = append(c.lo[:0], lo...)
		if !unpack(&c.recs, body) {
			return damaged(c.kind, c.run)
		}
		return nil
	}, "SELECT lo, body FROM chunk WHERE kind = ? AND run = ? AND "+cond+" ORDER BY lo LIMIT ?", int64(c.kind), c.run, lo, int64(cursorChunks))
	c.ended = n < cursorChunks
	return err
}

func (c *cursor) next() error {
	for c.at == c.recs.Len() {
		if c.ended {
			c.rec = nil
			return nil
		}
		if err := c.read("lo > ?", bytes.Clone(c.lo)); err != nil {
			return err
		}
	}
	c.rec = c.recs.At(c.at)
	c.at++
	if c.to != nil && bytes.Compare(c.rec, c.to) >= 0 {
		c.rec, c.ended, c.at = nil, true, c.recs.Len()
	}
	return nil
}
