package oracle

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"muster/internal/base/object"
	"muster/internal/sync/space"
)

func (a Target) compare(b Target) int {
	return cmp.Or(a.Object.Compare(b.Object), cmp.Compare(a.Kind, b.Kind), strings.Compare(a.Connector, b.Connector),
		strings.Compare(a.Name, b.Name), a.Ref.Compare(b.Ref))
}

// linkTarget is the link of the entry to the object. An account that its system
// has not named yet has no name for a hold either.
func linkTarget(e *space.Entry, o object.ID) Target {
	return Target{Object: o, Kind: EntryLink, Connector: e.Connector, Name: e.Anchor}
}

// sortedHolds lists the holds in the order of their targets.
func (d *decision) sortedHolds() []*Hold {
	return slices.SortedFunc(maps.Values(d.holds), func(a, b *Hold) int { return a.Target.compare(b.Target) })
}

func (d *decision) wholeHold(o object.ID) *Hold {
	return d.holds[Target{Object: o, Kind: WholeObject}]
}

// stands reports that a hold keeps the whole object as it is: unborn, or alive
// with all it has.
func (d *decision) stands(o object.ID) bool {
	h := d.wholeHold(o)
	return h.refuses(presence(d.alive[o] != ""), d.now) && (!h.AtValue || len(h.Instead) > 0)
}

// undone reports that a person takes the object's birth back: it is there, and
// held at "not there".
func (d *decision) undone(o object.ID) bool {
	h := d.wholeHold(o)
	return d.w.Objects[o] != nil && d.alive[o] != "" && h.refuses(presence(true), d.now) && h.AtValue && len(h.Instead) == 0
}

// hold turns the free links and lives into those that holds leave: a link moves
// only if neither end is held, and nobody is linked to an object that is not
// born. Who stays where he was may keep another object alive, so this goes on
// until nothing changes.
func (d *decision) hold() {
	for _, e := range d.entries {
		d.eff[e.ID] = d.heldLink(e, d.link[e.ID])
		if o := d.eff[e.ID]; d.undone(o) && !d.provisioned(o, e) {
			d.eff[e.ID] = object.ID{}
		}
	}
	for again := true; again; {
		again = false
		d.lives()
		for _, e := range d.entries {
			if o := d.eff[e.ID]; o != e.Link && (o != object.ID{} && d.live[o] == "" || d.keeps(e)) {
				d.eff[e.ID], again = e.Link, true
			}
		}
	}
}

// keeps reports that the entry gave its place to one that does not come.
func (d *decision) keeps(e *space.Entry) bool {
	x, gave := d.gave[e.ID]
	return gave && e.Link != object.ID{} && d.eff[x] != e.Link && d.eff[e.ID] == object.ID{} &&
		(e.Missing.IsZero() || !d.r.recalls(e.Connector))
}

func (d *decision) provisioned(o object.ID, e *space.Entry) bool {
	return d.r.provisions(d.alive[o], e.Connector)
}

// lives says which objects live with the links that holds leave: those alive
// freely, unless undone; those that a hold keeps; those whose death comes from a
// link that stays; none that no link keeps, and no new one without its founder.
func (d *decision) lives() {
	d.live = map[object.ID]string{}
	for o, typ := range d.alive {
		found := d.w.Objects[o] != nil || d.eff[d.founder[o]] == o
		if found && !d.undone(o) && !d.stands(o) && d.countLinks(o, typ, d.eff) > 0 {
			d.live[o] = typ
		}
	}
	for o, so := range d.w.Objects {
		stays := d.died[o] && !d.undone(o) && d.countLinks(o, so.Type, d.eff) > 0 && !d.bereft(o, so.Type, d.eff)
		if d.stands(o) || stays {
			d.live[o] = so.Type
		}
	}
}

// heldLink says where an entry that goes from one object to another stays.
func (d *decision) heldLink(e *space.Entry, to object.ID) object.ID {
	from, none := e.Link, object.ID{}
	if from != none && d.stands(from) || to != none && d.stands(to) {
		return from
	}
	if to != none && e.Anchor != "" {
		if h := d.holds[linkTarget(e, to)]; h.refuses(presence(true), d.now) && !h.AtValue {
			return from
		}
	}
	if from == to {
		return to
	}
	if from != none && e.Anchor != "" {
		if h := d.holds[linkTarget(e, from)]; h.refuses(nil, d.now) && !d.parts(h) {
			return from
		}
	}
	return to
}

// SortedTargets lists the targets in their order.
func SortedTargets(m map[Target]*Hold) []Target {
	return slices.SortedFunc(maps.Keys(m), Target.compare)
}
