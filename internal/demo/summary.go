package demo

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"muster/internal/sync/engine"
	"muster/internal/sync/run"
)

// group is what a plan does alike to several people.
type group struct {
	what    string
	n       int
	example string
}

// units reads all units that list gives, page by page.
func units(ctx context.Context, list func(context.Context, run.Page) ([]run.UnitInfo, error)) ([]run.UnitInfo, error) {
	var out []run.UnitInfo
	for after := ""; ; {
		page, err := list(ctx, run.Page{After: after, Size: 500})
		if err != nil || len(page) == 0 {
			return out, err
		}
		out = append(out, page...)
		after = page[len(page)-1].Key
	}
}

// unitsOf reads a plan's units.
func (e *estate) unitsOf(ctx context.Context, plan int64) ([]run.UnitInfo, error) {
	return units(ctx, func(ctx context.Context, p run.Page) ([]run.UnitInfo, error) { return e.desk.Units(ctx, plan, p) })
}

// unitOf finds the unit of a person, by employee number, in a plan.
func (e *estate) unitOf(ctx context.Context, plan int64, no string) (*run.UnitInfo, error) {
	o, err := e.desk.Show(ctx, "hr/"+no, time.Time{})
	if err != nil {
		return nil, err
	}
	all, err := e.unitsOf(ctx, plan)
	for i := range all {
		if all[i].Object.ID == o.Name.ID {
			return &all[i], err
		}
	}
	return nil, err
}

// byTarget groups changes by what they change, the most frequent first.
func byTarget(list []run.UnitInfo) []group {
	return collect(list, func(_ *run.UnitInfo, c *run.ChangeInfo) (string, string) {
		line := c.Line()
		what, change, _ := strings.Cut(line, ": ")
		if c.Change.Op == engine.Link || c.Change.Op == engine.Birth || c.Change.Op == engine.AddAccount {
			what, change = c.Op, ""
		}
		return what, change
	})
}

// byReason groups what waits by why it does.
func byReason(list []run.UnitInfo) []group {
	return collect(list, func(_ *run.UnitInfo, c *run.ChangeInfo) (string, string) { return c.Why, c.Cause })
}

// collect counts, for each group that of names, the objects in it.
func collect(list []run.UnitInfo, of func(*run.UnitInfo, *run.ChangeInfo) (what, example string)) []group {
	at := map[string]*group{}
	for i := range list {
		seen := map[string]bool{}
		for k := range list[i].Changes {
			what, example := of(&list[i], &list[i].Changes[k])
			if at[what] == nil {
				at[what] = &group{what: what, example: example}
			}
			if !seen[what] {
				at[what].n++
				seen[what] = true
			}
		}
	}
	var out []group
	for _, g := range at {
		out = append(out, *g)
	}
	slices.SortFunc(out, func(a, b group) int { return cmp.Or(b.n-a.n, strings.Compare(a.what, b.what)) })
	return out
}

// rowsOf makes a table of groups.
func rowsOf(groups []group) [][]string {
	var out [][]string
	for _, g := range groups {
		out = append(out, []string{g.what, some(g.n, "person", "people"), g.example})
	}
	return out
}

// number writes a count as people do: 2,000.
func number[T ~int | ~int64](n T) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// some says how many of a thing there are.
func some[T ~int | ~int64](n T, one, several string) string {
	if n == 1 {
		return "1 " + one
	}
	return number(n) + " " + several
}

// showUnit prints what a plan does to one object.
func (s *stage) showUnit(u *run.UnitInfo) {
	s.shows("%s  %s", u.Object.String(), u.Object.Label)
	for i := range u.Changes {
		s.row("  "+u.Changes[i].Line(), 2)
	}
}
