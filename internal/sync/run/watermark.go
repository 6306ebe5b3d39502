package run

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"

	"muster/internal/base/object"
	"muster/internal/store"
	"muster/internal/store/staging"
	"muster/internal/sync/connector"
)

// watermark is where an import of changes begins, and what was chosen to be read
// when it was set: who chooses more has to ask for everything once (IMP-18).
type watermark struct {
	selection string
	mark      connector.Mark // "" where the system tells no changes
	owed
}

// owed is what imports up to the mark have left open.
type owed struct {
	Refused []string `json:"refused,omitempty"` // anchors of whom they could not read
	Full    bool     `json:"full,omitempty"`    // nobody was taken for missing because of them: when all can be read, a full import does so
}

// selection stands for what the connector's section chooses to be read.
func (x *Connected) selection() string {
	sum := sha256.Sum256(x.Section.Substance())
	return hex.EncodeToString(sum[:8])
}

// text is how the watermark is stored; the zero one is empty.
func (w watermark) text() string {
	if w.selection == "" {
		return ""
	}
	head := w.selection
	if w.Full || len(w.Refused) > 0 {
		body, _ := json.Marshal(w.owed) // texts and a truth value
		head += " " + string(body)
	}
	return head + "\n" + string(w.mark)
}

// markOf returns the connector's watermark; the zero one if everything must be
// imported whatever was chosen.
func markOf(t *store.Tx, x *Connected) (watermark, error) {
	text, err := t.Mark(x.Name)
	head, mark, ok := strings.Cut(text, "\n")
	if !ok || err != nil {
		return watermark{}, err
	}
	selection, body, more := strings.Cut(head, " ")
	w := watermark{selection: selection, mark: connector.Mark(mark)}
	if more {
		err = json.Unmarshal([]byte(body), &w.owed)
	}
	return w, err
}

// mostRefused is how many objects that could not be read are asked for one by one.
const mostRefused = 1000

// askAgain asks for the objects that imports before this one could not read: they
// need not have changed since. Who is not there any more is gone.
func (im *importing) askAgain(ctx context.Context) error {
	finder, _ := im.conn.(connector.Finder)
	for _, anchor := range im.from.Refused {
		if finder == nil || im.again[anchor] {
			continue // it was refused by this import too
		}
		d := staging.Delta{Op: staging.Gone, Record: object.Record{Anchor: anchor}}
		rec, err := guarded(im.x, func() (object.Record, error) { return finder.Find(ctx, connector.Whereabouts{Anchor: anchor}) })
		var ref *connector.Refusal
		switch {
		case err == nil:
			d = staging.Delta{Op: staging.PutWhole, Record: rec}
		case errors.As(err, &ref):
			again := *ref
			again.Anchor = anchor
			im.refuse(&again)
			continue
		case !errors.Is(err, connector.ErrNotFound):
			return err
		}
		if err := im.imp.Change(d); err != nil {
			return err
		}
	}
	return im.imp.Drain()
}

// next is where the next import begins. What this one refused is asked for again,
// one by one; where that cannot be, the next one begins where this one did, so that
// it is told again.
func (im *importing) next(mark connector.Mark) watermark {
	w := watermark{selection: im.x.selection(), mark: mark}
	same := im.from.selection == w.selection
	switch {
	case im.lacks, len(im.rep.In) > 0 && !same:
		return watermark{}
	case len(im.rep.In) > 0: // the rest of the system was not looked at
		return im.from
	case im.bad == 0 && (im.full || !im.from.Full):
		return w
	case im.bad == 0:
		return watermark{} // all can be read now
	case im.bad == im.ask && len(im.again) <= mostRefused && mark != "":
		w.owed = owed{slices.Sorted(maps.Keys(im.again)), im.full && im.known || !im.full && im.from.Full}
		return w
	case same:
		return im.from
	}
	return watermark{}
}
