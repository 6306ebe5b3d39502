package local

import (
	"context"
	"errors"
	"net"
	"net/http"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"muster/internal/base/object"
	"muster/internal/base/problem"
	"muster/internal/sync/engine"
	"muster/internal/sync/run"
)

// fake is a desk that remembers what it was asked and answers what it was told.
type fake struct {
	asked  []any
	err    error
	person string
	watch  func(run.Event)
	wait   chan struct{} // Import waits until it is closed, or its context ends
}

func (f *fake) did(args ...any) error {
	f.asked = args
	return f.err
}

var (
	at   = time.Date(2027, 3, 1, 8, 0, 0, 0, time.UTC)
	anna = run.ObjectName{ID: "01", Type: "person", Founder: "hr/1001", Label: "Anna Berg"}
	some = []run.ChangeInfo{
		info(engine.Change{Op: engine.Birth}),
		info(engine.Change{Op: engine.Link, Connector: "hr", Name: "1001"}),
		info(engine.Change{Op: engine.SetValue, Name: "title", Before: object.Values{object.Str("Buyer")}, After: object.Values{object.Str("Lead")}}),
		info(engine.Change{Op: engine.SetValue, Name: "end", After: object.Values{object.Instant(at)}}),
		info(engine.Change{Op: engine.SetAccount, Connector: "dir", Name: "fax", Before: object.Values{object.Str("1"), object.Str("2")}}),
		info(engine.Change{Op: engine.AddAccount, Connector: "dir", Name: "user"}),
		info(engine.Change{Op: engine.Rename, Connector: "dir", Name: "@dn", After: object.Values{object.Str("uid=a")}}),
	}
)

func info(c engine.Change) run.ChangeInfo {
	x := run.ChangeInfo{Op: c.Op.String(), Connector: c.Connector, Name: c.Name, Change: c, Why: "guard blanks"}
	for _, v := range c.Before {
		x.Before = append(x.Before, v.String())
	}
	for _, v := range c.After {
		x.After = append(x.After, v.String())
	}
	return x
}

func (f *fake) Import(ctx context.Context, c string, full bool) (*run.StepReport, error) {
	if f.wait != nil {
		f.watch(run.Event{Phase: "import", Done: 1000})
		select {
		case <-f.wait:
		case <-ctx.Done():
			return &run.StepReport{Result: run.StoppedByUser}, ctx.Err()
		}
	}
	return &run.StepReport{Result: run.Success, Counters: map[string]int64{"stage-add": 3}}, f.did("import", c, full)
}

func (f *fake) Sync(_ context.Context, o run.SyncOptions) (*run.StepReport, error) {
	return &run.StepReport{Result: run.Success}, f.did("sync", o)
}

func (f *fake) Export(_ context.Context, c string) (*run.StepReport, error) {
	return &run.StepReport{Result: run.Success}, f.did("export", c)
}

func (f *fake) Edit(_ context.Context, e run.Edit, d run.Decision) (*run.StepReport, error) {
	return &run.StepReport{Result: run.Success, Plan: 7}, f.did("edit", e, d)
}

