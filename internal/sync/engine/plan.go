package engine

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"muster/internal/base/object"
	"muster/internal/sync/metaverse"
)

// Op is what a change does. The numbers are stored: append, never reorder.
type Op uint8

// The ops: first what happens in the metaverse, then what happens to accounts.
const (
	Birth          Op = iota // the object comes into being
	Death                    // the object ends
	Link                     // an entry is linked: Connector, Name is its anchor
	Unlink                   // an entry is cut: Connector, Name is its anchor
	SetValue                 // a metaverse attribute: Name
	AddRef                   // a metaverse reference comes: Name, Target
	DropRef                  // a metaverse reference goes: Name, Target
	AddAccount               // an account shall come into being: Connector, Name is its type
	DropAccount              // an account shall be deleted
	CutAccount               // an account is cut and left as it is; Name is the fate
	Rename                   // the account's DN
	SetAccount               // an account's attribute: Name
	SetInitial               // an account's attribute, given once
	AddAccountRef            // a reference of an account comes: Name, Target (an object)
	DropAccountRef           // a reference of an account goes
)

var opNames = [...]string{"birth", "death", "link", "unlink", "value", "reference added", "reference removed",
	"account added", "account deleted", "account cut", "rename", "account value", "initial value",
	"account reference added", "account reference removed"}

// String returns the op in words.
func (o Op) String() string { return opNames[o] }

// Change is one thing that a unit does. All but Rule and Shown is hashed.
type Change struct {
	Op        Op
	Connector string // "" in the metaverse
	Name      string
	Target    object.ID // for references: the object named
	Before    object.Values
	After     object.Values
	Rule      string // the rule that wants it, for people; not hashed
	Shown     bool   // of an account's reference: the released image shows it, by the links that the plan leaves; not hashed
}

// compare orders changes canonically.
func (c *Change) compare(d *Change) int {
	if c.Connector != d.Connector {
		return strings.Compare(c.Connector, d.Connector)
	}
	if c.Op != d.Op {
		return int(c.Op) - int(d.Op)
	}
	if c.Name != d.Name {
		return strings.Compare(c.Name, d.Name)
	}
	return c.Target.Compare(d.Target)
}

// append writes the canonical form, which holds no rule, time or internal key.
func (c *Change) append(b []byte) []byte {
	b = append(b, byte(c.Op))
	b = object.AppendString(b, c.Connector)
	b = object.AppendString(b, c.Name)
	b = append(b, c.Target[:]...)
	b = object.AppendValues(b, c.Before)
	return object.AppendValues(b, c.After)
}

func readChange(r *object.Reader) Change {
	c := Change{Op: Op(r.Byte()), Connector: r.String(), Name: r.String(), Target: r.ID()}
	c.Before, c.After = r.Values(), r.Values()
	return c
}

// Hash names a unit or a plan: the first 16 bytes of a SHA-256 hash.
type Hash [16]byte

// String returns the hash in hexadecimal digits.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// Unit is one metaverse object with all that follows for it. It is accepted
// whole or not at all.
type Unit struct {
	Object  object.ID
	Type    string
	Founder string   // what people call the object by; not hashed
	Changes []Change // in canonical order
	// Origins says for each SetValue, AddRef and DropRef where it came from,
	// in the order of Changes. Lineage; not hashed.
	Origins []metaverse.Origin
	// Claims are unique names that come with the values. Not hashed: the name
	// itself is a change.
	Claims []metaverse.Claim
	Basis  []Basis
	Due    time.Time // when time alone will change something; not hashed
	// Undone says that a person took the object's birth back: the entries that it
	// loses may not join until they change (HOLD-22). Not hashed.
	Undone bool
}

// Basis is a version that deciding the unit rested on.
type Basis struct {
	Object  bool // an object's version, else an entry's
	ID      object.ID
	Version int64 // 0: it was not there
}

