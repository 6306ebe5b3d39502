package engine

import (
	"fmt"
	"slices"
	"time"

	"muster/internal/base/object"
	"muster/internal/base/problem"
	"muster/internal/sync/metaverse"
	"muster/internal/sync/space"
)

// Stamp says in which plan and when a unit is accepted.
type Stamp struct {
	Plan int64
	At   time.Time
}

// Effect is what accepting one unit writes, all in one transaction. It is a
// value: whoever keeps the store writes it and decides nothing.
type Effect struct {
	Object  *metaverse.Object // its new version; nil when it ends
	Born    bool
	Ended   object.ID // the object that ends; zero otherwise
	Links   []LinkEffect
	Changed []*space.Entry // accounts with new pending changes, new versions of what is there
	Added   []*space.Entry // accounts that are new: all they have is pending
	Removed []object.ID    // entries that are forgotten: accounts never sent, vanished accounts
	Recheck []object.ID    // entries that are free now and must be decided again
	Cut     []object.ID    // entries that may not join again until they change
	Claims  []metaverse.Claim
}

// LinkEffect is an entry that is linked to an object, or to none.
type LinkEffect struct{ Entry, To object.ID }

// Fresh reports that the unit rests on what it was decided from: the versions
// of its basis. The view has the basis loaded.
func Fresh(v View, u *Unit) bool {
	for _, b := range u.Basis {
		now := int64(0)
		if b.Object {
			if o := v.Object(b.ID); o != nil {
				now = o.Version
			}
		} else if e := v.Entry(b.ID); e != nil {
			now = e.Version
		}
		if now != b.Version {
			return false
		}
	}
	return true
}

// Apply works out what accepting the unit writes. It decides nothing: the
// changes are carried out as they stand. The view has the object loaded, and
// the entries that the unit names.
func Apply(v View, u *Unit, s Stamp) (*Effect, error) {
	a := &applier{v: v, u: u, s: s, e: &Effect{Claims: u.Claims}, entries: map[string]*space.Entry{}}
	a.was = v.Object(u.Object)
	if a.was != nil {
		for _, e := range v.EntriesOf(u.Object) {
			if e.Missing.IsZero() || a.entries[e.Connector] == nil {
				a.entries[e.Connector] = e
			}
		}
		next := *a.was
		next.Attrs, next.Origins = slices.Clone(a.was.Attrs), slices.Clone(a.was.Origins)
		next.Version++
		a.now = &next
	}
	origins := u.Origins
	for i := range u.Changes {
		c := &u.Changes[i]
		var o metaverse.Origin
		if c.HasOrigin() {
			o, origins = origins[0], origins[1:]
		}
		if err := a.change(c, o); err != nil {
			return nil, err
		}
	}
	return a.finish(), nil
}

// applier carries out one unit.
type applier struct {
	v       View
	u       *Unit
	s       Stamp
	e       *Effect
	was     *metaverse.Object
	now     *metaverse.Object
	entries map[string]*space.Entry // the object's accounts by connector, in their new versions
	touched map[string]bool
	added   map[string]bool
	undone  bool
}

func (a *applier) change(c *Change, o metaverse.Origin) error {
	switch c.Op {
	case Birth:
		if a.was != nil {
			return a.broken("the object is there already")
		}
		a.now = &metaverse.Object{ID: a.u.Object, Type: c.Name, Founder: c.After.First().Text(), Version: 1}
		a.e.Born = true
		return nil
	case Death:
		a.e.Ended, a.now = a.u.Object, nil
		return nil
	case Link:
		a.link(c)
		return nil
	case Unlink:
		a.unlink(c)
		return nil
	case AddAccount:
		a.addAccount(c)
		return nil
	}
	if c.Connector == "" {
		if a.now == nil {
			return a.broken("a value for an object that is not there")
		}
		a.setValue(c, o)
		return nil
	}
	if a.entries[c.Connector] == nil {
		return a.broken("a change of an account that is not there: " + c.Connector)
	}
	a.accountChange(c)
	return nil
}

// broken is a fault of the program: the unit does not fit what it was decided
// from. Nothing of it is written.
func (a *applier) broken(what string) error {
	return &problem.Problem{Code: "unexpected-error", Object: a.u.Object.String(),
		Message: fmt.Sprintf("plan %d cannot be applied: %s", a.s.Plan, what), Fix: "run the synchronization again; the object is decided anew"}
}

func (a *applier) setValue(c *Change, o metaverse.Origin) {
	o.At = a.s.At
	vs := c.After
	switch c.Op {
	case AddRef:
		vs = object.Set(append(slices.Clone(a.now.Attrs.Get(c.Name)), RefTo(c.Target))...)
	case DropRef:
		gone := RefTo(c.Target)
		vs = slices.DeleteFunc(slices.Clone(a.now.Attrs.Get(c.Name)), func(v object.Value) bool { return v == gone })
	default:
	}
	p := picture{attrs: a.now.Attrs, origins: a.now.Origins, ranks: make([]int, len(a.now.Attrs))}
	p.drop(c.Name)
	p.put(c.Name, vs, o, 0)
	a.now.Attrs, a.now.Origins = p.attrs, p.origins
}

func (a *applier) link(c *Change) {
	a.e.Links = append(a.e.Links, LinkEffect{Entry: c.Target, To: a.u.Object})
	if e := a.v.Entry(c.Target); e != nil {
		next := *e
		next.Link = a.u.Object
		if next.Missing.IsZero() {
			a.entries[c.Connector] = &next
		}
	}
}

