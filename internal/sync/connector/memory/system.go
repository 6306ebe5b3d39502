// Package memory is a connected system that is a map, and the connector to it.
// Tests and stories use it where others use mocks: it behaves as its Options
// say, changes behind the connector's back, and fails where it is told to. It
// is also the connector to read first. It never keeps anything beyond the
// process and knows nothing of any real system.
package memory

import (
	"maps"
	"slices"
	"strconv"
	"sync"

	"muster/internal/base/object"
	"muster/internal/sync/connector"
)

// Options say what the system holds and how it behaves. Most of it follows
// from the traits: it gives anchors, keeps a tree of DNs and counts sessions as
// a whole exactly when they say so.
type Options struct {
	connector.Description
	Roots       []string // DNs that are there without being objects
	Lowercase   bool     // texts are kept in lower case
	CheckRefs   bool     // references must have a target; renames and deletes follow through to referrers
	TellMods    bool     // ImportSince tells updates as Merge, not as Put
	Echo        bool     // outcomes carry the object as it is afterwards
	KeepChanges int      // how many changes ImportSince reaches back; 0 means all
}

// System is the connected system itself: what administrators of a real one see.
// It is safe for concurrent use.
type System struct {
	opt Options

	mu       sync.Mutex
	state    *state
	changed  chan struct{}   // closed at the next change
	writing  bool            // an atomic session is open
	given    int             // anchors given so far
	denied   map[right]bool  // what the connector's account may not do
	gone     map[string]bool // roots that are not there
	anew     map[string]int  // how often a root was made anew
	calls    map[call]int
	onTell   func(object.Record) error
	onChange func(connector.Change) *Fault
}

// right is what one may do: a verb on objects, or with an attribute.
type right struct {
	verb connector.Verb
	attr string // "": the verb itself
}

type call struct {
	verb connector.Verb
	name string
}

// New returns an empty system.
func New(opt Options) *System {
	object.SortSchema(&opt.Schema)
	return &System{opt: opt, state: newState(), changed: make(chan struct{}), calls: map[call]int{}, denied: map[right]bool{}, gone: map[string]bool{}, anew: map[string]int{}}
}

// Put adds objects, or replaces those with the same anchor, without the
// connector and without any check. It returns them as they are kept: with an
// anchor, where the system gives them.
func (s *System) Put(records ...object.Record) []object.Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, r := range records {
		if r.Anchor == "" {
			r.Anchor = s.newAnchor()
		}
		r.Attrs = r.Attrs.Clone()
		e := event{op: connector.Put, record: bare(r)}
		if was, there := s.state.objects[r.Anchor]; there && s.opt.TellMods && was.Type == r.Type {
			e.op = connector.Merge
			for _, c := range object.Diff(was.Attrs, r.Attrs) {
				e.mods = append(e.mods, connector.Mod{Op: connector.Replace, Name: c.Name, Values: c.After})
			}
		}
		s.state.put(r)
		s.state.note(e, s.opt.KeepChanges)
		records[i] = r
	}
	s.tellWaiters()
	return records
}

// Delete removes the object with the anchor, without the connector.
func (s *System) Delete(anchor string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r, ok := s.state.objects[anchor]; ok {
		s.state.remove(r)
		s.state.note(event{op: connector.Delete, record: bare(r)}, s.opt.KeepChanges)
		s.tellWaiters()
	}
}

// Deny takes from the connector's account the right to do what the verb says;
// with an attribute, to do it with that one.
func (s *System) Deny(v connector.Verb, attr string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.denied[right{v, attr}] = true
}

// Allow gives back every right that Deny took.
func (s *System) Allow() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.denied)
}

// forbids says what the connector's account may not do of a change.
func (s *System) forbids(c connector.Change) []connector.Objection {
	var out []connector.Objection
	if s.denied[right{verb: c.Verb}] {
		out = append(out, connector.Objection{About: connector.AboutObject, Says: "we may not " + c.Verb.String() + " it"})
	}
	for _, m := range c.Mods {
		if s.denied[right{c.Verb, m.Name}] {
			out = append(out, connector.Objection{About: m.Name, Says: "we may not write it"})
		}
	}
	return out
}

