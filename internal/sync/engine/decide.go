package engine

import (
	"slices"

	"muster/internal/base/object"
	"muster/internal/sync/rules"
)

// Objects lists the objects that the plan decides, after Link and Claim: those
// it touches and those to whom a change of theirs matters. It asks the view who
// refers to them.
func (d *Decider) Objects(v View) (Todo, error) {
	if err := d.namers(v); err != nil {
		return Todo{}, err
	}
	d.markSplit()
	return d.todoFrom(0), nil
}

// namers touches the objects that name an entry whose link changes, or any
// entry of an object that comes or goes: their references appear or go.
func (d *Decider) namers(v View) error {
	l := &linker{Decider: d, v: v}
	var changed []object.ID
	for _, m := range d.moved {
		if m.namers && (m.stored != d.linkOf(m.entry, m.stored, free) || m.stored != d.linkOf(m.entry, m.stored, held)) {
			changed = append(changed, m.entry)
		}
	}
	every := d.everyEntry()
	var comesOrGoes []object.ID
	for _, no := range d.order {
		x := d.lifeAt(no)
		if ((x.typ != 0) != (x.stored != 0) || x.held != (x.stored != 0)) && !every {
			comesOrGoes = append(comesOrGoes, d.objects.list[no])
		}
	}
	for ids := range slices.Chunk(comesOrGoes, chunk) {
		if err := d.loadTouchedInto(v, ids); err != nil {
			return err
		}
		for _, id := range ids {
			for _, e := range l.entriesOf(id) {
				if e != nil && !d.trig.All[e.Connector] {
					changed = append(changed, e.ID)
				}
			}
		}
		v.Forget()
	}
	sortIDs(&changed)
	return l.touchAll(changed, func(ids []object.ID) Need { return Need{Namers: ids} }, v.Namers)
}

// everyEntry reports that all entries there are have been named.
func (d *Decider) everyEntry() bool {
	return !slices.ContainsFunc(d.set.Connectors, func(c *rules.Connector) bool { return !d.trig.All[c.Name] })
}

// touchAll touches the objects that who names for each of the ids.
func (l *linker) touchAll(ids []object.ID, need func([]object.ID) Need, who func(object.ID) []object.ID) error {
	return inParts(l.v, ids, need, func(part []object.ID) error {
		var found []object.ID
		for _, id := range part {
			found = append(found, who(id)...)
		}
		sortIDs(&found)
		return l.touchObjects(found)
	})
}

// touchObjects makes existing objects part of the plan after linking is done.
func (l *linker) touchObjects(ids []object.ID) error {
	ids = slices.DeleteFunc(ids, func(id object.ID) bool { return l.life(id) != nil })
	if err := l.v.Load(Need{Objects: ids}); err != nil {
		return err
	}
	for _, id := range ids {
		if o := l.v.Object(id); o != nil {
			x := l.enter(id)
			x.stored = l.words.add(o.Type)
			x.typ, x.held = x.stored, true
		}
	}
	return nil
}

// Tally is what one batch decided.
type Tally struct {
	Verdicts  []*Verdict
	Again     []object.ID // objects that a change of these may reach, not yet in the plan
	counted   []counted
	protected []protected
	unwanted  []counted // accounts that would join an object which wants none as things are held
	slabs     []*slab   // in which the changes are
}

// Counts adds how many changes of each kind guards counted in the batch: those
// that nobody approved, but for the units that were left out.
func (t *Tally) Counts(to map[Count]int, left map[object.ID]bool) {
	for i := range t.counted {
		if !left[t.counted[i].object] {
			to[t.counted[i].count]++
		}
	}
}

type protected struct {
	counted
	name string
}

// Batch decides some of the plan's objects. It may be called at the same time
// for different objects with different views.
func (d *Decider) Batch(v View, ids []object.ID) (*Tally, error) {
	w := &worker{Decider: d, v: v, hubs: make(map[object.ID]*hub, 2*len(ids))}
	if err := w.load(ids); err != nil {
		return nil, err
	}
	t := &Tally{Verdicts: make([]*Verdict, 0, len(ids))}
	var reach []object.ID
	for _, id := range ids {
		vd := w.verdict(id)
		t.Verdicts = append(t.Verdicts, vd)
		h := w.hubs[id]
		if vd.Unit != nil && len(vd.Faults) == 0 {
			w.count(t, h, vd.Unit)
			t.unwanted = append(t.unwanted, w.unwanted(h, vd.Unit)...)
		}
		if w.reaches(h, vd) {
			reach = append(reach, id)
		}
	}
	err := w.referrers(t, reach)
	if err == nil {
		err = w.seen(t)
	}
	v.Forget()
	t.slabs = w.slabs
	return t, err
}

