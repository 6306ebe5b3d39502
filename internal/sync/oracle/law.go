package oracle

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"muster/internal/base/object"
	"muster/internal/sync/space"
)

// A Law holds for every world and every rules. Breach says how it fails, "" when
// it does not; it works on copies.
type Law struct {
	Name   string
	Breach func(c *Case) string
}

// Case is a moment of a history that laws are held against.
type Case struct {
	W   *World
	Out *Outside
	R   *Rules
	Rng *rand.Rand
}

// Laws are all of them.
var Laws = []Law{
	{"the same world gives the same plan", same},
	{"deciding again after accepting is empty", again},
	{"the order of staged imports does not matter", importOrder},
	{"a held object does not move", heldObject},
	{"holding one object leaves the others", isolation},
	{"holding one change holds it and nothing is lost by it", heldChange},
	{"an object held and then let go gives the whole", narrow},
	{"a run that died gives the whole when it is started again", resume},
	{"undo survives three runs", undoStays},
	{"the waiting list is complete", waiting},
}

func same(c *Case) string {
	a, b := Decide(c.W, c.R), Decide(c.W.Clone(), c.R)
	return Diff(a.Text()+a.WaitingText(), b.Text()+b.WaitingText())
}

// moves says what accepting the plan would change: who waits for a birth on which
// a rule fails, waits in every run (ACC-5).
func (w *World) moves(p *Plan) string { return Text(Accept(w.Clone(), p, nil)) }

// again decides until nothing is left, which is so at once, but around who is not
// there though the free decision makes him: there it comes to an end soon.
func again(c *Case) (breach string) {
	w := c.W.Clone()
	for range 4 {
		first := Decide(w, c.R)
		Accept(w, first, nil)
		p := Decide(w, c.R)
		if w.moves(p) == "" && len(p.NewHolds) == 0 {
			return ""
		}
		breach = fmt.Sprintf("first\n%sagain, with %d new holds\n%s", first.Text(), len(p.NewHolds), p.Text())
		if !late(first, p) {
			return breach
		}
	}
	return breach
}

// late reports that somebody was freely linked to an object that was left as it
// was, because its birth is held or a rule fails on it, and that now somebody is
// freely linked otherwise. Such an object comes into being anew in every plan, in
// its place in the order (LINK-1), and those who were born meanwhile are there
// before it (PLAN-9).
func late(before, after *Plan) bool {
	left, moved := false, false
	for _, e := range after.d.entries {
		was := before.d.link[e.ID]
		left = left || was != e.Link && (before.d.faulty[was] || before.d.stands(was))
		moved = moved || was != after.d.link[e.ID]
	}
	return left && moved
}

func importOrder(c *Case) string {
	var texts [2]string
	for i := range texts {
		w := c.W.Clone()
		names := []string{HR, Badge, Groups, Portal, Directory, App}
		for _, name := range names {
			Begin(w, c.Out, name)
		}
		if i == 1 {
			c.Rng.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
		}
		for _, name := range names {
			Release(w, name)
		}
		texts[i] = Decide(w, c.R).Text()
	}
	return Diff(texts[0], texts[1])
}

// shelf is a hold on all that an object has.
func shelf(o object.ID) *Hold {
	return &Hold{Target: Target{Object: o, Kind: WholeObject}, Standing: true, Why: "shelve"}
}

// someUnit picks an object that the plan changes and nobody holds.
func (c *Case) someUnit(p *Plan) (object.ID, bool) {
	objects := slices.DeleteFunc(sortedIDs(p.Units), func(o object.ID) bool { return c.W.Holds[shelf(o).Target] != nil })
	if len(objects) == 0 {
		return object.ID{}, false
	}
	return pick(c.Rng, objects...), true
}

func heldObject(c *Case) string {
	o, ok := c.someUnit(Decide(c.W, c.R))
	if !ok {
		return ""
	}
	w := c.W.Clone()
	w.Holds[shelf(o).Target] = shelf(o)
	return Text(Decide(w, c.R).Units[o])
}