// Lose takes a root away with all that lies below it. Nobody is told of what was
// in it.
func (s *System) Lose(root string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gone[root] = true
	for _, r := range s.state.sorted() {
		if within(r.DN, root) {
			s.state.remove(r)
		}
	}
}

// Renew makes a root anew: empty, and another one under the same name.
func (s *System) Renew(root string) {
	s.Lose(root)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.gone, root)
	s.anew[root]++
}

// partitions are the roots.
func (s *System) partitions() ([]connector.Partition, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []connector.Partition
	for _, root := range s.opt.Roots {
		if s.gone[root] {
			return nil, connector.NoPartition(root)
		}
		out = append(out, connector.Partition{Name: root, ID: strconv.Itoa(s.anew[root])})
	}
	return out, nil
}

// Read returns every object as it is kept, write-only values too, by anchor.
func (s *System) Read() []object.Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state.sorted()
}

// Secret returns the named secret of an object, "" if it has none. What
// SetPassword set is named "password".
func (s *System) Secret(anchor, name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state.secrets[anchor][name]
}

// Expire forgets all changes, so that every mark given so far is too old.
func (s *System) Expire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state.forgotten += len(s.state.events) + 1
	s.state.events = nil
}

// Calls tells how often a change with the verb was tried on the object that
// goes by name: its DN in a hierarchical system, else its anchor.
func (s *System) Calls(v connector.Verb, name string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[call{v, name}]
}

func (s *System) newAnchor() string {
	s.given++
	return object.NewID("memory", strconv.Itoa(s.given)).String()
}

func (s *System) tellWaiters() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// state is what the system holds at one moment.
type state struct {
	objects   map[string]object.Record     // by anchor; nobody changes a bag in place
	names     map[string]string            // folded DN to anchor
	secrets   map[string]map[string]string // by anchor, then name
	events    []event
	forgotten int // events before the first that is kept
}

// event is one change that ImportSince can tell. The record is bare: what the
// object holds is looked up when it is told.
type event struct {
	op     connector.DeltaOp
	record object.Record
	mods   []connector.Mod
}

func newState() *state {
	return &state{objects: map[string]object.Record{}, names: map[string]string{}, secrets: map[string]map[string]string{}}
}

func (st *state) clone() *state {
	c := *st
	c.objects, c.names, c.secrets = maps.Clone(st.objects), maps.Clone(st.names), maps.Clone(st.secrets)
	c.events = slices.Clone(st.events)
	return &c
}

func (st *state) put(r object.Record) {
	if old, ok := st.objects[r.Anchor]; ok && old.DN != "" {
		delete(st.names, object.Fold(old.DN))
	}
	st.objects[r.Anchor] = r
	if r.DN != "" {
		st.names[object.Fold(r.DN)] = r.Anchor
	}
}

func (st *state) remove(r object.Record) {
	delete(st.objects, r.Anchor)
	delete(st.names, object.Fold(r.DN))
	delete(st.secrets, r.Anchor)
}

func (st *state) note(e event, keep int) {
	st.events = append(st.events, e)
	if extra := len(st.events) - keep; keep > 0 && extra > 0 {
		st.events = st.events[extra:]
		st.forgotten += extra
	}
}

// byName finds an object by anchor or, failing that, by DN.
func (st *state) byName(anchor, dn string) (object.Record, bool) {
	if anchor == "" {
		anchor = st.names[object.Fold(dn)]
	}
	r, ok := st.objects[anchor]
	return r, ok
}

func (st *state) sorted() []object.Record {
	out := make([]object.Record, 0, len(st.objects))
	for _, anchor := range slices.Sorted(maps.Keys(st.objects)) {
		out = append(out, st.objects[anchor])
	}
	return out
}

// bare returns r without its attributes.
func bare(r object.Record) object.Record {
	return object.Record{Type: r.Type, Anchor: r.Anchor, DN: r.DN}
}
