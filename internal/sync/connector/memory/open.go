package memory

import (
	"context"
	"errors"

	"muster/internal/base/object"
	"muster/internal/base/secret"
	"muster/internal/sync/connector"
)

// conn is a connection to a System.
type conn struct {
	*System
	closed bool
}

// What a connection can do.
var (
	_ connector.SinceImporter  = (*conn)(nil)
	_ connector.Exporter       = (*conn)(nil)
	_ connector.Finder         = (*conn)(nil)
	_ connector.PasswordSetter = (*conn)(nil)
	_ connector.Waiter         = (*conn)(nil)
	_ connector.Divided        = (*conn)(nil)
	_ connector.Prober         = (*conn)(nil)
)

// Open returns a connection with every ability there is. Whoever needs fewer
// puts it behind a smaller interface: struct{ connector.Connector }{s.Open()}.
func (s *System) Open() connector.Connector { return &conn{System: s} }

var errClosed = errors.New("the connection is closed")

// ready is what every call asks first.
func (c *conn) ready(ctx context.Context) error {
	if c.closed {
		return errClosed
	}
	return ctx.Err()
}

// Close ends the connection.
func (c *conn) Close() error {
	c.closed = true
	return nil
}

// Describe tells what Options said.
func (c *conn) Describe(ctx context.Context) (connector.Description, error) {
	d := c.opt.Description
	err := c.ready(ctx)
	if err == nil {
		d.Partitions, err = c.partitions()
	}
	return d, err
}

// Find looks up one object.
func (c *conn) Find(ctx context.Context, w connector.Whereabouts) (object.Record, error) {
	if err := c.ready(ctx); err != nil {
		return object.Record{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if r, ok := c.state.find(w); ok {
		return c.told(r, connector.Scope{}), nil
	}
	return object.Record{}, connector.ErrNotFound
}

// Probe tells what was denied.
func (c *conn) Probe(ctx context.Context, change connector.Change) ([]connector.Objection, error) {
	if err := c.ready(ctx); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.forbids(change), nil
}

// HasContainer reports that the DN is a root, an object, or above one.
func (c *conn) HasContainer(ctx context.Context, dn string) (bool, error) {
	if err := c.ready(ctx); err != nil {
		return false, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, root := range c.opt.Roots {
		if within(root, dn) {
			return !c.gone[root], nil
		}
	}
	for _, r := range c.state.objects {
		if within(r.DN, dn) {
			return true, nil
		}
	}
	return false, nil
}

func (st *state) find(w connector.Whereabouts) (object.Record, bool) {
	if w.Anchor != "" || w.DN != "" {
		r, ok := st.byName(w.Anchor, w.DN)
		return r, ok && (w.Type == "" || r.Type == w.Type)
	}
	for _, r := range st.objects {
		if (w.Type == "" || r.Type == w.Type) && r.Attrs.Get(w.Key.Name).Has(w.Key.Values.First()) {
			return r, true
		}
	}
	return object.Record{}, false
}

// SetPassword sets the secret "password". It is a change like any other, so
// faults apply to it and Calls counts it as an update.
func (c *conn) SetPassword(ctx context.Context, w connector.Whereabouts, password secret.Text) error {
	if err := c.ready(ctx); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	r, ok := c.state.find(w)
	if !ok {
		return connector.ErrNotFound
	}
	out, err := c.try(c.state, connector.Change{
		Verb: connector.Update, Type: r.Type, Anchor: r.Anchor, DN: r.DN,
		Secrets: []connector.Secret{{Name: "password", Value: password}},
	})
	if err != nil {
		return err
	}
	return out.Err
}

// Wait returns when an event comes after since.
func (c *conn) Wait(ctx context.Context, since connector.Mark) error {
	for {
		if err := c.ready(ctx); err != nil {
			return err
		}
		c.mu.Lock()
		changed, now := c.changed, c.state.mark()
		c.mu.Unlock()
		if now != since {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
		}
	}
}
