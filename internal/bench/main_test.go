// Package bench measures Muster against the least that its parts could do: what
// encoding/csv and the database need for the same bytes, in the same run. It is
// started by make bench, and prints and writes ratios; seconds mean little, as
// machines differ and are noisy.
package bench

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"muster/internal/app"
	"muster/internal/testserver/postgres"
)

// TestMain runs the benchmark if MUSTER_BENCH names a size, and no test
// otherwise.
func TestMain(m *testing.M) {
	var err error
	switch {
	case os.Getenv("MUSTER_BENCH_JOB") != "":
		err = one(os.Getenv("MUSTER_BENCH_JOB"))
	case os.Getenv("MUSTER_BENCH") != "":
		err = all()
	default:
		os.Exit(m.Run())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// TestSource holds the source's files to what the benchmark says of them.
func TestSource(t *testing.T) {
	s, dir := sized(1000), t.TempDir()
	if err := writeSource(dir, s, 0); err != nil {
		t.Fatal(err)
	}
	met := map[string]bool{}
	err := eachRow(filepath.Join(dir, membersFile), func(row []string) error {
		k := strings.Join(row, " ")
		if met[k] {
			t.Errorf("%s comes twice", k)
		}
		met[k] = true
		return nil
	})
	if err != nil || len(met) != s.members+1 {
		t.Errorf("%d members, %v", len(met)-1, err)
	}
}

// workers are who decide at the same time: as many as `muster` starts.
func workers() int { return runtime.GOMAXPROCS(0) }

// one measures Muster in this process and prints what it saw.
func one(text string) error {
	var j job
	if err := json.Unmarshal([]byte(text), &j); err != nil {
		return err
	}
	app.TuneMemory()
	s, err := newSubject(j)
	if err != nil {
		return err
	}
	if err := s.measure(); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(&s.out)
}

// result is one line of the table.
type result struct {
	Name  string  `json:"name"`
	DB    string  `json:"db"`
	Size  int     `json:"size"`
	Ratio float64 `json:"ratio"`
	Floor string  `json:"floor"`
	Unit  string  `json:"unit"`
	bar   float64
}

// bench is the whole benchmark.
type bench struct {
	dir     string
	people  int
	runs    int
	out     []result
	totals  map[int][]float64 // by number of people: seconds of processor time of everything initial, on SQLite
	counts  map[string]int64
	said    []string
	samples map[string]map[string][]float64 // by database and line: ratios
	cpu     map[string]map[string][]float64 // the same in processor time
}

func all() error {
	b := &bench{runs: 3, samples: map[string]map[string][]float64{}, cpu: map[string]map[string][]float64{}, totals: map[int][]float64{}}
	var err error
	if b.people, err = parseSize(os.Getenv("MUSTER_BENCH")); err != nil {
		return err
	}
	if b.people >= 500_000 {
		b.runs = 1
	}
	if n, err := strconv.Atoi(os.Getenv("MUSTER_BENCH_RUNS")); err == nil {
		b.runs = n
	}
	if b.dir, err = os.MkdirTemp(os.Getenv("MUSTER_BENCH_DIR"), "muster-bench-"); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	dbs := []string{"sqlite", "postgres"}
	if only := os.Getenv("MUSTER_BENCH_DB"); only != "" {
		dbs = strings.Split(only, ",")
	}
	begin := time.Now()
	fmt.Printf("Muster's benchmark: %d people, %d runs, medians of ratios. %s, %d cores, %s\n", b.people, b.runs, runtime.Version(), runtime.NumCPU(), begin.Format("2006-01-02"))
	if slices.Contains(dbs, "sqlite") { // to see how the time grows
		if err := b.measure([]string{"sqlite"}, b.people/10, 1); err != nil {
			return err
		}
	}
	if err := b.measure(dbs, b.people, b.runs); err != nil {
		return err
	}
	b.show(dbs)
	fmt.Printf("\ntook %s\n", time.Since(begin).Round(time.Second))
	return b.save()
}

func parseSize(s string) (int, error) {
	s = strings.ToLower(s)
	times := 1
	switch {
	case strings.HasSuffix(s, "m"):
		s, times = s[:len(s)-1], 1_000_000
	case strings.HasSuffix(s, "k"):
		s, times = s[:len(s)-1], 1000
	}
	n, err := strconv.Atoi(s)
	if err != nil || n <= 0 {
		return 0, fmt.Errorf("%q is no size; write SIZE=20k, SIZE=100k or SIZE=1m", s)
	}
	return n * times, nil
}

func (b *bench) measure(dbs []string, people, runs int) error {
	src, next := filepath.Join(b.dir, "source"), filepath.Join(b.dir, "next")
	s := sized(people)
	if err := errors.Join(writeSource(src, s, 0), writeSource(next, s, 100)); err != nil {
		return err
	}
	var server *postgres.Server
	for n := range runs {
		for _, db := range dbs {
			var err error
			if db == "postgres" && server == nil {
				if server, err = postgres.Start(); err != nil {
					return err
				}
				defer server.Stop()
			}
			if err = b.round(db, server, n, job{DB: db, Source: src, Next: next, People: people}); err != nil {
				return err
			}
		}
	}
	return nil
}

func serverURL(s *postgres.Server, name string) string {
	v := url.Values{"host": {s.Socket}, "port": {strconv.Itoa(s.Port)}, "user": {s.User}}
	return "postgres:///" + name + "?" + v.Encode()
}

// round measures floors and Muster by turns: the mean of the floor before and
// the floor behind is what Muster is compared with.
func (b *bench) round(db string, server *postgres.Server, n int, j job) error {
	j.Dir = filepath.Join(b.dir, db+strconv.Itoa(n))
	if err := os.MkdirAll(j.Dir, 0o700); err != nil {
		return err
	}
	defer os.RemoveAll(j.Dir)
	j.DSN = "sqlite:" + filepath.Join(j.Dir, "muster.db")
	floor := func(i int) (time.Duration, error) {
		file := filepath.Join(j.Dir, fmt.Sprintf("floor%d.db", i))
		defer os.Remove(file)
		return sqliteFloor(j.Source, file)
	}
	if db == "postgres" {
		name := "m" + strconv.Itoa(n) + "_" + strconv.Itoa(j.People)
		if err := createDatabase(serverURL(server, "postgres"), name); err != nil {
			return err
		}
		j.DSN = serverURL(server, name)
		floor = func(int) (time.Duration, error) { return postgresFloor(j.Source, serverURL(server, "postgres")) }
	}
	var floors, hashes, floorsCPU, hashesCPU []float64
	take := func(i int) error {
		used := cpu()
		f, err := floor(i)
		if err != nil {
			return err
		}
		floorsCPU = append(floorsCPU, cpu()-used)
		used = cpu()
		h, err := parseHash(j.Source)
		floors, hashes, hashesCPU = append(floors, f.Seconds()), append(hashes, h.Seconds()), append(hashesCPU, cpu()-used)
		return err
	}
	if err := take(0); err != nil {
		return err
	}
	m, err := spawn(j)
	if err != nil {
		return err
	}
	if err := take(1); err != nil {
		return err
	}
	plain := filepath.Join(j.Dir, "plain")
	if err := os.MkdirAll(plain, 0o700); err != nil {
		return err
	}
	used := cpu()
	w, err := writePlainly(filepath.Join(j.Dir, "target"), plain)
	if err != nil {
		return err
	}
	wrote := cpu() - used
	if db == "sqlite" {
		b.totals[j.People] = append(b.totals[j.People], m.CPU["initial import"]+m.CPU["initial sync"]+m.CPU["initial checkpoint"])
	}
	if j.People != b.people {
		return nil
	}
	fmt.Printf("  %-8s floor %.2fs, parse and hash %.2fs, write %.2fs |", db, mean(floors), mean(hashes), w.Seconds())
	b.note(b.samples, db, m.Seconds, m.PeakMB, mean(floors), mean(hashes), w.Seconds())
	b.note(b.cpu, db, m.CPU, m.PeakMB, mean(floorsCPU), mean(hashesCPU), wrote)
	b.tell(m)
	return nil
}

func createDatabase(dsn, name string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, "CREATE DATABASE "+name)
	return err
}

func mean(ds []float64) float64 {
	sum := 0.0
	for _, d := range ds {
		sum += d
	}
	return sum / float64(len(ds))
}

// spawn measures in a process of its own, whose memory is Muster's alone.
func spawn(j job) (*measured, error) {
	text, err := json.Marshal(j)
	if err != nil {
		return nil, err
	}
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), "MUSTER_BENCH_JOB="+string(text))
	c.Stderr = os.Stderr
	out, err := c.Output()
	if err != nil {
		return nil, fmt.Errorf("measuring on %s: %w", j.DB, err)
	}
	m := &measured{}
	return m, json.Unmarshal(out, m)
}