// sort puts the changes in canonical order. Those with an origin are in order
// already, and come first.
func (u *Unit) sort() {
	compare := func(a, b *Change) int { return a.compare(b) }
	for i := 1; i < len(u.Changes); i++ {
		if u.Changes[i-1].compare(&u.Changes[i]) <= 0 {
			continue
		}
		order := make([]*Change, len(u.Changes))
		for i := range u.Changes {
			order[i] = &u.Changes[i]
		}
		slices.SortStableFunc(order, compare)
		sorted := make([]Change, len(order))
		for i, c := range order {
			sorted[i] = *c
		}
		u.Changes = sorted
		return
	}
}

// HasOrigin reports that the change has a place in Unit.Origins: it sets a
// metaverse value or reference.
func (c *Change) HasOrigin() bool { return c.Op == SetValue || c.Op == AddRef || c.Op == DropRef }

// AppendCanonical appends the form that is hashed.
func (u *Unit) AppendCanonical(b []byte) []byte {
	b = append(b, u.Object[:]...)
	b = object.AppendString(b, u.Type)
	for i := range u.Changes {
		b = u.Changes[i].append(b)
	}
	return b
}

// Hash returns the unit's hash. It covers only the changes.
func (u *Unit) Hash() Hash { return hashOf(u.AppendCanonical(nil)) }

// HashOf returns the hash of a unit's canonical form.
func HashOf(b []byte) Hash { return hashOf(b) }

func hashOf(b []byte) Hash {
	sum := sha256.Sum256(b)
	return Hash(sum[:16])
}

// PlanHash returns the hash of a plan from its units' hashes, which it sorts.
func PlanHash(units []Hash) Hash {
	slices.SortFunc(units, func(a, b Hash) int { return bytes.Compare(a[:], b[:]) })
	h := sha256.New()
	for i := range units {
		h.Write(units[i][:])
	}
	return Hash(h.Sum(nil)[:16])
}

// Append appends the unit whole, as it is stored.
func (u *Unit) Append(b []byte) []byte {
	b, _ = u.AppendWith(b, nil)
	return b
}

// AppendWith appends the unit whole to b, and to canonical the form that is
// hashed, which AppendCanonical appends too.
func (u *Unit) AppendWith(b, canonical []byte) (whole, hashed []byte) {
	canonical = object.AppendString(append(canonical, u.Object[:]...), u.Type)
	b = append(b, u.Object[:]...)
	b = object.AppendString(object.AppendString(b, u.Type), u.Founder)
	b = appendCount(b, len(u.Changes))
	k := 0
	for i := range u.Changes {
		c := &u.Changes[i]
		from := len(b)
		b = c.append(b)
		canonical = append(canonical, b[from:]...)
		b = append(object.AppendString(b, c.Rule), flag(c.Shown))
		if c.HasOrigin() {
			b = appendOrigin(b, &u.Origins[k])
			k++
		}
	}
	b = appendCount(b, len(u.Claims))
	for _, c := range u.Claims {
		b = object.AppendString(object.AppendString(object.AppendString(b, c.Attr), c.Wish), c.Name)
	}
	b = appendCount(b, len(u.Basis))
	for _, x := range u.Basis {
		b = append(append(b, flag(x.Object)), x.ID[:]...)
		b = object.AppendValue(b, object.Integer(x.Version))
	}
	due := object.Value{}
	if !u.Due.IsZero() {
		due = object.Instant(u.Due)
	}
	return append(object.AppendValue(b, due), flag(u.Undone)), canonical
}

func flag(set bool) byte {
	if set {
		return 1
	}
	return 0
}

// ReadUnit reads what Unit.Append wrote.
func ReadUnit(r *object.Reader) Unit {
	u := Unit{Object: r.ID(), Type: r.String(), Founder: r.String()}
	n := r.Count()
	u.Changes, u.Origins = make([]Change, 0, n), make([]metaverse.Origin, 0, n)
	for range n {
		c := readChange(r)
		c.Rule, c.Shown = r.String(), r.Byte() == 1
		if c.HasOrigin() {
			u.Origins = append(u.Origins, readOrigin(r))
		}
		u.Changes = append(u.Changes, c)
	}
	for range r.Count() {
		u.Claims = append(u.Claims, metaverse.Claim{Attr: r.String(), Wish: r.String(), Name: r.String()})
	}
	for range r.Count() {
		u.Basis = append(u.Basis, Basis{Object: r.Byte() == 1, ID: r.ID(), Version: r.Value().Int()})
	}
	if due := r.Value(); !due.IsZero() {
		u.Due = due.Time()
	}
	u.Undone = r.Byte() == 1
	return u
}

