package engine

import (
	"iter"
	"slices"

	"muster/internal/base/object"
	"muster/internal/sync/rules"
)

// Who has to be decided again
//
// A delta run decides what Trigger names and whom that reaches; it finds by
// itself who refers to whom, reads whom, and asks for which key. For a full run
// after it to be empty (DELTA-1), whoever imports, accepts and exports names in
// the next Trigger:
//
// In every run, full ones too:
//   - Objects: those of the waiting list and of open units, those of all holds
//     (whether or not the object exists), those that are due;
//   - Entries: those in the join queue, and Moved of what waits or is open;
//   - Keys: KeysOf of what waits or is open.
//
// After a plan was accepted:
//   - whoever got a Verdict leaves the waiting list or enters it with
//     Verdict.Waiting, is due at Verdict.Due, and loses the holds Verdict.Ended;
//     but of a unit that is not accepted due and holds stay as they were, and its
//     changes are open until it is, or until a plan has no such unit;
//   - an object on which a rule failed is decided again, with Verdict.Entries and
//     Verdict.Seen: others were decided as if it had become what it would be;
//   - of a plan of which only a part is accepted, Rests says which units have to
//     wait too; nobody else needs to be marked, since everything that the plan
//     reaches was decided in it;
//   - an object that ended takes Effect.Holds with it.
//
// After an import was released:
//   - Entries: each that is new or told differently, that went missing or came
//     back, or got its anchor;
//   - Objects: those of entries that are forgotten or whose deletion is
//     confirmed, and those of accounts of which a change was dropped, because it
//     was overtaken, contested, or did not happen (space.Confirmation.Again).
//
// After an export: Objects of accounts whose deletion was handed over, which from
// then on feed nothing and give their place, and of those that were refused.
//
// When a hold is written or lifted: its object, and for a hold on a link the
// entry; lifting takes off space.Entry.Cut of the entries that it kept apart, and
// those are entries told differently. When rules change: everybody.

// Rests knows which units of a plan rest on which, so that who rests on one that
// waits, waits too (ACC-5). A unit rests on those whose new values it read, whom
// its references name, and with whom it exchanges a link. Who no longer refers to
// somebody because he or his account is to go, or an entry of his by which he may
// have been named, waits while that waits; and who cuts an account or ends, waits
// for those who still refer to it: later nobody would know any more whose account
// it was.
type Rests struct {
	rests map[object.ID][]object.ID // by whom they rest on
	there map[object.ID]bool        // has a unit
	drops map[object.ID][]Change    // references that go
	goes  map[object.ID][]Change    // accounts and lives that go
	loses map[object.ID]bool        // an entry leaves it
}

// RestsOf reads the units of a whole plan.
func RestsOf(units iter.Seq[*Unit]) *Rests {
	r := &Rests{rests: map[object.ID][]object.ID{}, there: map[object.ID]bool{},
		drops: map[object.ID][]Change{}, goes: map[object.ID][]Change{}, loses: map[object.ID]bool{}}
	for u := range units {
		r.add(u)
	}
	for o, cs := range r.drops {
		for i := range cs {
			r.settle(o, &cs[i])
		}
	}
	r.drops, r.goes, r.loses = nil, nil, nil
	return r
}

// Wait adds the objects to those whose units wait, with all who rest on them. One
// may be without a unit: a birth on which a rule failed. It returns those that
// were added.
func (r *Rests) Wait(waits map[object.ID]bool, objects ...object.ID) (added []object.ID) {
	todo := slices.Clone(objects)
	for _, o := range objects {
		if !r.there[o] {
			todo = append(todo, r.rests[o]...)
		}
	}
	for len(todo) > 0 {
		o := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if !waits[o] && r.there[o] {
			waits[o] = true
			added = append(added, o)
			todo = append(todo, r.rests[o]...)
		}
	}
	return added
}

func (r *Rests) rest(who, on object.ID) { r.rests[on] = append(r.rests[on], who) }

func (r *Rests) add(u *Unit) {
	o := u.Object
	r.there[o] = true
	for _, b := range u.Basis {
		if b.Object && b.ID != o {
			r.rest(o, b.ID)
		}
	}
	for i := range u.Changes {
		switch c := &u.Changes[i]; c.Op {
		case AddRef, AddAccountRef:
			r.rest(o, c.Target)
		case Link:
			for _, from := range c.Before {
				r.rest(o, refID(from))
				r.rest(refID(from), o)
				r.loses[refID(from)] = true
			}
		case Unlink:
			r.loses[o] = true
		case DropRef, DropAccountRef:
			r.drops[o] = append(r.drops[o], *c)
		case DropAccount, CutAccount, Death:
			r.goes[o] = append(r.goes[o], *c)
		default:
		}
	}
}

// settle looks why the reference goes.
func (r *Rests) settle(o object.ID, drop *Change) {
	if drop.Op == DropRef && r.loses[drop.Target] {
		r.rest(o, drop.Target)
	}
	for _, g := range r.goes[drop.Target] {
		if g.Op == Death || drop.Op == DropAccountRef && g.Connector == drop.Connector {
			r.rest(o, drop.Target)
		}
		if drop.Op == DropAccountRef && g.Op != DropAccount {
			r.rest(drop.Target, o)
		}
	}
}

// Moved lists the entries whose links the changes move or would move. Those of
// what waits, for a hold or for approval, are decided again in every run, with
// their objects (DELTA-7): the founder of a birth that is held has no object yet.
func Moved(cs []Change) (entries []object.ID) {
	for i := range cs {
		if c := &cs[i]; c.Op == Link || c.Op == Unlink {
			entries = append(entries, c.Target)
		}
	}
	return entries
}

// KeysOf lists the join keys that the changes bring or take. While they wait, who
// asks by such a key is tried again in every run (DELTA-3, DELTA-7): the plan in
// which they wait saw them, and the next begins without.
func KeysOf(set *rules.Set, cs []Change) (keys []Key) {
	for i := range cs {
		c := &cs[i]
		if c.Op != SetValue {
			continue
		}
		for name, t := range set.Types {
			if a := t.Attributes[c.Name]; a != nil && a.Key {
				for _, v := range slices.Concat(c.Before, c.After) {
					keys = append(keys, Key{name, c.Name, object.Key(v, a.Folded)})
				}
			}
		}
	}
	return keys
}