// sample is one run in seconds: Muster's steps, and what they are compared
// with.
type sample struct {
	muster             map[string]float64
	floor, hash, plain float64
	peak               float64
}

// took returns the time that the steps took together; nothing is known of steps
// that were not measured.
func (s *sample) took(steps ...string) float64 {
	sum := 0.0
	for _, name := range steps {
		t, ok := s.muster[name]
		if !ok {
			return math.NaN()
		}
		sum += t
	}
	return sum
}

// lines are the lines of the table, with their bars for SQLite.
var lines = []struct {
	name, floor string
	bar         float64
	of          func(s *sample) float64
}{
	{"initial import", "parse and insert", 0, func(s *sample) float64 { return s.took("initial import") / s.floor }},
	{"initial decide", "parse and insert", 0, func(s *sample) float64 { return s.took("initial decide") / s.floor }},
	{"initial accept", "parse and insert", 0, func(s *sample) float64 { return s.took("initial accept", "initial checkpoint") / s.floor }},
	{"initial", "parse and insert", 5, func(s *sample) float64 {
		return s.took("initial import", "initial sync", "initial checkpoint") / s.floor
	}},
	{"unchanged import", "parse and hash", 2, func(s *sample) float64 { return s.took("unchanged import") / s.hash }},
	{"unchanged sync", "parse and hash", 0, func(s *sample) float64 { return s.took("unchanged sync") / s.hash }},
	{"changed 1 % import", "parse and hash", 0, func(s *sample) float64 { return s.took("changed import") / s.hash }},
	{"changed 1 % import and sync", "parse and hash", 6, func(s *sample) float64 { return s.took("changed import", "changed sync") / s.hash }},
	{"export", "write the same files", 0, func(s *sample) float64 { return s.took("export") / s.plain }},
	{"peak memory", "MiB", 512, func(s *sample) float64 { return s.peak }},
}