func appendCount(b []byte, n int) []byte { return object.AppendUvarint(b, uint64(n)) }

func appendOrigin(b []byte, o *metaverse.Origin) []byte {
	b = object.AppendString(b, o.Connector)
	b = append(b, o.Entry[:]...)
	b = object.AppendString(b, o.Anchor)
	b = object.AppendString(b, o.Rule)
	b = object.AppendUvarint(b, uint64(o.Import))
	return append(b, flag(o.Kept))
}

func readOrigin(r *object.Reader) metaverse.Origin {
	return metaverse.Origin{Connector: r.String(), Entry: r.ID(), Anchor: r.String(), Rule: r.String(), Import: int64(r.Uvarint()), Kept: r.Byte() == 1}
}

// Target is what a hold is about.
type Target struct {
	Object    object.ID
	Kind      TargetKind
	Connector string    // for accounts and links
	Name      string    // attribute; for links the entry's anchor
	Ref       object.ID // for references: the object named
}

// TargetKind says what sort of thing a hold is about.
type TargetKind uint8

// The kinds of target. The numbers are stored: append, never reorder.
const (
	WholeObject  TargetKind = iota // that the object exists, and with it all it has
	ObjectValue                    // a metaverse attribute
	ObjectRef                      // one metaverse reference
	AccountLife                    // that the account exists, and with it its values
	AccountValue                   // an attribute of the account
	AccountRef                     // one reference of the account
	EntryLink                      // that the entry is linked to the object
)

// Hold is a record that deciding reads: it refuses one outcome for a target and
// says what stays instead. There is at most one for a target.
type Hold struct {
	ID       int64 // the store's
	Target   Target
	Refused  object.Values // the refused outcome: a value; for existence, links and references Present or none
	Standing bool          // refuses every outcome, until lifted or Until
	AtValue  bool          // Instead stays; otherwise what is, stays
	Instead  object.Values
	Why      string // "guard", "reject", "shelve", "narrow", "undo", "protect", "join", "disconnect"
	Cause    string // for people: which guard and what it saw, or a person's words
	By       string
	At       time.Time
	Until    time.Time // zero: no end by time
	Plan     int64     // the plan it was written in
}

// Verdict is what deciding says of one object.
type Verdict struct {
	Object  object.ID
	Unit    *Unit         // nil: nothing changes
	Waiting []Change      // what would change if nothing were held
	Ended   []*Hold       // holds whose refused outcome is no longer wanted, or whose time is over
	Due     time.Time     // the next instant at which time alone may change the answer
	WasDue  time.Time     // the instant that is stored now
	Origins []NewOrigin   // values that stay and come from another contributor now
	Faults  []ObjectFault // rules that failed on this object; it stays as it is
	Entries []object.ID   // of an object that stays so: by whom the next run comes to try it again
	Seen    []object.ID   // who was decided as if it did not stay so: they are decided again with it
	keys    []Key         // by which entries found it, and by which they find it as it stays
	Unborn  bool          // the object that stays so is not there yet: who refers to it waits (ACC-5)
}

// NewOrigin is a new origin of a value that stays as it is.
type NewOrigin struct {
	Attr   string
	Origin metaverse.Origin
}

// ObjectFault is a rule that failed on an object.
type ObjectFault struct {
	Code      string // MIM's name where it has one
	Connector string
	Anchor    string
	Rule      string
	Message   string
}

// Queued is an entry that waits for a person: several objects match it, or the
// one that does has its place taken.
type Queued struct {
	Entry      object.ID
	Rule       string
	Candidates []object.ID
	Taken      bool // the one match has another present entry of the connector
}
