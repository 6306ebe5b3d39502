// Package connector is the contract between Muster and a connected system: one
// small interface that every connector has, and abilities that some have. A
// connector carries data and never decides: it exposes what the system holds,
// assumes nothing about what it is used for, and fails whole rather than
// answering in part.
package connector

import (
	"context"
	"time"

	"muster/internal/base/object"
	"muster/internal/base/problem"
	"muster/internal/base/secret"
)

// Connector is an open connection to one connected system.
type Connector interface {
	// Describe asks the system what it can hold and how it behaves.
	Describe(ctx context.Context) (Description, error)

	// Import tells everything in scope, each object once, in any order. The
	// records belong to the receiver. An error of emit ends the import and is
	// returned as it is. Import returns nil only if it told everything: a
	// short list read as complete is how identity systems delete a company.
	// A single object that cannot be read is reported as a *Refusal through
	// scope.Refused; the import goes on, and its receiver then takes nobody
	// for missing. The mark is where a later ImportSince may start.
	Import(ctx context.Context, scope Scope, emit func(object.Record) error) (Mark, error)

	// Close ends the connection. No method may be called afterwards.
	Close() error
}

// SinceImporter can tell what changed after a mark.
type SinceImporter interface {
	// ImportSince tells the changes after from, oldest first; several of one
	// object may be told as one. ErrMarkExpired asks for a full import.
	ImportSince(ctx context.Context, scope Scope, from Mark, emit func(Delta) error) (Mark, error)
}

// Exporter can be changed.
type Exporter interface {
	// OpenExport begins a session in which changes are sent.
	OpenExport(ctx context.Context) (Export, error)
}

// Export is one session of sending changes.
type Export interface {
	// Send sends the changes in order and returns one outcome for each that
	// it tried. A returned error ends the session; the outcomes returned with
	// it are still true, and changes without an outcome were not sent.
	Send(ctx context.Context, changes []Change) ([]Outcome, error)

	// Finish ends the session. Where Traits.Atomic is set, what Send did
	// counts only once Finish has returned nil: before that the system is as
	// it was.
	Finish(ctx context.Context) error

	// Abort ends the session without finishing it; an atomic session leaves
	// the system as it was. Abort after Finish does nothing.
	Abort()
}

// Finder can look up one object. It settles what became of a change whose
// answer was lost.
type Finder interface {
	// Find returns the object that w names; ErrNotFound if there is none.
	Find(ctx context.Context, w Whereabouts) (object.Record, error)
}

// Whereabouts names one object by whichever of anchor, DN or a naming value is
// known. A DN without a type means whatever bears it; of what is of no type in the
// schema, only anchor and DN are told.
type Whereabouts struct {
	Type, Anchor, DN string
	Key              object.Attr // a naming attribute with one value, if neither is known
}

// PasswordSetter can set a password as an administrator.
type PasswordSetter interface {
	SetPassword(ctx context.Context, w Whereabouts, password secret.Text) error
}

// Waiter can wait for changes.
type Waiter interface {
	// Wait returns nil as soon as something may have changed after since, or
	// ctx's error.
	Wait(ctx context.Context, since Mark) error
}

// Divided is a system that can be read a container at a time (Scope.Containers).
type Divided interface {
	// HasContainer reports that something is called by the DN, whatever its type.
	HasContainer(ctx context.Context, dn string) (bool, error)
}

// Mark is where an import of changes starts: the connector's own text, kept by
// Muster and never looked into.
type Mark string

// Scope says what to tell. Nil lists mean everything the schema has.
type Scope struct {
	Types      []string            // object types
	Attributes map[string][]string // by object type
	Containers []string            // DNs; subtrees of hierarchical systems
	// Refused receives an object that could not be read. When it is nil the
	// import ends with that refusal as its error.
	Refused func(*Refusal) error
	// Same, if it is not nil, reports that an object was told by an earlier
	// import with the same print: it counts as told, and the connector leaves it
	// out. A record that is told then carries its Print. Only connectors that
	// know a print long before a record ask for it, each object once.
	Same func(*Glimpse) bool
}

// Glimpse is what is known of an object before it is read whole. The receiver
// keeps nothing of it.
type Glimpse struct {
	Type, Anchor string
	Print        uint64   // a hash of all that the record would be made of, the settings too
	Attrs        []string // the attributes of the type
	Has          []bool   // which of them have a value
}

