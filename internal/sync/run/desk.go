package run

import (
	"context"
	"time"

	"muster/internal/base/object"
	"muster/internal/sync/engine"
	"muster/internal/sync/gate"
	"muster/internal/sync/metaverse"
	"muster/internal/sync/space"
)

// Desk is everything that people and programs can ask of a running Muster. The
// command line, stories, and later pages and REST call these methods and differ
// only in how they print. *Runner implements it; so does the client of a serving
// process's socket.
type Desk interface {
	Work
	Plans
	Asking
	Decide
	Look
	Portal
}

// Work moves data.
type Work interface {
	// Import reads a connector's system into its space. full asks for
	// everything, else for what changed.
	Import(ctx context.Context, connector string, full bool) (*StepReport, error)
	// Sync decides, and accepts as o says.
	Sync(ctx context.Context, o SyncOptions) (*StepReport, error)
	// Export sends what was accepted to a connector's system.
	Export(ctx context.Context, connector string) (*StepReport, error)
	// Run carries out a profile, step by step.
	Run(ctx context.Context, profile string) (*Report, error)
	// Release makes an import that the health gate holds the truth; Discard
	// forgets it and asks for a full import.
	Release(ctx context.Context, connector, by, because string) error
	Discard(ctx context.Context, connector, by, because string) error
}

// SyncOptions say what a synchronization does.
type SyncOptions struct {
	Full    bool
	Preview bool   // decide and store the plan, accept nothing
	Accept  Accept // of what is not held
	Release string // preview as if this connector's held import had been released
	// Rules, when set, are decided with in place of those in force: the impact
	// of a change of rules. Only a preview may set them.
	Rules *Config
}

// Plans shows what was and would be done.
type Plans interface {
	ListPlans(ctx context.Context, p Page) ([]PlanInfo, error)
	Plan(ctx context.Context, no int64) (PlanInfo, error) // no 0: the last
	Units(ctx context.Context, no int64, p Page) ([]UnitInfo, error)
	Waiting(ctx context.Context, p Page) ([]UnitInfo, error)
	Queue(ctx context.Context, p Page) ([]QueueInfo, error)
	Runs(ctx context.Context, p Page) ([]Report, error)
}

// Page asks for a part of a list.
type Page struct {
	After string // where the last page ended (its last item's Key); "" begins
	Size  int    // 0: 100
	Match string // only items whose object, change or cause contains this
	Sort  string // of what Find lists: "name", "type" or "founder"; "": by what it is found by
	// Object asks for the units of one object: "person hr/1002", "hr/1002", an
	// id, or the beginning of a name that only one object has.
	Object string
}

// PlanInfo is a plan as people see it in a list.
type PlanInfo struct {
	No       int64                `json:"no"`
	Kind     string               `json:"kind"` // "sync", "preview", "rules", "edit"
	State    string               `json:"state"`
	By       string               `json:"by"`
	Decided  time.Time            `json:"decided"` // the deciding clock's instant
	Accepted time.Time            `json:"accepted,omitzero"`
	Hash     string               `json:"hash"`
	Units    int64                `json:"units"`
	Held     int64                `json:"held"` // objects that wait
	Counts   []ChangeCount        `json:"counts"`
	Guards   []string             `json:"guards,omitempty"`
	Faults   []engine.ObjectFault `json:"faults,omitempty"`
}

// ChangeCount is how many changes of one kind a plan has.
type ChangeCount struct {
	Connector string `json:"connector,omitempty"`
	What      string `json:"what"` // the op in words
	N         int64  `json:"n"`
}

// UnitInfo is a unit, or what waits of one, as people see it.
type UnitInfo struct {
	Key     string       `json:"key"` // for Page.After
	Object  ObjectName   `json:"object"`
	Hash    string       `json:"hash,omitempty"`
	Changes []ChangeInfo `json:"changes"`
}

// ObjectName is what an object is called.
type ObjectName struct {
	ID      string `json:"id"`
	Type    string `json:"type"`
	Founder string `json:"founder"`         // connector/anchor
	Label   string `json:"label,omitempty"` // a display name, if it has one
}

// String is how plans and stories write it: "person hr/1002".
func (n ObjectName) String() string {
	if n.Founder == "" {
		return n.Type + " " + n.ID
	}
	return n.Type + " " + n.Founder
}

// ChangeInfo is one change in words.
type ChangeInfo struct {
	Op        string      `json:"op"`
	Connector string      `json:"connector,omitempty"`
	Name      string      `json:"name,omitempty"`
	Target    *ObjectName `json:"target,omitempty"`
	Before    []string    `json:"before,omitempty"`
	After     []string    `json:"after,omitempty"`
	Secret    bool        `json:"secret,omitempty"` // made at sending, not shown
	Rule      string      `json:"rule,omitempty"`
	Why       string      `json:"why,omitempty"`   // waiting: "guard blanks", "reject", "not approved"
	Cause     string      `json:"cause,omitempty"` // waiting: the guard's or the person's words
	// Objections are what the system has against the change, where it was asked.
	Objections []string `json:"objections,omitempty"`
	// In the history of an object: who approved it, and which import confirmed it.
	Approved  *ApprovalInfo `json:"approved,omitempty"`
	Confirmed *ImportInfo   `json:"confirmed,omitempty"`
	// Change is what is meant, for decisions about it; not shown.
	Change engine.Change `json:"-"`
}

