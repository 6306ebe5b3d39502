package expr

import (
	"time"

	"muster/internal/base/object"
)

// Type is what an expression gives or is wanted to give: values of one kind,
// at most one or several. Kind object.None wants anything that can be stored.
type Type struct {
	Kind  object.Kind
	Multi bool
}

// Context says what an expression is for. Some functions are allowed only in
// some contexts.
type Context uint8

// The contexts.
const (
	InboundFlow  Context = iota // gives a value to the metaverse
	OutboundFlow                // gives a value to an account, again and again
	InitialFlow                 // gives a value to a new account, once
	ScopeFilter                 // says whether a rule, a set or a policy covers something
	JoinValue                   // gives the value to look for
	Existence                   // says whether an account must exist, or a stage is reached
	DN                          // gives the name of an account
)

var contextNames = [...]string{"an inbound flow", "an outbound flow", "an initial flow", "a condition", "a join value", "a condition on existence", "a DN"}

// String names the context within a sentence.
func (c Context) String() string {
	if int(c) < len(contextNames) {
		return contextNames[c]
	}
	return "this place"
}

// The names of the spaces that an expression may read. Extra variables have
// the space "".
const (
	SpaceAttr     = "attr"     // the attributes of an entry
	SpaceMV       = "mv"       // the attributes of a metaverse object
	SpaceAccount  = "account"  // the attributes of an account as they will be
	SpaceImported = "imported" // what the last import said of the account: ImportedValue("x")
)

// MissingSince is the variable that tells since when an entry is missing. It
// is absent while the entry is there.
const MissingSince = "missingSince"

// Scope is what an expression may read. A nil type means that the space cannot
// be read here. A Scope is not changed by Compile and may serve many of them.
type Scope struct {
	Context  Context
	Attr     *object.Type
	MV       *object.Type
	Account  *object.Type
	Imported *object.Type

	// Targets are the types of object to which a reference in the metaverse
	// may lead. A single-valued reference can be read one step through, as in
	// mv.manager.displayName. Empty means MV alone.
	Targets []object.Type

	// Vars are further variables, each read as Values("", name).
	Vars map[string]Type
}

// space returns the type behind the name of a space.
func (s *Scope) space(name string) *object.Type {
	switch name {
	case SpaceAttr:
		return s.Attr
	case SpaceMV:
		return s.MV
	case SpaceAccount:
		return s.Account
	case SpaceImported:
		return s.Imported
	}
	return nil
}

// spaces returns the names of the spaces that can be read here.
func (s *Scope) spaces() []string {
	var names []string
	for _, n := range []string{SpaceAttr, SpaceMV, SpaceAccount} {
		if s.space(n) != nil {
			names = append(names, n)
		}
	}
	return names
}

// Input is all that an expression sees while it runs. It must give the same
// answers all through one evaluation.
type Input interface {
	// Values returns the values of an attribute, or of an extra variable
	// (space ""); none when it is absent.
	Values(space, name string) object.Values
	// Through returns the values of an attribute of the object that the
	// single-valued reference ref names.
	Through(space, ref, name string) object.Values
	// MissingSince returns since when the entry is missing, false while it is
	// there.
	MissingSince() (time.Time, bool)
	// Now returns the deciding clock.
	Now() time.Time
	// Due receives the next instant at which a time condition that was
	// evaluated will switch. It is called only for instants after Now.
	Due(time.Time)
	// Seed returns what free random values are drawn from: the same seed
	// gives the same values.
	Seed() string
}

// Read is one thing that an expression reads: an attribute of a space, through
// a reference when Ref is not "". Extra variables and missingSince have the
// space "".
type Read struct {
	Space, Ref, Name string
}

// String shows the read as an expression writes it.
func (r Read) String() string {
	s := r.Name
	if r.Ref != "" {
		s = r.Ref + "." + s
	}
	if r.Space != "" {
		s = r.Space + "." + s
	}
	return s
}
