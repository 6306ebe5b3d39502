package oracle

import (
	"maps"
	"slices"
	"strconv"

	"muster/internal/base/object"
	"muster/internal/sync/metaverse"
)

type claimKey struct {
	object object.ID
	attr   string
}

// claim gives unique names to every object that is alive free of holds and whose
// winning contribution is a new wish, or a name that nobody asked for by a wish: first to those that exist, in their order,
// then to new ones in the order of their founders. A name is kept while its wish
// is the same, and never given to anybody else.
func (d *decision) claim() {
	d.names = maps.Clone(d.w.Names)
	for _, o := range d.claimants() {
		p, _ := d.sketch(o)
		for _, a := range d.r.typ(d.alive[o]).Attrs {
			f := p[a.Name]
			wish := f.values.First().Text()
			if d.r.plain(d.alive[o], a.Name, f) {
				d.insist(o, a, wish)
			}
			if !f.wish || wish == "" {
				continue
			}
			c := claimed(d.w.Objects[o], a.Name)
			if c.Wish != wish {
				c = metaverse.Claim{Attr: a.Name, Wish: wish, Name: d.freeName(o, a, wish)}
				d.names[Name{a.Name, key(c.Name, a)}] = o
			}
			d.claims[claimKey{o, a.Name}] = c
		}
	}
}

// plain reports a name that comes without a wish, in an attribute of unique
// names. One that is kept is the object's own.
func (r *Rules) plain(typ, attr string, f fact) bool {
	return !f.wish && !f.origin.Kept && f.values.First().Text() != "" && slices.ContainsFunc(r.In, func(in Inbound) bool {
		return in.To == typ && slices.ContainsFunc(in.Flows, func(x Inflow) bool { return x.Attr == attr && x.Unique })
	})
}

// insist gives the object that very name; an object whose name belongs to
// another is left as it is.
func (d *decision) insist(o object.ID, a Attribute, name string) {
	if claimed(d.w.Objects[o], a.Name).Name == name {
		return
	}
	k := Name{a.Name, key(name, a)}
	if who, ok := d.names[k]; ok && who != o || d.elsewhere(o, a, name) {
		d.faulty[o] = true
		return
	}
	d.names[k] = o
	d.claims[claimKey{o, a.Name}] = metaverse.Claim{Attr: a.Name, Name: name}
}

// claimants lists the living in the order in which they claim.
func (d *decision) claimants() (all []object.ID) {
	for _, o := range sortedIDs(d.alive) {
		if d.w.Objects[o] != nil {
			all = append(all, o)
		}
	}
	for _, e := range d.entries {
		if o := d.link[e.ID]; d.founder[o] == e.ID {
			all = append(all, o)
		}
	}
	return all
}

func claimed(o *metaverse.Object, attr string) (c metaverse.Claim) {
	if o != nil {
		c, _ = o.Claim(attr)
	}
	return c
}

// freeName is the first candidate that nobody else has: the wish, then the wish
// with 2, 3, 4 …
func (d *decision) freeName(o object.ID, a Attribute, wish string) string {
	for n := 1; ; n++ {
		name := wish
		if n > 1 {
			name += strconv.Itoa(n)
		}
		if who, ok := d.names[Name{a.Name, key(name, a)}]; (!ok || who == o) && !d.elsewhere(o, a, name) {
			return name
		}
		d.clashes++
	}
}

// elsewhere reports that an account that is not the object's own has the name.
func (d *decision) elsewhere(o object.ID, a Attribute, name string) bool {
	for _, s := range a.Also {
		for _, e := range d.entries {
			if e.Connector != s.Connector || e.Type != s.Type || !e.Missing.IsZero() || d.link[e.ID] == o {
				continue
			}
			for _, v := range e.Image.Get(s.Attr) {
				if object.Key(v, a.Folded) == key(name, a) {
					return true
				}
			}
		}
	}
	return false
}

func key(name string, a Attribute) string { return object.Key(object.Str(name), a.Folded) }

// named puts names in place of wishes. Where holds leave another wish than the
// one that was claimed, or a plain name that was not, the accepted name stays.
func (d *decision) named(o object.ID, typ string, p picture) {
	so := d.w.Objects[o]
	for attr, f := range p {
		plain := d.r.plain(typ, attr, f)
		if !f.wish && !plain {
			continue
		}
		wish, old := f.values.First().Text(), claimed(so, attr)
		name, now := old.Name, d.claims[claimKey{o, attr}]
		if plain {
			if now.Wish == "" && now.Name == wish {
				name = wish
			}
		} else if old.Wish != wish && now.Wish == wish {
			name = now.Name
		}
		f.values, f.wish = text(name), false
		p[attr] = f
		if name == "" {
			delete(p, attr)
		}
	}
}
