package run

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"muster/internal/base/config"
	"muster/internal/base/object"
	"muster/internal/base/problem"
	"muster/internal/base/secret"
	"muster/internal/sync/connector"
	"muster/internal/sync/gate"
	"muster/internal/sync/rules"
)

// SchemaFolder is where the schemas read from connected systems are kept, one
// file a connector, beside the configuration and under version control with it.
const SchemaFolder = "schemas"

// Config is a checked configuration: everything a run needs to know that is no
// data. It does not change; a reload swaps it whole.
type Config struct {
	Tree       *config.Tree
	Rules      *rules.Set
	Connectors []*Connected // in the order of names
	Profiles   []Profile
	Schedules  []Schedule

	kinds []connector.Kind
	texts map[string][]byte // the files it was read from, to be kept with what they decide
}

// Connected is a connector as configured.
type Connected struct {
	Name        string
	Kind        connector.Kind
	Section     *config.Section
	Schema      object.Schema
	Gate        gate.Gate
	ExportBatch int
	read        object.Schema // as it was read from the system, in SchemaFolder
}

// Connector returns the named connector.
func (c *Config) Connector(name string) (*Connected, *problem.Problem) {
	var names []string
	for _, x := range c.Connectors {
		if x.Name == name {
			return x, nil
		}
		names = append(names, x.Name)
	}
	return nil, &problem.Problem{Code: "unknown-connector", Message: fmt.Sprintf("there is no connector %q", name), Fix: suggestion(name, names)}
}

// Profile returns the named profile.
func (c *Config) Profile(name string) (Profile, *problem.Problem) {
	var names []string
	for _, x := range c.Profiles {
		if x.Name == name {
			return x, nil
		}
		names = append(names, x.Name)
	}
	return Profile{}, &problem.Problem{Code: "no-start-unknown-profile-name", Message: fmt.Sprintf("there is no profile %q", name), Fix: suggestion(name, names)}
}

func suggestion(word string, names []string) string {
	if s := problem.Suggest(word, names); s != "" {
		return s
	}
	if len(names) == 0 {
		return "the configuration has none"
	}
	if len(names) == 1 {
		return "there is only " + names[0]
	}
	return "there are " + strings.Join(names, ", ")
}

// Open connects to the connector's system.
func (x *Connected) Open(ctx context.Context, secrets secret.Source) (connector.Connector, error) {
	return x.Kind.Open(ctx, x.Section, secrets)
}

// Sections describes every section that a configuration may have, with the
// given kinds of connectors.
func Sections(kinds []connector.Kind) []config.Kind {
	options := make([]config.Option, 0, len(kinds))
	for _, k := range kinds {
		options = append(options, config.Option{Value: k.Name, Summary: k.Summary, Fields: k.Fields})
	}
	fields := []config.Field{{Name: "kind", Type: config.Choice, Required: true, Summary: "what sort of system it is", Choices: options}}
	fields = append(fields, ConnectorFields()...)
	out := []config.Kind{{Type: "connector", Summary: "a connected system", Fields: fields}}
	out = append(out, rules.Kinds()...)
	return append(out, Kinds()...)
}

// Check reads a whole configuration and reports everything that is wrong with
// it, without connecting anywhere. folder is where tree was read from, and holds
// the schemas read before; nil if there is none.
func Check(tree *config.Tree, kinds []connector.Kind, folder fs.FS) (*Config, problem.List) {
	c := &Config{Tree: tree, kinds: kinds}
	var problems problem.List
	if folder != nil {
		c.texts, _ = config.Texts(folder) // what could not be read was told when tree was
	}
	for _, s := range tree.Sections("connector") {
		x := &Connected{Name: s.Name, Section: s}
		c.Connectors = append(c.Connectors, x)
		if s.Broken {
			continue
		}
		for _, k := range kinds {
			if k.Name == s.Text("kind") {
				x.Kind = k
			}
		}
		problems = append(problems, x.check(folder)...)
	}
	systems := make([]rules.System, len(c.Connectors))
	for i, x := range c.Connectors {
		systems[i] = rules.System{Section: x.Section, Schema: x.Schema}
	}
	set, more := rules.Compile(tree, systems)
	problems = append(problems, more...)
	c.Rules = set
	problems = append(problems, c.profiles(tree)...)
	problems = append(problems, c.schedules(tree)...)
	problems.Sort()
	return c, problems
}

// check completes one connector and reports what is wrong with it.
func (x *Connected) check(schemas fs.FS) problem.List {
	s := x.Section
	g := s.Sub("gate")
	x.Gate, x.ExportBatch = gate.Gate{Fewer: g.Number("fewer"), Nulls: g.Number("nulls")}, s.Int("exportBatch")
	var out problem.List
	if x.Kind.Check != nil {
		out = append(out, asProblems(s, x.Kind.Check(s))...)
	}
	if x.Kind.Schema != nil && len(out) == 0 {
		var err error
		x.Schema, err = x.Kind.Schema(s)
		out = append(out, asProblems(s, err)...)
	}
	known, err := readSchema(schemas, s.Name)
	if err != nil {
		out = append(out, asProblems(s, err)...)
	}
	x.Schema, x.read = merge(x.Schema, known), known
	return out
}

// fits reports an attribute that the system holds otherwise than the schema that
// was read from it says (ERR-31).
func (x *Connected) fits(now object.Schema) error {
	for _, t := range x.read.Types {
		nt, _ := now.Type(t.Name)
		for _, a := range t.Attributes {
			if na, ok := nt.Attribute(a.Name); ok && (na.Kind != a.Kind || a.Multi && !na.Multi) {
				return &problem.Problem{Code: connector.TypeMismatch, Object: "connector " + x.Name,
					Message: fmt.Sprintf("%s.%s is %s in the system now, and %s in %s/%s.json", t.Name, a.Name, holds(na), holds(a), SchemaFolder, x.Name),
					Fix:     "read the schema again with: muster schema " + x.Name + "; then correct the rules"}
			}
		}
	}
	return nil
}

