package text

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"muster/cmd/muster/term"
	"muster/internal/sync/run"
)

// Status writes the state of the whole installation.
func (p *Printer) Status(s *run.Status) {
	p.Line("%s", p.Bold("objects")+"  "+tally(s.Objects, "none yet"))
	t := &term.Table{Head: []string{"connector", "kind", "entries", "on their way", "last import", "needs"}, Cut: []int{3, 2}}
	for i := range s.Connectors {
		c := &s.Connectors[i]
		needs := ""
		switch {
		case len(c.Held) > 0:
			needs = "a decision"
		case c.NeedsFull:
			needs = "a full import"
		}
		t.Add(c.Name, c.Kind, tally(c.Entries, "none"), tally(c.Pending, "nothing"), p.time(c.LastImport), needs)
	}
	if len(t.Rows) > 0 {
		p.Line("")
		p.Table(t)
	}
	p.Line("")
	if u := s.Undone; u != nil {
		p.Line("%s", p.Waits(fmt.Sprintf("the rules of the folder are not in force: plan %d, which came from them, was undone by %s on %s", u.Plan, term.Clean(u.By), p.time(u.At))))
		p.Line("  earlier rules decide until the folder has others")
	}
	for i := range s.Connectors {
		p.heldImport(&s.Connectors[i])
	}
	p.schedules(s.Schedules)
	p.todo(s)
}

// schedules says when profiles run by themselves.
func (p *Printer) schedules(list []run.ScheduleStatus) {
	if len(list) == 0 {
		return
	}
	t := &term.Table{Head: []string{"schedule", "profile", "at", "next"}, Cut: []int{2}}
	asleep := true
	for _, x := range list {
		next := "no server is up"
		switch {
		case x.Running:
			next = "runs now"
		case !x.Next.IsZero():
			next = p.time(x.Next)
		}
		asleep = asleep && next == "no server is up"
		t.Add(x.Name, x.Profile, x.At, next)
	}
	p.Table(t)
	if asleep {
		p.Line("schedules run while a server is up: muster serve")
	}
	p.Line("")
}

// heldImport says why an import waits, and how to decide.
func (p *Printer) heldImport(c *run.ConnectorStatus) {
	if len(c.Held) == 0 {
		return
	}
	since := ""
	if !c.HeldSince.IsZero() {
		since = " since " + p.time(c.HeldSince)
	}
	p.Line("%s", p.Waits("an import of "+c.Name+" is held"+since+":"))
	for _, x := range c.Held {
		p.Line("  %s", term.Clean(x.String()))
	}
	p.Line("  see what it would do: muster plan --release %s", quoted(c.Name))
	p.Line("  take it for true: muster release %s; forget it: muster discard %s", quoted(c.Name), quoted(c.Name))
}

// todo says what waits for people, and what is next.
func (p *Printer) todo(s *run.Status) {
	if s.Waiting > 0 {
		p.Line("%s: muster plan waiting", p.Waits(wait(s.Waiting)))
	}
	if s.Queue > 0 {
		p.Line("%s: muster queue", p.Waits(term.Count(s.Queue, "entry")+" in the join queue"))
	}
	if s.Holds > 0 {
		p.Line("%s: muster plan holds", term.Count(s.Holds, "hold"))
	}
	if !s.Due.IsZero() {
		p.Line("time alone changes something at %s", p.time(s.Due))
	}
	switch r := s.LastRun; {
	case r == nil:
		p.Empty("nothing has run yet", "muster import CONNECTOR")
	case r.Profile != "":
		p.Line("last run: profile %s, %s, %s by %s", r.Profile, r.Result(), p.time(r.Started), term.Clean(r.By))
	default:
		step := "?"
		if len(r.Steps) > 0 {
			step = StepName(r.Steps[0].Step)
		}
		p.Line("last run: %s, %s, %s by %s", step, r.Result(), p.time(r.Started), term.Clean(r.By))
	}
}

// tally writes counts by name: "2,000 person, 40 group".
func tally(counts map[string]int64, nothing string) string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(counts)) {
		switch {
		case counts[k] == 0:
		case k == "all": // they are not told apart
			out = append(out, term.Number(counts[k]))
		default:
			out = append(out, term.Number(counts[k])+" "+k)
		}
	}
	if len(out) == 0 {
		return nothing
	}
	return strings.Join(out, ", ")
}

