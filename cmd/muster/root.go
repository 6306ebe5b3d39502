package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"muster/internal/base/problem"
)

// The groups in which commands are listed.
const (
	groupWork   = "work"
	groupPortal = "portal"
	groupDecide = "decide"
	groupLook   = "look"
	groupRules  = "rules"
	groupOther  = "other"
)

// root makes the tree of commands.
func (c *cli) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "muster",
		Short: "Keep systems agreed on who people are, and show every change before it is made",
		Long: `Muster reads what connected systems say, decides by your rules what should follow, and shows that as
a plan. Nothing reaches a system except through a plan that was accepted.

An OBJECT is written as plans write it: person hr/1002, hr/1002, dir:"uid=anna,ou=people,dc=example,
an id, or the beginning of a name that only one object has.`,
		Example: `  muster check                 # is the configuration right?
  muster run nightly           # import, synchronize, export
  muster status                # what waits, and for whom`,
		SilenceErrors: true, SilenceUsage: true,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c.started = true
			return cmd.Help()
		},
	}
	root.AddGroup(&cobra.Group{ID: groupWork, Title: "Every day"}, &cobra.Group{ID: groupPortal, Title: "Edit"}, &cobra.Group{ID: groupDecide, Title: "Decide"},
		&cobra.Group{ID: groupLook, Title: "Look"}, &cobra.Group{ID: groupRules, Title: "Configuration"}, &cobra.Group{ID: groupOther, Title: "Other"})
	c.globals(root.PersistentFlags())
	c.commands(root)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return err })
	root.SetHelpFunc(c.help)
	root.SetHelpCommandGroupID(groupOther)
	root.SetCompletionCommandGroupID(groupOther)
	root.SetOut(c.out)
	root.SetErr(c.errs)
	root.SetIn(c.in)
	root.InitDefaultHelpCmd()
	for _, cmd := range root.Commands() {
		if cmd.Name() == "help" {
			cmd.Run, cmd.RunE = nil, helpOn
		}
	}
	root.InitDefaultCompletionCmd()
	return root
}

// helpOn shows the help page of the command that the words name.
func helpOn(cmd *cobra.Command, words []string) error {
	found, rest, err := cmd.Root().Find(words)
	if err != nil || found == nil || len(rest) > 0 {
		return usage("there is no command "+strings.Join(words, " "), "list them with: muster help")
	}
	return found.Help()
}

func (c *cli) globals(f *pflag.FlagSet) {
	dir := os.Getenv("MUSTER_CONFIG")
	if dir == "" {
		dir = "."
	}
	f.StringVar(&c.dir, "config", dir, "`DIR` of the configuration; $MUSTER_CONFIG, else the folder you are in")
	f.Lookup("config").DefValue = ""
	f.BoolVar(&c.json, "json", false, "write the answer as JSON (docs/manual/json.md)")
	f.BoolVar(&c.quiet, "quiet", false, "no progress and no remarks, only results and problems")
	f.BoolVar(&c.noColour, "no-color", false, "no colours; $NO_COLOR does the same")
}

// commands adds every command, in the order of the manual.
func (c *cli) commands(root *cobra.Command) {
	add := func(group string, list ...*cobra.Command) {
		for _, x := range list {
			x.GroupID = group
			root.AddCommand(x)
		}
	}
	add(groupWork, c.statusCommand(), c.importCommand(), c.syncCommand(), c.exportCommand(), c.runCommand(), c.serveCommand())
	add(groupPortal, c.editCommand(), c.newCommand(), c.removeCommand())
	add(groupDecide, c.planCommand(), c.queueCommand(), c.releaseCommand(), c.discardCommand(), c.disconnectCommand())
	add(groupLook, c.findCommand(), c.showCommand(), c.explainCommand(), c.runsCommand())
	add(groupRules, c.checkCommand(), c.testCommand(), c.schemaCommand(), c.secretCommand(), c.initCommand(), c.fieldsCommand())
	add(groupOther, c.demoCommand(), c.versionCommand())
}

// nameOf is what a command is called, without "muster".
func nameOf(cmd *cobra.Command) string {
	if cmd == nil {
		return ""
	}
	return strings.TrimPrefix(strings.TrimPrefix(cmd.CommandPath(), "muster"), " ")
}

