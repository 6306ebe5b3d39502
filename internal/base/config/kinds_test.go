package config

import (
	"errors"
	"strings"

	"muster/internal/base/problem"
)

// testKinds has something of everything.
func testKinds() []Kind {
	return []Kind{
		{Type: "connector", Summary: "a connected system", Fields: []Field{
			{Name: "title", Summary: "what people call it", Default: "a system"},
			{Name: "kind", Summary: "the sort of system", Type: Choice, Required: true, Choices: []Option{
				{Value: "csv", Summary: "a file of rows", Fields: []Field{
					{Name: "file", Summary: "the file", Type: Path, Required: true, Example: "data/hr.csv"},
					{Name: "separator", Summary: "what stands between values", Type: Choice, Default: "comma", Choices: []Option{
						{Value: "comma"}, {Value: "other", Fields: []Field{{Name: "character", Required: true}}},
					}},
				}},
				{Value: "ldap", Summary: "a directory", Fields: []Field{
					{Name: "host", Summary: "name of the server", Required: true, Example: "ldap.example.org"},
					{Name: "port", Summary: "where it listens", Type: Int, Default: "636", Min: "1", Max: "65535"},
					{Name: "password", Summary: "of the account", Type: Secret},
					{Name: "ratio", Summary: "a part of all", Type: Number, Min: "0", Max: "1"},
					{Name: "tls", Summary: "how the line is sealed", Type: Group, Fields: []Field{
						{Name: "minimum", Type: Choice, Default: "1.2", Choices: []Option{{Value: "1.2"}, {Value: "1.3"}}},
						{Name: "ca", Summary: "who may sign", Type: Path},
					}},
				}},
			}},
			{Name: "timeout", Summary: "how long to wait", Type: Duration, Default: "30s", Min: "1s", Max: "1h"},
			{Name: "read-only", Summary: "never write", Type: Bool},
		}},
		{Type: "rule", Summary: "how values flow", Fields: []Field{
			{Name: "from", Summary: "connector and type", Required: true, Example: "hr/employee", Check: func(s string) error {
				if !strings.Contains(s, "/") {
					return &problem.Problem{Message: "there is no slash in it", Fix: "write connector/type"}
				}
				return nil
			}},
			{Name: "scope", Summary: "which entries", Type: Expression, Default: "true"},
			{Name: "join", Summary: "how to find the person", Type: List, AtLeast: 1, Elem: &Field{Type: Group, Short: "on", Fields: []Field{
				{Name: "on", Summary: "attribute", Required: true},
				{Name: "folded", Type: Bool, Default: "false"},
			}}},
			{Name: "flows", Summary: "values by attribute", Type: Map, Elem: &Field{Name: "flow", Type: Group, Short: "value", Fields: []Field{
				{Name: "value", Type: Expression, Required: true},
				{Name: "once", Type: Bool, Default: "false"},
			}}, Check: func(s string) error {
				if strings.ContainsAny(s, " -") {
					return errors.New("attributes are one word")
				}
				return nil
			}},
			{Name: "tags", Summary: "words", Type: List, Elem: &Field{}},
		}},
		{Type: "schedule", Summary: "when to run", Fields: []Field{
			{Name: "at", Summary: "when", Type: Schedule, Required: true, Example: "30 2 * * 1-5 Europe/Berlin"},
			{Name: "zone", Summary: "whose clock", Type: Zone},
		}},
		{Type: "settings", Summary: "what holds for all", Nameless: true, Fields: []Field{
			{Name: "keep", Summary: "how long history is kept", Type: Duration, Default: "365d"},
			{Name: "folder", Type: Path, Default: "data"},
		}},
	}
}
