package run

import (
	"context"
	"encoding/json"
	"fmt"

	"muster/internal/store"
)

// names lists the spaces in the order of the rules: of each connector, and of
// the portal.
func (r *Runner) names() []string {
	out := make([]string, len(r.cfg.Rules.Connectors))
	for i, c := range r.cfg.Rules.Connectors {
		out[i] = c.Name
	}
	return out
}

// record keeps the report of a run.
func (r *Runner) record(ctx context.Context, rep *Report) error {
	body, err := json.Marshal(rep.Steps)
	if err != nil {
		return err
	}
	row := &store.Run{Started: rep.Started, Ended: rep.Ended, Done: true, Name: rep.Profile, Step: string(body), Result: string(rep.Result()), By: rep.By}
	err = guard("the record of the run", func() error {
		return r.store.People(context.WithoutCancel(ctx), func(t *store.Tx) error { return t.SaveRun(row) })
	})
	rep.Run = row.No
	return err
}

// Runs lists runs, newest first.
func (r *Runner) Runs(ctx context.Context, p Page) ([]Report, error) {
	before, err := p.number()
	if err != nil {
		return nil, err
	}
	var rows []store.Run
	err = r.store.Read(ctx, func(t *store.Tx) (err error) {
		rows, err = t.Runs(before, p.size())
		return err
	})
	out := make([]Report, 0, len(rows))
	for i := range rows {
		rep, e := readReport(&rows[i])
		if e != nil {
			return nil, e
		}
		out = append(out, rep)
	}
	return out, err
}

func readReport(row *store.Run) (Report, error) {
	rep := Report{Run: row.No, Profile: row.Name, By: row.By, Started: row.Started, Ended: row.Ended}
	if err := json.Unmarshal([]byte(row.Step), &rep.Steps); err != nil {
		return rep, fmt.Errorf("run %d in the store is damaged: %w", row.No, err)
	}
	return rep, nil
}
