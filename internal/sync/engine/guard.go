package engine

import (
	"cmp"
	"fmt"
	"slices"

	"muster/internal/base/object"
	"muster/internal/sync/rules"
	"muster/internal/sync/space"
)

// ByGuard is Hold.By of the holds that guards write.
const ByGuard = "guard"

// Window is what guards have to know of the moving 24 hours.
type Window struct {
	// Accepted counts the changes already accepted in the window that nobody
	// approved.
	Accepted map[Count]int
	// Linked counts the accounts linked when the window opened, Attr being "";
	// for Removals, the references in each attribute of those accounts.
	Linked map[Count]int
}

// Count names what is counted.
type Count struct {
	Connector, Type string
	Kind            rules.GuardKind
	Attr            string // for Blanks, Overwrites and Removals: each attribute by itself
}

// linked is the number of which the guard takes its percentage.
func (w *Window) linked(k Count) int {
	if k.Kind != rules.Removals {
		k.Kind, k.Attr = 0, ""
	}
	return w.Linked[k]
}

// counted is one change that a guard counts, with what would hold it back.
type counted struct {
	object object.ID
	count  Count
	holds  []Target
	refuse []object.Values
}

// Tripped is a guard that tripped, in the terms in which it is told.
type Tripped struct {
	Guard    rules.Guard
	Attr     string  // of which attribute, where each is counted by itself
	Proposed int     // by this plan, not approved
	Accepted int     // before, within the window
	Linked   int     // of so many
	Percent  float64 // proposed and accepted, of linked
	Objects  int     // how many objects wait because of it
}

// String says in words what the guard saw.
func (t *Tripped) String() string {
	what := rules.GuardKinds[t.Guard.Kind]
	s := fmt.Sprintf("%d %s of %s in %s", t.Proposed, what, t.Guard.Type, t.Guard.Connector)
	if t.Attr != "" {
		s = fmt.Sprintf("%d %s of %s of %s in %s", t.Proposed, what, t.Attr, t.Guard.Type, t.Guard.Connector)
	}
	if t.Accepted > 0 {
		s += fmt.Sprintf(", and %d in the last 24 hours", t.Accepted)
	}
	of := fmt.Sprintf("%.1f %% of %d", t.Percent, t.Linked)
	if t.Linked == 0 {
		of = "there were none 24 hours before"
	}
	return s + fmt.Sprintf(": %s; the guard lets through %d and %.4g %%", of, t.Guard.Count, t.Guard.Percent)
}

// countChanges lists what guards count in the object's unit, with the targets
// to be held: not those that a hold is on already (HOLD-2, GUARD-6).
func (w *worker) countChanges(h *hub, u *Unit) []counted {
	var out []counted
	approved := w.v.Approved(h.id)
	dies := w.hubType(h, held) == ""
	for i := range u.Changes {
		c := &u.Changes[i]
		if c.Connector == "" || isApproved(approved, h.id, c) {
			continue
		}
		if x, t, ok := w.countChange(h, u, c, dies); ok {
			out = append(out, w.toHold(h, x, t))
		}
	}
	for _, a := range w.accounts(h, held) {
		if x, ts, ok := w.countDisable(h, u, a, approved); ok {
			out = append(out, w.toHold(h, x, ts...))
		}
	}
	return out
}

// toHold adds to what is counted what would hold it: the free outcome of each
// target is refused.
func (w *worker) toHold(h *hub, x counted, targets ...Target) counted {
	for _, t := range targets {
		if w.holdOn(w.v, t) == nil {
			refused, _ := w.outcome(h, t)
			x.holds, x.refuse = append(x.holds, t), append(x.refuse, refused)
		}
	}
	return x
}

// countChange says as what a change counts, and what would hold it.
func (w *worker) countChange(h *hub, u *Unit, c *Change, dies bool) (x counted, t Target, ok bool) {
	a := w.accountFor(h, c.Connector, held)
	if a == nil || a.entry == nil || !a.entry.Seen && c.Op != DropAccount {
		return x, t, false // what no import has shown is not lost
	}
	x = counted{object: h.id, count: Count{Connector: c.Connector, Type: a.rule.To}}
	t = Target{Object: h.id, Connector: c.Connector, Kind: AccountValue, Name: c.Name}
	switch c.Op {
	case DropAccount, CutAccount:
		x.count.Kind = rules.Deletes
		t.Kind, t.Name = AccountLife, ""
		if dies {
			t = Target{Object: h.id, Kind: WholeObject}
		}
	case Rename:
		x.count.Kind = rules.Renames
		return x, t, len(c.Before) > 0
	case SetAccount:
		x.count.Kind, x.count.Attr = rules.Overwrites, c.Name
		if len(c.After) == 0 {
			x.count.Kind = rules.Blanks
		}
		return x, t, len(c.Before) > 0
	case DropAccountRef:
		x.count.Kind, x.count.Attr = w.refKind(u, c, a.rule.To), c.Name
		t.Kind, t.Ref = AccountRef, c.Target
	default:
		return x, t, false
	}
	return x, t, true
}

