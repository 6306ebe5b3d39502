package sql

import (
	"context"
	"errors"
	"fmt"

	"muster/internal/base/object"
	"muster/internal/base/problem"
	"muster/internal/sync/connector"
)

// fault turns an error that ends the step into what the contract knows. Errors
// that already are stay as they are.
func (c *conn) fault(ctx context.Context, err error, where string) error {
	if err == nil {
		return nil
	}
	if ctxErr := ctx.Err(); ctxErr != nil {
		return ctxErr
	}
	var refusal *connector.Refusal
	var list problem.List
	var p *problem.Problem
	var b *connector.Busy
	if errors.As(err, &refusal) || errors.As(err, &list) || errors.As(err, &p) || errors.As(err, &b) ||
		errors.Is(err, connector.ErrMarkExpired) || errors.Is(err, connector.ErrNotFound) || errors.Is(err, errClosed) {
		return err
	}
	var f *fault
	if errors.As(err, &f) {
		return &problem.Problem{Code: f.code, Object: where, Message: "the database gave what cannot be read", Err: err}
	}
	var at *readError
	if errors.As(err, &at) {
		where = at.where
	}
	return c.problem(ctx, err, c.d.judge(err), where)
}

func (c *conn) problem(ctx context.Context, err error, v verdict, where string) error {
	if ctxErr := ctx.Err(); ctxErr != nil {
		return ctxErr
	}
	p := &problem.Problem{Code: v.code, Object: where, Err: err}
	switch {
	case v.fate == busy:
		return &connector.Busy{Err: &problem.Problem{Code: connector.FailedSearch, Object: where, Message: "the database is busy", Err: err}}
	case v.fate == lost:
		p.Message = "the connection to the database was lost"
	case v.code == connector.FailedAuthentication:
		p.Message, p.Fix = "the database does not accept the account", "check user and password"
	case v.fate == denied:
		p.Message, p.Fix = "the database cannot be reached", "check host, port, name and certificates, and that the server runs"
	case v.code == connector.PermissionIssue:
		p.Code, p.Message, p.Fix = connector.FailedPermission, "the account may not read this", "grant it the right to read"
	default:
		p.Code, p.Message = connector.FailedSearch, "the database refused to read"
	}
	return p
}

// refusal says why a change was refused by the database.
func refusal(name string, v verdict) error {
	return &connector.Refusal{Object: name, Code: v.code, Err: errors.New(v.text)}
}

// refuse says why a change was refused by us.
func refuse(name string, code problem.Code, format string, args ...any) error {
	return &connector.Refusal{Object: name, Code: code, Err: fmt.Errorf(format, args...)}
}

// nameOf is what a change's object is called in problems.
func nameOf(ch connector.Change) string {
	if ch.Anchor != "" {
		return ch.Type + " " + ch.Anchor
	}
	for _, m := range ch.Mods {
		if v := m.Values.First(); v.Kind() == object.String {
			return "new " + ch.Type + " with " + m.Name + " " + short(v.Text())
		}
	}
	return "new " + ch.Type
}
