package memory

import (
	"context"
	"errors"

	"muster/internal/base/object"
	"muster/internal/sync/connector"
)

// session is an open export. In an atomic system it works on a copy, which
// takes the place of the original at Finish.
type session struct {
	*conn
	work *state
	done bool
}

// OpenExport begins a session. An atomic system takes one at a time.
func (c *conn) OpenExport(ctx context.Context) (connector.Export, error) {
	if err := c.ready(ctx); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.opt.Traits.Atomic {
		return &session{conn: c, work: c.state}, nil
	}
	if c.writing {
		return nil, &connector.Busy{Err: errors.New("another session is open")}
	}
	c.writing = true
	return &session{conn: c, work: c.state.clone()}, nil
}

// Send makes the changes one by one.
func (s *session) Send(ctx context.Context, changes []connector.Change) ([]connector.Outcome, error) {
	out := make([]connector.Outcome, 0, len(changes))
	for _, c := range changes {
		if err := s.ready(ctx); err != nil {
			return out, err
		}
		s.mu.Lock()
		o, err := s.try(s.work, c)
		s.mu.Unlock()
		out = append(out, s.echo(o))
		if err != nil {
			return out, err
		}
	}
	return out, nil
}

func (s *session) echo(o connector.Outcome) connector.Outcome {
	if s.opt.Echo {
		o.Record = s.told(o.Record, connector.Scope{})
	} else {
		o.Record = object.Record{}
	}
	return o
}

// Finish makes an atomic session count.
func (s *session) Finish(ctx context.Context) error {
	if err := s.ready(ctx); err != nil {
		return err
	}
	s.end(s.opt.Traits.Atomic)
	return nil
}

// Abort forgets an atomic session.
func (s *session) Abort() { s.end(false) }

func (s *session) end(keep bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.done {
		return
	}
	s.done = true
	if s.opt.Traits.Atomic {
		s.writing = false
	}
	if keep {
		s.state = s.work
		s.tellWaiters()
	}
}

// try makes one change, or what the fault hook says instead. The error ends
// the session.
func (s *System) try(st *state, c connector.Change) (connector.Outcome, error) {
	name := c.Anchor
	if s.opt.Traits.Hierarchical {
		name = c.DN
	}
	s.calls[call{c.Verb, name}]++
	var fault *Fault
	if s.onChange != nil {
		fault = s.onChange(c)
	}
	if fault == nil {
		r, err := s.apply(st, c, true)
		if err != nil {
			return connector.Outcome{Err: err}, nil
		}
		return connector.Outcome{Anchor: r.Anchor, Record: r}, nil
	}
	if fault.Effect == Half {
		c.Mods, c.Secrets = c.Mods[:len(c.Mods)/2], nil
	}
	if fault.Effect != Nothing {
		if _, err := s.apply(st, c, fault.Effect == Whole); err != nil {
			return connector.Outcome{Err: err}, nil
		}
	}
	o := connector.Outcome{Err: fault.Err}
	if fault.Ends {
		return o, dropped()
	}
	return o, nil
}
