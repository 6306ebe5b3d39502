package oracle

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"muster/internal/base/object"
	"muster/internal/sync/space"
)

// Op is what a change does, in words.
type Op string

// The ops, in the order in which a unit lists them within a connector.
const (
	Birth          Op = "birth"
	Death          Op = "death"
	Link           Op = "link"
	Unlink         Op = "unlink"
	SetValue       Op = "value"
	AddRef         Op = "reference added"
	DropRef        Op = "reference removed"
	AddAccount     Op = "account added"
	DropAccount    Op = "account deleted"
	CutAccount     Op = "account cut"
	Rename         Op = "rename"
	SetAccount     Op = "account value"
	SetInitial     Op = "initial value"
	AddAccountRef  Op = "account reference added"
	DropAccountRef Op = "account reference removed"
)

var opOrder = []Op{Birth, Death, Link, Unlink, SetValue, AddRef, DropRef, AddAccount, DropAccount, CutAccount, Rename, SetAccount, SetInitial, AddAccountRef, DropAccountRef}

// Change is one thing that a unit does.
type Change struct {
	Object        object.ID
	Op            Op
	Connector     string
	Name          string        // attribute; type of an object or account; anchor of a link; fate of a cut; "@dn" of a rename
	Target        object.ID     // the object that a reference names, the entry of a link
	Before, After object.Values // of a birth: the founder; of a link: the object it was linked to
}

func (c *Change) compare(d *Change) int {
	return cmp.Or(c.Object.Compare(d.Object), strings.Compare(c.Connector, d.Connector),
		cmp.Compare(slices.Index(opOrder, c.Op), slices.Index(opOrder, d.Op)),
		strings.Compare(c.Name, d.Name), c.Target.Compare(d.Target))
}

// String is the canonical line of the change.
func (c *Change) String() string {
	return fmt.Sprintf("%s %s [%s] %s %s: %s → %s", c.Object, c.Op, c.Connector, c.Name, c.Target, show(c.Before), show(c.After))
}

func show(vs object.Values) string {
	parts := make([]string, len(vs))
	for i, v := range vs {
		parts[i] = v.Kind().String() + ":" + strconv.Quote(v.String())
	}
	return "{" + strings.Join(parts, " ") + "}"
}

// Text is the changes as lines.
func Text(cs []Change) string {
	var b strings.Builder
	for i := range cs {
		b.WriteString(cs[i].String())
		b.WriteByte('\n')
	}
	return b.String()
}

// Plan is what deciding says.
type Plan struct {
	Units    map[object.ID][]Change
	Waiting  map[object.ID][]Change // what would change if nothing were held
	Ended    []Target               // holds that are over
	NewHolds []*Hold                // holds that guards write
	Due      map[object.ID]time.Time
	Queue    []Queued
	Features []string // what happened, to count that random histories meet everything

	d        *decision
	accepted map[object.ID]bool
}

// Faulty lists the objects that are left as they are, because a name that a flow
// gives them belongs to another.
func (p *Plan) Faulty() []object.ID { return sortedIDs(p.d.faulty) }

// Text is the plan's units as sorted lines.
func (p *Plan) Text() string { return textOf(p.Units) }

// WaitingText is the waiting list as sorted lines.
func (p *Plan) WaitingText() string { return textOf(p.Waiting) }

func textOf(units map[object.ID][]Change) string {
	var b strings.Builder
	for _, o := range sortedIDs(units) {
		b.WriteString(Text(units[o]))
	}
	return b.String()
}

// changes compares what the object shall be with what was accepted.
func (d *decision) changes(o object.ID, m mode) (cs []Change) {
	add := func(c Change) {
		if !c.Before.Equal(c.After) {
			c.Object = o
			cs = append(cs, c)
		}
	}
	so, typ := d.w.Objects[o], d.life(m)[o]
	switch {
	case so == nil && typ != "":
		founder := d.w.Entries[d.founder[o]]
		cs = append(cs, Change{Object: o, Op: Birth, Name: typ, After: text(founder.Connector + "/" + founder.Anchor)})
	case so != nil && typ == "":
		cs = append(cs, Change{Object: o, Op: Death, Name: so.Type})
	}
	cs = append(cs, d.linkChanges(o, m)...)
	if typ != "" {
		d.valueChanges(o, typ, m, add)
	} else if so != nil {
		typ = so.Type
	}
	for _, out := range d.r.outs(typ) {
		d.accountChanges(o, out, m, add)
	}
	slices.SortFunc(cs, func(a, b Change) int { return a.compare(&b) })
	return cs
}