// misunderstood turns what cobra says of a command line into a problem.
func misunderstood(cmd *cobra.Command, args []string, err error) error {
	var known *usageError
	if errors.As(err, &known) {
		return err
	}
	message, _, _ := strings.Cut(err.Error(), "\n")
	if word := unknownWord(cmd, args); word != "" { // it says more than the flags behind it
		message = fmt.Sprintf("unknown command %q", word)
	}
	help := "muster help"
	if n := nameOf(cmd); n != "" {
		help = "muster help " + n
	}
	fix := "see: " + help
	if flag, why, ok := badValue(message); ok {
		message = flag + why
	} else if rest, ok := strings.CutPrefix(message, "unknown command "); ok {
		word, _, _ := strings.Cut(strings.TrimPrefix(rest, `"`), `"`)
		message = "there is no command " + word
		if n := nameOf(cmd); n != "" {
			message = "there is no command " + n + " " + word
		}
		if s := problem.Suggest(word, namesOf(cmd)); s != "" {
			fix = s + " " + fix
		}
	} else if name, ok := strings.CutPrefix(message, "unknown flag: --"); ok {
		message = "there is no flag --" + name
		var names []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
		if s := problem.Suggest(name, names); s != "" {
			fix = strings.Replace(s, "mean ", "mean --", 1) + " " + fix
		}
	}
	return usage(message, fix)
}

// unknownWord returns the word that stands where a command should, "" if none does.
func unknownWord(cmd *cobra.Command, args []string) string {
	if cmd == nil || !cmd.HasSubCommands() || cmd.HasParent() && cmd.Runnable() {
		return ""
	}
	_, rest, err := cmd.Root().Find(args)
	if err != nil {
		return ""
	}
	for len(rest) > 0 && strings.HasPrefix(rest[0], "-") {
		f := cmd.Flag(strings.TrimLeft(rest[0], "-"))
		if rest = rest[1:]; f != nil && f.NoOptDefVal == "" && len(rest) > 0 {
			rest = rest[1:]
		}
	}
	if len(rest) == 0 {
		return ""
	}
	return rest[0]
}

// badValue takes apart what is said of a flag whose value is unfit.
func badValue(message string) (flag, why string, ok bool) {
	if flag, ok := strings.CutPrefix(message, "flag needs an argument: "); ok {
		return flag, " needs a value", true
	}
	rest, ok := strings.CutPrefix(message, "invalid argument ")
	value, rest, _ := strings.Cut(rest, " for ")
	flag, why, _ = strings.Cut(rest, " flag: ")
	if strings.HasPrefix(why, "strconv.ParseBool") {
		why = "it takes true or false, or stands alone"
	}
	return strings.Trim(flag, `"`) + " " + value, ": " + why, ok
}

// arguments checks how many arguments there are, and says what they are.
func arguments(least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		_, form, _ := strings.Cut(cmd.Use, " ")
		switch {
		case len(args) < least && len(args) == 0:
			return usage(nameOf(cmd)+" needs "+wanted(form, least, 0), "write it as: muster "+usageLine(cmd))
		case len(args) < least:
			return usage(nameOf(cmd)+" needs "+wanted(form, least, len(args))+" too", "write it as: muster "+usageLine(cmd))
		case most == 0 && len(args) > 0 && cmd.HasAvailableSubCommands():
			fix := "there are " + strings.Join(namesOf(cmd), ", ") + "; see: muster help " + nameOf(cmd)
			if s := problem.Suggest(args[0], namesOf(cmd)); s != "" {
				fix = s + " see: muster help " + nameOf(cmd)
			}
			return usage("there is no command "+nameOf(cmd)+" "+args[0], fix)
		case most >= 0 && len(args) > most:
			return usage(nameOf(cmd)+" does not know what to do with "+strings.Join(args[most:], " "), "write it as: muster "+usageLine(cmd)+"; put what has blanks in quotes")
		}
		return nil
	}
}

// wanted names the arguments that are missing: those of the form, up to the
// least number, behind those that are there.
func wanted(form string, least, there int) string {
	words := strings.Fields(form)
	list := words[min(there, len(words)):min(least, len(words))]
	for i, w := range list {
		article := "a "
		if strings.ContainsRune("AEIO", rune(w[0])) {
			article = "an "
		}
		list[i] = article + w
	}
	return strings.Join(list, " and ")
}

// usageLine is how a command is written, without "muster".
func usageLine(cmd *cobra.Command) string {
	return strings.TrimPrefix(strings.TrimPrefix(strings.TrimSuffix(cmd.UseLine(), " [flags]"), "muster"), " ")
}

// namesOf lists the commands of a command.
func namesOf(cmd *cobra.Command) []string {
	var out []string
	for _, x := range cmd.Commands() {
		if x.IsAvailableCommand() {
			out = append(out, x.Name())
		}
	}
	return out
}
