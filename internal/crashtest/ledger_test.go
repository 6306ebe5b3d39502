package crashtest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"muster/internal/base/config"
	"muster/internal/base/object"
	"muster/internal/base/secret"
	"muster/internal/sync/connector"
	"muster/internal/sync/connector/memory"
)

// ledgerKind is a directory outside the process: all that it holds is a
// journal of what was said to it, which the disk has before it acts, and of
// what it did. It gives anchors, and no call may be repeated. Whoever opens it
// finds what it did, whatever became of the process that asked for it.
func ledgerKind(v *visitor) connector.Kind {
	k := memory.Kind(nil)
	k.Name, k.Summary = "ledger", "a directory that notes each call"
	k.Fields = append(k.Fields,
		config.Field{Name: "folder", Required: true, Summary: "where the journal is"},
		config.Field{Name: "finds", Type: config.Bool, Default: "true", Summary: "objects can be looked up"},
	)
	k.Open = func(ctx context.Context, s *config.Section, secrets secret.Source) (connector.Connector, error) {
		l, err := openLedger(ctx, filepath.Join(s.Text("folder"), s.Name+".journal"), s, v)
		if err == nil && s.Bool("finds") {
			return &lookUp{l}, nil
		}
		return l, err
	}
	return k
}

// A visitor looks on while calls are made.
type visitor struct {
	point func(where string) // a place to die
	phase func(name string)  // what goes on now
	hang  int                // the call that is never answered
	calls int
}

// note is one line of a ledger's journal.
type note struct {
	Call *call `json:"call,omitempty"` // a change was asked for
	// Did: the call above was carried out, or refused.
	Did     bool   `json:"did,omitempty"`
	Refused string `json:"refused,omitempty"`
	Found   string `json:"found,omitempty"` // the object with the DN was looked up
	Read    bool   `json:"read,omitempty"`  // everything was read
	// Holds: the journal begins with this object, and Given anchors were given
	// until then.
	Holds *call `json:"holds,omitempty"`
	Given int   `json:"given,omitempty"`
}

type call struct {
	Verb    string   `json:"verb"`
	Type    string   `json:"type"`
	Anchor  string   `json:"anchor,omitempty"`
	DN      string   `json:"dn,omitempty"`
	NewDN   string   `json:"newDN,omitempty"`
	Mods    []mod    `json:"mods,omitempty"`
	Secrets []string `json:"secrets,omitempty"`
}

type mod struct {
	Op     connector.ModOp `json:"op"`
	Name   string          `json:"name"`
	Kind   string          `json:"kind"`
	Values []string        `json:"values,omitempty"`
}

// unanswered is the phase in which a call was made and no answer came.
const unanswered = "sent-unanswered"

// ledger is a connection to it.
type ledger struct {
	connector.Connector
	system *memory.System
	given  int // anchors
	file   *os.File
	v      *visitor
}

// lookUp is a ledger in which objects can be looked up.
type lookUp struct{ *ledger }

// exports is what the memory connector can do that a ledger uses.
type exports interface {
	connector.Exporter
	connector.Finder
}

func openLedger(ctx context.Context, path string, s *config.Section, v *visitor) (*ledger, error) {
	systems := &memory.Systems{}
	inner, err := memory.Kind(systems).Open(ctx, s, nil)
	if err != nil {
		return nil, err
	}
	l := &ledger{Connector: inner, system: systems.System(s.Name, nil), v: v}
	notes, whole, err := readJournal(path)
	if err != nil {
		return nil, err
	}
	if err := l.replay(ctx, notes); err != nil {
		return nil, err
	}
	if l.file, err = os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600); err != nil {
		return nil, err
	}
	if err := l.file.Truncate(whole); err != nil { // a line that a dying process began
		return nil, err
	}
	return l, nil
}

// readJournal returns the whole lines of a journal, and how long they are.
func readJournal(path string) (notes []note, whole int64, err error) {
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, 0, err
	}
	for line := range bytes.Lines(text) {
		if line[len(line)-1] != '\n' {
			break
		}
		var n note
		if err := json.Unmarshal(line, &n); err != nil {
			return nil, 0, fmt.Errorf("%s: %w", path, err)
		}
		notes, whole = append(notes, n), whole+int64(len(line))
	}
	return notes, whole, nil
}

// replay does again what was done.
func (l *ledger) replay(ctx context.Context, notes []note) error {
	inner := l.Connector.(exports) //nolint:forcetypeassert,errcheck // the memory connector can do everything
	x, err := inner.OpenExport(ctx)
	if err != nil {
		return err
	}
	var last *call
	for _, n := range notes {
		if n.Call != nil {
			last = n.Call
		}
		if n.Holds != nil {
			if err := l.hold(n); err != nil {
				return err
			}
		}
		if !n.Did {
			continue
		}
		c, err := last.change()
		if err != nil {
			return err
		}
		if _, err := l.make(ctx, x, c); err != nil {
			return err
		}
	}
	return x.Finish(ctx)
}

// make makes a change. A rename sets the naming attribute too, as directories
// do.
func (l *ledger) make(ctx context.Context, x connector.Export, c connector.Change) (connector.Outcome, error) {
	if c.Verb == connector.Add {
		l.given++
		c.Anchor = fmt.Sprintf("a%06d", l.given)
	}
	changes := []connector.Change{c}
	if c.Verb == connector.Rename {
		rdn, _ := object.SplitDN(c.NewDN)
		name, value, _ := strings.Cut(rdn, "=")
		naming := connector.Mod{Name: name, Values: object.Values{object.Str(value)}}
		changes = append(changes, connector.Change{Verb: connector.Update, Type: c.Type, Anchor: c.Anchor, DN: c.NewDN, Mods: []connector.Mod{naming}})
	}
	out, err := x.Send(ctx, changes)
	if err != nil {
		return connector.Outcome{}, err
	}
	return out[0], nil
}

