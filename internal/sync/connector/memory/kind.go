package memory

import (
	"context"
	"slices"
	"sync"

	"muster/internal/base/config"
	"muster/internal/base/object"
	"muster/internal/base/secret"
	"muster/internal/sync/connector"
)

// Systems are the systems of one process by name, so that several connectors,
// and whoever tests them, can meet in one.
type Systems struct {
	mu     sync.Mutex
	byName map[string]*System
}

// System returns the named system; what is not there yet is made by make. A
// nil make makes nothing.
func (s *Systems) System(name string, make func() *System) *System {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byName[name] == nil && make != nil {
		if s.byName == nil {
			s.byName = map[string]*System{}
		}
		s.byName[name] = make()
	}
	return s.byName[name]
}

// Kind describes the settings of memory connectors, which open systems.
func Kind(systems *Systems) connector.Kind {
	return connector.Kind{
		Name:       "memory",
		Summary:    "a system that lives as long as the process; for tests and stories",
		Fields:     fields(),
		Schema:     func(s *config.Section) (object.Schema, error) { return New(options(s)).opt.Schema, nil },
		Partitions: func(s *config.Section) ([]string, bool) { return s.Texts("roots"), s.Bool("tree") },
		Open: func(_ context.Context, s *config.Section, _ secret.Source) (connector.Connector, error) {
			name := s.Text("system")
			if name == "" {
				name = s.Name
			}
			return systems.System(name, func() *System { return New(options(s)) }).Open(), nil
		},
	}
}

func fields() []config.Field {
	flag := func(name, summary string) config.Field {
		return config.Field{Name: name, Summary: summary, Type: config.Bool, Default: "false"}
	}
	var kinds []config.Option
	for k := object.String; k <= object.Ref; k++ {
		kinds = append(kinds, config.Option{Value: k.String()})
	}
	attribute := config.Field{Name: "attribute", Type: config.Group, Short: "kind", Fields: []config.Field{
		{Name: "kind", Summary: "what the values are", Type: config.Choice, Default: "string", Choices: kinds},
		flag("multi", "it may hold several values"),
		flag("required", "a new object must have it"),
		flag("readOnly", "the system sets it"),
		flag("writeOnly", "it cannot be read back"),
		flag("folded", "the case of letters does not count"),
		flag("unique", "no two objects have the same value"),
		flag("byDN", "references name their target by DN"),
		{Name: "length", Summary: "the most characters", Type: config.Int, Min: "1"},
	}}
	return []config.Field{
		{Name: "system", Summary: "the name of the system; connectors that say the same share it"},
		{Name: "types", Summary: "the object types, and their attributes", Type: config.Map, Elem: &config.Field{Name: "type", Type: config.Map, Elem: &attribute}},
		{Name: "roots", Summary: "DNs that are there without being objects", Type: config.List, Elem: &config.Field{}},
		{Name: "readOnly", Summary: "object types that cannot be written", Type: config.List, Elem: &config.Field{}},
		flag("tree", "objects have DNs and lie under one another"),
		flag("givesAnchors", "the system chooses the anchors"),
		flag("atomic", "an export counts as a whole or not at all"),
		flag("lowercase", "texts are kept in lower case"),
		flag("checkRefs", "references must have a target"),
		flag("tellMods", "updates are told by what changed"),
	}
}

func options(s *config.Section) Options {
	opt := Options{
		Roots: s.Texts("roots"), Lowercase: s.Bool("lowercase"), CheckRefs: s.Bool("checkRefs"), TellMods: s.Bool("tellMods"),
	}
	opt.Traits.Hierarchical, opt.Traits.AnchorAssigned, opt.Traits.Atomic = s.Bool("tree"), s.Bool("givesAnchors"), s.Bool("atomic")
	for _, t := range s.Map("types") {
		typ := object.Type{Name: t.Name, ReadOnly: slices.Contains(s.Texts("readOnly"), t.Name)}
		for _, e := range t.Map() {
			a := e.Sub()
			kind, _ := object.ParseKind(a.Text("kind"))
			typ.Attributes = append(typ.Attributes, object.Attribute{
				Name: e.Name, Kind: kind, Multi: a.Bool("multi"), Required: a.Bool("required"), ReadOnly: a.Bool("readOnly"),
				WriteOnly: a.Bool("writeOnly"), Folded: a.Bool("folded"), Unique: a.Bool("unique"), ByDN: a.Bool("byDN"), MaxLength: a.Int("length"),
			})
		}
		opt.Schema.Types = append(opt.Schema.Types, typ)
	}
	return opt
}
