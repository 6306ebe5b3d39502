package oracle

import (
	"fmt"
	"strings"
	"time"

	"muster/internal/base/object"
	"muster/internal/sync/space"
)

// person does one thing that people do.
func (h *History) person() {
	switch n := h.rng.IntN(14); {
	case n < 3:
		h.reject()
	case n < 4:
		h.undo()
	case n < 5:
		h.shelve()
	case n < 8:
		h.decideJoin()
	case n < 9:
		h.protect()
	default:
		h.lift()
	}
}

// place writes a hold unless its target has one.
func (h *History) place(x *Hold) {
	if h.W.Holds[x.Target] == nil {
		h.W.Holds[x.Target] = x
		h.met(x.Why)
		h.say("hold %s", describeHold(x))
	}
}

// HoldFor is the hold that refuses the change, false if it cannot be held singly.
func HoldFor(p *Plan, c Change) (*Hold, bool) {
	t := Target{Object: c.Object, Connector: c.Connector, Name: c.Name, Ref: c.Target}
	if c.Op == Link || c.Op == Unlink {
		t.Ref = object.ID{}
	}
	switch c.Op {
	case Birth, Death:
		t = Target{Object: c.Object, Kind: WholeObject}
	case Link, Unlink:
		t.Kind = EntryLink
	case SetValue:
		t.Kind = ObjectValue
	case AddRef, DropRef:
		t.Kind = ObjectRef
	case AddAccount, DropAccount, CutAccount:
		t = Target{Object: c.Object, Kind: AccountLife, Connector: c.Connector}
		if p.d.live[c.Object] == "" {
			t = Target{Object: c.Object, Kind: WholeObject}
		}
	case Rename, SetAccount:
		t.Kind = AccountValue
	case AddAccountRef, DropAccountRef:
		t.Kind = AccountRef
	case SetInitial:
		return nil, false
	}
	return &Hold{Target: t, Refused: c.outcome()}, t.Kind != EntryLink || c.Name != ""
}

// outcome is what the change makes so.
func (c *Change) outcome() object.Values {
	switch c.Op {
	case Birth, Link:
		return space.Present
	case Death, Unlink:
		return nil
	default:
		return c.After
	}
}

// reject refuses one change of a fresh plan.
func (h *History) reject() {
	p := Decide(h.W, h.R)
	if objects := sortedIDs(p.Units); len(objects) > 0 {
		if x, ok := HoldFor(p, pick(h.rng, p.Units[pick(h.rng, objects...)]...)); ok {
			x.Why = "reject"
			h.place(x)
		}
	}
}

// Undo makes the holds that take a run's changes back, where things are still
// as the run left them.
func Undo(w *World, r *Rules, run []Change) (holds []*Hold) {
	for _, c := range run {
		o := w.Objects[c.Object]
		t := Target{Object: c.Object, Connector: c.Connector, Name: c.Name}
		switch {
		case o == nil:
			continue
		case c.Op == Birth:
			t.Kind = WholeObject
		case c.Op == SetValue && o.Attrs.Get(c.Name).Equal(c.After):
			t.Kind = ObjectValue
		case c.Op == SetAccount && len(c.Before) > 0:
			e := w.accountOf(c.Object, c.Connector)
			if e == nil || !e.Top(c.Name).Equal(c.After) {
				continue
			}
			t.Kind = AccountValue
		default:
			continue
		}
		if c.Op == Birth {
			t.Name = ""
		}
		holds = append(holds, &Hold{Target: t, Refused: c.outcome(), AtValue: true, Instead: c.Before, Why: "undo"})
	}
	return holds
}

func (h *History) undo() {
	for _, x := range Undo(h.W, h.R, h.last) {
		h.place(x)
	}
}

func (h *History) someObject() (o object.ID, ok bool) {
	if objects := sortedIDs(h.W.Objects); len(objects) > 0 {
		return pick(h.rng, objects...), true
	}
	return o, false
}

// shelve holds everything about an object for some hours.
func (h *History) shelve() {
	if o, ok := h.someObject(); ok {
		until := h.W.Clock.Add(time.Duration(1+h.rng.IntN(9)) * time.Hour)
		h.place(&Hold{Target: Target{Object: o, Kind: WholeObject}, Standing: true, Until: until, Why: "shelve"})
	}
}

// protect holds an account's life, or a link, whatever is wanted.
func (h *History) protect() {
	o, ok := h.someObject()
	if !ok {
		return
	}
	if chance(h.rng, 2) {
		h.place(&Hold{Target: Target{Object: o, Kind: AccountLife, Connector: pick(h.rng, Directory, App)}, Standing: true, Why: "protect"})
		return
	}
	for _, id := range sortedIDs(h.W.Entries) {
		if e := h.W.Entries[id]; e.Link == o && e.Anchor != "" && e.Connector != Directory && e.Connector != App {
			h.place(&Hold{Target: linkTarget(e, o), Refused: space.Present, Standing: true, AtValue: true, Why: "disconnect"})
			return
		}
	}
}

// decideJoin answers the join queue.
func (h *History) decideJoin() {
	p := Decide(h.W, h.R)
	for _, q := range p.Queue {
		e, o := h.W.Entries[q.Entry], pick(h.rng, q.Candidates...)
		if !q.Taken && h.W.Objects[o] != nil {
			h.place(&Hold{Target: linkTarget(e, o), AtValue: true, Instead: space.Present, Why: "join"})
		}
	}
}

// lift ends a hold. Lifting a guard's hold lets those very changes through that
// it held; lifting a disconnection lets the entry seek again.
func (h *History) lift() {
	targets := SortedTargets(h.W.Holds)
	if len(targets) == 0 {
		return
	}
	t := pick(h.rng, targets...)
	h.say("lift %s", describeHold(h.W.Holds[t]))
	Lift(h.W, h.R, t)
	h.met("lift")
}

// Lift removes the hold, and with it the marks of entries that it kept apart.
func Lift(w *World, r *Rules, t Target) {
	x := w.Holds[t]
	if x.Why == "guard" {
		with := decideOnce(w, r, w.Holds)
		delete(w.Holds, t)
		without := decideOnce(w, r, w.Holds)
		for _, c := range without.Units[t.Object] {
			w.Approved[c.String()] = c
		}
		for _, c := range with.Units[t.Object] {
			delete(w.Approved, c.String())
		}
	}
	delete(w.Holds, t)
	for _, e := range w.Entries {
		if e.Cut == t.Object && (t.Kind == WholeObject || t == linkTarget(e, e.Cut)) {
			e.Cut = object.ID{}
		}
	}
}

func describeHold(x *Hold) string {
	return fmt.Sprintf("%s: %s kind %d [%s] %s %s refuses %s standing %t instead %t %s until %s", x.Why, x.Target.Object, x.Target.Kind, x.Target.Connector, x.Target.Name, x.Target.Ref,
		show(x.Refused), x.Standing, x.AtValue, show(x.Instead), x.Until.Format(time.DateTime))
}

// DescribeHolds lists the world's holds, for people.
func DescribeHolds(w *World) string {
	var b strings.Builder
	for _, t := range SortedTargets(w.Holds) {
		b.WriteString(describeHold(w.Holds[t]) + "\n")
	}
	return b.String()
}
