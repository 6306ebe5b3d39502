package crashtest

import (
	"bufio"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"muster/internal/base/object"
)

// phases are where a run must have been killed at least once.
var phases = []string{"import", "decide", "accept", unanswered}

// TestKilledByChance sends SIGKILL to nightly runs over 2,000 people, at
// moments that chance chooses within the phase that was met least so far. What
// the directory must hold after the following import and export is known from
// HR's files alone.
func TestKilledByChance(t *testing.T) {
	t.Parallel()
	kills := 10
	if long() {
		kills = 100
	}
	for _, db := range databases {
		t.Run(db.name, func(t *testing.T) {
			t.Parallel()
			c := &chance{t: t, rnd: rand.New(rand.NewPCG(rand.Uint64(), 0)), lasts: map[string]time.Duration{}, late: map[string]int{}, met: map[string]int{}}
			c.place = place{Dir: t.TempDir()}
			dsn, err := db.fresh(c.place.Dir, "")
			c.must(err)
			c.place.DSN = dsn
			c.must(os.WriteFile(filepath.Join(c.place.Dir, "large"), nil, 0o600))
			if db.name == "sqlite" {
				c.must(os.WriteFile(filepath.Join(c.place.Dir, "finds"), nil, 0o600))
			}
			c.staff = hire(2000)
			// A slow machine may be past a phase when the signal comes. It is given
			// more nights; a phase that is never there stays at zero all the same.
			for c.day < 10*kills && (c.kills() < kills || c.unmet()) && !t.Failed() {
				c.day++
				c.spend()
			}
			t.Logf("%d kills in %d days, by phase: %v", c.kills(), c.day, c.met)
			for _, p := range phases {
				if c.met[p] == 0 {
					t.Errorf("no run was killed in phase %s: %v", p, c.met)
				}
			}
		})
	}
}

// fewestCalls is how many calls a day's changes lead to at least.
const fewestCalls = 100

// chance kills the same organisation's nights one after the other.
type chance struct {
	t     *testing.T
	place place
	rnd   *rand.Rand
	staff *staff
	day   int
	met   map[string]int           // kills by phase
	late  map[string]int           // how often each phase was missed since it was last met
	lasts map[string]time.Duration // how long each phase lasted when it was last passed
}

// unmet reports that no run was killed in some phase yet.
func (c *chance) unmet() bool {
	return slices.ContainsFunc(phases, func(p string) bool { return c.met[p] == 0 })
}

func (c *chance) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

func (c *chance) kills() (n int) {
	for _, k := range c.met {
		n += k
	}
	return n
}

// spend is one day: people come, go and change, the night is killed, and the
// next import and export must make up for it.
func (c *chance) spend() {
	if c.day > 1 {
		c.staff.change(c.rnd)
	}
	c.must(c.staff.files().write(c.place.Dir))
	target := slices.MinFunc(phases, func(a, b string) int { return c.met[a] - c.met[b] })
	where, err := c.night(target)
	c.must(err)
	c.late[target]++
	if where != "" {
		c.met[where]++
		c.late[where] = 0
	}
	c.must(follow(c.place, c.day-1, []string{"careful"}))
	if err := c.staff.check(c.place); err != nil {
		c.t.Errorf("day %d, killed in phase %q: %v", c.day, where, err)
	}
	if err := nothingTwice(c.place.journal()); err != nil {
		c.t.Errorf("day %d, killed in phase %q: %v", c.day, where, err)
	}
	l, err := c.place.ledger()
	c.must(err)
	c.must(l.shorten(c.place.journal()))
	c.must(l.Close())
}

