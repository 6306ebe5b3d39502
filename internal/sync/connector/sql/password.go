package sql

import (
	"context"
	stdsql "database/sql"

	"muster/internal/base/secret"
	"muster/internal/sync/connector"
)

// passwords is the ability to set passwords.
type passwords struct{ c *conn }

// SetPassword runs the statement that the settings have for it.
func (x passwords) SetPassword(ctx context.Context, w connector.Whereabouts, password secret.Text) error {
	anchor, typ := w.Anchor, w.Type
	if anchor == "" || typ == "" {
		r, err := x.c.Find(ctx, w)
		if err != nil {
			return err
		}
		anchor, typ = r.Anchor, r.Type
	}
	s := &session{c: x.c}
	outcomes, err := s.Send(ctx, []connector.Change{{
		Verb: connector.Update, Type: typ, Anchor: anchor,
		Secrets: []connector.Secret{{Name: paramPassword, Value: password}},
	}})
	if err != nil {
		return err
	}
	return outcomes[0].Err
}

// secrets runs what sets the secrets that came with a change.
func (w *writer) secrets(ctx context.Context, tx *stdsql.Tx, secrets []connector.Secret) error {
	for _, s := range secrets {
		if w.used[s.Name] {
			continue // an own statement had it as a parameter
		}
		if s.Name != paramPassword || w.t.password == nil {
			return refuse(w.name, connector.SchemaViolation, "there is no statement that takes the secret %s", s.Name)
		}
		n, err := w.own(ctx, tx, w.t.password, nil, secrets)
		if err != nil {
			return err
		}
		if err := w.one(n); err != nil {
			return err
		}
	}
	return nil
}
