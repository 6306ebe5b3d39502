package main

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"muster/cmd/muster/text"
	"muster/internal/app"
	"muster/internal/sync/run"
)

func (c *cli) statusCommand() *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "What there is, what is on its way, and what waits for whom",
		Long: `Counts objects and entries, and says what is on its way to each system, which imports are held and why,
and what waits for people.`,
		Example: "  muster status\n  muster status --json | jq .result.waiting",
		Args:    arguments(0, 0), DisableFlagsInUseLine: true,
		RunE: c.does(func(ctx context.Context, _ []string) error {
			return c.with(ctx, func(s *app.Session) error {
				st, err := s.Status(ctx)
				if err != nil {
					return err
				}
				return c.give(st, func(p *text.Printer) {
					if a := s.Server; a != nil {
						p.Line("%s", p.Faint("served by process "+strconv.Itoa(a.Process)+" of "+a.Account+", from "+a.Folder))
					}
					p.Status(st)
				})
			})
		}),
	}
}

func (c *cli) findCommand() *cobra.Command {
	var page run.Page
	cmd := &cobra.Command{
		Use: "find TEXT [--sort name|type|founder]", Short: "Find objects by the beginning of a name",
		Long: `Lists objects whose display name or account name begins with the text; case does not matter. The one that
is named exactly comes first, the others by the name they are found by, or sorted.`,
		Example: "  muster find okafor\n  muster find \"anna li\" --size 10\n  muster find a --sort type --match hr/",
		Args:    arguments(1, -1), DisableFlagsInUseLine: true,
		RunE: c.does(func(ctx context.Context, args []string) error {
			word := strings.Join(args, " ")
			return c.with(ctx, func(s *app.Session) error {
				list, err := s.Find(ctx, word, page)
				if err != nil {
					return err
				}
				return c.give(list, func(p *text.Printer) {
					switch {
					case len(list) > 0:
						p.Objects(list)
						p.More(len(list), pageSize(page), 0, list[len(list)-1].ID)
					case page.After != "" || page.Match != "":
						p.Empty("no further name begins with "+word, "")
					default:
						p.Empty("no name begins with "+word, "fewer letters, or an entry, such as: muster show hr/1002")
					}
				})
			})
		}),
	}
	f := cmd.Flags()
	f.StringVar(&page.After, "after", "", "begin behind the object with this `ID`")
	numberFlag(f, &page.Size, "size", 100, "at most `N` objects")
	f.StringVar(&page.Match, "match", "", "only objects whose name contains this `TEXT`")
	f.StringVar(&page.Sort, "sort", "", "`ORDER`: name, type or founder")
	_ = cmd.RegisterFlagCompletionFunc("sort", cobra.FixedCompletions([]string{"name", "type", "founder"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func (c *cli) showCommand() *cobra.Command {
	var asOf string
	cmd := &cobra.Command{
		Use: "show OBJECT [--as-of TIME]", Short: "Show an object, its entries and its history",
		Long: `Shows an object's values and where each came from, its entries in connected systems, what is on its way
to them, holds, and what plans did to it. With --as-of, as it was then.`,
		Example: "  muster show person hr/1002\n  muster show okafor\n  muster show hr/1002 --as-of 2027-03-01",
		Args:    arguments(1, -1), DisableFlagsInUseLine: true,
		RunE: c.does(func(ctx context.Context, args []string) error {
			return c.with(ctx, func(s *app.Session) error {
				var at time.Time
				if asOf != "" {
					var err error
					if at, err = when(asOf, s.Zone, true); err != nil {
						return err
					}
				}
				o, err := s.Show(ctx, strings.Join(args, " "), at)
				if err != nil {
					return err
				}
				return c.give(o, func(p *text.Printer) { p.Object(o) })
			})
		}),
	}
	cmd.Flags().StringVar(&asOf, "as-of", "", "as it was at a `TIME`: 2027-03-01 (the end of that day) or 2027-03-01T08:00:00Z")
	return cmd
}

func (c *cli) explainCommand() *cobra.Command {
	return &cobra.Command{
		Use: "explain OBJECT [ATTRIBUTE]", Short: "Say why a value is so, or why nothing happened",
		Long: `Says where a value came from, who else offered one and why it lost; or, for what did not happen, the
first condition that said no. An attribute is written as in plans: title, or dir.title for a value of
an account, or dir for the account itself.`,
		Example: "  muster explain person hr/1002 title\n  muster explain hr/1002 dir.fax\n  muster explain okafor",
		Args:    arguments(1, 3), DisableFlagsInUseLine: true,
		RunE: c.does(func(ctx context.Context, args []string) error {
			object, rest := takeObject(args)
			if len(rest) > 1 {
				return usage("explain does not know what to do with "+strings.Join(rest[1:], " "), "put what has blanks in quotes")
			}
			attr := strings.Join(rest, "")
			return c.with(ctx, func(s *app.Session) error {
				x, err := s.Explain(ctx, object, attr)
				if err != nil {
					return err
				}
				return c.give(x, func(p *text.Printer) { p.Explanation(x) })
			})
		}),
	}
}

func (c *cli) runsCommand() *cobra.Command {
	var page run.Page
	cmd := &cobra.Command{
		Use: "runs", Short: "List what ran, the newest first",
		Long:    "Lists runs, the newest first: what, by whom, when, and how it ended. --json has steps, counters and errors.",
		Example: "  muster runs\n  muster runs --size 1 --json",
		Args:    arguments(0, 0), DisableFlagsInUseLine: true,
		RunE: c.does(func(ctx context.Context, _ []string) error {
			return c.with(ctx, func(s *app.Session) error {
				list, err := s.Runs(ctx, page)
				if err != nil {
					return err
				}
				return c.give(list, func(p *text.Printer) {
					if len(list) == 0 {
						p.Empty("nothing has run yet", "muster import CONNECTOR, or muster run PROFILE")
						return
					}
					p.Runs(list)
					p.More(len(list), pageSize(page), 0, strconv.FormatInt(list[len(list)-1].Run, 10))
				})
			})
		}),
	}
	cmd.Flags().StringVar(&page.After, "after", "", "begin behind the run with this `NO`")
	numberFlag(cmd.Flags(), &page.Size, "size", 100, "at most `N` runs")
	return cmd
}

// when reads an instant or a date; a date means its beginning, or its end.
func when(word string, zone *time.Location, end bool) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339Nano, word); err == nil {
		return t, nil
	}
	if zone == nil {
		zone = time.UTC
	}
	if t, err := time.ParseInLocation("2006-01-02 15:04", word, zone); err == nil {
		return t, nil
	}
	t, err := time.ParseInLocation("2006-01-02", word, zone)
	if err != nil {
		return t, usage(word+" is no time", "write 2027-03-01, \"2027-03-01 08:00\" or 2027-03-01T08:00:00Z")
	}
	if end {
		return t.AddDate(0, 0, 1).Add(-time.Microsecond), nil
	}
	return t, nil
}

// span reads a length of time: 30d, 2w, 12h.
func span(word string) (time.Duration, bool) {
	if n, err := strconv.Atoi(strings.TrimRight(word, "dw")); err == nil && n > 0 && len(word) > 1 {
		switch word[len(word)-1] {
		case 'd':
			return time.Duration(n) * 24 * time.Hour, true
		case 'w':
			return time.Duration(n) * 7 * 24 * time.Hour, true
		}
	}
	d, err := time.ParseDuration(word)
	return d, err == nil && d > 0
}
