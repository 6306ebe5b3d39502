package sql

import (
	"time"

	"muster/internal/base/config"
	"muster/internal/base/object"
)

// Words of the configuration.
const (
	postgresName = "postgresql"
	sqliteName   = "sqlite"

	tlsVerify = "verify-full"
	tlsNone   = "none"

	deltaNone      = "none"
	deltaWatermark = "watermark"
	deltaChanges   = "changes"

	anyType = "*"
)

// typeSettings are one object type as the configuration describes it.
type typeSettings struct {
	name                  string
	from                  source
	anchor                []string
	assigned              bool
	prefix                string
	typeColumn, typeValue string
	columns               []string // nil means all
	attributes            []attribute
	lists                 []listSettings
	delta                 deltaSettings
	deleted               string

	insert, update, remove, password *template // own statements, nil if there is none
}

// source is what rows are read from: a table, or a statement.
type source struct {
	table string
	query string
}

func (s source) String() string {
	if s.table != "" {
		return s.table
	}
	return "the statement"
}

// attribute is what the configuration says about a single attribute.
type attribute struct {
	name, column string
	kind         object.Kind // None: as the column's type suggests
	ref          string      // type of its targets, "" if it is no reference
	zone         *time.Location
}

// listSettings are a table with one value of an attribute a row.
type listSettings struct {
	attribute // column is the one with the value
	from      source
	owner     []string
	watermark string
	skip      bool // values without owner are passed over
}

type deltaSettings struct {
	method    string
	watermark string // column of the main table; for changes, the sequence
	overlap   time.Duration
	count     int64

	table             string
	anchor            []string
	operation         string
	add, modify, gone string
}

func readTypes(b *config.Block) []typeSettings {
	var types []typeSettings
	for _, e := range b.Map("types") {
		types = append(types, readType(e.Name, e.Sub()))
	}
	return types
}

func readType(name string, b *config.Block) typeSettings {
	t := typeSettings{
		name: name, from: source{b.Text("table"), b.Text("select")},
		anchor: b.Texts("anchor"), assigned: b.Bool("assigned"), prefix: b.Text("prefix"),
		typeColumn: b.Text("typeColumn"), typeValue: b.Text("typeValue"),
		columns: b.Texts("columns"), deleted: b.Text("deleted"),
		insert: parsed(b.Text("insert")), update: parsed(b.Text("update")),
		remove: parsed(b.Text("delete")), password: parsed(b.Text("setPassword")),
	}
	if !b.Has("typeValue") {
		t.typeValue = name
	}
	for _, e := range b.Map("attributes") {
		a := readAttribute(e.Name, e.Sub())
		if a.column = e.Sub().Text("column"); a.column == "" {
			a.column = e.Name
		}
		t.attributes = append(t.attributes, a)
	}
	for _, e := range b.Map("values") {
		v := e.Sub()
		l := listSettings{
			attribute: readAttribute(e.Name, v), from: source{v.Text("table"), v.Text("select")},
			owner: v.Texts("owner"), watermark: v.Text("watermark"), skip: v.Text("strays") == "skip",
		}
		l.column = v.Text("value")
		t.lists = append(t.lists, l)
	}
	t.delta = readDelta(b)
	return t
}

func readAttribute(name string, b *config.Block) attribute {
	a := attribute{name: name, ref: b.Text("ref"), zone: b.Zone("zone")}
	a.kind, _ = object.ParseKind(b.Text("kind"))
	if a.ref != "" {
		a.kind = object.Ref
	}
	return a
}

func readDelta(b *config.Block) deltaSettings {
	d := deltaSettings{method: b.Text("delta")}
	switch d.method {
	case deltaWatermark:
		d.watermark, d.overlap, d.count = b.Text("watermark"), b.Duration("overlap"), int64(b.Int("overlapCount"))
	case deltaChanges:
		d.table, d.anchor, d.watermark = b.Text("changeTable"), b.Texts("changeAnchor"), b.Text("sequence")
		d.operation, d.count = b.Text("changeType"), int64(b.Int("overlapCount"))
		d.add, d.modify, d.gone = b.Text("changeAdd"), b.Text("changeModify"), b.Text("changeDelete")
	}
	return d
}

// parsed returns a statement that was checked before, nil if there is none.
func parsed(text string) *template {
	if text == "" {
		return nil
	}
	t, err := parseTemplate(text)
	if err != nil {
		panic("sql: a statement was not checked: " + err.Error())
	}
	return t
}
