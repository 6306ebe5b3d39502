package ldap

import (
	"context"
	"errors"

	ldap3 "github.com/go-ldap/ldap/v3"

	"muster/internal/base/object"
	"muster/internal/base/problem"
	"muster/internal/sync/connector"
)

// Import tells everything, a page at a time. It gives no mark.
func (c *conn) Import(ctx context.Context, scope connector.Scope, emit func(object.Record) error) (connector.Mark, error) {
	return "", c.importPages(ctx, scope, "", emit)
}

// importPages tells the entries in scope; more narrows the filter.
func (c *conn) importPages(ctx context.Context, scope connector.Scope, more string, emit func(object.Record) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r, some := c.newReader(scope)
	if !some {
		return nil
	}
	if more != "" {
		r.filter = join("&", r.filter, more)
	}
	for _, base := range r.bases {
		if err := r.pages(ctx, base, emit); err != nil {
			return c.told(ctx, base, err)
		}
	}
	return ctx.Err()
}

// pages reads what is below one base (RFC 2696). One connection reads all of
// it, for the cookie is that connection's; ranges and the receiver may use
// others meanwhile.
func (r *reader) pages(ctx context.Context, base string, emit func(object.Record) error) error {
	return r.pool.answered(ctx, func(l *link) error {
		paging := ldap3.NewControlPaging(uint32(min(r.set.PageSize, 1<<20))) //nolint:gosec // it fits
		req := ldap3.NewSearchRequest(base, ldap3.ScopeWholeSubtree, ldap3.NeverDerefAliases, 0, 0, false, r.filter, r.attrs, []ldap3.Control{paging})
		told := false
		for {
			if err := ctx.Err(); err != nil {
				return err
			}
			page, err := l.Search(req)
			if err != nil {
				if told { // not to be begun again
					return local(r.searchError(ctx, base, err))
				}
				return err
			}
			told = true
			if err := r.page(ctx, page, emit); err != nil {
				r.giveUp(l, req, page)
				return local(err)
			}
			next, _ := ldap3.FindControl(page.Controls, ldap3.ControlTypePaging).(*ldap3.ControlPaging)
			if next == nil || len(next.Cookie) == 0 {
				return nil
			}
			paging.SetCookie(next.Cookie)
		}
	})
}

func (r *reader) page(ctx context.Context, page *ldap3.SearchResult, emit func(object.Record) error) error {
	for _, url := range page.Referrals {
		if err := r.referred(url); err != nil {
			return err
		}
	}
	for i, e := range page.Entries {
		if err := ctx.Err(); err != nil {
			return err
		}
		page.Entries[i] = nil // whoever keeps the record keeps only that
		if err := r.tell(ctx, e, emit); err != nil {
			return err
		}
	}
	return nil
}

// giveUp lets the server forget the rest of a search (RFC 2696 §3). If it does
// not work, the connection is thrown away sooner or later; nothing depends on
// it.
func (r *reader) giveUp(l *link, req *ldap3.SearchRequest, page *ldap3.SearchResult) {
	next, _ := ldap3.FindControl(page.Controls, ldap3.ControlTypePaging).(*ldap3.ControlPaging)
	if next == nil || len(next.Cookie) == 0 || l.IsClosing() {
		return
	}
	end := ldap3.NewControlPaging(0)
	end.SetCookie(next.Cookie)
	req.Controls = []ldap3.Control{end}
	if _, err := l.Search(req); broken(err) {
		l.kill()
	}
}

// Import tells everything; changes can be told from the moment it began.
func (t timed) Import(ctx context.Context, scope connector.Scope, emit func(object.Record) error) (connector.Mark, error) {
	m := t.begin(scope)
	if err := t.importPages(ctx, scope, "", emit); err != nil {
		return "", err
	}
	return m.String(), nil
}

// begin is the mark of an import that begins now: as late as the server's clock
// may be behind ours.
func (t timed) begin(scope connector.Scope) mark {
	r, _ := t.newReader(scope)
	return mark{Mode: DeltaTime, Scope: r.digest(), Since: formatGeneralizedTime(t.set.Now().UTC().Add(-t.set.ClockSkew).Truncate(1e9))}
}

// ImportSince tells what was changed since. What is told may have been told
// before: times are those of seconds and of two clocks.
func (t timed) ImportSince(ctx context.Context, scope connector.Scope, from connector.Mark, emit func(connector.Delta) error) (connector.Mark, error) {
	r, _ := t.newReader(scope)
	old, err := parseMark(from, DeltaTime, r.digest())
	if err != nil {
		return "", err
	}
	since, err := parseGeneralizedTime(old.Since)
	if err != nil {
		return "", connector.ErrMarkExpired
	}
	next := t.begin(scope)
	later := "(modifyTimestamp>=" + escape(formatGeneralizedTime(since)) + ")"
	err = t.importPages(ctx, scope, later, func(rec object.Record) error {
		return emit(connector.Delta{Op: connector.Put, Record: rec})
	})
	if err != nil {
		return "", err
	}
	return next.String(), nil
}

var errEndedEarly = errors.New("the answer ended before it was complete")

// incomplete is the error of a search whose end did not come.
func incomplete(base string) error {
	return &problem.Problem{Code: connector.DroppedConnection, Object: base, Message: "the connection was lost", Err: errEndedEarly}
}
