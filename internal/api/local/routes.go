package local

import (
	"context"
	"net/url"
	"os"
	"strconv"
	"time"

	"muster/internal/base/problem"
	"muster/internal/sync/run"
)

// method does one request.
type method func(c *call) (any, error)

// routes are all requests that are answered.
func routes() map[string]method {
	out := map[string]method{
		"GET /v1/server":           about,
		"GET /v1/status":           func(c *call) (any, error) { return c.desk.Status(c.ctx) },
		"GET /v1/find":             func(c *call) (any, error) { return paged(c, findIn(c)) },
		"GET /v1/show":             show,
		"GET /v1/explain":          explain,
		"GET /v1/plans":            func(c *call) (any, error) { return paged(c, c.desk.ListPlans) },
		"GET /v1/plans/{no}":       onePlan,
		"GET /v1/plans/{no}/units": units,
		"GET /v1/plans/{no}/asked": asked,
		"GET /v1/waiting/asked":    waitingAsked,
		"GET /v1/waiting":          func(c *call) (any, error) { return paged(c, c.desk.Waiting) },
		"GET /v1/queue":            func(c *call) (any, error) { return paged(c, c.desk.Queue) },
		"GET /v1/runs":             func(c *call) (any, error) { return paged(c, c.desk.Runs) },
		"GET /v1/holds":            func(c *call) (any, error) { return paged(c, c.desk.Holds) },
		"POST /v1/import":          step(func(c *call, b *stepBody) (any, error) { return c.desk.Import(c.ctx, b.Connector, b.Full) }),
		"POST /v1/export":          step(func(c *call, b *stepBody) (any, error) { return c.desk.Export(c.ctx, b.Connector) }),
		"POST /v1/release": step(func(c *call, b *stepBody) (any, error) {
			return nil, c.desk.Release(c.ctx, b.Connector, c.who, b.Because)
		}),
		"POST /v1/discard": step(func(c *call, b *stepBody) (any, error) {
			return nil, c.desk.Discard(c.ctx, b.Connector, c.who, b.Because)
		}),
		"POST /v1/run":  runProfile,
		"POST /v1/sync": synchronize,
		"POST /v1/edit": edit,
	}
	for name, do := range decisions {
		out["POST /v1/"+name] = func(c *call) (any, error) {
			var b decisionBody
			if err := c.read(&b); err != nil {
				return nil, err
			}
			return do(c, &b, run.Decision{By: c.who, Because: b.Because})
		}
	}
	return out
}

// decisions are what people decide.
var decisions = map[string]func(c *call, b *decisionBody, d run.Decision) (any, error){
	"approve": func(c *call, b *decisionBody, d run.Decision) (any, error) {
		return count(c.desk.Approve(c.ctx, b.selection(), d))
	},
	"reject": func(c *call, b *decisionBody, d run.Decision) (any, error) {
		return count(c.desk.Reject(c.ctx, b.selection(), d))
	},
	"shelve": func(c *call, b *decisionBody, d run.Decision) (any, error) {
		return count(c.desk.Shelve(c.ctx, b.selection(), b.Until, d))
	},
	"protect": func(c *call, b *decisionBody, d run.Decision) (any, error) {
		return count(c.desk.Protect(c.ctx, b.selection(), d))
	},
	"lift": func(c *call, b *decisionBody, d run.Decision) (any, error) {
		return count(c.desk.Lift(c.ctx, b.selection(), d))
	},
	"narrow": func(c *call, b *decisionBody, d run.Decision) (any, error) {
		return count(c.desk.Narrow(c.ctx, b.selection(), d))
	},
	"undo": func(c *call, b *decisionBody, d run.Decision) (any, error) { return c.desk.Undo(c.ctx, b.Plan, d) },
	"join": func(c *call, b *decisionBody, d run.Decision) (any, error) {
		return nil, c.desk.JoinTo(c.ctx, b.Entry, b.Object, d)
	},
	"disconnect": func(c *call, b *decisionBody, d run.Decision) (any, error) {
		return nil, c.desk.Disconnect(c.ctx, b.Entry, d)
	},
}

func count(n int, err error) (any, error) { return decided{n}, err }

func about(c *call) (any, error) {
	a := c.srv.About
	a.Process, a.You = os.Getpid(), c.who
	return a, nil
}

