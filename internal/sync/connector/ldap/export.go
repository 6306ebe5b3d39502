package ldap

import (
	"context"
	"errors"

	"muster/internal/base/object"
	"muster/internal/base/problem"
	"muster/internal/sync/connector"
)

// session sends changes one by one; each counts at once.
type session struct{ *conn }

// OpenExport begins a session. It sees to it that the directory answers.
func (c *conn) OpenExport(ctx context.Context) (connector.Export, error) {
	if err := c.alive(ctx); err != nil {
		return nil, err
	}
	return session{c}, nil
}

// alive asks the directory for nothing, so that a connection that has gone
// unnoticed is found out before a change is sent on it.
func (c *conn) alive(ctx context.Context) error {
	_, err := c.readEntry(ctx, "", "1.1")
	return err
}

// Finish has nothing to do: what was sent counts.
func (s session) Finish(ctx context.Context) error { return ctx.Err() }

// Abort has nothing to do.
func (s session) Abort() {}

// Send sends the changes in order. After a lost connection it goes on with a
// new one; if there is none, it ends.
func (s session) Send(ctx context.Context, changes []connector.Change) ([]connector.Outcome, error) {
	out := make([]connector.Outcome, 0, len(changes))
	for i := range changes {
		if err := ctx.Err(); err != nil {
			return out, err
		}
		o, err := s.send(ctx, &changes[i])
		var unanswered *connector.Unanswered
		if err == nil || asError(o.Err, &unanswered) {
			out = append(out, o)
		}
		if err != nil {
			return out, err
		}
	}
	return out, nil
}

// attempt is one change on its way.
type attempt struct {
	*conn
	*connector.Change
	typ *typeShape
}

// send makes one change. The error ends the session; the outcome counts if it
// says Unanswered.
func (s session) send(ctx context.Context, c *connector.Change) (connector.Outcome, error) {
	a := &attempt{conn: s.conn, Change: c, typ: s.shape.byName(c.Type)}
	if a.typ == nil {
		return connector.Outcome{Err: a.refuse(connector.MissingObjectType, errors.New("there is no type "+c.Type+" in the configuration"))}, nil
	}
	dn, err := a.dn(ctx)
	if err == nil {
		err = a.make(ctx, dn)
	}
	return a.outcome(ctx, dn, err)
}

// dn returns the name of the object to change.
func (a *attempt) dn(ctx context.Context) (string, error) {
	if a.DN != "" {
		return a.DN, nil
	}
	if a.Verb == connector.Add || a.Anchor == "" {
		return "", a.refuse(connector.MissingDN, errors.New("every object here has a DN"))
	}
	e, err := a.findAnchor(ctx, a.Anchor)
	if errors.Is(err, connector.ErrNotFound) {
		return "", a.refuse(connector.MissingObject, err)
	}
	if err != nil {
		return "", err
	}
	return e.DN, nil
}

// make makes the change on the object that now has the name; if nobody or
// somebody else has it, on the object with the anchor.
func (a *attempt) make(ctx context.Context, dn string) error {
	err := a.makeAt(ctx, dn)
	var r *connector.Refusal
	if a.Verb == connector.Add || a.Anchor == "" || !asError(err, &r) || r.Code != connector.MissingObject {
		return err
	}
	e, lookup := a.findAnchor(ctx, a.Anchor)
	switch {
	case lookup != nil: // it is gone, or we cannot know
		return err
	case a.Verb == connector.Rename && dnKey(e.DN) == dnKey(a.NewDN):
		return nil // an earlier attempt has done it
	case dnKey(e.DN) == dnKey(dn):
		if a.Verb == connector.Rename { // the object is there, so the new place is not
			r.Code = connector.NoParent
		}
		return err
	}
	return a.makeAt(ctx, e.DN)
}

func (a *attempt) makeAt(ctx context.Context, dn string) error {
	switch a.Verb {
	case connector.Add:
		return a.add(ctx, dn)
	case connector.Update:
		return a.update(ctx, dn)
	case connector.Rename:
		return a.rename(ctx, dn)
	case connector.Remove:
		return a.remove(ctx, dn)
	}
	return a.refuse(connector.CDError, errors.New("unknown verb"))
}