// isolation leaves out what follows from the held object: references to it, what
// is read through them, and units that exchange a link with it.
func isolation(c *Case) string {
	whole := Decide(c.W, c.R)
	a, ok := c.someUnit(whole)
	if !ok || len(c.R.Guards) > 0 {
		return ""
	}
	w := c.W.Clone()
	w.Holds[shelf(a).Target] = shelf(a)
	part := Decide(w, c.R)
	var text strings.Builder
	for _, o := range part.d.everybody() {
		if o != a && !whole.d.exchange(a, o) {
			text.WriteString(Diff(whole.d.unrelated(whole.Units[o], a), whole.d.unrelated(part.Units[o], a)))
		}
	}
	if text.Len() == 0 {
		return ""
	}
	return "held " + a.String() + "\n" + text.String()
}

// exchange reports that an entry goes from one object to the other.
func (d *decision) exchange(a, b object.ID) bool {
	return slices.ContainsFunc(d.entries, func(e *space.Entry) bool {
		return e.Link == a && d.link[e.ID] == b || e.Link == b && d.link[e.ID] == a
	})
}

// unrelated leaves out what leads to the object, or to one that exchanges an
// entry with it.
func (d *decision) unrelated(cs []Change, to object.ID) string {
	return Text(slices.DeleteFunc(slices.Clone(cs), func(c Change) bool {
		return c.Target == to || c.Name == "boss" || c.Target != object.ID{} && d.exchange(to, c.Target)
	}))
}

func heldChange(c *Case) string {
	whole := Decide(c.W, c.R)
	o, ok := c.someUnit(whole)
	if !ok || len(c.R.Guards) > 0 {
		return ""
	}
	change := pick(c.Rng, whole.Units[o]...)
	x, ok := HoldFor(whole, change)
	if !ok || c.W.Holds[x.Target] != nil {
		return ""
	}
	if change.Op == DropRef && whole.d.live[change.Target] == "" {
		return "" // nothing can name who is no more
	}
	if v, ok := whole.d.outcome(x.Target); !ok || !v.Equal(x.Refused) {
		return "" // other holds make this outcome, which is not what is freely wanted
	}
	w := c.W.Clone()
	w.Holds[x.Target] = x
	part := Decide(w, c.R)
	if slices.Contains(part.Ended, x.Target) {
		return "ended at once: " + change.String()
	}
	for _, d := range part.Units[o] {
		if d.compare(&change) == 0 && d.After.Equal(change.After) {
			return "not held: " + change.String()
		}
	}
	return ""
}

// narrow leaves births out: who comes later finds names and places as they are.
// What was on its way, and was changed while the object was held, is sent anew.
func narrow(c *Case) string {
	whole := Decide(c.W, c.R)
	a, ok := c.someUnit(whole)
	if !ok || len(c.R.Guards) > 0 || whole.gives() {
		return ""
	}
	w := c.W.Clone()
	w.Holds[shelf(a).Target] = shelf(a)
	part := Accept(w, Decide(w, c.R), nil)
	delete(w.Holds, shelf(a).Target)
	Accept(w, Decide(w, c.R), nil)
	all := c.W.Clone()
	Accept(all, whole, nil)
	for _, x := range []*World{all, w} {
		x.sentAnew(part)
	}
	if d := Diff(all.dump(), w.dump()); d != "" {
		return "held " + a.String() + "\n" + d
	}
	return ""
}

// sentAnew forgets how far those changes are that the run made.
func (w *World) sentAnew(run []Change) {
	for _, c := range run {
		if e := w.accountOf(c.Object, c.Connector); e != nil {
			t := c.Target
			if c.Op != AddAccountRef && c.Op != DropAccountRef {
				t = object.ID{}
			}
			if p := e.PendingOf(c.Name, t); p != nil {
				p.State = space.Waiting
			}
		}
	}
}

// gives reports that the plan gives something once.
func (p *Plan) gives() bool {
	for _, cs := range p.Units {
		for _, c := range cs {
			switch c.Op {
			case Birth, SetInitial, Link, Unlink, CutAccount: // of a cut account nobody knows later whose it was
				return true
			default:
			}
		}
	}
	return len(p.d.claims) > 0 && p.d.clashes > 0 || len(p.d.faulty) > 0
}