// ApprovalInfo says who approved a change.
type ApprovalInfo struct {
	By string    `json:"by"` // several are parted by commas
	At time.Time `json:"at"`
}

// ImportInfo names an import.
type ImportInfo struct {
	Import int64     `json:"import"`
	At     time.Time `json:"at"`
}

// QueueInfo is an entry in the join queue.
type QueueInfo struct {
	Key        string       `json:"key"`
	Entry      string       `json:"entry"` // connector/anchor
	Rule       string       `json:"rule"`
	Taken      bool         `json:"taken"` // the one match has its place taken
	Candidates []ObjectName `json:"candidates"`
}

// Decide is what people decide. Each writes holds or approvals, and the next
// synchronization follows them.
type Decide interface {
	Approve(ctx context.Context, s Selection, d Decision) (int, error) // lifts what waits, and approves that very difference
	Reject(ctx context.Context, s Selection, d Decision) (int, error)
	Shelve(ctx context.Context, s Selection, until time.Time, d Decision) (int, error)
	Protect(ctx context.Context, s Selection, d Decision) (int, error)
	Lift(ctx context.Context, s Selection, d Decision) (int, error)
	Narrow(ctx context.Context, keep Selection, d Decision) (int, error) // hold all that waits or would be done, but this
	Undo(ctx context.Context, plan int64, d Decision) (*UndoInfo, error)
	JoinTo(ctx context.Context, entry, object string, d Decision) error // object "" founds a new one
	Disconnect(ctx context.Context, entry string, d Decision) error
	Holds(ctx context.Context, p Page) ([]HoldInfo, error)
}

// Selection says what a decision is about.
type Selection struct {
	Plan   int64  // units of this plan; 0: what waits
	Object string // one object, as ParseRef reads it; "" all
	Target string // one target of the object, as plans write it: "dir.fax", "title", "dir"; "" all
	Cause  string // only what waits for this cause, such as "guard deletes"
}

// Decision says who decides, and why.
type Decision struct {
	By      string
	Because string
}

// UndoInfo is what undoing a plan would do.
type UndoInfo struct {
	Plan    int64        `json:"plan"`
	Rules   string       `json:"rules,omitempty"` // the version of the earlier rules that decide again; then the rest is empty
	Undone  int          `json:"undone"`          // targets that go back
	Moved   []ChangeInfo `json:"moved"`           // values that are no longer as the plan left them
	Partial []string     `json:"partial"`         // what can be taken back only in part, and what stays lost
	Never   []string     `json:"never"`           // what cannot be taken back
}

// HoldInfo is a hold as people see it.
type HoldInfo struct {
	Key      string     `json:"key"`
	Object   ObjectName `json:"object"`
	Target   string     `json:"target"` // as plans write it; "" the whole object
	Refused  string     `json:"refused"`
	Instead  string     `json:"instead"` // "as it is", or a value
	Standing bool       `json:"standing"`
	Why      string     `json:"why"`
	Cause    string     `json:"cause"`
	By       string     `json:"by"`
	At       time.Time  `json:"at"`
	Until    time.Time  `json:"until,omitzero"`
}

// Look shows what is held.
type Look interface {
	Status(ctx context.Context) (*Status, error)
	Find(ctx context.Context, text string, p Page) ([]ObjectName, error)
	Show(ctx context.Context, ref string, asOf time.Time) (*ObjectInfo, error)
	Explain(ctx context.Context, ref, attribute string) (*Explanation, error)
}

// Status is the state of the whole installation.
type Status struct {
	Now        time.Time         `json:"now"`
	Objects    map[string]int64  `json:"objects"` // by type
	Connectors []ConnectorStatus `json:"connectors"`
	Waiting    int64             `json:"waiting"` // objects that wait for people
	Holds      int64             `json:"holds"`
	Queue      int64             `json:"queue"`
	Due        time.Time         `json:"due,omitzero"` // the next instant at which time alone changes something
	Schedules  []ScheduleStatus  `json:"schedules,omitempty"`
	LastRun    *Report           `json:"lastRun,omitempty"`
	Undone     *Takeback         `json:"undone,omitempty"` // the rules of the folder are undone; nil: they are in force
}

// ScheduleStatus is how a schedule stands. Without a server it has no next time.
type ScheduleStatus struct {
	Name    string    `json:"name"`
	Profile string    `json:"profile"`
	At      string    `json:"at"`
	Next    time.Time `json:"next,omitzero"`
	Running bool      `json:"running,omitempty"` // or waits for its turn
}

