// Package local is the door for programs on the same machine: the methods of
// run.Desk as HTTP/1.1 with JSON over a unix socket. Server answers, Client
// asks and is a run.Desk itself. Who asks is the account of the operating
// system that the socket names, whatever the request says. The package holds
// no rule, opens no store and never listens to a network.
//
// Requests for work and decisions are POST /v1/METHOD with a JSON object;
// questions are GETs. The answer is one JSON object:
//
//	{"version": 1, "result": …}
//	{"version": 1, "problems": [{"code": …, "where": …, "message": …, "fix": …}]}
//
// Both may be there: a step that failed has a report too. Who accepts
// application/x-ndjson is told of progress first, one {"event": …} a line.
package local

import (
	"encoding/json"
	"time"

	"muster/internal/sync/run"
)

// Version is the version of the shape of requests and answers.
const Version = 1

// limit is how large a request may be: a whole configuration fits.
const limit = 64 << 20

const (
	plainJSON = "application/json"
	lineJSON  = "application/x-ndjson"
)

// answer is what comes back for a request, or one line of it.
type answer struct {
	Version  int             `json:"version,omitempty"`
	Event    *event          `json:"event,omitempty"`
	Result   json.RawMessage `json:"result,omitempty"`
	Problems []Problem       `json:"problems,omitempty"`
}

// event is run.Event as it is written.
type event struct {
	Step  run.Step `json:"step"`
	Phase string   `json:"phase"`
	Done  int64    `json:"done"`
	Total int64    `json:"total,omitempty"`
}

// About says who answers at a socket.
type About struct {
	Product string    `json:"product"`
	Build   string    `json:"build"`
	Process int       `json:"process"`
	Account string    `json:"account"` // of the server
	You     string    `json:"you"`     // of who asks
	Since   time.Time `json:"since"`
	Folder  string    `json:"folder"` // of the configuration
}

// The bodies of requests.
type (
	stepBody struct {
		Connector string `json:"connector"`
		Full      bool   `json:"full,omitempty"`
		Because   string `json:"because,omitempty"`
	}
	syncBody struct {
		Full    bool              `json:"full,omitempty"`
		Preview bool              `json:"preview,omitempty"`
		Accept  string            `json:"accept,omitempty"` // "unheld" or "approved"
		Release string            `json:"release,omitempty"`
		Rules   map[string]string `json:"rules,omitempty"` // the files of another configuration
	}
	editBody struct {
		run.Edit
		Because string `json:"because,omitempty"`
	}
	profileBody struct {
		Profile string `json:"profile"`
	}
	decisionBody struct {
		Plan    int64     `json:"plan,omitempty"`
		Object  string    `json:"object,omitempty"`
		Target  string    `json:"target,omitempty"`
		Cause   string    `json:"cause,omitempty"`
		Entry   string    `json:"entry,omitempty"`
		Until   time.Time `json:"until,omitzero"`
		Because string    `json:"because,omitempty"`
	}
	decided struct {
		Decided int `json:"decided"` // how many targets
	}
)

func (b *decisionBody) selection() run.Selection {
	return run.Selection{Plan: b.Plan, Object: b.Object, Target: b.Target, Cause: b.Cause}
}

func bodyOf(s run.Selection, d run.Decision) *decisionBody {
	return &decisionBody{Plan: s.Plan, Object: s.Object, Target: s.Target, Cause: s.Cause, Because: d.Because}
}

// acceptWords are the ways to accept, as they are written.
var acceptWords = [...]string{run.Unheld: "unheld", run.Approved: "approved"}
