package ldap

import (
	"context"
	"errors"
	"slices"
	"strings"

	ldap3 "github.com/go-ldap/ldap/v3"

	"muster/internal/base/ldapschema"
	"muster/internal/base/problem"
	"muster/internal/sync/connector"
)

// What servers announce.
const (
	oidSync       = "1.3.6.1.4.1.4203.1.9.1.1" // RFC 4533
	oidAssertion  = "1.3.6.1.1.12"             // RFC 4528
	oidPermissive = "1.2.840.113556.1.4.1413"  // values that are there already may be added
	oidPassword   = "1.3.6.1.4.1.4203.1.11.1"  // RFC 3062
)

// server is what the root DSE says (RFC 4512 §5.1).
type server struct {
	contexts   []string
	subschema  string
	controls   []string
	extensions []string
}

func (s server) supports(oid string) bool { return slices.Contains(s.controls, oid) }

func (c *conn) readRoot(ctx context.Context) (server, error) {
	e, err := c.readEntry(ctx, "", "namingContexts", "subschemaSubentry", "supportedControl", "supportedExtension")
	if errors.Is(err, connector.ErrNotFound) {
		return server{}, &problem.Problem{
			Code: connector.FailedPermission, Object: c.set.URL, Message: "the root DSE cannot be read",
			Fix: "let bindDN read the entry with the empty DN",
		}
	}
	if err != nil {
		return server{}, err
	}
	s := server{
		contexts: e.GetEqualFoldAttributeValues("namingContexts"), subschema: e.GetEqualFoldAttributeValue("subschemaSubentry"),
		controls: e.GetEqualFoldAttributeValues("supportedControl"), extensions: e.GetEqualFoldAttributeValues("supportedExtension"),
	}
	orText(&s.subschema, "cn=Subschema")
	return s, nil
}

// readEntry reads one entry by its DN. An entry that is not there is
// connector.ErrNotFound.
func (c *conn) readEntry(ctx context.Context, dn string, attrs ...string) (*ldap3.Entry, error) {
	return c.readFiltered(ctx, dn, "(objectClass=*)", attrs...)
}

func (c *conn) readFiltered(ctx context.Context, dn, filter string, attrs ...string) (*ldap3.Entry, error) {
	var found *ldap3.SearchResult
	err := c.pool.answered(ctx, func(l *link) (err error) {
		found, err = l.Search(ldap3.NewSearchRequest(dn, ldap3.ScopeBaseObject, ldap3.NeverDerefAliases, 0, 0, false, filter, attrs, nil))
		return err
	})
	if resultCode(err) == ldap3.LDAPResultNoSuchObject || err == nil && len(found.Entries) == 0 {
		return nil, connector.ErrNotFound
	}
	if err != nil {
		return nil, c.searchError(ctx, dn, err)
	}
	return found.Entries[0], nil
}

// readShape reads the schema that the server publishes (RFC 4512 §4.2).
func (c *conn) readShape(ctx context.Context) (*shape, error) {
	e, err := c.readFiltered(ctx, c.server.subschema, "(objectClass=subschema)", "attributeTypes", "objectClasses")
	if err != nil {
		return nil, &problem.Problem{
			Code: connector.FailedSearch, Object: c.server.subschema, Message: "the directory's schema cannot be read", Err: err,
			Fix: "let bindDN read the subschema subentry",
		}
	}
	// What cannot be read is left out: servers publish strange things that
	// nobody uses. A class that is missed is missed below.
	s, _ := ldapschema.Parse(e.GetEqualFoldAttributeValues("attributeTypes"), e.GetEqualFoldAttributeValues("objectClasses"))
	return newShape(s, &c.set)
}

// escape prepares a value for a filter (RFC 4515 §3).
func escape(v string) string { return ldap3.EscapeFilter(v) }

// equal is the filter that asks for one value.
func equal(attr, value string) string { return "(" + attr + "=" + escape(value) + ")" }

func join(op string, filters ...string) string {
	if len(filters) == 1 {
		return filters[0]
	}
	return "(" + op + strings.Join(filters, "") + ")"
}
