package main

import (
	"context"
	"os"

	"github.com/spf13/cobra"

	"muster/cmd/muster/term"
	"muster/internal/demo"
)

func (c *cli) demoCommand() *cobra.Command {
	var dir string
	var people int
	cmd := &cobra.Command{
		Use: "demo [--dir DIR]", Short: "Show what Muster does, on an organisation made up for it",
		Long: `Makes up an organisation with its HR files, badge database and directory, and goes through a week of
theirs. Nothing is installed and no network is used. With --dir everything is kept, to play on with.`,
		Example: "  muster demo\n  muster demo --dir playground\n  muster --config playground status",
		Args:    arguments(0, 0), DisableFlagsInUseLine: true,
		RunE: c.does(func(ctx context.Context, _ []string) error {
			if c.json {
				return usage("demo is for people and has no JSON", "leave --json away")
			}
			o := demo.Options{Out: c.out, Width: term.Terminal(c.out), Now: c.now, Dir: dir, People: people}
			o.Colour = o.Width > 0 && !c.noColour && os.Getenv("NO_COLOR") == ""
			if in, ok := c.in.(*os.File); ok && term.CanAsk(c.in, c.out) {
				o.Wait = demo.NewKeys(in).Wait
			}
			return demo.Run(ctx, o)
		}),
	}
	cmd.Flags().StringVar(&dir, "dir", "", "keep everything in `DIR`")
	numberFlag(cmd.Flags(), &people, "people", 0, "how many people `N` the organisation has; 2,000 if nothing is said")
	return cmd
}
