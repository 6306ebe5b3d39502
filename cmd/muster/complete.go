package main

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"muster/internal/api/local"
	"muster/internal/app"
	"muster/internal/sync/run"
)

// first offers words for the first argument, none for others.
func first(args, words []string) []string {
	if len(args) > 0 {
		return nil
	}
	return words
}

func (c *cli) completeConnector(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	return first(args, app.Names(c.dir, "connector")), cobra.ShellCompDirectiveNoFileComp
}

func (c *cli) completeProfile(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	return first(args, app.Names(c.dir, "profile")), cobra.ShellCompDirectiveNoFileComp
}

// completeEdit offers the attributes that people may edit, from the argument
// with that number on, and the types of which they may make objects before it.
func (c *cli) completeEdit(from int) func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		edit, found := app.Editable(c.dir)
		var out []string
		switch {
		case from == 2 && len(args) == 0:
			return found, cobra.ShellCompDirectiveNoFileComp
		case len(args) < from:
			return nil, cobra.ShellCompDirectiveNoFileComp
		case edit[args[0]] != nil:
			out = edit[args[0]]
		default:
			for _, list := range edit {
				out = append(out, list...)
			}
			slices.Sort(out)
			out = slices.Compact(out)
		}
		for i := range out {
			out[i] += "="
		}
		return out, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	}
}

// completePlan offers the numbers of plans. It asks a server only: completing a
// word must not open the store, which would keep others out.
func (c *cli) completePlan(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	socket := app.Socket(c.dir)
	if len(args) > 0 || !local.Answers(socket) {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	list, err := local.NewClient(socket, nil).ListPlans(ctx, run.Page{Size: 20})
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var out []string
	for i := range list {
		p := &list[i]
		out = append(out, strconv.FormatInt(p.No, 10)+"\t"+p.Kind+", "+p.State+", "+strconv.FormatInt(p.Units, 10)+" objects")
	}
	return out, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
}
