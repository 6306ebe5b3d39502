package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"muster/cmd/muster/text"
	"muster/internal/app"
	"muster/internal/sync/run"
)

// outcome is the result of a decision in JSON.
type outcome struct {
	Decided int    `json:"decided"`
	Person  string `json:"person"`
}

// heldImport makes the commands that settle an import that is held.
func (c *cli) heldImport(use, short, long, question string, settle func(context.Context, *app.Session, string, string) error, done string) *cobra.Command {
	var because string
	verb, _, _ := strings.Cut(use, " ")
	cmd := &cobra.Command{
		Use: use + " [--because TEXT]", Short: short, Long: long,
		Example: fmt.Sprintf("  muster %s hr --because \"HR confirmed it\"\n  muster %s hr --yes", verb, verb),
		Args:    arguments(1, 1), ValidArgsFunction: c.completeConnector, DisableFlagsInUseLine: true,
		RunE: c.does(func(ctx context.Context, args []string) error {
			if err := c.confirm(ctx, fmt.Sprintf(question, args[0])); err != nil {
				return err
			}
			return c.with(ctx, func(s *app.Session) error {
				if err := settle(ctx, s, args[0], because); err != nil {
					return err
				}
				return c.give(outcome{1, s.Person}, func(p *text.Printer) {
					p.Empty("the import of "+args[0]+" was "+done+" by "+s.Person, "muster sync")
				})
			})
		}),
	}
	c.reasonFlag(cmd, &because)
	c.yesFlag(cmd)
	return cmd
}

func (c *cli) reasonFlag(cmd *cobra.Command, because *string) {
	cmd.Flags().StringVar(because, "because", "", "the reason, as `TEXT` that others read")
}

func (c *cli) yesFlag(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&c.yes, "yes", false, "do not ask first")
}

func (c *cli) queueCommand() *cobra.Command {
	var page run.Page
	cmd := &cobra.Command{
		Use: "queue", Short: "Entries that could join several objects, and who they are",
		Long: `Lists the join queue: entries that match several objects, or one that has an entry of this connector
already. You say which object an entry belongs to, or that it is somebody new.`,
		Example: `  muster queue
  muster queue join hr/2001 person hr/1002
  muster queue new hr/2001`,
		Args: arguments(0, 0), DisableFlagsInUseLine: true,
		RunE: c.does(func(ctx context.Context, _ []string) error {
			return c.with(ctx, func(s *app.Session) error {
				list, err := s.Queue(ctx, page)
				if err != nil {
					return err
				}
				return c.give(list, func(p *text.Printer) {
					if len(list) == 0 {
						p.Empty("the join queue is empty", "")
						return
					}
					p.Queue(list)
					p.More(len(list), pageSize(page), 0, list[len(list)-1].Key)
				})
			})
		}),
	}
	pageFlags(cmd, &page)
	cmd.AddCommand(c.queueJoin(), c.queueNew())
	return cmd
}

func (c *cli) queueJoin() *cobra.Command {
	var because string
	cmd := &cobra.Command{
		Use: "join ENTRY OBJECT [--because TEXT]", Short: "Say to which object an entry belongs",
		Long:    "Links an entry of the join queue to an object, for good: later runs leave it so.",
		Example: "  muster queue join hr/2001 hr/1002\n  muster queue join badge/77 person hr/1002 --because \"asked her\"",
		Args:    arguments(2, 3), DisableFlagsInUseLine: true,
		RunE: c.does(func(ctx context.Context, args []string) error {
			object, rest := takeObject(args[1:])
			if len(rest) > 0 {
				return usage("queue join does not know what to do with "+strings.Join(rest, " "), "write the object as one word: "+`"`+strings.Join(args[1:], " ")+`"`)
			}
			return c.joinTo(ctx, args[0], object, because, args[0]+" belongs to "+object)
		}),
	}
	c.reasonFlag(cmd, &because)
	return cmd
}

func (c *cli) queueNew() *cobra.Command {
	var because string
	cmd := &cobra.Command{
		Use: "new ENTRY [--because TEXT]", Short: "Say that an entry is somebody new",
		Long:    "Founds a new object for an entry of the join queue.",
		Example: "  muster queue new hr/2001\n  muster queue new hr/2001 --because \"same name, another person\"",
		Args:    arguments(1, 1), DisableFlagsInUseLine: true,
		RunE: c.does(func(ctx context.Context, args []string) error {
			return c.joinTo(ctx, args[0], "", because, args[0]+" is somebody new")
		}),
	}
	c.reasonFlag(cmd, &because)
	return cmd
}

func (c *cli) disconnectCommand() *cobra.Command {
	var because string
	cmd := &cobra.Command{
		Use: "disconnect ENTRY [--because TEXT]", Short: "Cut an entry from its object",
		Long: `Cuts an entry from its object. It stays cut, whatever joins match, until somebody lifts that hold. What
the entry gave is recalled, and its account is left as it is.`,
		Example: "  muster disconnect badge/77 --because \"wrong person\"\n  muster disconnect 'dir:uid=anna,ou=people,dc=example' --yes",
		Args:    arguments(1, 1), DisableFlagsInUseLine: true,
		RunE: c.does(func(ctx context.Context, args []string) error {
			if err := c.confirm(ctx, "cut "+args[0]+" from its object?"); err != nil {
				return err
			}
			return c.decides(ctx, because, args[0]+" will be cut by the next synchronization", func(s *app.Session, d run.Decision) error {
				return s.Disconnect(ctx, args[0], d)
			})
		}),
	}
	c.reasonFlag(cmd, &because)
	c.yesFlag(cmd)
	return cmd
}

// joinTo links an entry to an object; "" founds one.
func (c *cli) joinTo(ctx context.Context, entry, object, because, done string) error {
	return c.decides(ctx, because, done, func(s *app.Session, d run.Decision) error { return s.JoinTo(ctx, entry, object, d) })
}

// decides has one thing decided, which the next synchronization follows.
func (c *cli) decides(ctx context.Context, because, done string, do func(*app.Session, run.Decision) error) error {
	return c.with(ctx, func(s *app.Session) error {
		if err := do(s, run.Decision{By: s.Person, Because: because}); err != nil {
			return err
		}
		return c.give(outcome{1, s.Person}, func(p *text.Printer) { p.Empty(done, "muster sync") })
	})
}

// takeObject takes an object off the front of arguments: "person hr/1002" as
// two of them, or one argument.
func takeObject(args []string) (object string, rest []string) {
	if len(args) == 0 {
		return "", nil
	}
	if len(args) > 1 && isWord(args[0]) && strings.ContainsAny(args[1], "/:") {
		return args[0] + " " + args[1], args[2:]
	}
	return args[0], args[1:]
}

// isWord reports that s can be the name of a type.
func isWord(s string) bool { return s != "" && !strings.ContainsAny(s, `/:.=," `) }

func pageFlags(cmd *cobra.Command, p *run.Page) {
	cmd.Flags().StringVar(&p.After, "after", "", "begin behind the item with this `KEY`, which the page before names")
	numberFlag(cmd.Flags(), &p.Size, "size", 100, "at most `N` items")
	cmd.Flags().StringVar(&p.Match, "match", "", "only items that contain this `TEXT`")
}

func pageSize(p run.Page) int {
	if p.Size <= 0 {
		return 100
	}
	return p.Size
}
