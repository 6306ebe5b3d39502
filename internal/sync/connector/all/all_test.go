package all_test

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"muster/internal/base/config"
	"muster/internal/sync/connector"
	"muster/internal/sync/connector/all"
	"muster/internal/sync/connector/connectortest"
)

// TestEachIsExamined fails for a connector that never sat the examination.
func TestEachIsExamined(t *testing.T) {
	kinds := all.Kinds()
	if !slices.IsSortedFunc(kinds, func(a, b connector.Kind) int { return strings.Compare(a.Name, b.Name) }) {
		t.Error("the kinds are not sorted by name")
	}
	for _, k := range kinds {
		if k.Summary == "" || k.Open == nil || k.Schema == nil {
			t.Errorf("%s: summary, Schema and Open are required", k.Name)
		}
		if !slices.ContainsFunc(connectortest.Examined(), func(suite string) bool { return strings.Fields(suite)[0] == k.Name }) {
			t.Errorf("%s has no rows in connectortest/abilities.golden", k.Name)
		}
	}
}

// TestFields lets config verify the descriptions.
func TestFields(t *testing.T) {
	var choices []config.Option
	for _, k := range all.Kinds() {
		choices = append(choices, config.Option{Value: k.Name, Summary: k.Summary, Fields: k.Fields})
	}
	_, list := config.Load(fstest.MapFS{}, []config.Kind{{Type: "connector", Fields: []config.Field{{Name: "kind", Type: config.Choice, Required: true, Choices: choices}}}})
	if err := list.Err(); err != nil {
		t.Error(err)
	}
}
