// Package sql connects to relational databases: PostgreSQL and SQLite, with room
// for others. It reads tables, views or statements of the administrator's own
// as one consistent picture, tells changes by a watermark or a table of
// changes, and writes rows. Values reach the database as parameters only, and
// names as quoted identifiers. It never creates or alters a table, never keeps
// anything of its own in the database, and never takes part of a result for
// all of it.
package sql

import (
	"muster/internal/base/config"
	"muster/internal/sync/connector"
)

// Kind describes the connector.
func Kind() connector.Kind {
	return connector.Kind{
		Name:    "sql",
		Summary: "tables of PostgreSQL and SQLite",
		Fields:  fields(),
		Check:   check,
		Schema:  declared,
		Open:    open,
	}
}

func fields() []config.Field {
	return []config.Field{
		{Name: "database", Summary: "the database system", Type: config.Choice, Required: true, Choices: []config.Option{
			{Value: postgresName, Summary: "PostgreSQL 12 or later", Fields: postgresFields()},
			{Value: sqliteName, Summary: "an SQLite file", Fields: []config.Field{
				{Name: "file", Summary: "the database file, which must exist", Type: config.Path, Required: true},
				{Name: "busyTimeout", Manner: true, Summary: "how long to wait for others who write", Type: config.Duration, Default: "5s", Max: "10m"},
			}},
		}},
		{Name: "zone", Summary: "time zone of columns that do not say theirs", Type: config.Zone, Example: "Europe/Berlin"},
		{Name: "types", Summary: "the object types and where they are", Type: config.Map, Required: true, AtLeast: 1,
			Elem: &config.Field{Name: "type", Type: config.Group, Fields: typeFields()}},
	}
}

func postgresFields() []config.Field {
	return []config.Field{
		{Name: "host", Summary: "name or address of the server, or the folder of its socket", Required: true, Example: "db.example.com"},
		{Name: "port", Summary: "port of the server", Type: config.Int, Default: "5432", Min: "1", Max: "65535"},
		{Name: "name", Summary: "name of the database", Required: true, Example: "hr"},
		{Name: "user", Summary: "account to sign in with", Required: true, Example: "muster"},
		{Name: "password", Manner: true, Summary: "secret that holds its password", Type: config.Secret},
		{Name: "tls", Manner: true, Summary: "how the connection is protected", Type: config.Choice, Default: tlsVerify, Choices: []config.Option{
			{Value: tlsVerify, Summary: "TLS; the server's certificate and name are verified"},
			{Value: tlsNone, Summary: "not at all; on this machine only (sockets never use TLS)"},
		}},
		{Name: "ca", Manner: true, Summary: "certificates of authorities to trust in place of the system's", Type: config.Path},
		{Name: "listen", Manner: true, Summary: "channel on which the database notifies of changes", Example: "muster"},
		{Name: "connectTimeout", Manner: true, Summary: "how long to wait for a connection", Type: config.Duration, Default: "10s", Min: "1s", Max: "10m"},
		{Name: "statementTimeout", Manner: true, Summary: "how long one statement, or one portion of rows, may take", Type: config.Duration, Default: "10m", Min: "100ms", Max: "24h"},
		{Name: "lockTimeout", Manner: true, Summary: "how long a change waits for others who write", Type: config.Duration, Default: "10s", Min: "10ms", Max: "1h"},
	}
}