// resume goes on with the same plan; where nothing is given once, deciding anew
// does as well.
func resume(c *Case) string {
	half := func(object.ID) bool { return chance(c.Rng, 2) }
	all, w := c.W.Clone(), c.W.Clone()
	Accept(all, Decide(all, c.R), nil)
	p := Decide(c.W, c.R)
	Accept(w, p, half)
	Accept(w, p, nil)
	if d := Diff(all.dump(), w.dump()); d != "" || p.gives() {
		return d
	}
	w = c.W.Clone()
	Accept(w, Decide(c.W, c.R), half)
	Accept(w, Decide(w, c.R), nil)
	return Diff(all.dump(), w.dump())
}

func undoStays(c *Case) string {
	if len(c.R.Guards) > 0 {
		return ""
	}
	w := c.W.Clone()
	run := Accept(w, Decide(w, c.R), nil)
	holds := Undo(w, c.R, run)
	for _, x := range holds {
		if w.Holds[x.Target] == nil {
			w.Holds[x.Target] = x
		}
	}
	for _, back := range Accept(w, Decide(w, c.R), nil) {
		if back.Op == CutAccount || back.Op == Unlink {
			return "" // who goes takes along what he said
		}
	}
	for range 3 {
		if p := Decide(w, c.R); w.moves(p) != "" {
			return "the run\n" + Text(run) + "after undoing it\n" + p.Text()
		}
	}
	for _, x := range holds {
		if o := w.Objects[x.Target.Object]; o != nil && x.Target.Kind == ObjectValue && w.Holds[x.Target] == x && !o.Attrs.Get(x.Target.Name).Equal(x.Instead) {
			return "not undone: " + x.Target.Name + " is " + o.Attrs.Get(x.Target.Name).String()
		}
	}
	return ""
}

// waiting compares with a world in which nothing is held; holds that linking
// sees are left out.
func waiting(c *Case) string {
	p := Decide(c.W, c.R)
	for _, x := range p.d.holds {
		t := x.Target
		if p.d.undone(t.Object) || t.Kind == EntryLink || t.Kind == ObjectValue && (t.Name == "emp" || t.Name == "mail" || t.Name == "name") {
			return ""
		}
	}
	open := decideOnce(c.W, c.R, nil)
	var text strings.Builder
	for _, o := range p.d.everybody() {
		text.WriteString(Diff(Text(without(open.Units[o], p.Units[o])), Text(p.Waiting[o])))
	}
	return text.String()
}

// dump is all that accepting writes, as lines.
func (w *World) dump() string {
	var b strings.Builder
	for _, id := range sortedIDs(w.Objects) {
		o := w.Objects[id]
		fmt.Fprintf(&b, "object %s %s due %s claims %v\n", id, o.Type, o.Due, o.Claims)
		for _, a := range o.Attrs {
			fmt.Fprintf(&b, "%s %s = %s\n", id, a.Name, show(a.Values))
		}
	}
	for _, id := range sortedIDs(w.Entries) {
		e := w.Entries[id]
		fmt.Fprintf(&b, "entry %s %s -> %s cut %s\n", e.Connector, id, e.Link, e.Cut)
		for _, p := range e.Pending {
			if p.Target != (object.ID{}) && w.Objects[p.Target] == nil {
				continue // who is gone is dropped by the system
			}
			fmt.Fprintf(&b, "entry %s pending %s %s: %s → %s %s\n", id, p.Name, p.Target, show(p.Before), show(p.Want), p.State)
		}
	}
	return b.String() + DescribeHolds(w)
}

// Diff lists the lines that only one of the texts has.
func Diff(a, b string) string {
	return onlyIn(a, b, "- ") + onlyIn(b, a, "+ ")
}

func onlyIn(a, b, mark string) string {
	there := map[string]bool{}
	for line := range strings.Lines(b) {
		there[line] = true
	}
	var out strings.Builder
	for line := range strings.Lines(a) {
		if !there[line] {
			out.WriteString(mark + line)
		}
	}
	return out.String()
}
