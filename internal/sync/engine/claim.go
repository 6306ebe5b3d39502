package engine

import (
	"cmp"
	"slices"

	"muster/internal/base/object"
	"muster/internal/sync/metaverse"
	"muster/internal/sync/rules"
)

// maxCandidates bounds the search for a free name.
const maxCandidates = 10_000

// Claim gives new unique names: first to objects that exist, in the order of
// their ids, then to newborns, in the order of the entries that found them, as
// people expect (CLAIM-5). A name is kept while its wish is unchanged; only the
// winning contributor's wish is claimed; a name that was ever given belongs to
// its object.
func (d *Decider) Claim(v View) error {
	ids := d.claimants()
	need := func(part []object.ID) (n Need) {
		for _, id := range part {
			x := d.life(id)
			for _, w := range d.claims(x) {
				n.Names = append(n.Names, d.name(d.typ(x), w.Attr, cmp.Or(w.Name, w.Wish)))
			}
		}
		return n
	}
	err := inParts(v, ids, need, func(part []object.ID) error {
		clash, err := d.clashes(v, part)
		if err != nil {
			return err
		}
		if err := d.loadTouchedInto(v, clash); err != nil { // their other candidates are worked out
			return err
		}
		for _, id := range part {
			if err := d.claimFor(v, id); err != nil {
				return err
			}
		}
		return nil
	})
	d.names = map[print]uint32{} // nobody claims any more
	return err
}

// clashes lists those who will not get the name that they wish for first. Their
// wishes are loaded.
func (d *Decider) clashes(v View, part []object.ID) (out []object.ID, err error) {
	met := map[print]bool{}
	for _, id := range part {
		x := d.life(id)
		for _, w := range d.claims(x) {
			if w.Name != "" {
				continue
			}
			name := d.name(d.typ(x), w.Attr, w.Wish)
			p := name.print()
			free, err := d.isFree(v, name, id)
			if err != nil {
				return nil, err
			}
			if met[p] || !free {
				out = append(out, id)
				break
			}
			met[p] = true
		}
	}
	return out, nil
}

// claimants lists the objects that wish for names, in their order.
func (d *Decider) claimants() []object.ID {
	var list []claimant
	for _, no := range d.order {
		if x := d.lifeAt(no); x.claims != 0 && x.typ != 0 {
			list = append(list, claimant{no, x.stored == 0})
		}
	}
	if !slices.IsSortedFunc(list, d.compareClaims) {
		slices.SortFunc(list, d.compareClaims)
	}
	ids := make([]object.ID, len(list))
	for i := range list {
		ids[i] = d.objects.list[list[i].no]
	}
	return ids
}

// claimant is an object that wishes for names.
type claimant struct {
	no   uint32
	born bool // by this plan
}

func (d *Decider) compareClaims(a, b claimant) int {
	switch newA, newB := a.born, b.born; {
	case newA && newB:
		x, y := d.founder(d.lifeAt(a.no)), d.founder(d.lifeAt(b.no))
		if c := cmp.Or(x.rank-y.rank, compareText(x.anchor, y.anchor)); c != 0 {
			return c
		}
	case newA:
		return 1
	case newB:
		return -1
	}
	return d.objects.list[a.no].Compare(d.objects.list[b.no])
}

func (d *Decider) name(typ, attr, value string) Name {
	folded := false
	if t := d.set.Types[typ]; t != nil && t.Attributes[attr] != nil {
		folded = t.Attributes[attr].Folded
	}
	return Name{typ, attr, object.Key(object.Str(value), folded)}
}

// claimFor gives one object its names; what it cannot get is left out, with a
// fault.
func (d *Decider) claimFor(v View, id object.ID) error {
	x := d.life(id)
	wishes := d.claims(x)
	given, granted := wishes[:0], true
	for _, w := range wishes {
		if w.Name != "" { // it must be that one
			name := d.name(d.typ(x), w.Attr, w.Name)
			free, err := d.isFree(v, name, id)
			if err != nil {
				return err
			}
			if free {
				d.names[name.print()] = d.number(id)
				given = append(given, w)
			}
			continue
		}
		name, err := d.freeName(v, id, d.typ(x), w)
		if err != nil {
			d.nameless(x, id, w.Attr+": "+err.Error())
			continue
		}
		if name == "" {
			d.nameless(x, id, "no free name for "+w.Wish+" after many candidates; give unique() a candidate that differs more")
			continue
		}
		granted = granted && name == w.Wish
		w.Name = name
		d.names[d.name(d.typ(x), w.Attr, name).print()] = d.number(id)
		given = append(given, w)
	}
	if x.granted = granted && len(given) == len(wishes); !x.granted {
		d.setClaims(x, given)
	}
	return nil
}

