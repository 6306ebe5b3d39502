package main

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"muster/cmd/muster/text"
	"muster/internal/app"
	"muster/internal/base/problem"
	"muster/internal/sync/run"
)

func (c *cli) planCommand() *cobra.Command {
	var o run.SyncOptions
	var rules string
	var page run.Page
	var cmd *cobra.Command
	cmd = &cobra.Command{
		Use:   "plan [OBJECT] [--full] [--rules NEW] [--release CONNECTOR]",
		Short: "Show what would change; look at plans and decide about them",
		Long: `Decides like sync and shows the plan, but accepts nothing. For one object; as if other rules were in
force (--rules, with the folder of the other configuration: the impact of a change, fit for a check of a
pull request); or as if an import that the health gate holds had been released (--release).

The systems are asked what they object to in the changes that are shown: values that are too long or
missing, names that are taken, what may not be written. That stands in brackets beside the change, and
decides nothing. --ask=false shows the plan without asking.

The exit code is 0 if nothing would change, 4 if something would, 3 if guards would hold some of it.`,
		Example: `  muster plan
  muster plan person hr/1002
  muster plan --rules ../new --json > impact.json
  muster plan --release hr`,
		Args: arguments(0, 2), DisableFlagsInUseLine: true,
		RunE: c.does(func(ctx context.Context, args []string) error {
			object, rest := takeObject(args)
			if s := problem.Suggest(object, namesOf(cmd)); s != "" && isWord(object) {
				return usage("there is no command plan "+object, s+" see: muster help plan")
			}
			if len(rest) > 0 {
				return usage("there is no command plan "+args[0], "see: muster help plan; an object with blanks is written in quotes")
			}
			page.Object, o.Preview = object, true
			return c.with(ctx, func(s *app.Session) error {
				if rules != "" {
					rep, err := s.Impact(ctx, rules, o)
					return c.previewed(ctx, s, rep, err, page)
				}
				rep, err := s.Sync(ctx, o)
				return c.previewed(ctx, s, rep, err, page)
			})
		}),
	}
	cmd.Flags().BoolVar(&o.Full, "full", false, "everybody, not only who moved")
	cmd.Flags().StringVar(&rules, "rules", "", "decide with the configuration in `NEW`")
	cmd.Flags().StringVar(&o.Release, "release", "", "as if the held import of `CONNECTOR` had been released")
	_ = cmd.RegisterFlagCompletionFunc("release", c.completeConnector)
	_ = cmd.MarkFlagDirname("rules")
	numberFlag(cmd.Flags(), &page.Size, "size", 100, "at most `N` objects")
	cmd.Flags().StringVar(&page.Match, "match", "", "only objects that contain this `TEXT`")
	c.askFlag(cmd, "")
	cmd.AddCommand(c.planList(), c.planShow(), c.planWaiting(), c.planHolds())
	cmd.AddCommand(c.decisions()...)
	return cmd
}

// preview is what a preview answers in JSON.
type preview struct {
	Step  *run.StepReport `json:"step"`
	Plan  *run.PlanInfo   `json:"plan,omitempty"`
	Units any             `json:"units,omitempty"`
	Waits any             `json:"waits,omitempty"` // units that would wait for people
	// Unasked says what systems were not asked, and why.
	Unasked []string `json:"unasked,omitempty"`
}

// askFlag lets people leave out what takes the time of systems. with names the
// flag without which no plan is shown, if there is one.
func (c *cli) askFlag(cmd *cobra.Command, with string) {
	if with != "" {
		with = "with --" + with + ", "
	}
	cmd.Flags().BoolVar(&c.ask, "ask", true, with+"ask the systems what they object to; --ask=false does not")
}

// askedUnits reads a page of a plan's units, with what the systems object to
// unless nobody wants to know.
func (c *cli) askedUnits(ctx context.Context, s *app.Session, no int64, page run.Page) (*run.Asked, error) {
	if c.ask {
		return s.Ask(ctx, no, page)
	}
	units, err := s.Units(ctx, no, page)
	return &run.Asked{Units: units}, err
}

// askedWaiting reads a page of what waits, likewise.
func (c *cli) askedWaiting(ctx context.Context, s *app.Session, page run.Page) (*run.Asked, error) {
	if c.ask {
		return s.AskWaiting(ctx, page)
	}
	units, err := s.Waiting(ctx, page)
	return &run.Asked{Units: units}, err
}

