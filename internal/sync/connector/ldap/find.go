package ldap

import (
	"context"
	"errors"
	"fmt"

	ldap3 "github.com/go-ldap/ldap/v3"

	"muster/internal/base/object"
	"muster/internal/sync/connector"
)

// Find looks up one object: by anchor, else by DN, else by a naming value.
func (c *conn) Find(ctx context.Context, w connector.Whereabouts) (object.Record, error) {
	scope := connector.Scope{}
	if w.Type != "" {
		scope.Types = []string{w.Type}
	}
	r, some := c.newReader(scope)
	if !some {
		return object.Record{}, connector.ErrNotFound
	}
	var e *ldap3.Entry
	var err error
	switch {
	case w.Anchor != "":
		e, err = r.search(ctx, join("&", r.filter, c.anchored(w.Anchor)), r.attrs)
	case w.DN != "":
		if _, bad := ldap3.ParseDN(w.DN); bad != nil {
			return object.Record{}, refuse(w.DN, connector.InvalidDN, bad)
		}
		filter := r.filter
		if w.Type == "" {
			filter = "(objectClass=*)"
		}
		e, err = c.readFiltered(ctx, w.DN, filter, r.attrs...)
	default:
		e, err = r.byKey(ctx, w)
	}
	if err != nil {
		return object.Record{}, err
	}
	rec, err := r.record(ctx, e)
	switch {
	case err == nil && rec == nil && w.Type == "" && w.Anchor == "" && w.DN != "": // it is of no configured type
		anchor, _ := c.anchor(e) // what may not be read is there all the same
		return object.Record{Anchor: anchor, DN: e.DN}, nil
	case err == nil && rec == nil:
		err = connector.ErrNotFound
	}
	if err != nil {
		return object.Record{}, err
	}
	return *rec, nil
}

func (r *reader) byKey(ctx context.Context, w connector.Whereabouts) (*ldap3.Entry, error) {
	if len(w.Key.Values) != 1 {
		return nil, refuse(w.Key.Name, connector.InvalidValue, errors.New("an object is looked up by one value"))
	}
	for _, t := range r.shape.types {
		if a := t.attr(r.shape, w.Key.Name); a != nil && (w.Type == "" || w.Type == t.Name) {
			value, err := a.encode(w.Key.Values.First())
			if err != nil {
				return nil, refuse(w.Key.Name, invalid(a.Kind), err)
			}
			return r.search(ctx, join("&", r.filter, equal(a.Name, value)), r.attrs)
		}
	}
	return nil, connector.ErrNotFound
}

// search returns the one entry that matches in the bases.
func (r *reader) search(ctx context.Context, filter string, attrs []string) (*ldap3.Entry, error) {
	var found []*ldap3.Entry
	for _, base := range r.bases {
		var result *ldap3.SearchResult
		err := r.pool.answered(ctx, func(l *link) (err error) {
			result, err = l.Search(ldap3.NewSearchRequest(base, ldap3.ScopeWholeSubtree, ldap3.NeverDerefAliases, 2, 0, false, filter, attrs, nil))
			return err
		})
		if result != nil {
			found = append(found, result.Entries...)
		}
		if err != nil && resultCode(err) != ldap3.LDAPResultSizeLimitExceeded {
			return nil, r.searchError(ctx, base, err)
		}
	}
	switch len(found) {
	case 0:
		return nil, connector.ErrNotFound
	case 1:
		return found[0], nil
	}
	return nil, refuse(found[0].DN, connector.AmbiguousUpdate, fmt.Errorf("%s and others match", found[1].DN))
}

// findAnchor returns the entry with an anchor, of whatever type.
func (c *conn) findAnchor(ctx context.Context, anchor string) (*ldap3.Entry, error) {
	r := &reader{conn: c, bases: searchBases(c.set.Bases, nil)}
	return r.search(ctx, c.anchored(anchor), []string{c.set.Anchor})
}
