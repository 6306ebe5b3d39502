package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// help writes a command's help page.
func (c *cli) help(cmd *cobra.Command, _ []string) {
	_, _ = io.WriteString(cmd.OutOrStdout(), page(cmd)) // there is nobody to tell
}

// page is a command's help page: what it does, how it is written, its
// commands, examples, flags, and exit codes.
func page(cmd *cobra.Command) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n  %s\n", cmd.Short, strings.TrimSuffix(cmd.UseLine(), " [flags]"))
	if cmd.Long != "" {
		fmt.Fprintf(&b, "\n%s\n", strings.TrimSpace(cmd.Long))
	}
	commandList(&b, cmd)
	if cmd.Example != "" {
		fmt.Fprintf(&b, "\nExamples\n%s\n", strings.TrimRight(cmd.Example, "\n"))
	}
	flagList(&b, "Flags", cmd.LocalNonPersistentFlags())
	if cmd.HasParent() {
		b.WriteString("\nEvery command has --config DIR, --json, --quiet and --no-color.\n")
	} else {
		flagList(&b, "Flags of every command", cmd.PersistentFlags())
	}
	fmt.Fprintf(&b, "\nExit codes\n  %s\n", strings.ReplaceAll(exitCodes, "\n", "\n  "))
	return b.String()
}

// commandList lists a command's own commands, by group.
func commandList(b *strings.Builder, cmd *cobra.Command) {
	list := func(title, group string) {
		head := false
		for _, x := range cmd.Commands() {
			if !x.IsAvailableCommand() && x.Name() != "help" || x.GroupID != group {
				continue
			}
			if !head {
				fmt.Fprintf(b, "\n%s\n", title)
				head = true
			}
			fmt.Fprintf(b, "  %-11s %s\n", x.Name(), x.Short)
		}
	}
	for _, g := range cmd.Groups() {
		list(g.Title, g.ID)
	}
	list("Commands", "")
}

func flagList(b *strings.Builder, title string, set *pflag.FlagSet) {
	var rows [][2]string
	wide := 0
	set.VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" {
			return
		}
		value, text := pflag.UnquoteUsage(f)
		if f.Value.Type() == "bool" {
			value = ""
		}
		name := strings.TrimSpace("--" + f.Name + " " + value)
		if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "0" {
			text += " (default " + f.DefValue + ")"
		}
		rows = append(rows, [2]string{name, text})
		wide = max(wide, len(name))
	})
	if len(rows) == 0 {
		return
	}
	fmt.Fprintf(b, "\n%s\n", title)
	for _, r := range rows {
		fmt.Fprintf(b, "  %-*s  %s\n", wide, r[0], r[1])
	}
}

// manual is the page of the manual about all commands.
func manual(root *cobra.Command) string {
	var b strings.Builder
	b.WriteString("# Commands\n\n<!-- Written by `go generate ./cmd/muster`. Change the help texts in cmd/muster. -->\n\n")
	b.WriteString("What `muster help COMMAND` says, on one page. The shape of `--json` is told in [json.md](json.md).\n")
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		if cmd.Name() == "completion" || cmd.Name() == "help" || cmd.Hidden {
			return
		}
		fmt.Fprintf(&b, "\n## %s\n\n```text\n%s```\n", cmd.CommandPath(), page(cmd))
		for _, x := range cmd.Commands() {
			walk(x)
		}
	}
	walk(root)
	return b.String()
}
