package engine

import (
	"slices"
	"time"

	"muster/internal/base/object"
	"muster/internal/sync/metaverse"
	"muster/internal/sync/rules"
	"muster/internal/sync/space"
)

// cut unlinks vanished and out-of-scope entries, and ends objects whose last
// link went.
func (l *linker) cut() error {
	for ids := range slices.Chunk(slices.Clone(l.order), chunk) {
		if err := l.loadTouched(ids); err != nil {
			return err
		}
		for _, id := range ids {
			x := l.life[id]
			if x.typ == "" {
				continue
			}
			if err := l.cutEntries(id, x); err != nil {
				return err
			}
			if l.ends(id, x) {
				l.end(id, x)
			}
		}
		l.v.Forget()
	}
	return l.sortTodo()
}

// loadTouched loads objects of the plan with their entries, accepted and
// planned.
func (d *Decider) loadTouchedInto(v View, ids []object.ID) error {
	var entries []object.ID
	for _, id := range ids {
		if x := d.life[id]; x != nil {
			entries = append(entries, x.entries...)
		}
	}
	return v.Load(Need{Objects: ids, Entries: entries})
}

func (l *linker) loadTouched(ids []object.ID) error { return l.loadTouchedInto(l.v, ids) }

// cutEntries unlinks those entries of the object that moved and no longer
// belong to it.
func (l *linker) cutEntries(id object.ID, x *life) error {
	for _, e := range l.entriesOf(id) {
		if e.Link != id || !l.dirty[e.ID] {
			continue
		}
		gone, err := l.belongsNoMore(e, x.typ)
		if err != nil {
			l.faults = append(l.faults, fault("extension-unexpected-attribute-value", e, ruleOf(err), err))
			continue
		}
		if gone {
			l.relink(e, object.ID{})
			l.try(e.ID)
		}
	}
	return nil
}

// belongsNoMore reports that a linked entry must be cut: it vanished from a
// system without stages, or no rule has it in scope. An account that we govern
// is not cut by scope: its rule says whether it exists.
func (l *linker) belongsNoMore(e *space.Entry, typ string) (bool, error) {
	governed := l.set.governed[[2]string{typ, e.Connector}]
	if !e.Missing.IsZero() && governed {
		return true, nil
	}
	if governed {
		return false, nil
	}
	if len(l.set.inbound[[2]string{e.Connector, e.Type}]) == 0 {
		return false, nil
	}
	if !e.Missing.IsZero() {
		return l.stagesOver(e, typ)
	}
	if e.Explicit {
		return false, nil
	}
	rs, err := l.inScope(e, nil)
	if err != nil {
		return false, err
	}
	return !slices.ContainsFunc(rs, func(r *rules.Inbound) bool { return r.To == typ }), nil
}

