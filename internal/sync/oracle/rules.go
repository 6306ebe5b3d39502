package oracle

import (
	"encoding/json"
	"slices"
	"time"

	"muster/internal/base/object"
)

// Rules is a configuration as plain data, so that two engines can each read it
// in their own way.
type Rules struct {
	Connectors []Connector // by name, which is the order in which their entries are decided
	Types      []Type
	In         []Inbound
	Out        []Outbound // at most one for an object type and a connector; no existence reads what a later one feeds
	Guards     []Guard
}

// Connector is a connected system. One that has an outbound rule with existence
// is a target: what vanishes there is cut at once.
type Connector struct {
	Name   string
	Recall bool // what vanishes is cut at once
}

// Type is a metaverse object type. An object ends with its last link, those to
// Ignore not counted, or when the last present link to one of Any is cut.
type Type struct {
	Name        string
	Attrs       []Attribute
	Ignore, Any []string
}

// Mode says which of several contributions wins.
type Mode uint8

// The modes of precedence.
const (
	Ranked Mode = iota // the first in rank that has a value
	Equal              // the newest; equal times by rank
	Merge              // the union
)

// Attribute is a metaverse attribute.
type Attribute struct {
	Name   string
	Kind   object.Kind
	Multi  bool
	Mode   Mode
	Folded bool   // joins and unique names mind no case
	Also   []Spot // for unique names: where else the name must not be
}

// Spot is an attribute of accounts of one type.
type Spot struct{ Connector, Type, Attr string }

// Inbound is a rule from entries to objects.
type Inbound struct {
	Name, Connector, From, To string
	Scope                     *Expr
	Joins                     []Join
	Project                   bool
	Flows                     []Inflow
}

// Join is one way to find an entry's object; all keys must match.
type Join struct {
	Keys []Key
	Next bool // several match: try the next join
}

// Key is an attribute that must equal a value of the entry.
type Key struct {
	Attr  string
	Value Expr
}

// Inflow is a flow into the metaverse.
type Inflow struct {
	Attr   string
	Value  Expr
	Unique bool // Value is a wish; a claimed name takes its place
	Rank   int
	Keep   bool // the value stays when its contributor goes
}

// Fate is what happens to an account that is no longer wanted.
type Fate uint8

// The fates.
const (
	DeleteAccount Fate = iota
	Disconnect
	DisconnectForGood
)

var fateNames = [...]string{"delete", "until it changes", "for good"}

// String returns the fate in words.
func (f Fate) String() string { return fateNames[f] }

// Outbound is a rule from objects to accounts.
type Outbound struct {
	Name, From, Connector, To string
	Exists                    *Expr // nil: maintain what is linked, never create or remove
	Otherwise                 Fate
	DN                        *Expr
	Flows                     []Outflow
	Disabled                  *Expr // over the account as it will be
}

// Outflow is a flow into an account.
type Outflow struct {
	Attr    string
	Value   Expr
	Ref     bool // edge by edge; Value is a plain copy
	Initial bool // given once in the life of the account
	Keep    bool // an absent value leaves what is there
}

// GuardKind is a kind of change that guards count.
type GuardKind uint8

// The kinds.
const (
	Deletes GuardKind = iota
	Disables
	Renames
	Blanks
	Removals
	Overwrites
)

// Guard is a threshold; it trips when both count and percent are passed.
type Guard struct {
	Connector, Type string
	Kind            GuardKind
	Count           int
	Percent         float64
}

// Expr is an expression of a small closed language. Do names the form:
//
//	copy      the values of Attr
//	constant  Text
//	upper     the argument in capitals
//	letter    the first letter of the argument
//	concat    the arguments one after the other; nothing if one is absent
//	either    the first argument that has a value
//	if        the second argument where the first is true
//	null      as the second argument, but authoritatively nothing where the first is true
//	through   Attr of the objects that Ref names
//	has       whether Attr has a value
//	equals    whether Attr has the value Text
//	after     whether Span has passed since Attr
//	missing   whether Span has passed since the source went missing
//	and, or, not
type Expr struct {
	Do    string
	Space string // where Attr is read: attr (the entry), mv (the object), account
	Attr  string
	Ref   string
	Text  string
	Span  time.Duration
	Args  []Expr
}

// Attrs lists the attributes that the expression reads from its own entry or
// object.
func (x *Expr) Attrs() (names []string) {
	if x.Attr != "" && x.Do != "through" {
		names = append(names, x.Attr)
	}
	for i := range x.Args {
		names = append(names, x.Args[i].Attrs()...)
	}
	return names
}

// place returns the connector's place in the order.
func (r *Rules) place(connector string) int {
	return slices.IndexFunc(r.Connectors, func(c Connector) bool { return c.Name == connector })
}

func (r *Rules) typ(name string) *Type {
	for i := range r.Types {
		if r.Types[i].Name == name {
			return &r.Types[i]
		}
	}
	return &Type{}
}

// attr returns the named attribute.
func (t *Type) attr(name string) Attribute {
	for _, a := range t.Attrs {
		if a.Name == name {
			return a
		}
	}
	return Attribute{Name: name}
}

// out returns the rule from objects of the type to the connector, nil if there is none.
func (r *Rules) out(typ, connector string) *Outbound {
	for i := range r.Out {
		if o := &r.Out[i]; o.From == typ && o.Connector == connector {
			return o
		}
	}
	return nil
}

// outs returns the rules from objects of the type, in their order.
func (r *Rules) outs(typ string) (rules []*Outbound) {
	for i := range r.Out {
		if r.Out[i].From == typ {
			rules = append(rules, &r.Out[i])
		}
	}
	return rules
}

// provisions reports that the type's objects want accounts of the connector, or
// do not.
func (r *Rules) provisions(typ, connector string) bool {
	o := r.out(typ, connector)
	return o != nil && o.Exists != nil
}

// target reports that some rule decides which accounts exist in the connector.
func (r *Rules) target(connector string) bool {
	return slices.ContainsFunc(r.Out, func(o Outbound) bool { return o.Connector == connector && o.Exists != nil })
}

// recalls reports that a vanished entry of the connector is cut at once.
func (r *Rules) recalls(connector string) bool {
	i := r.place(connector)
	return i < 0 || r.Connectors[i].Recall || r.target(connector)
}

// founds reports that entries of the connector bring forth objects of the type.
func (r *Rules) founds(connector, typ string) bool {
	return slices.ContainsFunc(r.In, func(in Inbound) bool { return in.Connector == connector && in.To == typ && in.Project })
}

// flow returns the named rule's flow into the attribute, nil if it is no more.
func (r *Rules) flow(rule, attr string) *Inflow {
	for i := range r.In {
		for k := range r.In[i].Flows {
			if f := &r.In[i].Flows[k]; r.In[i].Name == rule && f.Attr == attr {
				return f
			}
		}
	}
	return nil
}

// OwnRank returns the best rank of the connector's own flows into the
// attribute; false if it has none.
func (r *Rules) OwnRank(connector, typ, attr string) (rank int, ok bool) {
	for _, in := range r.In {
		for _, f := range in.Flows {
			if in.Connector == connector && in.To == typ && f.Attr == attr && (!ok || f.Rank < rank) {
				rank, ok = f.Rank, true
			}
		}
	}
	return rank, ok
}

// Describe says what differs from one random configuration to the next, for
// people who read a history.
func Describe(r *Rules) string {
	text, err := json.Marshal(r)
	if err != nil {
		panic(err) // plain data
	}
	return string(text) + "\n"
}
