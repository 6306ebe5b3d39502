package demo

import (
	"context"
	"fmt"
	"slices"
	"time"

	"muster/internal/demo/organisation"
	"muster/internal/demo/systems"
)

// sceneLeaver: somebody is no longer in HR's file.
func sceneLeaver(ctx context.Context, s *stage, e *estate) error {
	p := *e.pick(func(p *organisation.Person) bool {
		return p.Site == "Gdansk" && p.Kind == organisation.Employee && e.leadsNobody(p.No)
	})
	before, err := e.to.Look()
	if err != nil {
		return err
	}
	s.say("%s has left, and is gone from HR's file. Gone is not deleted: perhaps it was a mistake.", p.Name())
	e.org.People = slices.DeleteFunc(e.org.People, func(x organisation.Person) bool { return x.No == p.No })
	if err := systems.WriteHR(e.dir, e.org); err != nil {
		return err
	}
	if shown, err := e.nightOf(ctx, s, p.No); err != nil || !shown {
		return err
	}
	after, err := e.to.Look()
	if err != nil {
		return err
	}
	is := after.Accounts[p.No]
	s.line("")
	s.proof(is != nil && is.Inactive && is.Parked() && len(after.Accounts) == len(before.Accounts), "The account is inactive and parked; it is still there, with all it has.")
	if err := e.why(ctx, s, p.No); err != nil {
		return err
	}
	return e.quiet(ctx, s)
}

// why asks Muster for the reasons, and for what comes next.
func (e *estate) why(ctx context.Context, s *stage, no string) error {
	s.command("muster show hr/" + no)
	o, err := e.desk.Show(ctx, "hr/"+no, time.Time{})
	if err != nil {
		return err
	}
	for _, l := range o.Links {
		if l.Connector == "hr" {
			s.shows("hr/%s is %s", l.Anchor, l.State)
		}
	}
	s.shows("time alone changes something on %s", o.Due.Format(time.DateOnly))
	s.command("muster explain hr/" + no + " dir.employeeType")
	x, err := e.desk.Explain(ctx, "hr/"+no, "dir.employeeType")
	if err != nil {
		return err
	}
	for _, l := range x.Lines {
		text := l.Said
		if l.Where != "" {
			text += "  (" + l.Where + ")"
		}
		s.shows("%s", text)
	}
	s.expect(len(x.Lines) > 0, "explain gives reasons")
	s.line("")
	due := e.clock.now().Truncate(24*time.Hour).AddDate(0, 0, 30)
	s.proof(o.Due.Truncate(24*time.Hour).Equal(due), "Deleted %s, thirty days from now, unless HR shows the person again before: then all of it is taken back.", fmt.Sprint("on ", due.Format("2 January")))
	return nil
}
