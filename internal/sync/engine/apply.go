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
	Holds   []*Hold // holds that end with the object (HOLD-24)
}

// LinkEffect is an entry that is linked to an object, or to none, with the marks
// that it has from then on (space.Entry.Explicit and Cut).
type LinkEffect struct {
	Entry, To object.ID
	From      object.ID // of one that comes: whom it leaves, zero if it was linked to nobody
	Explicit  bool
	Cut       object.ID
}

// Needs is what applying the units reads.
func Needs(units []Unit) Need {
	var n Need
	for i := range units {
		u := &units[i]
		n.Objects = append(n.Objects, u.Object)
		for k := range u.Changes {
			switch c := &u.Changes[k]; c.Op {
			case Link, Unlink:
				n.Entries = append(n.Entries, c.Target)
			case AddAccount:
				n.Entries = append(n.Entries, space.AccountID(c.Connector, u.Object, 0))
			default:
			}
		}
	}
	return n
}

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

// Given is what applying a unit reads of a View.
type Given interface {
	Load(need Need) error
	Entry(id object.ID) *space.Entry
	Object(id object.ID) *metaverse.Object
	EntriesOf(obj object.ID) []*space.Entry
	Holds(obj object.ID) []*Hold
}

// nothing is given where nothing is stored.
type nothing struct{}

func (nothing) Load(Need) error                    { return nil }
func (nothing) Entry(object.ID) *space.Entry       { return nil }
func (nothing) Object(object.ID) *metaverse.Object { return nil }
func (nothing) EntriesOf(object.ID) []*space.Entry { return nil }
func (nothing) Holds(object.ID) []*Hold            { return nil }

// Born works out what accepting a unit writes that brings its object into being
// and for which nothing needs to be read: it only links the entries that are
// there, and changes nothing in their systems. Of other units it is nil. It is
// what Apply says as long as nothing that deciding reads has changed, and no
// account of an earlier life is left in the connectors of Effect.Added.
func Born(u *Unit, s Stamp) *Effect {
	if !plainBirth(u) {
		return nil
	}
	e, err := Apply(nothing{}, u, s)
	if err != nil {
		return nil // applying it says what is wrong
	}
	return e
}

// plainBirth reports that the unit brings its object into being, and changes
// nothing in the systems whose entries it links.
func plainBirth(u *Unit) bool {
	born := false
	var linked, changed []string
	for i := range u.Changes {
		switch c := &u.Changes[i]; {
		case c.Op == Birth:
			born = true
		case c.Op == Link:
			linked = append(linked, c.Connector)
		case c.Op == Unlink:
			return false
		case c.Connector != "" && (len(changed) == 0 || changed[len(changed)-1] != c.Connector):
			changed = append(changed, c.Connector)
		}
	}
	return born && !slices.ContainsFunc(linked, func(c string) bool { return slices.Contains(changed, c) })
}

// Apply works out what accepting the unit writes. It decides nothing: the
// changes are carried out as they stand. The view has loaded what Needs says.
// The entries that the unit's basis does not name leave the object by the units
// of others, and are none of its business.
func Apply(v Given, u *Unit, s Stamp) (*Effect, error) {
	a := &applier{v: v, u: u, s: s, e: &Effect{Claims: u.Claims}, entries: map[string]*space.Entry{},
		touched: map[string]bool{}, added: map[string]bool{}}
	a.was = v.Object(u.Object)
	if a.was != nil {
		for _, e := range v.EntriesOf(u.Object) {
			if e.Missing.IsZero() && u.stays(e.ID) {
				a.entries[e.Connector] = e
			}
		}
		next := *a.was
		next.Attrs, next.Origins = slices.Clone(a.was.Attrs), slices.Clone(a.was.Origins)
		next.Version++
		a.now = &next
	}
	origins := u.Origins
	for cs := u.Changes; len(cs) > 0; {
		n := 1
		if cs[0].HasOrigin() {
			n = alike(cs)
			if err := a.setValue(cs[:n], origins[n-1]); err != nil {
				return nil, err
			}
			origins = origins[n:]
		} else if err := a.change(&cs[0]); err != nil {
			return nil, err
		}
		cs = cs[n:]
	}
	return a.finish(), nil
}

// stays reports that the entry stays linked to the object, or comes to it.
func (u *Unit) stays(entry object.ID) bool {
	return slices.ContainsFunc(u.Basis, func(b Basis) bool { return !b.Object && b.ID == entry })
}

