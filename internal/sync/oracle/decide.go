package oracle

import (
	"maps"
	"slices"
	"time"

	"muster/internal/base/object"
	"muster/internal/sync/metaverse"
	"muster/internal/sync/space"
)

// decision is the work of deciding once.
type decision struct {
	w       *World
	r       *Rules
	now     time.Time
	entries []*space.Entry // in order
	holds   map[Target]*Hold

	link, eff   map[object.ID]object.ID // of entries: free of holds, and as holds leave them
	alive, live map[object.ID]string    // types of objects: free of holds, and as holds leave them
	died        map[object.ID]bool
	founder     map[object.ID]object.ID // of new objects: the entry that founds them
	apart       map[object.ID][]*Hold   // of entries: what persons decided they shall not be linked to
	gave        map[object.ID]object.ID // entries that gave their place, and to which
	queue       []Queued

	names   map[Name]object.ID
	claims  map[claimKey]metaverse.Claim
	clashes int
	faulty  map[object.ID]bool // objects that a rule failed on: they are left as they are

	sketches map[object.ID]*being // while links are being decided
	beings   [2]map[object.ID]*being
	due      map[object.ID]time.Time
}

// Decide decides everybody, again and again, until guards write no more holds.
func Decide(w *World, r *Rules) *Plan {
	holds := maps.Clone(w.Holds)
	var fresh []*Hold
	for {
		p := decideOnce(w, r, holds)
		more := p.d.unwanted(p)
		if len(more) == 0 {
			more = p.d.guard(p)
			fresh = append(fresh, more...)
		}
		for _, h := range more {
			holds[h.Target] = h
		}
		if len(more) == 0 {
			p.NewHolds = fresh
			p.features()
			return p
		}
	}
}

func decideOnce(w *World, r *Rules, holds map[Target]*Hold) *Plan {
	d := &decision{
		w: w, r: r, now: w.Clock, entries: w.ordered(r), holds: holds,
		link: map[object.ID]object.ID{}, eff: map[object.ID]object.ID{},
		alive: map[object.ID]string{}, live: map[object.ID]string{}, died: map[object.ID]bool{}, founder: map[object.ID]object.ID{}, gave: map[object.ID]object.ID{}, apart: map[object.ID][]*Hold{},
		claims: map[claimKey]metaverse.Claim{}, due: map[object.ID]time.Time{}, faulty: map[object.ID]bool{},
		beings: [2]map[object.ID]*being{{}, {}}, sketches: map[object.ID]*being{},
	}
	d.pair()
	d.hold()
	d.claim()
	d.due = map[object.ID]time.Time{} // what was asked on the way is not what is due
	p := &Plan{Units: map[object.ID][]Change{}, Waiting: map[object.ID][]Change{}, Due: d.due, Queue: d.queue, d: d, accepted: map[object.ID]bool{}}
	for _, o := range d.everybody() {
		if d.faulty[o] {
			continue
		}
		will, wish := d.changes(o, held), d.changes(o, free)
		if len(will) > 0 {
			p.Units[o] = will
		}
		if rest := without(wish, will); len(rest) > 0 {
			p.Waiting[o] = rest
		}
	}
	for _, h := range d.sortedHolds() {
		if d.faulty[h.Target.Object] {
			continue
		}
		if d.ended(h) {
			p.Ended = append(p.Ended, h.Target)
		} else {
			d.note(h.Target.Object, h.Until)
		}
	}
	return p
}

// everybody lists all objects: accepted, to come, and going.
func (d *decision) everybody() []object.ID {
	all := map[object.ID]bool{}
	for o := range d.w.Objects {
		all[o] = true
	}
	for _, life := range []map[object.ID]string{d.alive, d.live} {
		for o := range life {
			all[o] = true
		}
	}
	return sortedIDs(all)
}

// without returns the wishes whose outcome is not among what will be.
func without(wish, will []Change) (rest []Change) {
	for _, c := range wish {
		if !slices.ContainsFunc(will, func(x Change) bool { return x.compare(&c) == 0 && x.After.Equal(c.After) }) {
			rest = append(rest, c)
		}
	}
	return rest
}

// outcome is what deciding free of holds gives for the target; false if there
// is no account that could have it.
func (d *decision) outcome(t Target) (object.Values, bool) {
	b := d.being(t.Object, free)
	switch t.Kind {
	case WholeObject:
		return presence(d.alive[t.Object] != ""), true
	case ObjectValue:
		return b.picture[t.Name].values, true
	case ObjectRef:
		return presence(b.picture[t.Name].values.Has(refTo(t.Ref))), true
	case AccountLife:
		return presence(b.exists[t.Connector]), true
	case EntryLink:
		e := d.w.find(t.Connector, t.Name)
		return presence(e != nil && d.link[e.ID] == t.Object), true
	default:
	}
	out := d.r.out(d.alive[t.Object], t.Connector)
	if out == nil {
		return nil, false
	}
	if t.Kind == AccountRef {
		return presence(d.edgesWanted(t.Object, out, free)[edge{t.Name, t.Ref}]), true
	}
	a := d.account(t.Object, out, free)
	if vs, flows := a.values[t.Name]; flows {
		return vs, a.exists
	}
	return a.is(t.Name), a.exists
}

// ended reports that the hold's time is over, or that what it refused is no
// longer wanted.
func (d *decision) ended(h *Hold) bool {
	if h.over(d.now) {
		return true
	}
	if h.Standing || d.parts(h) && d.w.find(h.Target.Connector, h.Target.Name) != nil {
		return false
	}
	if h.Target.Kind == EntryLink && h.AtValue && len(h.Instead) > 0 {
		if e := d.w.find(h.Target.Connector, h.Target.Name); e == nil || d.eff[e.ID] != h.Target.Object {
			return false // a person's word that is not carried out yet
		}
	}
	o := h.Target.Object
	if h.Target.Kind == WholeObject && h.AtValue && len(h.Refused) > 0 && d.w.Objects[o] == nil {
		// A birth that was taken back: it is done. What is left of it are the marks
		// of the entries, and a person may lift it while there are some.
		return d.live[o] != "" || !slices.ContainsFunc(d.entries, func(e *space.Entry) bool { return e.Cut == o })
	}
	v, ok := d.outcome(h.Target)
	return !ok || !v.Equal(h.Refused)
}