// ConnectorStatus is the state of one connector space, by MIM's words.
type ConnectorStatus struct {
	Name       string           `json:"name"`
	Kind       string           `json:"kind"`
	Entries    map[string]int64 `json:"entries"` // "connectors", "disconnectors", "placeholders", "missing"
	Pending    map[string]int64 `json:"pending"` // "add", "update", "rename", "delete", "unknown", "contested", "failed"
	LastImport time.Time        `json:"lastImport,omitzero"`
	Held       []gate.Suspicion `json:"held,omitempty"` // why the health gate holds an import
	HeldSince  time.Time        `json:"heldSince,omitzero"`
	NeedsFull  bool             `json:"needsFull"`
}

// ObjectInfo is one object with its entries, as it is or was.
type ObjectInfo struct {
	Name    ObjectName        `json:"name"`
	Object  *metaverse.Object `json:"-"`
	Entries []*space.Entry    `json:"-"`
	Values  []ValueInfo       `json:"values"`
	Links   []EntryInfo       `json:"links"`
	Holds   []HoldInfo        `json:"holds,omitempty"`
	Due     time.Time         `json:"due,omitzero"`
	History []HistoryInfo     `json:"history,omitempty"`
}

// ValueInfo is an attribute's value and where it came from.
type ValueInfo struct {
	Name   string       `json:"name"`
	Values []string     `json:"values"`
	Refs   []ObjectName `json:"refs,omitempty"`
	Origin OriginInfo   `json:"origin"`
}

// OriginInfo says where a value came from (LIN-1).
type OriginInfo struct {
	Entry  string    `json:"entry,omitempty"` // connector/anchor
	Rule   string    `json:"rule,omitempty"`
	Where  string    `json:"where,omitempty"` // file:line of the rule
	Import int64     `json:"import,omitempty"`
	At     time.Time `json:"at,omitzero"`
	Kept   bool      `json:"kept,omitempty"`
	Hold   bool      `json:"hold,omitempty"` // a person's hold put it there
	Edit   *EditInfo `json:"edit,omitempty"` // a person edited it in the portal
}

// EditInfo says who edited a value in the portal, when and why.
type EditInfo struct {
	By      string    `json:"by"`
	At      time.Time `json:"at"`
	Because string    `json:"because,omitempty"`
}

// EntryInfo is an entry and what is on its way to it.
type EntryInfo struct {
	Connector string        `json:"connector"`
	Type      string        `json:"type"`
	Anchor    string        `json:"anchor,omitempty"`
	DN        string        `json:"dn,omitempty"`
	State     string        `json:"state"`           // "present", "missing since …", "to be added", "to be deleted"
	Waits     string        `json:"waits,omitempty"` // what it waits for before it can be added
	Values    []ValueInfo   `json:"values"`
	Pending   []PendingInfo `json:"pending,omitempty"`
}

// PendingInfo is a change on its way.
type PendingInfo struct {
	Name   string      `json:"name"`
	Target *ObjectName `json:"target,omitempty"`
	Before []string    `json:"before,omitempty"`
	Want   []string    `json:"want,omitempty"`
	Found  []string    `json:"found,omitempty"`
	State  string      `json:"state"`
	Errors int         `json:"errors,omitempty"`
	Fault  string      `json:"fault,omitempty"`
	Plan   int64       `json:"plan"`
}

// HistoryInfo is one accepted unit of the object.
type HistoryInfo struct {
	Plan    int64        `json:"plan"`
	By      string       `json:"by"`
	At      time.Time    `json:"at"`
	Changes []ChangeInfo `json:"changes"`
}

// Explanation says why a value is so, or why it did not come about.
type Explanation struct {
	Name      ObjectName    `json:"name"`
	Attribute string        `json:"attribute,omitempty"`
	Lines     []ReasonInfo  `json:"lines"`
	Offers    []OfferInfo   `json:"offers,omitempty"`
	Objects   []ObjectName  `json:"objects,omitempty"`
	Values    []ValueInfo   `json:"values,omitempty"`
	Pending   []PendingInfo `json:"pending,omitempty"`
}

// ReasonInfo is one step of an explanation, from the source on.
type ReasonInfo struct {
	Said  string `json:"said"`
	Rule  string `json:"rule,omitempty"`
	Where string `json:"where,omitempty"`
	No    bool   `json:"no,omitempty"` // the condition that stopped it
}

// OfferInfo is one contribution to an attribute (LIN-4).
type OfferInfo struct {
	Entry  string   `json:"entry"`
	Rule   string   `json:"rule"`
	Rank   int      `json:"rank"`
	Values []string `json:"values"`
	Wins   bool     `json:"wins"`
	Why    string   `json:"why"`
	// Edit says who edited it in the portal, if that is where it comes from.
	Edit *EditInfo `json:"edit,omitempty"`
}

// RefID returns the id in a reference value of the metaverse or of an image.
func RefID(v object.Value) object.ID {
	var id object.ID
	copy(id[:], v.Text())
	return id
}

var _ Desk = (*Runner)(nil)