func step(do func(*call, *stepBody) (any, error)) method {
	return func(c *call) (any, error) {
		var b stepBody
		if err := c.read(&b); err != nil {
			return nil, err
		}
		return do(c, &b)
	}
}

func runProfile(c *call) (any, error) {
	var b profileBody
	if err := c.read(&b); err != nil {
		return nil, err
	}
	return c.desk.Run(c.ctx, b.Profile)
}

func synchronize(c *call) (any, error) {
	var b syncBody
	if err := c.read(&b); err != nil {
		return nil, err
	}
	o := run.SyncOptions{Full: b.Full, Preview: b.Preview, Release: b.Release}
	switch b.Accept {
	case "", acceptWords[run.Unheld]:
	case acceptWords[run.Approved]:
		o.Accept = run.Approved
	default:
		return nil, badRequest("accept", b.Accept, "write unheld or approved")
	}
	if b.Rules != nil {
		rules, err := c.srv.Rules(b.Rules)
		if err != nil {
			return nil, err
		}
		o.Rules = rules
	}
	return c.desk.Sync(c.ctx, o)
}

func edit(c *call) (any, error) {
	var b editBody
	if err := c.read(&b); err != nil {
		return nil, err
	}
	return c.desk.Edit(c.ctx, b.Edit, run.Decision{By: c.who, Because: b.Because})
}

func onePlan(c *call) (any, error) {
	no, err := planNumber(c)
	if err != nil {
		return nil, err
	}
	return c.desk.Plan(c.ctx, no)
}

func units(c *call) (any, error) {
	no, err := planNumber(c)
	if err != nil {
		return nil, err
	}
	return paged(c, func(ctx context.Context, p run.Page) ([]run.UnitInfo, error) { return c.desk.Units(ctx, no, p) })
}

func asked(c *call) (any, error) {
	no, err := planNumber(c)
	if err != nil {
		return nil, err
	}
	p, err := pageOf(c.r.URL.Query())
	if err != nil {
		return nil, err
	}
	return c.desk.Ask(c.ctx, no, p)
}

func waitingAsked(c *call) (any, error) {
	p, err := pageOf(c.r.URL.Query())
	if err != nil {
		return nil, err
	}
	return c.desk.AskWaiting(c.ctx, p)
}

func findIn(c *call) func(context.Context, run.Page) ([]run.ObjectName, error) {
	return func(ctx context.Context, p run.Page) ([]run.ObjectName, error) {
		return c.desk.Find(ctx, c.r.URL.Query().Get("text"), p)
	}
}

func show(c *call) (any, error) {
	q := c.r.URL.Query()
	var asOf time.Time
	if text := q.Get("asOf"); text != "" {
		var err error
		if asOf, err = time.Parse(time.RFC3339Nano, text); err != nil {
			return nil, badRequest("asOf", text, "write a time such as 2027-03-01T08:00:00Z")
		}
	}
	return c.desk.Show(c.ctx, q.Get("object"), asOf)
}

func explain(c *call) (any, error) {
	q := c.r.URL.Query()
	return c.desk.Explain(c.ctx, q.Get("object"), q.Get("attribute"))
}

func planNumber(c *call) (int64, error) {
	text := c.r.PathValue("no")
	if text == "last" {
		return 0, nil
	}
	no, err := strconv.ParseInt(text, 10, 64)
	if err != nil || no < 0 {
		return 0, badRequest("plan", text, "write the plan's number, or last")
	}
	return no, nil
}

// paged calls a method that lists, for the page that the request names.
func paged[T any](c *call, list func(context.Context, run.Page) ([]T, error)) (any, error) {
	p, err := pageOf(c.r.URL.Query())
	if err != nil {
		return nil, err
	}
	out, err := list(c.ctx, p)
	if out == nil {
		out = []T{}
	}
	return out, err
}

func pageOf(q url.Values) (run.Page, error) {
	p := run.Page{After: q.Get("after"), Match: q.Get("match"), Object: q.Get("object"), Sort: q.Get("sort")}
	if text := q.Get("size"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return p, badRequest("size", text, "write how many are wanted")
		}
		p.Size = n
	}
	return p, nil
}

func badRequest(what, value, fix string) error {
	return &problem.Problem{Code: CodeRequest, Object: what, Message: strconv.Quote(value) + " is not understood", Fix: fix}
}
