// Package all lists the connectors of this build. It is the only place that
// knows them all, and it never does anything but list them.
package all

import (
	"muster/internal/sync/connector"
	"muster/internal/sync/connector/csv"
	"muster/internal/sync/connector/ldap"
	"muster/internal/sync/connector/memory"
	"muster/internal/sync/connector/sql"
)

// Kinds returns every kind of connector, sorted by name. Memory systems live
// as long as the result: two calls give systems that do not know each other.
func Kinds() []connector.Kind {
	return []connector.Kind{
		csv.Kind(),
		ldap.Kind(),
		memory.Kind(new(memory.Systems)),
		sql.Kind(),
	}
}
