package run

import (
	"context"
	"errors"
	"fmt"

	"muster/internal/base/object"
	"muster/internal/store/staging"
	"muster/internal/sync/connector"
)

// Records go to the store some hundred at a time, while the connector reads on.
const (
	recordsAtOnce = 256
	recordsAhead  = 4 // such parts
)

// taker hands records to an import in a goroutine of its own.
type taker struct {
	imp    *staging.Import
	twice  *repeated
	part   part
	parts  chan part
	free   chan part
	failed chan error // at most one
	done   chan struct{}
}

// part is some of what a system tells, in order.
type part struct {
	records []object.Record
	twice   []*connector.Refusal // of anchors that it told before
}

func newTaker(imp *staging.Import, twice *repeated) *taker {
	t := &taker{imp: imp, twice: twice, part: newPart(), parts: make(chan part, recordsAhead),
		free: make(chan part, recordsAhead+2), failed: make(chan error, 1), done: make(chan struct{})}
	go t.work()
	return t
}

func (t *taker) work() {
	defer close(t.done)
	broken := false
	for p := range t.parts {
		if !broken { // it is told at the next part
			if err := guard("the import", func() error { return t.take(&p) }); err != nil {
				broken = true
				t.failed <- err
			}
		}
		clear(p.records)
		t.free <- part{p.records[:0], nil}
	}
}

// take takes in what a part tells.
func (t *taker) take(p *part) error {
	for i := range p.records {
		if err := t.imp.Put(p.records[i]); err != nil {
			return err
		}
	}
	for _, ref := range p.twice {
		news, err := t.imp.Twice(ref.Object)
		if err != nil {
			return err
		}
		if news {
			t.twice.add(ref)
		}
	}
	return nil
}

func newPart() part { return part{records: make([]object.Record, 0, recordsAtOnce)} }

// put hands a record on.
func (t *taker) put(rec object.Record) error {
	t.part.records = append(t.part.records, rec)
	if len(t.part.records) < recordsAtOnce {
		return nil
	}
	return t.pass()
}

// again hands on that the connector itself found an anchor told before.
func (t *taker) again(ref *connector.Refusal) error {
	t.part.twice = append(t.part.twice, ref)
	if len(t.part.twice) < recordsAtOnce {
		return nil
	}
	return t.pass()
}

func (t *taker) pass() error {
	select {
	case err := <-t.failed:
		return err
	default:
	}
	t.parts <- t.part
	select {
	case t.part = <-t.free:
	default:
		t.part = newPart()
	}
	return nil
}

// end waits until everything is taken.
func (t *taker) end() error {
	err := t.pass()
	close(t.parts)
	<-t.done
	select {
	case e := <-t.failed:
		err = errors.Join(err, e)
	default:
	}
	return err
}

// same reports that an object is as it was told last, so that it need not be read.
func (im *importing) same(g *connector.Glimpse) bool {
	if !im.imp.Same(g.Type, g.Anchor, g.Print, g.Attrs, g.Has) {
		return false
	}
	im.progress()
	return true
}

// readAll imports everything, or everything in the step's containers. What told
// is, if it is not nil, hears of each object.
func (im *importing) readAll(ctx context.Context, told func(anchor string)) (connector.Mark, error) {
	t := newTaker(im.imp, &im.twice)
	scope := im.scope(t.again)
	scope.Containers = im.rep.In
	if im.full {
		scope.Same = im.same
	}
	mark, err := guarded(im.x, func() (connector.Mark, error) {
		return im.conn.Import(ctx, scope, func(rec object.Record) error {
			im.progress()
			if told != nil {
				told(rec.Anchor)
			}
			return t.put(rec)
		})
	})
	if e := t.end(); err == nil {
		err = e
	}
	if err == nil {
		err = im.imp.Drain()
	}
	im.refuseTwice()
	return mark, err
}

// repeated are refusals of anchors that came several times. They belong to who
// hands records to the import, until all is told.
type repeated struct {
	first []*connector.Refusal
	n     int64 // all of them
}

func (r *repeated) add(ref *connector.Refusal) {
	if r.n++; len(r.first) < MaxErrors {
		r.first = append(r.first, ref)
	}
}

// again is told by the import of an anchor that came several times.
func (r *repeated) again(anchor string) {
	r.add(&connector.Refusal{Object: anchor, Code: connector.DuplicateObject,
		Err: fmt.Errorf("the anchor %q came several times in one import; none of these objects was taken, and what was known before stays: make the anchor attribute unique at the source", anchor)})
}

// refuseTwice refuses what came several times (ERR-18).
func (im *importing) refuseTwice() {
	for _, ref := range im.twice.first {
		im.refuse(ref)
	}
	rest := im.twice.n - int64(len(im.twice.first))
	im.refused(rest)
	im.rep.count("errors", rest)
	im.twice = repeated{}
}