// night runs the night in a process and kills it in the phase, or wherever it
// is by then. It returns the phase in which the process died, "" if it came to
// its end.
func (c *chance) night(target string) (string, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return "", err
	}
	defer r.Close()
	j := job{Place: c.place, Profile: "nightly", Day: c.day, Phases: true}
	if target == unanswered {
		j.Hang = 1 + c.rnd.IntN(fewestCalls)
	}
	p, said, err := j.start(w)
	w.Close()
	if err != nil {
		return "", err
	}
	wait := time.NewTimer(time.Hour)
	told := make(chan string)
	go func() {
		for lines := bufio.NewScanner(r); lines.Scan(); {
			told <- lines.Text()
		}
		close(told)
	}()
	last, since, waited := "start", time.Now(), map[string]time.Duration{}
	for open := true; open; {
		select {
		case name, ok := <-told:
			if open = ok; !ok {
				continue
			}
			waited[last] += time.Since(since)
			last, since = name, time.Now()
			if name == target && (name == unanswered || c.rnd.IntN(2) == 0) { // the first time or a later one
				within := (c.lasts[target] + time.Millisecond) >> min(c.late[target], 20) // the sooner, the oftener it was missed
				wait.Reset(time.Duration(c.rnd.Int64N(int64(max(within, 1)))))
			}
		case <-wait.C:
			if err := p.Process.Kill(); err != nil {
				return "", err
			}
		}
	}
	maps.Copy(c.lasts, waited)
	if err := p.Wait(); err == nil {
		return "", nil
	} else if p.ProcessState.Exited() { // by itself: that is no kill
		return "", fmt.Errorf("%w: %s", err, said)
	}
	return last, nil
}

// staff is what HR knows, and what must become of it.
type staff struct {
	people map[int]*employee
	teams  []map[int]bool
	next   int
}

type employee struct {
	first, last, title, welcome string
	boss                        int
}

var (
	firstNames = strings.Fields("Anna Ben Carla Dora Emil Finn Greta Hugo Ines Jan Karl Lena Max Nora Otto Paula Rita Sven Tina Udo")
	lastNames  = strings.Fields("Adler Berg Conrad Dorn Engel Falk Graf Huber Imhof Jung Koch Lang Meier Neumann Okafor Peters Roth Sand Thal Urban Vogt Weber")
	titles     = strings.Fields("Clerk Engineer Porter Nurse Driver Cook Analyst Lawyer")
)

// hire makes an organisation of n people, always the same.
func hire(n int) *staff {
	s := &staff{people: map[int]*employee{}, teams: make([]map[int]bool, 20)}
	rnd := rand.New(rand.NewPCG(1, 2))
	for i := range s.teams {
		s.teams[i] = map[int]bool{}
	}
	for range n {
		s.join(rnd)
	}
	return s
}

func pick[T any](rnd *rand.Rand, list []T) T { return list[rnd.IntN(len(list))] }

// some returns somebody who works here.
func (s *staff) some(rnd *rand.Rand) int {
	for {
		if no := 1 + rnd.IntN(s.next); s.people[no] != nil {
			return no
		}
	}
}

func (s *staff) join(rnd *rand.Rand) {
	e := &employee{first: pick(rnd, firstNames), last: pick(rnd, lastNames), title: pick(rnd, titles)}
	if s.next > 0 {
		e.boss = s.some(rnd)
	}
	s.next++
	s.people[s.next] = e
	pick(rnd, s.teams)[s.next] = true
}

func (s *staff) leave(no int) {
	delete(s.people, no)
	for _, t := range s.teams {
		delete(t, no)
	}
	for _, e := range s.people {
		if e.boss == no {
			e.boss = 0
		}
	}
}

// change is what happens in a day.
func (s *staff) change(rnd *rand.Rand) {
	for range 15 {
		s.join(rnd)
		s.leave(s.some(rnd))
	}
	for range 40 {
		s.people[s.some(rnd)].title = pick(rnd, titles)
		s.people[s.some(rnd)].last = pick(rnd, lastNames)
		t := pick(rnd, s.teams)
		if no := s.some(rnd); t[no] {
			delete(t, no)
		} else {
			t[no] = true
		}
		if no, boss := s.some(rnd), s.some(rnd); no != boss {
			s.people[no].boss = boss
		}
	}
}

