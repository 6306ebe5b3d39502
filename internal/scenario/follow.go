package scenario

import (
	"context"
	"strconv"
	"strings"
	"time"

	"muster/internal/base/problem"
	"muster/internal/sync/run"
)

// readFollowed reads how far changes in systems can be followed: to the plan, who
// approved them, and the import that confirmed them.
func readFollowed(a *args) action {
	ref := a.object()
	want := readLines(a)
	return func(ctx context.Context, w *world) *problem.Problem {
		info, err := w.desk.Show(ctx, ref, time.Time{})
		if err != nil {
			return stepError(err)
		}
		var seen []string
		for i := range info.History {
			seen = append(seen, followed(&info.History[i])...)
		}
		return differs("the changes of "+ref+" cannot be followed as expected", matchAny(want, seen))
	}
}

// followed lists what a plan changed in systems.
func followed(h *run.HistoryInfo) []string {
	var out []string
	for i := range h.Changes {
		c := &h.Changes[i]
		if c.Connector == "" || strings.HasPrefix(tidy(c.Line()), "link ") || strings.HasPrefix(tidy(c.Line()), "cut ") {
			continue
		}
		line := tidy(c.Line()) + " planned by " + strconv.Quote(h.By) + " at " + showTime(h.At)
		if c.Approved != nil {
			line += " approved by " + strconv.Quote(c.Approved.By) + " at " + showTime(c.Approved.At)
		}
		if c.Confirmed != nil {
			line += " confirmed by the import of " + showTime(c.Confirmed.At)
		}
		out = append(out, line)
	}
	return out
}
