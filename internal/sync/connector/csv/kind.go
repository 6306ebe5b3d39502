package csv

import (
	"context"
	"errors"

	"muster/internal/base/config"
	"muster/internal/base/object"
	"muster/internal/base/problem"
	"muster/internal/base/secret"
	"muster/internal/sync/connector"
)

// Kind describes the settings of csv connectors.
func Kind() connector.Kind {
	return connector.Kind{
		Name:    "csv",
		Summary: "text files with one object a row",
		Fields: append(fileFields(),
			config.Field{Name: "files", Summary: "several files, instead of one", Type: config.List, Elem: &config.Field{Name: "file", Type: config.Group, Fields: fileFields()}},
			config.Field{Name: "poll", Manner: true, Summary: "how often to look whether a file changed", Type: config.Duration, Default: "2s", Min: "100ms", Max: "1h"},
		),
		Check: func(s *config.Section) error { return at(s, settings(s).Check()) },
		Schema: func(s *config.Section) (object.Schema, error) {
			return declared(settings(s))
		},
		Open: func(_ context.Context, s *config.Section, _ secret.Source) (connector.Connector, error) {
			c, err := Open(settings(s))
			return c, at(s, err)
		},
	}
}

// at gives the problems in err the place of the section, where they have none.
func at(s *config.Section, err error) error {
	var list problem.List
	if !errors.As(err, &list) {
		return err
	}
	for _, p := range list {
		if p.Where.File == "" {
			p.Where = s.Where()
		}
	}
	return list
}

func fileFields() []config.Field {
	text := &config.Field{}
	return append([]config.Field{
		{Name: "file", Summary: "the file with one object a row", Type: config.Path, Example: "data/hr.csv"},
		{Name: "type", Summary: "the type of all objects in it", Example: "employee"},
		{Name: "typeColumn", Summary: "the column that says the type, instead"},
		{Name: "types", Summary: "what the type column says, and the type it stands for", Type: config.Map, Elem: &config.Field{}},
		{Name: "anchor", Summary: "the columns that together name an object for ever", Type: config.List, Elem: text},
		{Name: "join", Summary: "what stands between the parts of a joined anchor", Default: "|"},
		{Name: "header", Summary: "the columns in order, if the file does not begin with their names", Type: config.List, Elem: text},
		{Name: "columns", Summary: "what is to be said of columns; others hold one text", Type: config.Map, Elem: &config.Field{
			Name: "column", Type: config.Group, Short: "kind", Fields: columnFields(),
		}},
		{Name: "members", Summary: "files with one further value a row, such as the members of groups", Type: config.List, Elem: &config.Field{
			Name: "members", Type: config.Group, Fields: append([]config.Field{
				{Name: "file", Summary: "the file", Type: config.Path, Required: true},
				{Name: "owner", Summary: "the column with the anchor of the owner", Required: true, Example: "group"},
				{Name: "value", Summary: "the column with the value", Required: true, Example: "person"},
				{Name: "attribute", Summary: "the attribute it is a value of", Required: true, Example: "member"},
				kindField("ref"),
			}, formatFields()...),
		}},
		{Name: "delta", Summary: "a file with the changes since the last full file", Type: config.Group, Fields: append([]config.Field{
			{Name: "file", Summary: "the file", Type: config.Path},
			{Name: "change", Summary: "the column that says what happened", Default: "changetype"},
			{Name: "add", Summary: "its word for a new object", Default: "add"},
			{Name: "modify", Summary: "its word for a changed object", Default: "modify"},
			{Name: "delete", Summary: "its word for an object that is gone", Default: "delete"},
		}, formatFields()...)},
		{Name: "create", Summary: "an export may create the file", Type: config.Bool, Default: "false"},
	}, formatFields()...)
}

func kindField(def string) config.Field {
	return config.Field{Name: "kind", Summary: "what the values are", Type: config.Choice, Default: def, Choices: []config.Option{
		{Value: "string", Summary: "text"}, {Value: "int", Summary: "whole numbers"}, {Value: "bool", Summary: "true or false"},
		{Value: "time", Summary: "instants or days"}, {Value: "bytes", Summary: "octets in base64"}, {Value: "ref", Summary: "anchors of other objects"},
	}}
}

func columnFields() []config.Field {
	return []config.Field{
		kindField("string"),
		{Name: "attribute", Summary: "what rules call it, if not by the name of the column"},
		{Name: "split", Summary: "what separates several values", Example: `";"`},
		{Name: "layout", Summary: "how times are written, with yyyy MM dd HH mm ss", Example: "dd.MM.yyyy"},
		{Name: "true", Summary: "words for true", Type: config.List, Elem: &config.Field{}},
		{Name: "false", Summary: "words for false", Type: config.List, Elem: &config.Field{}},
	}
}

