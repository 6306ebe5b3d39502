package organisation

import (
	"slices"
	"time"
)

// What the organisation is called.
const (
	Name   = "Brennholm Instruments"
	Domain = "brennholm.example"
	Base   = "dc=brennholm,dc=example" // of its directory
)

// Kinds of people.
const (
	Employee   = "employee"
	Contractor = "contractor"
)

// Person is somebody who works there, as HR knows them.
type Person struct {
	No          string // never given to anybody else
	First, Last string
	Kind        string
	Title       string
	DeptNo      string
	Department  string
	Site        string
	Manager     string // the number of another person; "" for the head of all
	Phone       string // as HR has it: often old
	Start, End  time.Time
}

// Name is what colleagues call the person.
func (p *Person) Name() string { return p.First + " " + p.Last }

// Team is a group of people with a lead.
type Team struct {
	No, Name, Lead string
	Members        []string
}

// Badge is what the badge system knows of a person.
type Badge struct {
	No     int
	Person string
	Phone  string // of the desk where the person sits now
	Room   string
}

// Organisation is all of it. Its people are in the order of their numbers.
type Organisation struct {
	People []Person
	Teams  []Team
	Badges []Badge
}

// Clone returns a copy that can be changed by itself.
func (o *Organisation) Clone() *Organisation {
	c := &Organisation{People: slices.Clone(o.People), Teams: slices.Clone(o.Teams), Badges: slices.Clone(o.Badges)}
	for i := range c.Teams {
		c.Teams[i].Members = slices.Clone(c.Teams[i].Members)
	}
	return c
}

// Person returns the person with a number, nil if there is none.
func (o *Organisation) Person(no string) *Person {
	for i := range o.People {
		if o.People[i].No == no {
			return &o.People[i]
		}
	}
	return nil
}

// TeamOf returns the first team that somebody is a member of, nil if none.
func (o *Organisation) TeamOf(no string) *Team {
	for i := range o.Teams {
		if slices.Contains(o.Teams[i].Members, no) {
			return &o.Teams[i]
		}
	}
	return nil
}

// Team returns the team with a number, nil if there is none.
func (o *Organisation) Team(no string) *Team {
	for i := range o.Teams {
		if o.Teams[i].No == no {
			return &o.Teams[i]
		}
	}
	return nil
}

// Count says how many people fit.
func (o *Organisation) Count(fits func(*Person) bool) int {
	n := 0
	for i := range o.People {
		if fits(&o.People[i]) {
			n++
		}
	}
	return n
}
