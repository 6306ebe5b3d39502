package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"reflect"
	"time"

	"github.com/spf13/cobra"

	"muster/cmd/muster/term"
	"muster/cmd/muster/text"
	"muster/internal/api/local"
	"muster/internal/app"
	"muster/internal/base/problem"
	"muster/internal/sync/run"
)

// cli is one call of the program.
type cli struct {
	in        io.Reader
	out, errs io.Writer
	now       func() time.Time
	open      func(context.Context, app.Options) (*app.Session, error)

	// The flags that every command has.
	dir                   string
	json, quiet, noColour bool
	yes                   bool // only where something dangerous is decided
	ask                   bool // systems what they object to, where a plan is shown

	command  string // which was called, without "muster"
	started  bool   // its arguments were understood
	code     int    // exit code where there is no error
	told     bool   // in JSON: the answer was written
	progress *term.Progress
	zone     *time.Location
}

// run runs a command and returns the exit code.
func (c *cli) run(ctx context.Context, args []string) int {
	root := c.root()
	root.SetArgs(args)
	c.json = asksForJSON(args) // also when the command line is not understood
	cmd, err := root.ExecuteContextC(ctx)
	if c.command == "" {
		c.command = nameOf(cmd)
	}
	if err != nil && !c.started {
		err = misunderstood(cmd, args, err)
	}
	if err == nil {
		return c.code
	}
	c.fail(err)
	return codeOf(err)
}

func asksForJSON(args []string) bool {
	for _, a := range args {
		switch a {
		case "--json", "--json=true":
			return true
		case "--":
			return false
		}
	}
	return false
}

// do is the body of a command.
type do func(ctx context.Context, args []string) error

// does makes do what a cobra command runs.
func (c *cli) does(fn do) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		c.started, c.command = true, nameOf(cmd)
		return fn(cmd.Context(), args)
	}
}

// with opens a session for a command, and closes it.
func (c *cli) with(ctx context.Context, fn func(s *app.Session) error) error {
	return c.session(ctx, app.Options{}, fn)
}

// making is with, and makes the store if there is none; before that the
// configuration must know what the command is about.
func (c *cli) making(ctx context.Context, knows func(*run.Config) *problem.Problem, fn func(s *app.Session) error) error {
	return c.session(ctx, app.Options{Create: true, Knows: knows}, fn)
}

func (c *cli) session(ctx context.Context, o app.Options, fn func(s *app.Session) error) error {
	o.Dir, o.Watch = c.dir, c.watch
	s, err := c.open(ctx, o)
	if err != nil {
		return err
	}
	c.zone = s.Zone
	err = fn(s)
	c.endProgress()
	return errors.Join(err, s.Close())
}

// watch tells of progress.
func (c *cli) watch(e run.Event) {
	if c.quiet {
		return
	}
	if c.progress == nil {
		c.progress = term.NewProgress(c.errs, term.Terminal(c.errs), c.now)
	}
	phase := map[string]string{"import": "read", "index": "indexed", "link": "linking", "decide": "decided", "accept": "accepted", "send": "sent"}[e.Phase]
	if phase == "" {
		phase = e.Phase
	}
	c.progress.Tell(text.StepName(e.Step)+": "+phase, e.Done, e.Total)
}

func (c *cli) endProgress() {
	if c.progress != nil {
		c.progress.End()
	}
}

// printer writes to where results go.
func (c *cli) printer() *text.Printer { return c.printerTo(c.out) }

func (c *cli) printerTo(w io.Writer) *text.Printer {
	columns := term.Terminal(w)
	colour := columns > 0 && !c.noColour && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	return &text.Printer{Out: term.NewOut(w, columns, colour), Zone: c.zone, Now: c.now()}
}

// answer is what --json writes.
type answer struct {
	Version  int             `json:"version"`
	Command  string          `json:"command"`
	Result   any             `json:"result,omitempty"`
	Problems []local.Problem `json:"problems,omitempty"`
}

// give writes a result: as JSON, or as show prints it.
func (c *cli) give(result any, show func(p *text.Printer)) error {
	c.endProgress()
	if c.json {
		return c.giveBoth(result, nil)
	}
	p := c.printer()
	show(p)
	return p.Err()
}

// giveBoth writes a result and what went wrong beside it as one JSON answer.
func (c *cli) giveBoth(result any, wrong error) error {
	c.told = true
	e := json.NewEncoder(c.out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(answer{Version: local.Version, Command: c.command, Result: listed(local.Shape(result)), Problems: local.Problems(wrong)})
}

// fail writes an error: in JSON on standard output, where programs look for an
// answer, otherwise for people on standard error.
func (c *cli) fail(err error) {
	c.endProgress()
	if c.json {
		if !c.told {
			if e := c.giveBoth(nil, err); e != nil {
				_, _ = io.WriteString(c.errs, "muster: "+e.Error()+"\n") // nowhere else to say it
			}
		}
		return
	}
	if codeOf(err) == codeInterrupted {
		_, _ = io.WriteString(c.errs, "muster: stopped; what was finished stays, and the same command goes on\n")
		return
	}
	p := c.printerTo(c.errs)
	p.Problems(problemsOf(err))
}

// problemsOf turns any error into problems to be shown.
func problemsOf(err error) problem.List {
	var list problem.List
	if errors.As(err, &list) {
		return list
	}
	var p *problem.Problem
	if errors.As(err, &p) {
		if p.Where.File == "" && p.Object == "" {
			q := *p
			q.Object = "muster"
			return problem.List{&q}
		}
		return problem.List{p}
	}
	return problem.List{{Object: "muster", Message: err.Error()}}
}

// confirm asks before something dangerous. Where nobody can be asked, only
// --yes lets it happen.
func (c *cli) confirm(ctx context.Context, question string) error {
	if c.yes {
		return nil
	}
	if !term.CanAsk(c.in, c.errs) || c.json {
		return usage("this is asked about first, and there is nobody to ask: "+question, "say --yes")
	}
	ok, err := term.Ask(ctx, c.in, c.errs, question)
	if err == nil && !ok {
		return &problem.Problem{Code: "not-confirmed", Message: "nothing was done"}
	}
	return err
}

// listed makes a list of nothing an empty one, so that programs find a list.
func listed(v any) any {
	if r := reflect.ValueOf(v); r.IsValid() && r.Kind() == reflect.Slice && r.IsNil() {
		return reflect.MakeSlice(r.Type(), 0, 0).Interface()
	}
	return v
}
