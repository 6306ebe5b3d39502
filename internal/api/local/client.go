package local

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"

	"muster/internal/base/problem"
	"muster/internal/sync/run"
)

// Client asks the server at a socket. It is a run.Desk; the person in
// decisions is left out, since the server sees who asks.
type Client struct {
	http  *http.Client
	path  string
	watch func(run.Event)
}

var _ run.Desk = (*Client)(nil)

// NewClient returns a client of the socket at path. watch is told of progress;
// it may be nil. Nothing is sent yet.
func NewClient(path string, watch func(run.Event)) *Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", path)
	}
	return &Client{http: &http.Client{Transport: &http.Transport{DialContext: dial}}, path: path, watch: watch}
}

// Server says who answers.
func (c *Client) Server(ctx context.Context) (*About, error) {
	return get[*About](ctx, c, "server", nil)
}

// Close ends the connections.
func (c *Client) Close() error {
	c.http.CloseIdleConnections()
	return nil
}

// post asks for work or a decision.
func post[A any](ctx context.Context, c *Client, name string, body any) (A, error) {
	raw, err := json.Marshal(body)
	if err != nil {
		var none A
		return none, err
	}
	return ask[A](ctx, c, http.MethodPost, name, bytes.NewReader(raw))
}

// get asks a question.
func get[A any](ctx context.Context, c *Client, name string, q url.Values) (A, error) {
	if len(q) > 0 {
		name += "?" + q.Encode()
	}
	return ask[A](ctx, c, http.MethodGet, name, nil)
}

func ask[A any](ctx context.Context, c *Client, verb, name string, body io.Reader) (A, error) {
	var out A
	r, err := http.NewRequestWithContext(ctx, verb, "http://muster/v1/"+name, body)
	if err != nil {
		return out, err
	}
	r.Header.Set("Accept", lineJSON)
	resp, err := c.http.Do(r)
	if err != nil {
		return out, c.away(ctx, err)
	}
	defer resp.Body.Close()
	a, err := c.listen(resp)
	if err != nil {
		return out, c.away(ctx, err)
	}
	if len(a.Result) > 0 {
		if err := json.Unmarshal(a.Result, &out); err != nil {
			return out, c.away(ctx, err)
		}
	}
	return out, Err(a.Problems)
}

// listen reads lines up to the answer, and tells of progress on the way.
func (c *Client) listen(resp *http.Response) (*answer, error) {
	if ct := resp.Header.Get("Content-Type"); ct != lineJSON {
		return nil, fmt.Errorf("it answered %s", resp.Status)
	}
	d := json.NewDecoder(bufio.NewReaderSize(resp.Body, 1<<16))
	for {
		var a answer
		if err := d.Decode(&a); err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
		if e := a.Event; e == nil {
			return &a, nil
		} else if c.watch != nil {
			c.watch(run.Event{Step: e.Step, Phase: e.Phase, Done: e.Done, Total: e.Total})
		}
	}
}

// away says that the server did not answer to the end.
func (c *Client) away(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return &problem.Problem{Code: CodeAway, Object: "the server at " + c.path, Message: "did not answer to the end", Err: err,
		Fix: "see whether muster serve still runs, and what it wrote last; then ask again"}
}
