package engine

import (
	"slices"

	"muster/internal/base/object"
	"muster/internal/sync/space"
)

// linker is the work of the Link pass.
type linker struct {
	*Decider
	v View

	in     input        // what the key that is worked out now reads
	todo   []object.ID  // unlinked entries to try, in order
	tried  trials       // who is in todo, news or late
	news   []place      // entries to try from the next pass on
	late   []place      // entries to try later in this pass, in order
	at     place        // where this pass is
	stale  []Key        // keys that moved: unlinked entries that ask by them are tried
	pulled map[Key]bool // keys whose entries are among the tried

	doomed  []object.ID // linked entries that no longer belong to their object
	mortal  []object.ID // objects that may end
	decided []*Hold     // people's words that an entry be linked

	suspects []object.ID             // objects with holds that may keep links or lives back
	gave     map[object.ID]object.ID // entries that gave their place, and to which
	moot     []ObjectFault           // rules that failed in this pass
}

// trials marks entries, by their number.
type trials []bool

func (t trials) has(l *linker, id object.ID) bool {
	no, ok := l.entries.find(id)
	return ok && int(no) < len(t) && t[no]
}

func (t *trials) set(l *linker, id object.ID, to bool) {
	no, _ := l.entries.add(id)
	for int(no) >= len(*t) {
		*t = append(*t, false)
	}
	(*t)[no] = to
}

// place is where an entry stands in the order in which entries are decided:
// by connector, then anchor (LINK-1).
type place struct {
	rank   int
	anchor string
	id     object.ID
}

func (a place) compare(b place) int {
	if a.rank != b.rank {
		return a.rank - b.rank
	}
	if c := compareText(a.anchor, b.anchor); c != 0 {
		return c
	}
	return a.id.Compare(b.id)
}

func (d *Decider) placeOf(e *space.Entry) place {
	return place{d.set.rank[e.Connector], e.Anchor, e.ID}
}

// Link decides who exists and who belongs together. First it does what people
// decided about links; then unlinked entries join, in order, by keys as this
// plan leaves them, until nothing changes; then vanished and out-of-scope
// entries are cut, then objects whose last link went end; whoever that sets
// free is linked in the same way (LINK-14, LINK-15, LINK-22). Last it finds what
// holds leave of all this.
func (d *Decider) Link(v View) error {
	l := &linker{Decider: d, v: v, pulled: map[Key]bool{}, gave: map[object.ID]object.ID{}}
	if err := l.seed(); err != nil {
		return err
	}
	if err := l.together(); err != nil {
		return err
	}
	for again := true; again; {
		if err := l.join(); err != nil {
			return err
		}
		var err error
		if again, err = l.cut(); err == nil && !again {
			again, err = l.bury()
		}
		if err != nil {
			return err
		}
	}
	if err := l.offer(); err != nil {
		return err
	}
	l.unask()
	err := l.holdBack()
	v.Forget()
	d.keyed = newOwners()
	d.endJoining()
	return err
}

// offer notes by which keys the entries that stay unlinked ask to join.
func (l *linker) offer() error {
	return inParts(l.v, l.todo, needEntries, func(ids []object.ID) error {
		for _, id := range ids {
			e := l.v.Entry(id)
			if e == nil || e.Stub || !l.linkOf(id, e.Link, free).IsZero() {
				continue
			}
			if e.Link.IsZero() && e.Missing.IsZero() {
				l.alone++
			}
			keys, _, err := l.joinKeys(e)
			if err == nil {
				l.asks[id] = keys
			}
		}
		return nil
	})
}

func needEntries(ids []object.ID) Need { return Need{Entries: ids} }
func needObjects(ids []object.ID) Need { return Need{Objects: ids} }

// unask takes the entries that the plan moves off those that their objects keep.
func (l *linker) unask() {
	left := map[object.ID]object.ID{}
	for _, m := range l.moved {
		if !m.stored.IsZero() && l.linkOf(m.entry, m.stored, free) != m.stored && l.life(m.stored) != nil {
			left[m.entry] = m.stored
		}
	}
	if len(left) == 0 {
		return
	}
	for _, id := range l.trig.Entries {
		if o, ok := left[id]; ok {
			l.life(o).asked--
		}
	}
}

