package space

import (
	"slices"

	"muster/internal/base/object"
)

// Reader says how a connector's attributes are to be compared, and who is who
// there.
type Reader interface {
	// Attribute describes the named attribute of the entry's type; the zero
	// Attribute if the schema does not have it.
	Attribute(name string) object.Attribute
	// EntryOf returns the entry that is the object's account in this connector;
	// the zero ID if there is none.
	EntryOf(obj object.ID) object.ID
}

// Confirmation is what an import said of the changes that were on their way to
// one entry.
type Confirmation struct {
	Confirmed []Pending // shown as sent
	Returned  []Pending // shown with another value; sent once more (exported-change-not-reimported)
	Contested []Pending // shown with another value for the second time
	Overtaken []Pending // not sent yet, and what was there before is no longer there
	Again     bool      // the entry's object must be decided again
	Changed   bool      // Pending is no longer what it was
}

// Confirm compares the pending changes of a present entry with its released
// image, which an import brought that began when sending number began was the
// last. Changes sent later are left alone: the import cannot know of them.
func (e *Entry) Confirm(began int64, r Reader) Confirmation {
	var c Confirmation
	kept := make([]Pending, 0, len(e.Pending))
	for i := range e.Pending {
		p := e.Pending[i]
		late := p.OnItsWay() && p.SentNo > began
		if !late && !c.settle(e, &p, r) {
			c.Changed = true
			continue
		}
		if !late && !samePending(&p, &e.Pending[i]) {
			c.Changed = true
		}
		kept = append(kept, p)
	}
	e.Pending = slices.Clip(kept)
	return c
}

func samePending(a, b *Pending) bool {
	return a.State == b.State && a.Tries == b.Tries && a.Before.Equal(b.Before) && a.Found.Equal(b.Found)
}

// settle decides what becomes of one change; false drops it.
func (c *Confirmation) settle(e *Entry, p *Pending, r Reader) bool {
	if p.Name == Account {
		if len(p.Want) > 0 {
			c.Confirmed = append(c.Confirmed, *p)
			return false
		}
		if p.OnItsWay() { // it is still there: the delete must go out again
			p.State = Waiting
		}
		return true
	}
	if r.Attribute(p.Name).WriteOnly {
		return c.settleUnread(e, p, r)
	}
	shown := e.shownFor(p, r)
	if equalShown(p, shown, r) {
		if p.OnItsWay() || p.State == Contested {
			c.Confirmed = append(c.Confirmed, *p)
		}
		return false
	}
	switch p.State {
	case Unknown:
		p.State, p.Before = Waiting, shown
	case Sent:
		return c.returned(p, shown)
	case Waiting, Failed:
		if p.Tries == 0 && !shown.Equal(p.Before) {
			c.Overtaken, c.Again = append(c.Overtaken, *p), true
			return false
		}
	case Contested:
		if !shown.Equal(p.Found) {
			c.Again = true
			return false
		}
	}
	return true
}

// settleUnread decides what becomes of a value that cannot be read back, such
// as a password. The answer confirms it (EXP-8). Without an answer, what the
// import shows of the rest of the same call says whether it arrived; if it went
// alone nobody can tell, and it is not sent again (EXP-6).
func (c *Confirmation) settleUnread(e *Entry, p *Pending, r Reader) bool {
	arrived, known := p.State == Sent, p.State == Sent
	for i := range e.Pending {
		q := &e.Pending[i]
		if p.State != Unknown || q.State != Unknown || q.SentNo != p.SentNo || r.Attribute(q.Name).WriteOnly {
			continue
		}
		known = true
		arrived = arrived || q.Name == Account || equalShown(q, e.shownFor(q, r), r)
	}
	switch {
	case arrived:
		c.Confirmed = append(c.Confirmed, *p)
		return false
	case known:
		p.State = Waiting
	}
	return true
}

// returned handles a value that the system took and that comes back different:
// it is sent once more, then contested (EXP-9, EXP-10).
func (c *Confirmation) returned(p *Pending, shown object.Values) bool {
	p.Tries++
	if p.Tries < 2 {
		p.State, p.Before = Waiting, shown
		c.Returned = append(c.Returned, *p)
		return true
	}
	p.State, p.Found = Contested, shown
	c.Contested = append(c.Contested, *p)
	return true
}

// shownFor is what the released image shows of what p changes.
func (e *Entry) shownFor(p *Pending, r Reader) object.Values {
	if p.Target.IsZero() {
		return e.shown(p.Name)
	}
	id := r.EntryOf(p.Target)
	if !id.IsZero() && e.Image.Get(p.Name).Has(object.Reference(string(id[:]))) {
		return Present
	}
	return nil
}

// equalShown reports that the image shows what was wanted: by the schema's own
// comparison (EXP-11), and DNs as DNs.
func equalShown(p *Pending, shown object.Values, r Reader) bool {
	if p.Name == Name {
		return object.DNKey(shown.First().Text()) == object.DNKey(p.Want.First().Text())
	}
	return SameValues(p.Want, shown, r.Attribute(p.Name).Folded)
}

// SameValues compares two value sets, without regard to the case of letters if
// folded.
func SameValues(a, b object.Values, folded bool) bool {
	if a.Equal(b) {
		return true
	}
	if !folded || len(a) != len(b) {
		return false
	}
	return foldAll(a).Equal(foldAll(b))
}

func foldAll(vs object.Values) object.Values {
	out := make([]object.Value, len(vs))
	for i, v := range vs {
		out[i] = v
		if v.Kind() == object.String {
			out[i] = object.Str(object.Fold(v.Text()))
		}
	}
	return object.Set(out...)
}

// Vanish tells an entry that a full import did not show it, or that a delta
// said it was deleted.
type Vanish uint8

// What a vanished entry becomes.
const (
	StaysThere   Vanish = iota // the import cannot know of it: it was made later
	Forgotten                  // its deletion is confirmed, or nobody needs it
	WaitsAgain                 // an add whose answer was lost did not happen
	GoesMissing                // it is missing from now on
	MissedBefore               // it was missing already
)

// Vanished says what becomes of an entry that was not shown. began is as for
// Confirm.
func (e *Entry) Vanished(began int64) Vanish {
	p := e.PendingOf(Account, object.ID{})
	madeLater := slices.ContainsFunc(e.Pending, func(q Pending) bool { return q.Name == Account && len(q.Want) > 0 && q.SentNo > began })
	switch {
	case madeLater:
		return StaysThere
	case p != nil && len(p.Want) == 0 && (p.OnItsWay() || e.Link.IsZero()):
		return Forgotten
	case !e.Seen && p != nil && p.State == Unknown:
		return WaitsAgain
	case !e.Seen:
		return StaysThere
	case !e.Missing.IsZero():
		return MissedBefore
	case e.Link.IsZero():
		return Forgotten
	}
	return GoesMissing
}
