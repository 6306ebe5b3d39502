package connectortest

import (
	"context"
	"errors"
	"time"

	"muster/internal/base/object"
	"muster/internal/sync/connector"
)

// patience is how long the examination waits for what must come.
const patience = 20 * time.Second

// sinceImporter returns the connector's ability to import changes.
func (x *exam) sinceImporter() connector.SinceImporter {
	x.Helper()
	s, ok := x.c.(connector.SinceImporter)
	x.needs(ok, "it does not import changes")
	return s
}

// since runs an import of changes over what was imported before, and returns
// what the receiver then has and how many changes were told.
func (x *exam) since(have map[string]object.Record, from connector.Mark) (map[string]object.Record, int, connector.Mark) {
	x.Helper()
	byAnchor := map[string]object.Record{}
	for _, r := range have {
		byAnchor[r.Anchor] = r
	}
	n := 0
	mark, err := x.sinceImporter().ImportSince(x.Context(), connector.Scope{}, from, func(d connector.Delta) error {
		n++
		x.take(byAnchor, d)
		return nil
	})
	x.needs(!errors.Is(err, connector.ErrMarkExpired), "it asks for a full import instead")
	x.must(err, "ImportSince")
	out := map[string]object.Record{}
	for _, r := range byAnchor {
		out[x.name(r)] = r
	}
	return out, n, mark
}

func (x *exam) take(byAnchor map[string]object.Record, d connector.Delta) {
	r := d.Record
	if r.Anchor == "" {
		for a, o := range byAnchor {
			if object.Fold(o.DN) == object.Fold(r.DN) {
				r.Anchor = a
			}
		}
	}
	old, known := byAnchor[r.Anchor]
	switch d.Op {
	case connector.Put:
		x.wellFormed(r)
		byAnchor[r.Anchor] = r
	case connector.Delete:
		delete(byAnchor, r.Anchor)
	case connector.Merge:
		if !known {
			x.Errorf("told modifications of %s, which was never told", r.Anchor)
		}
		old.DN = r.DN
		old.Attrs = old.Attrs.Clone()
		for _, m := range d.Mods {
			old.Attrs.Put(m.Name, applied(old.Attrs.Get(m.Name), m))
		}
		x.wellFormed(old)
		byAnchor[r.Anchor] = old
	}
}

func applied(old object.Values, m connector.Mod) object.Values {
	switch m.Op {
	case connector.AddValues:
		return object.Set(append(append(object.Values{}, old...), m.Values...)...)
	case connector.DropValues:
		var kept object.Values
		for _, v := range old {
			if !m.Values.Has(v) {
				kept = append(kept, v)
			}
		}
		return kept
	default:
		return m.Values
	}
}

// deltaCase imports in full, lets do change the system, and checks that an
// import of changes tells exactly what a full import would.
func deltaCase(name string, do func(x *exam, seeded []object.Record)) testCase {
	return testCase{"changes/" + name, func(x *exam) {
		x.sinceImporter()
		seeded := x.seed(6)
		have, mark := x.told(connector.Scope{})
		do(x, seeded)
		have, n, next := x.since(have, mark)
		want, _ := x.told(connector.Scope{})
		x.equal(have, want, "full import and changes, against a full import")
		if n == 0 || next == mark {
			x.Errorf("%d changes told, mark %q became %q", n, mark, next)
		}
		_, n, _ = x.since(have, next)
		x.equal(n, 0, "changes told again after the new mark")
	}}
}

var deltaCases = []testCase{
	{"changes/nothing", func(x *exam) {
		x.sinceImporter()
		x.seed(3)
		have, mark := x.told(connector.Scope{})
		_, n, _ := x.since(have, mark)
		x.equal(n, 0, "changes told when there were none")
	}},
	deltaCase("add", func(x *exam, _ []object.Record) { x.Put(x.T, x.make(8)[6:]...) }),
	deltaCase("update", func(x *exam, seeded []object.Record) {
		x.needs(x.Sample.Text != "", "no text attribute")
		r := seeded[1]
		r.Attrs = r.Attrs.Clone()
		r.Attrs.Put(x.Sample.Text, object.Set(object.Str("changed")))
		x.Put(x.T, r)
	}),
	deltaCase("value removed", func(x *exam, seeded []object.Record) {
		x.needs(x.Sample.Text != "", "no text attribute")
		r := seeded[1]
		r.Attrs = r.Attrs.Clone()
		r.Attrs.Put(x.Sample.Text, object.Set(object.Str("soon gone")))
		r = x.Put(x.T, r)[0]
		r.Attrs = r.Attrs.Clone()
		r.Attrs.Put(x.Sample.Text, nil)
		x.Put(x.T, r)
	}),
	deltaCase("rename", func(x *exam, seeded []object.Record) {
		x.needs(x.Move != nil, "objects keep their names")
		x.Move(x.T, seeded[1], x.Sample.NewDN(seeded[1]))
	}),
	deltaCase("delete", func(x *exam, seeded []object.Record) {
		misses := x.d.Traits.DeltaMisses
		x.needs(misses == "", "the connector says that it misses "+misses)
		x.Delete(x.T, seeded[2])
	}),
	deltaCase("added and deleted", func(x *exam, seeded []object.Record) {
		misses := x.d.Traits.DeltaMisses
		x.needs(misses == "", "the connector says that it misses "+misses)
		x.Delete(x.T, x.Put(x.T, x.make(8)[7])[0])
		x.Put(x.T, x.make(9)[8])
	}),
	{"changes/mark too old", func(x *exam) {
		since := x.sinceImporter()
		x.needs(x.Expire != nil, "marks do not expire")
		x.seed(2)
		_, mark := x.told(connector.Scope{})
		x.Expire(x.T)
		_, err := since.ImportSince(x.Context(), connector.Scope{}, mark, func(connector.Delta) error { return nil })
		if !errors.Is(err, connector.ErrMarkExpired) {
			x.Errorf("want ErrMarkExpired, got %v", err)
		}
	}},
	{"changes/foreign mark", func(x *exam) {
		since := x.sinceImporter()
		for _, mark := range []connector.Mark{"", "no mark of ours", "-1"} {
			_, err := since.ImportSince(x.Context(), connector.Scope{}, mark, func(connector.Delta) error { return nil })
			if !errors.Is(err, connector.ErrMarkExpired) {
				x.Errorf("mark %q: want ErrMarkExpired, got %v", mark, err)
			}
		}
	}},
	{"wait/wakes", func(x *exam) {
		w, ok := x.c.(connector.Waiter)
		x.needs(ok, "it cannot wait")
		x.seed(1)
		_, mark := x.told(connector.Scope{})
		ctx, cancel := x.bounded()
		defer cancel()
		done := make(chan error, 1)
		go func() { done <- w.Wait(ctx, mark) }()
		x.Put(x.T, x.make(2)[1])
		x.must(<-done, "Wait after a change")
		x.must(w.Wait(ctx, mark), "Wait with a mark from before the change")
	}},
	{"wait/cancelled", func(x *exam) {
		w, ok := x.c.(connector.Waiter)
		x.needs(ok, "it cannot wait")
		x.seed(1)
		_, mark := x.told(connector.Scope{})
		ctx, cancel := context.WithTimeout(x.Context(), 50*time.Millisecond)
		defer cancel()
		began := time.Now()
		if err := w.Wait(ctx, mark); !errors.Is(err, context.DeadlineExceeded) {
			x.Errorf("Wait with nothing to come returned %v", err)
		}
		if late := time.Since(began); late > patience/4 {
			x.Errorf("Wait came back %v after its context ended", late)
		}
	}},
}
