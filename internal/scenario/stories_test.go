package scenario_test

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"muster/internal/scenario"
	"muster/internal/sync/connector/all"
)

const folder = "../../stories"

func stories(t *testing.T) []string {
	t.Helper()
	list, err := filepath.Glob(folder + "/*.txtar")
	if err != nil || len(list) == 0 {
		t.Fatalf("no stories in %s: %v", folder, err)
	}
	return list
}

func options() scenario.Options {
	return scenario.Options{Kinds: all.Kinds(), Workers: runtime.GOMAXPROCS(0)}
}

// TestStories runs every story.
func TestStories(t *testing.T) {
	for _, name := range stories(t) {
		t.Run(filepath.Base(name), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range scenario.One(t.Context(), name, text, options()).Problems {
				t.Error(p.Show())
			}
		})
	}
}

// TestOpenStories runs what the specification says and Muster does not do yet:
// each must still fail. One that passes has its place among the stories.
func TestOpenStories(t *testing.T) {
	list, err := filepath.Glob(folder + "/open/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range list {
		t.Run(filepath.Base(name), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			problems := scenario.One(t.Context(), name, text, options()).Problems
			if len(problems) == 0 {
				t.Errorf("%s passes now; move it up to %s", name, folder)
			}
			for _, p := range problems {
				t.Log(p.Show())
			}
		})
	}
}