// stagesOver reports that a vanished entry is cut: at once where its rule says
// recall, else when the rule's last stage is reached. The time at which that
// will be is noted.
func (l *linker) stagesOver(e *space.Entry, typ string) (bool, error) {
	for _, r := range l.set.inbound[[2]string{e.Connector, e.Type}] {
		if r.To != typ {
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
		if x := l.life[e.Link]; x != nil {
			x.due = earliest(x.due, due)
		}
	}
	return false, nil
}

// ends reports that the object's last counting link went, or one of those whose
// loss ends it.
func (l *linker) ends(id object.ID, x *life) bool {
	var left []*space.Entry
	for _, e := range l.entriesOf(id) {
		if l.set.counts(x.typ, e.Connector) {
			left = append(left, e)
		}
	}
	if len(left) == 0 {
		return true
	}
	t := l.set.Types[x.typ]
	if t == nil || len(t.Any) == 0 || x.stored == "" {
		return false
	}
	for _, e := range l.v.EntriesOf(id) {
		if t.Any[e.Connector] && l.linkOf(e.ID, e.Link, free) != id &&
			!slices.ContainsFunc(left, func(o *space.Entry) bool { return o.Connector == e.Connector }) {
			return true
		}
	}
	return false
}

// end ends the object: its entries are freed, but for accounts that we govern,
// whose fate the object's unit decides.
func (l *linker) end(id object.ID, x *life) {
	typ := x.typ
	x.typ = ""
	for _, e := range l.entriesOf(id) {
		if !l.set.governed[[2]string{typ, e.Connector}] {
			l.relink(e, object.ID{})
			l.try(e.ID)
		}
	}
	l.rekey(id, x)
}

// judgeHeld decides which of the changed links and lives the holds let through.
// A link moves only if neither end is held.
func (l *linker) judgeHeld() error {
	for ids := range slices.Chunk(l.moved, chunk) {
		if err := l.v.Load(Need{Entries: ids}); err != nil {
			return err
		}
		var objects []object.ID
		for _, id := range ids {
			if e := l.v.Entry(id); e != nil {
				objects = append(objects, e.Link, l.linkOf(id, e.Link, free))
			}
		}
		if err := l.v.Load(Need{Objects: slices.DeleteFunc(objects, object.ID.IsZero)}); err != nil {
			return err
		}
		for _, id := range ids {
			if e := l.v.Entry(id); e != nil {
				l.judgeLink(e)
			}
		}
		l.v.Forget()
	}
	for ids := range slices.Chunk(l.order, chunk) {
		if err := l.loadTouched(ids); err != nil {
			return err
		}
		for _, id := range ids {
			l.judgeLife(id, l.life[id])
		}
		l.v.Forget()
	}
	return nil
}

func (l *linker) judgeLink(e *space.Entry) {
	was, now := e.Link, l.linkOf(e.ID, e.Link, free)
	if was == now {
		return
	}
	refused := !was.IsZero() && l.objectHeld(was) || !now.IsZero() && l.objectHeld(now) || !now.IsZero() && l.linkRefused(now, e)
	if refused {
		l.eff[e.ID] = was
		return
	}
	if !now.IsZero() && l.birthRefused(now) && !l.set.governed[[2]string{l.life[now].typ, e.Connector}] {
		l.eff[e.ID] = object.ID{}
	}
}

// judgeLife decides whether the object lives in the held decision.
func (l *linker) judgeLife(id object.ID, x *life) {
	isHeld, refused := l.objectHeld(id), l.birthRefused(id)
	switch {
	case x.stored != "" && isHeld && !refused:
		x.held = true
		return
	case refused:
		x.held = false
		return
	case x.typ == "" && x.stored == "":
		return
	}
	counting, linked := 0, 0
	for _, e := range l.heldEntries(l.v, id) {
		linked++
		if l.set.counts(x.typOr(), e.Connector) {
			counting++
		}
	}
	switch {
	case x.stored == "":
		x.held = counting > 0 && !isHeld
	case x.typ != "":
		x.held = counting > 0
	default: // its end came from links, some of which may be held back
		x.held = counting > 0 && linked > 0
	}
}

func (x *life) typOr() string {
	if x.typ != "" {
		return x.typ
	}
	return x.stored
}

// heldEntries returns the entries linked to the object in the held decision.
func (d *Decider) heldEntries(v View, id object.ID) []*space.Entry {
	x := d.life[id]
	if x == nil {
		return v.EntriesOf(id)
	}
	var out []*space.Entry
	if x.stored != "" {
		for _, e := range v.EntriesOf(id) {
			if d.linkOf(e.ID, e.Link, held) == id {
				out = append(out, e)
			}
		}
	}
	for _, eid := range x.entries {
		e := v.Entry(eid)
		if e != nil && e.Link != id && d.linkOf(e.ID, e.Link, held) == id {
			out = append(out, e)
		}
	}
	return d.sorted(out)
}

// refusal returns the hold that refuses the outcome for the target, nil if none
// does: a person's or an earlier guard's, else one that this plan's guards
// wrote.
func (d *Decider) refusal(v View, t Target, outcome object.Values) *Hold {
	for _, h := range v.Holds(t.Object) {
		if h.Target == t && h.refuses(outcome, d.now) {
			return h
		}
	}
	for _, h := range d.holds[t.Object] {
		if h.Target == t && h.refuses(outcome, d.now) {
			return h
		}
	}
	return nil
}

// objectHeld reports that the whole object stays as it is.
func (l *linker) objectHeld(id object.ID) bool { return l.Decider.objectHeld(l.v, id) }

func (d *Decider) objectHeld(v View, id object.ID) bool {
	h := d.refusal(v, Target{Object: id, Kind: WholeObject}, d.freeLife(id))
	return h != nil && !(h.AtValue && len(h.Instead) == 0)
}

// freeLife is Present when the free decision lets the object live.
func (d *Decider) freeLife(id object.ID) object.Values {
	if x := d.life[id]; x != nil && x.typ == "" {
		return nil
	}
	return space.Present
}

// birthRefused reports an object whose birth was undone or refused: held at
// "not there".
func (l *linker) birthRefused(id object.ID) bool { return l.Decider.birthRefused(l.v, id) }

func (d *Decider) birthRefused(v View, id object.ID) bool {
	h := d.refusal(v, Target{Object: id, Kind: WholeObject}, space.Present)
	return h != nil && h.AtValue && len(h.Instead) == 0 && len(d.freeLife(id)) > 0
}

// linkRefused reports that the entry may not be linked to the object.
func (l *linker) linkRefused(o object.ID, e *space.Entry) bool {
	return l.refusal(l.v, Target{Object: o, Kind: EntryLink, Connector: e.Connector, Name: e.Anchor}, space.Present) != nil
}

// wantsFreely reports that the object wants an account in the connector, as far
// as Link knows it.
func (l *linker) wantsFreely(id object.ID, conn string) bool {
	x := l.life[id]
	typ := ""
	var stored *metaverse.Object
	switch {
	case x != nil:
		typ, stored = x.typ, l.storedObject(id, x)
	default:
		if stored = l.v.Object(id); stored != nil {
			typ = stored.Type
		}
	}
	if typ == "" {
		return false
	}
	w, _ := l.wanted(typ, l.entriesOf(id), stored, nil)
	return w[conn]
}
