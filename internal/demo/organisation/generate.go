package organisation

import (
	"fmt"
	"slices"
	"strconv"
	"time"
)

// Generate makes up an organisation of so many people, a hundred at least. The
// day is the one on which it is looked at: everybody has begun by then, and no
// contract ends within the next sixty days.
func Generate(seed uint64, people int, day time.Time) *Organisation {
	g := &generator{chance: chance{seed}, day: day.UTC().Truncate(24 * time.Hour), o: &Organisation{}}
	g.heads()
	for i := len(g.o.People); i < people; i++ {
		g.hire(g.chance.weighted(g.deptWeights), g.chance.weighted(g.siteWeights))
	}
	g.contracts()
	g.order()
	g.teams()
	g.badges()
	return g.o
}

// generator is an organisation in the making. While it grows, managers are
// indexes into People.
type generator struct {
	chance
	day                      time.Time
	o                        *Organisation
	boss                     []int            // of each person; -1 for the head
	leads                    map[[2]int][]int // by department and site: who leads a team there
	reports                  map[int]int      // how many report to a lead
	deptWeights, siteWeights []int
}

// span is how many people a lead leads.
const span = 9

// heads hires the head of all and the heads of the departments.
func (g *generator) heads() {
	g.leads, g.reports = map[[2]int][]int{}, map[int]int{}
	g.person(department{number: "100", name: "Management"}, 0, "Chief Executive Officer", -1)
	for i, d := range departments {
		site := 0
		if d.number == "120" || d.number == "200" {
			site = 2 // Lyon, so that the damaged file of the demo lacks people who are protected
		}
		g.person(d, site, d.chief, 0)
		g.deptWeights = append(g.deptWeights, departments[i].weight)
	}
	for _, s := range Sites {
		g.siteWeights = append(g.siteWeights, s.weight)
	}
}

// hire adds somebody to a team with room in that department and site, or as
// the lead of a new one.
func (g *generator) hire(dept, site int) {
	d, key := departments[dept], [2]int{dept, site}
	if l := g.leads[key]; len(l) > 0 && g.reports[l[len(l)-1]] < span {
		lead := l[len(l)-1]
		g.reports[lead]++
		g.person(d, site, d.titles[min(g.below(len(d.titles)), g.below(len(d.titles)))], lead)
		return
	}
	g.leads[key] = append(g.leads[key], g.person(d, site, "Team Lead "+d.name, 1+dept))
}

func (g *generator) person(d department, site int, title string, boss int) int {
	s := Sites[site]
	days := g.below(60 * 365 / 4)
	if boss <= 0 {
		days = 365*15 + g.below(365*10) // they rose
	}
	g.boss = append(g.boss, boss)
	g.o.People = append(g.o.People, Person{
		First: pick(&g.chance, firstNames), Last: pick(&g.chance, lastNames), Kind: Employee, Title: title,
		DeptNo: d.number, Department: d.name, Site: s.Name, Start: g.day.AddDate(0, 0, -10-days),
		Phone: fmt.Sprintf("%s %04d", s.prefix, g.below(10_000)),
	})
	return len(g.o.People) - 1
}

// contracts makes some of those who lead nobody contractors.
func (g *generator) contracts() {
	for i := range g.o.People {
		if slices.Contains(g.boss, i) || !g.percent(9) {
			continue
		}
		p := &g.o.People[i]
		p.Kind, p.End = Contractor, g.day.AddDate(0, 0, 60+g.below(340))
		p.Start = g.day.AddDate(0, 0, -10-g.below(700))
	}
}

// order numbers people by the day on which they began, the head first, as a
// company does, and turns managers into numbers.
func (g *generator) order() {
	place := make([]int, len(g.o.People))
	for i := range place {
		place[i] = i
	}
	slices.SortStableFunc(place[1:], func(a, b int) int { return g.o.People[a].Start.Compare(g.o.People[b].Start) })
	no := make([]string, len(place))
	for i, at := range place {
		no[at] = strconv.Itoa(10_001 + 3*i)
	}
	sorted := make([]Person, len(place))
	for i, at := range place {
		sorted[i] = g.o.People[at]
		sorted[i].No = no[at]
		if b := g.boss[at]; b >= 0 {
			sorted[i].Manager = no[b]
		}
	}
	g.o.People = sorted
}

// teams makes a team of each lead and reports, and the groups across teams.
func (g *generator) teams() {
	number := func() string { return fmt.Sprintf("T%03d", 101+len(g.o.Teams)) }
	count := map[string]int{}
	under := map[string][]string{}
	for i := range g.o.People {
		under[g.o.People[i].Manager] = append(under[g.o.People[i].Manager], g.o.People[i].No)
	}
	for i := range g.o.People {
		p := &g.o.People[i]
		if len(under[p.No]) == 0 {
			continue
		}
		name := p.Department
		switch {
		case p.Manager == "":
			name = "Executive Board"
		case p.Manager != g.o.People[0].No:
			name += " " + p.Site
			count[name]++
			name += " " + strconv.Itoa(count[name])
		default:
			name += " Leads"
		}
		g.o.Teams = append(g.o.Teams, Team{No: number(), Name: name, Lead: p.No, Members: append([]string{p.No}, under[p.No]...)})
	}
	for _, s := range Sites {
		for _, what := range across {
			t := Team{No: number(), Name: what + " " + s.Name}
			for i := range g.o.People {
				if g.o.People[i].Site == s.Name && g.o.People[i].Kind == Employee && (t.Lead == "" || g.percent(4)) {
					t.Members = append(t.Members, g.o.People[i].No)
					t.Lead = t.Members[0]
				}
			}
			g.o.Teams = append(g.o.Teams, t)
		}
	}
}

// badges gives almost everybody a badge; the badge system knows better than HR
// where somebody sits.
func (g *generator) badges() {
	for i := range g.o.People {
		if g.percent(3) {
			continue
		}
		p := &g.o.People[i]
		b := Badge{No: 500_000 + 7*i, Person: p.No, Phone: p.Phone, Room: fmt.Sprintf("%c%d.%02d", 'A'+rune(g.below(4)), 1+g.below(5), 1+g.below(40))}
		if g.percent(30) {
			b.Phone = fmt.Sprintf("%s %04d", prefixOf(p.Site), g.below(10_000))
		}
		g.o.Badges = append(g.o.Badges, b)
	}
}

func prefixOf(site string) string {
	for _, s := range Sites {
		if s.Name == site {
			return s.prefix
		}
	}
	return ""
}
