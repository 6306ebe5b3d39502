package local

import (
	"context"
	"net/url"
	"strconv"
	"time"

	"muster/internal/base/problem"
	"muster/internal/sync/run"
)

// Import is run.Work's.
func (c *Client) Import(ctx context.Context, connector string, full bool) (*run.StepReport, error) {
	return post[*run.StepReport](ctx, c, "import", stepBody{Connector: connector, Full: full})
}

// Export is run.Work's.
func (c *Client) Export(ctx context.Context, connector string) (*run.StepReport, error) {
	return post[*run.StepReport](ctx, c, "export", stepBody{Connector: connector})
}

// Run is run.Work's.
func (c *Client) Run(ctx context.Context, profile string) (*run.Report, error) {
	return post[*run.Report](ctx, c, "run", profileBody{Profile: profile})
}

// Release is run.Work's.
func (c *Client) Release(ctx context.Context, connector, _, because string) error {
	_, err := post[any](ctx, c, "release", stepBody{Connector: connector, Because: because})
	return err
}

// Discard is run.Work's.
func (c *Client) Discard(ctx context.Context, connector, _, because string) error {
	_, err := post[any](ctx, c, "discard", stepBody{Connector: connector, Because: because})
	return err
}

// Sync is run.Work's. Other rules are sent as files: see SyncWith.
func (c *Client) Sync(ctx context.Context, o run.SyncOptions) (*run.StepReport, error) {
	if o.Rules != nil {
		return nil, &problem.Problem{Code: CodeRequest, Object: "rules", Message: "cannot be sent once they are checked", Fix: "send the files, with SyncWith"}
	}
	return c.SyncWith(ctx, o, nil)
}

// SyncWith is Sync with the files of another configuration, by name, which the
// server checks and decides with. o.Rules is not looked at.
func (c *Client) SyncWith(ctx context.Context, o run.SyncOptions, files map[string]string) (*run.StepReport, error) {
	return post[*run.StepReport](ctx, c, "sync", syncBody{
		Full: o.Full, Preview: o.Preview, Accept: acceptWords[o.Accept], Release: o.Release, Rules: files,
	})
}

// Edit is run.Portal's.
func (c *Client) Edit(ctx context.Context, e run.Edit, d run.Decision) (*run.StepReport, error) {
	return post[*run.StepReport](ctx, c, "edit", editBody{Edit: e, Because: d.Because})
}

// ListPlans is run.Plans'.
func (c *Client) ListPlans(ctx context.Context, p run.Page) ([]run.PlanInfo, error) {
	return get[[]run.PlanInfo](ctx, c, "plans", query(p))
}

// Plan is run.Plans'.
func (c *Client) Plan(ctx context.Context, no int64) (run.PlanInfo, error) {
	return get[run.PlanInfo](ctx, c, "plans/"+strconv.FormatInt(no, 10), nil)
}

// Units is run.Plans'.
func (c *Client) Units(ctx context.Context, no int64, p run.Page) ([]run.UnitInfo, error) {
	list, err := get[[]Unit](ctx, c, "plans/"+strconv.FormatInt(no, 10)+"/units", query(p))
	return unshape(list), err
}

// Ask is run.Asking's.
func (c *Client) Ask(ctx context.Context, no int64, p run.Page) (*run.Asked, error) {
	return c.asked(ctx, "plans/"+strconv.FormatInt(no, 10), p)
}

// AskWaiting is run.Asking's.
func (c *Client) AskWaiting(ctx context.Context, p run.Page) (*run.Asked, error) {
	return c.asked(ctx, "waiting", p)
}

func (c *Client) asked(ctx context.Context, list string, p run.Page) (*run.Asked, error) {
	a, err := get[Asked](ctx, c, list+"/asked", query(p))
	if err != nil {
		return nil, err
	}
	out := &run.Asked{Units: unshape(a.Units)}
	if a.Asked != nil {
		out.Unasked = a.Unasked
	}
	return out, nil
}

// Waiting is run.Plans'.
func (c *Client) Waiting(ctx context.Context, p run.Page) ([]run.UnitInfo, error) {
	list, err := get[[]Unit](ctx, c, "waiting", query(p))
	return unshape(list), err
}

// Queue is run.Plans'.
func (c *Client) Queue(ctx context.Context, p run.Page) ([]run.QueueInfo, error) {
	return get[[]run.QueueInfo](ctx, c, "queue", query(p))
}

// Runs is run.Plans'.
func (c *Client) Runs(ctx context.Context, p run.Page) ([]run.Report, error) {
	return get[[]run.Report](ctx, c, "runs", query(p))
}

