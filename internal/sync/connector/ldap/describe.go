package ldap

import (
	"context"
	"encoding/hex"
	"slices"
	"strings"

	ldap3 "github.com/go-ldap/ldap/v3"

	"muster/internal/sync/connector"
)

// Describe tells the schema that the directory publishes, as far as the
// configured types go. Lengths are not in it: what a schema says of them is a
// promise of the server, not a limit (RFC 4517 §3.3).
func (c *conn) Describe(ctx context.Context) (connector.Description, error) {
	if err := ctx.Err(); err != nil {
		return connector.Description{}, err
	}
	parts, err := c.partitions(ctx)
	return connector.Description{Schema: c.shape.told, Traits: c.traits(), Partitions: parts}, err
}

// partitions looks up what lies at the top of the bases. A naming context that
// nobody asked for by name may be empty; a base that is not there is an error.
func (c *conn) partitions(ctx context.Context) ([]connector.Partition, error) {
	var out []connector.Partition
	for _, base := range c.set.Bases {
		id, there, err := c.top(ctx, base)
		switch {
		case err != nil:
			return nil, err
		case there:
			out = append(out, connector.Partition{Name: base, ID: id})
		case c.named:
			return nil, connector.NoPartition(base)
		}
	}
	return out, nil
}

// HasContainer looks an entry up by its DN.
func (c *conn) HasContainer(ctx context.Context, dn string) (bool, error) {
	_, there, err := c.top(ctx, dn)
	return there, err
}

// top looks up the entry below which is searched, and its anchor: "" where what
// lies below may be read, and not the entry itself.
func (c *conn) top(ctx context.Context, dn string) (id string, there bool, err error) {
	var found *ldap3.SearchResult
	err = c.pool.answered(ctx, func(l *link) (err error) {
		found, err = l.Search(ldap3.NewSearchRequest(dn, ldap3.ScopeBaseObject, ldap3.NeverDerefAliases, 0, 0, false, "(objectClass=*)", []string{c.set.Anchor}, nil))
		return err
	})
	switch {
	case resultCode(err) == ldap3.LDAPResultNoSuchObject:
		return "", false, nil
	case err != nil:
		return "", false, c.searchError(ctx, dn, err)
	case len(found.Entries) == 0:
		return "", true, nil
	}
	id = found.Entries[0].GetEqualFoldAttributeValue(c.set.Anchor)
	if c.binaryAnchor() {
		id = hex.EncodeToString([]byte(id))
	}
	return id, true, nil
}

func (c *conn) traits() connector.Traits {
	t := connector.Traits{
		AnchorAssigned: true, Hierarchical: true, Parallel: c.set.Connections,
		// A value that is there already, or gone already, counts as done, and a
		// name that is already right too.
		Repeatable: []connector.Verb{connector.Update, connector.Rename, connector.Remove},
	}
	switch c.set.Delta {
	case DeltaTime:
		t.DeltaMisses = "deletes, and objects moved out of the bases or changed so that they are of no configured type"
	case DeltaSync:
		if slices.ContainsFunc(c.set.Operational, func(a string) bool { return strings.EqualFold(a, "memberOf") }) {
			t.DeltaMisses = "changes of memberOf, which the server works out without counting it as a change"
		}
	}
	return t
}
