package sorted

import (
	"bytes"
	"slices"

	"muster/internal/store/db"
)

// editAtOnce is how many changes are worked off with their chunks in memory. Each
// may fall into another, and SQLite keeps what a statement writes over until the
// statement has ended.
const editAtOnce = 512

// floorChunk finds the chunk of the run into which each of c0 falls. The
// statements are written so that neither database can choose a bad plan.
const (
	floorChunk = "SELECT (SELECT d.lo FROM chunk d WHERE d.kind = ? AND d.run = ? AND d.lo <= feed.c0 ORDER BY d.lo DESC LIMIT 1) FROM @feed"
	readChunks = "SELECT chunk.lo, chunk.body FROM @feed CROSS JOIN chunk WHERE chunk.kind = ? AND chunk.run = ? AND chunk.lo = feed.c0"
)

// edit adds and drops records, both sorted, in the chunks of one run.
func (s *Sets) edit(k Kind, r *run, recs *Recs, adds, drops []uint32) error {
	for len(adds) > 0 || len(drops) > 0 {
		a, d := adds[:min(len(adds), editAtOnce)], drops[:min(len(drops), editAtOnce)]
		if err := s.editSome(k, r, recs, a, d); err != nil {
			return err
		}
		adds, drops = adds[len(a):], drops[len(d):]
	}
	return nil
}

type chunk struct {
	lo, body []byte
}

func (s *Sets) editSome(k Kind, r *run, recs *Recs, adds, drops []uint32) error {
	chunks, err := s.touched(k, r.no, recs, adds, drops)
	if err != nil {
		return err
	}
	if len(chunks) == 0 { // the run is empty
		chunks = []chunk{{lo: []byte{}}}
	}
	update, insert, remove := db.NewBatch("iibb"), db.NewBatch("iibb"), db.NewBatch("b")
	var have Recs
	for i, c := range chunks {
		upTo := func(list []uint32) int {
			if i+1 == len(chunks) {
				return len(list)
			}
			n := 0
			for n < len(list) && bytes.Compare(recs.At(int(list[n])), chunks[i+1].lo) < 0 {
				n++
			}
			return n
		}
		na, nd := upTo(adds), upTo(drops)
		have.Reset()
		if !unpack(&have, c.body) {
			return damaged(k, r.no)
		}
		out := merged(&have, recs, adds[:na], drops[:nd])
		r.recs += int64(out.n - have.Len())
		adds, drops = adds[na:], drops[nd:]
		if !out.changed {
			continue
		}
		switch {
		case len(out.bodies) == 0 && len(c.lo) > 0:
			remove.Bytes(c.lo)
		case c.body == nil:
			insert.Int(int64(k)).Int(r.no).Bytes(c.lo).Bytes(out.first())
		default:
			update.Int(int64(k)).Int(r.no).Bytes(c.lo).Bytes(out.first())
		}
		for j := 1; j < len(out.bodies); j++ {
			insert.Int(int64(k)).Int(r.no).Bytes(out.los[j]).Bytes(out.bodies[j])
		}
	}
	return s.write(k, r.no, update, insert, remove)
}

func (s *Sets) write(k Kind, no int64, update, insert, remove *db.Batch) error {
	if update.Len() > 0 {
		if _, err := s.tx.Feed(update, `INSERT INTO chunk (kind, run, lo, body) SELECT c0, c1, c2, c3 FROM @feed WHERE true
 ON CONFLICT (kind, run, lo) DO UPDATE SET body = excluded.body`); err != nil {
			return err
		}
	}
	if remove.Len() > 0 {
		if _, err := s.tx.Feed(remove, "DELETE FROM chunk WHERE kind = ? AND run = ? AND lo IN (SELECT c0 FROM @feed)", int64(k), no); err != nil {
			return err
		}
	}
	return s.tx.Load("chunk", []string{"kind", "run", "lo", "body"}, insert)
}

