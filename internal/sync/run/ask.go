package run

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"

	"muster/internal/base/object"
	"muster/internal/base/problem"
	"muster/internal/store"
	"muster/internal/sync/connector"
	"muster/internal/sync/engine"
	"muster/internal/sync/rules"
	"muster/internal/sync/sending"
	"muster/internal/sync/space"
)

// Asked is a page of the units of a plan, with what the connected systems object
// to (OUT-19).
type Asked struct {
	Units []UnitInfo `json:"units"`
	// Unasked says in a line each what was not asked, and why. Below the line of a
	// fault in Muster itself stands its report.
	Unasked []string `json:"unasked,omitempty"`
}

// askMost is how many names and values are looked for in one system, and of how
// many changes it is asked whether they are permitted, for one showing of a plan.
const askMost = 1000

// Asking asks the connected systems what they object to in what is shown.
type Asking interface {
	Ask(ctx context.Context, no int64, p Page) (*Asked, error) // Plans.Units, with objections
	AskWaiting(ctx context.Context, p Page) (*Asked, error)    // Plans.Waiting, likewise
}

// Ask returns a page of units as Units does, and asks the systems what they
// object to. The changes are those that an export would make if the plan were
// accepted now. Nothing of the answers is kept and nothing rests on them; a
// system that cannot be asked keeps nobody from seeing the plan. What a plan did
// that was accepted is on its way, and is not asked about.
func (r *Runner) Ask(ctx context.Context, no int64, p Page) (*Asked, error) {
	return r.asked(ctx, func(t *store.Tx) (*shownUnits, error) { return r.units(t, no, p) })
}

// AskWaiting returns a page of what waits as Waiting does, and asks the systems
// about it: whoever is to approve it sees what would be refused.
func (r *Runner) AskWaiting(ctx context.Context, p Page) (*Asked, error) {
	return r.asked(ctx, func(t *store.Tx) (*shownUnits, error) { return r.waiting(t, p) })
}

func (r *Runner) asked(ctx context.Context, read func(*store.Tx) (*shownUnits, error)) (*Asked, error) {
	a := &asking{r: r, accounts: map[string][]account{}}
	err := r.store.Read(ctx, func(t *store.Tx) (err error) {
		if a.shownUnits, err = read(t); err != nil || a.plan.No != 0 && a.plan.State != store.PlanReady {
			return err
		}
		return a.form(t)
	})
	if err != nil {
		return nil, err
	}
	names := slices.Sorted(maps.Keys(a.accounts))
	unasked := make([][]string, len(names)+1)
	unasked[0] = a.moved
	var wg sync.WaitGroup
	for i, name := range names {
		wg.Go(func() {
			if err := guard("connector "+name, func() error { unasked[i+1] = a.ask(ctx, name); return nil }); err != nil {
				unasked[i+1] = append(unasked[i+1], err.Error())
			}
		})
	}
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return &Asked{Units: a.infos, Unasked: slices.Concat(unasked...)}, nil
}

// asking is one showing of a plan.
type asking struct {
	*shownUnits
	r        *Runner
	accounts map[string][]account // by connector: what the page would have sent
	moved    []string             // says of how many nobody is asked, as they are no longer as they were
}

// account is an account as accepting a unit of the page would leave it.
type account struct {
	unit  int
	entry *space.Entry
}

// form works out what accepting the page would leave to be sent.
func (a *asking) form(t *store.Tx) error {
	list := make([]engine.Unit, len(a.units))
	for i, u := range a.units {
		list[i] = *u
	}
	v := t.View(a.r.names())
	if err := v.Load(engine.Needs(list)); err != nil {
		return err
	}
	moved := int64(0)
	for i := range list {
		u := &list[i]
		if len(u.Basis) == 0 { // what would wait rests on what is there
			for _, e := range v.EntriesOf(u.Object) {
				u.Basis = append(u.Basis, engine.Basis{ID: e.ID, Version: e.Version})
			}
		}
		fx, err := engine.Apply(v, u, engine.Stamp{Plan: a.plan.No, At: a.plan.Started})
		if err != nil || outdated(v, u) {
			moved++
			continue
		}
		for _, e := range slices.Concat(fx.Added, fx.Changed) {
			a.accounts[e.Connector] = append(a.accounts[e.Connector], account{i, e})
		}
	}
	if moved > 0 {
		a.moved = append(a.moved, fmt.Sprintf("%d of these objects are no longer as they were decided from, and nobody was asked about them; decide again with: muster plan", moved))
	}
	return nil
}

// outdated reports that the unit's object, or an account of it that the unit
// changes, is no longer as it was.
func outdated(v *store.View, u *engine.Unit) bool {
	now := map[object.ID]int64{u.Object: 0}
	if o := v.Object(u.Object); o != nil {
		now[u.Object] = o.Version
	}
	for _, e := range v.EntriesOf(u.Object) {
		if slices.ContainsFunc(u.Changes, func(c engine.Change) bool { return c.Connector == e.Connector }) {
			now[e.ID] = e.Version
		}
	}
	return slices.ContainsFunc(u.Basis, func(b engine.Basis) bool {
		version, asked := now[b.ID]
		return asked && version != b.Version
	})
}

