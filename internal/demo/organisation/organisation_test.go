package organisation

import (
	"reflect"
	"testing"
	"time"
)

var day = time.Date(2027, 3, 1, 9, 30, 0, 0, time.UTC)

func TestGenerateIsRepeatable(t *testing.T) {
	a, b := Generate(1, 2000, day), Generate(1, 2000, day.Add(time.Hour))
	if !reflect.DeepEqual(a, b) {
		t.Error("the same seed and day gave two organisations")
	}
	if reflect.DeepEqual(a.People, Generate(2, 2000, day).People) {
		t.Error("another seed gave the same people")
	}
}

func TestPeople(t *testing.T) {
	for seed := range uint64(5) {
		o := Generate(seed, 2000, day)
		if len(o.People) != 2000 {
			t.Fatalf("%d people", len(o.People))
		}
		seen := map[string]bool{}
		heads := 0
		for i := range o.People {
			p := &o.People[i]
			if seen[p.No] || p.First == "" || p.Last == "" || p.Title == "" || p.Site == "" || p.Start.After(day) {
				t.Errorf("seed %d: %+v", seed, *p)
			}
			seen[p.No] = true
			if p.Manager == "" {
				heads++
			}
			if (p.Kind == Contractor) != !p.End.IsZero() || !p.End.IsZero() && p.End.Before(day.AddDate(0, 0, 58)) {
				t.Errorf("seed %d: the contract of %+v", seed, *p)
			}
			steps, at := 0, p
			for ; at.Manager != "" && steps < 10; steps++ {
				if at = o.Person(at.Manager); at == nil {
					t.Fatalf("seed %d: %s has a manager who is not there", seed, p.No)
				}
			}
			if steps > 3 {
				t.Errorf("seed %d: %d steps from %s to the head", seed, steps, p.No)
			}
		}
		if heads != 1 {
			t.Errorf("seed %d: %d heads", seed, heads)
		}
	}
}

func TestProportions(t *testing.T) {
	o := Generate(1, 2000, day)
	between := func(what string, n, low, high int) {
		t.Helper()
		if n < low || n > high {
			t.Errorf("%d %s, not %d to %d", n, what, low, high)
		}
	}
	between("contractors", o.Count(func(p *Person) bool { return p.Kind == Contractor }), 120, 199)
	between("people at "+Lost, o.Count(func(p *Person) bool { return p.Site == Lost }), 250, 350)
	between("teams", len(o.Teams), 200, 320)
	between("badges", len(o.Badges), 1900, 1980)
	names, wishes := map[string]int{}, 0
	for i := range o.People {
		if names[o.People[i].Name()]++; names[o.People[i].Name()] == 2 {
			wishes++
		}
	}
	between("names that two people have", wishes, 10, 150)
}

func TestTeams(t *testing.T) {
	o := Generate(1, 2000, day)
	numbers, names, inTeam := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, x := range o.Teams {
		if numbers[x.No] || names[x.Name] || len(x.Members) == 0 || o.Person(x.Lead) == nil {
			t.Errorf("team %+v", x)
		}
		numbers[x.No], names[x.Name] = true, true
		members := map[string]bool{}
		for _, m := range x.Members {
			if members[m] || o.Person(m) == nil {
				t.Errorf("team %s: member %s", x.No, m)
			}
			members[m], inTeam[m] = true, true
		}
	}
	if len(inTeam) != len(o.People) {
		t.Errorf("%d of %d people are in a team", len(inTeam), len(o.People))
	}
}

func TestCloneIsApart(t *testing.T) {
	o := Generate(1, 200, day)
	c := o.Clone()
	c.People[0].First, c.Teams[0].Members[0], c.Badges[0].Room = "x", "x", "x"
	if o.People[0].First == "x" || o.Teams[0].Members[0] == "x" || o.Badges[0].Room == "x" {
		t.Error("changing the copy changed the original")
	}
}
