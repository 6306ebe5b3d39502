// Package engine decides. Given a view of the connector spaces and the
// metaverse, the rules, and what moved, it says what must change and why, as
// units of a plan: one metaverse object each with all that follows for it.
//
// Deciding goes in passes. Link decides who exists and who belongs together.
// Claim gives new unique names. Decide computes the values of each object and
// the wanted state of its accounts, twice: free, as if nothing were held, and
// held. References follow edge by edge. Guards judge the whole plan and write
// holds; then it is decided again until nothing is added.
//
// The package has no clock, no network, no store, no randomness and starts no
// goroutine: equal inputs give equal plans. It never looks at what is outside
// the view it was given.
package engine

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"muster/internal/base/object"
	"muster/internal/sync/metaverse"
	"muster/internal/sync/rules"
	"muster/internal/sync/space"
)

// Trigger is why we decide.
type Trigger struct {
	Now time.Time // the deciding clock, which never goes back
	// Entries moved since they were decided last, in the order of connectors
	// and anchors; queued entries are among them. A full run names all.
	Entries []object.ID
	// Objects are to be decided again: marked, due, waiting. A full run names
	// all.
	Objects []object.ID
	// Keys are those that what waits would bring or take: unlinked entries that
	// ask by them are tried first (see KeysOf).
	Keys []Key
	// All holds connectors of which Entries names every entry, so that nobody
	// needs to look for who names them.
	All map[string]bool
	// Window is what guards have to know of the last 24 hours.
	Window Window
	// Before are the rules with which everybody was decided so far, where they
	// were others: what a changed rule wants is nobody's drift.
	Before *rules.Set
}

// Decider decides one plan. Link and Claim come first; then Batch may be called
// for any part of Objects, in any order, also at the same time with a view
// each.
type Decider struct {
	set  *index
	trig Trigger
	now  time.Time

	lives
	entries ids                     // entries that were tried, or whose link the plan may change
	links   []uint32                // their free links: number of the object and one, 0 for none, unmoved where the plan says nothing
	eff     map[object.ID]object.ID // held links that differ from the free ones
	keyed   owners                  // touched objects by the keys the plan leaves them
	names   map[print]uint32        // unique names given in this plan, and to which object
	queued  map[object.ID]*Queued
	bound   map[Target]bool     // links that people wanted
	asks    map[object.ID][]Key // keys by which tried entries ask to join; none once linked
	askers  atomic.Pointer[map[Key][]object.ID]
	holds   map[object.ID][]*Hold // written by guards in this plan
	faults  []ObjectFault
	unnamed map[object.ID]ObjectFault // objects that did not get their name

	moved []move // entries whose link the plan changes; not those that had none, where nobody looks for namers
	split bool   // some life differs between the decisions
	alone int64  // entries that were tried and stay without a link

	before map[[2]string]*rules.Outflow // of Trigger.Before: by rule and attribute
}

// Begin prepares a decision. The rules must have been checked.
func Begin(set *rules.Set, trig Trigger) *Decider {
	d := &Decider{set: newIndex(set), trig: trig, now: trig.Now, holds: map[object.ID][]*Hold{}}
	if trig.Before != nil {
		d.before = map[[2]string]*rules.Outflow{}
		for _, r := range trig.Before.Outbound {
			for i := range r.Flows {
				d.before[[2]string{r.Name, r.Flows[i].Attr}] = &r.Flows[i]
			}
		}
	}
	d.reset()
	return d
}

// reset forgets the passes but keeps the holds that guards wrote.
func (d *Decider) reset() {
	d.lives, d.entries, d.links = newLives(), numbered(d.trig.Entries), nil
	d.eff, d.keyed, d.names = map[object.ID]object.ID{}, newOwners(), map[print]uint32{}
	d.askers.Store(nil)
	d.moved, d.faults, d.unnamed, d.alone = nil, nil, nil, 0
	d.queued, d.asks, d.bound = map[object.ID]*Queued{}, map[object.ID][]Key{}, map[Target]bool{}
}

// move is an entry that the plan may link to another object than to stored.
type move struct {
	entry, stored object.ID
	namers        bool // who names it is to be looked for, as the trigger does not name everybody
}

// mode says which of the two decisions is meant.
type mode uint8

const (
	free mode = iota // as if nothing were held
	held             // what the plan will do
)