// hold takes in an object that was there when the journal began.
func (l *ledger) hold(n note) error {
	c, err := n.Holds.change()
	if err != nil {
		return err
	}
	r := object.Record{Type: c.Type, Anchor: c.Anchor, DN: c.DN}
	for _, m := range c.Mods {
		r.Attrs.Put(m.Name, object.Set(m.Values...))
	}
	l.system.Put(r)
	l.given = n.Given
	return nil
}

// shorten begins the journal anew, with what there is.
func (l *ledger) shorten(path string) error {
	var b bytes.Buffer
	for _, r := range l.system.Read() {
		c := connector.Change{Type: r.Type, Anchor: r.Anchor, DN: r.DN}
		for _, a := range r.Attrs {
			c.Mods = append(c.Mods, connector.Mod{Name: a.Name, Values: a.Values})
		}
		line, err := json.Marshal(&note{Holds: asCall(c), Given: l.given})
		if err != nil {
			return err
		}
		b.Write(append(line, '\n'))
	}
	return os.WriteFile(path, b.Bytes(), 0o600)
}

// Describe says that anchors are given.
func (l *ledger) Describe(ctx context.Context) (connector.Description, error) {
	d, err := l.Connector.Describe(ctx)
	d.Traits.AnchorAssigned = true
	return d, err
}

func (l *ledger) write(n note) error {
	line, err := json.Marshal(&n)
	if err != nil {
		return err
	}
	if _, err := l.file.Write(append(line, '\n')); err != nil {
		return err
	}
	return l.file.Sync()
}

// Close ends the connection.
func (l *ledger) Close() error { return errors.Join(l.Connector.Close(), l.file.Close()) }

// Import tells everything, and notes that it did.
func (l *ledger) Import(ctx context.Context, scope connector.Scope, emit func(object.Record) error) (connector.Mark, error) {
	if err := l.write(note{Read: true}); err != nil {
		return "", err
	}
	return l.Connector.Import(ctx, scope, emit)
}

// Find looks up an object, and notes that it did.
func (l *lookUp) Find(ctx context.Context, w connector.Whereabouts) (object.Record, error) {
	if err := l.write(note{Found: w.DN}); err != nil {
		return object.Record{}, err
	}
	return l.Connector.(exports).Find(ctx, w) //nolint:forcetypeassert,errcheck // the memory connector can do everything
}

// OpenExport begins a session.
func (l *ledger) OpenExport(ctx context.Context) (connector.Export, error) {
	x, err := l.Connector.(exports).OpenExport(ctx) //nolint:forcetypeassert,errcheck // the memory connector can do everything
	return &sending{Export: x, l: l}, err
}

type sending struct {
	connector.Export
	l *ledger
}

// Send makes the changes one by one. The process may die before a call, while
// it is under way, and when it was done but not yet answered.
func (s *sending) Send(ctx context.Context, changes []connector.Change) ([]connector.Outcome, error) {
	var out []connector.Outcome
	for i := range changes {
		if err := ctx.Err(); err != nil {
			return out, err
		}
		o, err := s.one(ctx, changes[i])
		if err != nil {
			return out, err
		}
		out = append(out, o)
	}
	return out, nil
}

func (s *sending) one(ctx context.Context, c connector.Change) (connector.Outcome, error) {
	v := s.l.v
	v.calls++
	hangs := func(at int) {
		if v.calls == v.hang && v.calls%3 == at {
			v.phase(unanswered)
			time.Sleep(time.Hour) // nobody answers; a process in which nothing can go on would end by itself
		}
	}
	hangs(0)
	line := asCall(c)
	what := fmt.Sprintf(" %s %s", line.Verb, line.DN)
	if err := s.l.write(note{Call: line}); err != nil {
		return connector.Outcome{}, err
	}
	v.phase(unanswered)
	v.point(asked + what)
	hangs(1)
	o, err := s.l.make(ctx, s.Export, c)
	if err != nil {
		return o, err
	}
	n := note{Did: true}
	if o.Err != nil {
		n.Refused = o.Err.Error()
	}
	if err := s.l.write(n); err != nil {
		return connector.Outcome{}, err
	}
	v.point(did + what)
	hangs(2)
	v.phase("send")
	return o, nil
}

func asCall(c connector.Change) *call {
	out := &call{Verb: c.Verb.String(), Type: c.Type, Anchor: c.Anchor, DN: c.DN, NewDN: c.NewDN}
	for _, m := range c.Mods {
		x := mod{Op: m.Op, Name: m.Name}
		for _, v := range m.Values {
			x.Kind, x.Values = v.Kind().String(), append(x.Values, v.String())
		}
		out.Mods = append(out.Mods, x)
	}
	for _, s := range c.Secrets {
		out.Secrets = append(out.Secrets, s.Name)
	}
	return out
}

func (c *call) change() (connector.Change, error) {
	out := connector.Change{Type: c.Type, Anchor: c.Anchor, DN: c.DN, NewDN: c.NewDN}
	for out.Verb.String() != c.Verb {
		out.Verb++
	}
	for _, m := range c.Mods {
		x := connector.Mod{Op: m.Op, Name: m.Name}
		kind, _ := object.ParseKind(m.Kind)
		for _, text := range m.Values {
			v, err := object.ParseValue(kind, text)
			if err != nil {
				return out, err
			}
			x.Values = append(x.Values, v)
		}
		out.Mods = append(out.Mods, x)
	}
	for _, name := range c.Secrets {
		out.Secrets = append(out.Secrets, connector.Secret{Name: name, Value: secret.New("kept")})
	}
	return out, nil
}
