package connectortest

import (
	"context"
	"errors"
	"slices"

	"github.com/google/go-cmp/cmp"

	"muster/internal/base/object"
	"muster/internal/base/problem"
	"muster/internal/sync/connector"
)

// make returns the first n objects of the sample.
func (x *exam) make(n int) []object.Record {
	out := make([]object.Record, n)
	for i := range out {
		out[i] = x.Sample.Make(i)
		out[i].Attrs = out[i].Attrs.Clone()
	}
	return out
}

// seed puts the first n objects of the sample into the system.
func (x *exam) seed(n int) []object.Record { return x.Put(x.T, x.make(n)...) }

// told runs a full import that must succeed, and checks what holds for every
// import. It returns the records of the sample's types, by name.
func (x *exam) told(scope connector.Scope) (map[string]object.Record, connector.Mark) {
	x.Helper()
	out := map[string]object.Record{}
	anchors := map[string]bool{}
	mark, err := x.c.Import(x.Context(), scope, func(r object.Record) error {
		x.wellFormed(r)
		if anchors[r.Anchor] {
			x.Errorf("the anchor %q was told twice", r.Anchor)
		}
		anchors[r.Anchor] = true
		out[x.name(r)] = r
		return nil
	})
	x.must(err, "Import")
	return out, mark
}

// wellFormed checks r against the schema and the rules for records.
func (x *exam) wellFormed(r object.Record) {
	x.Helper()
	typ, ok := x.d.Schema.Type(r.Type)
	switch {
	case !ok:
		x.Fatalf("told type %q, which the schema does not have", r.Type)
	case r.Anchor == "":
		x.Errorf("told %s without an anchor", x.name(r))
	case x.d.Traits.Hierarchical == (r.DN == ""):
		x.Errorf("%s: DN %q, but Hierarchical is %v", r.Anchor, r.DN, x.d.Traits.Hierarchical)
	}
	for i, a := range r.Attrs {
		if i > 0 && r.Attrs[i-1].Name >= a.Name {
			x.Errorf("%s: attributes are not sorted: %s before %s", r.Anchor, r.Attrs[i-1].Name, a.Name)
		}
		x.wellFormedAttr(r.Anchor, typ, a)
	}
}

func (x *exam) wellFormedAttr(anchor string, typ object.Type, a object.Attr) {
	x.Helper()
	described, ok := typ.Attribute(a.Name)
	switch {
	case !ok:
		x.Errorf("%s: told %s, which the schema does not have", anchor, a.Name)
	case described.WriteOnly:
		x.Errorf("%s: told %s, which is write-only", anchor, a.Name)
	case len(a.Values) == 0:
		x.Errorf("%s: told %s without a value", anchor, a.Name)
	case len(a.Values) > 1 && !described.Multi:
		x.Errorf("%s: told %d values of %s, which holds one", anchor, len(a.Values), a.Name)
	case !a.Values.Equal(object.Set(slices.Clone(a.Values)...)):
		x.Errorf("%s: the values of %s are not a set", anchor, a.Name)
	}
	for _, v := range a.Values {
		if ok && v.Kind() != described.Kind {
			x.Errorf("%s: %s holds a %s, described as %s", anchor, a.Name, v.Kind(), described.Kind)
		}
	}
}

// name tells objects apart by what we know before the system has seen them.
func (x *exam) name(r object.Record) string {
	switch {
	case x.d.Traits.Hierarchical:
		return object.Fold(r.DN)
	case !x.d.Traits.AnchorAssigned:
		return r.Anchor
	}
	return r.Attrs.Get(x.Sample.Key).String()
}

// holds checks that the system, seen behind the connector's back, has every
// one of the records with at least their values.
func (x *exam) holds(want ...object.Record) {
	x.Helper()
	for _, w := range want {
		got, ok := x.there(w)
		if !ok {
			x.Errorf("%s is not in the system", x.name(w))
			continue
		}
		x.covers(got, w)
	}
}

