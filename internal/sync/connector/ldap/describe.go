package ldap

import (
	"context"
	"slices"
	"strings"

	"muster/internal/sync/connector"
)

// Describe tells the schema that the directory publishes, as far as the
// configured types go. Lengths are not in it: what a schema says of them is a
// promise of the server, not a limit (RFC 4517 §3.3).
func (c *conn) Describe(ctx context.Context) (connector.Description, error) {
	if err := ctx.Err(); err != nil {
		return connector.Description{}, err
	}
	return connector.Description{Schema: c.shape.told, Traits: c.traits()}, nil
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