// files are what HR's connector reads. Who is in them for the first time is
// welcomed by the name that is in them.
func (s *staff) files() files {
	people, teams, members := "emp,first,last,title,boss\n", "team,name\n", "team,emp\n"
	var b strings.Builder
	for _, no := range slices.Sorted(maps.Keys(s.people)) {
		e := s.people[no]
		if e.welcome == "" {
			e.welcome = "Welcome, " + e.first + " " + e.last
		}
		boss := ""
		if e.boss != 0 {
			boss = fmt.Sprint(e.boss)
		}
		fmt.Fprintf(&b, "%d,%s,%s,%s,%s\n", no, e.first, e.last, e.title, boss)
	}
	var m strings.Builder
	for i, t := range s.teams {
		teams += fmt.Sprintf("t%d,Team %d\n", i, i)
		for _, no := range slices.Sorted(maps.Keys(t)) {
			fmt.Fprintf(&m, "t%d,%d\n", i, no)
		}
	}
	return files{"people.csv": people + b.String(), "teams.csv": teams, "members.csv": members + m.String(), "badges.csv": "card,name,phone\n"}
}

// check compares the directory with what HR knows: everybody has one account,
// which says of them what HR says, nobody else has one, and teams have their
// members.
func (s *staff) check(p place) error {
	var wrong []string
	people, teams, byDN, uids := map[string]object.Record{}, map[string]object.Record{}, map[string]object.Record{}, map[string]bool{}
	all, err := p.records()
	if err != nil {
		return err
	}
	for _, r := range all {
		byDN[r.DN] = r
		if r.Type == "group" {
			teams[r.Attrs.Get("cn").First().Text()] = r
			continue
		}
		emp, uid := r.Attrs.Get("emp").First().Text(), r.Attrs.Get("uid").First().Text()
		if _, twice := people[emp]; twice || uids[uid] {
			wrong = append(wrong, r.DN+" is there twice")
		}
		people[emp], uids[uid] = r, true
	}
	emps := func(vs object.Values) (out []string) {
		for _, v := range vs {
			out = append(out, byDN[v.Text()].Attrs.Get("emp").First().Text())
		}
		slices.Sort(out)
		return out
	}
	for no, e := range s.people {
		r := people[fmt.Sprint(no)]
		boss := ""
		if e.boss != 0 {
			boss = fmt.Sprint(e.boss)
		}
		uid := r.Attrs.Get("uid").First().Text()
		want := fmt.Sprintf("cn=%s %s title=%s manager=%s note=%s", e.first, e.last, e.title, boss, e.welcome)
		got := fmt.Sprintf("cn=%s title=%s manager=%s note=%s", r.Attrs.Get("cn").First().Text(), r.Attrs.Get("title").First().Text(), strings.Join(emps(r.Attrs.Get("manager")), "+"), r.Attrs.Get("note").First().Text())
		switch {
		case want != got:
			wrong = append(wrong, fmt.Sprintf("%d: want %s, got %s", no, want, got))
		case r.DN != "uid="+uid+",ou=people,o=x" || !strings.HasPrefix(uid, strings.ToLower(e.first[:1]+e.last)):
			wrong = append(wrong, fmt.Sprintf("%d: %s %s is called %s, uid %s", no, e.first, e.last, r.DN, uid))
		}
	}
	for emp, r := range people {
		var no int
		if _, err := fmt.Sscan(emp, &no); err != nil || s.people[no] == nil {
			wrong = append(wrong, r.DN+" does not work here any more")
		}
	}
	for i, t := range s.teams {
		var want []string
		for no := range t {
			want = append(want, fmt.Sprint(no))
		}
		slices.Sort(want)
		if got := emps(teams[fmt.Sprintf("Team %d", i)].Attrs.Get("member")); !slices.Equal(want, got) {
			wrong = append(wrong, fmt.Sprintf("team %d: want %v, got %v", i, want, got))
		}
	}
	if len(wrong) > 0 {
		return fmt.Errorf("%d lost or wrong:\n%s", len(wrong), strings.Join(wrong[:min(8, len(wrong))], "\n"))
	}
	return nil
}
