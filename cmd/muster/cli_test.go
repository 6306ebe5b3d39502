package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"muster/internal/app"
	"muster/internal/base/problem"
	"muster/internal/sync/run"
)

// slow is a desk whose imports last until they are stopped.
type slow struct{ run.Desk }

func (slow) Import(ctx context.Context, _ string, _ bool) (*run.StepReport, error) {
	<-ctx.Done()
	return &run.StepReport{Step: run.Step{Do: run.Import, Connector: "hr"}, Result: run.StoppedByUser}, fmt.Errorf("import of hr: %w", ctx.Err())
}

func TestCtrlC(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"import", "hr"}, {"import", "hr", "--json"}} {
		var out, errs strings.Builder
		c := &cli{in: strings.NewReader(""), out: &out, errs: &errs, now: time.Now,
			open: func(context.Context, app.Options) (*app.Session, error) { return &app.Session{Desk: slow{}}, nil }}
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if code := c.run(ctx, args); code != codeInterrupted {
			t.Errorf("%v: exit code %d", args, code)
		}
		if len(args) == 2 && !strings.Contains(errs.String(), "the same command goes on") || !strings.Contains(out.String(), "stopped-user-termination") {
			t.Errorf("%v: %s%s", args, out.String(), errs.String())
		}
	}
}

func TestExitCodes(t *testing.T) {
	t.Parallel()
	for want, errs := range map[int][]error{
		codeDone:        {nil},
		codeFailed:      {&problem.Problem{Code: "failed-connection", Where: problem.Position{File: "data.csv"}}, errors.New("x"), &problem.Problem{Code: "no-such-object"}, &problem.Problem{Code: "failed-connection"}},
		codeUsage:       {usage("x", "y"), &problem.Problem{Code: "unknown-connector"}, problem.List{{Code: "anything", Where: problem.Position{File: "a.yaml"}}}},
		codeNoStore:     {&problem.Problem{Code: app.CodeNoStore}},
		codeInUse:       {fmt.Errorf("around: %w", &problem.Problem{Code: app.CodeStoreInUse})},
		codeInterrupted: {context.Canceled, fmt.Errorf("import: %w", context.Canceled), &problem.Problem{Code: "stopped"}},
	} {
		for _, err := range errs {
			if got := codeOf(err); got != want {
				t.Errorf("%v: %d, want %d", err, got, want)
			}
		}
	}
	step := func(r run.Result, counters ...string) run.StepReport {
		s := run.StepReport{Result: r, Counters: map[string]int64{}}
		for _, c := range counters {
			s.Counters[c] = 1
		}
		return s
	}
	for _, x := range []struct {
		want  int
		steps []run.StepReport
	}{
		{codeDone, []run.StepReport{step(run.Success), step(run.CompletedWarnings)}},
		{codePartly, []run.StepReport{step(run.Success), step(run.Success, "held")}},
		{codePartly, []run.StepReport{step(run.CompletedExport), step(run.Success)}},
		{codeFailed, []run.StepReport{step(run.CompletedExport), step(run.StoppedServerDown)}},
		{codeWould, []run.StepReport{step(run.CompletedNoObjects)}},
		{codeInterrupted, []run.StepReport{step(run.Success), step(run.StoppedByUser)}},
		{codeUsage, []run.StepReport{step(run.NoStartBadConfig)}},
	} {
		if got := codeOfSteps(x.steps); got != x.want {
			t.Errorf("%v: %d, want %d", x.steps, got, x.want)
		}
	}
	for want, s := range map[int]run.StepReport{codeDone: step(run.Success), codeWould: step(run.Success, "units"), codePartly: step(run.Success, "units", "held"), codeFailed: step(run.CallFailure)} {
		if got := codeOfPreview(&s); got != want {
			t.Errorf("preview %v: %d, want %d", s, got, want)
		}
	}
}

func TestObjectsOnTheCommandLine(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		args   string
		object string
		rest   string
	}{
		{"person hr/1002", "person hr/1002", ""},
		{"person hr/1002 dir.fax", "person hr/1002", "dir.fax"},
		{"hr/1002 dir.fax", "hr/1002", "dir.fax"},
		{"dir:uid=x,ou=y title", "dir:uid=x,ou=y", "title"},
		{"okafor title", "okafor", "title"},
		{"person dir:uid=x", "person dir:uid=x", ""},
	} {
		object, rest := takeObject(strings.Fields(x.args))
		if object != x.object || strings.Join(rest, " ") != x.rest {
			t.Errorf("%s: %q and %q", x.args, object, rest)
		}
	}
}

func TestTimesOnTheCommandLine(t *testing.T) {
	t.Parallel()
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2027, 3, 1, 8, 0, 0, 0, time.UTC)
	for word, want := range map[string]string{
		"2027-04-01T08:00:00Z": "2027-04-01T08:00:00Z", "2027-04-01": "2027-03-31T22:00:00Z", "2027-04-01 08:00": "2027-04-01T06:00:00Z",
		"30d": "2027-03-31T08:00:00Z", "2w": "2027-03-15T08:00:00Z", "12h": "2027-03-01T20:00:00Z",
	} {
		got, err := whenAfter(word, now, zone)
		if err != nil || got.UTC().Format(time.RFC3339) != want {
			t.Errorf("%s: %s, %v; want %s", word, got, err, want)
		}
	}
	for _, word := range []string{"soon", "d", "-3d", "0d", "2027-13-01"} {
		if got, err := whenAfter(word, now, zone); err == nil {
			t.Errorf("%s was taken for %s", word, got)
		}
	}
}
