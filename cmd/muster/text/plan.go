package text

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"muster/cmd/muster/term"
	"muster/internal/sync/run"
)

// Plans lists plans.
func (p *Printer) Plans(list []run.PlanInfo) {
	t := &term.Table{Head: []string{"plan", "kind", "state", "decided", "by", "objects", "wait", "changes"}, Cut: []int{7, 4}, Right: []int{0, 5, 6}}
	for i := range list {
		x := &list[i]
		t.Add(strconv.FormatInt(x.No, 10), x.Kind, x.State, p.time(x.Decided), x.By, term.Number(x.Units), term.Number(x.Held), counts(x.Counts))
	}
	p.Table(t)
}

// whats are the ops as they are counted in lists: one, and several.
var whats = map[string][2]string{
	"birth": {"birth", "births"}, "death": {"end", "ends"}, "link": {"link", "links"}, "unlink": {"cut", "cuts"},
	"value": {"value", "values"}, "reference added": {"reference comes", "references come"}, "reference removed": {"reference goes", "references go"},
	"account added": {"add", "adds"}, "account deleted": {"delete", "deletes"}, "account cut": {"disconnect", "disconnects"},
	"rename": {"rename", "renames"}, "account value": {"value", "values"}, "initial value": {"initial value", "initial values"},
	"account reference added": {"reference comes", "references come"}, "account reference removed": {"reference goes", "references go"},
}

func what(op string, n int64) string {
	w, ok := whats[op]
	switch {
	case !ok:
		return op
	case n == 1:
		return w[0]
	}
	return w[1]
}

// counts says how many changes there are of each kind: "3 values; dir: 2 adds, 1 delete".
func counts(list []run.ChangeCount) string {
	var order []string
	parts := map[string][]string{}
	for _, c := range list {
		if _, ok := parts[c.Connector]; !ok {
			order = append(order, c.Connector)
		}
		parts[c.Connector] = append(parts[c.Connector], term.Number(c.N)+" "+what(c.What, c.N))
	}
	var out []string
	for _, conn := range order {
		s := strings.Join(parts[conn], ", ")
		if conn != "" {
			s = conn + ": " + s
		}
		out = append(out, s)
	}
	return strings.Join(out, "; ")
}

// PlanHead says what a plan is, in a few lines.
func (p *Printer) PlanHead(x *run.PlanInfo) {
	p.Line("%s", p.Bold(fmt.Sprintf("plan %d", x.No))+fmt.Sprintf(" (%s, %s), decided %s by %s", x.Kind, x.State, p.time(x.Decided), term.Clean(x.By)))
	if x.Units == 0 {
		p.Line("nothing changes")
	} else {
		p.Line("%s: %s", change(x.Units), counts(x.Counts))
	}
	for _, g := range x.Guards {
		p.Line("%s", p.Waits("guard: "+term.Clean(g)))
	}
	for _, f := range x.Faults {
		p.Line("%s", p.Bad(term.Clean(fmt.Sprintf("%s: %s/%s: %s", f.Code, f.Connector, f.Anchor, f.Message))))
	}
	if x.Held > 0 {
		p.Line("%s", p.Waits(wait(x.Held)))
	}
}

func change(n int64) string {
	if n == 1 {
		return "1 object changes"
	}
	return term.Number(n) + " objects change"
}

func wait(n int64) string {
	if n == 1 {
		return "1 object waits for people"
	}
	return term.Number(n) + " objects wait for people"
}

// Units writes units as stories do: the object, and below it a line for each
// change.
func (p *Printer) Units(list []run.UnitInfo) {
	for i := range list {
		p.Unit(&list[i])
	}
}

// OneObject writes what a preview would do to one object.
func (p *Printer) OneObject(name string, units, waits []run.UnitInfo, unasked []string) {
	p.Units(units)
	if len(waits) > 0 {
		p.Line("%s", p.Waits("this would wait for people:"))
		p.Units(waits)
	}
	if len(units)+len(waits) == 0 {
		p.Line("nothing would change for %s", term.Clean(name))
	}
	p.Unasked(unasked)
	p.Line("%s", p.Faint("nothing was accepted"))
}

// Unit writes one unit. Changes that wait have the reason in brackets, and those
// to which their system objects have what it says.
func (p *Printer) Unit(u *run.UnitInfo) {
	head := term.Clean(u.Object.String())
	if u.Object.Label != "" {
		p.Line("%s", p.Bold(head)+"  "+p.Faint("# "+term.Clean(u.Object.Label)))
	} else {
		p.Line("%s", p.Bold(head))
	}
	for _, c := range readable(u.Changes) {
		line := "  " + term.Clean(c.Line())
		if c.Why != "" && c.Why != "approved" {
			line += "   " + p.Waits("["+term.Clean(Reason(c.Why))+"]")
		}
		if len(c.Objections) > 0 {
			line += "   " + p.Bad("["+term.Clean(strings.Join(c.Objections, "; "))+"]")
		}
		p.Line("%s", line)
	}
}

// Unasked says what systems were not asked about a plan that is shown, and why.
func (p *Printer) Unasked(list []string) {
	for _, s := range list {
		line, _, _ := strings.Cut(s, "\n") // a report is for its makers
		p.Line("%s", p.Waits(term.Clean(line)))
	}
}

// readable puts changes in the order in which people tell them: what becomes of
// the object, its entries, its values, then account by account.
func readable(list []run.ChangeInfo) []run.ChangeInfo {
	rank := func(c *run.ChangeInfo) int {
		switch c.Op {
		case "birth", "death":
			return 0
		case "link", "unlink":
			return 1
		}
		if c.Connector == "" {
			return 2
		}
		return 3
	}
	out := slices.Clone(list)
	slices.SortStableFunc(out, func(a, b run.ChangeInfo) int { return rank(&a) - rank(&b) })
	return out
}

// Reason is a reason to wait as stories write it.
func Reason(why string) string {
	for verb, said := range reasons {
		if why == verb {
			return said
		}
	}
	return why
}

var reasons = map[string]string{"reject": "rejected", "shelve": "shelved", "protect": "protected", "narrow": "narrowed", "undo": "undone"}

// Cause is the reason as decisions name it: Reason the other way round.
func Cause(said string) string {
	for verb, s := range reasons {
		if said == s {
			return verb
		}
	}
	return said
}
