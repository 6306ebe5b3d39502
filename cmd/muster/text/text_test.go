package text

import (
	"fmt"
	"strings"
	"testing"

	"muster/cmd/muster/term"
	"muster/internal/base/problem"
	"muster/internal/sync/engine"
	"muster/internal/sync/run"
)

func printed(show func(p *Printer)) string {
	var b strings.Builder
	show(&Printer{Out: term.NewOut(&b, 0, false)})
	return b.String()
}

func does(op engine.Op, conn, name, why string) run.ChangeInfo {
	return run.ChangeInfo{Op: op.String(), Connector: conn, Name: name, Why: why, Cause: "the guard's words", Change: engine.Change{Op: op}}
}

// TestOneDecisionForManyDeletes is the case that the grouping is for.
func TestOneDecisionForManyDeletes(t *testing.T) {
	t.Parallel()
	g := NewGroups(1)
	for page := range 3 {
		var list []run.UnitInfo
		for i := range 100 {
			list = append(list, run.UnitInfo{Object: run.ObjectName{Type: "person", Founder: fmt.Sprintf("hr/%d%02d", page, i)}, Changes: []run.ChangeInfo{
				does(engine.DropAccount, "dir", "", "guard deletes"), does(engine.Unlink, "hr", "1", "guard deletes"), does(engine.Death, "", "", "guard deletes"),
			}})
		}
		g.Add(list)
	}
	g.Add([]run.UnitInfo{{Object: run.ObjectName{Type: "person", Founder: "hr/9"}, Changes: []run.ChangeInfo{does(engine.SetValue, "", "title", "reject")}}})
	got := printed(func(p *Printer) { p.Waiting(g.List()) })
	want := `300 deletes in dir wait: guard deletes (300 objects)
  the guard's words
  approve all with: muster plan approve --cause 'guard deletes'
person hr/000
  ends   [guard deletes]
  cut hr/1   [guard deletes]
  dir: delete   [guard deletes]
and 299 more objects; all of them: muster plan waiting --cause 'guard deletes'

1 value waits: rejected (1 object)
  the guard's words
  approve all with: muster plan approve --cause reject
person hr/9
  title: none -> none   [rejected]
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestWhatSystemsSayIsMadeHarmless(t *testing.T) {
	t.Parallel()
	evil := "x\x1b]0;owned\a"
	got := printed(func(p *Printer) {
		p.Units([]run.UnitInfo{{Object: run.ObjectName{Type: "person", Founder: "hr/" + evil, Label: evil}, Changes: []run.ChangeInfo{does(engine.Unlink, "hr", evil, evil)}}})
		p.Objects([]run.ObjectName{{Type: "person", Founder: evil, Label: evil}})
		p.Object(&run.ObjectInfo{Name: run.ObjectName{Label: evil}, Values: []run.ValueInfo{{Name: "a", Values: []string{evil}}}, Links: []run.EntryInfo{{Anchor: evil, DN: evil}}})
		p.Holds([]run.HoldInfo{{Why: "reject", Cause: evil, By: evil, Refused: evil}})
		p.Queue([]run.QueueInfo{{Entry: evil, Candidates: []run.ObjectName{{Label: evil}}}})
		p.Explanation(&run.Explanation{Lines: []run.ReasonInfo{{Said: evil}}, Offers: []run.OfferInfo{{Entry: evil, Rule: "r", Values: []string{evil}, Why: "x"}}})
		p.Steps([]run.StepReport{{Message: evil, Errors: []run.ObjectError{{Code: "x", Object: evil, Message: evil}}}})
		p.Problems(problem.List{{Message: evil, Source: "\ttab " + evil, Where: problem.Position{File: "f", Line: 1, Column: 2}}})
		p.Undo(&run.UndoInfo{Partial: []string{evil}, Never: []string{evil}})
	})
	if i := strings.IndexAny(got, "\x1b\a"); i >= 0 {
		t.Errorf("a terminal would obey: %q", got[max(0, i-60):i+10])
	}
}

func TestWordsThatAShellTakesAsOne(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"hr/1002": "hr/1002", "guard deletes": "'guard deletes'", "it's": `'it'\''s'`, "": "''", "$(rm)": "'$(rm)'"} {
		if got := quoted(in); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}

func TestListsSayHowToGoOn(t *testing.T) {
	t.Parallel()
	got := printed(func(p *Printer) {
		p.More(100, 100, 2312, "a b")
		p.More(100, 100, 0, "7")
		p.More(99, 100, 0, "7")
		p.More(100, 100, 100, "7")
	})
	if want := "100 of 2,312; --after 'a b' shows the next\n100 shown; --after 7 shows the next\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestObjectionsStandBesideTheChange writes what systems say, and the line of a
// fault without its report.
func TestObjectionsStandBesideTheChange(t *testing.T) {
	t.Parallel()
	c := does(engine.AddAccount, "dir", "person", "")
	c.Objections = []string{"sn is required", "no\x1b[31m"}
	got := printed(func(p *Printer) {
		p.Units([]run.UnitInfo{{Object: run.ObjectName{Type: "person", Founder: "hr/1"}, Changes: []run.ChangeInfo{c}}})
		p.Unasked([]string{"db could not be asked: a fault\ngoroutine 1"})
	})
	want := "person hr/1\n  dir: add person   [sn is required; no\\x1b[31m]\ndb could not be asked: a fault\n"
	if got != want {
		t.Errorf("got:\n%swant:\n%s", got, want)
	}
}
