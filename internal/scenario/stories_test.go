package scenario_test

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"muster/internal/scenario"
	"muster/internal/store/storetest"
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

// TestStoriesOnPostgreSQL runs stories on the other database: those about the
// same plan on either (PLAN-6); all of them with MUSTER_LONG=1.
func TestStoriesOnPostgreSQL(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a server")
	}
	for _, name := range stories(t) {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		story, _ := scenario.Parse(name, text)
		about := slices.ContainsFunc(story.Covers, func(c scenario.Cover) bool { return c.ID == "PLAN-6" })
		if !about && os.Getenv("MUSTER_LONG") == "" {
			continue
		}
		t.Run(filepath.Base(name), func(t *testing.T) {
			o := options()
			o.Store = func(string) (string, error) { return storetest.Postgres(t), nil }
			for _, p := range scenario.One(t.Context(), name, text, o).Problems {
				t.Error(p.Show())
			}
		})
	}
}

func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }

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