// Wants reports that objects of the type are in scope.
func (s Scope) Wants(typ string) bool {
	if s.Types == nil {
		return true
	}
	for _, t := range s.Types {
		if t == typ {
			return true
		}
	}
	return false
}

// Refuse hands r to the receiver of refusals, or ends the import with it.
func (s Scope) Refuse(r *Refusal) error {
	if s.Refused == nil {
		return r
	}
	return s.Refused(r)
}

// DeltaOp is what happened to an object.
type DeltaOp uint8

// The ways an object can change.
const (
	Put    DeltaOp = iota // Record is the whole object as it now is
	Merge                 // Mods apply to the object as last imported; Record holds type, anchor, DN
	Delete                // the object is gone; Record holds its anchor, or only its DN
)

// Delta is one change that the system tells.
type Delta struct {
	Op     DeltaOp
	Record object.Record
	Mods   []Mod // for Merge
}

// ModOp is how an attribute changes.
type ModOp uint8

// The ways an attribute can change.
const (
	Replace    ModOp = iota // the attribute has exactly these values; none removes it
	AddValues               // these values come to those that are there
	DropValues              // these values go
)

// Mod is a change of one attribute.
type Mod struct {
	Op     ModOp
	Name   string
	Values object.Values
}

// Verb is what a Change does.
type Verb uint8

// The verbs. An export sends them by stage: adds and values, renames,
// references, removals, deletes.
const (
	Add Verb = iota
	Update
	Rename
	Remove
)

var verbNames = [...]string{"add", "update", "rename", "delete"}

// String returns MIM's word for the verb.
func (v Verb) String() string { return verbNames[v] }

// Change is one call to the system. References in Mods are written as the
// system writes them: DN or anchor of the target. Secrets are values that
// must not be shown; they go in the same call.
type Change struct {
	Verb    Verb
	Type    string
	Anchor  string // "" for an Add where the system gives the anchor
	DN      string // as it is now; for Add, as it shall be; "" in flat systems
	NewDN   string // for Rename
	Mods    []Mod  // for Add (all Replace) and Update
	Secrets []Secret
}

// Secret is a value that is made at sending and never stored or shown.
type Secret struct {
	Name  string
	Value secret.Text
}

// Outcome is what became of a Change.
type Outcome struct {
	Err    error         // nil: done. *Refusal, *Busy, *Unanswered, or a fault that ended the session
	Anchor string        // what the system calls the object, if the change told us
	Record object.Record // the object afterwards, if the system said so; zero otherwise
}

// Description is what a system can hold and how it behaves.
type Description struct {
	Schema     object.Schema
	Traits     Traits
	Partitions []Partition // the parts of which it is made, if it has any
}

// Partition is a part of a system that is set up, and may vanish, as a whole:
// what lies below a base or a naming context. One that the settings name and
// that is not there is an error of Describe, PartitionGone: what was in it would
// be taken for deleted.
type Partition struct {
	Name string // a DN
	ID   string // another one if it was made anew under the same name; "" if nobody can tell
}

// NoPartition reports a partition that is not there.
func NoPartition(name string) error {
	return &problem.Problem{Code: PartitionGone, Object: name, Message: "the system does not have this partition, or may not show it",
		Fix: "correct the connector, or what its account may read; then import in full"}
}

// Traits are facts about a system that no method can show.
type Traits struct {
	AnchorAssigned bool   // the system, not we, chooses the anchor
	AnchorIsName   bool   // the anchor is the name: renaming means a new object
	Hierarchical   bool   // objects have DNs that lie under one another
	Atomic         bool   // an export session counts as a whole (see Export.Finish)
	DeltaMisses    string // what ImportSince cannot see, in words ("deletes"); a full import must follow now and then
	Repeatable     []Verb // verbs that may be sent again after a lost answer without harm
	Parallel       int    // sessions and calls it takes at once; 0 means 1
}

// Repeats reports that v may be sent again after a lost answer.
func (t Traits) Repeats(v Verb) bool {
	for _, r := range t.Repeatable {
		if r == v {
			return true
		}
	}
	return false
}

// Busy asks the caller to try again later.
type Busy struct {
	After time.Duration // how long to wait; 0 when the system did not say
	Err   error
}

// Error says why the system was busy.
func (b *Busy) Error() string { return "busy: " + b.Err.Error() }

// Unwrap returns the system's own error.
func (b *Busy) Unwrap() error { return b.Err }