func (f *fake) Run(_ context.Context, p string) (*run.Report, error) {
	return &run.Report{Run: 7, Profile: p, Started: at}, f.did("run", p)
}
func (f *fake) Release(_ context.Context, c, by, because string) error {
	return f.did("release", c, by, because)
}
func (f *fake) Discard(_ context.Context, c, by, because string) error {
	return f.did("discard", c, by, because)
}
func (f *fake) ListPlans(_ context.Context, p run.Page) ([]run.PlanInfo, error) {
	return []run.PlanInfo{{No: 7, Kind: "sync", Decided: at, Counts: []run.ChangeCount{{Connector: "dir", What: "account added", N: 2}}}}, f.did("plans", p)
}
func (f *fake) Plan(_ context.Context, no int64) (run.PlanInfo, error) {
	return run.PlanInfo{No: no}, f.did("plan", no)
}
func objected() *run.Asked {
	list := slices.Clone(some)
	list[0].Objections = []string{"29 of at most 10 characters"}
	return &run.Asked{Units: []run.UnitInfo{{Key: "1", Object: anna, Changes: list}}, Unasked: []string{"hr could not be asked"}}
}
func (f *fake) Units(_ context.Context, no int64, p run.Page) ([]run.UnitInfo, error) {
	return []run.UnitInfo{{Key: "1", Object: anna, Changes: some}}, f.did("units", no, p)
}
func (f *fake) Ask(_ context.Context, no int64, p run.Page) (*run.Asked, error) {
	return objected(), f.did("ask", no, p)
}
func (f *fake) AskWaiting(_ context.Context, p run.Page) (*run.Asked, error) {
	return objected(), f.did("ask waiting", p)
}
func (f *fake) Waiting(_ context.Context, p run.Page) ([]run.UnitInfo, error) {
	return []run.UnitInfo{{Key: "1", Object: anna, Changes: some}}, f.did("waiting", p)
}
func (f *fake) Queue(_ context.Context, p run.Page) ([]run.QueueInfo, error) {
	return []run.QueueInfo{{Entry: "hr/1001", Candidates: []run.ObjectName{anna}}}, f.did("queue", p)
}
func (f *fake) Runs(_ context.Context, p run.Page) ([]run.Report, error) {
	return []run.Report{{Run: 3, Started: at}}, f.did("runs", p)
}
func (f *fake) Approve(_ context.Context, s run.Selection, d run.Decision) (int, error) {
	return 3, f.did("approve", s, d)
}
func (f *fake) Reject(_ context.Context, s run.Selection, d run.Decision) (int, error) {
	return 3, f.did("reject", s, d)
}
func (f *fake) Shelve(_ context.Context, s run.Selection, until time.Time, d run.Decision) (int, error) {
	return 3, f.did("shelve", s, until, d)
}
func (f *fake) Protect(_ context.Context, s run.Selection, d run.Decision) (int, error) {
	return 3, f.did("protect", s, d)
}
func (f *fake) Lift(_ context.Context, s run.Selection, d run.Decision) (int, error) {
	return 3, f.did("lift", s, d)
}
func (f *fake) Narrow(_ context.Context, s run.Selection, d run.Decision) (int, error) {
	return 3, f.did("narrow", s, d)
}
func (f *fake) Undo(_ context.Context, plan int64, d run.Decision) (*run.UndoInfo, error) {
	return &run.UndoInfo{Plan: plan, Undone: 2, Moved: some, Never: []string{"a password"}}, f.did("undo", plan, d)
}
func (f *fake) JoinTo(_ context.Context, entry, obj string, d run.Decision) error {
	return f.did("join", entry, obj, d)
}
func (f *fake) Disconnect(_ context.Context, entry string, d run.Decision) error {
	return f.did("disconnect", entry, d)
}
func (f *fake) Holds(_ context.Context, p run.Page) ([]run.HoldInfo, error) {
	return []run.HoldInfo{{Key: "4", Object: anna, At: at}}, f.did("holds", p)
}
func (f *fake) Status(context.Context) (*run.Status, error) {
	return &run.Status{Now: at, Objects: map[string]int64{"person": 3}}, f.did("status")
}
func (f *fake) Find(_ context.Context, text string, p run.Page) ([]run.ObjectName, error) {
	return []run.ObjectName{anna}, f.did("find", text, p)
}
func (f *fake) Show(_ context.Context, ref string, asOf time.Time) (*run.ObjectInfo, error) {
	return &run.ObjectInfo{Name: anna, Values: []run.ValueInfo{{Name: "title"}}, Links: []run.EntryInfo{}, History: []run.HistoryInfo{{Plan: 1, At: at, Changes: some}}}, f.did("show", ref, asOf)
}
func (f *fake) Explain(_ context.Context, ref, attr string) (*run.Explanation, error) {
	return &run.Explanation{Name: anna, Attribute: attr, Lines: []run.ReasonInfo{{Said: "so"}}}, f.did("explain", ref, attr)
}