func (b *bench) note(to map[string]map[string][]float64, db string, muster map[string]float64, peak, floor, hash, plain float64) {
	if to[db] == nil {
		to[db] = map[string][]float64{}
	}
	for _, l := range lines {
		to[db][l.name] = append(to[db][l.name], l.of(&sample{muster, floor, hash, plain, peak}))
	}
}

// tell shows one run in seconds, for whoever wants to know where they went.
func (b *bench) tell(m *measured) {
	b.counts, b.said = m.Counts, m.Said
	for _, k := range []string{"initial import", "initial decide", "initial accept", "initial checkpoint", "export", "unchanged import", "unchanged sync", "changed import", "changed sync", "explain"} {
		if _, ok := m.Seconds[k]; ok {
			fmt.Printf(" %s %.2f/%.2f", k, m.Seconds[k], m.CPU[k])
		}
	}
	fmt.Printf(" | %.0f MiB (%d at first)\n", m.PeakMB, m.Counts["peak after initial"])
}

func median(x []float64) float64 {
	x = slices.Sorted(slices.Values(x))
	if len(x) == 0 {
		return math.NaN()
	}
	return (x[(len(x)-1)/2] + x[len(x)/2]) / 2
}

func (b *bench) show(dbs []string) {
	fmt.Printf("\n%-28s %-22s", "", "in times of")
	for _, db := range dbs {
		fmt.Printf("%10s%8s", db, "cpu")
	}
	fmt.Println("     bar (SQLite)")
	for _, l := range lines {
		if math.IsNaN(median(b.samples[dbs[0]][l.name])) {
			continue // not measured
		}
		fmt.Printf("%-28s %-22s", l.name, l.floor)
		for _, db := range dbs {
			v := median(b.samples[db][l.name])
			r := result{Name: l.name, DB: db, Size: b.people, Ratio: math.Round(v*100) / 100, Floor: l.floor, Unit: "times", bar: l.bar}
			if l.floor == "MiB" {
				r.Floor, r.Unit = "none", "MiB"
			}
			b.out = append(b.out, r)
			fmt.Printf("%10.2f%8.2f", v, median(b.cpu[db][l.name]))
		}
		if l.bar > 0 {
			met := "met"
			if v := median(b.samples["sqlite"][l.name]); !(v <= l.bar) {
				met = "missed"
			}
			fmt.Printf("%8g %s", l.bar, met)
		}
		fmt.Println()
	}
	if small, large := b.totals[b.people/10], b.totals[b.people]; len(small) > 0 && len(large) > 0 {
		fmt.Printf("%-28s %-22s%10.2f%26s\n", "initial, growth", "exponent, of cpu", math.Log10(median(large)/median(small)), "1.1 from 10k on")
	}
	fmt.Println("\nkept at the end:")
	var names []string
	for k := range b.counts {
		names = append(names, k)
	}
	slices.SortFunc(names, cmp.Compare[string])
	for _, k := range names {
		if !strings.HasPrefix(k, "peak") {
			fmt.Printf("  %-24s %d\n", k, b.counts[k])
		}
	}
	for _, s := range b.said {
		fmt.Println("  " + s)
	}
}

// save writes bench.json.
func (b *bench) save() error {
	to := cmp.Or(os.Getenv("MUSTER_BENCH_OUT"), "bench.json")
	text, err := json.MarshalIndent(b.out, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(to, append(text, '\n'), 0o600)
}
