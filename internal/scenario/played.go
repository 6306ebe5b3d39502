package scenario

import (
	"context"
	"errors"
	"slices"

	"muster/internal/base/object"
	"muster/internal/base/problem"
	"muster/internal/sync/connector"
	"muster/internal/sync/connector/memory"
	"muster/internal/sync/run"
)

// full is what a memory system can do.
type full interface {
	connector.Connector
	connector.SinceImporter
	connector.Exporter
	connector.Finder
	connector.Waiter
	connector.Divided
	connector.Prober
}

// played is a connection to a system of a story.
type played struct {
	full
	s *system
	x *run.Connected // what its section chooses now
}

// blind is one to a system in which nothing can be looked up.
type blind struct {
	connector.Connector
	connector.SinceImporter
	connector.Exporter
}

// open connects as the section says, unless the system is away.
func (s *system) open(x *run.Connected) (connector.Connector, error) {
	if s.away != "" {
		return nil, &problem.Problem{Code: s.away, Object: s.x.Name, Message: "the story says that the system is away"}
	}
	inner, _ := s.Open().(full)
	p := &played{full: inner, s: s, x: x}
	if s.unasked {
		return blind{p, p, p}, nil
	}
	return p, nil
}

// Describe says what the story's system does: above all that it gives anchors,
// which the memory system beneath leaves to this one.
func (p *played) Describe(ctx context.Context) (connector.Description, error) {
	d, err := p.full.Describe(ctx)
	d.Schema, d.Traits.AnchorAssigned = p.x.Schema, p.s.gives
	if len(p.s.kinds) == 0 {
		return d, err
	}
	d.Schema.Types = slices.Clone(d.Schema.Types)
	for i, t := range d.Schema.Types {
		t.Attributes = slices.Clone(t.Attributes)
		for k, a := range t.Attributes {
			if kind, other := p.s.kinds[a.Name]; other {
				t.Attributes[k].Kind = kind
			}
		}
		d.Schema.Types[i] = t
	}
	return d, err
}

// Find looks for an object, and not for a container that is there by itself.
func (p *played) Find(ctx context.Context, w connector.Whereabouts) (object.Record, error) {
	r, err := p.full.Find(ctx, w)
	if err == nil && r.Type == container {
		return object.Record{}, connector.ErrNotFound
	}
	if code, ok := p.s.silent[r.Anchor]; err == nil && ok {
		return object.Record{}, &connector.Refusal{Object: r.Anchor, Code: code, Err: errTold}
	}
	if err == nil && (p.s.hidden[r.Anchor] || !p.chosen(&r)) {
		return object.Record{}, connector.ErrNotFound
	}
	for _, f := range p.s.faults {
		if err == nil && r.Attrs.Get(f.attr).Has(object.Str(f.value)) {
			panic(f.fault())
		}
	}
	return r, err
}

// chosen leaves of a record what the section chooses; false if nothing.
func (p *played) chosen(r *object.Record) bool {
	typ, ok := p.x.Schema.Type(r.Type)
	r.Attrs = slices.DeleteFunc(slices.Clone(r.Attrs), func(a object.Attr) bool {
		_, ok := typ.Attribute(a.Name)
		return !ok
	})
	return ok
}

// Import tells everything but the containers that are there by themselves.
func (p *played) Import(ctx context.Context, scope connector.Scope, emit func(object.Record) error) (connector.Mark, error) {
	if p.s.forget {
		p.s.forget = false
		p.s.Expire()
	}
	told := 0
	mark, err := p.full.Import(ctx, scope, func(r object.Record) error {
		if !p.chosen(&r) || p.s.hidden[r.Anchor] {
			return nil
		}
		if err := p.s.death.told(); err != nil {
			return err
		}
		for _, f := range p.s.faults {
			if r.Attrs.Get(f.attr).Has(object.Str(f.value)) {
				panic(f.fault())
			}
		}
		if told++; p.s.cut >= 0 && told > p.s.cut {
			return errCut(p.s.cutCode)
		}
		if code, ok := p.s.silent[r.Anchor]; ok {
			return scope.Refuse(&connector.Refusal{Object: r.Anchor, Anchor: r.Anchor, Code: code, Err: errTold})
		}
		if err := emit(r); err != nil || !p.s.twice[r.Anchor] {
			return err
		}
		return emit(r)
	})
	if p.s.unmarked {
		mark = ""
	}
	return mark, err
}

// ImportSince tells changes of everything but such containers.
func (p *played) ImportSince(ctx context.Context, scope connector.Scope, from connector.Mark, emit func(connector.Delta) error) (connector.Mark, error) {
	if p.s.forget {
		p.s.forget = false
		p.s.Expire()
	}
	return p.full.ImportSince(ctx, scope, from, func(d connector.Delta) error {
		if !p.chosen(&d.Record) && d.Op != connector.Delete || p.s.hidden[d.Record.Anchor] {
			return nil
		}
		d.Mods = slices.DeleteFunc(slices.Clone(d.Mods), func(m connector.Mod) bool {
			typ, _ := p.x.Schema.Type(d.Record.Type)
			_, ok := typ.Attribute(m.Name)
			return !ok
		})
		if code, ok := p.s.silent[d.Record.Anchor]; ok {
			return scope.Refuse(&connector.Refusal{Object: d.Record.Anchor, Anchor: d.Record.Anchor, Code: code, Err: errTold})
		}
		return emit(d)
	})
}

var errTold = errors.New("the story says so")

func errCut(code problem.Code) error {
	return &problem.Problem{Code: code, Message: string(code) + " in the middle", Err: errTold}
}

// OpenExport begins a session that remembers what is said in it.
func (p *played) OpenExport(ctx context.Context) (connector.Export, error) {
	e, err := p.full.OpenExport(ctx)
	if err != nil {
		return nil, err
	}
	return &session{Export: e, s: p.s}, nil
}

// session is an export into a system of a story.
type session struct {
	connector.Export
	s *system
}

// Send makes the changes one by one and remembers them as they were asked for.
func (e *session) Send(ctx context.Context, changes []connector.Change) ([]connector.Outcome, error) {
	if b := e.s.begun; b != nil {
		b.wait()
	}
	out := make([]connector.Outcome, 0, len(changes))
	for _, c := range changes {
		if err := e.s.death.call(false); err != nil {
			return out, err
		}
		for _, f := range e.s.faults {
			if f.meets(c) {
				panic(f.fault())
			}
		}
		var next *memory.Fault
		if next = e.s.fault(c); next == nil || next.Effect != memory.Nothing {
			c = e.s.prepare(c)
		}
		e.s.sent = append(e.s.sent, c)
		e.s.OnChange(func(connector.Change) *memory.Fault { return next })
		o, err := e.Export.Send(ctx, []connector.Change{c})
		e.s.OnChange(nil)
		if err := e.s.death.call(true); err != nil {
			return out, err
		}
		out = append(out, o...)
		if err != nil {
			return out, err
		}
	}
	return out, nil
}