// previewed shows the plan that a preview decided.
func (c *cli) previewed(ctx context.Context, s *app.Session, rep *run.StepReport, err error, page run.Page) error {
	if err != nil || rep == nil {
		return c.stepDone(rep, err)
	}
	c.code = codeOfPreview(rep)
	out := preview{Step: rep}
	var units, waits []run.UnitInfo
	read := func(no int64) ([]run.UnitInfo, error) {
		a, err := c.askedUnits(ctx, s, no, page)
		if err != nil {
			return nil, err
		}
		for _, u := range a.Unasked {
			if !slices.Contains(out.Unasked, u) {
				out.Unasked = append(out.Unasked, u)
			}
		}
		return a.Units, nil
	}
	if rep.Waits != 0 {
		if waits, err = read(rep.Waits); err != nil {
			return err
		}
		out.Waits = shaped(waits)
	}
	if rep.Plan != 0 {
		info, err := s.Plan(ctx, rep.Plan)
		if err != nil {
			return err
		}
		out.Plan = &info
		if units, err = read(rep.Plan); err != nil {
			return err
		}
		out.Units = shaped(units)
	}
	if page.Object != "" && len(units)+len(waits) == 0 {
		if _, err := s.Show(ctx, page.Object, time.Time{}); err != nil {
			return err
		}
	}
	if page.Object != "" && slices.Contains([]int{codeDone, codePartly, codeWould}, c.code) {
		c.code = codeOfUnits(units, waits)
	}
	return c.give(out, func(p *text.Printer) {
		if page.Object != "" {
			p.OneObject(page.Object, units, waits, out.Unasked)
			return
		}
		p.Notes(rep)
		if out.Plan == nil {
			p.Empty("nothing would change", "")
			return
		}
		out.Plan.Guards = nil // told already
		p.PlanHead(out.Plan)
		if len(units) > 0 {
			p.Line("")
			p.Units(units)
			if page.Match == "" {
				p.Rest(len(units), out.Plan.Units, "muster plan show "+strconv.FormatInt(out.Plan.No, 10)+" --after "+units[len(units)-1].Key)
			}
		}
		if len(waits) > 0 {
			p.Line("")
			p.Line("%s", p.Waits("this would wait for people:"))
			p.Units(waits)
			if len(waits) == pageSize(page) {
				p.Rest(len(waits), out.Plan.Held, "muster plan show "+strconv.FormatInt(rep.Waits, 10)+" --after "+waits[len(waits)-1].Key)
			}
		}
		p.Unasked(out.Unasked)
		p.Line("%s", p.Faint("nothing was accepted"))
	})
}

func (c *cli) planList() *cobra.Command {
	var page run.Page
	cmd := &cobra.Command{
		Use: "list", Short: "List plans, the newest first",
		Long:    "Lists the plans that are kept, previews among them, the newest first.",
		Example: "  muster plan list\n  muster plan list --size 10 --json",
		Args:    arguments(0, 0), DisableFlagsInUseLine: true,
		RunE: c.does(func(ctx context.Context, _ []string) error {
			return c.with(ctx, func(s *app.Session) error {
				list, err := s.ListPlans(ctx, page)
				if err != nil {
					return err
				}
				return c.give(list, func(p *text.Printer) {
					if len(list) == 0 {
						p.Empty("there are no plans yet", "muster plan, or muster sync")
						return
					}
					p.Plans(list)
					p.More(len(list), pageSize(page), 0, strconv.FormatInt(list[len(list)-1].No, 10))
				})
			})
		}),
	}
	cmd.Flags().StringVar(&page.After, "after", "", "begin behind the plan with this `NO`")
	numberFlag(cmd.Flags(), &page.Size, "size", 100, "at most `N` plans")
	return cmd
}

// withPlan opens a session and finds the plan whose number is given; without
// one, the last.
func (c *cli) withPlan(ctx context.Context, args []string, do func(*app.Session, *run.PlanInfo) error) error {
	no, err := planNumber(args)
	if err != nil {
		return err
	}
	return c.with(ctx, func(s *app.Session) error {
		info, err := s.Plan(ctx, no)
		if err != nil {
			return err
		}
		return do(s, &info)
	})
}

// planShown is what plan show answers in JSON.
type planShown struct {
	Plan  run.PlanInfo `json:"plan"`
	Units any          `json:"units"`
	// Unasked says what systems were not asked, and why.
	Unasked []string `json:"unasked,omitempty"`
}

func (c *cli) planShow() *cobra.Command {
	var page run.Page
	cmd := &cobra.Command{
		Use: "show [NO]", Short: "Show a plan, object by object",
		Long: `Shows a plan as stories write it: each object, and below it a line for each change. Without a number,
the last plan. If it was not accepted, the systems are asked what they object to, as with plan.`,
		Example: "  muster plan show\n  muster plan show 12 --match fax\n  muster plan show 12 --after 100",
		Args:    arguments(0, 1), ValidArgsFunction: c.completePlan, DisableFlagsInUseLine: true,
		RunE: c.does(func(ctx context.Context, args []string) error {
			return c.withPlan(ctx, args, func(s *app.Session, info *run.PlanInfo) error {
				a, err := c.askedUnits(ctx, s, info.No, page)
				if err != nil {
					return err
				}
				return c.give(planShown{*info, shaped(a.Units), a.Unasked}, func(p *text.Printer) { c.showPlan(p, info, a, page) })
			})
		}),
	}
	pageFlags(cmd, &page)
	c.askFlag(cmd, "")
	return cmd
}

