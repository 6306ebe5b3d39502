package demo

import (
	"context"
	"fmt"
	"time"

	"muster/internal/demo/organisation"
	"muster/internal/demo/systems"
	"muster/internal/sync/run"
)

// sceneHasty: a damaged import is released, and the guards hold its leavers.
func sceneHasty(ctx context.Context, s *stage, e *estate) error {
	var kept []organisation.Person
	for i := range e.org.People {
		if e.org.People[i].Site != organisation.Lost {
			kept = append(kept, e.org.People[i])
		}
	}
	lost := len(e.org.People) - len(kept)
	s.say("The next night HR's export leaves out a whole site: %s, %s people. The gate holds this file, too. But it is half past two, somebody is tired, and releases it.", organisation.Lost, number(lost))
	if err := systems.WritePeople(e.dir, kept); err != nil {
		return err
	}
	s.command("muster import hr")
	step, err := e.desk.Import(ctx, "hr", true)
	if err != nil {
		return err
	}
	for _, x := range step.Suspicion {
		s.shows("held: %s", x.String())
	}
	s.expect(len(step.Suspicion) > 0, "the health gate holds the import")
	s.command(`muster release hr --because "looks fine to me"`)
	if err := e.desk.Release(ctx, "hr", "somebody tired", "looks fine to me"); err != nil {
		return err
	}
	s.command("muster sync")
	if step, err = e.desk.Sync(ctx, run.SyncOptions{}); err != nil {
		return err
	}
	for _, g := range step.Guards {
		s.shows("held: %s", g)
	}
	if err := e.showWaiting(ctx, s, lost); err != nil {
		return err
	}
	return e.recover(ctx, s, lost)
}

// showWaiting groups what waits, so that one decision is about all of it.
func (e *estate) showWaiting(ctx context.Context, s *stage, lost int) error {
	s.command("muster plan waiting")
	waiting, err := units(ctx, e.desk.Waiting)
	if err != nil {
		return err
	}
	groups := byReason(waiting)
	s.table(rowsOf(groups))
	s.line("")
	s.proof(len(waiting) == lost && len(groups) <= 4, "%s people wait, in %d groups: a few decisions, not %s of them.", number(len(waiting)), len(groups), number(lost))
	if err := e.send(ctx); err != nil {
		return err
	}
	s.line("")
	s.say("Nothing of this reaches the directory while it waits, and everybody else's changes go on.")
	return e.allThere(ctx, s)
}

// recover says no to all of it at once; the corrected file ends the holds.
func (e *estate) recover(ctx context.Context, s *stage, lost int) error {
	s.command(fmt.Sprintf(`muster plan reject --cause guard --because "%s was left out by mistake"`, organisation.Lost))
	n, err := e.desk.Reject(ctx, run.Selection{Cause: "guard"}, run.Decision{By: administrator, Because: organisation.Lost + " was left out by mistake"})
	if err != nil {
		return err
	}
	s.shows("%s changes rejected", number(n))
	s.line("")
	s.say("The executives among them need no decision: they are protected, and nothing happens to them before somebody says so.")
	e.clock.set(e.clock.now().Add(6 * time.Hour))
	s.line("")
	s.say("In the morning the corrected file arrives. Nobody has to clean up: a hold ends by itself as soon as what it refuses is no longer wanted.")
	if err := systems.WritePeople(e.dir, e.org.People); err != nil {
		return err
	}
	if _, err := e.night(ctx, s); err != nil {
		return err
	}
	st, err := e.desk.Status(ctx)
	if err != nil {
		return err
	}
	s.proof(st.Holds == 0 && st.Waiting == 0, "%d holds and %d waiting people are left. %s people kept their accounts, groups and passwords.", st.Holds, st.Waiting, number(lost))
	if err := e.allThere(ctx, s); err != nil {
		return err
	}
	return e.quiet(ctx, s)
}
