package space

import (
	"slices"
	"strings"
	"time"

	"muster/internal/base/object"
)

// Shown is what an import shows of one object, its references resolved to
// entries.
type Shown struct {
	Type, DN string
	Image    object.Attrs
	Began    int64     // the number of the last sending when the import began
	At       time.Time // when the import began
}

// Take makes what an import shows the released image, and reports whether it
// differs. An import says nothing about a change that was sent after it began:
// for those the image stays as it was (IMP-14). Values that differ carry the
// time of the import, the others keep theirs (IMP-5).
func (e *Entry) Take(s Shown) bool {
	image, dn := s.Image, s.DN
	for i := range e.Pending {
		p := &e.Pending[i]
		switch {
		case !p.OnItsWay() || p.SentNo <= s.Began || p.Name == Account:
		case p.Name == Name:
			dn = e.DN
		default:
			image = image.Clone()
			image.Put(p.Name, e.Image.Get(p.Name))
		}
	}
	if e.Seen && e.Missing.IsZero() && !e.Stub && e.Type == s.Type && e.DN == dn && e.Image.Equal(image) {
		return false
	}
	e.arrive(image, s.At)
	e.Type, e.DN, e.Image = s.Type, dn, image
	e.Seen, e.Stub, e.Missing = true, false, time.Time{}
	if !e.Explicit || !e.Link.IsZero() {
		e.Cut = object.ID{}
	}
	e.Version++
	return true
}

func (e *Entry) arrive(image object.Attrs, at time.Time) {
	for _, c := range object.Diff(e.Image, image) {
		e.Arrived = slices.DeleteFunc(slices.Clone(e.Arrived), func(a Arrival) bool { return a.Name == c.Name })
		if len(c.After) > 0 {
			e.Arrived = append(e.Arrived, Arrival{Name: c.Name, At: at})
		}
	}
	slices.SortFunc(e.Arrived, func(a, b Arrival) int { return strings.Compare(a.Name, b.Name) })
}
