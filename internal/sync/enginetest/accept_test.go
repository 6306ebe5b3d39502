package enginetest

import (
	"fmt"
	"slices"
	"strings"

	"muster/internal/base/object"
	"muster/internal/sync/engine"
	"muster/internal/sync/metaverse"
	"muster/internal/sync/oracle"
	"muster/internal/sync/rules"
	"muster/internal/sync/space"
)

// accept makes the chosen units so by engine.Apply, and writes what needs no
// unit, as whoever accepts does.
func accept(w *oracle.World, set *rules.Set, d decided, chosen func(object.ID) bool) error {
	before := newView(w.Clone(), set) // all units are applied to what was accepted before
	for _, v := range d.verdicts {
		if v.Unit == nil || !chosen(v.Object) {
			continue
		}
		if err := before.Load(engine.Needs([]engine.Unit{*v.Unit})); err != nil {
			return err
		}
		u := engine.ReadUnit(object.NewReader(v.Unit.Append(nil)))
		fx, err := engine.Apply(before, &u, engine.Stamp{At: w.Clock})
		if err != nil {
			return err
		}
		write(w, set, fx)
	}
	for _, h := range d.holds {
		w.Holds[oracleTarget(h.Target)] = &oracle.Hold{Target: oracleTarget(h.Target), Refused: h.Refused, Standing: h.Standing, AtValue: h.AtValue, Instead: h.Instead, Why: "guard"}
	}
	for _, v := range d.verdicts {
		if v.Unit != nil && !chosen(v.Object) {
			continue
		}
		for _, h := range v.Ended {
			delete(w.Holds, oracleTarget(h.Target))
		}
		if o := w.Objects[v.Object]; o != nil {
			o.Due = v.Due
		}
	}
	return nil
}

func oracleTarget(t engine.Target) oracle.Target {
	return oracle.Target{Object: t.Object, Kind: oracle.TargetKind(t.Kind), Connector: t.Connector, Name: t.Name, Ref: t.Ref}
}

// write carries an effect out.
func write(w *oracle.World, set *rules.Set, fx *engine.Effect) {
	for _, e := range slices.Concat(fx.Changed, fx.Added) {
		to := *e
		if old := w.Entries[e.ID]; old != nil { // of what is there only what is given and pending is written
			to = *old
			to.Pending, to.Initial = e.Pending, e.Initial
		}
		w.Entries[e.ID] = &to
	}
	for _, l := range fx.Links {
		if e := w.Entries[l.Entry]; e != nil {
			e.Link, e.Explicit, e.Cut = l.To, l.Explicit, l.Cut
		}
	}
	for _, id := range fx.Removed {
		delete(w.Entries, id)
	}
	for _, h := range fx.Holds {
		delete(w.Holds, oracleTarget(h.Target))
	}
	if !fx.Ended.IsZero() { // a link to who is no more is none, as in the store
		delete(w.Objects, fx.Ended)
		for _, e := range w.Entries {
			if e.Link == fx.Ended {
				e.Link = object.ID{}
			}
		}
	}
	if o := fx.Object; o != nil {
		w.Objects[o.ID] = o
		for _, c := range fx.Claims {
			folded := set.Types[o.Type].Attributes[c.Attr].Folded
			w.Names[oracle.Name{Attr: c.Attr, Key: object.Key(object.Str(c.Name), folded)}] = o.ID
		}
	}
}

// dump is all that accepting writes, as lines.
func dump(w *oracle.World) string {
	var lines []string
	say := func(format string, a ...any) { lines = append(lines, fmt.Sprintf(format, a...)) }
	for id, o := range w.Objects {
		say("object %s %s due %s", id, o.Type, o.Due)
		for i, a := range o.Attrs {
			origin := metaverse.Origin{}
			if i < len(o.Origins) {
				origin = o.Origins[i]
			}
			say("%s %s = %s from %s %s %s kept %t", id, a.Name, a.Values, origin.Connector, origin.Entry, origin.Rule, origin.Kept)
		}
		for _, c := range o.Claims {
			say("%s claims %s %s for %s", id, c.Attr, c.Name, c.Wish)
		}
	}
	for id, e := range w.Entries {
		name := id.String()
		if e.Anchor == "" { // how many accounts were made before does not matter
			name = "of " + e.Link.String()
		}
		say("entry %s %s %s %s -> %s cut %s explicit %t initial %v", e.Connector, e.Anchor, e.Type, name, e.Link, e.Cut, e.Explicit, e.Initial)
		for _, p := range e.Pending {
			say("entry %s pending %s %s: %s → %s %s", name, p.Name, p.Target, p.Before, p.Want, p.State)
		}
	}
	for n, id := range w.Names {
		say("name %s %s of %s", n.Attr, n.Key, id)
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n") + "\n" + oracle.DescribeHolds(w)
}

// toped reports that what the account will be moved, though no import changed
// its image.
func toped(a, b *space.Entry) bool {
	names := map[string]bool{}
	for _, p := range slices.Concat(a.Pending, b.Pending) {
		if !p.Target.IsZero() {
			x, y := a.PendingOf(p.Name, p.Target), b.PendingOf(p.Name, p.Target)
			if (x == nil) != (y == nil) || x != nil && len(x.Want) != len(y.Want) {
				return true
			}
			continue
		}
		names[p.Name] = true
	}
	for n := range names {
		if !a.Top(n).Equal(b.Top(n)) {
			return true
		}
	}
	return false
}
