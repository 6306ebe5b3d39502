package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strconv"
	"strings"
	"testing/fstest"
	"time"

	"github.com/jackc/pgx/v5"

	"muster/internal/base/config"
	"muster/internal/base/secret"
	"muster/internal/store"
	"muster/internal/sync/connector"
	"muster/internal/sync/connector/csv"
	"muster/internal/sync/run"
)

// measured is what one process measured, in seconds.
type measured struct {
	Seconds map[string]float64 `json:"seconds"`
	CPU     map[string]float64 `json:"cpu"` // the same in seconds of processor time
	Counts  map[string]int64   `json:"counts"`
	Said    []string           `json:"said"` // lines to show once
	PeakMB  float64            `json:"peakMB"`
}

// subject is Muster at work on one store.
type subject struct {
	ctx   context.Context
	job   job
	store *store.Store
	r     *run.Runner
	out   measured

	accepting    time.Time // when the last synchronization began to accept
	acceptingCPU float64
	heaped       map[string]bool // the phases whose memory was written
}

// job says what a process measures.
type job struct {
	DB     string // "sqlite" or "postgres"
	DSN    string
	Source string // folder with the source's files
	Next   string // the same with changes
	Dir    string // for everything else
	People int
}

// now is the clock of the rules: nothing depends on the day of measuring.
func now() time.Time { return time.Date(2027, 3, 1, 8, 0, 0, 0, time.UTC) }

func newSubject(j job) (*subject, error) {
	s := &subject{ctx: context.Background(), job: j, heaped: map[string]bool{}, out: measured{Seconds: map[string]float64{}, CPU: map[string]float64{}, Counts: map[string]int64{}}}
	var err error
	if s.store, err = store.Open(s.ctx, j.DSN, store.Options{Now: time.Now}); err != nil {
		return nil, err
	}
	return s, s.configure(j.Source)
}

// configure makes a runner that reads the folder.
func (s *subject) configure(source string) error {
	kinds := []connector.Kind{csv.Kind()}
	if err := s.place(source); err != nil {
		return err
	}
	text := fmt.Sprintf(estate, filepath.ToSlash(s.hr()), filepath.ToSlash(s.target()))
	tree, problems := config.Load(fstest.MapFS{"all.yaml": {Data: []byte(text)}}, run.Sections(kinds))
	if len(problems) > 0 {
		return problems.Err()
	}
	cfg, problems := run.Check(tree, kinds, nil)
	if len(problems) > 0 {
		return problems.Err()
	}
	s.r = run.New(s.store, cfg, run.Options{Now: now, By: "bench", Secrets: secret.Fixed{}, Workers: workers(), Observe: func(e run.Event) {
		if e.Phase == "accept" && s.accepting.IsZero() {
			s.accepting, s.acceptingCPU = time.Now(), cpu()
		}
		if e.Done > e.Total/2 && (e.Phase == "decide" || e.Phase == "accept") {
			s.heap(e.Phase)
		}
	}})
	return nil
}

// place puts the files of an evening where the connector reads them.
func (s *subject) place(source string) error {
	if err := os.MkdirAll(s.hr(), 0o700); err != nil {
		return err
	}
	for _, name := range []string{peopleFile, teamsFile, membersFile} {
		to := filepath.Join(s.hr(), name)
		if err := os.Remove(to); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := os.Link(filepath.Join(source, name), to); err != nil {
			return err
		}
	}
	return nil
}

func (s *subject) hr() string { return filepath.Join(s.job.Dir, "hr") }

func (s *subject) target() string { return filepath.Join(s.job.Dir, "target") }