// applier carries out one unit.
type applier struct {
	v       Given
	u       *Unit
	s       Stamp
	e       *Effect
	was     *metaverse.Object
	now     *metaverse.Object
	entries map[string]*space.Entry // the object's accounts by connector, in their new versions
	touched map[string]bool
	added   map[string]bool
}

func (a *applier) change(c *Change) error {
	switch c.Op {
	case Birth:
		if a.was != nil {
			return a.broken("the object is there already")
		}
		a.now = &metaverse.Object{ID: a.u.Object, Type: c.Name, Founder: c.After.First().Text(), Version: 1}
		a.now.Attrs, a.now.Origins = make(object.Attrs, 0, len(a.u.Origins)), make([]metaverse.Origin, 0, len(a.u.Origins))
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
		return a.addAccount(c)
	default: // the rest concern accounts
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

// alike is how many changes at the beginning give or take references of one
// attribute; a value is by itself.
func alike(cs []Change) int {
	n := 1
	for cs[0].Op != SetValue && n < len(cs) && cs[n].Op == cs[0].Op && cs[n].Name == cs[0].Name {
		n++
	}
	return n
}

// setValue sets a value, or gives or takes references of one attribute, in
// order.
func (a *applier) setValue(cs []Change, o metaverse.Origin) error {
	if a.now == nil {
		return a.broken("a value for an object that is not there")
	}
	o.At = a.s.At
	vs := cs[0].After
	switch was := a.now.Attrs.Get(cs[0].Name); cs[0].Op {
	case AddRef:
		vs = append(make(object.Values, 0, len(was)+len(cs)), was...)
		for i := range cs {
			vs = append(vs, RefTo(cs[i].Target))
		}
		vs = object.Set(vs...)
	case DropRef:
		vs = slices.DeleteFunc(slices.Clone(was), func(v object.Value) bool {
			_, gone := slices.BinarySearchFunc(cs, refID(v), func(c Change, id object.ID) int { return c.Target.Compare(id) })
			return gone
		})
	default:
	}
	a.put(cs[0].Name, vs, o)
	return nil
}

// put sets an attribute with its origin; no values remove it.
func (a *applier) put(name string, vs object.Values, o metaverse.Origin) {
	at := &a.now.Attrs
	i, n := len(*at), 0
	for i > 0 && (*at)[i-1].Name >= name {
		i--
	}
	if i < len(*at) && (*at)[i].Name == name {
		n = 1
	}
	if len(vs) == 0 {
		*at, a.now.Origins = slices.Delete(*at, i, i+n), slices.Delete(a.now.Origins, i, i+n)
		return
	}
	*at = slices.Replace(*at, i, i+n, object.Attr{Name: name, Values: vs})
	a.now.Origins = slices.Replace(a.now.Origins, i, i+n, o)
}

// link links an entry; it stays linked whatever scope says where a person
// wanted it so (LINK-26).
func (a *applier) link(c *Change) {
	word := slices.ContainsFunc(a.v.Holds(a.u.Object), func(h *Hold) bool {
		return h.binds(a.s.At) && h.Target.Connector == c.Connector && h.Target.Name == c.Name
	})
	l := LinkEffect{Entry: c.Target, To: a.u.Object, Explicit: word}
	if len(c.Before) > 0 {
		l.From = refID(c.Before[0])
	}
	a.e.Links = append(a.e.Links, l)
	if e := a.v.Entry(c.Target); e != nil && e.Missing.IsZero() {
		next := *e
		next.Link, next.Cut, next.Explicit = a.u.Object, object.ID{}, word
		a.entries[c.Connector] = &next
	}
}

func (a *applier) unlink(c *Change) {
	e := a.v.Entry(c.Target)
	if e == nil {
		return
	}
	if e.Unsent() || !e.Missing.IsZero() {
		a.e.Removed = append(a.e.Removed, e.ID)
		return
	}
	l := LinkEffect{Entry: e.ID, Cut: e.Cut}
	if a.u.Undone {
		l.Cut = a.u.Object
		a.e.Cut = append(a.e.Cut, e.ID)
	} else {
		a.e.Recheck = append(a.e.Recheck, e.ID)
	}
	a.e.Links = append(a.e.Links, l)
}

// edit returns the object's account in the connector for changing.
func (a *applier) edit(conn string) *space.Entry {
	e := a.entries[conn]
	if !a.touched[conn] {
		next := *e
		next.Pending, next.Initial = slices.Clone(e.Pending), e.Initial.Clone()
		e = &next
		a.entries[conn], a.touched[conn] = e, true
	}
	return e
}

// addAccount takes a deletion back that was not sent, or makes a new account
// beside whatever the object had there before.
func (a *applier) addAccount(c *Change) error {
	e := a.entries[c.Connector]
	if e != nil && takenBack(e) {
		e = a.edit(c.Connector)
		e.RemovePending(space.Account, object.ID{})
		if !e.Seen { // its adding is on its way
			e.PutPending(space.Pending{Name: space.Account, Want: space.Present, State: space.Sent, Plan: a.s.Plan})
		}
		return nil
	}
	if e != nil { // its deletion is on its way: the new one has nothing to do with it
		a.e.Links = append(a.e.Links, LinkEffect{Entry: e.ID})
	}
	var id object.ID
	for n := 0; ; n++ {
		id = space.AccountID(c.Connector, a.u.Object, n)
		if err := a.v.Load(Need{Entries: []object.ID{id}}); err != nil {
			return err
		}
		if a.v.Entry(id) == nil {
			break
		}
	}
	n := 0
	for i := range a.u.Changes {
		if a.u.Changes[i].Connector == c.Connector {
			n++
		}
	}
	e = &space.Entry{ID: id, Connector: c.Connector, Type: c.Name, Link: a.u.Object, Pending: make([]space.Pending, 0, n)}
	e.PutPending(space.Pending{Name: space.Account, Want: space.Present, Plan: a.s.Plan})
	a.entries[c.Connector], a.touched[c.Connector], a.added[c.Connector] = e, true, true
	return nil
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
		e.Initial.Put(c.Name, c.After)
		e.Want(c.Name, c.After, a.s.Plan)
	case AddAccountRef, DropAccountRef:
		a.wantRef(e, c)
	default:
	}
}

// wantRef stages a reference, or drops what waits where the image is as wanted.
// What the image shows was asked of the links as the plan leaves them: an
// account that it names may be cut, or found again, in the same plan.
func (a *applier) wantRef(e *space.Entry, c *Change) {
	old := e.PendingOf(c.Name, c.Target)
	if old != nil && !old.OnItsWay() && c.Shown == (len(c.After) > 0) && (c.Shown || len(old.Before) == 0) {
		e.RemovePending(c.Name, c.Target)
		return
	}
	e.PutPending(space.Pending{Name: c.Name, Target: c.Target, Before: c.Before, Want: c.After, Plan: a.s.Plan})
}

// cut leaves the account as it is and forgets it here.
func (a *applier) cut(e *space.Entry, c *Change) {
	delete(a.entries, c.Connector)
	if e.Unsent() {
		a.e.Removed = append(a.e.Removed, e.ID)
		return
	}
	e.Pending = slices.DeleteFunc(e.Pending, func(p space.Pending) bool { return !p.OnItsWay() })
	e.Link, e.Cut = object.ID{}, a.u.Object
	e.Explicit = c.Name == "for good"
	a.e.Links = append(a.e.Links, LinkEffect{Entry: e.ID, Cut: e.Cut, Explicit: e.Explicit})
	a.e.Cut = append(a.e.Cut, e.ID)
	a.e.Changed = append(a.e.Changed, e)
}

func (a *applier) finish() *Effect {
	a.e.Object = a.now
	for conn, e := range a.entries {
		if p := e.PendingOf(space.Name, object.ID{}); p != nil && (a.added[conn] || a.touched[conn] && e.Unsent()) {
			e.DN = p.Want.First().Text() // by which an import knows it, should the answer be lost
		}
		switch {
		case a.added[conn]:
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

// endLinks cuts what is still linked to an object that ends, its accounts, whose
// deletion or cutting stands in their pending changes; and its holds end, except
// those that keep it, or a link to it, from coming back.
func (a *applier) endLinks() {
	for _, e := range a.v.EntriesOf(a.u.Object) {
		done := slices.ContainsFunc(a.e.Links, func(l LinkEffect) bool { return l.Entry == e.ID }) || slices.Contains(a.e.Removed, e.ID)
		if !done && a.u.stays(e.ID) {
			a.e.Links = append(a.e.Links, LinkEffect{Entry: e.ID, Cut: e.Cut, Explicit: e.Explicit})
		}
	}
	for _, e := range a.e.Changed {
		e.Link = object.ID{}
	}
	for _, h := range a.v.Holds(a.u.Object) {
		if t := h.Target.Kind; (t != WholeObject && t != EntryLink) || len(h.Refused) == 0 {
			a.e.Holds = append(a.e.Holds, h)
		}
	}
}
