package scenario

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"muster/internal/base/object"
	"muster/internal/base/problem"
	"muster/internal/sync/connector"
	"muster/internal/sync/connector/memory"
	"muster/internal/sync/run"
)

// system plays the connected system of one connector: a memory system that also
// gives short anchors, keeps the containers that DNs name, remembers what the
// last export said to it, and misbehaves as the story wants.
type system struct {
	*memory.System
	x        *run.Connected
	tree     bool     // objects have DNs
	gives    bool     // it gives anchors, else an add brings its own
	strict   bool     // containers must be objects or roots
	named    []string // the columns that name objects, by which a flat system takes an anchor from an add
	given    int
	lowers   map[string]bool // attributes kept in lower case
	refuses  []refusal
	faults   []refusal               // at which its connector fails
	silent   map[string]problem.Code // anchors that imports cannot read, and why
	twice    map[string]bool         // anchors that imports tell twice
	hidden   map[string]bool         // anchors that imports do not tell
	unmarked bool                    // imports do not say where changes begin
	away     problem.Code            // why it cannot be reached; "": it can
	unasked  bool                    // nobody can look things up
	answer   memory.Effect           // what becomes of a change whose answer is lost
	lost     bool
	busy     int // how many calls are put off
	breaks   int // after how many more calls the connection goes; -1: never
	cut      int // after how many objects an import breaks off; -1: never
	cutCode  problem.Code
	forget   bool
	kinds    map[string]object.Kind // attributes that the system holds otherwise than configured
	sent     []connector.Change     // what the last export said
	death    *death                 // when Muster dies; nil: it does not
	begun    *begun                 // an export that waits at its first change; nil: none does
}

// refusal is a value that the system does not take.
type refusal struct {
	attr, value string
	code        problem.Code
}

// container is the type of the containers that a system has because DNs name
// them. No schema has it, and no import tells it.
const container = "\x00container"

// newSystem makes the system that plays the connector. named says what the
// story's tables call their objects.
func newSystem(x *run.Connected, tree bool, named []string) *system {
	s := &system{x: x, tree: tree, gives: true, named: named}
	opt := memory.Options{Description: connector.Description{Schema: x.Schema}, CheckRefs: tree}
	if x.Kind.Name == "memory" {
		sec := x.Section
		s.tree, s.gives = sec.Bool("tree"), sec.Bool("givesAnchors")
		opt.Roots, opt.Lowercase, opt.TellMods = sec.Texts("roots"), sec.Bool("lowercase"), sec.Bool("tellMods")
		opt.CheckRefs, opt.Traits.Atomic = sec.Bool("checkRefs"), sec.Bool("atomic")
		s.strict = len(opt.Roots) > 0
	}
	opt.Traits.Hierarchical = s.tree
	s.System = memory.New(opt)
	s.calm()
	return s
}

// deny takes from Muster's account the right to do what the verb says, or to
// write the attribute.
func (s *system) deny(what string) {
	for v := connector.Add; v <= connector.Remove; v++ {
		if v.String() == what {
			s.Deny(v, "")
			return
		}
	}
	s.Deny(connector.Add, what)
	s.Deny(connector.Update, what)
}

// calm ends every misbehaviour.
func (s *system) calm() {
	s.Allow()
	s.lowers, s.silent, s.twice = map[string]bool{}, map[string]problem.Code{}, map[string]bool{}
	s.hidden, s.kinds, s.unmarked = map[string]bool{}, map[string]object.Kind{}, false
	s.refuses, s.faults, s.away, s.unasked, s.lost, s.busy, s.breaks, s.cut = nil, nil, "", false, false, 0, -1, -1
}

// put makes the rows of a table true. What a row does not mention stays.
func (s *system) put(typ string, patches []patch) {
	byAnchor, byDN := map[string]object.Record{}, map[string]object.Record{}
	for _, r := range s.Read() {
		byAnchor[r.Anchor] = r
		if r.DN != "" {
			byDN[object.Fold(r.DN)] = r
		}
	}
	records := make([]object.Record, 0, len(patches))
	for _, p := range patches {
		r, there := byAnchor[p.anchor]
		if p.anchor == "" {
			r, there = byDN[object.Fold(p.dn)]
		}
		if !there {
			r = object.Record{Anchor: p.anchor}
			if r.Anchor == "" {
				r.Anchor = s.nextAnchor(p.dn)
			}
		}
		r.Type = typ
		if p.dn != "" {
			r.DN = p.dn
		}
		r.Attrs = r.Attrs.Clone()
		for _, a := range p.attrs {
			r.Attrs.Put(a.Name, a.Values)
		}
		records = append(records, r)
	}
	for _, r := range records {
		s.above(r.DN)
	}
	s.Put(records...)
}

