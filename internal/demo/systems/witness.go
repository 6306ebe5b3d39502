package systems

import (
	"fmt"
	"slices"
	"strings"

	"github.com/go-ldap/ldap/v3"
)

// Account is what the directory itself shows of a person.
type Account struct {
	DN, UID, Mail, Phone, DisplayName, Manager string
	Inactive                                   bool
}

// Parked says whether the account is out of the way.
func (a *Account) Parked() bool { return strings.Contains(strings.ToLower(a.DN), ",ou=parked,") }

// Picture is everything in the directory at one moment.
type Picture struct {
	Accounts map[string]*Account // by employee number
	Groups   map[string][]string // DNs of members, by the group's name
}

// Active counts the accounts that can be worked with.
func (p *Picture) Active() int {
	n := 0
	for _, a := range p.Accounts {
		if !a.Inactive && !a.Parked() {
			n++
		}
	}
	return n
}

// Memberships counts the members of all groups.
func (p *Picture) Memberships() int {
	n := 0
	for _, m := range p.Groups {
		n += len(m)
	}
	return n
}

// HasMember says whether a group has a member with that DN.
func (p *Picture) HasMember(group, dn string) bool {
	for _, m := range p.Groups[group] {
		if strings.EqualFold(m, dn) {
			return true
		}
	}
	return false
}

// Look reads the whole directory, without Muster.
func (d Directory) Look() (*Picture, error) {
	c, err := ldap.DialURL(d.URL)
	if err != nil {
		return nil, fmt.Errorf("looking into the directory: %w", err)
	}
	defer c.Close()
	if err := c.Bind(d.BindDN, d.Password); err != nil {
		return nil, fmt.Errorf("looking into the directory: %w", err)
	}
	found, err := c.SearchWithPaging(ldap.NewSearchRequest(d.Base, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0, 0, false,
		"(|(objectClass=inetOrgPerson)(objectClass=groupOfNames))", nil, nil), 500)
	if err != nil {
		return nil, fmt.Errorf("looking into the directory: %w", err)
	}
	p := &Picture{Accounts: map[string]*Account{}, Groups: map[string][]string{}}
	for _, e := range found.Entries {
		no := e.GetAttributeValue("employeeNumber")
		if no == "" {
			p.Groups[e.GetAttributeValue("cn")] = e.GetAttributeValues("member")
			continue
		}
		p.Accounts[no] = &Account{
			DN: e.DN, UID: e.GetAttributeValue("uid"), Mail: e.GetAttributeValue("mail"), Phone: e.GetAttributeValue("telephoneNumber"),
			DisplayName: e.GetAttributeValue("displayName"), Manager: e.GetAttributeValue("manager"), Inactive: e.GetAttributeValue("employeeType") == "inactive",
		}
	}
	return p, nil
}

// GroupsOf lists the groups that have a member with that DN.
func (p *Picture) GroupsOf(dn string) []string {
	var out []string
	for name := range p.Groups {
		if p.HasMember(name, dn) {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// External counts the people who are shown as external.
func (p *Picture) External() int {
	n := 0
	for _, a := range p.Accounts {
		if strings.HasSuffix(a.DisplayName, " (external)") {
			n++
		}
	}
	return n
}