// lacks checks that none of the records is in the system.
func (x *exam) lacks(records ...object.Record) {
	x.Helper()
	for _, r := range records {
		if _, ok := x.there(r); ok {
			x.Errorf("%s is in the system", x.name(r))
		}
	}
}

func (x *exam) there(r object.Record) (object.Record, bool) {
	all := x.Read(x.T)
	i := slices.IndexFunc(all, func(o object.Record) bool { return x.name(o) == x.name(r) })
	if i < 0 {
		return object.Record{}, false
	}
	return all[i], true
}

// covers checks that got has at least the values of want.
func (x *exam) covers(got, want object.Record) {
	x.Helper()
	for _, a := range want.Attrs {
		if g := got.Attrs.Get(a.Name); !g.Equal(a.Values) {
			x.Errorf("%s: %s is %q, want %q", x.name(want), a.Name, g, a.Values)
		}
	}
}

// equal compares any two values.
func (x *exam) equal(got, want any, what string) {
	x.Helper()
	if d := cmp.Diff(want, got, cmp.Comparer(func(a, b object.Value) bool { return a == b })); d != "" {
		x.Errorf("%s (-want +got):\n%s", what, d)
	}
}

// add is the change that creates r.
func (x *exam) add(r object.Record) connector.Change {
	c := connector.Change{Verb: connector.Add, Type: r.Type, Anchor: r.Anchor, DN: r.DN}
	if x.d.Traits.AnchorAssigned {
		c.Anchor = ""
	}
	for _, a := range r.Attrs {
		c.Mods = append(c.Mods, connector.Mod{Name: a.Name, Values: a.Values})
	}
	return c
}

func change(v connector.Verb, r object.Record, mods ...connector.Mod) connector.Change {
	return connector.Change{Verb: v, Type: r.Type, Anchor: r.Anchor, DN: r.DN, Mods: mods}
}

func set(name string, values ...object.Value) connector.Mod {
	return connector.Mod{Name: name, Values: object.Set(values...)}
}

// exporter returns the connector's ability to export.
func (x *exam) exporter() connector.Exporter {
	x.Helper()
	e, ok := x.c.(connector.Exporter)
	x.needs(ok, "it does not export")
	return e
}

// export sends the changes in a session of its own, finishes it, and returns
// the error of each.
func (x *exam) export(changes ...connector.Change) []error {
	x.Helper()
	s, err := x.exporter().OpenExport(x.Context())
	x.must(err, "OpenExport")
	defer s.Abort()
	outcomes, err := s.Send(x.Context(), changes)
	x.must(err, "Send")
	if len(outcomes) != len(changes) {
		x.Fatalf("%d changes, %d outcomes, no error", len(changes), len(outcomes))
	}
	x.must(s.Finish(x.Context()), "Finish")
	errs := make([]error, len(outcomes))
	for i, o := range outcomes {
		if errs[i] = o.Err; o.Err == nil && changes[i].Verb == connector.Add && x.d.Traits.AnchorAssigned && o.Anchor == "" {
			x.Errorf("change %d: the system gives anchors, and the outcome does not tell it", i)
		}
	}
	return errs
}

// exported sends changes that must all succeed.
func (x *exam) exported(changes ...connector.Change) {
	x.Helper()
	for i, err := range x.export(changes...) {
		if err != nil {
			x.Fatalf("change %d, %s of %s%s: %v", i, changes[i].Verb, changes[i].DN, changes[i].Anchor, err)
		}
	}
}

// refused checks that err is a *Refusal with one of the codes; none means any.
func (x *exam) refused(err error, codes ...problem.Code) {
	x.Helper()
	var r *connector.Refusal
	switch {
	case !errors.As(err, &r):
		x.Errorf("want a *Refusal, got %v", err)
	case len(codes) > 0 && !slices.Contains(codes, r.Code):
		x.Errorf("refused with %s, want one of %v: %v", r.Code, codes, err)
	}
}

// bounded is the test's context with a deadline against waiting for ever.
func (x *exam) bounded() (context.Context, context.CancelFunc) {
	return context.WithTimeout(x.Context(), patience)
}
