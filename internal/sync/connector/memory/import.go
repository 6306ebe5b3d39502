package memory

import (
	"context"
	"errors"
	"slices"
	"strconv"

	"muster/internal/base/object"
	"muster/internal/sync/connector"
)

// Import tells what the system held when the import began, by anchor.
func (c *conn) Import(ctx context.Context, scope connector.Scope, emit func(object.Record) error) (connector.Mark, error) {
	c.mu.Lock()
	all, mark, onTell := c.state.sorted(), c.state.mark(), c.onTell
	c.mu.Unlock()
	for _, r := range all {
		if err := c.ready(ctx); err != nil {
			return "", err
		}
		if !scope.Wants(r.Type) || !inside(r.DN, scope.Containers) {
			continue
		}
		ok, err := pass(r, scope, onTell)
		if err == nil && ok {
			err = emit(c.told(r, scope))
		}
		if err != nil {
			return "", err
		}
	}
	return mark, c.ready(ctx)
}

// pass asks the fault hook about r; false means that r was refused.
func pass(r object.Record, scope connector.Scope, onTell func(object.Record) error) (bool, error) {
	if onTell == nil {
		return true, nil
	}
	err := onTell(r)
	var refusal *connector.Refusal
	if errors.As(err, &refusal) {
		refusal.Anchor = r.Anchor
		return false, scope.Refuse(refusal)
	}
	return err == nil, err
}

// ImportSince tells the events after from. Updates of one object are told once,
// as it now is, unless the system tells mods.
func (c *conn) ImportSince(ctx context.Context, scope connector.Scope, from connector.Mark, emit func(connector.Delta) error) (connector.Mark, error) {
	c.mu.Lock()
	st, onTell := c.state.clone(), c.onTell
	c.mu.Unlock()
	n, err := strconv.Atoi(string(from))
	if err != nil || n < st.forgotten || n > st.forgotten+len(st.events) {
		return "", connector.ErrMarkExpired
	}
	events := st.events[n-st.forgotten:]
	last := map[string]int{} // by anchor: where it is told
	for i, e := range events {
		last[e.record.Anchor] = i
	}
	for i, e := range events {
		if err := c.ready(ctx); err != nil {
			return "", err
		}
		r, alive := st.objects[e.record.Anchor]
		if !scope.Wants(e.record.Type) || e.op != connector.Merge && last[e.record.Anchor] != i {
			continue
		}
		d := connector.Delta{Op: e.op, Record: e.record}
		switch {
		case !alive && e.op != connector.Delete:
			continue // its end is told later
		case !inside(e.record.DN, scope.Containers):
			d.Op = connector.Delete // to this receiver, moving out is going away
		case e.op == connector.Merge:
			d.Mods = slices.DeleteFunc(slices.Clone(e.mods), func(m connector.Mod) bool { return !c.tells(r.Type, m.Name, scope) })
		case e.op == connector.Put:
			d.Record = c.told(r, scope)
		}
		ok, err := pass(d.Record, scope, onTell)
		if err == nil && ok {
			err = emit(d)
		}
		if err != nil {
			return "", err
		}
	}
	return st.mark(), c.ready(ctx)
}

// mark is the number of events so far.
func (st *state) mark() connector.Mark {
	return connector.Mark(strconv.Itoa(st.forgotten + len(st.events)))
}

// told is r as an import tells it: in scope, without what cannot be read back.
func (s *System) told(r object.Record, scope connector.Scope) object.Record {
	attrs := make(object.Attrs, 0, len(r.Attrs))
	for _, a := range r.Attrs {
		if s.tells(r.Type, a.Name, scope) {
			attrs = append(attrs, a)
		}
	}
	r.Attrs = attrs
	return r
}

func (s *System) tells(typ, name string, scope connector.Scope) bool {
	if wanted, ok := scope.Attributes[typ]; ok && !slices.Contains(wanted, name) {
		return false
	}
	t, _ := s.opt.Schema.Type(typ)
	a, _ := t.Attribute(name)
	return !a.WriteOnly
}