// nextAnchor is the anchor of an object that comes without one.
func (s *system) nextAnchor(dn string) string {
	if !s.gives && dn != "" {
		return dn
	}
	s.given++
	return fmt.Sprintf("%06d", s.given)
}

// above makes the containers above a DN, in a system where they need not be
// objects of their own.
func (s *system) above(dn string) {
	if !s.tree || s.strict || dn == "" {
		return
	}
	for _, up := object.SplitDN(dn); up != "" && !s.holds(up); _, up = object.SplitDN(up) {
		s.Put(object.Record{Type: container, Anchor: container + object.Fold(up), DN: up})
	}
}

// holds reports that something, if only a container, has the DN.
func (s *system) holds(dn string) bool {
	c, _ := s.Open().(full)
	_, err := c.Find(context.Background(), connector.Whereabouts{DN: dn})
	return err == nil
}

// objects are the system's objects, without containers that are there by
// themselves.
func (s *system) objects() []object.Record {
	return slices.DeleteFunc(s.Read(), func(r object.Record) bool { return r.Type == container })
}

// find returns the object with the anchor or the DN.
func (s *system) find(name string) (object.Record, bool) {
	for _, r := range s.objects() {
		if r.Anchor == name || r.DN != "" && object.DNKey(r.DN) == object.DNKey(name) {
			return r, true
		}
	}
	return object.Record{}, false
}

// prepare makes a change fit to be made here: it gives an add its anchor, sees
// to its container, and writes values as the system keeps them.
func (s *system) prepare(c connector.Change) connector.Change {
	if c.Verb == connector.Add {
		if s.tree {
			s.above(c.DN)
			s.Delete(container + object.Fold(c.DN)) // a rule provides it now
		}
		if c.Anchor == "" {
			c.Anchor = s.anchorOf(c)
		}
	}
	if c.Verb == connector.Rename {
		s.above(c.NewDN)
	}
	c.Mods = slices.Clone(c.Mods)
	for i, m := range c.Mods {
		if !s.lowers[m.Name] {
			continue
		}
		var vs object.Values
		for _, v := range m.Values {
			vs = append(vs, object.Str(strings.ToLower(v.Text())))
		}
		c.Mods[i].Values = object.Set(vs...)
	}
	return c
}

// anchorOf is the anchor that an add gets: the system's next, or in a flat
// system that gives none the value of the column that names objects.
func (s *system) anchorOf(c connector.Change) string {
	if !s.gives {
		for _, name := range s.named {
			for _, m := range c.Mods {
				if m.Name == name && len(m.Values) > 0 {
					return m.Values.First().String()
				}
			}
		}
		return ""
	}
	return s.nextAnchor("")
}

// fault says what happens to a change instead, nil if it is made.
func (s *system) fault(c connector.Change) *memory.Fault {
	if s.breaks == 0 {
		return memory.Cut(memory.Nothing)
	}
	if s.breaks > 0 {
		s.breaks--
	}
	if s.busy > 0 {
		s.busy--
		return memory.Busy(time.Millisecond)
	}
	for _, r := range s.refuses {
		if r.meets(c) {
			return memory.Refuse(r.code)
		}
	}
	if s.lost {
		return memory.Unanswered(s.answer)
	}
	return nil
}

// fault is what a connector says that fails there.
func (r refusal) fault() string { return fmt.Sprintf("the story says so, at %s %q", r.attr, r.value) }

// meets reports that the change writes what is refused.
func (r refusal) meets(c connector.Change) bool {
	if r.attr == c.Verb.String() {
		return r.value == c.DN || r.value == c.Anchor
	}
	if r.attr == "dn" {
		return r.value == c.NewDN || c.Verb == connector.Add && r.value == c.DN
	}
	return slices.ContainsFunc(c.Mods, func(m connector.Mod) bool {
		return m.Name == r.attr && slices.ContainsFunc(m.Values, func(v object.Value) bool { return v.String() == r.value })
	})
}
