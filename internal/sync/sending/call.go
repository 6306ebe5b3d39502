// Package sending makes the calls that carry out what is on its way to accounts:
// which calls an account needs, in which stage of an export, and in which order.
// It is a matter of values: it sends nothing, asks nobody and keeps nothing.
package sending

import (
	"errors"
	"slices"
	"strings"

	"muster/internal/base/expr"
	"muster/internal/base/object"
	"muster/internal/sync/connector"
	"muster/internal/sync/space"
)

// Stage is one of the stages of an export. They are sent one after the other,
// each over all accounts, so that what a change needs is there before it.
type Stage uint8

// The stages (EXP-2).
const (
	AddsAndValues Stage = iota // containers from the top
	Renames
	References // and adds whose schema demands one
	Removals   // of references
	Deletes    // the deepest first
)

// All lists them in order.
var All = []Stage{AddsAndValues, Renames, References, Removals, Deletes}

// Refers reports that references are sent in the stage.
func (st Stage) Refers() bool { return st == References || st == Removals }

// Set returns the set of this stage alone.
func (st Stage) Set() Stages { return 1 << st }

// Stages is a set of stages.
type Stages uint8

// Has reports that the stage is one of them.
func (s Stages) Has(st Stage) bool { return s&st.Set() != 0 }

// Call is one change as it is handed to a connector, and the pending changes
// of the entry that it carries out.
type Call struct {
	Entry   *space.Entry
	Change  connector.Change
	Carries []Carried
	names   []connector.Mod // for references: each by itself, in the order of Carries
}

// Carried names a pending change.
type Carried struct {
	Name   string
	Target object.ID
}

// System is what making calls needs to know of a connected system.
type System struct {
	Type   func(name string) object.Type
	Demand func(typ string) []string // reference attributes that a new object must have
	// Named tells how the system calls the account of an object, by DN or by
	// anchor; false while it has none there.
	Named func(obj object.ID, byDN bool) (string, bool)
	// Atomic systems count a session as a whole: what was handed over in it is
	// there for the rest of it.
	Atomic bool
}

// there reports that a change was carried out, as far as this session goes.
func (s *System) there(p *space.Pending) bool {
	return p.State == space.Sent || s.Atomic && p.State == space.Unknown
}

// Due reports that the change is to be sent.
func Due(p *space.Pending) bool { return p.State == space.Waiting || p.State == space.Failed }

// Call makes the call that one entry needs in a stage, nil if it needs none. waits
// names what an account still waits for, in words, "" if nothing.
func (s *System) Call(stage Stage, e *space.Entry) (c *Call, waits string) {
	acct := e.PendingOf(space.Account, object.ID{})
	adding := acct != nil && len(acct.Want) > 0
	deleting := acct != nil && len(acct.Want) == 0
	switch {
	case deleting && stage == Deletes && Due(acct):
		return s.delete(e), ""
	case deleting:
		return nil, ""
	case adding && s.there(acct): // it was added just now; the rest follows
	case adding && !Due(acct): // its outcome is unknown
		if p := e.PendingOf(space.Name, object.ID{}); stage == Renames && p != nil && Due(p) {
			return nil, string(connector.UnexportedRename)
		}
		return nil, ""
	case adding && stage == AddsAndValues && len(s.Demand(e.Type)) == 0:
		return s.add(e, nil), ""
	case adding && stage == References && len(s.Demand(e.Type)) > 0:
		return s.addWithRefs(e)
	case adding:
		return nil, ""
	}
	switch stage {
	case AddsAndValues:
		return s.values(e), ""
	case Renames:
		return s.rename(e), ""
	case References:
		return s.refs(e, true), ""
	case Removals:
		return s.refs(e, false), ""
	case Deletes:
	}
	return nil, ""
}

// Stages returns the stages in which the entry may need a call.
func (s *System) Stages(e *space.Entry) Stages {
	out := Stages(0)
	add := func(st Stage) { out |= st.Set() }
	adding := false
	for i := range e.Pending {
		switch p := &e.Pending[i]; {
		case p.Name == space.Account && len(p.Want) == 0:
			add(Deletes)
		case p.Name == space.Account:
			adding = Due(p)
			add(AddsAndValues)
		case !Due(p):
		case !p.Target.IsZero() && len(p.Want) > 0:
			add(References)
		case !p.Target.IsZero():
			add(Removals)
		case p.Name != space.Name:
			add(AddsAndValues)
		case !adding: // an account is made with its name
			add(Renames)
		}
	}
	if adding && len(s.Demand(e.Type)) > 0 {
		add(References)
	}
	return out
}

