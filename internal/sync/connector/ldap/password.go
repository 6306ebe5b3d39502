package ldap

import (
	"context"
	"errors"
	"strings"

	ldap3 "github.com/go-ldap/ldap/v3"

	"muster/internal/base/secret"
	"muster/internal/sync/connector"
)

var errClear = errors.New("a password goes over an encrypted connection only; use ldaps:// or startTLS")

// SetPassword sets a password as an administrator. Nothing is sent on a
// connection in the clear. Servers hash what they get.
func (c *conn) SetPassword(ctx context.Context, w connector.Whereabouts, password secret.Text) error {
	a := &attempt{conn: c, Change: &connector.Change{Verb: connector.Update, Type: w.Type, Anchor: w.Anchor, DN: w.DN}}
	found, err := c.Find(ctx, w)
	if err != nil {
		return err
	}
	a.Anchor = found.Anchor
	if err := a.encrypted(ctx); err != nil {
		return err
	}
	err = a.request(ctx, found.DN, func(l *link) error {
		if c.set.PasswordBy == PasswordExtended {
			_, err := l.PasswordModify(ldap3.NewPasswordModifyRequest(found.DN, "", password.Reveal()))
			return err
		}
		m := ldap3.NewModifyRequest(found.DN, a.asserted())
		m.Replace(c.set.PasswordAttribute, []string{password.Reveal()})
		return l.Modify(m)
	})
	var r *connector.Refusal
	if asError(err, &r) && r.Code == connector.ConstraintViolation {
		r.Code = connector.PasswordPolicy
	}
	return err
}

// encrypted refuses to go on if the connection is in the clear. All connections
// of a pool are alike.
func (a *attempt) encrypted(ctx context.Context) error {
	secure := false
	if err := a.pool.answered(ctx, func(l *link) error { secure = l.secure; return nil }); err != nil {
		return err
	}
	if !secure {
		return a.refuse(connector.EncryptionNotEnabled, errClear)
	}
	return nil
}

// secrets returns the secrets of a change as attributes: the password by the
// name "password" or by that of its attribute.
func (a *attempt) secrets(ctx context.Context) ([]ldap3.PartialAttribute, error) {
	if len(a.Secrets) == 0 {
		return nil, nil
	}
	if err := a.encrypted(ctx); err != nil {
		return nil, err
	}
	var out []ldap3.PartialAttribute
	for _, s := range a.Secrets {
		name := s.Name
		if strings.EqualFold(name, "password") {
			name = a.set.PasswordAttribute
		}
		described := a.typ.attr(a.shape, name)
		if described == nil {
			return nil, a.refuse(connector.SchemaViolation, errors.New(a.typ.Name+" has no attribute "+name))
		}
		out = append(out, ldap3.PartialAttribute{Type: described.Name, Vals: []string{s.Value.Reveal()}})
	}
	return out, nil
}