// Holds is run.Decide's.
func (c *Client) Holds(ctx context.Context, p run.Page) ([]run.HoldInfo, error) {
	return get[[]run.HoldInfo](ctx, c, "holds", query(p))
}

func (c *Client) decide(ctx context.Context, name string, b *decisionBody) (int, error) {
	n, err := post[decided](ctx, c, name, b)
	return n.Decided, err
}

// Approve is run.Decide's.
func (c *Client) Approve(ctx context.Context, s run.Selection, d run.Decision) (int, error) {
	return c.decide(ctx, "approve", bodyOf(s, d))
}

// Reject is run.Decide's.
func (c *Client) Reject(ctx context.Context, s run.Selection, d run.Decision) (int, error) {
	return c.decide(ctx, "reject", bodyOf(s, d))
}

// Shelve is run.Decide's.
func (c *Client) Shelve(ctx context.Context, s run.Selection, until time.Time, d run.Decision) (int, error) {
	b := bodyOf(s, d)
	b.Until = until
	return c.decide(ctx, "shelve", b)
}

// Protect is run.Decide's.
func (c *Client) Protect(ctx context.Context, s run.Selection, d run.Decision) (int, error) {
	return c.decide(ctx, "protect", bodyOf(s, d))
}

// Lift is run.Decide's.
func (c *Client) Lift(ctx context.Context, s run.Selection, d run.Decision) (int, error) {
	return c.decide(ctx, "lift", bodyOf(s, d))
}

// Narrow is run.Decide's.
func (c *Client) Narrow(ctx context.Context, keep run.Selection, d run.Decision) (int, error) {
	return c.decide(ctx, "narrow", bodyOf(keep, d))
}

// Undo is run.Decide's.
func (c *Client) Undo(ctx context.Context, plan int64, d run.Decision) (*run.UndoInfo, error) {
	u, err := post[*Undo](ctx, c, "undo", bodyOf(run.Selection{Plan: plan}, d))
	if u == nil || u.UndoInfo == nil {
		return nil, err
	}
	u.UndoInfo.Moved = back(u.Moved)
	return u.UndoInfo, err
}

// JoinTo is run.Decide's.
func (c *Client) JoinTo(ctx context.Context, entry, object string, d run.Decision) error {
	_, err := post[any](ctx, c, "join", decisionBody{Entry: entry, Object: object, Because: d.Because})
	return err
}

// Disconnect is run.Decide's.
func (c *Client) Disconnect(ctx context.Context, entry string, d run.Decision) error {
	_, err := post[any](ctx, c, "disconnect", decisionBody{Entry: entry, Because: d.Because})
	return err
}

// Status is run.Look's.
func (c *Client) Status(ctx context.Context) (*run.Status, error) {
	return get[*run.Status](ctx, c, "status", nil)
}

// Find is run.Look's.
func (c *Client) Find(ctx context.Context, text string, p run.Page) ([]run.ObjectName, error) {
	q := query(p)
	q.Set("text", text)
	return get[[]run.ObjectName](ctx, c, "find", q)
}

// Show is run.Look's.
func (c *Client) Show(ctx context.Context, ref string, asOf time.Time) (*run.ObjectInfo, error) {
	q := url.Values{"object": {ref}}
	if !asOf.IsZero() {
		q.Set("asOf", asOf.Format(time.RFC3339Nano))
	}
	o, err := get[*Object](ctx, c, "show", q)
	if o == nil || o.ObjectInfo == nil {
		return nil, err
	}
	for _, h := range o.History {
		h.HistoryInfo.Changes = back(h.Changes)
		o.ObjectInfo.History = append(o.ObjectInfo.History, h.HistoryInfo)
	}
	return o.ObjectInfo, err
}

// Explain is run.Look's.
func (c *Client) Explain(ctx context.Context, ref, attribute string) (*run.Explanation, error) {
	return get[*run.Explanation](ctx, c, "explain", url.Values{"object": {ref}, "attribute": {attribute}})
}

func query(p run.Page) url.Values {
	q := url.Values{}
	if p.After != "" {
		q.Set("after", p.After)
	}
	if p.Size > 0 {
		q.Set("size", strconv.Itoa(p.Size))
	}
	if p.Match != "" {
		q.Set("match", p.Match)
	}
	if p.Object != "" {
		q.Set("object", p.Object)
	}
	if p.Sort != "" {
		q.Set("sort", p.Sort)
	}
	return q
}
