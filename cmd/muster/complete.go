package main

import (
	"context"
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
