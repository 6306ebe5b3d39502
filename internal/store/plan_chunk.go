package store

import (
	"context"

	"muster/internal/store/units"
	"muster/internal/sync/engine"
)

// packed reads a chunk; nil if there is none.
func (t *Tx) packed(plan, no int64) (*units.Packed, error) {
	if p := t.store.chunks.Get(plan, no); p != nil {
		return p, nil
	}
	var hashes, body []byte
	found, err := t.db.One([]any{&hashes, &body}, "SELECT hashes, body FROM plan_chunk WHERE plan = ? AND no = ?", plan, no)
	if err != nil || !found {
		return nil, err
	}
	p, err := units.Open(plan, no, hashes, body)
	if err == nil {
		t.store.chunks.Put(p)
	}
	return p, err
}

// Chunk reads a part of a plan; nil behind the last.
func (t *Tx) Chunk(plan, no int64) (*units.Chunk, error) {
	if a := t.ahead; a != nil && a.plan == plan && a.next == no && no < a.end {
		a.next++
		d := <-a.chunks
		return d.chunk, d.err
	}
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

// decoded is a chunk that was read ahead.
type decoded struct {
	chunk *units.Chunk
	err   error
}

// ahead is the chunks of a plan that a transaction is going to ask for, in
// order.
type ahead struct {
	plan, next, end int64
	chunks          chan decoded
	stop            context.CancelFunc
}

// Ahead reads n chunks of the plan that is being accepted, and decodes each, with
// what its births come to, while the transaction does what it does with the one
// before; Chunk then returns them without delay.
func (t *Tx) Ahead(s engine.Stamp, from, n int64) error {
	var list []*units.Packed
	var no int64
	var hashes, body []byte
	err := t.db.Each([]any{&no, &hashes, &body}, func() error {
		p, err := units.Open(s.Plan, no, hashes, body)
		list = append(list, p)
		return err
	}, "SELECT no, hashes, body FROM plan_chunk WHERE plan = ? AND no >= ? AND no < ? ORDER BY no", s.Plan, from, from+n)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(t.Context())
	t.endAhead()
	t.ahead = &ahead{plan: s.Plan, next: from, end: from + int64(len(list)), chunks: make(chan decoded, 1), stop: stop}
	to := t.ahead.chunks
	go func() {
		for _, p := range list {
			c, err := p.Chunk()
			if err == nil {
				c.Born = make([]*engine.Effect, len(c.Units))
				for i := range c.Units {
					c.Born[i] = engine.Born(&c.Units[i], s)
				}
			}
			select {
			case to <- decoded{c, err}:
			case <-ctx.Done():
				return
			}
		}
	}()
	return nil
}

func (t *Tx) endAhead() {
	if t.ahead != nil {
		t.ahead.stop()
		t.ahead = nil
	}
}
