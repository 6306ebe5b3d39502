package run

import (
	"context"
	"errors"

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
	part   part
	parts  chan part
	free   chan part
	failed chan error // at most one
	done   chan struct{}

	duplicates []*connector.Refusal // the first of them; read them when done
	twice      int64                // all of them
}

// part is some of what a system tells, in order.
type part struct {
	records []object.Record
	twice   []*connector.Refusal // of anchors that it told before
}

func newTaker(imp *staging.Import) *taker {
	t := &taker{imp: imp, part: newPart(), parts: make(chan part, recordsAhead),
		free: make(chan part, recordsAhead+2), failed: make(chan error, 1), done: make(chan struct{})}
	go t.work()
	return t
}

func (t *taker) work() {
	defer close(t.done)
	broken := false
	for p := range t.parts {
		for i := range p.records {
			if broken {
				break // it is told at the next part
			}
			err := t.imp.Put(p.records[i])
			var dup *staging.DuplicateError
			switch {
			case errors.As(err, &dup):
				t.duplicate(&connector.Refusal{Object: dup.Anchor, Code: connector.DuplicateObject, Err: err})
			case err != nil:
				broken = true
				t.failed <- err
			}
		}
		for _, ref := range p.twice {
			if t.imp.Twice(ref.Object) {
				t.duplicate(ref)
			}
		}
		clear(p.records)
		t.free <- part{p.records[:0], nil}
	}
}

func newPart() part { return part{records: make([]object.Record, 0, recordsAtOnce)} }

func (t *taker) duplicate(ref *connector.Refusal) {
	t.twice++
	if len(t.duplicates) < MaxErrors {
		t.duplicates = append(t.duplicates, ref)
	}
}

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

// readAll imports everything.
func (im *importing) readAll(ctx context.Context) (connector.Mark, error) {
	t := newTaker(im.imp)
	scope := im.scope(t.again)
	scope.Same = im.same
	mark, err := guarded(im.x, func() (connector.Mark, error) {
		return im.conn.Import(ctx, scope, func(rec object.Record) error {
			im.progress()
			return t.put(rec)
		})
	})
	if e := t.end(); err == nil {
		err = e
	}
	for _, ref := range t.duplicates {
		im.refuse(ref)
	}
	rest := t.twice - int64(len(t.duplicates))
	im.refused(rest)
	im.rep.count("errors", rest)
	return mark, err
}
