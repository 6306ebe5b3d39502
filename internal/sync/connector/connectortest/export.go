package connectortest

import (
	"context"
	"errors"
	"strings"

	"muster/internal/base/expr"
	"muster/internal/base/object"
	"muster/internal/sync/connector"
)

var exportCases = []testCase{
	{"export/add", func(x *exam) {
		x.exporter()
		all := x.make(3)
		x.exported(x.add(all[0]), x.add(all[1]), x.add(all[2]))
		x.holds(all...)
		told, _ := x.told(connector.Scope{})
		for _, r := range all {
			x.covers(told[x.name(r)], r)
		}
	}},
	{"export/add existing", func(x *exam) {
		x.exporter()
		x.needs(!x.d.Traits.AnchorAssigned || x.d.Traits.Hierarchical, "nothing in a new object says who it is")
		r := x.seed(1)[0]
		x.refused(x.export(x.add(x.Sample.Make(0)))[0], connector.ExistingObject)
		x.holds(r)
	}},
	{"export/unique", func(x *exam) {
		x.exporter()
		typ, _ := x.d.Schema.Type(x.Sample.Make(0).Type)
		key, _ := typ.Attribute(x.Sample.Key)
		x.needs(key.Unique, "its naming attribute is not said to be unique")
		r := x.seed(1)[0]
		x.refused(x.export(x.add(x.Sample.Make(0)))[0], connector.ExistingObject, connector.ConstraintViolation)
		x.holds(r)
	}},
	{"export/update", func(x *exam) {
		x.exporter()
		x.needs(x.Sample.Text != "", "no text attribute")
		all := x.seed(3)
		x.exported(change(connector.Update, all[1], set(x.Sample.Text, object.Str("first"))))
		x.exported(change(connector.Update, all[1], set(x.Sample.Text, object.Str("second"))))
		all[1].Attrs = all[1].Attrs.Clone()
		all[1].Attrs.Put(x.Sample.Text, object.Set(object.Str("second")))
		x.holds(all...)
	}},
	{"export/twice in a session", func(x *exam) {
		x.exporter()
		x.needs(x.Sample.Text != "", "no text attribute")
		s, err := x.exporter().OpenExport(x.Context())
		x.must(err, "OpenExport")
		defer s.Abort()
		r := x.make(1)[0]
		out, err := s.Send(x.Context(), []connector.Change{x.add(r)})
		x.must(errors.Join(err, out[0].Err), "Send")
		if x.d.Traits.AnchorAssigned {
			r.Anchor = out[0].Anchor
		}
		for _, text := range []string{"one", "two"} {
			out, err = s.Send(x.Context(), []connector.Change{change(connector.Update, r, set(x.Sample.Text, object.Str(text)))})
			x.must(errors.Join(err, out[0].Err), "Send")
		}
		x.must(s.Finish(x.Context()), "Finish")
		s.Abort()
		r.Attrs.Put(x.Sample.Text, object.Set(object.Str("two")))
		x.holds(r)
	}},
	{"export/update missing", func(x *exam) {
		x.exporter()
		x.needs(x.Sample.Text != "", "no text attribute")
		all := x.seed(2)
		x.Delete(x.T, all[0])
		x.refused(x.export(change(connector.Update, all[0], set(x.Sample.Text, object.Str("x"))))[0], connector.MissingObject)
		x.lacks(all[0])
	}},
	{"export/delete", func(x *exam) {
		x.exporter()
		all := x.seed(3)
		x.exported(change(connector.Remove, all[1]))
		x.lacks(all[1])
		x.holds(all[0], all[2])
	}},
	{"export/delete missing", func(x *exam) {
		x.exporter()
		all := x.seed(2)
		x.exported(change(connector.Remove, all[0]))
		x.refused(x.export(change(connector.Remove, all[0]))[0], connector.MissingObject)
		x.holds(all[1])
	}},
	{"export/delete and add again", func(x *exam) {
		x.exporter()
		all := x.seed(2)
		x.exported(change(connector.Remove, all[0]), x.add(x.Sample.Make(0)))
		x.holds(x.Sample.Make(0), all[1])
	}},
	{"export/rename", func(x *exam) {
		x.exporter()
		x.needs(x.Sample.NewDN != nil, "objects keep their names")
		r := x.seed(2)[0]
		c := change(connector.Rename, r)
		c.NewDN = x.Sample.NewDN(r)
		x.exported(c)
		x.lacks(r)
		r.DN = c.NewDN
		there, ok := x.there(r)
		if !ok || !x.d.Traits.AnchorIsName && there.Anchor != r.Anchor {
			x.Errorf("after the rename %s has the anchor %q, before %q", r.DN, there.Anchor, r.Anchor)
		}
	}},
	{"export/rename sets the naming value", func(x *exam) {
		x.exporter()
		x.needs(x.Sample.NewDN != nil, "objects keep their names")
		r := x.seed(1)[0]
		typ, _ := x.d.Schema.Type(r.Type)
		c := change(connector.Rename, r)
		c.NewDN = x.Sample.NewDN(r)
		before, after := expr.Naming(r.DN), expr.Naming(c.NewDN)
		x.exported(c)
		r.DN = c.NewDN
		there, _ := x.there(r)
		shown := false
		for _, a := range typ.Attributes {
			name := strings.ToLower(a.Name)
			if is, ok := after[name]; ok {
				shown = true
				x.equal(there.Attrs.Get(a.Name).Has(object.Str(is)), true, a.Name+" has the new name")
			}
			if was, ok := before[name]; ok && was != after[name] {
				x.equal(there.Attrs.Get(a.Name).Has(object.Str(was)), false, a.Name+" has the old name")
			}
		}
		x.equal(shown, true, "the schema tells a naming attribute")
	}},
	{"export/rename taken", func(x *exam) {
		x.exporter()
		x.needs(x.Sample.NewDN != nil, "objects keep their names")
		all := x.seed(2)
		c := change(connector.Rename, all[0])
		c.NewDN = all[1].DN
		x.refused(x.export(c)[0], connector.ExistingObject)
		x.holds(all...)
	}},
	{"export/no parent", func(x *exam) {
		x.exporter()
		x.needs(x.d.Traits.Hierarchical, "the system is flat")
		r := x.make(1)[0]
		gone := x.Sample.Make(1)
		r.DN += ",ou=nowhere," + parentOf(gone.DN)
		x.refused(x.export(x.add(r))[0], connector.NoParent, connector.MissingObject)
	}},
	{"export/references", func(x *exam) {
		x.exporter()
		x.needs(x.Sample.Group != nil, "no references")
		people := x.seed(4)
		group := x.Sample.Group(0, people[:2]...)
		x.exported(x.add(group))
		x.holds(group)
		group, _ = x.there(group)
		refs := x.Sample.Group(0, people...).Attrs.Get(x.Sample.Member)
		first := x.Sample.Group(0, people[0]).Attrs.Get(x.Sample.Member)
		x.exported(change(connector.Update, group, connector.Mod{Op: connector.AddValues, Name: x.Sample.Member, Values: refs}))
		x.holds(x.Sample.Group(0, people...))
		x.exported(change(connector.Update, group, connector.Mod{Op: connector.DropValues, Name: x.Sample.Member, Values: first}))
		x.holds(x.Sample.Group(0, people[1:]...))
		x.exported(change(connector.Update, group, connector.Mod{Op: connector.Replace, Name: x.Sample.Member, Values: first}))
		x.holds(x.Sample.Group(0, people[0]))
		told, _ := x.told(connector.Scope{})
		x.covers(told[x.name(group)], x.Sample.Group(0, people[0]))
		x.exported(change(connector.Remove, group))
		x.lacks(group)
		x.holds(people...)
	}},
	{"export/values come and go", func(x *exam) {
		x.exporter()
		x.needs(x.Sample.Multi != "", "no attribute with several values")
		r := x.seed(1)[0]
		steps := []struct {
			mods []connector.Mod
			want []string
		}{
			{[]connector.Mod{multi(x, connector.AddValues, "b", "a")}, []string{"a", "b"}},
			{[]connector.Mod{multi(x, connector.AddValues, "c", "d"), multi(x, connector.DropValues, "a")}, []string{"b", "c", "d"}},
			{[]connector.Mod{multi(x, connector.DropValues, "b", "c")}, []string{"d"}},
			{[]connector.Mod{multi(x, connector.Replace, "y", "x")}, []string{"x", "y"}},
			{[]connector.Mod{multi(x, connector.DropValues, "x", "y")}, nil},
			{[]connector.Mod{multi(x, connector.AddValues, "z")}, []string{"z"}},
			{[]connector.Mod{multi(x, connector.Replace)}, nil},
		}
		for _, s := range steps {
			x.exported(change(connector.Update, r, s.mods...))
			there, _ := x.there(r)
			x.equal(there.Attrs.Get(x.Sample.Multi), multi(x, connector.Replace, s.want...).Values, x.Sample.Multi)
		}
	}},
	{"session/abort", func(x *exam) {
		e := x.exporter()
		x.needs(x.d.Traits.Atomic, "what is sent counts at once")
		x.needs(x.Sample.Text != "", "no text attribute")
		all := x.seed(3)
		s, err := e.OpenExport(x.Context())
		x.must(err, "OpenExport")
		_, err = s.Send(x.Context(), []connector.Change{
			x.add(x.Sample.Make(7)), change(connector.Remove, all[0]),
			change(connector.Update, all[1], set(x.Sample.Text, object.Str("x"))),
		})
		x.must(err, "Send")
		x.holds(all...)
		s.Abort()
		x.holds(all...)
		x.lacks(x.Sample.Make(7))
		there, _ := x.there(all[1])
		x.equal(there.Attrs.Has(x.Sample.Text), false, "the aborted value is there")
		x.exported(change(connector.Remove, all[0]))
	}},
	{"session/nothing to send", func(x *exam) {
		x.exporter()
		all := x.seed(2)
		x.export()
		x.holds(all...)
	}},
	{"session/cancelled", func(x *exam) {
		e := x.exporter()
		ctx, cancel := context.WithCancel(x.Context())
		s, err := e.OpenExport(ctx)
		x.must(err, "OpenExport")
		defer s.Abort()
		cancel()
		r := x.make(1)[0]
		out, err := s.Send(ctx, []connector.Change{x.add(r)})
		if !errors.Is(err, context.Canceled) || len(out) > 0 {
			x.Errorf("Send with a dead context returned %v, %v", out, err)
		}
		s.Abort()
		x.lacks(r)
	}},
	{"session/rival", func(x *exam) {
		e := x.exporter()
		x.needs(x.d.Traits.Atomic, "sessions do not exclude one another")
		s, err := e.OpenExport(x.Context())
		x.must(err, "OpenExport")
		defer s.Abort()
		other := x.Open(x.T)
		defer func() { x.check(other.Close(), "Close") }()
		rival, _ := other.(connector.Exporter)
		_, err = rival.OpenExport(x.Context())
		var busy *connector.Busy
		if !errors.As(err, &busy) {
			x.Errorf("a second session at once: want *Busy, got %v", err)
		}
		s.Abort()
		s2, err := rival.OpenExport(x.Context())
		x.must(err, "OpenExport after the first session ended")
		s2.Abort()
	}},
}

func multi(x *exam, op connector.ModOp, texts ...string) connector.Mod {
	m := connector.Mod{Op: op, Name: x.Sample.Multi}
	for _, t := range texts {
		m.Values = append(m.Values, object.Str(t))
	}
	m.Values = object.Set(m.Values...)
	return m
}

// parentOf returns what follows the first comma of a sample's DN, which has
// none in its first part.
func parentOf(dn string) string {
	for i := range dn {
		if dn[i] == ',' {
			return dn[i+1:]
		}
	}
	return ""
}
