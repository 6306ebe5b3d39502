package demo

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"muster/internal/demo/organisation"
	"muster/internal/demo/systems"
)

// sceneJoiner: somebody begins who has a colleague's name.
func sceneJoiner(ctx context.Context, s *stage, e *estate) error {
	before, err := e.to.Look()
	if err != nil {
		return err
	}
	old := e.namesake(before)
	if old == nil {
		s.expect(false, "somebody has a name that nobody else has")
		return nil
	}
	first := before.Accounts[old.No]
	no, team, err := e.hire(ctx, old)
	if err != nil {
		return err
	}
	s.say("A second %s begins, in %s, on the team %s. HR's file and the badge system know it; nobody told the directory.", old.Name(), e.org.Person(no).Site, team)
	if _, err := e.night(ctx, s); err != nil {
		return err
	}
	after, err := e.to.Look()
	if err != nil {
		return err
	}
	a := after.Accounts[no]
	if a == nil {
		s.proof(false, "%s has an account", no)
		return nil
	}
	s.command("muster show hr/" + no)
	s.table([][]string{{"dn", a.DN}, {"uid", a.UID}, {"mail", a.Mail}, {"phone", a.Phone}, {"groups", strings.Join(after.GroupsOf(a.DN), ", ")}})
	s.line("")
	s.proof(a.UID == first.UID+"2" && a.Mail != first.Mail, "%s was taken, so this one is %s, and %s.", first.UID, a.UID, a.Mail)
	s.proof(after.HasMember(team, a.DN) && len(after.Accounts) == len(before.Accounts)+1, "One account more than yesterday, and it is in its team's group.")
	s.expect(after.Accounts[old.No].UID == first.UID, "%s keeps the name", old.No)
	return e.quiet(ctx, s)
}

// namesake finds somebody whose names nobody else has, sign-in name included.
func (e *estate) namesake(p *systems.Picture) *organisation.Person {
	uids, names := map[string]bool{}, map[string]int{}
	for _, a := range p.Accounts {
		uids[a.UID] = true
	}
	for i := range e.org.People {
		names[e.org.People[i].Name()]++
	}
	for i := len(e.org.People) / 3; i < len(e.org.People); i++ {
		x := &e.org.People[i]
		uid := p.Accounts[x.No].UID
		if x.Kind == organisation.Employee && x.Site == "Bristol" && names[x.Name()] == 1 && !uids[uid+"2"] && !strings.ContainsAny(uid, "0123456789") {
			return x
		}
	}
	return nil
}

// hire lets somebody with that name begin today in Porto, with a badge and a
// team.
func (e *estate) hire(ctx context.Context, like *organisation.Person) (no, team string, err error) {
	i := slices.IndexFunc(e.org.Teams, func(t organisation.Team) bool {
		lead := e.org.Person(t.Lead)
		return lead.Site == "Porto" && lead.Title == "Team Lead Engineering"
	})
	lead := e.org.Person(e.org.Teams[i].Lead)
	last, err := strconv.Atoi(e.org.People[len(e.org.People)-1].No)
	if err != nil {
		return "", "", err
	}
	p := organisation.Person{
		No: strconv.Itoa(last + 3), First: like.First, Last: like.Last, Kind: organisation.Employee, Title: "Engineer", DeptNo: lead.DeptNo,
		Department: lead.Department, Site: lead.Site, Manager: lead.No, Start: e.clock.now().Truncate(24 * time.Hour),
	}
	e.org.People = append(e.org.People, p)
	e.org.Teams[i].Members = append(e.org.Teams[i].Members, p.No)
	if err := systems.WriteHR(e.dir, e.org); err != nil {
		return "", "", err
	}
	badge := organisation.Badge{No: 900_001, Person: p.No, Phone: "+351 22 555 " + fmt.Sprintf("%04d", last%10_000), Room: "B2.14"}
	e.org.Badges = append(e.org.Badges, badge)
	return p.No, e.org.Teams[i].Name, systems.AddBadges(ctx, e.dir, badge)
}
