package connectortest

import (
	"slices"

	"muster/internal/base/object"
)

var describeCases = []testCase{
	{"describe/stable", func(x *exam) {
		again, err := x.c.Describe(x.Context())
		x.must(err, "Describe")
		x.equal(again, x.d, "the second description")
	}},
	{"describe/sorted", func(x *exam) {
		if len(x.d.Schema.Types) == 0 {
			x.Error("the schema has no type")
		}
		sorted := object.Schema{Types: slices.Clone(x.d.Schema.Types)}
		for i, t := range sorted.Types {
			sorted.Types[i].Attributes = slices.Clone(t.Attributes)
		}
		object.SortSchema(&sorted)
		x.equal(x.d.Schema, sorted, "the schema")
		for _, t := range sorted.Types {
			for i, a := range t.Attributes {
				if i > 0 && t.Attributes[i-1].Name == a.Name {
					x.Errorf("%s has two attributes %s", t.Name, a.Name)
				}
				if a.Kind == object.None || a.ReadOnly && a.Required {
					x.Errorf("%s.%s makes no sense: %+v", t.Name, a.Name, a)
				}
			}
		}
	}},
	{"describe/partitions", func(x *exam) {
		seen := map[string]bool{}
		for _, p := range x.d.Partitions {
			if p.Name == "" || seen[p.Name] {
				x.Errorf("a partition has no name of its own: %+v", p)
			}
			seen[p.Name] = true
		}
	}},
	{"describe/sample", func(x *exam) {
		r := x.Sample.Make(0)
		typ, ok := x.d.Schema.Type(r.Type)
		if !ok {
			x.Fatalf("the schema lacks the sample's type %s", r.Type)
		}
		for _, a := range r.Attrs {
			x.wellFormedAttr(x.name(r), typ, a)
		}
	}},
}