// linkOf returns the object that the entry is linked to in the mode; stored is
// its accepted link.
func (d *Decider) linkOf(entry, stored object.ID, m mode) object.ID {
	if m == held {
		if l, ok := d.eff[entry]; ok {
			return l
		}
	}
	if no, ok := d.entries.find(entry); ok && int(no) < len(d.links) && d.links[no] != unmoved {
		return d.objectAt(d.links[no])
	}
	return stored
}

// unmoved marks an entry of whose link the plan says nothing.
const unmoved = 1<<32 - 1

// objectAt returns the object that links names.
func (d *Decider) objectAt(link uint32) (id object.ID) {
	if link != 0 {
		id = d.objects.list[link-1]
	}
	return id
}

// setLink changes the free link of e.
func (d *Decider) setLink(e *space.Entry, to object.ID) {
	d.moves(e)
	no, _ := d.entries.find(e.ID)
	d.links[no] = d.linkTo(to)
}

func (d *Decider) linkTo(o object.ID) uint32 {
	if o.IsZero() {
		return 0
	}
	return d.number(o) + 1
}

// moves notes that the plan may change the link of e.
func (d *Decider) moves(e *space.Entry) {
	no, _ := d.entries.add(e.ID)
	for int(no) >= len(d.links) {
		d.links = append(d.links, unmoved)
	}
	if d.links[no] != unmoved {
		return
	}
	d.links[no] = d.linkTo(e.Link)
	if namers := !d.trig.All[e.Connector]; namers || !e.Link.IsZero() {
		d.moved = append(d.moved, move{e.ID, e.Link, namers})
	}
}

// alive reports that the object exists in the mode. stored tells whether it
// exists now; it is asked only for untouched objects.
func (d *Decider) alive(id object.ID, m mode, stored func() bool) bool {
	x := d.life(id)
	if x == nil {
		return stored()
	}
	if m == held {
		return x.held
	}
	return x.typ != 0
}

// typeOf returns the object's type in the mode, "" when it does not exist.
func (d *Decider) typeOf(id object.ID, stored *metaverse.Object, m mode) string {
	x := d.life(id)
	switch {
	case x == nil && stored == nil:
		return ""
	case x == nil:
		return stored.Type
	case m == free || x.typ != 0 && x.held:
		return d.typ(x)
	case x.held:
		return d.stored(x)
	}
	return ""
}

// index is the rule set, arranged for the questions that the passes ask.
type index struct {
	*rules.Set
	rank     map[string]int                  // connector → its place in the order
	inbound  map[[2]string][]*inrule         // by connector and entry type
	speak    map[[2]string][]*rules.Outbound // by object type and connector
	outbound map[string][]*rules.Outbound    // by object type
	governed map[[2]string]bool              // by object type and connector: a rule decides existence
	founding map[[2]string]bool              // by object type and connector: a rule projects
	keys     map[string][]*rules.Attribute   // by type: attributes that joins look up
	unique   map[string][]*rules.Attribute
	flow     map[[2]string]*rules.Inflow // by rule and attribute
	through  map[string]bool             // object types of which some outbound rule reads through a reference
	systems  map[string][]string         // by object type: connectors that outbound rules speak of, in order
	feeding  map[string]bool             // object types into which a system feeds whose accounts rules decide
	bit      map[string]int              // connector → its bit in ends
	anyRefs  bool
	limited  map[string][]*rules.Attribute // by object type: attributes that do not take every value, by name
	folded   map[[3]string]bool            // attributes of which the system ignores the case: connector, entry type, attribute
}

func newIndex(s *rules.Set) *index {
	x := &index{Set: s, rank: map[string]int{}, inbound: map[[2]string][]*inrule{},
		outbound: map[string][]*rules.Outbound{}, governed: map[[2]string]bool{}, founding: map[[2]string]bool{},
		keys: map[string][]*rules.Attribute{}, unique: map[string][]*rules.Attribute{}, flow: map[[2]string]*rules.Inflow{},
		through: map[string]bool{}, bit: map[string]int{}, speak: map[[2]string][]*rules.Outbound{}, systems: map[string][]string{}, feeding: map[string]bool{}}
	x.folded, x.limited = map[[3]string]bool{}, map[string][]*rules.Attribute{}
	for i, c := range s.Connectors {
		for _, t := range c.Schema.Types {
			for _, a := range t.Attributes {
				if a.Folded {
					x.folded[[3]string{c.Name, t.Name, a.Name}] = true
				}
			}
		}
		x.rank[c.Name] = i
	}
	for _, r := range s.Outbound {
		x.addOutbound(r)
	}
	for name, t := range s.Types {
		for _, a := range t.Attributes {
			if a.Key {
				x.keys[name] = append(x.keys[name], a)
			}
			if a.Unique {
				x.unique[name] = append(x.unique[name], a)
			}
			if a.MaxLength > 0 || len(a.Choices) > 0 {
				x.limited[name] = append(x.limited[name], a)
			}
		}
		byName := func(a, b *rules.Attribute) int { return compareText(a.Name, b.Name) }
		slices.SortFunc(x.keys[name], byName)
		slices.SortFunc(x.unique[name], byName)
		slices.SortFunc(x.limited[name], byName)
	}
	x.addInbound()
	return x
}

