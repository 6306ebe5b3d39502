package main

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"

	"muster/internal/api/local"
	"muster/internal/app"
	"muster/internal/base/problem"
	"muster/internal/base/secret"
	"muster/internal/sync/run"
)

// The exit codes, the same for every command.
const (
	codeDone        = 0
	codeFailed      = 1
	codeUsage       = 2
	codePartly      = 3
	codeWould       = 4
	codeNoStore     = 10
	codeInUse       = 11
	codeInterrupted = 130
)

// exitCodes is what each help text says of them.
const exitCodes = `0 done · 1 failed · 2 usage or configuration · 3 done, but some objects refused or something waits
for people · 4 stopped, or would change · 10 no store · 11 store in use · 130 interrupted`

// usageError is a mistake in the command line.
type usageError struct{ problem.Problem }

const codeOfUsage problem.Code = "usage"

func usage(message, fix string) error {
	return &usageError{problem.Problem{Code: codeOfUsage, Message: message, Fix: fix}}
}

// Unwrap gives the problem, which is what is printed.
func (u *usageError) Unwrap() error { return &u.Problem }

// ours are codes of problems in what a person wrote: the command line or the
// configuration.
var ours = []problem.Code{
	codeOfUsage, "unknown-connector", "no-start-unknown-profile-name", "no-start-bad-ma-configuration", "bad-page", "bad-time", "no-such-target", "no-such-file",
	"connector-settings", "no-key-set", local.CodeRequest, secret.CodeMissing, secret.CodeUnsafe, secret.CodeInvalid, "folder-in-use", "demo-folder", "socket",
	"not-editable", "not-founded-in-portal", "nothing-to-edit", "bad-value", "bad-name", "several-values", "one-value",
}

// codeOf is the exit code of an error.
func codeOf(err error) int {
	if err == nil {
		return codeDone
	}
	if errors.Is(err, context.Canceled) {
		return codeInterrupted
	}
	code := problem.CodeOf(err)
	var list problem.List
	var p *problem.Problem
	switch {
	case code == app.CodeNoStore:
		return codeNoStore
	case code == app.CodeStoreInUse, code == "socket-taken":
		return codeInUse
	case code == local.CodeStopped:
		return codeInterrupted
	case slices.Contains(ours, code), strings.HasPrefix(string(code), "config-"):
		return codeUsage
	case errors.As(err, &list) && len(list) > 0 && written(list[0]), errors.As(err, &p) && written(p):
		return codeUsage
	}
	return codeFailed
}

// written reports that the problem is in a file that a person wrote for Muster, not
// in one that a system left.
func written(p *problem.Problem) bool {
	return slices.Contains([]string{".yaml", ".yml", ".json", ".txtar"}, strings.ToLower(filepath.Ext(p.Where.File)))
}

// codeOfSteps is the exit code of what steps did: the first that is not done
// decides, and a failure beats everything.
func codeOfSteps(steps []run.StepReport) int {
	out := codeDone
	for i := range steps {
		c := codeOfStep(&steps[i])
		if c != codeDone && (out == codeDone || out == codePartly) {
			out = c
		}
	}
	return out
}

func codeOfStep(s *run.StepReport) int {
	waits := len(s.Suspicion) > 0 || s.Counters["held"]+s.Counters["not-approved"]+s.Counters["queue"] > 0
	switch s.Result {
	case run.Success, run.CompletedWarnings, "":
		if waits {
			return codePartly
		}
		return codeDone
	case run.CompletedDiscovery, run.CompletedSync, run.CompletedExport:
		return codePartly
	case run.CompletedNoObjects:
		return codeWould
	case run.StoppedByUser:
		return codeInterrupted
	case run.NoStartProfile, run.NoStartBadConfig:
		return codeUsage
	default:
		return codeFailed
	}
}

// codeOfUnits is the exit code of a preview of one object.
func codeOfUnits(units, waits []run.UnitInfo) int {
	switch {
	case len(waits) > 0:
		return codePartly
	case len(units) > 0:
		return codeWould
	}
	return codeDone
}

// codeOfPreview is the exit code of a preview: whether anything would change,
// and whether guards would hold some of it.
func codeOfPreview(s *run.StepReport) int {
	switch c := codeOfStep(s); {
	case c != codeDone && c != codePartly:
		return c
	case len(s.Guards) > 0 || s.Counters["held"] > 0 || s.Result == run.CompletedSync:
		return codePartly
	case s.Counters["units"] > 0:
		return codeWould
	}
	return codeDone
}
