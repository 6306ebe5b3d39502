package engine

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"muster/internal/base/object"
	"muster/internal/sync/metaverse"
	"muster/internal/sync/rules"
	"muster/internal/sync/space"
)

// world is a view with everything in memory. It forgets nothing and does not
// insist on Load; package enginetest has the strict one.
type world struct {
	set     *rules.Set
	now     time.Time
	entries map[object.ID]*space.Entry
	objects map[object.ID]*metaverse.Object
	holds   map[object.ID][]*Hold
	ok      map[object.ID]map[Hash]bool
	claims  map[Name]object.ID
	plan    int64
}

func newWorld(set *rules.Set) *world {
	return &world{set: set, now: time.Date(2027, 3, 1, 8, 0, 0, 0, time.UTC), entries: map[object.ID]*space.Entry{}, objects: map[object.ID]*metaverse.Object{},
		holds: map[object.ID][]*Hold{}, ok: map[object.ID]map[Hash]bool{}, claims: map[Name]object.ID{}}
}

func (w *world) Load(Need) error                       { return nil }
func (w *world) Ahead(Need)                            {}
func (w *world) Forget()                               {}
func (w *world) Entry(id object.ID) *space.Entry       { return w.entries[id] }
func (w *world) Object(id object.ID) *metaverse.Object { return w.objects[id] }
func (w *world) Holds(id object.ID) []*Hold            { return w.holds[id] }
func (w *world) Approved(id object.ID) map[Hash]bool   { return w.ok[id] }
func (w *world) Owner(n Name) (object.ID, bool)        { id, ok := w.claims[n]; return id, ok }
func (w *world) Bearers(Name) []object.ID              { return nil } // no rule of these tests names other spots

func (w *world) LinkHolds(entry object.ID) []*Hold {
	var out []*Hold
	for _, hs := range w.holds {
		for _, h := range hs {
			if e := w.entries[entry]; e != nil && h.isOn(e) {
				out = append(out, h)
			}
		}
	}
	slices.SortFunc(out, func(a, b *Hold) int { return a.Target.compare(b.Target) })
	return out
}

func (w *world) Remembered(obj object.ID) bool {
	for _, e := range w.entries {
		if e.Cut == obj {
			return true
		}
	}
	return false
}

func (w *world) sorted() []*space.Entry {
	var out []*space.Entry
	for _, e := range w.entries {
		out = append(out, e)
	}
	return newIndexDecider(w.set).sorted(out)
}

func newIndexDecider(s *rules.Set) *Decider { return &Decider{set: newIndex(s)} }

func (w *world) EntriesOf(obj object.ID) []*space.Entry {
	var out []*space.Entry
	for _, e := range w.sorted() {
		if e.Link == obj {
			out = append(out, e)
		}
	}
	return out
}

func (w *world) LinkOf(entry object.ID) object.ID {
	if e := w.entries[entry]; e != nil {
		return e.Link
	}
	return object.ID{}
}

func (w *world) Account(obj object.ID, conn string) bool {
	for _, e := range w.EntriesOf(obj) {
		if e.Connector == conn && e.Missing.IsZero() && e.Exists() {
			return true
		}
	}
	return false
}

func (w *world) Matches(k Key) []object.ID {
	var out []object.ID
	for id, o := range w.objects {
		a := w.set.Types[k.Type].Attributes[k.Attr]
		for _, v := range o.Attrs.Get(k.Attr) {
			if o.Type == k.Type && object.Key(v, a.Folded) == k.Value {
				out = append(out, id)
			}
		}
	}
	sortIDs(&out)
	return out
}

func (w *world) Candidates(k Key) []object.ID {
	d := newIndexDecider(w.set)
	l := &linker{Decider: d, v: w}
	var out []object.ID
	for id, e := range w.entries {
		if !e.Link.IsZero() {
			continue
		}
		if ks, _, err := l.joinKeys(e); err == nil && slices.Contains(ks, k) {
			out = append(out, id)
		}
	}
	sortIDs(&out)
	return out
}

func (w *world) Namers(entry object.ID) []object.ID {
	var out []object.ID
	for _, e := range w.entries {
		for _, a := range e.Image {
			if !e.Link.IsZero() && a.Values.Has(RefTo(entry)) {
				out = append(out, e.Link)
			}
		}
	}
	sortIDs(&out)
	return out
}

func (w *world) Referrers(obj object.ID) []object.ID {
	var out []object.ID
	for id, o := range w.objects {
		for _, a := range o.Attrs {
			if a.Values.Has(RefTo(obj)) {
				out = append(out, id)
			}
		}
	}
	sortIDs(&out)
	return out
}

