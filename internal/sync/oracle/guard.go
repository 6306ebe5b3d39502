package oracle

import (
	"slices"
	"time"

	"muster/internal/base/object"
	"muster/internal/sync/space"
)

// Window is the time over which guards count.
const Window = 24 * time.Hour

// counted is a change that a guard counts, and what holds it.
type counted struct {
	change   Change
	by       Guarded
	targets  []Target
	approved bool
}

// guard judges the whole plan and returns the holds of every guard that trips.
// A guard counts changes, accepted in the last 24 hours and proposed, those left
// out that a person let through; values and references are counted for each
// attribute by itself. Its holds refuse what is wanted free of holds, and never
// take the place of another hold.
func (d *decision) guard(p *Plan) (holds []*Hold) {
	all := d.counted(p)
	given := map[Target]bool{}
	for _, c := range all {
		if c.approved || !d.trips(c.by, all) {
			continue
		}
		for _, t := range c.targets {
			if d.holds[t] == nil && !given[t] {
				given[t] = true
				refused, _ := d.outcome(t)
				holds = append(holds, &Hold{Target: t, Refused: refused, Why: "guard"})
			}
		}
	}
	return holds
}

// unwanted are holds, for this plan alone, on the links of accounts that join an
// object as is wanted free of holds, where holds leave it wanting none.
func (d *decision) unwanted(p *Plan) (holds []*Hold) {
	for o, cs := range p.Units {
		for _, c := range cs {
			t := Target{Object: o, Kind: EntryLink, Connector: c.Connector, Name: c.Name}
			if typ := d.live[o]; c.Op == Link && d.r.provisions(typ, c.Connector) && !d.r.founds(c.Connector, typ) && !d.being(o, held).exists[c.Connector] && d.holds[t] == nil {
				holds = append(holds, &Hold{Target: t, Refused: space.Present})
			}
		}
	}
	return holds
}

// trips reports that the guard's number and percentage are both passed; of
// nothing, every percentage is.
func (d *decision) trips(by Guarded, all []counted) bool {
	i := slices.IndexFunc(d.r.Guards, func(g Guard) bool {
		return g.Connector == by.Connector && g.Type == by.Type && g.Kind == by.Kind
	})
	if i < 0 {
		return false
	}
	n := d.w.accepted(by)
	for _, c := range all {
		if c.by == by && !c.approved {
			n++
		}
	}
	g := d.r.Guards[i]
	return n > g.Count && float64(n)*100 > g.Percent*float64(d.w.Linked(by))
}

// accepted counts what was accepted in the last 24 hours that nobody approved.
func (w *World) accepted(by Guarded) (n int) {
	for _, l := range w.Log {
		if l.Guard == by && !l.Approved && l.At.After(w.Clock.Add(-Window)) {
			n++
		}
	}
	return n
}

// Linked is that of which a guard takes its percentage: the linked accounts of
// the type, and for removals their references in the attribute.
func (w *World) Linked(by Guarded) (n int) {
	for _, e := range w.Entries {
		switch {
		case e.Connector != by.Connector || e.Type != by.Type || !e.Seen || !e.Missing.IsZero() || e.Link == object.ID{}:
		case by.Kind == Removals:
			n += len(e.Image.Get(by.Attr))
		default:
			n++
		}
	}
	return n
}

// counted lists the plan's changes that guards count.
func (d *decision) counted(p *Plan) (all []counted) {
	for _, o := range sortedIDs(p.Units) {
		for _, c := range p.Units[o] {
			out := d.r.out(d.typeOf(o), c.Connector)
			if out == nil || c.Op == Link || c.Op == Unlink {
				continue
			}
			if e := d.entry(o, c.Connector, held); e == nil || !e.Seen && c.Op != DropAccount {
				continue // what no import has shown is not lost
			}
			_, approved := d.w.Approved[c.String()]
			if kind, attr, t, ok := d.count(out, c, p.Units[o]); ok {
				all = append(all, counted{c, Guarded{c.Connector, out.To, kind, attr}, []Target{t}, approved})
			}
		}
		d.countDisables(o, p.Units[o], &all)
	}
	return all
}

// typeOf is the object's type, alive or dying.
func (d *decision) typeOf(o object.ID) string {
	if typ := d.live[o]; typ != "" {
		return typ
	}
	if so := d.w.Objects[o]; so != nil {
		return so.Type
	}
	return ""
}

// count says as what a change counts, and what holds it. A reference of one
// value counts as a value.
func (d *decision) count(out *Outbound, c Change, unit []Change) (kind GuardKind, attr string, t Target, ok bool) {
	t = Target{Object: c.Object, Kind: AccountValue, Connector: c.Connector, Name: c.Name}
	switch {
	case c.Op == DropAccount || c.Op == CutAccount:
		t = Target{Object: c.Object, Kind: AccountLife, Connector: c.Connector}
		if d.live[c.Object] == "" { // the object itself would end
			t = Target{Object: c.Object, Kind: WholeObject}
		}
		return Deletes, "", t, true
	case c.Op == Rename && len(c.Before) > 0:
		return Renames, "", t, true
	case c.Op == SetAccount && len(c.Before) > 0 && len(c.After) == 0:
		return Blanks, c.Name, t, true
	case c.Op == SetAccount && len(c.Before) > 0:
		return Overwrites, c.Name, t, true
	case c.Op == DropAccountRef:
		t.Kind, t.Ref = AccountRef, c.Target
		return d.lossOf(out, c, unit), c.Name, t, true
	}
	return 0, "", t, false
}

// lossOf says as what the loss of a reference counts.
func (d *decision) lossOf(out *Outbound, c Change, unit []Change) GuardKind {
	if out.multi(d.r, c.Name) {
		return Removals
	}
	for _, x := range unit {
		if x.Op == AddAccountRef && x.Connector == c.Connector && x.Name == c.Name {
			return Overwrites
		}
	}
	return Blanks
}

// multi reports that the account's reference attribute takes several values: it
// is a copy of one that does.
func (o *Outbound) multi(r *Rules, attr string) bool {
	for _, f := range o.Flows {
		if f.Attr == attr && f.Ref {
			return r.typ(o.From).attr(f.Value.Attr).Multi
		}
	}
	return false
}

// countDisables counts accounts that stay and become disabled: once each, held
// by the changed values that the rule reads.
func (d *decision) countDisables(o object.ID, cs []Change, all *[]counted) {
	for _, out := range d.r.outs(d.live[o]) {
		if out.Disabled == nil {
			continue
		}
		a := d.account(o, out, held)
		if !a.now || !a.exists || a.still || !a.entry.Seen {
			continue
		}
		after := func(_, name string) object.Values {
			if vs, ok := a.values[name]; ok {
				return vs
			}
			return a.is(name)
		}
		before := func(_, name string) object.Values { return a.is(name) }
		if out.Disabled.asks(&scene{values: before}) || !out.Disabled.asks(&scene{values: after}) {
			continue
		}
		c := counted{by: Guarded{out.Connector, out.To, Disables, ""}, approved: true}
		for _, name := range out.Disabled.Attrs() {
			for _, x := range cs {
				if x.Connector == out.Connector && x.Name == name && (x.Op == SetAccount || x.Op == Rename && name == space.Name) {
					c.change = x
					_, ok := d.w.Approved[x.String()]
					c.approved = c.approved && ok
					c.targets = append(c.targets, Target{Object: o, Kind: AccountValue, Connector: out.Connector, Name: name})
				}
			}
		}
		*all = append(*all, c)
	}
}