// refKind says as what the loss of a reference counts: a reference of one value
// counts as a value (GUARD-8).
func (w *worker) refKind(u *Unit, c *Change, typ string) rules.GuardKind {
	for _, x := range w.set.Connectors {
		if x.Name != c.Connector {
			continue
		}
		t, _ := x.Schema.Type(typ)
		if a, ok := t.Attribute(c.Name); !ok || a.Multi {
			return rules.Removals
		}
	}
	for i := range u.Changes {
		if d := &u.Changes[i]; d.Op == AddAccountRef && d.Connector == c.Connector && d.Name == c.Name {
			return rules.Overwrites
		}
	}
	return rules.Blanks
}

// countDisable reports whether the unit makes a standing account disabled
// (OUT-18); what holds it back are the values that make it so, or the whole
// object where they cannot be told (GUARD-10).
func (w *worker) countDisable(h *hub, u *Unit, a *account, approved map[Hash]bool) (x counted, ts []Target, ok bool) {
	if a.rule.Disabled == nil || !a.now || !a.exists || a.still || !a.entry.Seen {
		return x, nil, false
	}
	before := a.entry.Image.Clone()
	for i := range a.entry.Pending {
		if p := &a.entry.Pending[i]; p.Target.IsZero() && p.Name != space.Account {
			before.Put(p.Name, p.Want)
		}
	}
	after := before.Clone()
	for _, v := range a.values {
		if !v.initial {
			after.Put(v.name, v.values)
		}
	}
	was, err1 := truth(a.rule.Disabled, &input{now: w.now, account: before})
	is, err2 := truth(a.rule.Disabled, &input{now: w.now, account: after})
	if err1 != nil || err2 != nil || was || !is {
		return x, nil, false
	}
	all := true
	for i := range u.Changes {
		c := &u.Changes[i]
		reads := slices.ContainsFunc(a.rule.Disabled.Reads(), func(r rules.Read) bool { return r.Attr == c.Name })
		if c.Connector == a.rule.Connector && (c.Op == SetAccount || c.Op == Rename) && reads {
			all = all && isApproved(approved, h.id, c)
			ts = append(ts, Target{Object: h.id, Kind: AccountValue, Connector: c.Connector, Name: c.Name})
		}
	}
	if len(ts) == 0 {
		ts, all = []Target{{Object: h.id, Kind: WholeObject}}, false
	}
	return counted{object: h.id, count: Count{Connector: a.rule.Connector, Type: a.rule.To, Kind: rules.Disables}}, ts, !all
}

// unwanted finds accounts that join the object as the free decision wants, where
// holds leave it wanting none: they stay whose they are (LINK-23). Who founds
// objects is not only an account.
func (w *worker) unwanted(h *hub, u *Unit) (out []counted) {
	for i := range u.Changes {
		c := &u.Changes[i]
		k := [2]string{u.Type, c.Connector}
		if c.Op == Link && w.set.governed[k] && !w.set.founding[k] && !w.existsFor(h, c.Connector, held) && w.v.Entry(c.Target).Link != h.id {
			out = append(out, w.toHold(h, counted{object: h.id}, Target{Object: h.id, Kind: EntryLink, Connector: c.Connector, Name: c.Name}))
		}
	}
	return out
}

// protectedBy names the protected population that the object belongs to, by
// accepted or by proposed values (GUARD-14).
func (w *worker) protectedBy(h *hub) string {
	var pictures []object.Attrs
	if h.stored != nil {
		pictures = append(pictures, h.stored.Attrs)
	}
	if p := w.picture(h, held); p != nil {
		pictures = append(pictures, p.attrs)
	}
	for _, p := range w.set.Protected {
		if p.Type != w.typeForSystems(h, held) {
			continue
		}
		for _, attrs := range pictures {
			if ok, err := truth(p.If, &input{now: w.now, mv: attrs}); err == nil && ok {
				return p.Name
			}
		}
	}
	return ""
}