// Alone returns how many entries were tried and stay without a link.
func (d *Decider) Alone() int64 { return d.alone }

// Asked returns how many of the entries that the trigger names stay linked to
// the object that they were linked to.
func (d *Decider) Asked(object object.ID) int64 {
	if x := d.life(object); x != nil {
		return int64(max(0, x.asked))
	}
	return 0
}

// Offers returns the keys by which the entries that stay unlinked ask to join;
// who has to be tried again is found by them.
func (d *Decider) Offers() map[object.ID][]Key { return d.asks }

// seed touches the objects of what moved and lists the unlinked entries.
func (l *linker) seed() error {
	err := inParts(l.v, l.trig.Objects, needObjects, func(ids []object.ID) error {
		if err := l.loadWithLinkHolds(ids); err != nil {
			return err
		}
		for _, id := range ids {
			if !id.IsZero() {
				l.touch(id)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	homes := func(ids []object.ID) Need { return Need{Homes: ids} }
	if l.trigAll() { // all objects are touched by now
		homes = func(ids []object.ID) Need { return Need{Links: ids} }
	}
	l.stale = append(l.stale, l.trig.Keys...)
	return inParts(l.v, l.trig.Entries, homes, l.seedEntries)
}

// seedEntries touches the objects of the entries and lists the unlinked.
func (l *linker) seedEntries(ids []object.ID) error {
	var objects []object.ID
	for _, id := range ids {
		if o := l.v.LinkOf(id); !o.IsZero() && l.life(o) == nil {
			objects = append(objects, o)
		}
	}
	if err := l.loadWithLinkHolds(objects); err != nil {
		return err
	}
	for _, o := range objects {
		if l.v.Object(o) != nil {
			l.touch(o)
		}
	}
	for _, id := range ids {
		o := l.v.LinkOf(id)
		if o.IsZero() && !l.tried.has(l, id) {
			l.tried.set(l, id, true)
			l.todo = append(l.todo, id) // the trigger is in order
		} else if x := l.life(o); x != nil {
			x.asked++
		}
	}
	return nil
}

// loadWithLinkHolds loads objects, and the entries that people linked to them or
// keep apart from them.
func (l *linker) loadWithLinkHolds(ids []object.ID) error {
	if err := l.v.Load(Need{Objects: ids}); err != nil {
		return err
	}
	var entries []object.ID
	for _, id := range ids {
		for _, h := range l.v.Holds(id) {
			if h.Target.Kind == EntryLink {
				entries = append(entries, h.Target.Entry())
			}
		}
	}
	if len(entries) == 0 {
		return nil
	}
	return l.v.Load(Need{Entries: entries})
}

// try lists an unlinked entry; it is loaded.
func (l *linker) try(e *space.Entry) {
	if l.tried.has(l, e.ID) {
		return
	}
	l.tried.set(l, e.ID, true)
	p := l.placeOf(e)
	if l.at.id.IsZero() || p.compare(l.at) < 0 {
		l.news = append(l.news, p)
		return
	}
	i, _ := slices.BinarySearchFunc(l.late, p, place.compare)
	l.late = slices.Insert(l.late, i, p)
}

// merge puts the news among the entries to try, in order.
func (l *linker) merge() error {
	if len(l.news) == 0 {
		return nil
	}
	news := l.news
	l.news = nil
	slices.SortFunc(news, place.compare)
	all := make([]object.ID, 0, len(l.todo)+len(news))
	err := inParts(l.v, l.todo, needEntries, func(ids []object.ID) error {
		for _, id := range ids {
			if e := l.v.Entry(id); e != nil {
				for p := l.placeOf(e); len(news) > 0 && news[0].compare(p) < 0; news = news[1:] {
					all = append(all, news[0].id)
				}
				all = append(all, id)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, p := range news {
		all = append(all, p.id)
	}
	l.todo = all
	return nil
}

// touch makes the object part of the plan; the view has it loaded. What may
// happen to it is noted: links that end, its own end, holds to be heeded.
func (l *linker) touch(id object.ID) *life {
	if x := l.life(id); x != nil {
		return x
	}
	x := l.enter(id)
	if o := l.v.Object(id); o != nil {
		x.stored = l.words.add(o.Type)
		x.typ = x.stored
	}
	if x.stored != 0 {
		l.doom(id, x)
		if l.ends(id, x) {
			l.mayEnd(id, x)
		}
		l.rekey(id, x)
	}
	return x
}

// enter puts the object into the plan and heeds its holds.
func (l *linker) enter(id object.ID) *life {
	x := l.take(id)
	suspect := false
	for _, h := range l.allHolds(l.v, id) {
		x.heeded = true
		switch h.Target.Kind {
		case WholeObject:
			suspect = true
		case EntryLink:
			suspect = true
			if h.binds(l.now) {
				l.decided = append(l.decided, h)
				l.bound[h.Target] = true
			}
		default:
		}
	}
	if suspect {
		l.suspects = append(l.suspects, id)
	}
	return x
}

// doom finds linked entries that no longer belong to the object. Whom a person
// parts from it, and who is another than the one that was linked, is cut before
// anybody joins, the others afterwards.
func (l *linker) doom(id object.ID, x *life) {
	for _, e := range l.v.EntriesOf(id) {
		if l.linkOf(e.ID, e.Link, free) != id {
			continue
		}
		if isAnother(e) || slices.ContainsFunc(l.v.Holds(id), func(h *Hold) bool { return h.parts(l.now) && h.isOn(e) }) {
			l.relink(e, object.ID{})
			l.try(e)
			continue
		}
		gone, err := l.belongsNoMore(e, x)
		if err != nil {
			l.faults = append(l.faults, fault(e, ruleOf(err), err))
		} else if gone {
			l.doomed = append(l.doomed, e.ID)
		}
	}
}

// mayEnd notes that the object must be judged.
func (l *linker) mayEnd(id object.ID, x *life) {
	if !x.mortal {
		x.mortal = true
		l.mortal = append(l.mortal, id)
	}
}

// entriesOf returns the entries that are freely linked to the object; they and
// the object are loaded.
func (l *linker) entriesOf(id object.ID) []*space.Entry {
	x := l.life(id)
	if x == nil || !x.linked {
		return l.v.EntriesOf(id)
	}
	var buf [4]object.ID
	list := l.appendEntries(buf[:0], id, x)
	out := make([]*space.Entry, 0, len(list))
	for _, e := range list {
		out = append(out, l.v.Entry(e))
	}
	return l.sorted(out)
}

// sorted puts entries in the order of connectors and anchors.
func (d *Decider) sorted(es []*space.Entry) []*space.Entry {
	slices.SortFunc(es, func(a, b *space.Entry) int { return d.placeOf(a).compare(d.placeOf(b)) })
	return es
}

// relink moves e to the object to, zero for none, and keeps everybody's list of
// entries and keys true. Both objects are loaded.
func (l *linker) relink(e *space.Entry, to object.ID) {
	from := l.linkOf(e.ID, e.Link, free)
	if from == to {
		return
	}
	l.setLink(e, to)
	if x := l.life(from); x != nil {
		x.own(l, from)
		l.dropEntry(from, x, e.ID)
		l.mayEnd(from, x)
		l.rekey(from, x)
	}
	if x := l.life(to); x != nil {
		x.own(l, to)
		l.addEntry(to, x, e.ID)
		l.rekey(to, x)
	}
}

// own makes the list of entries the plan's own. It is called after the link
// moved, so it takes the accepted list.
func (x *life) own(l *linker, id object.ID) {
	if x.linked {
		return
	}
	x.linked = true
	if x.stored == 0 {
		return
	}
	var list []object.ID
	for _, e := range l.v.EntriesOf(id) {
		list = append(list, e.ID)
	}
	l.setEntries(id, x, list)
}