// formatFields describe how a file is written. Files that belong to another
// are written like it where they do not say otherwise, so there are no
// defaults here.
func formatFields() []config.Field {
	var encodings []config.Option
	for _, name := range Encodings() {
		encodings = append(encodings, config.Option{Value: name})
	}
	return []config.Field{
		{Name: "encoding", Summary: "how characters are written; utf-8 if not given", Type: config.Choice, Choices: encodings},
		{Name: "delimiter", Summary: "the character between fields, or tab; a comma if not given", Example: `";"`, Check: func(s string) error {
			if len(s) != 1 && s != "tab" {
				return &problem.Problem{Message: "a delimiter is one character", Fix: "write one character, or tab"}
			}
			return nil
		}},
		{Name: "lazy", Summary: "take quotes inside fields as they stand", Type: config.Bool},
		{Name: "trim", Summary: "blanks around values do not count", Type: config.Bool},
		{Name: "nulls", Summary: "values that mean no value", Type: config.List, Elem: &config.Field{}},
		{Name: "maxField", Summary: "the most bytes in one field; 1 MiB if not given", Type: config.Int, Min: "1"},
		{Name: "complete", Summary: "how to see that the file is whole", Type: config.Group, Fields: []config.Field{
			{Name: "lastLine", Summary: "what the last line must be; {count} in it is the number of rows", Example: `"#END {count}"`},
			{Name: "countFile", Summary: "a file that holds the number of rows", Type: config.Path},
		}},
	}
}

// settings reads a checked section.
func settings(s *config.Section) Settings {
	set := Settings{Poll: s.Duration("poll")}
	if s.Has("file") || !s.Has("files") {
		set.Files = append(set.Files, fileOf(s.Block))
	}
	for _, b := range s.Subs("files") {
		set.Files = append(set.Files, fileOf(b))
	}
	return set
}

func fileOf(b *config.Block) File {
	f := File{
		Path: b.Path("file"), Format: formatOf(b, Format{}), Type: b.Text("type"), TypeColumn: b.Text("typeColumn"),
		Anchor: b.Texts("anchor"), Join: b.Text("join"), Create: b.Bool("create"),
	}
	for _, e := range b.Map("types") {
		if f.Types == nil {
			f.Types = map[string]string{}
		}
		f.Types[e.Name] = e.Text()
	}
	f.Columns = columnsOf(b)
	f.NoHeader = b.Has("header")
	for _, m := range b.Subs("members") {
		kind, _ := object.ParseKind(m.Text("kind"))
		f.Members = append(f.Members, Members{
			Path: m.Path("file"), Format: formatOf(m, f.Format), Owner: m.Text("owner"), Value: m.Text("value"),
			Attribute: m.Text("attribute"), Kind: kind,
		})
	}
	if d := b.Sub("delta"); b.Has("delta") {
		f.Delta = &Delta{
			Path: d.Path("file"), Format: formatOf(d, f.Format), Change: d.Text("change"),
			Add: d.Text("add"), Modify: d.Text("modify"), Remove: d.Text("delete"),
		}
		f.Delta.NoHeader = f.NoHeader
	}
	return f
}

// columnsOf lists the described columns; without a header line all columns, in
// order.
func columnsOf(b *config.Block) []Column {
	described := map[string]Column{}
	var out []Column
	for _, e := range b.Map("columns") {
		c := e.Sub()
		kind, _ := object.ParseKind(c.Text("kind"))
		described[e.Name] = Column{
			Name: e.Name, Attribute: c.Text("attribute"), Kind: kind, Split: c.Text("split"),
			Layout: c.Text("layout"), True: c.Texts("true"), False: c.Texts("false"),
		}
		out = append(out, described[e.Name])
	}
	if !b.Has("header") {
		return out
	}
	out = nil
	for _, name := range b.Texts("header") {
		c, ok := described[name]
		if !ok {
			c = Column{Name: name}
		}
		out = append(out, c)
	}
	return out
}

// formatOf reads how a file is written, like where it does not say.
func formatOf(b *config.Block, like Format) Format {
	f := like
	f.NoHeader, f.LastLine, f.CountFile = false, "", ""
	if b.Has("encoding") {
		f.Encoding = b.Text("encoding")
	}
	if d := b.Text("delimiter"); d == "tab" {
		f.Delimiter = '\t'
	} else if d != "" {
		f.Delimiter = d[0]
	}
	if b.Has("lazy") {
		f.Lazy = b.Bool("lazy")
	}
	if b.Has("trim") {
		f.Trim = b.Bool("trim")
	}
	if b.Has("nulls") {
		f.Nulls = b.Texts("nulls")
	}
	if b.Has("maxField") {
		f.MaxField = b.Int("maxField")
	}
	complete := b.Sub("complete")
	f.LastLine, f.CountFile = complete.Text("lastLine"), complete.Path("countFile")
	return f
}

// declared is the schema as far as the settings say it. Columns that only the
// header names are not in it.
func declared(s Settings) (object.Schema, error) {
	s.complete()
	var schema object.Schema
	for i := range s.Files {
		sh := s.Files[i].columnsAsShape()
		if err := sh.bind(s.Files[i].Path, ""); err != nil {
			return object.Schema{}, err
		}
		for _, t := range s.Files[i].types() {
			schema.Types = append(schema.Types, object.Type{Name: t, Attributes: sh.attributes()})
		}
	}
	object.SortSchema(&schema)
	return schema, nil
}
