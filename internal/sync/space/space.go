// Package space is the connector space: for each object of a connected system,
// what was last seen there, what is still to be sent, and which metaverse
// object it belongs to. It holds values and small functions over them; it never
// reads a store and never asks a connected system.
package space

import (
	"time"

	"muster/internal/base/object"
)

// Entry is our picture of one object in one connected system.
//
// References in Image are ids of entries of the same connector (as the raw 16
// bytes of the id), not names: whoever imports resolves them, with a
// placeholder where the target has not been seen.
type Entry struct {
	ID        object.ID
	Connector string
	Type      string
	Anchor    string // "" until the system has given one
	DN        string // as last seen; "" in flat systems
	Link      object.ID
	Explicit  bool      // a person linked it; scope rules do not cut it
	Cut       object.ID // the object it was cut from and may not join until it changes
	Seen      bool      // an import has shown it
	Retyped   bool      // told with another type since it was linked: the link is the old entry's
	Missing   time.Time // since when imports no longer show it; zero while they do
	Stub      bool      // a placeholder: known only because something refers to it
	Image     object.Attrs
	Arrived   []Arrival    // when values arrived, for attributes of equal precedence
	Initial   object.Attrs // values given once, at creation
	Pending   []Pending    // changes on their way, sorted by Name, then Target
	Version   int64        // moves with every change of the released image
}

// EntryID returns the id of the entry that a connector calls anchor.
func EntryID(connector, anchor string) object.ID { return object.NewID("entry", connector, anchor) }

// AccountID returns the id of an account that the system has not named yet:
// the n-th that we make for the object there (0 is the first).
func AccountID(connector string, obj object.ID, n int) object.ID {
	return object.NewID("account", connector, obj.String(), string(rune('0'+n)))
}

// Arrival says when the present value of an attribute arrived.
type Arrival struct {
	Name string
	At   time.Time
}

// ArrivedAt returns when the named attribute's value arrived; zero if unknown.
func (e *Entry) ArrivedAt(name string) time.Time {
	for _, a := range e.Arrived {
		if a.Name == name {
			return a.At
		}
	}
	return time.Time{}
}

// State is where a change is on its way to the system.
type State uint8

// The states of a change. The numbers are stored: append, never reorder.
const (
	Waiting   State = iota // decided and accepted, not sent
	Unknown                // handed over; no answer yet, or none came
	Sent                   // the system took it; no import has shown it yet
	Contested              // imports show another value, twice; rests until something moves
	Failed                 // the system refused it; tried again at the next export
)

var stateNames = [...]string{"waiting", "sent, outcome unknown", "sent", "contested", "failed"}

// String returns the state in words.
func (s State) String() string { return stateNames[s] }

// Names of pending changes that are not attributes. No schema has a name that
// begins with "@".
const (
	Account = "@account" // Want is true to create, no value to delete
	Name    = "@dn"      // Want is the new DN
)

// Pending is one change of one attribute, one reference, or the account itself.
type Pending struct {
	Name   string
	Target object.ID // for a reference: the object it names; Before and Want then are presence (true, or none)
	Before object.Values
	Want   object.Values
	Found  object.Values // contested: what imports show instead
	State  State
	Tries  int       // confirmations that showed another value
	Errors int       // refusals in a row
	Fault  string    // the last refusal: code and the system's words
	First  time.Time // when it was first refused
	SentNo int64     // number of the sending, to tell what an import can know
	Plan   int64     // the plan that decided it
}

// Present is the Want of something that shall be there.
var Present = object.Values{object.Boolean(true)}

// PendingOf returns the pending change of the named attribute (and reference
// target), nil if there is none.
func (e *Entry) PendingOf(name string, target object.ID) *Pending {
	i, ok := e.findPending(&Pending{Name: name, Target: target})
	if !ok {
		return nil
	}
	return &e.Pending[i]
}

// Top returns the value that the attribute will have once everything accepted
// is sent: what waits to be sent or was sent, else the released image. For
// references see TopRefs.
func (e *Entry) Top(name string) object.Values {
	if p := e.PendingOf(name, object.ID{}); p != nil {
		return p.Want
	}
	switch name {
	case Account:
		if e.Seen && e.Missing.IsZero() {
			return Present
		}
		return nil
	case Name:
		if e.DN == "" {
			return nil
		}
		return object.Values{object.Str(e.DN)}
	}
	return e.Image.Get(name)
}

// Exists reports that the account will be there once everything accepted is
// sent.
func (e *Entry) Exists() bool { return len(e.Top(Account)) > 0 }

// Unsent reports an account that was never handed to the system.
func (e *Entry) Unsent() bool {
	p := e.PendingOf(Account, object.ID{})
	return p != nil && len(p.Want) > 0 && (p.State == Waiting || p.State == Failed) && !e.Seen
}

// Deleting reports that the account's deletion is accepted.
func (e *Entry) Deleting() bool {
	p := e.PendingOf(Account, object.ID{})
	return p != nil && len(p.Want) == 0
}

// DeletionSent reports that the account's deletion was handed over.
func (e *Entry) DeletionSent() bool {
	p := e.PendingOf(Account, object.ID{})
	return p != nil && len(p.Want) == 0 && p.State != Waiting && p.State != Failed
}
