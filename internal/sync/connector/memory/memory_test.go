package memory_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"muster/internal/base/object"
	"muster/internal/sync/connector"
	"muster/internal/sync/connector/connectortest"
	"muster/internal/sync/connector/memory"
)

var schema = object.Schema{Types: []object.Type{
	{Name: "person", Attributes: []object.Attribute{
		{Name: "uid", Kind: object.String, Required: true, Unique: true},
		{Name: "cn", Kind: object.String, Multi: true},
		{Name: "title", Kind: object.String},
		{Name: "mail", Kind: object.String, Multi: true},
		{Name: "number", Kind: object.Int},
		{Name: "active", Kind: object.Bool},
		{Name: "hired", Kind: object.Time},
		{Name: "photo", Kind: object.Bytes},
		{Name: "pin", Kind: object.String, WriteOnly: true},
	}},
	{Name: "group", Attributes: []object.Attribute{
		{Name: "uid", Kind: object.String},
		{Name: "member", Kind: object.Ref, Multi: true, Required: true},
	}},
	{Name: "unit"},
}}

var ways = map[string]memory.Options{
	"memory":        {},
	"memory atomic": {Description: connector.Description{Traits: connector.Traits{Atomic: true, AnchorAssigned: true}}, Echo: true},
	"memory tree": {
		Description: connector.Description{Traits: connector.Traits{Hierarchical: true, AnchorAssigned: true}},
		Roots:       []string{"dc=example"}, CheckRefs: true, TellMods: true,
	},
}

func TestExamination(t *testing.T) {
	for name, opt := range ways {
		opt.Schema = clone(schema, opt.Traits.Hierarchical)
		t.Run(name, func(t *testing.T) {
			connectortest.Run(t, connectortest.Suite{Name: name, New: func(*testing.T) connectortest.System { return system(opt) }})
		})
	}
}

// clone returns s with references by DN, if that is asked for.
func clone(s object.Schema, byDN bool) object.Schema {
	var out object.Schema
	for _, t := range s.Types {
		t.Attributes = append([]object.Attribute(nil), t.Attributes...)
		for i := range t.Attributes {
			t.Attributes[i].ByDN = byDN && t.Attributes[i].Kind == object.Ref
		}
		out.Types = append(out.Types, t)
	}
	return out
}

func system(opt memory.Options) connectortest.System {
	s := memory.New(opt)
	tree := opt.Traits.Hierarchical
	if tree {
		s.Put(object.Record{Type: "unit", DN: "ou=in,dc=example"}, object.Record{Type: "unit", DN: "ou=out,dc=example"})
	}
	person := func(i int) object.Record {
		uid := fmt.Sprint("p", i)
		r := object.Record{Type: "person", Attrs: object.Bag(object.Attr{Name: "uid", Values: object.Set(object.Str(uid))})}
		if !opt.Traits.AnchorAssigned {
			r.Anchor = uid
		}
		if tree {
			r.DN = fmt.Sprintf("cn=%s,ou=%s,dc=example", uid, []string{"in", "out"}[i%2])
		}
		return r
	}
	put := func(_ *testing.T, records ...object.Record) []object.Record {
		for i, r := range records {
			for _, o := range s.Read() {
				if r.Anchor == "" && o.Attrs.Get("uid").Equal(r.Attrs.Get("uid")) && r.Attrs.Has("uid") {
					records[i].Anchor = o.Anchor
				}
			}
		}
		return s.Put(records...)
	}
	sys := connectortest.System{
		Open: func(*testing.T) connector.Connector {
			if m, ok := mutants[os.Getenv("MUSTER_MUTANT")]; ok {
				return m.wrap(s.Open())
			}
			return s.Open()
		},
		Put:      put,
		Delete:   func(_ *testing.T, r object.Record) { s.Delete(r.Anchor) },
		Read:     func(*testing.T) []object.Record { return s.Read() },
		Expire:   func(*testing.T) { s.Expire() },
		Deny:     func(_ *testing.T, v connector.Verb, attr string) { s.Deny(v, attr) },
		Password: func(_ *testing.T, r object.Record, p string) bool { return s.Secret(r.Anchor, "password") == p },
		Sample: connectortest.Sample{
			Make: person, Member: "member", Key: "uid", Text: "title", Multi: "mail", Secret: "password",
			Kinds: map[object.Kind]string{object.Int: "number", object.Bool: "active", object.Time: "hired", object.Bytes: "photo"},
			Group: func(i int, members ...object.Record) object.Record {
				r := person(i)
				r.Type, r.Anchor = "group", strings.Replace(r.Anchor, "p", "g", 1)
				r.DN = strings.Replace(r.DN, "cn=p", "cn=g", 1)
				var refs object.Values
				for _, m := range members {
					if tree {
						refs = append(refs, object.Reference(m.DN))
					} else {
						refs = append(refs, object.Reference(m.Anchor))
					}
				}
				r.Attrs = object.Bag(
					object.Attr{Name: "uid", Values: object.Set(object.Str(fmt.Sprint("g", i)))},
					object.Attr{Name: "member", Values: object.Set(refs...)})
				return r
			},
		},
		Faults: faults(s),
	}
	if tree {
		sys.Sample.Within = "ou=In,dc=example"
		sys.Sample.NewDN = func(r object.Record) string { return "cn=new,ou=out,dc=example" }
		sys.Move = func(t *testing.T, r object.Record, dn string) object.Record {
			r.DN = dn
			return s.Put(r)[0]
		}
	}
	return sys
}

func faults(s *memory.System) connectortest.Faults {
	// once returns a hook that gives f to the first change of r.
	once := func(r object.Record, f *memory.Fault) {
		s.OnChange(func(c connector.Change) *memory.Fault {
			if c.Anchor != r.Anchor || f == nil {
				return nil
			}
			now := f
			f = nil
			return now
		})
	}
	return connectortest.Faults{
		CutImport: func(_ *testing.T, after int) { s.OnTell(memory.CutAfter(after)) },
		Unreadable: func(_ *testing.T, r object.Record) {
			s.OnTell(func(o object.Record) error {
				if o.Anchor == r.Anchor {
					return &connector.Refusal{Object: o.Anchor, Code: connector.ReadError}
				}
				return nil
			})
		},
		Refuse:    func(_ *testing.T, r object.Record) { once(r, memory.Refuse(connector.PermissionIssue)) },
		Busy:      func(_ *testing.T, r object.Record) { once(r, memory.Busy(0)) },
		Lost:      func(_ *testing.T, r object.Record) { once(r, memory.Unanswered(memory.Whole)) },
		CutExport: func(_ *testing.T, r object.Record) { once(r, memory.Cut(memory.Nothing)) },
	}
}
