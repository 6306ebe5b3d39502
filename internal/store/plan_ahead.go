package store

import (
	"context"
	"sync/atomic"

	"muster/internal/store/db"
	"muster/internal/store/units"
	"muster/internal/sync/engine"
)

// Accepting reads the chunks of a plan that is accepted, each with what its births
// come to: one after another, while what came before is written and committed.
type Accepting struct {
	s      *Store
	stamp  engine.Stamp
	chunks chan decoded
	open   atomic.Int64  // changes in chunks that were decoded, and not taken
	taken  chan struct{} // tells that some were taken
	stop   context.CancelFunc
}

// decoded is a chunk, or why it could not be read.
type decoded struct {
	no    int64
	chunk *units.Chunk
	err   error
}

const (
	readAhead    = 8      // chunks that are read with one statement
	decodedAhead = 4      // chunks that are decoded before they are asked for
	changesAhead = 25_000 // in them, with which no other is begun
)

// Accepting begins with the chunk from. What it reads goes on until End.
func (s *Store) Accepting(ctx context.Context, stamp engine.Stamp, from, to int64) *Accepting {
	ctx, stop := context.WithCancel(ctx)
	a := &Accepting{s: s, stamp: stamp, stop: stop, chunks: make(chan decoded, decodedAhead), taken: make(chan struct{}, 1)}
	go func() {
		defer close(a.chunks)
		_ = db.Guard(func() error { a.read(ctx, from, to); return nil }) // whoever asks meets the fault himself
	}()
	return a
}

// End lets go of what was not asked for.
func (a *Accepting) End() {
	a.stop()
	for range a.chunks { // until nothing is read any more
	}
}

// read decodes chunks until it is told to stop, or finds no free connection:
// whoever asks reads the rest himself.
func (a *Accepting) read(ctx context.Context, no, to int64) {
	for no < to {
		var list []*units.Packed
		ran, err := a.s.readIfFree(ctx, func(t *Tx) (err error) {
			list, err = t.packedFrom(a.stamp.Plan, no, min(readAhead, to-no))
			return err
		})
		if !ran || err != nil || len(list) == 0 {
			return
		}
		for _, p := range list {
			for a.open.Load() > changesAhead {
				select {
				case <-a.taken:
				case <-ctx.Done():
					return
				}
			}
			c, err := a.decode(p)
			if err == nil {
				a.open.Add(changesIn(c))
			}
			select {
			case a.chunks <- decoded{no, c, err}:
			case <-ctx.Done():
				return
			}
			no++
		}
	}
}

func changesIn(c *units.Chunk) (n int64) {
	for i := range c.Units {
		n += int64(len(c.Units[i].Changes))
	}
	return n
}

// decode decodes a chunk and works out what its births come to.
func (a *Accepting) decode(p *units.Packed) (*units.Chunk, error) {
	c, err := p.Chunk()
	if err != nil {
		return nil, err
	}
	c.Born = make([]*engine.Effect, len(c.Units))
	for i := range c.Units {
		c.Born[i] = engine.Born(&c.Units[i], a.stamp)
	}
	return c, nil
}

// Chunk returns a chunk of the plan; nil behind the last. They are asked for in
// order.
func (a *Accepting) Chunk(t *Tx, no int64) (*units.Chunk, error) {
	if d, ok := <-a.chunks; ok && d.no == no {
		if d.err == nil {
			a.open.Add(-changesIn(d.chunk))
			select {
			case a.taken <- struct{}{}:
			default: // it is told already
			}
		}
		return d.chunk, d.err
	}
	p, err := t.packed(a.stamp.Plan, no)
	if err != nil || p == nil {
		return nil, err
	}
	return a.decode(p)
}

// packedFrom reads n chunks of a plan, or as many as there are.
func (t *Tx) packedFrom(plan, from, n int64) (list []*units.Packed, err error) {
	err = t.eachPacked(nil, func(_ chunkNo, p *units.Packed) { list = append(list, p) },
		"plan_chunk p WHERE p.plan = ? AND p.no >= ? AND p.no < ? ORDER BY p.no", plan, from, from+n)
	return list, err
}
