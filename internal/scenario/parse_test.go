package scenario_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"muster/internal/scenario"
)

// TestParseReportsEveryProblem wants all that is wrong with a story at once,
// each with its line and what to do.
func TestParseReportsEveryProblem(t *testing.T) {
	text := `A story with faults
covers: PLAN-1

-- ../rules.yaml --
-- story --
  indented
import hr
at tomorrow
imprt hr
expect plann none
expect plan
approve person 1001 by "Ines Falk"
expect due person hr/1001 "2027-03-01
behave dir dances
sync careful quickly
`
	_, list := scenario.Parse("faults.txtar", []byte(text))
	want := []string{
		"faults.txtar:4: ../rules.yaml is no name of a file inside a story (write it like config/rules.yaml)",
		"faults.txtar:6: an indented line belongs to no step (begin steps at the margin)",
		"faults.txtar:7: the clock is not set yet (begin with: at 2027-03-01T08:00:00Z)",
		`faults.txtar:8: "tomorrow" is no time (write it as: at 2027-03-01T08:00:00Z)`,
		"faults.txtar:9: there is no step imprt (did you mean import?)",
		"faults.txtar:10: nothing can be expected of plann (did you mean plan?)",
		"faults.txtar:11: there are no lines below (write it as: expect plan and units below, expect plan none, or expect plan NUMBER units)",
		`faults.txtar:12: "1001" is no entry (write it as: approve OBJECT [TARGET] by "NAME")`,
		"faults.txtar:13: a quotation mark is not closed",
		`faults.txtar:14: no system "dances" (write it as: behave CONNECTOR `,
		`faults.txtar:15: "quickly" has no meaning here (write it as: sync, sync full, or sync PROFILE)`,
	}
	for i, p := range list {
		if i >= len(want) || !strings.HasPrefix(p.Error(), want[i]) {
			t.Errorf("not expected: %s", p)
		}
	}
	if len(list) != len(want) {
		t.Errorf("%d problems, want %d", len(list), len(want))
	}
}

// small is a story with one person, to which a script is added.
const small = `One person
covers: PLAN-1

-- config/all.yaml --
connector: hr
kind: memory
types: {employee: {emp_no: string, title: string}}
---
metaverse: person
attributes: {employeeID: string, title: string}
---
rule: hr-person-in
from: hr/employee
to: person
join: [{on: {employeeID: attr.emp_no}}]
project: true
flows: {employeeID: attr.emp_no, title: attr.title}
-- systems/hr.csv --
emp_no,title
1001,Engineer
-- story --
at 2027-03-01T08:00:00Z
`

// TestFaultsAreTold runs stories that fail and wants to be told where and why.
func TestFaultsAreTold(t *testing.T) {
	for name, c := range map[string]struct{ script, says string }{
		"plan":           {"import hr\nsync\nexpect plan\n  person hr/1001\n    born\n    link hr/1001\n    employeeID: none -> \"1001\"\n    title: none -> \"Buyer\"\n", "  -   title: none -> \"Buyer\"    (line 30)\n  +   title: none -> \"Engineer\""},
		"plan none":      {"import hr\nsync\nexpect plan none\n", "+ person hr/1001"},
		"object":         {"import hr\nsync\nexpect object person hr/1001\n  title: \"Buyer\"\n", "- title: \"Buyer\"    (line 26)"},
		"no step":        {"import hr\nsync\nexpect step completed-warnings\n", "s.txtar:25: the step ended in success, not completed-warnings"},
		"step fails":     {"behave hr is away\nimport hr\nsync\n", "s.txtar:24: the step ended in no-start-connection"},
		"last step":      {"behave hr is away\nimport hr\n", "expect step no-start-connection"},
		"clock":          {"at 2027-02-01T08:00:00Z\n", "s.txtar:23: the clock stands at 2027-03-01T08:00:00Z and never goes back"},
		"column":         {"change hr\n  emp_no,titel\n  1002,Clerk\n", "s.txtar:25: employee has no attribute \"titel\""},
		"cells":          {"change hr\n  emp_no,title\n  1002\n", "s.txtar:25: wrong number of fields"},
		"nobody":         {"remove hr 1009\n", "s.txtar:23: hr has no object \"1009\""},
		"connector":      {"change hrm\n  emp_no\n  1002\n", "s.txtar:23: there is no connector \"hrm\""},
		"settle differs": {"settle\nexpect system hr 2 objects\n", "s.txtar:24: hr has 1 objects"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			res := scenario.One(t.Context(), "s.txtar", []byte(small+c.script), options())
			if len(res.Problems) != 1 || !strings.Contains(res.Problems[0].Show(), c.says) {
				t.Errorf("told %q, want one problem that says %q", res.Problems.Error(), c.says)
			}
		})
	}
}

// TestConfigFaultsHaveTheStorysLines wants faults of a story's configuration to
// be found where they stand.
func TestConfigFaultsHaveTheStorysLines(t *testing.T) {
	text := strings.Replace(small, "title: attr.title", "title: attr.titel", 1) + "import hr\n"
	res := scenario.One(t.Context(), "s.txtar", []byte(text), options())
	if len(res.Problems) != 1 || !strings.HasPrefix(res.Problems[0].Error(), "s.txtar:17:") || !strings.Contains(res.Problems[0].Message, "config/all.yaml") {
		t.Errorf("told %q", res.Problems.Error())
	}
}

// TestRunFindsStories runs a folder, with a configuration that the stories
// borrow.
func TestRunFindsStories(t *testing.T) {
	dir := t.TempDir()
	front, script, _ := strings.Cut(small, "-- config/all.yaml --\n")
	config, systems, _ := strings.Cut(script, "-- systems/hr.csv --\n")
	for name, text := range map[string]string{
		"rules/all.yaml":     config,
		"stories/good.txtar": strings.Replace(front, "\n\n", "\nconfig: ../rules\n\n", 1) + "-- systems/hr.csv --\n" + systems + "import hr\nsync\nexpect plan 1 unit\n",
		"stories/bad.txtar":  "No steps\n\n-- story --\n",
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	rep, err := scenario.Run(t.Context(), []string{dir + "/stories"}, options())
	if err != nil || len(rep.Results) != 2 || rep.Failed() != 1 || len(rep.Results[1].Problems) > 0 {
		t.Errorf("%v\n%s", err, rep.String())
	}
	if !strings.Contains(rep.String(), "bad.txtar:3: the script has no steps") || !strings.HasSuffix(rep.String(), "2 stories, 1 failed\n") {
		t.Errorf("the report says:\n%s", rep.String())
	}
	if _, err := scenario.Run(t.Context(), []string{dir}, options()); err == nil || !strings.Contains(err.Error(), "there are no stories") {
		t.Errorf("a folder without stories: %v", err)
	}
}
