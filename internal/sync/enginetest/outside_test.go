package enginetest

import (
	"context"
	"errors"
	"maps"
	"slices"

	"muster/internal/base/object"
	"muster/internal/sync/connector"
	"muster/internal/sync/oracle"
)

// system is a connection to one system of a history.
type system struct {
	h      *oracle.History
	name   string
	schema object.Schema
	lost   func() bool // whether an answer never comes
}

func (s *system) Describe(context.Context) (connector.Description, error) {
	return connector.Description{Schema: s.schema, Traits: connector.Traits{AnchorAssigned: true, Hierarchical: s.name == oracle.Directory}}, nil
}

func (s *system) Close() error { return nil }

func (s *system) Import(_ context.Context, _ connector.Scope, emit func(object.Record) error) (connector.Mark, error) {
	rows := s.h.Out.Rows[s.name]
	for _, anchor := range slices.Sorted(maps.Keys(rows)) {
		row := rows[anchor]
		row.Attrs = row.Attrs.Clone()
		if err := emit(row); err != nil {
			return "", err
		}
	}
	return "", nil
}

func (s *system) OpenExport(context.Context) (connector.Export, error) { return &sending{s}, nil }

// sending is a session of it.
type sending struct{ *system }

func (s *sending) Finish(context.Context) error { return nil }
func (s *sending) Abort()                       {}

func (s *sending) Send(_ context.Context, changes []connector.Change) ([]connector.Outcome, error) {
	var out []connector.Outcome
	for i := range changes {
		anchor, err := s.one(&changes[i])
		o := connector.Outcome{Anchor: anchor}
		switch {
		case s.lost():
			o = connector.Outcome{Err: &connector.Unanswered{Err: errLost}}
		case err != nil:
			o.Err = &connector.Refusal{Object: changes[i].Anchor, Code: connector.CDError, Err: err}
		}
		out = append(out, o)
	}
	return out, nil
}

var errLost = errors.New("the answer is lost")

// one makes one change.
func (s *sending) one(c *connector.Change) (string, error) {
	dn := c.DN
	switch c.Verb {
	case connector.Remove:
		s.h.Out.Remove(s.name, c.Anchor)
		return c.Anchor, nil
	case connector.Rename:
		dn = c.NewDN
	case connector.Update:
		dn = ""
	case connector.Add:
	}
	row, set := s.h.Out.Rows[s.name][c.Anchor], map[string]object.Values{}
	typ, _ := s.schema.Type(c.Type)
	for _, m := range c.Mods {
		a, _ := typ.Attribute(m.Name)
		vs, was := object.Values{}, row.Attrs.Get(m.Name)
		for _, v := range m.Values {
			if a.Kind == object.Ref {
				v = object.Reference(v.Text())
			}
			vs = append(vs, v)
		}
		switch m.Op {
		case connector.AddValues:
			vs = append(vs, was...)
		case connector.DropValues:
			vs = slices.DeleteFunc(slices.Clone(was), vs.Has)
		case connector.Replace:
		}
		set[m.Name] = object.Set(vs...)
	}
	return s.h.Out.Write(s.name, c.Type, c.Anchor, dn, set)
}

// systemSchema is what the systems of random worlds hold.
func systemSchema(r *oracle.Rules, name string) object.Schema {
	types := map[string]map[string]object.Attribute{}
	put := func(typ, attr string) {
		if attr == "" {
			return
		}
		if types[typ] == nil {
			types[typ] = map[string]object.Attribute{}
		}
		a := object.Attribute{Name: attr, Kind: object.String}
		switch attr {
		case "mgr", "manager", "lead":
			a.Kind = object.Ref
		case "member", "members":
			a.Kind, a.Multi = object.Ref, true
		case "tag", "tags":
			a.Multi = true
		case "end":
			a.Kind = object.Time
		}
		types[typ][attr] = a
	}
	for _, in := range r.In {
		if in.Connector == name {
			for _, f := range in.Flows {
				for _, attr := range f.Value.Attrs() {
					put(in.From, attr)
				}
			}
		}
	}
	for _, o := range r.Out {
		if o.Connector == name {
			for _, f := range o.Flows {
				put(o.To, f.Attr)
			}
		}
	}
	var s object.Schema
	for typ, attrs := range types {
		s.Types = append(s.Types, object.Type{Name: typ, Attributes: slices.Collect(maps.Values(attrs))})
	}
	object.SortSchema(&s)
	return s
}
