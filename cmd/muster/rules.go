package main

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"muster/cmd/muster/term"
	"muster/cmd/muster/text"
	"muster/internal/api/local"
	"muster/internal/app"
	"muster/internal/base/config"
	"muster/internal/base/problem"
)

// checked is what check answers in JSON.
type checked struct {
	Folder   string         `json:"folder"`
	Sections map[string]int `json:"sections"` // by type
	Version  string         `json:"version,omitempty"`
	Notes    problem.List   `json:"notes,omitempty"` // what is allowed and good to know
}

func (c *cli) checkCommand() *cobra.Command {
	return &cobra.Command{
		Use: "check [DIR]", Short: "Say everything that is wrong with a configuration",
		Long: `Reads a configuration and says everything that is wrong with it, each with file, line, column, the line
itself and what to do. Connects nowhere and needs no store, so it is fit for a check of a pull request.`,
		Example: "  muster check\n  muster check /etc/muster --json",
		Args:    arguments(0, 1), DisableFlagsInUseLine: true,
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveFilterDirs
		},
		RunE: c.does(func(_ context.Context, args []string) error {
			dir := c.dir
			if len(args) > 0 {
				dir = args[0]
			}
			cfg, problems := app.Check(dir)
			result := checked{Folder: dir, Sections: app.Sizes(cfg)}
			if len(problems) == 0 {
				result.Version, result.Notes = cfg.Rules.Version, cfg.Rules.Notes
			}
			if c.json {
				if len(problems) > 0 {
					c.code = codeUsage
				}
				return c.giveBoth(result, problems.Err())
			}
			return c.give(result, func(p *text.Printer) { c.showCheck(p, &result, problems) })
		}),
	}
}

func (c *cli) showCheck(p *text.Printer, r *checked, problems problem.List) {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(r.Sections)) {
		if k != "settings" {
			parts = append(parts, term.Count(int64(r.Sections[k]), k))
		}
	}
	what := strings.Join(parts, ", ")
	if what == "" {
		what = "no sections"
	}
	if len(problems) == 0 && len(parts) == 0 {
		p.Line("%s", p.Good("no problems")+", but nothing is described yet either")
		p.Problems(r.Notes)
		return
	}
	if len(problems) == 0 {
		p.Line("%s", p.Good("no problems")+": "+what)
		p.Problems(r.Notes)
		return
	}
	c.code = codeUsage
	p.Problems(problems)
	p.Line("")
	p.Line("%s", p.Bad(term.Count(int64(len(problems)), "problem"))+" in "+r.Folder+": "+what)
}

func (c *cli) testCommand() *cobra.Command {
	return &cobra.Command{
		Use: "test DIR|FILE…", Short: "Run stories: plain-text tests of rules",
		Long: `Runs stories, which say in plain text what systems hold, what happens, and what must be seen. No system
is touched and no store is needed. How stories are written is told in docs/stories.md.`,
		Example: "  muster test stories\n  muster test stories/leaver.txtar --json",
		Args:    arguments(1, -1), DisableFlagsInUseLine: true,
		RunE: c.does(func(ctx context.Context, args []string) error {
			return c.stories(ctx, args)
		}),
	}
}

// story is what became of a story, in JSON.
type story struct {
	File     string          `json:"file"`
	Title    string          `json:"title"`
	Covers   []string        `json:"covers,omitempty"`
	Holds    bool            `json:"holds"`
	Problems []local.Problem `json:"problems,omitempty"`
}

// told is what all stories came to, in JSON.
type told struct {
	Stories int     `json:"stories"`
	Failed  int     `json:"failed"`
	List    []story `json:"list"`
}

// stories runs stories and shows what became of them.
func (c *cli) stories(ctx context.Context, paths []string) error {
	results, err := runStories(ctx, paths, runtime.GOMAXPROCS(0))
	var missing *fs.PathError
	if errors.As(err, &missing) && errors.Is(err, os.ErrNotExist) {
		return &problem.Problem{Code: "no-such-file", Object: missing.Path, Message: "is not there", Fix: "name files that end in .txtar, or folders that hold some"}
	}
	if err != nil {
		return err
	}
	out := told{Stories: len(results), List: []story{}}
	var all problem.List
	for _, r := range results {
		if len(r.Problems) > 0 {
			out.Failed++
			c.code = codeFailed
		}
		all = append(all, r.Problems...)
		out.List = append(out.List, story{r.Path, r.Title, r.Covers, len(r.Problems) == 0, local.Problems(r.Problems.Err())})
	}
	return c.give(out, func(p *text.Printer) {
		if len(all) > 0 {
			p.Problems(all)
			p.Line("")
			p.Line("%s", p.Bad(term.Number(int64(out.Failed))+" of "+storyCount(len(results))+" failed"))
			return
		}
		p.Line("%s", p.Good(storyCount(len(results))+", all hold"))
	})
}

