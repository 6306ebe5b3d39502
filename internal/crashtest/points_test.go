package crashtest

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"muster/internal/store"
	"muster/internal/sync/run"
)

// nights are what the systems outside hold on two days. On the second somebody
// marries, somebody leaves, somebody of the same name comes, two teams swap
// names, a member goes and one comes; a title is too long for the directory,
// another is protected.
var nights = []files{
	{
		"people.csv": `emp,first,last,title,boss
			1,Anna,Berg,Chairwoman,
			2,Ben,Okafor,Engineer,1
			3,Carla,Nunes,Engineer,1
			4,Dora,Meier,Clerk,2
			5,Emil,Huber,Clerk,2
			6,Emil,Huber,Porter,2
			7,Finn,Roth,Porter,3`,
		"teams.csv": `team,name
			a,Red
			b,Blue
			c,Empty`,
		"members.csv": `team,emp
			a,1
			a,2
			a,3
			b,4
			b,2`,
		"badges.csv": `card,name,phone
			x1,Anna Berg,11
			x2,Emil Huber,22
			x3,Nobody Known,33`,
	},
	{
		"people.csv": `emp,first,last,title,boss
			1,Anna,Berg,Chair,
			2,Ben,Okafor,Chief engineer,1
			3,Carla,Sand,Engineer,2
			4,Dora,Meier,Clerk of the whole northern harbour and its docks,2
			5,Emil,Huber,Clerk,3
			6,Emil,Huber,Porter,2
			8,Bodo,Okafor,Porter,3`,
		"teams.csv": `team,name
			a,Blue
			b,Red
			d,New`,
		"members.csv": `team,emp
			a,1
			a,2
			a,8
			b,4
			d,5`,
		"badges.csv": `card,name,phone
			x1,Anna Berg,12
			x2,Emil Huber,22
			x4,Carla Sand,44`,
	},
}

// wanted is what the directory holds after both nights, written by hand.
const wanted = `cn=Blue,ou=teams,o=x | cn=Blue | member=uid=aberg,ou=people,o=x; uid=bokafor,ou=people,o=x; uid=bokafor2,ou=people,o=x
cn=New,ou=teams,o=x | cn=New | member=uid=ehuber,ou=people,o=x
cn=Red,ou=teams,o=x | cn=Red | member=uid=dmeier,ou=people,o=x
uid=aberg,ou=people,o=x | cn=Anna Berg | emp=1 | note=Welcome, Anna Berg | phone=11 | title=Chairwoman | uid=aberg
uid=bokafor,ou=people,o=x | cn=Ben Okafor | emp=2 | manager=uid=aberg,ou=people,o=x | note=Welcome, Ben Okafor | title=Chief engineer | uid=bokafor
uid=bokafor2,ou=people,o=x | cn=Bodo Okafor | emp=8 | manager=uid=csand,ou=people,o=x | note=Welcome, Bodo Okafor | title=Porter | uid=bokafor2
uid=csand,ou=people,o=x | cn=Carla Sand | emp=3 | manager=uid=bokafor,ou=people,o=x | note=Welcome, Carla Nunes | phone=44 | title=Engineer | uid=csand
uid=dmeier,ou=people,o=x | cn=Dora Meier | emp=4 | manager=uid=bokafor,ou=people,o=x | note=Welcome, Dora Meier | title=Clerk | uid=dmeier
uid=ehuber,ou=people,o=x | cn=Emil Huber | emp=5 | manager=uid=csand,ou=people,o=x | note=Welcome, Emil Huber | title=Clerk | uid=ehuber
uid=ehuber2,ou=people,o=x | cn=Emil Huber | emp=6 | manager=uid=bokafor,ou=people,o=x | note=Welcome, Emil Huber | title=Porter | uid=ehuber2
`

// TestKilledAtEveryPoint kills a run at every point there is, on both
// databases: before each statement, after each commit, before each call to the
// directory reaches it, when it was carried out, and before its answer is
// noted. Afterwards the next runs must leave all as if nothing had happened,
// and no call may have been repeated without looking.
func TestKilledAtEveryPoint(t *testing.T) {
	t.Parallel()
	for _, db := range databases {
		for _, finds := range []bool{true, false} {
			name := db.name + ", directory can be asked"
			if !finds {
				name = db.name + ", directory cannot be asked"
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				newSeries(t, db, finds).run()
			})
		}
	}
}

// series kills both nights at every point.
type series struct {
	t     *testing.T
	db    database
	finds bool
	start place // as it was before the night
}

func newSeries(t *testing.T, db database, finds bool) *series {
	return &series{t: t, db: db, finds: finds}
}

func (s *series) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// fresh makes a place like the one at the beginning of the night.
func (s *series) fresh(night int) (place, error) {
	p := place{Dir: s.t.TempDir()}
	var err error
	if p.DSN, err = s.db.fresh(p.Dir, s.start.DSN); err != nil {
		return p, err
	}
	if s.finds {
		err = os.WriteFile(filepath.Join(p.Dir, "finds"), nil, 0o600)
	}
	if err == nil && s.start.Dir != "" {
		var text []byte
		if text, err = os.ReadFile(s.start.journal()); err == nil {
			err = os.WriteFile(p.journal(), text, 0o600)
		}
	}
	if err != nil {
		return p, err
	}
	return p, nights[night].write(p.Dir)
}

