package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"muster/cmd/muster/term"
	"muster/cmd/muster/text"
	"muster/internal/api/local"
	"muster/internal/app"
	"muster/internal/sync/run"
)

// decision is a command by which somebody decides about changes.
type decision struct {
	use, short, long, example string
	object                    bool   // must name an object
	ask                       string // what is asked before it is done to everything
	done                      string // "approved"
	next                      string
	do                        func(ctx context.Context, s *app.Session, sel run.Selection, d run.Decision) (int, error)

	until *string
}

// decisions are the commands by which people decide.
func (c *cli) decisions() []*cobra.Command {
	var until string
	list := []*decision{
		{use: "approve", short: "Let what waits happen", done: "approved", next: "muster sync", ask: "approve %s",
			long: `Lifts the holds on what waits and approves that very difference; the next synchronization accepts it.
For one object, one target of it, everything with one cause, or everything.`,
			example: "  muster plan approve person hr/1002\n  muster plan approve person hr/1002 dir.fax --because \"HR confirmed\"\n  muster plan approve --cause 'guard deletes'",
			do: func(ctx context.Context, s *app.Session, sel run.Selection, d run.Decision) (int, error) {
				return s.Approve(ctx, sel, d)
			}},
		{use: "reject", short: "Refuse what waits, or what a plan would do", done: "rejected", next: "muster plan holds",
			long: `Holds each change singly: the outcome is refused, and other changes of the same object go on. A refusal
ends by itself when the rules no longer want that outcome.`,
			example: "  muster plan reject person hr/1003 --because \"contract not signed\"\n  muster plan reject --plan 12 person hr/1003",
			do: func(ctx context.Context, s *app.Session, sel run.Selection, d run.Decision) (int, error) {
				return s.Reject(ctx, sel, d)
			}},
		{use: "shelve", short: "Put off whatever would happen until a date", done: "shelved", next: "muster plan holds", object: true, until: &until,
			long: "Keeps an object, an account or a value as it is until a date, on which it is proposed again.",
			example: `  muster plan shelve person hr/1003 --until 2027-04-01
  muster plan shelve person hr/1003 dir --until 30d --because "on leave"`,
			do: func(ctx context.Context, s *app.Session, sel run.Selection, d run.Decision) (int, error) {
				at, err := whenAfter(until, c.now(), s.Zone)
				if err != nil {
					return 0, err
				}
				return s.Shelve(ctx, sel, at, d)
			}},
		{use: "protect", short: "Keep something as it is until that is lifted", done: "protected", next: "muster plan holds", object: true,
			long:    "Keeps an object, an account or a value as it is, whatever the rules say, until somebody lifts that.",
			example: "  muster plan protect person hr/1001\n  muster plan protect person hr/1001 dir.mail --because \"legal hold\"",
			do: func(ctx context.Context, s *app.Session, sel run.Selection, d run.Decision) (int, error) {
				return s.Protect(ctx, sel, d)
			}},
		{use: "lift", short: "End holds", done: "lifted", next: "muster sync", ask: "lift the holds on %s",
			long:    "Ends holds. What they kept back is approved as it now stands, and the next synchronization accepts it.",
			example: "  muster plan lift person hr/1001\n  muster plan lift person hr/1001 dir.mail\n  muster plan lift --cause reject --yes",
			do: func(ctx context.Context, s *app.Session, sel run.Selection, d run.Decision) (int, error) {
				return s.Lift(ctx, sel, d)
			}},
		{use: "narrow", short: "Keep one part of a plan and hold the rest", done: "held back", next: "muster plan holds", object: true,
			long:    "Holds everything that waits, or that a plan would do, beside the chosen part. What is held can be\napproved later.",
			example: "  muster plan narrow person hr/1001\n  muster plan narrow --plan 12 person hr/1001",
			do: func(ctx context.Context, s *app.Session, sel run.Selection, d run.Decision) (int, error) {
				return s.Narrow(ctx, sel, d)
			}},
	}
	var out []*cobra.Command
	for _, d := range list {
		out = append(out, c.decisionCommand(d))
	}
	return append(out, c.planUndo())
}