// touched reads the chunks that the records fall into, in order.
func (s *Sets) touched(k Kind, no int64, recs *Recs, lists ...[]uint32) ([]chunk, error) {
	var all [][]byte
	for _, list := range lists {
		for _, at := range list {
			all = append(all, recs.At(int(at)))
		}
	}
	if len(all) == 0 {
		return nil, nil
	}
	slices.SortFunc(all, bytes.Compare)
	met := map[string]bool{}
	which := db.NewBatch("b")
	want := func(lo []byte) {
		if !met[string(lo)] { // an empty one may come back as nil
			met[string(lo)] = true
			which.Text(string(lo))
		}
	}
	var lo, body []byte
	los, ok, err := s.dense(k, no, all[0], after(all[len(all)-1]), len(all))
	switch {
	case err != nil:
		return nil, err
	case ok:
		cover(los, len(all), func(i int) []byte { return all[i] }, want)
	default:
		b := db.NewBatch("b")
		for _, rec := range all {
			b.Bytes(rec)
		}
		if err := s.tx.EachOf(b, []any{&lo}, func() error { want(lo); return nil }, floorChunk, int64(k), no); err != nil {
			return nil, err
		}
	}
	return s.read(k, no, which, &lo, &body)
}

func (s *Sets) read(k Kind, no int64, which *db.Batch, lo, body *[]byte) ([]chunk, error) {
	var out []chunk
	err := s.tx.EachOf(which, []any{lo, body}, func() error {
		out = append(out, chunk{lo: notNil(*lo), body: notNil(*body)}) // each row is read into memory of its own
		return nil
	}, readChunks, int64(k), no)
	slices.SortFunc(out, func(a, b chunk) int { return bytes.Compare(a.lo, b.lo) })
	return out, err
}

// edited is what became of a chunk.
type edited struct {
	n       int // records
	changed bool
	los     [][]byte
	bodies  [][]byte
}

func (e *edited) first() []byte {
	if len(e.bodies) == 0 {
		return []byte{}
	}
	return e.bodies[0]
}

// merged puts adds into and takes drops out of have, splitting what becomes
// too large.
func merged(have, recs *Recs, adds, drops []uint32) *edited {
	e := &edited{}
	var all Recs
	take := func(rec []byte) { all.Add(rec) }
	for i := 0; i < have.Len(); i++ {
		rec := have.At(i)
		for len(adds) > 0 {
			c := bytes.Compare(recs.At(int(adds[0])), rec)
			if c > 0 {
				break
			}
			if c < 0 {
				take(recs.At(int(adds[0])))
				e.changed = true
			}
			adds = adds[1:]
		}
		for len(drops) > 0 && bytes.Compare(recs.At(int(drops[0])), rec) < 0 {
			drops = drops[1:]
		}
		if len(drops) > 0 && bytes.Equal(recs.At(int(drops[0])), rec) {
			e.changed = true
			continue
		}
		take(rec)
	}
	for _, at := range adds {
		take(recs.At(int(at)))
		e.changed = true
	}
	e.n = all.Len()
	if e.changed {
		e.pack(&all)
	}
	return e
}

// pack writes the records as one chunk, or as several even ones.
func (e *edited) pack(all *Recs) {
	var p packer
	for i := 0; i < all.Len(); i++ {
		p.add(all.At(i))
	}
	if p.n == 0 {
		return
	}
	parts := max((p.n+chunkRecs-1)/chunkRecs, (len(p.body)+chunkBytes-1)/chunkBytes)
	if parts == 1 {
		e.los, e.bodies = [][]byte{nil}, [][]byte{p.body}
		return
	}
	each := (all.Len() + parts - 1) / parts
	for i := 0; i < all.Len(); i += each {
		p.reset()
		for j := i; j < min(i+each, all.Len()); j++ {
			p.add(all.At(j))
		}
		e.los = append(e.los, bytes.Clone(all.At(i)))
		e.bodies = append(e.bodies, bytes.Clone(p.body))
	}
}
