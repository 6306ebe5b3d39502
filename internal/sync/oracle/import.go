package oracle

import (
	"maps"
	"slices"
	"strings"
	"time"

	"muster/internal/base/object"
	"muster/internal/sync/space"
)

// Staged is an import that is not released: what the system showed, and how far
// sending had come when it began.
type Staged struct {
	Began int64
	Rows  map[string]object.Record // by anchor; references name anchors
}

// Begin reads everything that the system shows.
func Begin(w *World, out *Outside, connector string) {
	w.Staged[connector] = &Staged{Began: w.Sendings, Rows: maps.Clone(out.Rows[connector])}
}

// Release makes the staged import the truth. It says nothing of what was sent
// after it began.
func Release(w *World, connector string) {
	s := w.Staged[connector]
	if s == nil {
		return
	}
	delete(w.Staged, connector)
	w.Imports++
	w.recognize(connector, s)
	for _, anchor := range slices.Sorted(maps.Keys(s.Rows)) {
		w.show(w.named(connector, anchor), s.Rows[anchor], s)
	}
	for _, e := range w.Entries {
		if _, there := s.Rows[e.Anchor]; e.Connector == connector && !there {
			w.absent(e, s)
		}
	}
}

// recognize gives anchors to accounts that were handed over without an answer:
// they are known by name, or by login where there are no names.
func (w *World) recognize(connector string, s *Staged) {
	for _, anchor := range slices.Sorted(maps.Keys(s.Rows)) {
		if w.find(connector, anchor) != nil {
			continue
		}
		for _, id := range sortedIDs(w.Entries) {
			if e := w.Entries[id]; e.Connector == connector && e.Anchor == "" && !e.Unsent() && calls(e, s.Rows[anchor]) {
				e.Anchor = anchor
				break
			}
		}
	}
}

// calls reports that the account was to have the row's name.
func calls(e *space.Entry, row object.Record) bool {
	if row.DN != "" {
		return e.Top(space.Name).First().Text() == row.DN
	}
	return e.Top("login").Equal(row.Attrs.Get("login"))
}

// named returns the entry of the anchor, new if there is none.
func (w *World) named(connector, anchor string) *space.Entry {
	if e := w.find(connector, anchor); e != nil {
		return e
	}
	e := &space.Entry{ID: space.EntryID(connector, anchor), Connector: connector, Anchor: anchor, Stub: true}
	w.Entries[e.ID] = e
	return e
}

// show writes what the import shows of an entry.
func (w *World) show(e *space.Entry, row object.Record, s *Staged) {
	image := object.Attrs{}
	for _, a := range row.Attrs {
		image.Put(a.Name, w.resolve(e.Connector, a.Values))
	}
	dn := row.DN
	for i := range e.Pending {
		switch p := &e.Pending[i]; {
		case p.SentNo <= s.Began || p.Name == space.Account:
		case p.Name == space.Name:
			dn = e.DN
		default:
			image.Put(p.Name, e.Image.Get(p.Name))
		}
	}
	if !e.Seen || !e.Missing.IsZero() || dn != e.DN || !image.Equal(e.Image) {
		w.arrive(e, image)
		e.Type, e.DN, e.Image = row.Type, dn, image
		e.Seen, e.Stub = true, false
		e.Missing = time.Time{}
		e.Version++
	}
	w.confirm(e, s.Began)
}

// arrive notes when changed values arrived, and lets a changed entry seek again.
func (w *World) arrive(e *space.Entry, image object.Attrs) {
	for _, c := range object.Diff(e.Image, image) {
		e.Arrived = slices.DeleteFunc(e.Arrived, func(a space.Arrival) bool { return a.Name == c.Name })
		if len(c.After) > 0 {
			e.Arrived = append(e.Arrived, space.Arrival{Name: c.Name, At: w.Clock})
		}
	}
	slices.SortFunc(e.Arrived, func(a, b space.Arrival) int { return strings.Compare(a.Name, b.Name) })
	e.Cut = object.ID{}
}

// resolve turns anchors into ids of entries, with a placeholder for what was
// never seen.
func (w *World) resolve(connector string, vs object.Values) object.Values {
	var out object.Values
	for _, v := range vs {
		if v.Kind() == object.Ref {
			v = refTo(w.named(connector, v.Text()).ID)
		}
		out = append(out, v)
	}
	return object.Set(out...)
}

// absent deals with an entry that the import does not show.
func (w *World) absent(e *space.Entry, s *Staged) {
	p := e.PendingOf(space.Account, object.ID{})
	deleted := p != nil && len(p.Want) == 0 && (p.OnItsWay() || e.Link == object.ID{} || e.Anchor == "")
	switch {
	case e.Stub || e.Unsent() || p != nil && p.SentNo > s.Began:
	case deleted:
		delete(w.Entries, e.ID)
	case e.Anchor == "": // an add without an answer that did not happen
		for i := range e.Pending {
			e.Pending[i].State = space.Waiting
		}
	case e.Missing.IsZero() && e.Link == object.ID{}:
		delete(w.Entries, e.ID)
	case e.Missing.IsZero():
		e.Missing, e.Pending = w.Clock, nil
		e.Version++
	}
}

// confirm compares what was sent before the import began with what it shows.
func (w *World) confirm(e *space.Entry, began int64) {
	for _, p := range slices.Clone(e.Pending) {
		if p.SentNo > began {
			continue
		}
		q := e.PendingOf(p.Name, p.Target)
		found := w.found(e, &p)
		switch {
		case p.Name == space.Account && len(p.Want) == 0:
			q.State = space.Waiting
		case found.Equal(p.Want) || e.Link == object.ID{}:
			e.RemovePending(p.Name, p.Target)
		case p.State == space.Unknown:
			q.State, q.Before = space.Waiting, found
		case p.State == space.Sent && p.Tries == 0:
			q.State, q.Before, q.Tries = space.Waiting, found, 1
		case p.State == space.Sent:
			q.State, q.Found, q.Tries = space.Contested, found, p.Tries+1
		case p.State == space.Contested && !found.Equal(p.Found),
			!p.OnItsWay() && p.State != space.Contested && p.Tries == 0 && !found.Equal(p.Before): // overtaken
			e.RemovePending(p.Name, p.Target)
		}
	}
}

// found is what the image shows of a change.
func (w *World) found(e *space.Entry, p *space.Pending) object.Values {
	switch {
	case p.Name == space.Account:
		return space.Present
	case p.Name == space.Name:
		return text(e.DN)
	case p.Target != object.ID{}:
		for _, v := range e.Image.Get(p.Name) {
			if x := w.Entries[refOf(v)]; x != nil && x.Link == p.Target {
				return space.Present
			}
		}
		return nil
	}
	return e.Image.Get(p.Name)
}
