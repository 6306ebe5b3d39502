package main

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"muster/cmd/muster/text"
	"muster/internal/app"
	"muster/internal/sync/run"
)

// valuesHelp says how values are written.
const valuesHelp = `ATTRIBUTE=VALUE sets a value; written several times, several values. ATTRIBUTE= withdraws what was
edited, so that systems decide again. ATTRIBUTE+=VALUE adds a value, ATTRIBUTE-=VALUE takes one away.
A reference is written as an object: manager="person hr/1002".`

func (c *cli) editCommand() *cobra.Command {
	e := run.Edit{Do: run.EditChange}
	return c.editing(&e, &cobra.Command{
		Use: "edit OBJECT ATTRIBUTE=VALUE …", Short: "Change what people may edit of an object",
		Long: `Keeps what you say of an object in the portal's space, from where rules take it like that of any source,
and carries out at once what follows. It waits for no other work. Guards and holds count as always.

` + valuesHelp,
		Example: `  muster edit person hr/1002 mobile="+44 20 7946 0102"
  muster edit person hr/1002 mobile=
  muster edit group portal/sales-eu members+="person hr/1002" members-="person hr/1003"
  muster edit person hr/1002 title=Editor --dry-run`,
		Args: arguments(2, -1), ValidArgsFunction: c.completeEdit(1),
	}, func(args []string) (rest []string) {
		e.Object, rest = takeObject(args)
		return rest
	})
}

func (c *cli) newCommand() *cobra.Command {
	e := run.Edit{Do: run.EditNew}
	return c.editing(&e, &cobra.Command{
		Use: "new TYPE NAME ATTRIBUTE=VALUE …", Short: "Make an object that exists only here, such as a group",
		Long: `Makes an object in the portal's space, and carries out at once what follows. NAME is what plans call it
by, as in group portal/sales-eu; it stays the same. Rules say of which types people may make objects:
those with a rule from: portal/TYPE and project: true.

` + valuesHelp,
		Example: `  muster new group sales-eu name="Sales Europe" owner="person hr/1001"
  muster new group sales-eu name="Sales Europe" --dry-run`,
		Args: arguments(2, -1), ValidArgsFunction: c.completeEdit(2),
	}, func(args []string) []string {
		e.Type, e.Name = args[0], args[1]
		return args[2:]
	})
}

func (c *cli) removeCommand() *cobra.Command {
	e := run.Edit{Do: run.EditRemove}
	cmd := c.editing(&e, &cobra.Command{
		Use: "remove OBJECT", Short: "Withdraw all that was edited of an object; end one that exists only here",
		Long: `Takes everything out of the portal's space that was said there of an object, and carries out at once
what follows: an object that was made there ends, with its accounts; one that a system founded stays, with
what systems say of it.`,
		Example: "  muster remove group portal/sales-eu\n  muster remove person hr/1002 --dry-run",
		Args:    arguments(1, 2),
	}, func(args []string) (rest []string) {
		e.Object, rest = takeObject(args)
		return rest
	})
	c.yesFlag(cmd)
	return cmd
}

// editing completes a command that edits: take reads what comes before the
// values.
func (c *cli) editing(e *run.Edit, cmd *cobra.Command, take func(args []string) []string) *cobra.Command {
	var because string
	cmd.DisableFlagsInUseLine = true
	cmd.Use += " [--dry-run] [--because TEXT]"
	cmd.RunE = c.does(func(ctx context.Context, args []string) error {
		var err error
		if e.Values, err = values(take(args)); err != nil {
			return err
		}
		if e.Do == run.EditRemove && len(e.Values) > 0 {
			return usage("remove takes everything, not single values", "withdraw a value with: muster edit OBJECT ATTRIBUTE=")
		}
		return c.with(ctx, func(s *app.Session) error {
			if e.Do == run.EditRemove && !e.Preview {
				if err := c.confirm(ctx, "withdraw all that was edited of "+e.Object+", and end it if it exists only here?"); err != nil {
					return err
				}
			}
			rep, err := s.Edit(ctx, *e, run.Decision{By: s.Person, Because: because})
			if e.Preview || err != nil {
				return c.previewed(ctx, s, rep, err, run.Page{})
			}
			return c.edited(ctx, s, rep)
		})
	})
	cmd.Flags().BoolVar(&e.Preview, "dry-run", false, "show the plan, change nothing")
	c.askFlag(cmd, "dry-run")
	c.reasonFlag(cmd, &because)
	return cmd
}

// edited shows the plan of an edit, and what of it waits for people.
func (c *cli) edited(ctx context.Context, s *app.Session, rep *run.StepReport) error {
	c.code = codeOfSteps([]run.StepReport{*rep})
	info, err := s.Plan(ctx, rep.Plan)
	if err != nil {
		return err
	}
	units, err := s.Units(ctx, rep.Plan, run.Page{})
	if err != nil {
		return err
	}
	out := preview{Step: rep, Plan: &info, Units: shaped(units)}
	return c.give(out, func(p *text.Printer) {
		if len(units) == 0 && rep.Counters["held"]+rep.Counters["not-approved"] == 0 {
			p.Empty("nothing follows from that: another source counts more, or it is so already", "muster explain OBJECT ATTRIBUTE")
			return
		}
		p.PlanHead(&info)
		if len(units) > 0 {
			p.Line("")
			p.Units(units)
			p.Rest(len(units), info.Units, "muster plan show "+strconv.FormatInt(info.No, 10))
		}
		p.Notes(rep)
	})
}

// values reads ATTRIBUTE=VALUE, ATTRIBUTE+=VALUE and ATTRIBUTE-=VALUE. What is
// said of one attribute in the same way is said together.
func values(words []string) ([]run.EditValue, error) {
	var out []run.EditValue
	for _, w := range words {
		name, value, ok := strings.Cut(w, "=")
		v := run.EditValue{Name: name, Op: run.SetValues}
		for _, op := range []run.EditOp{run.AddValue, run.DropValues} {
			if n, found := strings.CutSuffix(name, strings.TrimSuffix(string(op), "=")); found {
				v.Name, v.Op = n, op
			}
		}
		if !ok || v.Name == "" {
			return nil, usage(w+" says nothing of an attribute", "write ATTRIBUTE=VALUE; put what has blanks in quotes")
		}
		if value == "" && v.Op != run.SetValues {
			return nil, usage(w+" has no value", "write the value that comes or goes")
		}
		i := slices.IndexFunc(out, func(x run.EditValue) bool { return x.Name == v.Name })
		switch {
		case i < 0:
			out = append(out, v)
			i = len(out) - 1
		case out[i].Op != v.Op && out[i].Op == run.SetValues || v.Op == run.SetValues && out[i].Op != run.SetValues:
			return nil, usage(v.Name+" is both set and changed", "write either "+v.Name+"=VALUE or "+v.Name+"+=VALUE")
		case out[i].Op != v.Op:
			if i = slices.IndexFunc(out, func(x run.EditValue) bool { return x.Name == v.Name && x.Op == v.Op }); i < 0 {
				out = append(out, v)
				i = len(out) - 1
			}
		}
		if value != "" {
			out[i].Values = append(out[i].Values, value)
		}
	}
	return out, nil
}
