package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"

	"github.com/spf13/cobra"

	"muster/cmd/muster/text"
	"muster/internal/app"
)

func (c *cli) serveCommand() *cobra.Command {
	var group string
	cmd := &cobra.Command{
		Use: "serve [--socket-group GROUP]", Short: "Answer other commands, and run profiles by their schedules",
		Long: `Opens the store, answers other commands at a socket beside it (or at $MUSTER_SOCKET), and runs profiles
by the schedules of the configuration, one at a time for each connector. What schedules missed while no
server was up is made up for once, at the start; what comes while the same schedule still runs is left
out. A run that the end of the server stopped is run again at the next start. On PostgreSQL several
servers share the schedules: each time is run by one of them.

Who asks is known by the account of the operating system; only the server's own account may ask, and
with --socket-group the members of that group, who may then do everything.

SIGHUP reads the configuration again, if it has no problems. Ctrl-C or SIGTERM has work under way stop
at its next batch; the second one ends the server at once. Writes a log to standard error, with --json
as JSON lines.`,
		Example: "  muster serve\n  muster serve --config /etc/muster --socket-group identity --json",
		Args:    arguments(0, 0), DisableFlagsInUseLine: true,
		RunE: c.does(func(ctx context.Context, _ []string) error {
			reload, stop := reloads()
			defer stop()
			var h slog.Handler = slog.NewTextHandler(c.errs, nil)
			if c.json {
				h = slog.NewJSONHandler(c.errs, nil)
			}
			return app.Serve(ctx, app.ServeOptions{Dir: c.dir, Group: group, Log: slog.New(h), Reload: reload})
		}),
	}
	cmd.Flags().StringVar(&group, "socket-group", "", "members of `GROUP` may use the socket too")
	return cmd
}

// reloads tells when somebody asks for the configuration to be read again.
func reloads() (<-chan os.Signal, func()) {
	if len(reloadSignals) == 0 {
		return nil, func() {}
	}
	ch := make(chan os.Signal, 1)
	signal.Notify(ch, reloadSignals...)
	return ch, func() { signal.Stop(ch) }
}

func (c *cli) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Say which build this is",
		Long:    "Says which build this is, and the version of the shape of its JSON.",
		Example: "  muster version\n  muster version --json | jq -r .result.version",
		Args:    arguments(0, 0), DisableFlagsInUseLine: true,
		RunE: c.does(func(context.Context, []string) error {
			b := app.Build()
			return c.give(b, func(p *text.Printer) {
				line := "muster " + b.Version
				if b.Commit != "" {
					line += ", commit " + b.Commit
					if b.Modified {
						line += " with changes"
					}
				}
				p.Line("%s, built with %s", line, b.Go)
			})
		}),
	}
}
