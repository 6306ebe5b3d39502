package engine

import (
	"slices"
	"time"

	"muster/internal/base/object"
	"muster/internal/sync/space"
)

// cut unlinks vanished and out-of-scope entries that still are where they were.
// It reports whether there were any.
func (l *linker) cut() (any bool, err error) {
	doomed := l.doomed
	l.doomed = nil
	for ids := range slices.Chunk(doomed, chunk) {
		if err := l.loadWithObjects(ids); err != nil {
			return false, err
		}
		for _, id := range ids {
			e := l.v.Entry(id)
			if l.linkOf(id, e.Link, free) != e.Link {
				continue
			}
			l.relink(e, object.ID{})
			l.try(e)
			any = true
		}
		l.v.Forget()
	}
	return any, nil
}

// isAnother reports that the entry has taken the place of the one that was
// linked: the system has given its anchor to an object of another type.
func isAnother(e *space.Entry) bool { return e.Retyped && !e.Link.IsZero() }

// loadWithObjects loads entries with the objects that they are linked to.
func (l *linker) loadWithObjects(ids []object.ID) error {
	if err := l.v.Load(Need{Entries: ids}); err != nil {
		return err
	}
	var objects []object.ID
	for _, id := range ids {
		if e := l.v.Entry(id); e != nil {
			objects = append(objects, e.Link, l.linkOf(id, e.Link, free))
		}
	}
	return l.loadTouched(slices.DeleteFunc(objects, object.ID.IsZero))
}

// loadTouchedInto loads objects of the plan with their entries, accepted and
// planned.
func (d *Decider) loadTouchedInto(v View, ids []object.ID) error {
	var entries []object.ID
	for _, id := range ids {
		if x := d.life(id); x != nil {
			entries = d.appendEntries(entries, id, x)
		}
	}
	return v.Load(Need{Objects: ids, Entries: entries})
}

func (l *linker) loadTouched(ids []object.ID) error { return l.loadTouchedInto(l.v, ids) }

// belongsNoMore reports that a linked entry must be cut: it vanished from a
// system without stages (LINK-18, LINK-19), or no rule concerns it (LINK-16). An
// account that we govern is not cut by scope: its rule says whether it exists.
func (l *linker) belongsNoMore(e *space.Entry, x *life) (bool, error) {
	about := l.set.inbound[[2]string{e.Connector, e.Type}]
	switch {
	case l.set.governed[[2]string{l.typ(x), e.Connector}]:
		return !e.Missing.IsZero(), nil
	case !e.Missing.IsZero():
		if over, err := l.stagesOver(e, x, about); over || err != nil {
			return over, err
		}
	}
	if e.Explicit || !e.Seen || len(about) == 0 {
		return false, nil
	}
	rs, err := l.inScope(e, nil)
	if err != nil {
		return false, err
	}
	return !slices.ContainsFunc(rs, func(r *inrule) bool { return r.To == l.typ(x) }), nil
}

// stagesOver reports that a vanished entry is cut: at once where its rule says
// recall, else when the rule's last stage is reached (LINK-17). The time at which
// that will be is noted.
func (l *linker) stagesOver(e *space.Entry, x *life, about []*inrule) (bool, error) {
	for _, r := range about {
		if r.To != l.typ(x) {
			continue
		}
		if r.Recall {
			return true, nil
		}
		if r.CutWhen == nil {
			continue
		}
		var due time.Time
		over, err := truth(r.CutWhen, l.entryInput(e, &due))
		if err != nil {
			return false, &ruleError{r.Name, err}
		}
		if over {
			return true, nil
		}
		if !due.IsZero() {
			l.dues[e.Link] = earliest(l.dues[e.Link], due)
		}
	}
	return false, nil
}

// recalls reports that a vanished entry linked to an object of the type is cut
// at once.
func (d *Decider) recalls(typ string, e *space.Entry) bool {
	return d.set.governed[[2]string{typ, e.Connector}] ||
		slices.ContainsFunc(d.set.inbound[[2]string{e.Connector, e.Type}], func(r *inrule) bool { return r.To == typ && r.Recall })
}

// bury ends objects by the rule of their type. It reports whether any ended.
func (l *linker) bury() (any bool, err error) {
	mortal := l.mortal
	l.mortal = nil
	for ids := range slices.Chunk(mortal, chunk) {
		if err := l.loadTouched(ids); err != nil {
			return false, err
		}
		for _, id := range ids {
			x := l.life(id)
			x.mortal = false
			if x.stored != 0 && x.typ != 0 && l.ends(id, x) {
				l.end(id, x)
				any = true
			}
		}
		l.v.Forget()
	}
	return any, nil
}

// ends reports that the object's last counting link went, or one of those whose
// loss ends it (LINK-20, LINK-21).
func (l *linker) ends(id object.ID, x *life) bool {
	es := l.entriesOf(id)
	return l.countLinks(l.typ(x), es) == 0 || l.bereft(id, l.typ(x), es, free)
}

// countLinks counts the entries that keep an object of the type alive. What
// people edit of an object does not, unless they founded it there.
func (d *Decider) countLinks(typ string, es []*space.Entry) (n int) {
	for _, e := range es {
		if d.set.counts(typ, e.Connector) && !d.edited(e) {
			n++
		}
	}
	return n
}

// edited reports what people edited of an object that they did not found. It ends
// with the object (PORT-7).
func (d *Decider) edited(e *space.Entry) bool {
	return e.Explicit && d.set.Connectors[d.set.rank[e.Connector]].People
}

// bereft reports that a link was cut to a connector that the object cannot live
// without, and no present entry of it is left among es.
func (l *linker) bereft(id object.ID, typ string, es []*space.Entry, m mode) bool {
	t := l.set.Types[typ]
	if t == nil || len(t.Any) == 0 {
		return false
	}
	for _, e := range l.v.EntriesOf(id) {
		if t.Any[e.Connector] && l.linkOf(e.ID, e.Link, m) != id &&
			!slices.ContainsFunc(es, func(o *space.Entry) bool { return o.Connector == e.Connector && o.Missing.IsZero() }) {
			return true
		}
	}
	return false
}

// end ends the object: its entries are freed, but for accounts that we govern,
// whose fate the object's unit decides. One that just joined is not its account
// yet, and who made way for it is again.
func (l *linker) end(id object.ID, x *life) {
	typ := l.typ(x)
	x.typ = 0
	governs := func(e *space.Entry) bool { return l.set.governed[[2]string{typ, e.Connector}] }
	for _, e := range l.entriesOf(id) {
		if e.Link != id || !governs(e) {
			l.relink(e, object.ID{})
			l.try(e)
		}
	}
	for _, e := range l.v.EntriesOf(id) {
		if _, gave := l.gave[e.ID]; gave && governs(e) && e.Missing.IsZero() {
			l.relink(e, id)
			delete(l.gave, e.ID)
		}
	}
	l.rekey(id, x)
}