// outcome sorts errors: refusals, busy and unanswered are of this change, the
// rest end the session.
func (a *attempt) outcome(ctx context.Context, dn string, err error) (connector.Outcome, error) {
	o := connector.Outcome{Err: err, Anchor: a.Anchor}
	var r *connector.Refusal
	var b *connector.Busy
	var u *connector.Unanswered
	switch {
	case err == nil:
	case asError(err, &u):
		if ctx.Err() != nil {
			return o, ctx.Err()
		}
		return o, a.reconnect(ctx)
	case asError(err, &r), asError(err, &b):
	default:
		return o, err
	}
	var half *halfDone
	if a.Verb == connector.Add && (err == nil || asError(err, &half)) {
		o.Anchor = a.given(ctx, dn)
	}
	return o, nil
}

// given reads the anchor of a new object, "" if that does not work: the next
// import will tell.
func (a *attempt) given(ctx context.Context, dn string) string {
	e, err := a.readEntry(ctx, dn, a.set.Anchor)
	if err != nil {
		return ""
	}
	anchor, err := a.conn.anchor(e)
	if err != nil {
		return ""
	}
	return anchor
}

// reconnect reports whether there is a connection for the next change.
func (a *attempt) reconnect(ctx context.Context) error {
	err := a.alive(ctx)
	if err == nil {
		return nil
	}
	return &problem.Problem{Code: connector.DroppedConnection, Object: a.set.URL, Message: "the connection was lost and cannot be made again", Err: err}
}

// refuse is a refusal of ours.
func (a *attempt) refuse(code problem.Code, err error) *connector.Refusal {
	name := a.Change.DN
	if name == "" {
		name = a.Anchor
	}
	return &connector.Refusal{Object: name, Code: code, Err: err}
}

// halfDone says that an object was made and that some of its values were
// refused afterwards.
type halfDone struct{ error }

// Unwrap returns why.
func (h *halfDone) Unwrap() error { return h.error }

// request sends one request and sorts what can go wrong with it.
func (a *attempt) request(ctx context.Context, dn string, f func(*link) error) error {
	sent, err := a.pool.do(ctx, f)
	switch {
	case err == nil:
		return nil
	case sent && (broken(err) || ctx.Err() != nil):
		return &connector.Unanswered{Err: err}
	case ctx.Err() != nil:
		return ctx.Err()
	}
	if busy := busyOf(err); busy != nil {
		return busy
	}
	if resultCode(err) != 0 {
		return refusal(dn, a.Verb, err)
	}
	var told *problem.Problem
	if asError(err, &told) || errors.Is(err, errClosed) {
		return err
	}
	if !broken(err) {
		return a.refuse(connector.CDError, err)
	}
	return &problem.Problem{Code: connector.DroppedConnection, Object: a.set.URL, Message: "the connection was lost", Err: err}
}

// values writes the values of an attribute as the directory reads them.
func (a *attempt) values(ctx context.Context, m connector.Mod) (*attrShape, []string, error) {
	described := a.typ.attr(a.shape, m.Name)
	if described == nil {
		return nil, nil, a.refuse(connector.SchemaViolation, errors.New(a.typ.Name+" has no attribute "+m.Name))
	}
	if described.ReadOnly {
		return nil, nil, a.refuse(connector.SchemaViolation, errors.New(m.Name+" is set by the directory"))
	}
	if described.WriteOnly {
		if err := a.encrypted(ctx); err != nil {
			return nil, nil, err
		}
	}
	out := make([]string, len(m.Values))
	for i, v := range m.Values {
		text, err := described.encode(v)
		if err != nil {
			code := connector.SyntaxViolation
			if v.Kind() == object.Ref {
				code = connector.InvalidReference
			}
			return nil, nil, a.refuse(code, err)
		}
		out[i] = text
	}
	return described, out, nil
}
