package ldap

import (
	"cmp"
	"context"
	"maps"

	ldap3 "github.com/go-ldap/ldap/v3"

	"muster/internal/base/object"
	"muster/internal/sync/connector"
)

// Content synchronization (RFC 4533). An import is a refresh without a cookie:
// the cookie that comes with its end stands for exactly what was told.

// Import tells everything, as one stream for each base.
func (s synced) Import(ctx context.Context, scope connector.Scope, emit func(object.Record) error) (connector.Mark, error) {
	r, some := s.newReader(scope)
	m := mark{Mode: DeltaSync, Scope: r.digest(), Filter: r.filter, Cookies: map[string][]byte{}}
	if err := ctx.Err(); err != nil || !some {
		return m.String(), err
	}
	for _, base := range r.bases {
		cookie, err := r.refresh(ctx, base, nil, heard{entry: func(_ string, e *ldap3.Entry) error {
			return r.tell(ctx, e, emit)
		}})
		if err != nil {
			return "", err
		}
		m.Cookies[base] = cookie
	}
	return m.String(), ctx.Err()
}

// ImportSince tells what was added, changed and deleted since. A server that
// can only list who is still there (the present phase, RFC 4533 §3.3.1) is
// asked for everything instead: the list would be as long.
func (s synced) ImportSince(ctx context.Context, scope connector.Scope, from connector.Mark, emit func(connector.Delta) error) (connector.Mark, error) {
	r, some := s.newReader(scope)
	m, err := parseMark(from, DeltaSync, r.digest())
	if err != nil || !some {
		return from, err
	}
	next := mark{Mode: DeltaSync, Scope: m.Scope, Filter: m.Filter, Cookies: maps.Clone(m.Cookies)}
	for _, base := range r.bases {
		if len(m.Cookies[base]) == 0 {
			return "", connector.ErrMarkExpired
		}
		cookie, err := r.refresh(ctx, base, m.Cookies[base], heard{
			entry: func(uuid string, e *ldap3.Entry) error { return r.change(ctx, uuid, e, emit) },
			gone: func(uuid string) error {
				return emit(connector.Delta{Op: connector.Delete, Record: object.Record{Anchor: uuid}})
			},
		})
		if err != nil {
			return "", err
		}
		next.Cookies[base] = cookie
	}
	return next.String(), ctx.Err()
}

// change tells an entry as it now is. One that has become of another type than
// those in scope has gone, to this receiver.
func (r *reader) change(ctx context.Context, uuid string, e *ldap3.Entry, emit func(connector.Delta) error) error {
	told := false
	err := r.tell(ctx, e, func(rec object.Record) error {
		told = true
		return emit(connector.Delta{Op: connector.Put, Record: rec})
	})
	if err != nil || told || r.wantsClasses(e) {
		return err
	}
	return emit(connector.Delta{Op: connector.Delete, Record: object.Record{Anchor: uuid}})
}

func (r *reader) wantsClasses(e *ldap3.Entry) bool {
	t := r.shape.typeOf(e.GetEqualFoldAttributeValues("objectClass"))
	return t != nil && r.wanted[t.Name] != nil
}

// heard is who hears what a synchronization tells. A nil function does not
// care.
type heard struct {
	entry func(uuid string, e *ldap3.Entry) error // added or changed
	gone  func(uuid string) error
	ready func() error // the refresh is over; what follows is news
}

// refresh runs one refresh and returns the cookie of its end.
func (r *reader) refresh(ctx context.Context, base string, cookie []byte, to heard) ([]byte, error) {
	var next []byte
	err := r.listen(ctx, base, ldap3.SyncRequestModeRefreshOnly, cookie, r.attrs, to, &next)
	if err == nil && len(next) == 0 { // the cookie has not changed
		next = cookie
	}
	return next, err
}

// listen runs a synchronization on a connection of its own, which is cut to end
// it: what an abandoned search still sends would only be in the way.
func (r *reader) listen(ctx context.Context, base string, mode ldap3.ControlSyncRequestMode, cookie []byte, attrs []string, to heard, next *[]byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	l, err := r.pool.fresh(ctx)
	if err != nil {
		return cmp.Or(ctx.Err(), err)
	}
	defer r.pool.back(l, true)
	if mode == ldap3.SyncRequestModeRefreshAndPersist {
		l.SetTimeout(0) // nothing may happen for days
	}
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(inner, l.kill)
	defer stop()
	req := ldap3.NewSearchRequest(base, ldap3.ScopeWholeSubtree, ldap3.NeverDerefAliases, 0, 0, false, r.filter, attrs, nil)
	answers := l.Syncrepl(inner, req, 16, mode, cookie, true)
	s := &stream{reader: r, base: base, delta: len(cookie) > 0, to: to}
	for answers.Next() {
		if err := s.take(inner, answers); err != nil {
			return err
		}
	}
	switch err := answers.Err(); {
	case ctx.Err() != nil:
		return ctx.Err()
	case resultCode(err) == syncRefreshRequired:
		return connector.ErrMarkExpired
	case err != nil:
		return r.searchError(ctx, base, err)
	case !s.done: // the library reports a lost connection as the end of the search
		return incomplete(base)
	}
	*next = s.cookie
	return nil
}
