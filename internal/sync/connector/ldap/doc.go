// Package ldap connects Muster to directories that speak LDAPv3: OpenLDAP, 389
// Directory Server, OpenDJ, eDirectory and their relatives. (Active Directory
// has a connector of its own.) What a directory holds is read from the schema
// it publishes; what changed, by content synchronization (RFC 4533) where the
// server has it, else by the times of change.
//
// Two things no server tells by content synchronization or by time, so nobody
// learns of them before the next full import: references that the server itself
// corrected (OpenLDAP's refint, memberOf), and the new DNs of what lies below a
// renamed container (the container is told, if it is of a configured type).
// Neither matters to whoever keeps references and parents by identity; and a
// change sent by an outdated DN finds its object by the anchor.
//
// It never trusts a server whose certificate does not verify, never sends a
// password in the clear to another machine, never builds a filter or a DN out
// of values without escaping them, never holds more of an import than one page,
// and never takes a search that ended early for a complete one. It does not
// follow referrals (it reports them, so that nobody is taken for missing), does
// not know aliases, language tags or SASL.
package ldap

import (
	"context"
	"errors"

	"muster/internal/base/problem"
	"muster/internal/sync/connector"
)

var errClosed = errors.New("the connection is closed")

// conn is an open connection: what every directory can do. What only some can
// is in the types that embed it, so that connector.Abilities tells the truth.
type conn struct {
	set    Settings
	pool   *pool
	server server
	shape  *shape
	named  bool // the bases are those of the settings, not all that the server has
}

// timed tells changes by the time of change.
type timed struct{ *conn }

// synced tells changes by content synchronization.
type synced struct{ *conn }

// What the connections can do.
var (
	_ connector.Exporter       = (*conn)(nil)
	_ connector.Finder         = (*conn)(nil)
	_ connector.PasswordSetter = (*conn)(nil)
	_ connector.Divided        = (*conn)(nil)
	_ connector.SinceImporter  = timed{}
	_ connector.SinceImporter  = synced{}
	_ connector.Waiter         = synced{}
)

// Open connects, signs in, and reads what the server is and holds.
func Open(ctx context.Context, set Settings) (connector.Connector, error) {
	if err := set.complete(); err != nil {
		return nil, err
	}
	config, err := set.tls()
	if err != nil {
		return nil, err
	}
	c := &conn{set: set, pool: newPool(set, config)}
	if err := c.meet(ctx); err != nil {
		c.pool.close()
		return nil, err
	}
	switch c.set.Delta {
	case DeltaSync:
		return synced{c}, nil
	case DeltaTime:
		return timed{c}, nil
	}
	return c, nil
}

// meet reads the root DSE and the schema, and settles what depends on them.
func (c *conn) meet(ctx context.Context) (err error) {
	if c.server, err = c.readRoot(ctx); err != nil {
		return err
	}
	if c.named = len(c.set.Bases) > 0; !c.named {
		c.set.Bases = c.server.contexts
	}
	if len(c.set.Bases) == 0 {
		return &problem.Problem{
			Code: connector.FailedSearch, Object: c.set.URL, Message: "the server names no naming context",
			Fix: "give the DNs to read as bases",
		}
	}
	if err := c.settleDelta(); err != nil {
		return err
	}
	c.shape, err = c.readShape(ctx)
	return err
}

func (c *conn) settleDelta() error {
	has := c.server.supports(oidSync)
	anchored := c.set.Anchor == entryUUID
	switch {
	case c.set.Delta == DeltaAuto && has && anchored:
		c.set.Delta = DeltaSync
	case c.set.Delta == DeltaAuto:
		c.set.Delta = DeltaTime
	case c.set.Delta == DeltaSync && !has:
		return &problem.Problem{
			Code: connector.FailedSearch, Object: c.set.URL, Message: "the server does not offer content synchronization (RFC 4533)",
			Fix: "turn it on (OpenLDAP: overlay syncprov), or set delta: timestamp",
		}
	}
	return nil
}

// Close ends the connection. It does not wait for the server.
func (c *conn) Close() error {
	c.pool.close()
	return nil
}
