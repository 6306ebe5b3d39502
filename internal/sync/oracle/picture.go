package oracle

import (
	"time"

	"muster/internal/base/object"
	"muster/internal/sync/metaverse"
	"muster/internal/sync/space"
)

// A picture is what an object's values come to.
type picture map[string]fact

// A fact is an attribute's values and who contributed them. Rank is that of the
// contributing flow, below all others for what a person put there.
type fact struct {
	values object.Values
	origin metaverse.Origin
	rank   int
	wish   bool // a wish for a unique name, not yet the name
}

// offer is what one flow contributes.
type offer struct {
	fact
	null    bool
	arrived time.Time
}

// beats reports that the offer wins over one that comes before it in order.
func (a *offer) beats(b *offer, mode Mode) bool {
	if mode == Equal && !a.arrived.Equal(b.arrived) {
		return a.arrived.After(b.arrived)
	}
	return a.rank < b.rank
}

// gather works out the picture from the given links. A missing entry
// contributes at its rank like any other. An account whose deletion was sent
// contributes nothing, nor does an entry that no import has shown.
func (d *decision) gather(o object.ID, typ string, links map[object.ID]object.ID, life map[object.ID]string, include func(connector string) bool) picture {
	offers := map[string][]offer{}
	for _, e := range d.entries {
		if links[e.ID] == o && e.Seen && !e.DeletionSent() && include(e.Connector) {
			d.offers(e, o, typ, offers)
		}
	}
	p := picture{}
	for _, a := range d.r.typ(typ).Attrs {
		f, any := decide(offers[a.Name], a.Mode)
		switch {
		case !any:
			f = d.kept(o, a.Name, links, include)
		case a.Kind == object.Ref:
			f.values = translate(f.values, links, life)
		}
		if len(f.values) > 0 {
			p[a.Name] = f
		}
	}
	return p
}

// offers adds what the entry contributes to the object, by attribute. A person's
// link holds for rules out of scope too, while the entry is where he put it, or
// comes there by his word.
func (d *decision) offers(e *space.Entry, o object.ID, typ string, to map[string][]offer) {
	s := entryScene(e, d.now)
	word := e.Explicit && e.Link == o || e.Link == object.ID{} && d.holds[linkTarget(e, o)].binds(d.now)
	for i := range d.r.In {
		in := &d.r.In[i]
		if in.To != typ || !in.covers(e) || !word && !in.Scope.asks(s) {
			continue
		}
		for k := range in.Flows {
			f := &in.Flows[k]
			vs, null := f.Value.eval(s)
			if len(vs) == 0 && !null {
				continue
			}
			of := offer{null: null, arrived: arrived(e, &f.Value)}
			of.fact = fact{values: vs, rank: f.Rank, wish: f.Unique, origin: metaverse.Origin{Connector: e.Connector, Entry: e.ID, Rule: in.Name}}
			to[f.Attr] = append(to[f.Attr], of)
		}
	}
}

// covers reports that the rule is about entries like this one.
func (in *Inbound) covers(e *space.Entry) bool {
	return in.Connector == e.Connector && in.From == e.Type
}

// arrived is when the newest of the values that the expression reads arrived.
func arrived(e *space.Entry, x *Expr) (at time.Time) {
	for _, name := range x.Attrs() {
		if t := e.ArrivedAt(name); t.After(at) {
			at = t
		}
	}
	return at
}

// decide picks the winner; false if nobody offers anything.
func decide(offers []offer, mode Mode) (fact, bool) {
	if len(offers) == 0 {
		return fact{}, false
	}
	best := &offers[0]
	var all object.Values
	for i := range offers {
		if offers[i].beats(best, mode) {
			best = &offers[i]
		}
		all = append(all, offers[i].values...)
	}
	f := best.fact
	if mode == Merge {
		f.values = object.Set(all...)
	}
	return f, true
}

// kept is the accepted value of an attribute to which nobody contributes, if
// the flow that gave it does not recall and its entry is no longer linked.
func (d *decision) kept(o object.ID, attr string, links map[object.ID]object.ID, include func(string) bool) fact {
	so := d.w.Objects[o]
	if so == nil {
		return fact{}
	}
	origin, _ := so.Origin(attr)
	f := d.r.flow(origin.Rule, attr)
	if f == nil || !f.Keep || links[origin.Entry] == o || !include(origin.Connector) {
		return fact{}
	}
	origin.Kept = true
	return fact{values: so.Attrs.Get(attr), origin: origin, rank: f.Rank}
}

// translate turns references to entries into references to their objects. A
// reference exists once its entry is linked to a living object.
func translate(vs object.Values, links map[object.ID]object.ID, life map[object.ID]string) object.Values {
	var out object.Values
	for _, v := range vs {
		if o := links[refOf(v)]; life[o] != "" {
			out = append(out, refTo(o))
		}
	}
	return object.Set(out...)
}

// missing says since when the object's sources no longer show it: not while an
// entry is present that a projecting rule is about, else since the last of
// those went missing.
func (d *decision) missing(o object.ID, typ string, links map[object.ID]object.ID) (since time.Time) {
	for _, e := range d.entries {
		if links[e.ID] != o || !d.r.founds(e.Connector, typ) {
			continue
		}
		if e.Missing.IsZero() {
			return time.Time{}
		}
		if e.Missing.After(since) {
			since = e.Missing
		}
	}
	return since
}

// work fills the picture system by system: existence in a system is asked of
// the object with its sources and with what wanted accounts of earlier systems
// feed; what an unwanted account holds feeds nothing.
func (d *decision) work(o object.ID, typ string, links map[object.ID]object.ID, life map[object.ID]string, finish func(picture), settle func(out *Outbound, wanted bool) bool) (picture, map[string]bool) {
	wanted := map[string]bool{}
	include := func(connector string) bool { return !d.r.provisions(typ, connector) || wanted[connector] }
	look := func() picture {
		p := d.gather(o, typ, links, life, include)
		finish(p)
		return p
	}
	for _, out := range d.r.outs(typ) {
		if out.Exists != nil {
			s := d.objectScene(o, look(), d.missing(o, typ, links))
			s.through = func(string, string) object.Values { return nil } // existence reads its own object only
			wanted[out.Connector] = settle(out, out.Exists.asks(s))
		}
	}
	return look(), wanted
}

// objectScene is what an outbound rule sees of its object.
func (d *decision) objectScene(o object.ID, p picture, missing time.Time) *scene {
	return &scene{
		values:  func(_, attr string) object.Values { return p[attr].values },
		missing: missing, now: d.now,
		due: func(t time.Time) { d.note(o, t) },
	}
}

// note remembers the earliest instant at which time alone may change something.
func (d *decision) note(o object.ID, t time.Time) {
	if old := d.due[o]; !d.faulty[o] && !t.IsZero() && (old.IsZero() || t.Before(old)) {
		d.due[o] = t
	}
}