// serve has a fake answer at a socket.
func serve(t *testing.T) (*fake, *Client) {
	t.Helper()
	f := &fake{}
	path := filepath.Join(t.TempDir(), "s")
	l, err := Listen(path, "")
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{
		Desk:  func(person string, watch func(run.Event)) run.Desk { f.person, f.watch = person, watch; return f },
		Rules: func(files map[string]string) (*run.Config, error) { return &run.Config{}, f.did("rules", files) },
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, l) }()
	c := NewClient(path, nil)
	t.Cleanup(func() {
		_ = c.Close()
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return f, c
}

// TestClientIsTheSameDesk asks everything directly and through the socket: the
// desk must be asked the same and the answer be the same.
func TestClientIsTheSameDesk(t *testing.T) {
	t.Parallel()
	f, client := serve(t)
	sel, who := run.Selection{Plan: 7, Object: "person hr/1001", Target: "dir.fax", Cause: "guard blanks"}, run.Decision{By: Account(), Because: "so"}
	page, ctx := run.Page{After: "a b&c", Size: 5, Match: "fäx", Object: "person hr/1", Sort: "name"}, context.Background()
	calls := map[string]func(d run.Desk) (any, error){
		"import": func(d run.Desk) (any, error) { return d.Import(ctx, "hr", true) },
		"sync": func(d run.Desk) (any, error) {
			return d.Sync(ctx, run.SyncOptions{Full: true, Accept: run.Approved, Release: "hr"})
		},
		"export":  func(d run.Desk) (any, error) { return d.Export(ctx, "dir") },
		"run":     func(d run.Desk) (any, error) { return d.Run(ctx, "nightly") },
		"release": func(d run.Desk) (any, error) { return nil, d.Release(ctx, "hr", who.By, "so") },
		"discard": func(d run.Desk) (any, error) { return nil, d.Discard(ctx, "hr", who.By, "so") },
		"edit": func(d run.Desk) (any, error) {
			return d.Edit(ctx, run.Edit{Do: run.EditChange, Object: "person hr/1001", Preview: true, Values: []run.EditValue{{Name: "fax", Op: run.AddValue, Values: []string{"1", ""}}}}, who)
		},
		"plans":      func(d run.Desk) (any, error) { return d.ListPlans(ctx, page) },
		"plan":       func(d run.Desk) (any, error) { return d.Plan(ctx, 7) },
		"units":      func(d run.Desk) (any, error) { return d.Units(ctx, 7, page) },
		"ask":        func(d run.Desk) (any, error) { return d.Ask(ctx, 7, page) },
		"askWaiting": func(d run.Desk) (any, error) { return d.AskWaiting(ctx, page) },
		"waiting":    func(d run.Desk) (any, error) { return d.Waiting(ctx, page) },
		"queue":      func(d run.Desk) (any, error) { return d.Queue(ctx, page) },
		"runs":       func(d run.Desk) (any, error) { return d.Runs(ctx, page) },
		"approve":    func(d run.Desk) (any, error) { return d.Approve(ctx, sel, who) },
		"reject":     func(d run.Desk) (any, error) { return d.Reject(ctx, sel, who) },
		"shelve":     func(d run.Desk) (any, error) { return d.Shelve(ctx, sel, at, who) },
		"protect":    func(d run.Desk) (any, error) { return d.Protect(ctx, sel, who) },
		"lift":       func(d run.Desk) (any, error) { return d.Lift(ctx, sel, who) },
		"narrow":     func(d run.Desk) (any, error) { return d.Narrow(ctx, sel, who) },
		"undo":       func(d run.Desk) (any, error) { return d.Undo(ctx, 7, who) },
		"join":       func(d run.Desk) (any, error) { return nil, d.JoinTo(ctx, "hr/1", "person hr/2", who) },
		"disconnect": func(d run.Desk) (any, error) { return nil, d.Disconnect(ctx, "hr/1", who) },
		"holds":      func(d run.Desk) (any, error) { return d.Holds(ctx, page) },
		"status":     func(d run.Desk) (any, error) { return d.Status(ctx) },
		"find":       func(d run.Desk) (any, error) { return d.Find(ctx, "anna b", page) },
		"show":       func(d run.Desk) (any, error) { return d.Show(ctx, `dir:"uid=x,ou=y"`, at) },
		"explain":    func(d run.Desk) (any, error) { return d.Explain(ctx, "hr/1", "dir.fax") },
	}
	if want := reflect.TypeFor[run.Desk]().NumMethod(); len(calls) != want {
		t.Fatalf("%d calls for %d methods", len(calls), want)
	}
	values := cmp.Comparer(func(a, b object.Value) bool { return a == b })
	for name, call := range calls {
		direct := &fake{}
		want, _ := call(direct)
		got, err := call(client)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if d := cmp.Diff(direct.asked, f.asked, values); d != "" {
			t.Errorf("%s was asked otherwise: %s", name, d)
		}
		if d := cmp.Diff(want, got, values); d != "" {
			t.Errorf("%s answered otherwise: %s", name, d)
		}
		if units, ok := got.([]run.UnitInfo); ok {
			for i := range units[0].Changes {
				if got, want := units[0].Changes[i].Line(), some[i].Line(); got != want {
					t.Errorf("%s: line %q, want %q", name, got, want)
				}
			}
		}
	}
	if f.person != Account() {
		t.Errorf("person %q, want %q", f.person, Account())
	}
}

// TestProblemsComeThrough has a report and its problem come back together.
func TestProblemsComeThrough(t *testing.T) {
	t.Parallel()
	f, c := serve(t)
	f.err = &problem.Problem{Code: "unknown-connector", Where: problem.Position{File: "a.yaml", Line: 3, Column: 4}, Message: "there is none", Fix: "did you mean hr?"}
	rep, err := c.Import(context.Background(), "h", false)
	if rep == nil || rep.Result != run.Success {
		t.Errorf("the report got lost: %+v", rep)
	}
	var p *problem.Problem
	if !errors.As(err, &p) {
		t.Fatalf("no problem: %v", err)
	}
	if d := cmp.Diff(f.err, error(p)); d != "" {
		t.Error(d)
	}
	f.err = errors.New("a plain fault")
	if _, err := c.Status(context.Background()); err == nil || !strings.Contains(err.Error(), "a plain fault") {
		t.Error(err)
	}
}

// TestHangingUpStopsTheWork: who goes away ends what was asked.
func TestHangingUpStopsTheWork(t *testing.T) {
	t.Parallel()
	f, c := serve(t)
	f.wait = make(chan struct{})
	ctx, cancel := context.WithCancel(context.Background())
	told := make(chan run.Event, 1)
	c.watch = func(e run.Event) { told <- e; cancel() }
	if _, err := c.Import(ctx, "hr", false); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if e := <-told; e.Done != 1000 {
		t.Errorf("told of %+v", e)
	}
}

// TestRulesAreSentAsFiles: the server checks what the client sends.
func TestRulesAreSentAsFiles(t *testing.T) {
	t.Parallel()
	f, c := serve(t)
	if _, err := c.Sync(context.Background(), run.SyncOptions{Rules: &run.Config{}}); err == nil {
		t.Error("checked rules cannot be sent, and it did not say so")
	}
	if _, err := c.SyncWith(context.Background(), run.SyncOptions{Preview: true}, map[string]string{"a.yaml": "x"}); err != nil {
		t.Fatal(err)
	}
	if o, ok := f.asked[1].(run.SyncOptions); !ok || o.Rules == nil || !o.Preview {
		t.Errorf("asked %+v", f.asked)
	}
}

// TestNonsenseIsRefused asks what no client of ours would.
func TestNonsenseIsRefused(t *testing.T) {
	t.Parallel()
	_, c := serve(t)
	for _, x := range []struct {
		verb, path, body string
		want             int
	}{
		{"POST", "/v1/import", `{"connectr":"hr"}`, http.StatusBadRequest},
		{"POST", "/v1/import", `nonsense`, http.StatusBadRequest},
		{"POST", "/v1/sync", `{"accept":"all"}`, http.StatusBadRequest},
		{"GET", "/v1/plans/x", ``, http.StatusBadRequest},
		{"GET", "/v1/holds?size=-1", ``, http.StatusBadRequest},
		{"GET", "/v1/show?asOf=yesterday", ``, http.StatusBadRequest},
		{"GET", "/v1/import", ``, http.StatusMethodNotAllowed},
		{"GET", "/v1/nothing", ``, http.StatusNotFound},
		{"GET", "/v1/plans/last", ``, http.StatusOK},
	} {
		r, err := http.NewRequest(x.verb, "http://muster"+x.path, strings.NewReader(x.body))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := c.http.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != x.want {
			t.Errorf("%s %s %s: %d, want %d", x.verb, x.path, x.body, resp.StatusCode, x.want)
		}
	}
}

func TestListenTakesOverWhatNobodyAnswers(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "s")
	dead, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	u, ok := dead.(*net.UnixListener)
	if !ok {
		t.Fatal("no unix listener")
	}
	u.SetUnlinkOnClose(false)
	dead.Close()
	l, err := Listen(path, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(path, ""); problem.CodeOf(err) != "socket-taken" {
		t.Errorf("a second server: %v", err)
	}
	l.Close()
	if _, err := Listen("/"+strings.Repeat("x", 200), ""); err == nil || !strings.Contains(err.Error(), "MUSTER_SOCKET") {
		t.Errorf("a long path: %v", err)
	}
	if _, err := Listen(filepath.Join(t.TempDir(), "g"), "no-such-group-here"); err == nil || !strings.Contains(err.Error(), "no-such-group-here") {
		t.Errorf("an unknown group: %v", err)
	}
}
