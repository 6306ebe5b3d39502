// Package rules is configuration compiled into the questions that deciding
// asks: is this entry in scope, whom may it join, what flows where, who wins,
// what must exist. A Set answers; it never reads a store, a clock or a system,
// and never writes.
package rules

import (
	"time"

	"muster/internal/base/expr"
	"muster/internal/base/object"
	"muster/internal/base/problem"
)

// Set is every rule in force: immutable, swapped whole when configuration is
// read again.
type Set struct {
	Notes      problem.List // what is allowed and good to know, for people
	Version    string       // hash of the checked form of everything below
	Connectors []*Connector
	Types      map[string]*Type // metaverse object types
	Inbound    []*Inbound       // in the order of connectors, then names
	Outbound   []*Outbound      // in an order in which no existence reads what a later system feeds
	Guards     []Guard
	Protected  []*Protected
}

// Connector is what the rules must know of a connector. Its place in
// Set.Connectors is the order in which its entries are decided.
type Connector struct {
	Name   string
	Schema object.Schema
	// People write it: it is the built-in space of the portal. An entry that a
	// person linked there says something about its object and does not keep it.
	People bool
}

// Portal is the name of the built-in space that people's edits are entries of.
const Portal = "portal"

// Type is a metaverse object type.
type Type struct {
	Name       string
	Attributes map[string]*Attribute
	// The object ends when its last link goes, links to Ignore not counted, or
	// as soon as a link to one of Any is cut.
	Ignore map[string]bool
	Any    map[string]bool
}

// Mode says which of several contributions wins.
type Mode uint8

// The modes of precedence.
const (
	Ranked Mode = iota // the first in rank that has a value
	Equal              // the newest; equal times by rank
	Merge              // the union of all
	Manual             // an expression over the offers
)

// Attribute is a metaverse attribute.
type Attribute struct {
	object.Attribute
	Mode    Mode
	Manual  Expr     // for Manual: reads the offers as attr.<connector>
	Edited  bool     // people may edit it: entries of the portal's space have it too
	Unique  bool     // some flow gives it by unique(): its values are claimed
	Also    []Spot   // for Unique: attributes of staged accounts that must not have the name either
	Choices []string // the values that it may have; nil: any
	Key     bool     // some join rule looks objects up by it
	Folded  bool     // for Key and Unique: letters' case does not matter
}

// Spot is an attribute of one object type in a connector.
type Spot struct{ Connector, Type, Attr string }

// Inbound is a rule from entries of one type to objects of one type.
type Inbound struct {
	Name      string // stable name
	Where     string // file:line, for people
	Connector string
	From      string // entry type
	To        string // object type
	Scope     Expr   // nil: every entry
	Joins     []Join
	Project   bool
	Recall    bool // a vanished entry is cut at once (missing: recall) instead of being kept through stages
	CutWhen   Expr // when a vanished entry that is kept is cut; nil: never by time
	Flows     []Inflow
}

// Join is one way to find the entry's object.
type Join struct {
	Keys []Key // all must match
	If   Expr  // a condition on the entry; nil: none
	Next bool  // several matches: try the next join, as MIM does, instead of waiting for a person
}

// Key is a metaverse attribute that must equal a value of the entry.
type Key struct {
	Attr  string
	Value Expr
}

// Inflow is a flow into the metaverse.
type Inflow struct {
	Attr   string
	Value  Expr
	Unique *Unique // for flows by unique(): Value is the wish
	Rank   int     // among all flows into the attribute; lower wins
	Keep   bool    // recall: false — the value stays when its contributor goes
}

// Unique makes candidates for a unique name.
type Unique struct {
	// Candidate returns the n-th candidate for the wish, n from 2. The first
	// candidate is the wish itself.
	Candidate func(in Input, wish string, n int64) (string, error)
}

// Fate is what happens to an account that is no longer wanted.
type Fate uint8

// The fates (MIM: deprovisioning).
const (
	DeleteAccount     Fate = iota // stage a delete
	Disconnect                    // cut the link; the entry may join again when it changes
	DisconnectForGood             // cut the link; only a person joins it again (explicit disconnector)
)

// Outbound is a rule from objects of one type to accounts of one type.
type Outbound struct {
	Name      string
	Where     string
	From      string // object type
	Connector string
	To        string // entry type
	Exists    Expr   // nil: the rule never creates or removes, it only maintains what is linked
	Otherwise Fate
	DN        Expr   // nil in flat systems
	Anchor    string // the attribute that is the anchor where we choose it; ""
	Flows     []Outflow
	Disabled  Expr     // over the account as it will be: is it disabled?
	Feeds     bool     // some inbound rule reads accounts of this connector into the object type
	NeedsRefs []string // reference attributes that the system demands at creation
}

// Outflow is a flow into an account.
type Outflow struct {
	Attr    string
	Value   Expr
	Ref     bool   // a reference: decided edge by edge
	From    string // the metaverse attribute that Value plainly copies, or ""
	Initial bool   // given once, at creation
	Keep    bool   // allow nulls is off: an absent value leaves what is there
	Report  bool   // a change that somebody else made is only reported
	OwnRank int    // rank of this connector's own flow into From; -1 if it has none
}

// Expr is a compiled expression. Absent input gives the Outcome None.
type Expr interface {
	// Eval never changes anything; an error concerns this object alone.
	Eval(in Input) (Result, error)
	// Reads lists what it may read.
	Reads() []Read
	// Copy returns the attribute that the expression plainly copies, or "".
	Copy() string
}

// Read is one thing that an expression reads.
type Read struct {
	Space string // "attr", "mv", "account"
	Ref   string // the reference attribute read through, or ""
	Attr  string
}

// MissingSince is what an expression that asks since when its entry or object is
// missing reads, with no space.
const MissingSince = expr.MissingSince

// Outcome is what kind of answer an expression gave.
type Outcome uint8

// The outcomes.
const (
	None              Outcome = iota // no contribution
	Some                             // Values hold it
	AuthoritativeNull                // nothing, and nobody of lower rank may contribute
	Ignore                           // as if the flow were not there: what is, stays
)

// Result is the answer of an expression.
type Result struct {
	Outcome Outcome
	Values  object.Values
}

// Input is what an expression may read.
type Input interface {
	Values(space, name string) object.Values
	Through(space, ref, name string) object.Values
	MissingSince() (time.Time, bool)
	Now() time.Time
	Due(time.Time) // called with the next instant at which the answer may change
	Seed() string
}

// GuardKind is a kind of change that a guard counts.
type GuardKind uint8

// The kinds.
const (
	Deletes GuardKind = iota
	Disables
	Renames
	Blanks
	Removals // of memberships
	Overwrites
)

// GuardKinds lists the names of the kinds, by kind.
var GuardKinds = [...]string{"deletes", "disables", "renames", "blanks", "removals", "overwrites"}

// Guard is a threshold over a moving 24 hours; it trips when both are passed.
type Guard struct {
	Connector string
	Type      string // entry type
	Kind      GuardKind
	Count     int
	Percent   float64
}

// Protected is a population in which one change is too many.
type Protected struct {
	Name string
	Type string // object type
	If   Expr   // over the metaverse object
}

// Password stands for a secret that is made when the change is sent. It is what
// plans show in its place.
var Password = object.Values{object.Str("\x00password made at sending")}
