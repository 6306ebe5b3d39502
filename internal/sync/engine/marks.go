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
//   - of a plan of which only a part is accepted, Waiting says which units have to
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

// Waiting returns the objects whose units have to wait: those that are not
// chosen, and whoever rests on one that waits (ACC-5). A unit rests on those
// whose new values it read, whom its references name, and with whom it exchanges
// a link. Who no longer refers to somebody because he or his account is to go
// waits while that waits; and who cuts an account or ends, waits for those who
// still refer to it: later nobody would know any more whose account it was.
func Waiting(units iter.Seq[*Unit], chosen func(*Unit) bool) map[object.ID]bool {
	w := waiting{rests: map[object.ID][]object.ID{}, drops: map[object.ID][]Change{}, goes: map[object.ID][]Change{}, there: map[object.ID]bool{}}
	var todo []object.ID
	for u := range units {
		w.add(u)
		if !chosen(u) {
			todo = append(todo, u.Object)
		}
	}
	for o, cs := range w.drops {
		for i := range cs {
			w.settle(o, &cs[i])
		}
	}
	waits := map[object.ID]bool{}
	for len(todo) > 0 {
		o := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if !waits[o] && w.there[o] {
			waits[o] = true
			todo = append(todo, w.rests[o]...)
		}
	}
	return waits
}

// waiting knows who rests on whom.
type waiting struct {
	rests map[object.ID][]object.ID // by whom they rest on
	drops map[object.ID][]Change    // references that go
	goes  map[object.ID][]Change    // accounts and lives that go
	there map[object.ID]bool        // has a unit
}

func (w *waiting) rest(who, on object.ID) { w.rests[on] = append(w.rests[on], who) }

func (w *waiting) add(u *Unit) {
	o := u.Object
	w.there[o] = true
	for _, b := range u.Basis {
		if b.Object && b.ID != o {
			w.rest(o, b.ID)
		}
	}
	for i := range u.Changes {
		switch c := &u.Changes[i]; c.Op {
		case AddRef, AddAccountRef:
			w.rest(o, c.Target)
		case Link:
			for _, from := range c.Before {
				w.rest(o, refID(from))
				w.rest(refID(from), o)
			}
		case DropRef, DropAccountRef:
			w.drops[o] = append(w.drops[o], *c)
		case DropAccount, CutAccount, Death:
			w.goes[o] = append(w.goes[o], *c)
		default:
		}
	}
}

// settle looks why the reference goes.
func (w *waiting) settle(o object.ID, drop *Change) {
	for _, g := range w.goes[drop.Target] {
		if g.Op == Death || drop.Op == DropAccountRef && g.Connector == drop.Connector {
			w.rest(o, drop.Target)
		}
		if drop.Op == DropAccountRef && g.Op != DropAccount {
			w.rest(drop.Target, o)
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
