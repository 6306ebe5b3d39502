package oracle

import (
	"maps"
	"slices"

	"muster/internal/base/object"
	"muster/internal/sync/space"
)

// Features lists everything that a long enough run of random histories meets.
var Features = []string{
	"ambiguous join", "place taken", "place given", "recall", "name swap", "released hold", "due reached", "unique clash", "name of another", "rehire",
	"kept value", "frozen value", "not precedent", "delete", "until it changes", "for good", "deletion taken back", "link moved",
	"guard", "object held", "object undone", "contested value", "refusal", "reject", "undo", "shelve", "protect", "join", "lift",
	"rule change", "drift", "account vanished", "answer lost", "crash while accepting", "import not released",
	"birth", "death", "rename", "reference removed", "waiting",
}

// features notes what the plan met.
func (p *Plan) features() {
	d := p.d
	note := func(what string, met bool) {
		if met {
			p.Features = append(p.Features, what)
		}
	}
	for _, q := range p.Queue {
		note("place taken", q.Taken)
		note("ambiguous join", !q.Taken)
	}
	for range p.NewHolds {
		note("guard", true)
	}
	for range p.Ended {
		note("released hold", true)
	}
	note("unique clash", d.clashes > 0)
	note("name of another", len(d.faulty) > 0)
	for o, so := range d.w.Objects {
		note("due reached", !so.Due.IsZero() && !d.now.Before(so.Due))
		note("object held", d.stands(o))
	}
	for o := range d.alive {
		note("object undone", d.undone(o))
	}
	note("waiting", len(p.Waiting) > 0)
	for _, e := range d.entries {
		to := d.link[e.ID]
		note("place given", e.Link != object.ID{} && to == object.ID{} && yields(e) && d.occupied(e))
		note("link moved", e.Link != object.ID{} && to != object.ID{} && to != e.Link)
		note("frozen value", to != object.ID{} && !e.Missing.IsZero() && !d.r.recalls(e.Connector))
	}
	for o, cs := range p.Units {
		for _, c := range cs {
			d.changeFeatures(o, c, note)
		}
	}
	for o := range d.live {
		d.valueFeatures(o, note)
	}
	note("name swap", p.swaps())
}

// occupied reports that a present entry has the place that the entry had.
func (d *decision) occupied(e *space.Entry) bool {
	return slices.ContainsFunc(d.entries, func(x *space.Entry) bool {
		return x.Connector == e.Connector && d.link[x.ID] == e.Link && x.Link != e.Link
	})
}

func (d *decision) changeFeatures(o object.ID, c Change, note func(string, bool)) {
	switch c.Op {
	case Birth:
		note("birth", true)
		note("rehire", slices.Contains(slices.Collect(maps.Values(d.w.Names)), o))
	case Death:
		note("death", true)
	case DropAccount:
		note("delete", true)
	case CutAccount:
		note(c.Name, true)
	case AddAccount:
		e := d.entry(o, c.Connector, held)
		note("deletion taken back", e != nil && e.Deleting() && !e.DeletionSent())
	case Rename:
		note("rename", len(c.Before) > 0)
	case DropRef:
		note("reference removed", true)
	case SetValue:
		origin, _ := d.originOf(o, c.Name)
		note("recall", len(c.Before) > 0 && d.eff[origin] != o)
	default:
	}
}

func (d *decision) originOf(o object.ID, name string) (object.ID, bool) {
	if so := d.w.Objects[o]; so != nil {
		origin, ok := so.Origin(name)
		return origin.Entry, ok
	}
	return object.ID{}, false
}

func (d *decision) valueFeatures(o object.ID, note func(string, bool)) {
	b := d.being(o, held)
	for _, f := range b.picture {
		note("kept value", f.origin.Kept)
	}
	for _, out := range d.r.outs(d.live[o]) {
		for i := range out.Flows {
			note("not precedent", b.exists[out.Connector] && d.outranked(o, out, &out.Flows[i], b.picture, held))
		}
	}
}

// swaps reports two accounts that exchange their names.
func (p *Plan) swaps() bool {
	from := map[string]string{}
	for _, cs := range p.Units {
		for _, c := range cs {
			if c.Op == Rename && len(c.Before) > 0 {
				from[c.Before.String()] = c.After.String()
			}
		}
	}
	for before, after := range from {
		if back, ok := from[after]; ok && back == before && before != after {
			return true
		}
	}
	return false
}