// Objects lists objects.
func (p *Printer) Objects(list []run.ObjectName) {
	t := &term.Table{Head: []string{"object", "called", "id"}, Cut: []int{1, 0}}
	for _, n := range list {
		t.Add(n.String(), n.Label, n.ID)
	}
	p.Table(t)
}

// Object writes an object with its values, entries, holds and history.
func (p *Printer) Object(o *run.ObjectInfo) {
	p.Line("%s", p.Bold(name(o.Name))+"  "+p.Faint(o.Name.ID))
	t := &term.Table{Cut: []int{1, 2}}
	for _, v := range o.Values {
		t.Add("  "+v.Name, p.value(&v), p.origin(&v.Origin))
	}
	p.Table(t)
	if !o.Due.IsZero() {
		p.Line("time alone changes something at %s", p.time(o.Due))
	}
	for i := range o.Links {
		p.Line("")
		p.entry(&o.Links[i])
	}
	if len(o.Holds) > 0 {
		p.Line("")
		p.Holds(o.Holds)
	}
	for _, h := range o.History {
		p.Line("")
		p.Line("%s", p.Bold(fmt.Sprintf("plan %d", h.Plan))+", "+p.time(h.At)+by(h.By))
		for _, c := range readable(h.Changes) {
			p.Line("  %s", term.Clean(c.Line())+p.Faint(p.followed(&c)))
		}
	}
}

func by(who string) string {
	if who == "" {
		return ""
	}
	return ", by " + term.Clean(who)
}

// followed says who approved a change, and which import confirmed it.
func (p *Printer) followed(c *run.ChangeInfo) string {
	out := ""
	if c.Approved != nil {
		out += "  approved by " + term.Clean(c.Approved.By) + " at " + p.time(c.Approved.At)
	}
	if c.Confirmed != nil {
		out += fmt.Sprintf("  confirmed by import %d at %s", c.Confirmed.Import, p.time(c.Confirmed.At))
	}
	return out
}

func (p *Printer) value(v *run.ValueInfo) string {
	if len(v.Refs) == 0 {
		return values(v.Values)
	}
	var out []string
	for _, n := range v.Refs {
		out = append(out, n.String())
	}
	return values(out)
}

// origin says where a value came from.
func (p *Printer) origin(o *run.OriginInfo) string {
	var out []string
	switch {
	case o.Edit != nil:
		out = append(out, p.edit(o.Edit))
	case o.Entry != "":
		out = append(out, "from "+o.Entry)
	}
	switch {
	case o.Rule != "" && o.Where != "":
		out = append(out, "by "+o.Rule+" ("+o.Where+")")
	case o.Rule != "":
		out = append(out, "by "+o.Rule)
	}
	if o.Kept {
		out = append(out, "kept")
	}
	if o.Hold && o.Rule == "" && o.Entry == "" {
		out = append(out, "held in place")
	}
	return strings.Join(out, ", ")
}

// edit says who edited a value in the portal.
func (p *Printer) edit(e *run.EditInfo) string {
	s := "portal, edited by " + e.By + " at " + p.time(e.At)
	if e.Because != "" {
		s += " (" + e.Because + ")"
	}
	return term.Clean(s)
}

// entry writes an entry and what is on its way to it.
func (p *Printer) entry(e *run.EntryInfo) {
	at := e.Anchor
	if at == "" {
		at = e.DN
	}
	p.Line("%s", p.Bold(term.Clean(e.Connector+"/"+at))+" ("+e.Type+"), "+e.State)
	if e.Waits != "" {
		p.Line("  %s", p.Waits("waits for "+term.Clean(e.Waits)))
	}
	if e.DN != "" && e.DN != at {
		p.Line("  %s", term.Clean(e.DN))
	}
	t := &term.Table{Cut: []int{1}}
	for _, v := range e.Values {
		t.Add("  "+v.Name, p.value(&v))
	}
	p.Table(t)
	p.pending(e.Pending)
}

