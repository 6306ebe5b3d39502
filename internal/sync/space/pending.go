package space

import (
	"cmp"
	"slices"
	"sort"
	"strings"

	"muster/internal/base/object"
)

func comparePending(a, b *Pending) int {
	return cmp.Or(strings.Compare(a.Name, b.Name), a.Target.Compare(b.Target))
}

// findPending returns where the change of p's attribute and target is, or would
// be.
func (e *Entry) findPending(p *Pending) (int, bool) {
	return sort.Find(len(e.Pending), func(i int) int { return comparePending(p, &e.Pending[i]) })
}

// PutPending sets a pending change, in the place of an earlier one of the same
// attribute and target.
func (e *Entry) PutPending(p Pending) {
	i, ok := e.findPending(&p)
	if ok {
		e.Pending[i] = p
		return
	}
	e.Pending = slices.Insert(e.Pending, i, p)
}

// RemovePending removes the pending change of the attribute and target.
func (e *Entry) RemovePending(name string, target object.ID) {
	e.Pending = slices.DeleteFunc(e.Pending, func(p Pending) bool { return p.Name == name && p.Target == target })
}

// Wants reports that the changes are one decision, whatever became of it.
func (p *Pending) Wants(same *Pending) bool {
	return p.Name == same.Name && p.Target == same.Target && p.Plan == same.Plan && p.Want.Equal(same.Want)
}

// Rebase takes over what plans have decided since the entry was read, while its
// changes were being sent: now is what is on its way by their account. Of a change
// that still stands, the entry knows better what became of it. What was handed
// over and was taken off the entry since is done.
func (e *Entry) Rebase(now []Pending) {
	out := make([]Pending, 0, len(now))
	for i := range now {
		p := e.PendingOf(now[i].Name, now[i].Target)
		switch {
		case p != nil && p.Wants(&now[i]):
			out = append(out, *p)
		case p != nil || !now[i].OnItsWay():
			out = append(out, now[i])
		}
	}
	e.Pending = out
}

// OnItsWay reports that the change was handed over and may have happened.
func (p *Pending) OnItsWay() bool { return p.State == Unknown || p.State == Sent }

// Want makes vs the value that the attribute (or Name, the DN) shall have. A
// change that the released image already shows is dropped, unless something
// else is on its way.
func (e *Entry) Want(name string, vs object.Values, plan int64) {
	p := e.PendingOf(name, object.ID{})
	seen := e.shown(name)
	switch {
	case e.Seen && seen.Equal(vs) && (p == nil || !p.OnItsWay()):
		e.RemovePending(name, object.ID{})
	case p != nil && p.OnItsWay():
		e.PutPending(Pending{Name: name, Before: p.Want, Want: vs, Plan: plan})
	default:
		e.PutPending(Pending{Name: name, Before: seen, Want: vs, Plan: plan})
	}
}

// WantRef makes the reference to the object target present or not.
func (e *Entry) WantRef(name string, target object.ID, present bool, plan int64) {
	p := e.PendingOf(name, target)
	next := Pending{Name: name, Target: target, Plan: plan}
	if present {
		next.Want = Present
	} else {
		next.Before = Present
	}
	if p != nil && !p.OnItsWay() && p.Before.Equal(next.Want) {
		e.RemovePending(name, target) // never sent: back to what is there
		return
	}
	e.PutPending(next)
}

// shown is what the released image shows.
func (e *Entry) shown(name string) object.Values {
	if name == Name {
		if e.DN == "" {
			return nil
		}
		return object.Values{object.Str(e.DN)}
	}
	return e.Image.Get(name)
}