// seen finds who was decided by what objects on which a rule failed would be:
// those that refer to them, or name an entry of theirs; and unlinked entries that
// ask by their keys: by the old ones, or the ones that they would have.
func (w *worker) seen(t *Tally) error {
	for _, vd := range t.Verdicts {
		if len(vd.Faults) == 0 {
			continue
		}
		entries := slices.Clone(vd.Entries)
		for _, e := range w.v.EntriesOf(vd.Object) {
			entries = append(entries, e.ID)
		}
		if err := w.v.Load(Need{Referrers: []object.ID{vd.Object}, Namers: entries, Candidates: vd.keys}); err != nil {
			return err
		}
		for _, k := range vd.keys {
			vd.Entries = append(append(vd.Entries, w.v.Candidates(k)...), w.asking(k)...)
		}
		sortIDs(&vd.Entries)
		vd.Seen = slices.Clone(w.v.Referrers(vd.Object))
		for _, e := range entries {
			vd.Seen = append(vd.Seen, w.v.Namers(e)...)
		}
		sortIDs(&vd.Seen)
	}
	return nil
}

// foundBy lists the join keys that the object had while entries joined, and those
// that it was accepted with.
func (w *worker) foundBy(h *hub) (keys []Key) {
	add := func(typ string, attrs object.Attrs) {
		for _, a := range w.set.keys[typ] {
			for _, v := range attrs.Get(a.Name) {
				keys = append(keys, Key{typ, a.Name, object.Key(v, a.Folded)})
			}
		}
	}
	if typ := w.hubType(h, free); typ != "" {
		add(typ, w.soughtPicture(typ, w.entries(h, free), h.stored).attrs)
	}
	if h.stored != nil {
		add(h.stored.Type, h.stored.Attrs)
	}
	return keys
}

// asking lists the entries that were tried and stay unlinked, and ask by the key.
func (d *Decider) asking(k Key) []object.ID {
	by := d.askers.Load()
	if by == nil { // several workers may work it out
		m := map[Key][]object.ID{}
		for id, keys := range d.asks {
			for _, k := range keys {
				m[k] = append(m[k], id)
			}
		}
		by = &m
		d.askers.Store(by)
	}
	return (*by)[k]
}

// count adds what guards count in the unit; in a protected population each
// dangerous change is held by itself.
func (w *worker) count(t *Tally, h *hub, u *Unit) {
	cs := w.countChanges(h, u)
	if len(cs) == 0 {
		return
	}
	name := w.protectedBy(h)
	for _, c := range cs {
		if name != "" {
			t.protected = append(t.protected, protected{c, name})
			continue
		}
		t.counted = append(t.counted, c)
	}
}

// reaches reports that others may have to be decided again: who reads a value
// that changes, or refers to an account that comes or goes.
func (w *worker) reaches(h *hub, vd *Verdict) bool {
	if h.stored == nil || w.trigAll() {
		return false
	}
	if len(vd.Faults) > 0 { // others see what it would be
		return w.set.anyRefs || len(w.set.through) > 0
	}
	look := func(cs []Change) bool {
		for i := range cs {
			switch c := &cs[i]; c.Op {
			case AddAccount, DropAccount, CutAccount, Death:
				if w.set.anyRefs {
					return true
				}
			case Link, Unlink:
				if _, system := w.set.bit[c.Connector]; system && w.set.anyRefs {
					return true
				}
			case SetValue, AddRef, DropRef:
				if len(w.set.through) > 0 {
					return true
				}
			default:
			}
		}
		return false
	}
	return vd.Unit != nil && look(vd.Unit.Changes) || look(vd.Waiting)
}

// referrers lists who refers to the objects and is not in the plan yet.
func (w *worker) referrers(t *Tally, ids []object.ID) error {
	for part := range slices.Chunk(ids, chunk) {
		if err := w.v.Load(Need{Referrers: part}); err != nil {
			return err
		}
		for _, id := range part {
			for _, r := range w.v.Referrers(id) {
				if w.life(r) == nil {
					t.Again = append(t.Again, r)
				}
			}
		}
	}
	sortIDs(&t.Again)
	return nil
}

// Extend makes further objects part of the plan: those that Batch said its
// changes may reach. It returns those that are new.
func (d *Decider) Extend(v View, ids []object.ID) (Todo, error) {
	sortIDs(&ids)
	from := len(d.order)
	l := &linker{Decider: d, v: v}
	if err := l.touchObjects(ids); err != nil {
		return Todo{}, err
	}
	v.Forget()
	return d.todoFrom(from), nil
}