func (c *cli) showPlan(p *text.Printer, info *run.PlanInfo, a *run.Asked, page run.Page) {
	p.PlanHead(info)
	units := a.Units
	if len(units) == 0 {
		if page.Match != "" {
			p.Empty("no object in it contains "+page.Match, "")
		}
		return
	}
	p.Line("")
	p.Units(units)
	p.Unasked(a.Unasked)
	total := info.Units
	if page.Match != "" || page.After != "" {
		total = 0
	}
	p.More(len(units), pageSize(page), total, units[len(units)-1].Key)
}

func planNumber(args []string) (int64, error) {
	if len(args) == 0 {
		return 0, nil
	}
	no, err := strconv.ParseInt(args[0], 10, 64)
	if err != nil || no < 1 {
		return 0, usage(args[0]+" is not the number of a plan", "list them with: muster plan list")
	}
	return no, nil
}

// waiting is what plan waiting answers in JSON.
type waiting struct {
	Groups  []*text.Group `json:"groups"`
	Units   any           `json:"units"`
	Unasked []string      `json:"unasked,omitempty"`
}

// firstOfGroup is how many objects of each cause are shown.
const firstOfGroup = 5

func (c *cli) planWaiting() *cobra.Command {
	var page run.Page
	var cause string
	cmd := &cobra.Command{
		Use: "waiting [--cause CAUSE]", Short: "Show what waits for people, by cause",
		Long: `Shows what the rules want and holds keep back, gathered by cause, so that one decision can handle
everything with the same cause. With --cause, every object that waits for it, and what the systems object
to in its changes.`,
		Example: "  muster plan waiting\n  muster plan waiting --cause 'guard deletes'\n  muster plan waiting --json",
		Args:    arguments(0, 0), DisableFlagsInUseLine: true,
		RunE: c.does(func(ctx context.Context, _ []string) error {
			return c.with(ctx, func(s *app.Session) error {
				if cause != "" || page.After != "" || page.Match != "" {
					return c.waitingFor(ctx, s, text.Cause(cause), page)
				}
				groups, err := gather(ctx, s)
				if err != nil {
					return err
				}
				a := &run.Asked{}
				if c.json {
					if a, err = c.askedWaiting(ctx, s, page); err != nil {
						return err
					}
				}
				return c.give(waiting{groups, shaped(a.Units), a.Unasked}, func(p *text.Printer) {
					if len(groups) == 0 {
						p.Empty("nothing waits for people", "")
						return
					}
					p.Waiting(groups)
				})
			})
		}),
	}
	cmd.Flags().StringVar(&cause, "cause", "", "only what waits for this `CAUSE`, as it stands in brackets")
	pageFlags(cmd, &page)
	c.askFlag(cmd, "cause")
	return cmd
}

// gather reads everything that waits, page by page, and keeps little of it.
func gather(ctx context.Context, s *app.Session) ([]*text.Group, error) {
	g := text.NewGroups(firstOfGroup)
	for page := (run.Page{Size: 1000}); ; {
		list, err := s.Waiting(ctx, page)
		if err != nil {
			return nil, err
		}
		g.Add(list)
		if len(list) < page.Size {
			return g.List(), nil
		}
		page.After = list[len(list)-1].Key
	}
}

// waitingFor lists the objects that wait for one cause.
func (c *cli) waitingFor(ctx context.Context, s *app.Session, cause string, page run.Page) error {
	if page.Match == "" {
		page.Match = cause
	}
	a, err := c.askedWaiting(ctx, s, page)
	if err != nil {
		return err
	}
	list, units := a.Units, text.OfCause(a.Units, cause)
	return c.give(waiting{[]*text.Group{}, shaped(units), a.Unasked}, func(p *text.Printer) {
		if len(units) == 0 {
			p.Empty("nothing waits for that", "muster plan waiting")
			return
		}
		p.Units(units)
		p.Unasked(a.Unasked)
		p.More(len(list), pageSize(page), 0, list[len(list)-1].Key)
	})
}

func (c *cli) planHolds() *cobra.Command {
	var page run.Page
	cmd := &cobra.Command{
		Use: "holds", Short: "List what people and guards hold back",
		Long: `Lists holds: what is held, which outcome is refused, what stays instead, why, and by whom. A hold ends
when somebody lifts it, when its time is over, or when the rules no longer want what it refuses.`,
		Example: "  muster plan holds\n  muster plan lift person hr/1002 dir.fax",
		Args:    arguments(0, 0), DisableFlagsInUseLine: true,
		RunE: c.does(func(ctx context.Context, _ []string) error {
			return c.with(ctx, func(s *app.Session) error {
				list, err := s.Holds(ctx, page)
				if err != nil {
					return err
				}
				return c.give(list, func(p *text.Printer) {
					if len(list) == 0 {
						p.Empty("nothing is held", "")
						return
					}
					p.Holds(list)
					p.More(len(list), pageSize(page), 0, list[len(list)-1].Key)
				})
			})
		}),
	}
	cmd.Flags().StringVar(&page.After, "after", "", "begin behind the hold with this `KEY`")
	numberFlag(cmd.Flags(), &page.Size, "size", 100, "at most `N` holds")
	return cmd
}