// Judge lets the guards judge the whole plan: counted holds what Batch counted.
// It returns the guards that tripped; their holds are written into the
// decision, which must then be decided again. Each round judges the whole plan
// and writes all its holds at once; holds only grow, so this ends.
func (d *Decider) Judge(tallies []*Tally) (tripped []Tripped, again bool) {
	for _, t := range tallies {
		for _, c := range t.unwanted {
			again = d.write(c, Hold{Why: withinPlan}) || again
		}
	}
	if again { // what follows from them is not there to be judged
		d.reset()
		return nil, true
	}
	proposed := map[Count]int{}
	var all []counted
	for _, t := range tallies {
		for _, c := range t.counted {
			proposed[c.count]++
		}
		all = append(all, t.counted...)
		for _, p := range t.protected {
			again = d.write(p.counted, Hold{Why: "guard protected", Cause: "protected: " + p.name}) || again
		}
	}
	for _, k := range sortedCounts(proposed) {
		g, ok := d.guardFor(k)
		if t := d.measure(g, k, proposed[k]); ok && t.trips() {
			if d.holdAll(&t, k, all) {
				tripped, again = append(tripped, t), true
			}
		}
	}
	if again {
		d.reset()
	}
	return tripped, again
}

func sortedCounts(m map[Count]int) []Count {
	out := make([]Count, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.SortFunc(out, func(a, b Count) int {
		return cmp.Or(compareText(a.Connector, b.Connector), compareText(a.Type, b.Type), cmp.Compare(a.Kind, b.Kind), compareText(a.Attr, b.Attr))
	})
	return out
}

func (d *Decider) guardFor(k Count) (rules.Guard, bool) {
	for _, g := range d.set.Guards {
		if g.Connector == k.Connector && g.Type == k.Type && g.Kind == k.Kind {
			return g, true
		}
	}
	return rules.Guard{}, false
}

// measure says what the guard sees.
func (d *Decider) measure(g rules.Guard, k Count, proposed int) Tripped {
	t := Tripped{Guard: g, Attr: k.Attr, Proposed: proposed, Accepted: d.trig.Window.Accepted[k], Linked: d.trig.Window.linked(k), Percent: 100}
	if t.Linked > 0 {
		t.Percent = float64(t.Proposed+t.Accepted) * 100 / float64(t.Linked)
	}
	return t
}

// trips reports that count and percentage are both passed, not merely reached
// (GUARD-2); of nothing, every percentage counts as passed (GUARD-5).
func (t *Tripped) trips() bool {
	n := t.Proposed + t.Accepted
	return n > t.Guard.Count && (t.Linked == 0 || float64(n)*100 > t.Guard.Percent*float64(t.Linked))
}

// holdAll holds every change that the guard counted.
func (d *Decider) holdAll(t *Tripped, k Count, all []counted) (wrote bool) {
	seen := map[object.ID]bool{}
	for _, c := range all {
		if c.count == k {
			seen[c.object] = true
		}
	}
	t.Objects = len(seen)
	cause := t.String()
	for _, c := range all {
		if c.count == k {
			wrote = d.write(c, Hold{Why: "guard " + rules.GuardKinds[k.Kind], Cause: cause}) || wrote
		}
	}
	return wrote
}

// write adds the holds of one counted change; at most one for a target. What a
// hold is on already was left out when it was counted.
func (d *Decider) write(c counted, as Hold) (wrote bool) {
	for i, t := range c.holds {
		if slices.ContainsFunc(d.holds[c.object], func(h *Hold) bool { return h.Target == t }) {
			continue
		}
		h := as
		h.Target, h.Refused, h.At = t, c.refuse[i], d.now
		d.holds[c.object] = append(d.holds[c.object], &h)
		wrote = true
	}
	return wrote
}

// withinPlan is Hold.Why of holds that only this plan heeds: the next finds by
// itself whether it needs them.
const withinPlan = ""

// NewHolds returns the holds that guards wrote, in the order of objects.
func (d *Decider) NewHolds() []*Hold {
	ids := make([]object.ID, 0, len(d.holds))
	for id := range d.holds {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, object.ID.Compare)
	var out []*Hold
	for _, id := range ids {
		for _, h := range d.holds[id] {
			if h.Why != withinPlan {
				out = append(out, h)
			}
		}
	}
	return out
}

// ChangeHash names one change of one object: what an approval approves.
func ChangeHash(obj object.ID, c *Change) Hash {
	return hashOf(c.append(append([]byte(nil), obj[:]...)))
}

// isApproved reports that people approved the change; for most objects there is
// nothing to ask.
func isApproved(approved map[Hash]bool, obj object.ID, c *Change) bool {
	return len(approved) > 0 && approved[ChangeHash(obj, c)]
}