func (s *System) at(verb connector.Verb, e *space.Entry) *Call {
	return &Call{Entry: e, Change: connector.Change{Verb: verb, Type: e.Type, Anchor: e.Anchor, DN: s.dnNow(e)}}
}

func (c *Call) carry(p *space.Pending) { c.Carries = append(c.Carries, Carried{p.Name, p.Target}) }

func (s *System) delete(e *space.Entry) *Call {
	c := s.at(connector.Remove, e)
	for i := range e.Pending {
		if e.Pending[i].Name == space.Account {
			c.carry(&e.Pending[i])
		}
	}
	return c
}

// add makes the call that creates the account, with all its values and the
// given references.
func (s *System) add(e *space.Entry, refs []connector.Mod) *Call {
	c := s.at(connector.Add, e)
	for i := range e.Pending {
		p := &e.Pending[i]
		switch {
		case !p.Target.IsZero() || !Due(p):
			continue
		case p.Name == space.Name:
			c.Change.DN = p.Want.First().Text()
		case p.Name != space.Account && len(p.Want) > 0:
			c.Change.Mods = append(c.Change.Mods, connector.Mod{Name: p.Name, Values: p.Want})
		}
		c.carry(p)
	}
	c.Change.Mods = append(c.Change.Mods, refs...)
	return c
}

// addWithRefs waits until a reference that the schema demands can be given
// (REF-14).
func (s *System) addWithRefs(e *space.Entry) (*Call, string) {
	r := s.refs(e, true)
	for _, name := range s.Demand(e.Type) {
		if r == nil || !slices.ContainsFunc(r.Change.Mods, func(m connector.Mod) bool { return m.Name == name }) {
			return nil, "a " + name
		}
	}
	for i := range r.Change.Mods {
		r.Change.Mods[i].Op = connector.Replace
	}
	c := s.add(e, r.Change.Mods)
	c.Carries = append(c.Carries, r.Carries...)
	return c, ""
}

// values makes the call that sets the account's values, but for those that its
// rename will set.
func (s *System) values(e *space.Entry) *Call {
	c := s.at(connector.Update, e)
	name := renamedTo(e)
	for i := range e.Pending {
		p := &e.Pending[i]
		if isValue(p) && Due(p) && !name.gives(p) {
			c.Change.Mods = append(c.Change.Mods, connector.Mod{Name: p.Name, Values: p.Want})
			c.carry(p)
		}
	}
	if len(c.Carries) == 0 {
		return nil
	}
	return c
}

func (s *System) rename(e *space.Entry) *Call {
	p := e.PendingOf(space.Name, object.ID{})
	if p == nil || !Due(p) {
		return nil
	}
	c := s.at(connector.Rename, e)
	c.Change.NewDN = p.Want.First().Text()
	c.carry(p)
	name := renamedTo(e)
	for i := range e.Pending {
		if v := &e.Pending[i]; isValue(v) && Due(v) && name.gives(v) {
			c.carry(v)
		}
	}
	return c
}

// isValue reports that the change is of a value, not of the account, its name
// or a reference.
func isValue(p *space.Pending) bool { return p.Name[0] != '@' && p.Target.IsZero() }

// rdnValues are the values that the first component of a name gives its object,
// by attribute. A rename sets them itself, and a directory refuses to have them
// set beside it (RFC 4511 §4.6, §4.9).
type rdnValues map[string]string

// renamedTo returns what the rename that is to be sent will set.
func renamedTo(e *space.Entry) rdnValues {
	p := e.PendingOf(space.Name, object.ID{})
	if p == nil || !Due(p) {
		return nil
	}
	return expr.Naming(p.Want.First().Text())
}

func (n rdnValues) gives(p *space.Pending) bool {
	v, ok := n[strings.ToLower(p.Name)]
	return ok && len(p.Want) == 1 && p.Want[0].String() == v
}