func typeFields() []config.Field {
	list := func(name, summary string, required bool) config.Field {
		f := config.Field{Name: name, Summary: summary, Type: config.List, Elem: &config.Field{Name: "column"}, Required: required}
		if required {
			f.AtLeast = 1
		}
		return f
	}
	return []config.Field{
		{Name: "table", Summary: `table or view, in its exact spelling; a name with dots goes in double quotes`, Check: checkTable, Example: "hr.employees"},
		{Name: "select", Summary: "a statement that reads the objects, in place of a table", Check: checkPlain},
		list("anchor", "columns that together name an object for ever", true),
		{Name: "assigned", Summary: "the database gives new objects their anchor", Type: config.Bool, Default: "false"},
		{Name: "prefix", Summary: "put before anchors, so that those of several types differ", Example: "person:"},
		{Name: "typeColumn", Summary: "column that says of what type a row is", Example: "kind"},
		{Name: "typeValue", Summary: "what it holds for this type; else the type's name"},
		list("columns", "the columns to read; else all", false),
		{Name: "attributes", Summary: "what is to be said about single attributes", Type: config.Map,
			Elem: &config.Field{Name: "attribute", Type: config.Group, Short: "kind", Fields: append([]config.Field{
				{Name: "column", Summary: "its column; else the one with its name"},
			}, valueFields()...)}},
		{Name: "values", Summary: "attributes with one value a row in a table of their own", Type: config.Map,
			Elem: &config.Field{Name: "attribute", Type: config.Group, Fields: append([]config.Field{
				{Name: "table", Summary: "table or view with the values", Check: checkTable, Example: "hr.phones"},
				{Name: "select", Summary: "a statement that reads them, in place of a table", Check: checkPlain},
				list("owner", "columns with the anchor of the owner, in the anchor's order", true),
				{Name: "value", Summary: "column with the value", Required: true},
				{Name: "watermark", Summary: "column that grows when a value is added, of the same type as the main table's"},
				{Name: "strays", Summary: "what to do with values whose owner is not there", Type: config.Choice, Default: "refuse",
					Choices: []config.Option{{Value: "refuse", Summary: "report them"}, {Value: "skip", Summary: "pass over them"}}},
			}, valueFields()...)}},
		deltaField(),
		{Name: "deleted", Summary: "column that marks rows as deleted: true, not 0, or a time", Example: "is_deleted"},
		{Name: "insert", Summary: "own statement for new objects; :name is the value of an attribute", Check: checkStatement},
		{Name: "update", Summary: "own statement for changed objects; :anchor names the object, and every attribute has its new or present value", Check: checkStatement},
		{Name: "delete", Summary: "own statement for deleted objects", Check: checkStatement, Example: "update people set gone = true where id = :anchor"},
		{Name: "setPassword", Summary: "statement that sets the password :password of the object :anchor", Check: checkStatement},
	}
}

func valueFields() []config.Field {
	var kinds []config.Option
	for _, k := range []string{"string", "int", "bool", "time", "bytes"} {
		kinds = append(kinds, config.Option{Value: k})
	}
	return []config.Field{
		{Name: "kind", Summary: "its kind; else what the column's type suggests", Type: config.Choice, Choices: kinds},
		{Name: "ref", Summary: `type of the objects that it refers to; "*" if it holds whole anchors`, Example: "person"},
		{Name: "zone", Summary: "time zone of its times", Type: config.Zone},
	}
}

func deltaField() config.Field {
	count := config.Field{Name: "overlapCount", Summary: "how far back to read again, where the column holds numbers", Type: config.Int, Default: "1000", Min: "0"}
	return config.Field{Name: "delta", Summary: "how changes are found", Type: config.Choice, Default: deltaNone, Choices: []config.Option{
		{Value: deltaNone, Summary: "they are not; every import is full"},
		{Value: deltaWatermark, Summary: "by a column that grows with each change", Fields: []config.Field{
			{Name: "watermark", Summary: "a time or number that every change makes larger", Required: true, Example: "updated_at"},
			{Name: "overlap", Summary: "how far back to read again, longer than any transaction that writes", Type: config.Duration, Default: "10m", Min: "0s"},
			count,
		}},
		{Value: deltaChanges, Summary: "by a table of changes", Fields: []config.Field{
			{Name: "changeTable", Summary: "table or view with one change a row", Required: true, Check: checkTable, Example: "hr.employee_changes"},
			{Name: "changeAnchor", Summary: "its columns with the anchor", Type: config.List, Elem: &config.Field{Name: "column"}, AtLeast: 1, Required: true},
			{Name: "sequence", Summary: "its column with a number that grows", Required: true, Example: "seq"},
			{Name: "changeType", Summary: "its column that says what happened", Required: true, Example: "change_type"},
			{Name: "changeAdd", Summary: "the word for a new object", Default: "Add"},
			{Name: "changeModify", Summary: "the word for a changed object", Default: "Modify"},
			{Name: "changeDelete", Summary: "the word for a deleted object", Default: "Delete"},
			count,
		}},
	}}
}
