package ldap

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	ldap3 "github.com/go-ldap/ldap/v3"

	"muster/internal/base/object"
	"muster/internal/base/problem"
	"muster/internal/sync/connector"
)

// reader turns entries into records, for one scope.
type reader struct {
	*conn
	scope  connector.Scope
	bases  []string
	filter string   // of the types in scope
	attrs  []string // to ask for
	wanted map[string]map[string]bool
}

// newReader prepares reading. It reports false if nothing is in scope.
func (c *conn) newReader(scope connector.Scope) (*reader, bool) {
	r := &reader{conn: c, scope: scope, bases: searchBases(c.set.Bases, scope.Containers), wanted: map[string]map[string]bool{}}
	var filters []string
	ask := map[string]bool{c.set.Anchor: true, "objectClass": true}
	for _, t := range c.shape.types {
		if !scope.Wants(t.Name) {
			continue
		}
		filters = append(filters, t.filter)
		r.wanted[t.Name] = map[string]bool{}
		names, some := scope.Attributes[t.Name]
		for _, a := range t.attrs {
			if !a.WriteOnly && (!some || slices.Contains(names, a.Name)) {
				r.wanted[t.Name][a.Name] = true
				ask[a.Name] = true
			}
		}
	}
	slices.Sort(filters)
	r.filter, r.attrs = join("|", filters...), slices.Sorted(maps.Keys(ask))
	return r, len(filters) > 0 && len(r.bases) > 0
}

func refuse(object string, code problem.Code, err error) *connector.Refusal {
	return &connector.Refusal{Object: object, Code: code, Err: err}
}

// record reads an entry. Nil without an error means that the entry is of no
// type in scope.
func (r *reader) record(ctx context.Context, e *ldap3.Entry) (*object.Record, error) {
	t := r.shape.typeOf(e.GetEqualFoldAttributeValues("objectClass"))
	if t == nil || r.wanted[t.Name] == nil {
		return nil, nil
	}
	anchor, err := r.anchor(e)
	if err != nil {
		return nil, err
	}
	out := &object.Record{Type: t.Name, Anchor: anchor, DN: e.DN}
	bag := map[string]object.Values{}
	for _, a := range e.Attributes {
		name, options, _ := strings.Cut(a.Name, ";")
		described := t.attr(r.shape, name)
		if described == nil || !r.wanted[t.Name][described.Name] || tagged(options) {
			continue
		}
		raw := a.ByteValues
		if from, some := rangeOf(options); some {
			rest, err := r.rest(ctx, e.DN, name, from)
			if err != nil {
				return nil, err
			}
			raw = append(slices.Clip(raw), rest...)
		}
		values, err := described.values(e.DN, raw)
		if err != nil {
			return nil, err
		}
		bag[described.Name] = append(bag[described.Name], values...)
	}
	for name, values := range bag {
		set := object.Set(values...)
		if described := t.attr(r.shape, name); len(set) > 1 && !described.Multi {
			return nil, refuse(e.DN, connector.MultiSingleMismatch, fmt.Errorf("%d values of %s", len(set), name))
		}
		out.Attrs = append(out.Attrs, object.Attr{Name: name, Values: set})
	}
	out.Attrs = object.Bag(out.Attrs...)
	return out, nil
}

// tagged reports options that make another attribute of an attribute: language
// tags (RFC 3866). Binary transfer (RFC 4522) and ranges do not.
func tagged(options string) bool {
	for o := range strings.SplitSeq(options, ";") {
		if o != "" && !strings.EqualFold(o, "binary") && !strings.HasPrefix(strings.ToLower(o), "range=") {
			return true
		}
	}
	return false
}

func (a *attrShape) values(dn string, raw [][]byte) (object.Values, error) {
	out := make(object.Values, 0, len(raw))
	for _, b := range raw {
		v, err := a.decode(b)
		if err != nil {
			return nil, refuse(dn, invalid(a.Kind), fmt.Errorf("%s: %w", a.Name, err))
		}
		out = append(out, v)
	}
	return out, nil
}

// anchor returns what names the entry for ever; octets in hexadecimal.
func (c *conn) anchor(e *ldap3.Entry) (string, error) {
	var raw [][]byte
	for _, a := range e.Attributes {
		if strings.EqualFold(a.Name, c.set.Anchor) {
			raw = a.ByteValues
		}
	}
	switch {
	case len(raw) == 0 || len(raw[0]) == 0:
		return "", refuse(e.DN, connector.MissingAnchor, fmt.Errorf("it has no %s that may be read", c.set.Anchor))
	case len(raw) > 1:
		return "", refuse(e.DN, connector.MultiValuedAnchor, fmt.Errorf("it has %d values of %s", len(raw), c.set.Anchor))
	}
	if c.binaryAnchor() {
		return hex.EncodeToString(raw[0]), nil
	}
	return string(raw[0]), nil
}

func (c *conn) binaryAnchor() bool {
	return c.shape.anchor != nil && kindOf(c.shape.schema.Syntax(c.shape.anchor)) == object.Bytes
}

// anchored is the filter that asks for an anchor.
func (c *conn) anchored(anchor string) string {
	if b, err := hex.DecodeString(anchor); err == nil && c.binaryAnchor() {
		anchor = string(b)
	}
	return equal(c.set.Anchor, anchor)
}

// tell hands an entry to emit, or the refusal of it to the receiver of
// refusals.
func (r *reader) tell(ctx context.Context, e *ldap3.Entry, emit func(object.Record) error) error {
	rec, err := r.record(ctx, e)
	var refusal *connector.Refusal
	switch {
	case asError(err, &refusal):
		refusal.Anchor, _ = r.anchor(e) // without one it cannot be asked for again
		return r.scope.Refuse(refusal)
	case err != nil || rec == nil:
		return err
	}
	return emit(*rec)
}

var errReferral = errors.New("a part of the tree lives on another server, and referrals are not followed")

// referred reports a part of the tree that lives elsewhere: it was not read, so
// nobody in it may be taken for missing.
func (r *reader) referred(url string) error {
	return r.scope.Refuse(refuse(url, connector.FailedSearch, errReferral))
}