func (p *Printer) pending(list []run.PendingInfo) {
	for i := range list {
		x := &list[i]
		attr := strings.TrimPrefix(x.Name, "@")
		line := attr + ": " + x.State + " wanted " + values(x.Want)
		if x.Target != nil {
			line = attr + ": " + x.State + " " + x.Target.String()
		}
		if len(x.Found) > 0 {
			line += " found " + values(x.Found)
		}
		if x.Fault != "" {
			line += "; " + x.Fault
		}
		if x.Errors > 0 {
			line += " (" + term.Count(int64(x.Errors), "try") + ")"
		}
		p.Line("  %s", p.Waits(term.Clean(line))+p.Faint(", plan "+strconv.FormatInt(x.Plan, 10)))
	}
}

// Holds lists holds.
func (p *Printer) Holds(list []run.HoldInfo) {
	t := &term.Table{Head: []string{"object", "target", "refused", "instead", "why", "by", "until"}, Cut: []int{2, 4, 1, 0}}
	for i := range list {
		h := &list[i]
		target, until := h.Target, "lifted"
		if target == "" {
			target = "everything"
		}
		if !h.Until.IsZero() {
			until = p.time(h.Until)
		} else if !h.Standing {
			until = "lifted or overtaken"
		}
		why := Reason(h.Why)
		if h.Cause != "" && h.Cause != h.Why {
			why += ": " + h.Cause
		}
		t.Add(h.Object.String(), target, h.Refused, h.Instead, why, h.By, until)
	}
	p.Table(t)
}

// Queue lists the join queue.
func (p *Printer) Queue(list []run.QueueInfo) {
	for i := range list {
		q := &list[i]
		why := "matches several objects"
		if q.Taken {
			why = "its one match has an entry of this connector already"
		}
		p.Line("%s", p.Bold(term.Clean(q.Entry))+", rule "+q.Rule+": "+why)
		for _, c := range q.Candidates {
			p.Line("  %s", name(c))
		}
		to := "OBJECT"
		if len(q.Candidates) > 0 && q.Candidates[0].Founder != "" {
			to = quoted(q.Candidates[0].Founder)
		}
		p.Line("%s", p.Faint("  decide: muster queue join "+quoted(q.Entry)+" "+to+"; or: muster queue new "+quoted(q.Entry)))
	}
}

// Explanation says why something is so, or is not.
func (p *Printer) Explanation(x *run.Explanation) {
	about := name(x.Name)
	if x.Attribute != "" {
		about += ": " + x.Attribute
	}
	p.Line("%s", p.Bold(about))
	t := &term.Table{Cut: []int{1, 2}}
	for _, v := range x.Values {
		t.Add("  "+v.Name, p.value(&v), p.origin(&v.Origin))
	}
	p.Table(t)
	for _, o := range x.Offers {
		verdict := p.Faint("loses: " + o.Why)
		if o.Wins {
			verdict = p.Good("wins")
		}
		from := term.Clean(o.Entry)
		if o.Edit != nil {
			from = p.edit(o.Edit)
		}
		p.Line("  rank %d  %s by %s: %s  %s", o.Rank, from, term.Clean(o.Rule), values(o.Values), verdict)
	}
	for _, r := range x.Lines {
		line := term.Clean(r.Said)
		switch {
		case r.Rule != "" && r.Where != "":
			line += p.Faint("  (" + r.Rule + ", " + r.Where + ")")
		case r.Rule != "":
			line += p.Faint("  (" + r.Rule + ")")
		}
		mark := "  "
		if r.No {
			mark = p.Waits("✗ ")
		}
		p.Line("%s%s", mark, line)
	}
	for _, n := range x.Objects {
		p.Line("  %s", name(n))
	}
	p.pending(x.Pending)
}

// Undo says what undoing would do, and what not.
func (p *Printer) Undo(u *run.UndoInfo) {
	if u.Rules != "" {
		p.Line("plan %d came from changed rules; the earlier rules decide again until the folder has others", u.Plan)
		return
	}
	p.Line("%s of plan %d are taken back", term.Count(int64(u.Undone), "change"), u.Plan)
	p.list("no longer as the plan left them, so they stay:", len(u.Moved), func(i int) string { return u.Moved[i].Line() })
	p.list("taken back in part; this is lost:", len(u.Partial), func(i int) string { return u.Partial[i] })
	p.list("cannot be taken back:", len(u.Never), func(i int) string { return u.Never[i] })
}

func (p *Printer) list(head string, n int, line func(int) string) {
	if n == 0 {
		return
	}
	p.Line("%s", head)
	for i := range n {
		p.Line("  %s", term.Clean(line(i)))
	}
}
