package store

import (
	"runtime"
	"slices"
	"sync"

	"muster/internal/store/db"
	"muster/internal/store/units"
	"muster/internal/sync/engine"
)

// packed reads a chunk; nil if there is none.
func (t *Tx) packed(plan, no int64) (*units.Packed, error) {
	if p := t.opened[chunkNo{plan, no}]; p != nil {
		return p, nil
	}
	if p := t.store.chunks.Get(plan, no); p != nil {
		return p, nil
	}
	var p *units.Packed
	err := t.eachPacked(nil, func(_ chunkNo, x *units.Packed) { p = x }, "plan_chunk p WHERE p.plan = ? AND p.no = ?", plan, no)
	if err != nil || p == nil {
		return nil, err
	}
	t.store.chunks.Put(p)
	return p, nil
}

// eachPacked reads chunks, p in the rest of the statement.
func (t *Tx) eachPacked(b *db.Batch, fn func(chunkNo, *units.Packed), from string, args ...any) error {
	var c chunkNo
	var hashes, body []byte
	return t.db.EachOf(b, []any{&c.plan, &c.no, &hashes, &body}, func() error {
		p, err := units.Open(c.plan, c.no, hashes, body)
		if err == nil {
			fn(c, p)
		}
		return err
	}, "SELECT p.plan, p.no, p.hashes, p.body FROM "+from, args...)
}

// Chunk reads a part of a plan; nil behind the last.
func (t *Tx) Chunk(plan, no int64) (*units.Chunk, error) {
	p, err := t.packed(plan, no)
	if err != nil || p == nil {
		return nil, err
	}
	return p.Chunk()
}

// unit reads one unit of a plan; nil if it is not there.
func (t *Tx) unit(plan, chunk int64, place int) (*engine.Unit, error) {
	p, err := t.packed(plan, chunk)
	if err != nil || p == nil {
		return nil, err
	}
	return p.Unit(place)
}

// chunkNo names a chunk.
type chunkNo struct{ plan, no int64 }

// unitsTogether is how many units are read together; each may lie in a chunk of
// its own.
const unitsTogether = 64

// together reads the units of the rows, which are in their order, with one
// statement, and decodes them on all processors; unit then returns them without
// delay, until others are read together.
func (t *Tx) together(rows []todo) error {
	t.opened = map[chunkNo]*units.Packed{}
	b := db.NewBatch("ii")
	for i := range rows {
		c := chunkNo{rows[i].plan, rows[i].chunk}
		if _, met := t.opened[c]; !met && rows[i].derived() {
			if t.opened[c] = t.store.chunks.Get(c.plan, c.no); t.opened[c] == nil {
				b.Int(c.plan).Int(c.no)
			}
		}
	}
	if len(t.opened) < 8 {
		t.opened = nil
		return nil
	}
	err := t.eachPacked(b, func(c chunkNo, p *units.Packed) { t.opened[c] = p }, "@feed CROSS JOIN plan_chunk p WHERE p.plan = feed.c0 AND p.no = feed.c1")
	if err != nil {
		return err
	}
	var all sync.WaitGroup
	each := (len(rows) + runtime.GOMAXPROCS(0) - 1) / runtime.GOMAXPROCS(0)
	for part := range slices.Chunk(rows, each) {
		all.Go(func() {
			_ = db.Guard(func() error {
				for i := range part {
					if p := t.opened[chunkNo{part[i].plan, part[i].chunk}]; p != nil && part[i].derived() {
						_, _ = p.Unit(int(part[i].pos))
					}
				}
				return nil
			}) // whoever asks for it is told what is wrong
		})
	}
	all.Wait()
	return nil
}

// endTogether lets go of what was read together.
func (t *Tx) endTogether() { t.opened = nil }