// ask asks one system, and returns what it was not asked.
func (a *asking) ask(ctx context.Context, name string) []string {
	x, wrong := a.r.cfg.Connector(name)
	if wrong != nil {
		return []string{name + " could not be asked: " + wrong.Error()}
	}
	ctx, cancel := context.WithTimeout(ctx, a.r.opt.Ask)
	defer cancel()
	q := &questions{asking: a, names: askMost, rights: askMost}
	_, err := guarded(x, func() (none struct{}, err error) { return none, q.ask(ctx, x) })
	var fault *faultError
	switch {
	case errors.As(err, &fault):
		q.unasked = append(q.unasked, name+" could not be asked: "+fault.Message+" (send us its report, which --json shows)\n"+fault.report)
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		q.unasked = append(q.unasked, fmt.Sprintf("%s was asked for %s; what it would have said after that is not shown", name, a.r.opt.Ask))
	case err != nil:
		q.unasked = append(q.unasked, name+" could not be asked: "+err.Error())
	}
	return q.unasked
}

// object puts an objection beside the lines of a unit that it is about: those of
// one system, as others are asked at the same time.
func (a *asking) object(unit int, c *sending.Call, o connector.Objection) {
	lines := a.infos[unit].Changes
	about := func(match func(*engine.Change) bool) (some bool) {
		for i := range lines {
			l := &lines[i]
			if l.Connector == c.Entry.Connector && match(&l.Change) {
				some = true
				if !slices.Contains(l.Objections, o.Says) {
					l.Objections = append(l.Objections, o.Says)
				}
			}
		}
		return some
	}
	if o.About != connector.AboutObject {
		about(func(l *engine.Change) bool { return l.Name == o.About && l.Op >= engine.Rename })
		return
	}
	if !about(func(l *engine.Change) bool { return l.Op == engine.AddAccount || l.Op == engine.DropAccount }) {
		about(func(l *engine.Change) bool {
			return slices.ContainsFunc(c.Carries, func(k sending.Carried) bool { return k.Name == l.Name && k.Target == l.Target })
		})
	}
}

// questions are what one system is asked.
type questions struct {
	*asking
	s       *reached
	names   int // that may still be looked for, and values
	rights  int // changes of which it may still be asked whether they are permitted
	taken   []taken
	unasked []string
}

// ask asks the system about all that would be sent to it.
func (q *questions) ask(ctx context.Context, x *Connected) error {
	s, err := q.r.reach(ctx, x)
	if err != nil {
		return err
	}
	defer s.conn.Close() // nothing was changed
	list := q.accounts[x.Name]
	entries := make([]*space.Entry, len(list))
	for i := range list {
		entries[i] = list[i].entry
	}
	named, err := s.meet(ctx, entries)
	if err != nil {
		return err
	}
	s.sys.Named = func(obj object.ID, byDN bool) (string, bool) { return s.sys.Called(named[obj], byDN) }
	q.s = s
	for _, acct := range list {
		for _, stage := range sending.All {
			c, _ := s.sys.Call(stage, acct.entry)
			if c == nil {
				continue
			}
			if err := q.about(ctx, acct, c); err != nil {
				return errors.Join(err, q.settle(ctx))
			}
		}
	}
	return q.settle(ctx)
}

// taken is a name, or a value that two objects cannot have, which is another
// object's now.
type taken struct {
	account
	call   *sending.Call
	about  string // the attribute, or connector.AboutName
	value  object.Value
	holder string // the anchor of the other object
}

// about asks about one call.
func (q *questions) about(ctx context.Context, acct account, c *sending.Call) error {
	change := announced(c.Change)
	note := func(list []connector.Objection) {
		for _, o := range list {
			q.object(acct.unit, c, o)
		}
	}
	note(q.s.desc.Objections(change))
	if p, ok := q.s.conn.(connector.Prober); ok && q.may(&q.rights, "only of the first %d changes it was asked whether %s permits them") {
		list, err := p.Probe(ctx, change)
		if err != nil {
			return err
		}
		note(list)
	}
	f, ok := q.s.conn.(connector.Finder)
	if !ok {
		return nil
	}
	look := func(about string, v object.Value, w connector.Whereabouts) error {
		if !q.may(&q.names, "only the first %d names and values were looked for in %s") {
			return nil
		}
		rec, err := f.Find(ctx, w)
		var refused *connector.Refusal
		switch {
		case errors.Is(err, connector.ErrNotFound):
			return nil
		case errors.As(err, &refused):
			note([]connector.Objection{{About: about, Says: saysRefused(about, refused.Code)}})
			return nil
		case err == nil && (rec.Anchor != acct.entry.Anchor || rec.Anchor == ""):
			q.taken = append(q.taken, taken{acct, c, about, v, rec.Anchor})
		}
		return err
	}
	if dn := newName(change); dn != "" && q.s.desc.Traits.Hierarchical {
		if err := look(connector.AboutName, object.Str(dn), connector.Whereabouts{DN: dn}); err != nil {
			return err
		}
	}
	typ := q.s.sys.Type(change.Type)
	for _, m := range change.Mods {
		if at, _ := typ.Attribute(m.Name); !at.Unique || m.Op == connector.DropValues {
			continue
		}
		for _, v := range m.Values {
			w := connector.Whereabouts{Type: change.Type, Key: object.Attr{Name: m.Name, Values: object.Values{v}}}
			if err := look(m.Name, v, w); err != nil {
				return err
			}
		}
	}
	return nil
}

