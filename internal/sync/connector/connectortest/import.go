package connectortest

import (
	"context"
	"errors"
	"slices"

	"muster/internal/base/object"
	"muster/internal/sync/connector"
)

var importCases = []testCase{
	{"import/nothing", func(x *exam) {
		if got, _ := x.told(connector.Scope{Types: []string{x.Sample.Make(0).Type}}); len(got) > 0 {
			x.Errorf("an empty system was told to hold %d objects", len(got))
		}
	}},
	{"import/everything once", func(x *exam) {
		want := x.seed(25)
		got, _ := x.told(connector.Scope{Types: []string{want[0].Type}})
		for _, w := range want {
			g, ok := got[x.name(w)]
			if !ok {
				x.Errorf("%s was not told", x.name(w))
				continue
			}
			if g.Type != w.Type || g.Anchor != w.Anchor || g.DN != w.DN {
				x.Errorf("told %s %q %q, want %s %q %q", g.Type, g.Anchor, g.DN, w.Type, w.Anchor, w.DN)
			}
			x.covers(g, w)
		}
		if len(got) != len(want) {
			x.Errorf("told %d objects, want %d", len(got), len(want))
		}
	}},
	{"import/same again", func(x *exam) {
		x.seed(5)
		once, _ := x.told(connector.Scope{})
		twice, _ := x.told(connector.Scope{})
		x.equal(twice, once, "the second import")
	}},
	{"import/records are ours", func(x *exam) {
		// What the receiver appends or overwrites must not reach other records.
		x.seed(5)
		want, _ := x.told(connector.Scope{})
		got := map[string]object.Record{}
		junk := object.Attr{Name: "~junk", Values: object.Set(object.Str("junk"))}
		_, err := x.c.Import(x.Context(), connector.Scope{}, func(r object.Record) error {
			kept := r
			kept.Attrs = r.Attrs.Clone()
			for i := range kept.Attrs {
				kept.Attrs[i].Values = slices.Clone(kept.Attrs[i].Values)
				_ = append(r.Attrs[i].Values, junk.Values...)
			}
			_ = append(r.Attrs, junk, junk, junk)
			for i := range r.Attrs {
				r.Attrs[i] = junk
			}
			got[x.name(kept)] = kept
			return nil
		})
		x.must(err, "Import")
		x.equal(got, want, "records after scribbling on their neighbours")
		again, _ := x.told(connector.Scope{})
		x.equal(again, want, "the import after scribbling")
	}},
	{"import/scope of types", func(x *exam) {
		people := x.seed(3)
		got, _ := x.told(connector.Scope{Types: []string{}})
		x.equal(len(got), 0, "objects told when no type is wanted")
		x.needs(x.Sample.Group != nil, "the sample has one type")
		group := x.Put(x.T, x.Sample.Group(0, people...))[0]
		got, _ = x.told(connector.Scope{Types: []string{group.Type}})
		x.equal(len(got), 1, "objects of the group's type")
		got, _ = x.told(connector.Scope{Types: []string{people[0].Type}})
		x.equal(len(got), 3, "objects of the people's type")
	}},
	{"import/scope of attributes", func(x *exam) {
		r := x.seed(1)[0]
		keep := r.Attrs[0].Name
		got, _ := x.told(connector.Scope{Attributes: map[string][]string{r.Type: {keep}}})
		x.equal(len(got[x.name(r)].Attrs), 1, "attributes told")
		x.covers(got[x.name(r)], object.Record{Type: r.Type, Anchor: r.Anchor, DN: r.DN, Attrs: r.Attrs[:1]})
	}},
	{"import/scope of containers", func(x *exam) {
		x.needs(x.d.Traits.Hierarchical, "the system is flat")
		all := x.seed(6)
		got, _ := x.told(connector.Scope{Types: []string{all[0].Type}, Containers: []string{x.Sample.Within}})
		if len(got) == 0 || len(got) == len(all) {
			x.Errorf("%d of %d objects are within %s", len(got), len(all), x.Sample.Within)
		}
		again, _ := x.told(connector.Scope{Types: []string{all[0].Type}, Containers: []string{object.Fold(x.Sample.Within)}})
		x.equal(len(again), len(got), "objects within the same container in small letters")
	}},
	{"import/containers that are there", func(x *exam) {
		d, ok := x.c.(connector.Divided)
		x.needs(ok, "it cannot be read a container at a time")
		x.needs(x.d.Traits.Hierarchical, "the system is flat")
		x.seed(6)
		for dn, want := range map[string]bool{x.Sample.Within: true, object.Fold(x.Sample.Within): true, "ou=nobody," + x.Sample.Within: false} {
			got, err := d.HasContainer(x.Context(), dn)
			x.must(err, "HasContainer")
			x.equal(got, want, "whether there is "+dn)
		}
	}},
	{"import/error of emit", func(x *exam) {
		x.seed(3)
		stop, n := errors.New("stop"), 0
		_, err := x.c.Import(x.Context(), connector.Scope{}, func(object.Record) error { n++; return stop })
		if err != stop || n != 1 { //nolint:errorlint // the contract says: as it is
			x.Errorf("Import returned %v after %d records, want emit's own error after 1", err, n)
		}
		x.told(connector.Scope{})
	}},
	{"import/cancelled", func(x *exam) {
		x.seed(10)
		ctx, cancel := context.WithCancel(x.Context())
		defer cancel()
		n := 0
		_, err := x.c.Import(ctx, connector.Scope{}, func(object.Record) error { n++; cancel(); return nil })
		if !errors.Is(err, context.Canceled) || n != 1 {
			x.Errorf("Import returned %v after %d records, want context.Canceled after 1", err, n)
		}
		if _, err = x.c.Import(ctx, connector.Scope{}, func(object.Record) error { return nil }); !errors.Is(err, context.Canceled) {
			x.Errorf("Import with a dead context returned %v", err)
		}
	}},
	{"import/cut short", func(x *exam) {
		x.needs(x.Faults.CutImport != nil, "nothing can be cut")
		x.seed(10)
		x.Faults.CutImport(x.T, 5)
		n := 0
		mark, err := x.c.Import(x.Context(), connector.Scope{}, func(object.Record) error { n++; return nil })
		if err == nil || mark != "" {
			x.Errorf("an import cut after 5 objects told %d and returned %q, %v", n, mark, err)
		}
	}},
	{"import/unreadable object", func(x *exam) {
		x.needs(x.Faults.Unreadable != nil, "every object can be read")
		all := x.seed(5)
		x.Faults.Unreadable(x.T, all[2])
		var refusals []*connector.Refusal
		got, _ := x.told(connector.Scope{Types: []string{all[0].Type}, Refused: func(r *connector.Refusal) error {
			refusals = append(refusals, r)
			return nil
		}})
		if _, ok := got[x.name(all[2])]; ok || len(got) != 4 || len(refusals) != 1 {
			x.Fatalf("told %d objects, refused %v; want 4 and one refusal", len(got), refusals)
		}
		if refusals[0].Code == "" || refusals[0].Object == "" {
			x.Errorf("the refusal does not say what and why: %+v", refusals[0])
		}
		if f, ok := x.c.(connector.Finder); ok && refusals[0].Anchor != "" {
			if _, err := f.Find(x.Context(), connector.Whereabouts{Anchor: refusals[0].Anchor}); errors.Is(err, connector.ErrNotFound) {
				x.Errorf("%s was refused, and when it is asked for it is not there", refusals[0].Anchor)
			}
		}
		_, err := x.c.Import(x.Context(), connector.Scope{}, func(object.Record) error { return nil })
		x.refused(err)
		stop := errors.New("stop")
		_, err = x.c.Import(x.Context(), connector.Scope{Refused: func(*connector.Refusal) error { return stop }}, func(object.Record) error { return nil })
		if !errors.Is(err, stop) {
			x.Errorf("Refused's error was lost: Import returned %v", err)
		}
	}},
}
