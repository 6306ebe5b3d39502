package connector

import (
	"context"

	"muster/internal/base/config"
	"muster/internal/base/object"
	"muster/internal/base/secret"
)

// Kind is a sort of connector: how to describe, check and open one. Kinds are
// plain values listed in the package all; nothing registers itself.
type Kind struct {
	Name    string         // as configuration writes it: "ldap", "csv"
	Summary string         // one line for help and manual
	Fields  []config.Field // the only description of its settings
	// Check reports what no single field can show, without connecting.
	Check func(s *config.Section) error
	// Schema returns what the configuration declares of the system's types,
	// without connecting; rules are checked against it.
	Schema func(s *config.Section) (object.Schema, error)
	// Partitions returns the partitions that the section names; none means all
	// that the system has. A system that is not divided has none either. Nil in
	// kinds whose systems never are.
	Partitions func(s *config.Section) (names []string, divided bool)
	// Open connects. Secrets are asked for by name.
	Open func(ctx context.Context, s *config.Section, secrets secret.Source) (Connector, error)
}

// Ability is something that some connectors can do.
type Ability string

// The abilities.
const (
	ImportsChanges Ability = "import changes"
	Exports        Ability = "export"
	Finds          Ability = "find"
	SetsPasswords  Ability = "set passwords"
	Waits          Ability = "wait for changes"
	Divides        Ability = "import a container"
	Probes         Ability = "tell what is not permitted"
)

// AllAbilities lists every ability, in the order people are shown them.
var AllAbilities = []Ability{ImportsChanges, Exports, Finds, SetsPasswords, Waits, Divides, Probes}

// Abilities reports which abilities c has. It is the only place that asks, so
// the manual, the pages and the runner always agree.
func Abilities(c Connector) []Ability {
	var out []Ability
	if _, ok := c.(SinceImporter); ok {
		out = append(out, ImportsChanges)
	}
	if _, ok := c.(Exporter); ok {
		out = append(out, Exports)
	}
	if _, ok := c.(Finder); ok {
		out = append(out, Finds)
	}
	if _, ok := c.(PasswordSetter); ok {
		out = append(out, SetsPasswords)
	}
	if _, ok := c.(Waiter); ok {
		out = append(out, Waits)
	}
	if _, ok := c.(Divided); ok {
		out = append(out, Divides)
	}
	if _, ok := c.(Prober); ok {
		out = append(out, Probes)
	}
	return out
}