// announced is the change without the secrets that it shows placeholders for:
// they are made at sending.
func announced(c connector.Change) connector.Change {
	c.Mods = slices.Clone(c.Mods)
	c.Mods = slices.DeleteFunc(c.Mods, func(m connector.Mod) bool {
		secret := m.Values.Equal(rules.Password)
		if secret {
			c.Secrets = append(c.Secrets, connector.Secret{Name: m.Name})
		}
		return secret
	})
	return c
}

// newName is the DN that a change gives its object.
func newName(c connector.Change) string {
	switch c.Verb {
	case connector.Add:
		return c.DN
	case connector.Rename:
		return c.NewDN
	default:
		return ""
	}
}

// may counts a question, unless there were enough; then short says so, once.
func (q *questions) may(left *int, short string) bool {
	if *left == 0 {
		q.unasked = append(q.unasked, fmt.Sprintf(short, askMost, q.s.x.Name)+"; show fewer objects at a time")
	}
	*left--
	return *left >= 0
}

// saysRefused is what a refusal to look something up means for it.
func saysRefused(about string, code problem.Code) string {
	switch {
	case code == connector.InvalidDN:
		return "the name is not well formed"
	case code == connector.AmbiguousUpdate, about == connector.AboutName: // it is there, and cannot be read
		return saysTaken(about)
	}
	return "it cannot be looked for: " + string(code)
}

func saysTaken(about string) string {
	if about == connector.AboutName {
		return "the name is taken"
	}
	return "another object has it"
}

// settle objects to what is another's, unless that one gives it up before it is
// needed, when all is sent.
func (q *questions) settle(ctx context.Context) error {
	if len(q.taken) == 0 {
		return nil
	}
	return q.r.store.Read(context.WithoutCancel(ctx), func(t *store.Tx) error {
		holders := map[string]*space.Entry{}
		change := map[object.ID]*engine.Unit{}
		for _, x := range q.taken {
			id, err := t.EntryAt(q.s.x.Name, x.holder, "")
			if err != nil {
				return err
			}
			entries, err := t.Entries([]object.ID{id})
			if err != nil {
				return err
			}
			if e := entries[id]; e != nil {
				holders[x.holder] = e
				if !e.Link.IsZero() {
					change[e.Link] = nil
				}
			}
		}
		if err := q.find(t, change); err != nil {
			return err
		}
		for _, x := range q.taken {
			if e := holders[x.holder]; e == nil || !x.givenUp(e, change[e.Link]) {
				q.object(x.unit, x.call, connector.Objection{About: x.about, Says: saysTaken(x.about)})
			}
		}
		return nil
	})
}

// find looks for the units of the objects, on whatever page they are.
func (a *asking) find(t *store.Tx, of map[object.ID]*engine.Unit) error {
	left := len(of)
	for list, err := range a.all(t) {
		if err != nil || left == 0 {
			return err
		}
		for i := range list {
			if _, wanted := of[list[i].Object]; wanted {
				of[list[i].Object] = &list[i]
				left--
			}
		}
	}
	return nil
}

// all goes through all units of which a page is shown.
func (a *asking) all(t *store.Tx) iter.Seq2[[]engine.Unit, error] {
	return func(yield func([]engine.Unit, error) bool) {
		if a.plan.No != 0 {
			for c, err := range chunksOf(t, a.plan.No, 0) {
				if err != nil {
					yield(nil, err)
					return
				}
				if !yield(c.Units, nil) {
					return
				}
			}
			return
		}
		for after := (object.ID{}); ; {
			list, err := unitsThatWait(t, after, 1000)
			if err == nil && len(list) == 0 || !yield(list, err) || err != nil {
				return
			}
			after = list[len(list)-1].Object
		}
	}
}

// givenUp reports that the holder, whose object's unit is u if the plan has one,
// lets go of the value before the call is sent. Deletes come last: an account
// that goes in the same export is still in the way.
func (x *taken) givenUp(holder *space.Entry, u *engine.Unit) bool {
	if holder.DeletionSent() {
		return true
	}
	name := x.about
	want := holder.Top(name)
	if u != nil {
		for i := range u.Changes {
			if c := &u.Changes[i]; c.Connector == holder.Connector && c.Name == name && (c.Op == engine.Rename || c.Op == engine.SetAccount) {
				want = c.After
			}
		}
	}
	if name == connector.AboutName {
		return x.call.Change.Verb == connector.Rename && object.DNKey(want.First().Text()) != object.DNKey(x.value.Text())
	}
	return !want.Has(x.value) && (x.call.Change.Verb == connector.Add || strings.Compare(holder.Anchor, x.entry.Anchor) < 0)
}