// refs makes the call that adds, or removes, references of the account whose
// far ends are there.
func (s *System) refs(e *space.Entry, present bool) *Call {
	t := s.Type(e.Type)
	c := s.at(connector.Update, e)
	for i := range e.Pending {
		p := &e.Pending[i]
		if p.Target.IsZero() || !Due(p) || (len(p.Want) > 0) != present {
			continue
		}
		a, _ := t.Attribute(p.Name)
		name, ok := s.Named(p.Target, a.ByDN)
		if !ok {
			continue
		}
		c.addRef(p.Name, name, a.Multi, present)
		c.carry(p)
	}
	if len(c.Carries) == 0 {
		return nil
	}
	return c
}

// Apart takes a call that was refused because of one of several references
// apart into a call for each, so that the others are sent; nil if that is not
// why it was refused (ERR-57).
func (c *Call) Apart(err error) []*Call {
	var refused *connector.Refusal
	if !errors.As(err, &refused) || refused.Code != connector.BadReference || c.Change.Verb != connector.Update || len(c.Carries) < 2 {
		return nil
	}
	var out []*Call
	for i, name := range c.names {
		one := &Call{Entry: c.Entry, Change: c.Change, Carries: c.Carries[i : i+1]}
		one.Change.Mods = []connector.Mod{name}
		out = append(out, one)
	}
	return out
}

// addRef adds a reference to the call's mods. A reference of one value is
// replaced, not added to.
func (c *Call) addRef(attr, name string, multi, present bool) {
	op := connector.AddValues
	switch {
	case !present:
		op = connector.DropValues
	case !multi:
		op = connector.Replace
	}
	v := object.Reference(name)
	c.names = append(c.names, connector.Mod{Op: op, Name: attr, Values: object.Values{v}})
	for i := range c.Change.Mods {
		if m := &c.Change.Mods[i]; m.Name == attr && m.Op == op {
			m.Values = object.Set(append(m.Values, v)...)
			return
		}
	}
	c.Change.Mods = append(c.Change.Mods, connector.Mod{Op: op, Name: attr, Values: object.Values{v}})
}

// Each calls fn for every pending change that the call carries out. They are
// mostly in the order of the entry's.
func (c *Call) Each(fn func(*space.Pending)) {
	list := c.Entry.Pending
	at := 0
	for _, k := range c.Carries {
		for at < len(list) && (list[at].Name != k.Name || list[at].Target != k.Target) {
			at++
		}
		if at < len(list) {
			fn(&list[at])
			at++
		} else if p := c.Entry.PendingOf(k.Name, k.Target); p != nil {
			fn(p)
		}
	}
}

// Stands reports that what the call carries is still wanted.
func (c *Call) Stands(carried []space.Pending) bool {
	return !slices.ContainsFunc(carried, func(was space.Pending) bool {
		p := c.Entry.PendingOf(was.Name, was.Target)
		return p == nil || !p.Wants(&was)
	})
}

// Called is how the system calls an account that it has.
func (s *System) Called(e *space.Entry, byDN bool) (string, bool) {
	if e == nil || e.Unsent() || e.Deleting() {
		return "", false
	}
	if p := e.PendingOf(space.Account, object.ID{}); p != nil && !s.there(p) {
		return "", false
	}
	if !byDN {
		return e.Anchor, e.Anchor != ""
	}
	dn := s.dnNow(e)
	return dn, dn != ""
}

// WhereNow is where an entry lies in the system, "" if it is not there.
func (s *System) WhereNow(e *space.Entry) string {
	p := e.PendingOf(space.Account, object.ID{})
	switch {
	case p != nil && s.there(p):
		if len(p.Want) == 0 {
			return ""
		}
	case e.Stub, !e.Seen, !e.Missing.IsZero():
		return ""
	}
	return s.dnNow(e)
}

// dnNow is an entry's DN, as it is after a rename that was carried out.
func (s *System) dnNow(e *space.Entry) string {
	if p := e.PendingOf(space.Name, object.ID{}); p != nil && s.there(p) {
		return p.Want.First().Text()
	}
	return e.DN
}
