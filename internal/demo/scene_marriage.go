package demo

import (
	"context"
	"fmt"

	"muster/internal/demo/organisation"
	"muster/internal/demo/systems"
)

// sceneMarriage: a family name changes, and with it the place in the directory.
func sceneMarriage(ctx context.Context, s *stage, e *estate) error {
	p := e.pick(func(p *organisation.Person) bool {
		return p.Site == "Nairobi" && p.Kind == organisation.Employee && e.leadsNobody(p.No)
	})
	before, err := e.to.Look()
	if err != nil {
		return err
	}
	was := before.Accounts[p.No]
	groups := before.GroupsOf(was.DN)
	s.say("%s has married, and is called %s Nyström now. HR changes one field.", p.Name(), p.First)
	p.Last = "Nyström"
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
	s.proof(is.DN != was.DN && is.UID == was.UID, "The account was renamed, not made anew: %s still signs in as %s.", p.First, is.UID)
	now := after.GroupsOf(is.DN)
	s.proof(fmt.Sprint(now) == fmt.Sprint(groups) && len(now) > 0 && len(after.GroupsOf(was.DN)) == 0,
		"Still in %s, now by the new name; nobody is left there by the old one.", some(len(now), "group", "groups"))
	s.proof(is.Mail != was.Mail, "Mail goes to %s.", is.Mail)
	s.expect(len(after.Accounts) == len(before.Accounts) && after.Memberships() == before.Memberships(), "as many accounts and memberships as before")
	return e.quiet(ctx, s)
}

// nightOf runs the night and shows what its plan does to one person; false,
// and a proof that failed, if it does nothing.
func (e *estate) nightOf(ctx context.Context, s *stage, no string) (shown bool, err error) {
	rep, err := e.night(ctx, s)
	if err != nil {
		return false, err
	}
	s.command(fmt.Sprintf("muster plan show %d", planOf(rep)))
	u, err := e.unitOf(ctx, planOf(rep), no)
	if err != nil {
		return false, err
	}
	if u == nil {
		s.proof(false, "the plan has a unit for hr/%s", no)
		return false, nil
	}
	s.showUnit(u)
	return true, nil
}

// pick returns the first of the younger two thirds of the people who fits.
func (e *estate) pick(fits func(*organisation.Person) bool) *organisation.Person {
	for i := len(e.org.People) / 3; i < len(e.org.People); i++ {
		if fits(&e.org.People[i]) {
			return &e.org.People[i]
		}
	}
	return &e.org.People[len(e.org.People)-1]
}

func (e *estate) leadsNobody(no string) bool {
	return e.org.Count(func(p *organisation.Person) bool { return p.Manager == no }) == 0
}
