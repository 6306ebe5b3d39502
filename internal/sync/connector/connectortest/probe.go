package connectortest

import (
	"slices"

	"muster/internal/base/object"
	"muster/internal/sync/connector"
)

// prober returns the connector's ability to tell what is not permitted.
func (x *exam) prober() connector.Prober {
	x.Helper()
	p, ok := x.c.(connector.Prober)
	x.needs(ok, "it does not tell what is not permitted")
	return p
}

// probed asks what stands against a change.
func (x *exam) probed(c connector.Change) []connector.Objection {
	x.Helper()
	list, err := x.prober().Probe(x.Context(), c)
	x.must(err, "Probe")
	for _, o := range list {
		known := o.About == connector.AboutObject || o.About == connector.AboutName ||
			slices.ContainsFunc(c.Mods, func(m connector.Mod) bool { return m.Name == o.About })
		if !known || o.Says == "" {
			x.Errorf("an objection about nothing in the change, or without words: %+v", o)
		}
	}
	return list
}

// deniedCase takes away the right to make a change, of text alone or as a whole:
// it is objected to beforehand, and refused when it is made.
func deniedCase(verb connector.Verb, text bool, makes func(x *exam, seeded []object.Record) connector.Change) testCase {
	return testCase{"probe/denied " + verb.String(), func(x *exam) {
		x.prober()
		x.needs(x.Deny != nil, "no right of its can be taken away here")
		attr := ""
		if text {
			attr = x.Sample.Text
		}
		c := makes(x, x.seed(2))
		before := x.Read(x.T)
		x.Deny(x.T, verb, attr)
		list := x.probed(c)
		about := func(o connector.Objection) bool {
			return o.About == attr || attr == "" && o.About == connector.AboutObject
		}
		if !slices.ContainsFunc(list, about) {
			x.Errorf("%s was denied, and the objections are %+v", verb, list)
		}
		x.refused(x.export(c)[0], connector.PermissionIssue)
		x.equal(len(x.Read(x.T)), len(before), "the number of objects")
	}}
}

var probeCases = []testCase{
	{"probe/permitted", func(x *exam) {
		x.prober()
		seeded, fresh := x.seed(2), x.make(3)[2]
		before := x.Read(x.T)
		changes := []connector.Change{x.add(fresh), change(connector.Update, seeded[0], set(x.Sample.Text, object.Str("Baker"))), change(connector.Remove, seeded[1])}
		for _, c := range changes {
			if list := x.probed(c); len(list) > 0 {
				x.Errorf("%s is permitted, and objected to: %+v", c.Verb, list)
			}
		}
		x.equal(len(x.Read(x.T)), len(before), "the number of objects after asking")
		x.lacks(fresh)
		x.exported(changes...)
	}},
	deniedCase(connector.Add, false, func(x *exam, _ []object.Record) connector.Change { return x.add(x.make(3)[2]) }),
	deniedCase(connector.Update, true, func(x *exam, seeded []object.Record) connector.Change {
		return change(connector.Update, seeded[0], set(x.Sample.Text, object.Str("Baker")))
	}),
	deniedCase(connector.Remove, false, func(_ *exam, seeded []object.Record) connector.Change {
		return change(connector.Remove, seeded[0])
	}),
}