func storyCount(n int) string { return term.Count(int64(n), "story") }

// read is what schema answers in JSON.
type read struct {
	Connector string `json:"connector"`
	File      string `json:"file"`
	Changed   bool   `json:"changed"`
	Types     any    `json:"types"`
}

func (c *cli) schemaCommand() *cobra.Command {
	return &cobra.Command{
		Use: "schema CONNECTOR", Short: "Read what a system can hold, and keep it beside the configuration",
		Long: `Asks a connector's system for its types and attributes and writes them to schemas/CONNECTOR.json in the
configuration's folder, where check compares the rules with them. Keep the file under version control.`,
		Example: "  muster schema dir\n  muster schema dir && git diff schemas",
		Args:    arguments(1, 1), ValidArgsFunction: c.completeConnector, DisableFlagsInUseLine: true,
		RunE: c.does(func(ctx context.Context, args []string) error {
			file, s, changed, err := app.ReadSchema(ctx, c.dir, args[0])
			if err != nil {
				return err
			}
			types := map[string]int{}
			t := &term.Table{Head: []string{"type", "attributes"}, Right: []int{1}}
			for _, x := range s.Types {
				types[x.Name] = len(x.Attributes)
				t.Add(x.Name, term.Number(int64(len(x.Attributes))))
			}
			return c.give(read{args[0], file, changed, types}, func(p *text.Printer) {
				p.Table(t)
				if changed {
					p.Empty(file+" was written", "muster check")
				} else {
					p.Line("%s is as it was", file)
				}
			})
		}),
	}
}

// begun is what init answers in JSON.
type begun struct {
	Folder string   `json:"folder"`
	Files  []string `json:"files"`
}

func (c *cli) initCommand() *cobra.Command {
	return &cobra.Command{
		Use: "init DIR", Short: "Begin a configuration",
		Long: `Writes a first configuration with comments into a folder, and the schema by which editors complete it.
Overwrites nothing.`,
		Example: "  muster init rules\n  cd rules && muster check",
		Args:    arguments(1, 1), DisableFlagsInUseLine: true,
		RunE: c.does(func(_ context.Context, args []string) error {
			files, err := app.Begin(args[0])
			if err != nil {
				return err
			}
			return c.give(begun{args[0], files}, func(p *text.Printer) {
				p.Empty("wrote "+strings.Join(files, ", ")+" in "+args[0], "edit muster.yaml, then: muster check "+args[0])
			})
		}),
	}
}

func (c *cli) fieldsCommand() *cobra.Command {
	kinds := app.Kinds()
	return &cobra.Command{
		Use: "fields [SECTION]", Short: "Explain what can be written in a configuration",
		Long: `Explains a type of section: every setting, with its type, default and bounds. Without a name, lists the
types. With --json, the JSON Schema by which editors complete configuration files.`,
		Example: "  muster fields\n  muster fields connector\n  muster fields --json > muster.schema.json",
		Args:    arguments(0, 1), DisableFlagsInUseLine: true,
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			return first(args, typesOf(kinds)), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: c.does(func(_ context.Context, args []string) error {
			if c.json {
				_, err := c.out.Write(config.JSONSchema(kinds))
				return err
			}
			return c.showFields(kinds, args)
		}),
	}
}

func (c *cli) showFields(kinds []config.Kind, args []string) error {
	p := c.printer()
	if len(args) == 0 {
		t := &term.Table{Cut: []int{1}}
		for _, k := range kinds {
			t.Add(k.Type, k.Summary)
		}
		p.Table(t)
		return p.Err()
	}
	for _, k := range kinds {
		if k.Type == args[0] {
			p.Line("%s", strings.TrimRight(config.Help(k), "\n"))
			return p.Err()
		}
	}
	fix := problem.Suggest(args[0], typesOf(kinds))
	if fix == "" {
		fix = "list them with: muster fields"
	}
	return usage("there is no type of section "+args[0], fix)
}

func typesOf(kinds []config.Kind) []string {
	var out []string
	for _, k := range kinds {
		out = append(out, k.Type)
	}
	return out
}
