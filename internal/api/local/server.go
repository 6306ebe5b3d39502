package local

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"muster/internal/base/problem"
	"muster/internal/sync/run"
)

// Server answers at a socket.
type Server struct {
	// Desk is who does what is asked, for a person, telling watch of progress.
	Desk func(person string, watch func(run.Event)) run.Desk
	// Rules checks the files of another configuration, by name.
	Rules func(files map[string]string) (*run.Config, error)
	About About
}

// Serve answers until ctx ends. Then it takes no more requests, has those
// under way stop at their next batch, and returns when they have.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	h := &http.Server{
		Handler:           s.handler(),
		ReadHeaderTimeout: 10 * time.Second,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, personKey{}, personOf(c))
		},
	}
	ended := make(chan error, 1)
	go func() { ended <- h.Serve(l) }()
	select {
	case err := <-ended:
		return fmt.Errorf("the socket %s no longer answers: %w", l.Addr(), err)
	case <-ctx.Done():
	}
	return h.Shutdown(context.WithoutCancel(ctx))
}

type personKey struct{}

// call is one request under way.
type call struct {
	ctx  context.Context //nolint:containedctx // a call lives as long as its request
	desk run.Desk
	who  string
	srv  *Server
	r    *http.Request
	body []byte
}

// read reads the request's body.
func (c *call) read(v any) error {
	d := json.NewDecoder(bytes.NewReader(c.body))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return &problem.Problem{Code: CodeRequest, Message: "the request cannot be read", Err: err, Fix: "send one JSON object, as docs/manual/json.md describes"}
	}
	return nil
}

// handler has a route for each method.
func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	for pattern, do := range routes() {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { s.answer(w, r, do) })
	}
	return mux
}

// answer does what is asked and writes what came of it.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, do method) {
	who, _ := r.Context().Value(personKey{}).(string)
	out := &answering{w: w, lines: strings.Contains(r.Header.Get("Accept"), lineJSON)}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit)) // whole, before the answer begins
	if err != nil {
		out.lines = false
		out.begin()
		out.end(nil, badRequest("the request", "its body", "send one JSON object of at most 64 MB"))
		return
	}
	out.begin()
	c := &call{ctx: r.Context(), who: who, srv: s, r: r, body: body}
	c.desk = s.Desk(who, out.event)
	result, err := do(c)
	out.end(result, err)
}

// answering writes an answer. Events come from several goroutines, and not
// after the end.
type answering struct {
	w     http.ResponseWriter
	lines bool
	mu    sync.Mutex
	done  bool
}

func (a *answering) begin() {
	if !a.lines {
		a.w.Header().Set("Content-Type", plainJSON)
		return
	}
	a.w.Header().Set("Content-Type", lineJSON)
	a.w.WriteHeader(http.StatusOK)
	_ = http.NewResponseController(a.w).Flush() // who does not listen misses only progress
}

func (a *answering) event(e run.Event) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.lines || a.done {
		return
	}
	_ = json.NewEncoder(a.w).Encode(answer{Event: &event{e.Step, e.Phase, e.Done, e.Total}})
	_ = http.NewResponseController(a.w).Flush()
}

func (a *answering) end(result any, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.done = true
	out := answer{Version: Version, Problems: Problems(err)}
	if raw, wrong := json.Marshal(Shape(result)); wrong != nil {
		out.Problems = append(out.Problems, Problem{Code: string(CodeUnnamed), Message: "the result cannot be written: " + wrong.Error()})
	} else if string(raw) != "null" {
		out.Result = raw
	}
	if !a.lines && err != nil {
		a.w.WriteHeader(status(err))
	}
	_ = json.NewEncoder(a.w).Encode(out) // who went away needs no answer
}

// status is the HTTP status of an error.
func status(err error) int {
	var p *problem.Problem
	var l problem.List
	switch {
	case problem.CodeOf(err) == CodeRequest:
		return http.StatusBadRequest
	case errors.As(err, &p), errors.As(err, &l):
		return http.StatusUnprocessableEntity
	case errors.Is(err, context.Canceled):
		return http.StatusServiceUnavailable
	default:
		return http.StatusInternalServerError
	}
}
