package run

import (
	"time"

	"muster/internal/base/problem"
	"muster/internal/sync/engine"
	"muster/internal/sync/gate"
)

// Result is how a step ended, in MIM's words.
type Result string

// The results (STAT-2 to STAT-7).
const (
	Success            Result = "success"
	CompletedNoObjects Result = "completed-no-objects"
	CompletedWarnings  Result = "completed-warnings"
	CompletedDiscovery Result = "completed-discovery-errors"
	CompletedSync      Result = "completed-sync-errors"
	CompletedExport    Result = "completed-export-errors"
	NoStartConnection  Result = "no-start-connection"
	NoStartCredentials Result = "no-start-credentials"
	NoStartRunning     Result = "no-start-ma-already-running"
	NoStartProfile     Result = "no-start-unknown-profile-name"
	NoStartBadConfig   Result = "no-start-bad-ma-configuration"
	NoStartPartition   Result = "no-start-partition-delete"
	StoppedByUser      Result = "stopped-user-termination"
	StoppedServerDown  Result = "stopped-server-down"
	StoppedParsing     Result = "stopped-parsing-errors"
	ConnectionFailure  Result = "connection-failure"
	CallFailure        Result = "call-failure"
	InProgress         Result = "in-progress"
)

// GoesOn reports that the next step of the profile runs after this result
// (STAT-3).
func (r Result) GoesOn() bool {
	switch r {
	case Success, CompletedNoObjects, CompletedWarnings, CompletedSync, CompletedExport:
		return true
	default:
		return false
	}
}

// Report is what one run did. It is stored, and shown as JSON, as it stands.
type Report struct {
	Run     int64        `json:"run"`
	Profile string       `json:"profile,omitempty"`
	By      string       `json:"by"`
	Started time.Time    `json:"started"`
	Ended   time.Time    `json:"ended,omitzero"`
	Steps   []StepReport `json:"steps"`
}

// Result is the worst result of the run's steps.
func (r *Report) Result() Result {
	out := Success
	for i := range r.Steps {
		if s := r.Steps[i].Result; s != Success && (out == Success || !s.GoesOn()) {
			out = s
		}
	}
	return out
}

// StepReport is what one step did.
type StepReport struct {
	Step
	Started   time.Time        `json:"started"`
	Ended     time.Time        `json:"ended,omitzero"`
	Result    Result           `json:"result"`
	Message   string           `json:"message,omitempty"` // why it ended early, or what to know
	Counters  map[string]int64 `json:"counters"`          // by MIM's names, and our own
	Errors    []ObjectError    `json:"errors,omitempty"`  // the first MaxErrors of them
	Suspicion []gate.Suspicion `json:"suspicion,omitempty"`
	Guards    []string         `json:"guards,omitempty"` // what tripped guards saw
	Plan      int64            `json:"plan,omitempty"`
	Waits     int64            `json:"waits,omitempty"` // of a preview: the plan that lists what would wait for people
}

// MaxErrors is how many errors of one step are kept; the counters count all.
const MaxErrors = 1000

// ObjectError is something that went wrong with one object.
type ObjectError struct {
	Code      problem.Code `json:"code"`
	Connector string       `json:"connector,omitempty"`
	Object    string       `json:"object,omitempty"`
	Rule      string       `json:"rule,omitempty"`
	Message   string       `json:"message"`
	Report    string       `json:"report,omitempty"` // of a fault in Muster itself: where in the program
}

func (s *StepReport) count(name string, n int64) {
	if n == 0 {
		return
	}
	if s.Counters == nil {
		s.Counters = map[string]int64{}
	}
	s.Counters[name] += n
}

func (s *StepReport) fail(e ObjectError) {
	s.count("errors", 1)
	if len(s.Errors) < MaxErrors {
		s.Errors = append(s.Errors, e)
	}
}

// Faults lists the reports of faults in Muster itself.
func (r *Report) Faults() (reports []string) {
	if r == nil {
		return nil
	}
	for i := range r.Steps {
		for _, e := range r.Steps[i].Errors {
			if e.Report != "" {
				reports = append(reports, e.Report)
			}
		}
	}
	return reports
}

func (s *StepReport) fault(f engine.ObjectFault) {
	s.fail(ObjectError{Code: problem.Code(f.Code), Connector: f.Connector, Object: f.Anchor, Rule: f.Rule, Message: f.Message})
}

// Event is progress, for people who wait, logs and metrics.
type Event struct {
	Step  Step
	Phase string // "import", "link", "decide", "accept", "send"
	Done  int64
	Total int64 // 0: not known
}
