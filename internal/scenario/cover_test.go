package scenario_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"muster/internal/scenario"
)

// uncovered is how many statements of docs/behaviour.md no story shows. It may
// only fall: whoever adds a statement adds its story.
const uncovered = 0

var statement = regexp.MustCompile(`(?m)^- \*\*([A-Z]+-\d+)\*\* (.*)$`)

// statements reads the specification: every id, and whether a story can show
// it.
func statements(t *testing.T) (all []string, applies map[string]bool) {
	t.Helper()
	text, err := os.ReadFile("../../docs/behaviour.md")
	if err != nil {
		t.Fatal(err)
	}
	applies = map[string]bool{}
	for _, m := range statement.FindAllStringSubmatch(string(text), -1) {
		id, said := m[1], m[2]
		if slices.Contains(all, id) {
			t.Errorf("docs/behaviour.md: %s is there twice; a number is given once", id)
		}
		if strings.Contains(said, "not applicable:") && !strings.Contains(said, "(not applicable: because ") {
			t.Errorf("docs/behaviour.md: %s is not applicable without a reason; write (not applicable: because …)", id)
		}
		all = append(all, id)
		applies[id] = !strings.Contains(said, "(not applicable: because ") && !strings.Contains(said, "*withdrawn*")
	}
	if len(all) < 200 {
		t.Fatalf("docs/behaviour.md: only %d statements found; do they still begin with - **ID**?", len(all))
	}
	return all, applies
}

// TestEveryStatementHasAStory counts the statements, errors by name among them,
// that no story covers.
func TestEveryStatementHasAStory(t *testing.T) {
	all, applies := statements(t)
	shown := map[string]bool{}
	for _, name := range stories(t) {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		story, _ := scenario.Parse(name, text)
		if len(story.Covers) == 0 {
			t.Errorf("%s: covers nothing; name the statements that it shows", name)
		}
		for _, c := range story.Covers {
			use, known := applies[c.ID]
			switch {
			case !known:
				t.Errorf("%s:%d: there is no statement %s; correct the line covers:", name, c.Line, c.ID)
			case !use:
				t.Errorf("%s:%d: %s is withdrawn or not applicable; take it out of covers:", name, c.Line, c.ID)
			}
			shown[c.ID] = true
		}
	}
	var missing []string
	n := 0
	for _, id := range all {
		if !applies[id] {
			continue
		}
		n++
		if !shown[id] {
			missing = append(missing, id)
		}
	}
	t.Logf("%d of %d statements are covered by %d stories", n-len(missing), n, len(stories(t)))
	t.Logf("not yet: %s", strings.Join(missing, " "))
	switch {
	case len(missing) > uncovered:
		t.Errorf("%d statements are not covered, and it was %d; write their stories", len(missing), uncovered)
	case len(missing) < uncovered:
		t.Errorf("only %d statements are not covered any more; write that number into %s", len(missing), filepath.Base("cover_test.go"))
	}
}
