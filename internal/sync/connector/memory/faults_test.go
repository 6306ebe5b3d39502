package memory_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"muster/internal/base/object"
	"muster/internal/base/problem"
	"muster/internal/base/secret"
	"muster/internal/sync/connector"
	"muster/internal/sync/connector/memory"
)

func str(name string, values ...string) connector.Mod {
	m := connector.Mod{Name: name}
	for _, v := range values {
		m.Values = append(m.Values, object.Str(v))
	}
	m.Values = object.Set(m.Values...)
	return m
}

func code(err error) problem.Code {
	var r *connector.Refusal
	if errors.As(err, &r) {
		return r.Code
	}
	return ""
}

// session opens a system and returns a function that sends one change.
func session(t *testing.T, opt memory.Options) (*memory.System, func(connector.Change) (connector.Outcome, error)) {
	t.Helper()
	opt.Schema = clone(schema, opt.Traits.Hierarchical)
	s := memory.New(opt)
	exporter, _ := s.Open().(connector.Exporter)
	e, err := exporter.OpenExport(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s, func(c connector.Change) (connector.Outcome, error) {
		out, err := e.Send(t.Context(), []connector.Change{c})
		return out[0], err
	}
}

func TestCallsAreCounted(t *testing.T) {
	s, send := session(t, memory.Options{})
	c := connector.Change{Verb: connector.Add, Type: "person", Anchor: "1", Mods: []connector.Mod{str("uid", "u")}}
	s.OnChange(func(connector.Change) *memory.Fault { return memory.Unanswered(memory.Whole) })
	o, err := send(c)
	var lost *connector.Unanswered
	if err != nil || !errors.As(o.Err, &lost) || len(s.Read()) != 1 {
		t.Errorf("outcome %v, error %v, %d objects", o, err, len(s.Read()))
	}
	s.OnChange(nil)
	if o, _ := send(c); code(o.Err) != connector.ExistingObject || s.Calls(connector.Add, "1") != 2 || s.Calls(connector.Update, "1") != 0 {
		t.Errorf("outcome %v, %d calls", o, s.Calls(connector.Add, "1"))
	}
}

func TestFaults(t *testing.T) {
	add := connector.Change{Verb: connector.Add, Type: "person", Anchor: "1", Mods: []connector.Mod{str("uid", "u"), str("title", "t")},
		Secrets: []connector.Secret{{Name: "password", Value: secret.New("x")}}}
	for name, c := range map[string]struct {
		fault *memory.Fault
		kept  int // attributes of the object afterwards, -1 if it is not there
		ends  bool
	}{
		"none":           {nil, 2, false},
		"refused":        {memory.Refuse(connector.PermissionIssue), -1, false},
		"busy":           {memory.Busy(0), -1, false},
		"half done":      {&memory.Fault{Err: &connector.Refusal{Code: connector.PasswordPolicy}, Effect: memory.Half}, 1, false},
		"cut before":     {memory.Cut(memory.Nothing), -1, true},
		"cut in between": {memory.Cut(memory.Half), 1, true},
		"cut after":      {memory.Cut(memory.Whole), 2, true},
	} {
		t.Run(name, func(t *testing.T) {
			s, send := session(t, memory.Options{})
			s.OnChange(func(connector.Change) *memory.Fault { return c.fault })
			o, err := send(add)
			if (err != nil) != c.ends || (o.Err == nil) != (c.fault == nil) {
				t.Errorf("outcome %v, error %v", o, err)
			}
			kept := -1
			for _, r := range s.Read() {
				kept = len(r.Attrs)
			}
			if kept != c.kept || (s.Secret("1", "password") != "") != (c.kept == 2) {
				t.Errorf("%d attributes, want %d; password %q", kept, c.kept, s.Secret("1", "password"))
			}
		})
	}
}

func TestBehaviour(t *testing.T) {
	s, send := session(t, memory.Options{Lowercase: true, CheckRefs: true, Echo: true, KeepChanges: 2})
	o, _ := send(connector.Change{Verb: connector.Add, Type: "person", Anchor: "1", Mods: []connector.Mod{str("uid", "ÄBC"), str("pin", "7")}})
	if got := o.Record.Attrs.Get("uid").String(); got != "äbc" || o.Record.Attrs.Has("pin") || !s.Read()[0].Attrs.Has("pin") {
		t.Errorf("told back %v", o.Record)
	}
	group := connector.Change{Verb: connector.Add, Type: "group", Anchor: "g", Mods: []connector.Mod{{Name: "member", Values: object.Set(object.Reference("2"))}}}
	if o, _ := send(group); code(o.Err) != connector.BadReference {
		t.Errorf("a member that is not there: %v", o.Err)
	}
	group.Mods = nil
	if o, _ := send(group); code(o.Err) != connector.SchemaViolation {
		t.Errorf("a group without members: %v", o.Err)
	}
	c := s.Open()
	mark, _ := c.Import(t.Context(), connector.Scope{}, func(object.Record) error { return nil })
	for range 3 {
		s.Put(s.Read()...)
	}
	since, _ := c.(connector.SinceImporter)
	_, err := since.ImportSince(t.Context(), connector.Scope{}, mark, func(connector.Delta) error { return nil })
	if !errors.Is(err, connector.ErrMarkExpired) {
		t.Errorf("after more changes than are kept: %v", err)
	}
}

func TestTreeFollows(t *testing.T) {
	s, send := session(t, ways["memory tree"])
	s.Put(object.Record{Type: "unit", DN: "ou=a,dc=example"})
	p := s.Put(object.Record{Type: "person", DN: "cn=p,ou=a,dc=example", Attrs: object.Bag(object.Attr{Name: "uid", Values: object.Set(object.Str("p"))})})[0]
	refs := object.Set(object.Reference("CN=P,ou=a,dc=example"))
	s.Put(object.Record{Type: "group", DN: "cn=g,dc=example", Attrs: object.Bag(object.Attr{Name: "member", Values: refs})})
	if o, _ := send(connector.Change{Verb: connector.Remove, Type: "unit", DN: "ou=a,dc=example"}); code(o.Err) != connector.ConstraintViolation {
		t.Errorf("deleting a unit with people: %v", o.Err)
	}
	if o, err := send(connector.Change{Verb: connector.Rename, Type: "unit", DN: "ou=a,dc=example", NewDN: "ou=b,dc=example"}); o.Err != nil {
		t.Fatal(o.Err, err)
	}
	for _, r := range s.Read() {
		switch {
		case r.Anchor == p.Anchor && r.DN != "cn=p,ou=b,dc=example":
			t.Errorf("the person is at %s", r.DN)
		case r.Type == "group" && r.Attrs.Get("member").String() != "cn=p,ou=b,dc=example":
			t.Errorf("the member is %s", r.Attrs.Get("member"))
		}
	}
	if o, _ := send(connector.Change{Verb: connector.Rename, Type: "unit", DN: "ou=b,dc=example", NewDN: "ou=c,ou=b,dc=example"}); code(o.Err) != connector.InvalidDN {
		t.Errorf("moving a unit under itself: %v", o.Err)
	}
}

// mutants are connections with a fault each, and the case of the examination
// that must notice it.
var mutants = map[string]struct {
	notices string
	wrap    func(connector.Connector) connector.Connector
}{
	"lost methods":      {"golden", func(c connector.Connector) connector.Connector { return struct{ connector.Connector }{c} }},
	"swallows errors":   {"import/error of emit", func(c connector.Connector) connector.Connector { return &mutant{c, "swallow"} }},
	"short is complete": {"import/cut short", func(c connector.Connector) connector.Connector { return &mutant{c, "short"} }},
	"tells twice":       {"import/everything once", func(c connector.Connector) connector.Connector { return &mutant{c, "twice"} }},
	"forgets one":       {"import/everything once", func(c connector.Connector) connector.Connector { return &mutant{c, "forget"} }},
	"deaf to cancel":    {"import/cancelled", func(c connector.Connector) connector.Connector { return &mutant{c, "deaf"} }},
	"ignores types":     {"import/scope of types", func(c connector.Connector) connector.Connector { return &mutant{c, "types"} }},
	"empty values":      {"import/everything once", func(c connector.Connector) connector.Connector { return &mutant{c, "empty"} }},
	"permits all": {"probe/denied update", func(c connector.Connector) connector.Connector {
		can, _ := c.(connector.Exporter)
		return &permissive{c, can}
	}},
	"leaks": {"describe/stable", func(c connector.Connector) connector.Connector { return &mutant{c, "leak"} }},
}

// permissive objects to nothing.
type permissive struct {
	connector.Connector
	connector.Exporter
}

func (*permissive) Probe(context.Context, connector.Change) ([]connector.Objection, error) {
	return nil, nil
}

type mutant struct {
	connector.Connector
	fault string
}

func (m *mutant) Describe(ctx context.Context) (connector.Description, error) {
	if m.fault == "leak" {
		go func() { select {} }()
	}
	return m.Connector.Describe(ctx)
}

func (m *mutant) Import(ctx context.Context, scope connector.Scope, emit func(object.Record) error) (connector.Mark, error) {
	n := 0
	switch m.fault {
	case "deaf":
		ctx = context.Background()
	case "types":
		scope.Types = nil
	}
	mark, err := m.Connector.Import(ctx, scope, func(r object.Record) error {
		n++
		switch {
		case m.fault == "twice" && n == 2:
			_ = emit(r)
		case m.fault == "forget" && n == 2:
			return nil
		case m.fault == "empty":
			r.Attrs = append(r.Attrs, object.Attr{Name: "~"})
		}
		return emit(r)
	})
	if m.fault == "swallow" || m.fault == "short" && problem.CodeOf(err) == connector.DroppedConnection {
		err = nil
	}
	return mark, err
}

// TestMutants lets faulty connections sit the examination in a process of
// their own and wants it to fail where it must.
func TestMutants(t *testing.T) {
	if os.Getenv("MUSTER_MUTANT") != "" {
		t.Skip("this is the mutant's own process")
	}
	for name, m := range mutants {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sat := "^TestExamination$/^memory$"
			if m.notices != "golden" {
				sat += "/" + strings.ReplaceAll(m.notices, " ", "_")
			}
			cmd := exec.Command(os.Args[0], "-test.run", sat)
			cmd.Env = append(os.Environ(), "MUSTER_MUTANT="+name)
			out, err := cmd.CombinedOutput()
			want := "--- FAIL: TestExamination/memory/" + strings.ReplaceAll(m.notices, " ", "_")
			if m.notices == "golden" {
				want = "abilities.golden: memory | export/add"
			}
			if err == nil || !strings.Contains(string(out), want) {
				t.Errorf("the examination passed, or not for the reason wanted (%s):\n%.2000s", want, out)
			}
		})
	}
}