func (s *series) run() {
	for night := range nights {
		p, err := s.fresh(night)
		s.must(err)
		j := job{Place: p, Profile: "nightly", Day: night + 1, Points: filepath.Join(p.Dir, "points")}
		_, err = j.do()
		s.must(err)
		text, err := os.ReadFile(j.Points)
		s.must(err)
		before, _, err := seen(p, night)
		s.must(err)
		s.must(follow(p, night, []string{"nightly"}))
		want, dir, err := seen(p, night)
		s.must(err)
		if before != want {
			s.t.Fatalf("undisturbed, a second run changes something (-one run +two):\n%s", lines(before, want))
		}
		if night == len(nights)-1 && dir != wanted {
			s.t.Fatalf("undisturbed, the directory holds (-want +got):\n%s", lines(wanted, dir))
		}
		s.killAll(night, strings.Split(strings.TrimSpace(string(text)), "\n"), want, dir)
		s.start = p
	}
}

// chosen are the points at which the night is killed. What a kill leaves behind
// differs only from commit to commit and from call to call. So the short form
// takes these on SQLite, the two directories taking turns; of the statements
// between them, and on PostgreSQL, where a store takes its time, some, beginning
// by chance. The long form takes every point, the directories taking turns, and
// every call with both.
func (s *series) chosen(points []string) []int64 {
	every := map[string]int{asked: s.db.calls, did: s.db.calls, afterCommit: s.db.commits, beforeStatement: s.db.others}
	met := map[string]int{}
	for sort, n := range every {
		switch {
		case n > 2:
			met[sort] = rand.IntN(n)
		case s.finds:
			met[sort] = 1
		}
	}
	var out []int64
	for i, where := range points {
		sort, _, _ := strings.Cut(where, " ")
		met[sort]++
		inTurn := (i%2 == 0) == s.finds || sort == asked || sort == did
		if long() && inTurn || !long() && met[sort]%every[sort] == 0 {
			out = append(out, int64(i+1))
		}
	}
	return append(out, int64(len(points)+1)) // it comes to its end
}

// killAll kills the night at every chosen point, several at a time.
func (s *series) killAll(night int, points []string, want, dir string) {
	at := s.chosen(points)
	todo := make(chan int64, len(at))
	for _, n := range at {
		todo <- n
	}
	close(todo)
	var wg sync.WaitGroup
	var mu sync.Mutex
	kills, wrong := map[string]int{}, 0
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for n := range todo {
				where, err := s.kill(night, n, want, dir)
				mu.Lock()
				if err != nil {
					if wrong++; wrong <= 5 {
						s.t.Errorf("night %d, point %d of %d, %s: %v", night+1, n, len(points), where, err)
					}
				}
				sort, _, _ := strings.Cut(where, " ")
				kills[sort]++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if wrong > 5 {
		s.t.Errorf("… %d in all", wrong)
	}
	s.t.Logf("night %d: killed at %d of %d points: %v", night+1, len(at), len(points), kills)
	for _, sort := range []string{beforeStatement, afterCommit, asked, did, ""} {
		if kills[sort] == 0 && s.db.name == "sqlite" {
			s.t.Errorf("night %d: no kill was %q: %v", night+1, sort, kills)
		}
	}
}

// kill lets a night die at a point, and looks at what the next runs make of it.
func (s *series) kill(night int, n int64, want, dir string) (where string, err error) {
	p, err := s.fresh(night)
	if err != nil {
		return "", err
	}
	defer func() {
		if e := s.db.drop(p.DSN); err == nil {
			err = e
		}
		os.RemoveAll(p.Dir) //nolint:errcheck // a folder of the test
	}()
	j := job{Place: p, Profile: "nightly", Day: night + 1, Die: n}
	if where, err = j.do(); err != nil {
		return where, err
	}
	next := []string{"nightly", "nightly"}
	if n%2 == 0 {
		next = []string{"careful"}
	}
	if err := follow(p, night, next); err != nil {
		return where, fmt.Errorf("the next run: %w", err)
	}
	got, now, err := seen(p, night)
	switch {
	case err != nil:
		return where, err
	case now != dir:
		return where, fmt.Errorf("after %v the directory holds (-want +got):\n%s", next, lines(dir, now))
	case got != want:
		return where, fmt.Errorf("after %v the store holds (-want +got):\n%s", next, lines(want, got))
	}
	return where, nothingTwice(p.journal())
}

// follow runs profiles in this process, as the next ones.
func follow(p place, night int, profiles []string) error {
	for _, name := range profiles {
		err := p.work(store.Options{}, idle(), nil, night+1, func(_ *store.Store, r *run.Runner) error { return whole(r, name) })
		if err != nil {
			return err
		}
	}
	return nil
}

// idle visits and does nothing.
func idle() *visitor { return &visitor{point: func(string) {}, phase: func(string) {}} }

// seen is what the store and the directory of a place hold.
func seen(p place, night int) (inStore, inDir string, err error) {
	err = p.work(store.Options{}, idle(), nil, night+1, func(s *store.Store, _ *run.Runner) error {
		inStore, err = picture(s)
		return err
	})
	if err != nil {
		return "", "", err
	}
	inDir, err = p.directory()
	return inStore, inDir, err
}

// lines tells which lines of two texts the other one lacks.
func lines(want, got string) string {
	var out []string
	for _, x := range []struct{ mark, of, in string }{{"-", want, got}, {"+", got, want}} {
		left := map[string]int{}
		for line := range strings.Lines(x.in) {
			left[line]++
		}
		for line := range strings.Lines(x.of) {
			if left[line]--; left[line] < 0 {
				out = append(out, x.mark+line)
			}
		}
	}
	if len(out) > 40 {
		out = append(out[:40], "…\n")
	}
	return strings.Join(out, "")
}