// nameless notes that an object did not get its name, so that it stays as it is.
func (d *Decider) nameless(x *life, id object.ID, why string) {
	fault := ObjectFault{Code: "unexpected-error", Message: why}
	if f := d.founder(x); f.anchor != "" {
		fault.Connector, fault.Anchor = d.set.Connectors[f.rank].Name, f.anchor
	}
	if d.unnamed == nil {
		d.unnamed = map[object.ID]ObjectFault{}
	}
	d.unnamed[id] = fault
}

// freeName tries the wish and then the candidates.
func (d *Decider) freeName(v View, id object.ID, typ string, w metaverse.Claim) (string, error) {
	var u *rules.Unique
	var in rules.Input
	candidate := w.Wish
	for n := int64(1); n <= maxCandidates; n++ {
		if n == 2 {
			if err := d.loadTouchedInto(v, []object.ID{id}); err != nil { // unless it is there
				return "", err
			}
			if u, in = d.uniqueFlow(v, id, typ, w.Attr); u == nil {
				return "", nil
			}
		}
		if n > 1 {
			var err error
			if candidate, err = u.Candidate(in, w.Wish, n); err != nil {
				return "", err
			}
		}
		name := d.name(typ, w.Attr, candidate)
		if d.given(name, id) {
			continue
		}
		if n > 1 { // the wish is loaded
			if err := v.Load(Need{Names: []Name{name}}); err != nil {
				return "", err
			}
		}
		free, err := d.nobodys(v, name, id)
		if err != nil {
			return "", err
		}
		if free {
			return candidate, nil
		}
	}
	return "", nil
}

// isFree reports that the object may have the name: nobody else got it in this
// plan or before.
func (d *Decider) isFree(v View, key Name, id object.ID) (bool, error) {
	if d.given(key, id) {
		return false, nil
	}
	return d.nobodys(v, key, id)
}

// given reports that somebody else got the name in this plan.
func (d *Decider) given(key Name, id object.ID) bool {
	owner, ok := d.names[key.print()]
	return ok && d.objects.list[owner] != id
}

// nobodys reports that the name is free for the object: nobody else ever had it,
// and no account but its own bears it where the attribute says (CLAIM-6, CLAIM-9).
// An account is its own that it has, or gets by this plan.
func (d *Decider) nobodys(v View, key Name, id object.ID) (bool, error) {
	if owner, taken := v.Owner(key); taken && owner != id {
		return false, nil
	}
	bearers := v.Bearers(key)
	if len(bearers) == 0 {
		return true, nil
	}
	if err := v.Load(Need{Links: bearers}); err != nil {
		return false, err
	}
	return !slices.ContainsFunc(bearers, func(e object.ID) bool { return d.linkOf(e, v.LinkOf(e), free) != id }), nil
}

// uniqueFlow returns the flow that won the wish, and its input.
func (d *Decider) uniqueFlow(v View, id object.ID, typ, attr string) (*rules.Unique, rules.Input) {
	w := &worker{Decider: d, v: v, hubs: map[object.ID]*hub{}}
	h := &hub{id: id, x: d.life(id), stored: v.Object(id), same: true}
	from := d.inbound(typ, w.entries(h, free), h.stored, nil, sought).source(attr)
	if from == nil {
		return nil, nil
	}
	o := from.origin()
	f := d.set.flow[[2]string{o.Rule, attr}]
	for _, e := range w.entries(h, free) {
		if f != nil && e.ID == o.Entry {
			return f.Unique, d.entryInput(e, nil)
		}
	}
	return nil, nil
}
