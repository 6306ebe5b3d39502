package config

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestDescriptions compares help and schema with the files in testdata.
func TestDescriptions(t *testing.T) {
	t.Parallel()
	var help []string
	for _, k := range testKinds() {
		help = append(help, Help(k))
	}
	schema := JSONSchema(testKinds())
	if string(schema) != string(JSONSchema(testKinds())) || !json.Valid(schema) {
		t.Error("the schema must be JSON, and the same each time")
	}
	for name, got := range map[string]string{"help.txt": strings.Join(help, "\n"), "schema.json": string(schema)} {
		name = "testdata/" + name
		if *update {
			if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(string(want), got); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}