// show makes an entry as an import shows it.
func (w *world) show(conn, typ, anchor string, pairs ...string) *space.Entry {
	id := space.EntryID(conn, anchor)
	e := w.entries[id]
	if e == nil {
		e = &space.Entry{ID: id, Connector: conn, Anchor: anchor}
		w.entries[id] = e
	}
	var image object.Attrs
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] == "" {
			continue
		}
		v := object.Str(pairs[i+1])
		if to, ok := strings.CutPrefix(pairs[i+1], "->"); ok {
			v = RefTo(space.EntryID(conn, to))
		}
		image.Put(pairs[i], object.Set(append(slices.Clone(image.Get(pairs[i])), v)...))
	}
	e.Take(space.Shown{Type: typ, Image: image, At: w.now})
	return e
}

// run decides everybody and accepts all; it returns the plan in words.
func (w *world) run(t *testing.T, batch int) []string {
	t.Helper()
	r := w.decide(t, batch)
	w.plan++
	var lines []string
	for _, v := range r.Verdicts {
		if len(v.Faults) > 0 {
			t.Fatalf("fault: %+v", v.Faults)
		}
		if v.Unit == nil {
			continue
		}
		lines = append(lines, w.words(v.Unit)...)
		fx, err := Apply(w, v.Unit, Stamp{Plan: w.plan, At: w.now})
		if err != nil {
			t.Fatal(err)
		}
		w.write(fx)
	}
	return lines
}

func (w *world) decide(t *testing.T, batch int) *Result {
	t.Helper()
	trig := Trigger{Now: w.now}
	for _, e := range w.sorted() {
		trig.Entries = append(trig.Entries, e.ID)
	}
	for id := range w.objects {
		trig.Objects = append(trig.Objects, id)
	}
	sortIDs(&trig.Objects)
	r, err := Begin(w.set, trig).Whole(w, batch)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (w *world) write(fx *Effect) {
	for _, l := range fx.Links {
		if e := w.entries[l.Entry]; e != nil {
			e.Link = l.To
		}
	}
	for _, e := range append(fx.Changed, fx.Added...) {
		w.entries[e.ID] = e
	}
	for _, id := range fx.Removed {
		delete(w.entries, id)
	}
	if fx.Object != nil {
		w.objects[fx.Object.ID] = fx.Object
		for _, c := range fx.Claims {
			w.claims[Name{fx.Object.Type, c.Attr, object.Fold(c.Name)}] = fx.Object.ID
		}
	}
	if !fx.Ended.IsZero() {
		delete(w.objects, fx.Ended)
	}
}

// words tells a unit with readable names: an object is called by its label.
func (w *world) words(u *Unit) []string {
	var out []string
	for _, c := range u.Changes {
		s := w.label(u.Object) + ": "
		if c.Connector != "" {
			s += c.Connector + " "
		}
		s += c.Op.String() + " " + c.Name
		if c.Op != Link && c.Op != Unlink && !c.Target.IsZero() {
			s += " " + w.label(c.Target)
		}
		if c.Op == SetValue || c.Op == SetAccount || c.Op == Rename || c.Op == SetInitial {
			s += fmt.Sprintf(" %q -> %q", c.Before.String(), c.After.String())
		}
		out = append(out, s)
	}
	return out
}

func (w *world) label(id object.ID) string {
	for _, e := range w.sorted() {
		for n := range 3 {
			if metaverse.NewObjectID(e.Connector, e.Anchor, n) == id {
				return e.Connector + "/" + e.Anchor
			}
		}
	}
	return id.String()[:6]
}

// say is an expression for tests: a copy, or a function over the input.
type say struct {
	copy  string
	space string
	fn    func(in rules.Input) object.Values
	reads []rules.Read
}

func attr(name string) rules.Expr { return say{copy: name, space: "attr"} }
func mv(name string) rules.Expr   { return say{copy: name, space: "mv"} }

func calc(fn func(in rules.Input) string) rules.Expr {
	return say{fn: func(in rules.Input) object.Values {
		if s := fn(in); s != "" {
			return object.Values{object.Str(s)}
		}
		return nil
	}}
}

func when(fn func(in rules.Input) bool) rules.Expr {
	return say{fn: func(in rules.Input) object.Values { return object.Values{object.Boolean(fn(in))} }}
}

func (s say) Eval(in rules.Input) (rules.Result, error) {
	vs := object.Values(nil)
	if s.fn != nil {
		vs = s.fn(in)
	} else {
		vs = in.Values(s.space, s.copy)
	}
	if len(vs) == 0 {
		return rules.Result{}, nil
	}
	return rules.Result{Outcome: rules.Some, Values: vs}, nil
}
func (s say) Copy() string        { return s.copy }
func (s say) Reads() []rules.Read { return s.reads }

func entryID(conn, anchor string) object.ID { return space.EntryID(conn, anchor) }

func (d *Decider) accountOf(w *world, conn, anchor string) object.ID {
	obj := w.entries[entryID(conn, anchor)].Link
	for _, e := range w.EntriesOf(obj) {
		if e.Connector == "dir" {
			return e.ID
		}
	}
	return object.ID{}
}

func shownPending(w *world, anchor string) []space.Pending {
	return w.entries[entryID("dir", anchor)].Pending
}