func (c *cli) decisionCommand(d *decision) *cobra.Command {
	var sel run.Selection
	var because string
	var all bool
	least, use := 0, d.use+" [OBJECT [TARGET]]"
	if d.object {
		least, use = 1, d.use+" OBJECT [TARGET]"
	}
	if d.until != nil {
		use += " --until TIME"
	}
	cmd := &cobra.Command{
		Use: use, Short: d.short, Long: d.long, Example: d.example, Args: arguments(least, 5), DisableFlagsInUseLine: true,
		RunE: c.does(func(ctx context.Context, args []string) error {
			var rest []string
			sel.Object, rest = takeObject(args)
			sel.Target, sel.Cause = strings.Join(rest, " "), text.Cause(sel.Cause)
			if sel.Object == "" && sel.Cause == "" && !all {
				return usage("plan "+d.use+" must know what it is about", "name an object, a cause with --cause, or --all for everything")
			}
			if d.until != nil && *d.until == "" {
				return usage("plan "+d.use+" must know until when", "say it with --until: a day, a time, or a length such as 30d")
			}
			return c.with(ctx, func(s *app.Session) error { return c.decide(ctx, s, d, sel, because) })
		}),
	}
	f := cmd.Flags()
	c.reasonFlag(cmd, &because)
	if !d.object {
		f.StringVar(&sel.Cause, "cause", "", "everything that waits for this `CAUSE`, as it stands in brackets")
		f.BoolVar(&all, "all", false, "everything")
	}
	if d.use == "reject" || d.use == "narrow" || d.use == "approve" {
		numberFlag(f, &sel.Plan, "plan", 0, "what plan `NO` would do, in place of what waits")
		_ = cmd.RegisterFlagCompletionFunc("plan", c.completePlan)
	}
	if d.ask != "" {
		c.yesFlag(cmd)
	}
	if d.until != nil {
		f.StringVar(d.until, "until", "", "a `TIME`: 2027-04-01, 2027-04-01T08:00:00Z, or a length such as 30d")
	}
	return cmd
}

// decide carries out a decision, after asking where it is about many.
func (c *cli) decide(ctx context.Context, s *app.Session, d *decision, sel run.Selection, because string) error {
	if d.ask != "" && sel.Object == "" {
		about := "everything that waits"
		if sel.Cause != "" {
			about = "everything with the cause " + text.Reason(sel.Cause)
		}
		if n, err := howMany(ctx, s, sel); err == nil && n > 0 {
			about += " (" + term.Count(n, "change") + ")"
		}
		if err := c.confirm(ctx, fmt.Sprintf(d.ask, about)+"?"); err != nil {
			return err
		}
	}
	n, err := d.do(ctx, s, sel, run.Decision{By: s.Person, Because: because})
	if err != nil {
		return err
	}
	return c.give(outcome{n, s.Person}, func(p *text.Printer) {
		if d.object && d.use != "narrow" {
			p.Empty(strings.TrimSpace(sel.Object+" "+sel.Target)+" is "+d.done+" by "+s.Person, d.next)
			return
		}
		p.Empty(term.Count(int64(n), "change")+" "+d.done+" by "+s.Person, d.next)
	})
}

// howMany counts the changes that wait and fit.
func howMany(ctx context.Context, s *app.Session, sel run.Selection) (int64, error) {
	if sel.Plan != 0 {
		return 0, nil
	}
	groups, err := gather(ctx, s)
	n := int64(0)
	for _, g := range groups {
		if strings.HasPrefix(g.Cause, sel.Cause) {
			n += g.Changes
		}
	}
	return n, err
}

func (c *cli) planUndo() *cobra.Command {
	var because string
	cmd := &cobra.Command{
		Use: "undo NO [--because TEXT]", Short: "Take back what a plan did",
		Long: `Proposes the earlier value for whatever is still as that plan left it, and says what has moved since and
what can be taken back only in part or not at all. The undone outcome is held, so that later runs do not
bring it back. A plan that came from changed rules is taken back as a whole: the earlier rules, which are
kept, decide again until the folder has others. Nothing changes before the next synchronization.`,
		Example: "  muster plan undo 12\n  muster plan undo 12 --yes --because \"wrong file\"",
		Args:    arguments(1, 1), ValidArgsFunction: c.completePlan, DisableFlagsInUseLine: true,
		RunE: c.does(func(ctx context.Context, args []string) error {
			return c.withPlan(ctx, args, func(s *app.Session, info *run.PlanInfo) error {
				if info.State != "accepted" { // there is nothing to be asked about
					_, err := s.Undo(ctx, info.No, run.Decision{By: s.Person, Because: because})
					return err
				}
				if err := c.confirm(ctx, fmt.Sprintf("take back what plan %d did to %s?", info.No, term.Count(info.Units, "object"))); err != nil {
					return err
				}
				u, err := s.Undo(ctx, info.No, run.Decision{By: s.Person, Because: because})
				if err != nil {
					return err
				}
				if len(u.Moved)+len(u.Partial)+len(u.Never) > 0 {
					c.code = codePartly
				}
				return c.give(u, func(p *text.Printer) {
					p.Undo(u)
					p.Empty("", "muster plan shows it, muster sync does it")
				})
			})
		}),
	}
	c.reasonFlag(cmd, &because)
	c.yesFlag(cmd)
	return cmd
}

// shaped gives units the form they have in JSON.
func shaped(units []run.UnitInfo) any {
	if units == nil {
		units = []run.UnitInfo{}
	}
	return local.Shape(units)
}

// whenAfter reads a time to come: an instant, a date, or a length from now.
func whenAfter(word string, now time.Time, zone *time.Location) (time.Time, error) {
	if d, ok := span(word); ok {
		return now.Add(d), nil
	}
	return when(word, zone, false)
}
