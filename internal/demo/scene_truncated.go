package demo

import (
	"context"

	"muster/internal/demo/systems"
	"muster/internal/sync/run"
)

// sceneTruncated: HR's export breaks off, and the health gate holds it.
func sceneTruncated(ctx context.Context, s *stage, e *estate) error {
	rows := len(e.org.People) * 57 / 100
	s.say("In the night HR's export ran out of disk space. The file looks fine, but it ends after %s of its %s people. To a program that believes its input, %s people have left the company.",
		number(rows), number(len(e.org.People)), number(len(e.org.People)-rows))
	if err := systems.WritePeople(e.dir, e.org.People[:rows]); err != nil {
		return err
	}
	s.command("muster import hr")
	step, err := e.desk.Import(ctx, "hr", true)
	if err != nil {
		return err
	}
	s.shows("%s", step.Message)
	for _, x := range step.Suspicion {
		s.shows("held: %s", x.String())
	}
	s.expect(len(step.Suspicion) > 0, "the health gate holds the import")
	s.line("")
	s.say("The import waits in quarantine; nothing has changed. What if somebody let it through?")
	if err := e.showRelease(ctx, s); err != nil {
		return err
	}
	s.line("")
	s.say("So it is thrown away, and HR is asked for the whole file.")
	s.command(`muster discard hr --because "HR's disk was full"`)
	if err := e.desk.Discard(ctx, "hr", administrator, "HR's disk was full"); err != nil {
		return err
	}
	if err := systems.WritePeople(e.dir, e.org.People); err != nil {
		return err
	}
	if _, err := e.night(ctx, s); err != nil {
		return err
	}
	if err := e.allThere(ctx, s); err != nil {
		return err
	}
	return e.quiet(ctx, s)
}

// showRelease shows what releasing HR's held import would do.
func (e *estate) showRelease(ctx context.Context, s *stage) error {
	s.command("muster plan --release hr")
	step, err := e.desk.Sync(ctx, run.SyncOptions{Preview: true, Release: "hr"})
	if err != nil {
		return err
	}
	plan, err := e.desk.Plan(ctx, step.Plan)
	if err != nil {
		return err
	}
	waits, err := e.unitsOf(ctx, step.Waits)
	if err != nil {
		return err
	}
	s.table(rowsOf(byTarget(waits)))
	for _, g := range step.Guards {
		s.shows("held: %s", g)
	}
	s.line("")
	s.say("It would have made %s people inactive and moved their accounts. Even then the guards would have held every one, and asked first.", number(plan.Held))
	s.expect(plan.Held > 0, "the preview shows people whom the guards would hold")
	st, err := e.desk.Status(ctx)
	if err != nil {
		return err
	}
	s.expect(st.Waiting == 0 && st.Holds == 0, "the preview left nothing behind")
	return nil
}

// allThere proves that nobody lost an account.
func (e *estate) allThere(_ context.Context, s *stage) error {
	p, err := e.to.Look()
	if err != nil {
		return err
	}
	n := len(e.org.People)
	s.proof(len(p.Accounts) == n && p.Active() == n && len(p.Groups) == len(e.org.Teams),
		"Counted in the directory itself, without Muster: %s accounts, %s of them in use, %s groups.", number(len(p.Accounts)), number(p.Active()), number(len(p.Groups)))
	return nil
}