// load loads what deciding the objects reads: the objects with their entries,
// the links of whom the entries name, and the far ends of references.
func (w *worker) load(ids []object.ID) error {
	if err := w.loadTouchedInto(w.v, ids); err != nil {
		return err
	}
	targets, err := w.loadLinks(ids)
	if err != nil || len(targets) == 0 {
		return err
	}
	var touched, others []object.ID
	for _, t := range targets {
		if w.life(t) != nil {
			touched = append(touched, t)
		} else {
			others = append(others, t)
		}
	}
	if len(w.set.through) == 0 {
		touched = slices.DeleteFunc(touched, func(t object.ID) bool {
			_, known := w.life(t).ends.get(0, free)
			return known
		})
	}
	if err := w.loadTouchedInto(w.v, touched); err != nil {
		return err
	}
	if len(w.set.through) > 0 {
		if err := w.v.Load(Need{Objects: others}); err != nil {
			return err
		}
	}
	if _, err := w.loadLinks(touched); err != nil {
		return err
	}
	return w.v.Load(Need{Accounts: others})
}

// loadLinks loads the links of all entries that the objects' entries name, and
// returns the objects at the far ends.
func (w *worker) loadLinks(ids []object.ID) ([]object.ID, error) {
	var entries, targets, named []object.ID
	for _, id := range ids {
		h := w.hub(id)
		for m := free; m <= held; m++ {
			for _, e := range w.entries(h, m) {
				entries = appendRefs(entries, e.Image)
				for i := range e.Pending {
					if t := e.Pending[i].Target; !t.IsZero() {
						targets = append(targets, t)
					}
				}
			}
			if !w.diverged() {
				break
			}
		}
		if h.stored != nil {
			targets = appendRefs(targets, h.stored.Attrs)
		}
		for _, hd := range w.allHolds(w.v, id) {
			if t := hd.Target; !t.Ref.IsZero() {
				named, targets = append(named, t.Ref), append(targets, t.Ref)
			}
		}
	}
	sortIDs(&entries)
	if err := w.v.Load(Need{Links: entries, Objects: named}); err != nil {
		return nil, err
	}
	for _, e := range entries {
		stored := w.v.LinkOf(e)
		for m := free; m <= held; m++ {
			if t := w.linkOf(e, stored, m); !t.IsZero() {
				targets = append(targets, t)
			}
		}
	}
	sortIDs(&targets)
	return targets, nil
}

func appendRefs(ids []object.ID, a object.Attrs) []object.ID {
	for _, x := range a {
		if x.Values.First().Kind() != object.Ref {
			continue
		}
		for _, v := range x.Values {
			ids = append(ids, refID(v))
		}
	}
	return ids
}

// Result is a whole plan, decided in one go: for small plans and for tests.
// Large plans are decided batch by batch, to the same effect.
type Result struct {
	Verdicts []*Verdict // in the order of objects
	NewHolds []*Hold
	Tripped  []Tripped
	Queued   []*Queued
	Faults   []ObjectFault
	Rounds   int
}

// Whole decides a plan in one go, batches of size objects at a time.
func (d *Decider) Whole(v View, size int) (*Result, error) {
	r := &Result{}
	for {
		r.Rounds++
		tallies, err := d.round(v, size)
		if err != nil {
			return nil, err
		}
		tripped, again := d.Judge(tallies)
		r.Tripped = append(r.Tripped, tripped...)
		if again {
			continue
		}
		for _, t := range tallies {
			r.Verdicts = append(r.Verdicts, t.Verdicts...)
		}
		slices.SortFunc(r.Verdicts, func(a, b *Verdict) int { return a.Object.Compare(b.Object) })
		r.NewHolds, r.Queued, r.Faults = d.NewHolds(), d.Queue(), d.faults
		return r, nil
	}
}

// round runs all passes once.
func (d *Decider) round(v View, size int) ([]*Tally, error) {
	if err := d.Link(v); err != nil {
		return nil, err
	}
	if err := d.Claim(v); err != nil {
		return nil, err
	}
	todo, err := d.Objects(v)
	if err != nil {
		return nil, err
	}
	var out []*Tally
	for todo.Len() > 0 {
		var again []object.ID
		for ids := range todo.Parts(size) {
			t, err := d.Batch(v, ids)
			if err != nil {
				return nil, err
			}
			out = append(out, t)
			again = append(again, t.Again...)
		}
		if todo, err = d.Extend(v, again); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Queue lists the entries that wait for a person, in order.
func (d *Decider) Queue() []*Queued {
	out := make([]*Queued, 0, len(d.queued))
	for _, q := range d.queued {
		out = append(out, q)
	}
	slices.SortFunc(out, func(a, b *Queued) int { return a.Entry.Compare(b.Entry) })
	return out
}

// Faults lists rules that failed while linking.
func (d *Decider) Faults() []ObjectFault { return d.faults }