func holds(a object.Attribute) string {
	if a.Multi {
		return a.Kind.String() + " with several values"
	}
	return a.Kind.String()
}

// asProblems gives what a kind says of its settings the section as the place, and as
// what it is about.
func asProblems(s *config.Section, err error) problem.List {
	var list problem.List
	switch e := err.(type) { //nolint:errorlint // made by the kind itself
	case nil:
		return nil
	case *problem.Problem:
		list = problem.List{e}
	case problem.List:
		list = e
	default:
		return problem.List{s.Problem("connector-settings", err.Error(), "")}
	}
	out := make(problem.List, len(list))
	head := s.Problem("", "", "")
	for i, p := range list {
		q := *p
		if out[i] = &q; q.Where.File != "" && q.Where != head.Where || q.Source != "" {
			continue // it knows better
		}
		if q.Where, q.Source = head.Where, head.Source; q.Object == "" {
			q.Object = head.Object
		} else {
			q.Object = head.Object + ": " + q.Object
		}
	}
	return out
}

// readSchema reads what was kept of the system's schema.
func readSchema(fsys fs.FS, name string) (object.Schema, error) {
	var s object.Schema
	if fsys == nil {
		return s, nil
	}
	b, err := fs.ReadFile(fsys, SchemaFolder+"/"+name+".json")
	if err != nil {
		return s, nil //nolint:nilerr // there need not be one
	}
	if err := json.Unmarshal(b, &s); err != nil {
		return s, &problem.Problem{Code: "bad-schema-file", Where: problem.Position{File: SchemaFolder + "/" + name + ".json"},
			Message: "not a schema: " + err.Error(), Fix: "read it again with: muster schema " + name}
	}
	object.SortSchema(&s)
	return s, nil
}

// merge adds to what the configuration declares what is known of the system.
func merge(declared, known object.Schema) object.Schema {
	for _, kt := range known.Types {
		i := slices.IndexFunc(declared.Types, func(t object.Type) bool { return t.Name == kt.Name })
		if i < 0 {
			declared.Types = append(declared.Types, kt)
			continue
		}
		declared.Types[i].ReadOnly = declared.Types[i].ReadOnly || kt.ReadOnly
		for _, a := range kt.Attributes {
			if _, ok := declared.Types[i].Attribute(a.Name); !ok {
				declared.Types[i].Attributes = append(declared.Types[i].Attributes, a)
			}
		}
	}
	object.SortSchema(&declared)
	return declared
}

func (c *Config) profiles(tree *config.Tree) problem.List {
	var out problem.List
	for _, s := range tree.Sections("profile") {
		if s.Broken {
			continue
		}
		p := Profile{Name: s.Name}
		if s.Text("accept") == "approved" {
			p.Accept = Approved
		}
		for _, b := range s.Subs("steps") {
			st, wrong := c.step(b)
			if wrong != nil {
				out = append(out, wrong)
				continue
			}
			p.Steps = append(p.Steps, st)
		}
		c.Profiles = append(c.Profiles, p)
	}
	return out
}

func (c *Config) step(b *config.Block) (Step, *problem.Problem) {
	var st Step
	n := 0
	for _, key := range []string{"import", "export", "sync"} {
		if b.Has(key) {
			n++
			st.Do, st.Connector = Do(key), b.Text(key)
		}
	}
	if n != 1 {
		return st, b.Problem("profile-step", "a step does one thing", "write import, sync or export")
	}
	if st.Do == Sync {
		st.Full, st.Connector = b.Text("sync") == "full", ""
		return st, nil
	}
	st.Full = b.Bool("full")
	x, wrong := c.Connector(st.Connector)
	if wrong != nil {
		return st, b.Problem(wrong.Code, wrong.Message, wrong.Fix, string(st.Do))
	}
	st.In = b.Texts("in")
	return st, x.lacks(b, st)
}

// lacks reports a container that the connector does not have, as far as its
// section shows it (ERR-8).
func (x *Connected) lacks(b *config.Block, st Step) *problem.Problem {
	switch {
	case len(st.In) == 0 || x.Kind.Name == "":
		return nil
	case st.Do != Import:
		return b.Problem("profile-step", "only an import is limited to containers", "remove in, or import", "in")
	}
	var all []string
	divided := false
	if x.Kind.Partitions != nil {
		all, divided = x.Kind.Partitions(x.Section)
	}
	if !divided {
		return b.Problem(connector.MissingPartition, "connector "+x.Name+" has no containers", "remove in", "in")
	}
	for i, dn := range st.In {
		if len(all) > 0 && !inside(dn, all) {
			return b.Problem(connector.MissingPartition, dn+" lies in no partition of connector "+x.Name, suggestion(dn, all), "in", strconv.Itoa(i))
		}
	}
	return nil
}

func (c *Config) schedules(tree *config.Tree) problem.List {
	var out problem.List
	for _, s := range tree.Sections("schedule") {
		if s.Broken {
			continue
		}
		if _, wrong := c.Profile(s.Text("profile")); wrong != nil {
			out = append(out, s.Problem(wrong.Code, wrong.Message, wrong.Fix, "profile"))
			continue
		}
		c.Schedules = append(c.Schedules, Schedule{Name: s.Name, Profile: s.Text("profile"), At: s.Schedule("at"), Zone: s.Schedule("at").Zone})
	}
	return out
}