// time measures one step.
func (s *subject) time(name string, do func() error) error {
	stop := s.profile(name)
	begin, used := time.Now(), cpu()
	err := do()
	s.out.Seconds[name] += time.Since(begin).Seconds()
	s.out.CPU[name] += cpu() - used
	stop()
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// profile writes a profile of the step where MUSTER_BENCH_PROFILE says.
func (s *subject) profile(name string) func() {
	dir := os.Getenv("MUSTER_BENCH_PROFILE")
	if dir == "" {
		return func() {}
	}
	f, err := os.Create(filepath.Join(dir, s.job.DB+"-"+strings.ReplaceAll(name, " ", "-")+".pprof"))
	if err != nil || pprof.StartCPUProfile(f) != nil {
		return func() {}
	}
	return func() {
		pprof.StopCPUProfile()
		f.Close()
	}
}

// heap writes a profile of what is in memory when half a plan is decided, or
// accepted, for the first time.
func (s *subject) heap(phase string) {
	dir := os.Getenv("MUSTER_BENCH_PROFILE")
	if dir == "" || s.heaped[phase] {
		return
	}
	s.heaped[phase] = true
	f, err := os.Create(filepath.Join(dir, s.job.DB+"-"+phase+".heap"))
	if err != nil {
		return
	}
	defer f.Close()
	runtime.GC()
	_ = pprof.Lookup("heap").WriteTo(f, 0) // a profile is a hint, not a result
}

func (s *subject) importAll() error {
	rep, err := s.r.Import(s.ctx, "hr", true)
	return well(rep, err)
}

// well makes an error of a step that did not go as it should.
func well(rep *run.StepReport, err error) error {
	if err == nil && rep.Result != run.Success {
		err = fmt.Errorf("%s: %s %v %v %v", rep.Result, rep.Message, rep.Errors[:min(3, len(rep.Errors))], rep.Suspicion, rep.Guards)
	}
	return err
}

// sync synchronizes and tells deciding from accepting.
func (s *subject) sync(name string) (*run.StepReport, error) {
	s.accepting = time.Time{}
	begin, used := time.Now(), cpu()
	var rep *run.StepReport
	err := s.time(name+" sync", func() (err error) {
		rep, err = s.r.Sync(s.ctx, run.SyncOptions{})
		return well(rep, err)
	})
	end, ended := time.Now(), cpu()
	if s.accepting.IsZero() {
		s.accepting, s.acceptingCPU = end, ended
	}
	s.out.CPU[name+" decide"], s.out.CPU[name+" accept"] = s.acceptingCPU-used, ended-s.acceptingCPU
	s.out.Seconds[name+" decide"] = s.accepting.Sub(begin).Seconds()
	s.out.Seconds[name+" accept"] = end.Sub(s.accepting).Seconds()
	return rep, err
}

// checkpoint makes the database write everything to its place.
func (s *subject) checkpoint() error {
	if s.job.DB == "sqlite" {
		return s.store.Checkpoint(s.ctx)
	}
	conn, err := pgx.Connect(s.ctx, s.job.DSN)
	if err != nil {
		return err
	}
	defer conn.Close(s.ctx)
	_, err = conn.Exec(s.ctx, "CHECKPOINT")
	return err
}

// measure goes the whole way.
func (s *subject) measure() error {
	if err := writeTarget(s.target()); err != nil {
		return err
	}
	if err := s.time("initial import", s.importAll); err != nil {
		return err
	}
	if os.Getenv("MUSTER_BENCH_STEPS") == "import" {
		return s.importAgain()
	}
	rep, err := s.sync("initial")
	if err != nil {
		return err
	}
	s.out.Counts["units"] = rep.Counters["units"]
	if err := s.time("initial checkpoint", s.checkpoint); err != nil {
		return err
	}
	s.out.PeakMB = peak()
	if os.Getenv("MUSTER_BENCH_STEPS") == "initial" {
		s.out.Counts["peak after initial"] = int64(s.out.PeakMB)
		return s.store.Close()
	}
	err = s.time("export", func() error {
		rep, err := s.r.Export(s.ctx, "dir")
		return well(rep, err)
	})
	if err != nil {
		return err
	}
	s.out.Counts["peak after initial"] = int64(s.out.PeakMB)
	if err := s.time("unchanged import", s.importAll); err != nil {
		return err
	}
	if err := s.time("unchanged sync", func() error { rep, err := s.r.Sync(s.ctx, run.SyncOptions{}); return well(rep, err) }); err != nil {
		return err
	}
	if err := s.place(s.job.Next); err != nil {
		return err
	}
	if err := s.time("changed import", s.importAll); err != nil {
		return err
	}
	if rep, err = s.sync("changed"); err != nil {
		return err
	}
	s.out.Counts["changed units"] = rep.Counters["units"]
	if err := s.look(); err != nil {
		return err
	}
	s.out.PeakMB = peak()
	return s.store.Close()
}

// importAgain imports what did not change, and then what did, without
// synchronizing: what importing takes, and its memory.
func (s *subject) importAgain() error {
	s.out.Counts["peak after initial"] = int64(peak())
	if err := s.time("unchanged import", s.importAll); err != nil {
		return err
	}
	if err := s.place(s.job.Next); err != nil {
		return err
	}
	if err := s.time("changed import", s.importAll); err != nil {
		return err
	}
	s.out.PeakMB = peak()
	return s.store.Close()
}

// look shows that everything is there: counts, and three people explained.
func (s *subject) look() error {
	err := s.store.Read(s.ctx, func(t *store.Tx) error {
		n, err := t.Amounts()
		for k, v := range n {
			s.out.Counts[k] = v
		}
		return err
	})
	if err != nil {
		return err
	}
	if err := s.origins(); err != nil {
		return err
	}
	d := dice(4711)
	for range 3 {
		who := fmt.Sprintf("%08d", d.roll(s.job.People))
		var x *run.Explanation
		err := s.time("explain", func() (err error) {
			x, err = s.r.Explain(s.ctx, "hr/"+who, "")
			return err
		})
		if err != nil {
			return fmt.Errorf("explain %s: %w", who, err)
		}
		s.out.Said = append(s.out.Said, fmt.Sprintf("%s is %s: %d values, each with its origin; %d steps explain it", who, x.Name.String(), len(x.Values), len(x.Lines)))
	}
	return nil
}

// peak returns the most memory that the process had at once, in MiB.
func peak() float64 {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range bytes.Lines(text) {
		if f := bytes.Fields(line); len(f) > 1 && string(f[0]) == "VmHWM:" {
			n, _ := strconv.Atoi(string(f[1]))
			return float64(n) / 1024
		}
	}
	return 0
}

// origins counts the values that know where they came from.
func (s *subject) origins() error {
	return s.store.Read(s.ctx, func(t *store.Tx) error {
		for _, typ := range []string{"person", "group"} {
			for after := int64(0); ; {
				list, next, err := t.ObjectsOf(typ, after, 5000)
				if err != nil {
					return err
				}
				for _, o := range list {
					for i := range o.Origins {
						if o.Origins[i].Rule != "" {
							s.out.Counts["values with origin"]++
						}
					}
				}
				if next == 0 {
					break
				}
				after = next
			}
		}
		return nil
	})
}
