package run

import (
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
	part   []object.Record
	parts  chan []object.Record
	free   chan []object.Record
	failed chan error // at most one
	done   chan struct{}

	duplicates []*staging.DuplicateError // read them when done
}

func newTaker(imp *staging.Import) *taker {
	t := &taker{imp: imp, part: make([]object.Record, 0, recordsAtOnce), parts: make(chan []object.Record, recordsAhead),
		free: make(chan []object.Record, recordsAhead+2), failed: make(chan error, 1), done: make(chan struct{})}
	go t.work()
	return t
}

func (t *taker) work() {
	defer close(t.done)
	broken := false
	for part := range t.parts {
		for i := range part {
			if broken {
				break // it is told at the next part
			}
			err := t.imp.Put(part[i])
			var dup *staging.DuplicateError
			switch {
			case errors.As(err, &dup):
				t.duplicates = append(t.duplicates, dup)
			case err != nil:
				broken = true
				t.failed <- err
			}
		}
		clear(part)
		t.free <- part[:0]
	}
}

// put hands a record on.
func (t *taker) put(rec object.Record) error {
	t.part = append(t.part, rec)
	if len(t.part) < recordsAtOnce {
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
		t.part = make([]object.Record, 0, recordsAtOnce)
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

// readAll imports everything.
func (im *importing) readAll(told func(emit func(object.Record) error) (connector.Mark, error)) (connector.Mark, error) {
	t := newTaker(im.imp)
	mark, err := told(func(rec object.Record) error {
		im.progress()
		return t.put(rec)
	})
	if e := t.end(); err == nil {
		err = e
	}
	for _, dup := range t.duplicates {
		if e := im.refusable(dup); err == nil {
			err = e
		}
	}
	return mark, err
}
