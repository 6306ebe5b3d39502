package main

import (
	"context"

	"github.com/spf13/cobra"

	"muster/cmd/muster/text"
	"muster/internal/app"
	"muster/internal/base/problem"
	"muster/internal/sync/run"
)

func (c *cli) importCommand() *cobra.Command {
	var full bool
	cmd := &cobra.Command{
		Use: "import CONNECTOR [--full]", Short: "Read a connected system into its space",
		Long: `Reads what changed in the connector's system since the last import, or everything with --full. Nothing
else changes: what follows is decided by the next synchronization. An import that looks wrong, such as
one with far fewer entries, is held until somebody releases or discards it. Makes the store if there is
none.`,
		Example: `  muster import hr
  muster import dir --full
  muster import hr --json | jq .result.counters`,
		Args: arguments(1, 1), ValidArgsFunction: c.completeConnector, DisableFlagsInUseLine: true,
		RunE: c.does(func(ctx context.Context, args []string) error {
			knows := func(cfg *run.Config) *problem.Problem { _, wrong := cfg.Connector(args[0]); return wrong }
			return c.making(ctx, knows, func(s *app.Session) error {
				rep, err := s.Import(ctx, args[0], full)
				return c.stepDone(rep, err)
			})
		}),
	}
	cmd.Flags().BoolVar(&full, "full", false, "everything, not only what changed")
	return cmd
}

func (c *cli) exportCommand() *cobra.Command {
	return &cobra.Command{
		Use: "export CONNECTOR", Short: "Send what was accepted to a connected system",
		Long: `Sends the changes that accepted plans have for the connector's system, stage by stage. What is sent is
confirmed by the next import.`,
		Example: `  muster export dir
  muster export dir && muster import dir`,
		Args: arguments(1, 1), ValidArgsFunction: c.completeConnector, DisableFlagsInUseLine: true,
		RunE: c.does(func(ctx context.Context, args []string) error {
			return c.with(ctx, func(s *app.Session) error {
				rep, err := s.Export(ctx, args[0])
				return c.stepDone(rep, err)
			})
		}),
	}
}

func (c *cli) syncCommand() *cobra.Command {
	var o run.SyncOptions
	var accept string
	cmd := &cobra.Command{
		Use: "sync [--full] [--preview] [--accept unheld|approved]", Short: "Decide what follows, and accept it",
		Long: `Decides by the rules what follows from what systems said last, for whoever moved, or for everybody with
--full. Accepts what no hold keeps back (unheld), or only what people approved (approved). Sends
nothing: see export. With --preview nothing is accepted, and the plan is shown; the exit code is then 0
if nothing would change, 4 if something would, 3 if guards would hold some of it.`,
		Example: `  muster sync
  muster sync --preview
  muster sync --full --accept approved`,
		Args: arguments(0, 0), DisableFlagsInUseLine: true,
		RunE: c.does(func(ctx context.Context, _ []string) error {
			if err := acceptWord(accept, &o.Accept); err != nil {
				return err
			}
			return c.with(ctx, func(s *app.Session) error {
				rep, err := s.Sync(ctx, o)
				if o.Preview {
					return c.previewed(ctx, s, rep, err, run.Page{})
				}
				return c.stepDone(rep, err)
			})
		}),
	}
	cmd.Flags().BoolVar(&o.Full, "full", false, "everybody, not only who moved")
	cmd.Flags().BoolVar(&o.Preview, "preview", false, "decide, show the plan, accept nothing")
	c.askFlag(cmd, "preview")
	cmd.Flags().StringVar(&accept, "accept", "unheld", "`WHAT` is accepted: unheld or approved")
	_ = cmd.RegisterFlagCompletionFunc("accept", cobra.FixedCompletions([]string{"unheld", "approved"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func acceptWord(word string, to *run.Accept) error {
	switch word {
	case "unheld":
		*to = run.Unheld
	case "approved":
		*to = run.Approved
	default:
		return usage("--accept "+word+" is not known", "write --accept unheld or --accept approved")
	}
	return nil
}

func (c *cli) runCommand() *cobra.Command {
	return &cobra.Command{
		Use: "run PROFILE", Short: "Carry out the steps of a profile",
		Long: `Carries out the steps of a profile from the configuration one after another, until one ends in a way
that does not let the next run. Makes the store if there is none.`,
		Example: `  muster run nightly
  muster run nightly --quiet --json > last-run.json`,
		Args: arguments(1, 1), ValidArgsFunction: c.completeProfile, DisableFlagsInUseLine: true,
		RunE: c.does(func(ctx context.Context, args []string) error {
			knows := func(cfg *run.Config) *problem.Problem { _, wrong := cfg.Profile(args[0]); return wrong }
			return c.making(ctx, knows, func(s *app.Session) error {
				rep, err := s.Run(ctx, args[0])
				if rep == nil {
					return err
				}
				return c.stepsDone(rep, rep.Steps, err)
			})
		}),
	}
}

func (c *cli) stepDone(rep *run.StepReport, err error) error {
	if rep == nil || rep.Result == "" {
		return err
	}
	return c.stepsDone(rep, []run.StepReport{*rep}, err)
}

// stepsDone writes what steps did; one that failed has a report too.
func (c *cli) stepsDone(result any, steps []run.StepReport, err error) error {
	c.code = codeOfSteps(steps)
	if c.json {
		if e := c.giveBoth(result, err); e != nil {
			return e
		}
		return err
	}
	show := func(p *text.Printer) {
		if err != nil && len(steps) > 0 {
			steps[len(steps)-1].Message = "" // the error is told on its own
		}
		p.Steps(steps)
	}
	if e := c.give(result, show); e != nil {
		return e
	}
	return err
}

func (c *cli) releaseCommand() *cobra.Command {
	return c.heldImport("release CONNECTOR", "Take an import that the health gate holds for true",
		`Makes an import that the health gate holds the truth: the next synchronization follows it. See first
what it would do, with muster plan --release CONNECTOR.`, "take the held import of %s for true?",
		func(ctx context.Context, s *app.Session, name, because string) error {
			return s.Release(ctx, name, s.Person, because)
		}, "released")
}

func (c *cli) discardCommand() *cobra.Command {
	return c.heldImport("discard CONNECTOR", "Forget an import that the health gate holds",
		`Forgets an import that the health gate holds. The next import of the connector is a full one.`,
		"forget the held import of %s?",
		func(ctx context.Context, s *app.Session, name, because string) error {
			return s.Discard(ctx, name, s.Person, because)
		}, "discarded")
}
