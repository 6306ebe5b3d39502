package demo

import (
	"context"

	"muster/internal/demo/organisation"
)

// opening loads everybody and says who there is.
func opening(ctx context.Context, s *stage, e *estate) error {
	s.title(0, 0, "Muster, shown on "+organisation.Name)
	s.say("%s people at %d sites, made up for this demo. HR exports them to CSV files, a badge system keeps rooms and phones in a database, and a directory that speaks LDAP, started just now on this machine, is what everybody signs in against. Muster keeps them agreed. Nothing leaves this machine.",
		number(len(e.org.People)), len(organisation.Sites))
	s.say("One moment: everybody gets an account.")
	s.line("")
	began, last := e.clock.real(), int64(0)
	if err := e.open(ctx); err != nil {
		return err
	}
	for range 2 { // the second night confirms, and finds nothing to do
		rep, err := e.nightly(ctx)
		if err != nil {
			return err
		}
		last = planOf(rep)
	}
	plan, err := e.desk.Plan(ctx, last)
	if err != nil {
		return err
	}
	s.expect(plan.Units == 0, "the second night finds nothing to do, not %d units", plan.Units)
	p, err := e.to.Look()
	if err != nil {
		return err
	}
	s.proof(len(p.Accounts) == len(e.org.People) && len(p.Groups) == len(e.org.Teams),
		"First load: %s people and %s teams became %s accounts and %s groups with %s memberships, in %.0f seconds.",
		number(len(e.org.People)), number(len(e.org.Teams)), number(len(p.Accounts)), number(len(p.Groups)), number(p.Memberships()), e.clock.real().Sub(began).Seconds())
	s.expect(p.Active() == len(e.org.People), "%d of %d accounts are in use", p.Active(), len(p.Accounts))
	return e.quiet(ctx, s)
}

// quiet expects that nothing is left to do, to decide or to send.
func (e *estate) quiet(ctx context.Context, s *stage) error {
	st, err := e.desk.Status(ctx)
	if err != nil {
		return err
	}
	s.expect(st.Waiting == 0, "%d people wait for a decision", st.Waiting)
	s.expect(st.Queue == 0, "%d entries wait to be joined", st.Queue)
	for i := range st.Connectors {
		for state, n := range st.Connectors[i].Pending {
			s.expect(n == 0, "%s: %d changes are on their way (%s)", st.Connectors[i].Name, n, state)
		}
	}
	return nil
}