func (a *applier) unlink(c *Change) {
	e := a.v.Entry(c.Target)
	if e == nil {
		return
	}
	if cur := a.entries[c.Connector]; cur != nil && cur.ID == e.ID {
		delete(a.entries, c.Connector)
	}
	if e.Unsent() || !e.Missing.IsZero() {
		a.e.Removed = append(a.e.Removed, e.ID)
		return
	}
	a.e.Links = append(a.e.Links, LinkEffect{Entry: e.ID})
	a.e.Recheck = append(a.e.Recheck, e.ID)
}

// edit returns the object's account in the connector for changing.
func (a *applier) edit(conn string) *space.Entry {
	if a.touched == nil {
		a.touched = map[string]bool{}
	}
	e := a.entries[conn]
	if !a.touched[conn] {
		next := *e
		next.Pending = slices.Clone(e.Pending)
		e = &next
		a.entries[conn], a.touched[conn] = e, true
	}
	return e
}

func (a *applier) addAccount(c *Change) {
	if a.touched == nil {
		a.touched = map[string]bool{}
	}
	e := a.entries[c.Connector]
	if e != nil && takenBack(e) {
		a.edit(c.Connector).RemovePending(space.Account, object.ID{})
		return
	}
	n := 0
	if e != nil { // its deletion is on its way: the new one has nothing to do with it
		a.e.Links = append(a.e.Links, LinkEffect{Entry: e.ID})
		for n = 1; space.AccountID(c.Connector, a.u.Object, n-1) == e.ID; n++ {
		}
	}
	e = &space.Entry{ID: space.AccountID(c.Connector, a.u.Object, n), Connector: c.Connector, Type: c.Name, Link: a.u.Object}
	e.PutPending(space.Pending{Name: space.Account, Want: space.Present, Plan: a.s.Plan})
	a.entries[c.Connector], a.touched[c.Connector] = e, true
	if a.added == nil {
		a.added = map[string]bool{}
	}
	a.added[c.Connector] = true
}

func (a *applier) accountChange(c *Change) {
	e := a.edit(c.Connector)
	switch c.Op {
	case DropAccount:
		if e.Unsent() {
			a.e.Removed = append(a.e.Removed, e.ID)
			delete(a.entries, c.Connector)
			return
		}
		e.PutPending(space.Pending{Name: space.Account, Before: space.Present, Plan: a.s.Plan})
	case CutAccount:
		a.cut(e, c)
	case Rename, SetAccount:
		e.Want(c.Name, c.After, a.s.Plan)
	case SetInitial:
		e.Initial = e.Initial.Clone()
		e.Initial.Put(c.Name, c.After)
		e.Want(c.Name, c.After, a.s.Plan)
	case AddAccountRef:
		e.WantRef(c.Name, c.Target, true, a.s.Plan)
	case DropAccountRef:
		e.WantRef(c.Name, c.Target, false, a.s.Plan)
	default:
	}
}

// cut leaves the account as it is and forgets it here.
func (a *applier) cut(e *space.Entry, c *Change) {
	delete(a.entries, c.Connector)
	if e.Unsent() {
		a.e.Removed = append(a.e.Removed, e.ID)
		return
	}
	e.Pending = slices.DeleteFunc(e.Pending, func(p space.Pending) bool { return p.State == space.Waiting || p.State == space.Failed })
	e.Link, e.Cut = object.ID{}, a.u.Object
	e.Explicit = c.Name == "for good"
	a.e.Links = append(a.e.Links, LinkEffect{Entry: e.ID})
	a.e.Cut = append(a.e.Cut, e.ID)
	a.e.Changed = append(a.e.Changed, e)
}

func (a *applier) finish() *Effect {
	a.e.Object = a.now
	for conn, e := range a.entries {
		switch {
		case a.added[conn]:
			if p := e.PendingOf(space.Name, object.ID{}); p != nil {
				e.DN = p.Want.First().Text() // by which an import knows it, should the answer be lost
			}
			a.e.Added = append(a.e.Added, e)
		case a.touched[conn]:
			a.e.Changed = append(a.e.Changed, e)
		}
	}
	byID := func(x, y *space.Entry) int { return x.ID.Compare(y.ID) }
	slices.SortFunc(a.e.Added, byID)
	slices.SortFunc(a.e.Changed, byID)
	if a.now != nil {
		a.now.Due = a.u.Due
		for _, c := range a.u.Claims {
			a.now.Claims = slices.DeleteFunc(slices.Clone(a.now.Claims), func(x metaverse.Claim) bool { return x.Attr == c.Attr })
			a.now.Claims = append(a.now.Claims, c)
		}
	}
	if a.e.Ended != (object.ID{}) {
		a.endLinks()
	}
	return a.e
}

// endLinks cuts what is still linked to an object that ends: its accounts,
// whose deletion or cutting stands in their pending changes.
func (a *applier) endLinks() {
	for _, e := range a.v.EntriesOf(a.u.Object) {
		done := slices.ContainsFunc(a.e.Links, func(l LinkEffect) bool { return l.Entry == e.ID }) || slices.Contains(a.e.Removed, e.ID)
		if !done {
			a.e.Links = append(a.e.Links, LinkEffect{Entry: e.ID})
		}
	}
	for _, e := range a.e.Changed {
		e.Link = object.ID{}
	}
}