// linkChanges lists entries that come or go. One that moves is a change of the
// object that gets it.
func (d *decision) linkChanges(o object.ID, m mode) (cs []Change) {
	for _, e := range d.entries {
		c := Change{Object: o, Connector: e.Connector, Name: e.Anchor, Target: e.ID}
		switch l := d.links(m)[e.ID]; {
		case l == e.Link:
		case l == o:
			c.Op = Link
			if e.Link != (object.ID{}) {
				c.Before = object.Values{refTo(e.Link)}
			}
			cs = append(cs, c)
		case e.Link == o && l == object.ID{}:
			c.Op = Unlink
			cs = append(cs, c)
		}
	}
	return cs
}

func (d *decision) valueChanges(o object.ID, typ string, m mode, add func(Change)) {
	p := d.being(o, m).picture
	var old object.Attrs
	if so := d.w.Objects[o]; so != nil {
		old = so.Attrs
	}
	names := map[string]bool{}
	for name := range p {
		names[name] = true
	}
	for _, a := range old {
		names[a.Name] = true
	}
	for name := range names {
		before, after := old.Get(name), p[name].values
		if d.r.typ(typ).attr(name).Kind != object.Ref {
			add(Change{Op: SetValue, Name: name, Before: before, After: after})
			continue
		}
		for _, v := range object.Set(slices.Concat(before, after)...) {
			op := AddRef
			if before.Has(v) {
				op = DropRef
			}
			add(Change{Op: op, Name: name, Target: refOf(v), Before: presence(before.Has(v)), After: presence(after.Has(v))})
		}
	}
}

func (d *decision) accountChanges(o object.ID, out *Outbound, m mode, add func(Change)) {
	a := d.account(o, out, m)
	switch {
	case a.now && !a.exists && out.Exists != nil && out.Otherwise != DeleteAccount:
		add(Change{Op: CutAccount, Connector: out.Connector, Name: out.Otherwise.String(), Before: space.Present})
	case a.now && !a.exists && out.Exists != nil:
		add(Change{Op: DropAccount, Connector: out.Connector, Name: out.To, Before: space.Present})
	case !a.now && a.exists:
		add(Change{Op: AddAccount, Connector: out.Connector, Name: out.To, After: space.Present})
	}
	if !a.exists || a.still {
		return
	}
	for name, want := range a.values {
		op := SetAccount
		if name == space.Name {
			op = Rename
			if object.DNKey(want.First().Text()) == object.DNKey(a.is(name).First().Text()) {
				continue
			}
		}
		add(Change{Op: op, Connector: out.Connector, Name: name, Before: a.is(name), After: want})
	}
	for name, want := range a.initial {
		add(Change{Op: SetInitial, Connector: out.Connector, Name: name, After: want})
	}
	now, want := d.edgesNow(a, m), d.edgesHeld(o, a, m)
	both := maps.Clone(now)
	maps.Copy(both, want)
	for e := range both {
		op := AddAccountRef
		if now[e] {
			op = DropAccountRef
		}
		add(Change{Op: op, Connector: out.Connector, Name: e.attr, Target: e.target, Before: presence(now[e]), After: presence(want[e])})
	}
}

// edgesHeld are the wanted references as holds on single ones leave them.
func (d *decision) edgesHeld(o object.ID, a *account, m mode) map[edge]bool {
	want := d.edgesWanted(o, a.out, m)
	if m == free {
		return want
	}
	wish, now := d.edgesWanted(o, a.out, free), d.edgesNow(a, m)
	for _, h := range d.sortedHolds() {
		t := h.Target
		e := edge{t.Name, t.Ref}
		if t.Object == o && t.Kind == AccountRef && t.Connector == a.out.Connector && h.refuses(presence(wish[e]), d.now) {
			delete(want, e)
			if len(h.stays(presence(now[e]))) > 0 {
				want[e] = true
			}
		}
	}
	return want
}
