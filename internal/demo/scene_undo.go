package demo

import (
	"context"
	"fmt"
	"strings"
	"time"

	"muster/internal/demo/organisation"
	"muster/internal/sync/run"
)

// sceneUndo: the last change is taken back, and one value is asked for its
// origin.
func sceneUndo(ctx context.Context, s *stage, e *estate) error {
	s.say("The works council objects, and the change is taken back. An undo is a plan like any other: it can be looked at, is guarded, and can be undone.")
	s.command(fmt.Sprintf(`muster plan undo %d --because "works council"`, e.changed))
	info, err := e.desk.Undo(ctx, e.changed, run.Decision{By: administrator, Because: "works council"})
	if err != nil {
		return err
	}
	s.shows("plan %d came from changed rules; the earlier rules decide again", info.Plan)
	s.proof(info.Rules != "", "A change of rules is undone as a whole, by deciding with the earlier rules.")
	s.command("muster sync", "muster export dir")
	if _, err := e.desk.Sync(ctx, run.SyncOptions{}); err != nil {
		return err
	}
	if err := e.send(ctx); err != nil {
		return err
	}
	p, err := e.to.Look()
	if err != nil {
		return err
	}
	s.proof(p.External() == 0, "Nobody is shown as external in the directory any more.")
	s.line("")
	s.say("The folder still has the new rule. The earlier rules decide until it has others, so the line is taken back there, too.")
	if err := replaceIn(e.dir, newFlow, oldFlow); err != nil {
		return err
	}
	if err := e.reload(); err != nil {
		return err
	}
	s.command("git revert HEAD")
	if _, err := e.night(ctx, s); err != nil {
		return err
	}
	st, err := e.desk.Status(ctx)
	if err != nil {
		return err
	}
	s.proof(st.Holds == 0, "%d holds are left.", st.Holds)
	if err := e.quiet(ctx, s); err != nil {
		return err
	}
	return e.lineage(ctx, s)
}

// lineage asks where a phone number came from.
func (e *estate) lineage(ctx context.Context, s *stage) error {
	var who *organisation.Person
	for _, b := range e.org.Badges {
		if p := e.org.Person(b.Person); p != nil && p.Phone != "" && p.Phone != b.Phone {
			who = p
			break
		}
	}
	s.line("")
	s.say("And why does %s have this phone number, and not the one that HR knows?", who.Name())
	s.command("muster explain hr/" + who.No + " phone")
	x, err := e.desk.Explain(ctx, "hr/"+who.No, "phone")
	if err != nil {
		return err
	}
	for _, v := range x.Values {
		o := v.Origin
		s.shows("%s = %s", v.Name, strings.Join(v.Values, ", "))
		s.shows("from %s, import %d of %s, by %s (%s)", o.Entry, o.Import, o.At.Format(time.DateOnly), o.Rule, o.Where)
	}
	var rows [][]string
	wins := 0
	for _, f := range x.Offers {
		mark := "loses"
		if f.Wins {
			mark = "wins"
			wins++
		}
		rows = append(rows, []string{mark, strings.Join(f.Values, ", "), f.Rule + ": " + f.Why})
	}
	s.table(rows)
	s.line("")
	s.proof(len(x.Offers) == 2 && wins == 1 && len(x.Values) == 1, "Two systems offer a number; precedence says which of them is believed.")
	return nil
}