func (x *index) addInbound() {
	led := map[string][]string{} // by object type: attributes into which flows lead
	for _, r := range x.Inbound {
		for i := range r.Flows {
			led[r.To] = append(led[r.To], r.Flows[i].Attr)
		}
	}
	for typ, names := range led {
		slices.Sort(names)
		led[typ] = slices.Compact(names)
	}
	for _, r := range x.Inbound {
		k := [2]string{r.Connector, r.From}
		ir := &inrule{Inbound: r, flows: make([]inflow, len(r.Flows))}
		x.inbound[k] = append(x.inbound[k], ir)
		if r.Project {
			x.founding[[2]string{r.To, r.Connector}] = true
		}
		for typ := range x.outbound {
			x.feeding[typ] = x.feeding[typ] || x.governed[[2]string{typ, r.Connector}]
		}
		for i := range r.Flows {
			f := &r.Flows[i]
			place, _ := slices.BinarySearch(led[r.To], f.Attr)
			ir.flows[i] = x.inflow(r, f, place)
			x.flow[[2]string{r.Name, f.Attr}] = f
		}
	}
}

func (x *index) inflow(r *rules.Inbound, f *rules.Inflow, place int) inflow {
	out := inflow{Inflow: f, rule: r, place: place, copied: f.Value.Copy()}
	if t := x.Types[r.To]; t != nil {
		out.attr = t.Attributes[f.Attr]
	}
	if out.attr == nil {
		return out
	}
	out.sought = out.attr.Key || out.attr.Unique
	if out.attr.Mode == rules.Equal {
		out.arrivals = []string{out.copied}
		for _, read := range f.Value.Reads() {
			out.arrivals = append(out.arrivals, read.Attr)
		}
	}
	return out
}

func (x *index) addOutbound(r *rules.Outbound) {
	x.outbound[r.From] = append(x.outbound[r.From], r)
	k := [2]string{r.From, r.Connector}
	x.speak[k] = append(x.speak[k], r)
	if !slices.Contains(x.systems[r.From], r.Connector) {
		x.systems[r.From] = append(x.systems[r.From], r.Connector)
	}
	if r.Exists != nil {
		x.governed[[2]string{r.From, r.Connector}] = true
	}
	if _, ok := x.bit[r.Connector]; !ok {
		x.bit[r.Connector] = len(x.bit)
	}
	reads := func(e rules.Expr) {
		if e == nil {
			return
		}
		for _, rd := range e.Reads() {
			if rd.Ref != "" {
				x.through[r.From] = true
			}
		}
	}
	reads(r.Exists)
	reads(r.DN)
	for _, f := range r.Flows {
		reads(f.Value)
		x.anyRefs = x.anyRefs || f.Ref
	}
}

func compareText(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// counts reports that a link to the connector keeps an object of the type
// alive: accounts that we create ourselves do not, unless their system also
// founds objects.
func (x *index) counts(typ, conn string) bool {
	k := [2]string{typ, conn}
	if t := x.Types[typ]; t != nil && t.Ignore[conn] {
		return false
	}
	return !x.governed[k] || x.founding[k]
}

// fault records a rule that failed on an entry or object.
func fault(e *space.Entry, rule string, err error) ObjectFault {
	f := ObjectFault{Code: codeOf(err), Rule: rule, Message: fmt.Sprint(err)}
	if e != nil {
		f.Connector, f.Anchor = e.Connector, e.Anchor
	}
	return f
}

// codeOf is the name of what an expression failed with.
func codeOf(err error) string {
	var named interface{ FaultCode() string }
	if errors.As(err, &named) && named.FaultCode() != "" {
		return named.FaultCode()
	}
	return "extension-unexpected-attribute-value"
}
