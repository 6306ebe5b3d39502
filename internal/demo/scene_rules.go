package demo

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"muster/internal/demo/organisation"
	"muster/internal/sync/run"
)

const (
	changedRule = "rules/hr-person-in.yaml"
	oldFlow     = `displayName: 'attr.first_name + " " + attr.last_name'`
	newFlow     = `displayName: 'attr.first_name + " " + attr.last_name + (attr.kind == "contractor" ? " (external)" : "")'`
)

// sceneRules: the impact of a change of rules is seen before it is made.
func sceneRules(ctx context.Context, s *stage, e *estate) error {
	s.say("Security wants contractors to be recognised by their display name. One line of a rule changes, in a copy of the folder:")
	s.line("")
	s.row("- "+oldFlow, 2)
	s.row("+ "+newFlow, 2)
	next, err := e.proposal()
	if err != nil {
		return err
	}
	s.command("muster plan --rules NEW/")
	step, err := e.desk.Sync(ctx, run.SyncOptions{Preview: true, Rules: next})
	if err != nil {
		return err
	}
	preview, err := e.desk.Plan(ctx, step.Plan)
	if err != nil {
		return err
	}
	list, err := e.unitsOf(ctx, preview.No)
	if err != nil {
		return err
	}
	s.table(rowsOf(byTarget(list)))
	s.line("")
	outside := e.org.Count(func(p *organisation.Person) bool { return p.Kind == organisation.Contractor })
	s.proof(len(list) == outside, "%s people change, the contractors and nobody else. Nothing has been changed yet.", number(len(list)))
	before, err := e.to.Look()
	if err != nil {
		return err
	}
	s.expect(before.External() == 0, "nobody is shown as external yet")
	return e.makeIt(ctx, s, preview, outside)
}

// proposal is the configuration with the changed rule, in another folder.
func (e *estate) proposal() (*run.Config, error) {
	dir, err := e.tempFolder()
	if err != nil {
		return nil, err
	}
	if err := WriteFolder(dir, e.to); err != nil {
		return nil, err
	}
	if err := replaceIn(dir, oldFlow, newFlow); err != nil {
		return nil, err
	}
	return LoadFolder(dir)
}

// replaceIn changes the rule's text.
func replaceIn(dir, was, is string) error {
	file := filepath.Join(dir, filepath.FromSlash(changedRule))
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if !strings.Contains(string(text), was) {
		return fmt.Errorf("%s does not contain %s", file, was)
	}
	return os.WriteFile(file, []byte(strings.Replace(string(text), was, is, 1)), 0o600)
}

// makeIt puts the rule in force.
func (e *estate) makeIt(ctx context.Context, s *stage, preview run.PlanInfo, outside int) error {
	if err := replaceIn(e.dir, oldFlow, newFlow); err != nil {
		return err
	}
	if err := e.reload(); err != nil {
		return err
	}
	s.command("cp NEW/" + changedRule + " rules/")
	rep, err := e.night(ctx, s)
	if err != nil {
		return err
	}
	made, err := e.desk.Plan(ctx, planOf(rep))
	if err != nil {
		return err
	}
	e.changed = made.No
	s.proof(made.Hash == preview.Hash, "What was made is what was shown: plan %d has the hash of the preview, %.12s….", made.No, made.Hash)
	after, err := e.to.Look()
	if err != nil {
		return err
	}
	s.proof(after.External() == outside, "%s people are shown as external in the directory.", number(after.External()))
	return e.quiet(ctx, s)
}
