package crashtest

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"muster/internal/base/object"
	"muster/internal/store"
	"muster/internal/sync/engine"
	"muster/internal/sync/space"
)

// picture writes all that a store holds, but for numbers of runs, times and
// counts of tries, so that two of them can be compared.
func picture(s *store.Store) (string, error) {
	p := &painter{}
	err := s.Read(ctx, func(t *store.Tx) error {
		for _, paint := range []func(*store.Tx) error{p.entries, p.objects, p.people, p.rest} {
			if err := paint(t); err != nil {
				return err
			}
		}
		return nil
	})
	return p.b.String(), err
}

type painter struct{ b strings.Builder }

func (p *painter) line(format string, args ...any) { fmt.Fprintf(&p.b, format+"\n", args...) }

func values(vs object.Values) string {
	var out []string
	for _, v := range vs {
		text := v.String()
		if v.Kind() == object.Ref {
			text = fmt.Sprintf("%x", text)
		}
		out = append(out, text)
	}
	return "[" + strings.Join(out, " ") + "]"
}

func (p *painter) attrs(list object.Attrs) {
	for _, a := range list {
		p.line("  %s: %s", a.Name, values(a.Values))
	}
}

func (p *painter) entries(t *store.Tx) error {
	for _, conn := range []string{"badge", "dir", "hr"} {
		var ids []object.ID
		err := t.EachEntry(conn, true, func(refs []store.Ref) (bool, error) {
			for i := range refs {
				ids = append(ids, refs[i].ID)
			}
			return true, nil
		})
		if err != nil {
			return err
		}
		// Accounts that nobody has seen yet are on the list of what waits.
		for after, begin := int64(0), true; begin || after != 0; begin = false {
			list, next, err := t.Pending(conn, []space.State{space.Waiting, space.Unknown, space.Sent, space.Contested, space.Failed}, after, 1000)
			if err != nil {
				return err
			}
			for _, e := range list {
				ids = append(ids, e.ID)
			}
			after = next
		}
		slices.SortFunc(ids, object.ID.Compare)
		ids = slices.Compact(ids)
		found, err := t.Entries(ids)
		if err != nil {
			return err
		}
		for _, id := range ids {
			if e := found[id]; e != nil {
				p.entry(e)
			}
		}
	}
	return nil
}

func (p *painter) entry(e *space.Entry) {
	anchor := e.Anchor
	if e.Connector == "dir" && anchor != "" {
		anchor = "given" // in the order of the adds
	}
	p.line("entry %s %s %s %s link %s explicit %t cut %s seen %t missing %t stub %t", e.Connector, e.Type, anchor, e.DN, e.Link, e.Explicit, e.Cut, e.Seen, !e.Missing.IsZero(), e.Stub)
	p.line("  id %s", e.ID)
	p.attrs(e.Image)
	for _, a := range e.Initial {
		p.line("  initial %s: %s", a.Name, values(a.Values))
	}
	for i := range e.Pending {
		x := &e.Pending[i]
		p.line("  pending %s %s: %s -> %s found %s %s %s", x.Name, x.Target, values(x.Before), values(x.Want), values(x.Found), x.State, x.Fault)
	}
}

func (p *painter) objects(t *store.Tx) error {
	for _, typ := range []string{"person", "group"} {
		var lines []string
		for after, begin := int64(0), true; begin || after != 0; begin = false {
			list, next, err := t.ObjectsOf(typ, after, 1000)
			if err != nil {
				return err
			}
			for _, o := range list {
				q := &painter{}
				q.line("object %s %s due %t", o.Type, o.ID, !o.Due.IsZero())
				for i, a := range o.Attrs {
					from := ""
					if i < len(o.Origins) {
						from = fmt.Sprintf("%s %s %s %t", o.Origins[i].Connector, o.Origins[i].Anchor, o.Origins[i].Rule, o.Origins[i].Kept)
					}
					q.line("  %s: %s by %s", a.Name, values(a.Values), from)
				}
				for _, c := range o.Claims {
					q.line("  claims %s %s for %s", c.Attr, c.Name, c.Wish)
				}
				events, err := t.History(o.ID)
				if err != nil {
					return err
				}
				q.line("  history: %d", len(events))
				lines = append(lines, q.b.String())
			}
			after = next
		}
		slices.Sort(lines)
		for _, x := range lines {
			p.b.WriteString(x)
		}
	}
	return nil
}

func (p *painter) change(c *engine.Change) {
	p.line("  %s %s %s %s: %s -> %s", c.Op, c.Connector, c.Name, c.Target, values(c.Before), values(c.After))
}

func (p *painter) people(t *store.Tx) error {
	holds, err := t.Holds(0, math.MaxInt32)
	if err != nil {
		return err
	}
	var lines []string
	for _, h := range holds {
		lines = append(lines, fmt.Sprintf("hold %+v refuses %s standing %t instead %t %s %s %q by %s", h.Target, values(h.Refused), h.Standing, h.AtValue, values(h.Instead), h.Why, h.Cause, h.By))
	}
	slices.Sort(lines)
	p.line("%s", strings.Join(lines, "\n"))
	waiting, err := t.WaitingObjects(object.ID{}, math.MaxInt32)
	if err != nil {
		return err
	}
	for i := range waiting {
		p.line("waiting %s", waiting[i].Object)
		for k := range waiting[i].Changes {
			p.change(&waiting[i].Changes[k])
		}
	}
	queued, err := t.Queued(math.MaxInt32)
	if err != nil {
		return err
	}
	lines = nil
	for i := range queued {
		lines = append(lines, fmt.Sprintf("queued %s %s %v %t", queued[i].Entry, queued[i].Rule, queued[i].Candidates, queued[i].Taken))
	}
	slices.Sort(lines)
	p.line("%s", strings.Join(lines, "\n"))
	return nil
}

// rest is what else later runs read.
func (p *painter) rest(t *store.Tx) error {
	for _, conn := range []string{"hr", "badge", "dir"} {
		_, open, err := t.Unreleased(conn)
		if err != nil {
			return err
		}
		last, err := t.LastImports(conn, 1)
		if err != nil {
			return err
		}
		for i := range last {
			p.line("import of %s: unreleased %t", conn, open)
			for _, typ := range []string{"employee", "team", "card", "user", "group"} {
				if n := last[i].Types[typ]; n.Rows > 0 {
					p.line("  %s: %d", typ, n.Rows)
				}
			}
		}
	}
	if err := p.counts(t); err != nil {
		return err
	}
	dirty, err := t.DirtyObjects(object.ID{}, math.MaxInt32)
	if err != nil {
		return err
	}
	p.line("to be decided: %v", dirty)
	for _, conn := range []string{"hr", "badge", "dir"} {
		n := 0
		err := t.EachEntry(conn, false, func(refs []store.Ref) (bool, error) {
			n += len(refs)
			return true, nil
		})
		if err != nil {
			return err
		}
		p.line("moved in %s: %d", conn, n)
	}
	return nil
}

// counts is what guards remember of the last hours.
func (p *painter) counts(t *store.Tx) error {
	text, err := t.Setting("counts")
	if errors.Is(err, store.ErrNoSetting) {
		return nil
	}
	if err != nil {
		return err
	}
	var k struct {
		Linked map[string]int
		Plans  []struct{ Accepted map[string]int }
	}
	if err := json.Unmarshal(text, &k); err != nil {
		return err
	}
	sum := map[string]int{}
	for _, x := range k.Plans {
		for name, n := range x.Accepted {
			sum[name] += n
		}
	}
	p.line("linked %v", k.Linked)
	p.line("accepted lately %v", sum)
	return nil
}
