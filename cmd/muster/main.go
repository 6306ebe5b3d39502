// Command muster keeps every directory, database and application of an
// organisation agreed on who its people are. This package reads the command
// line, calls the desk, prints what it answers and sets the exit code; it holds
// no rule.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"muster/internal/app"
)

//go:generate go test -run TestManualIsFresh -update .

func main() { os.Exit(start(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

// start runs one command and returns its exit code.
func start(args []string, in io.Reader, out, errs io.Writer) int {
	app.TuneMemory()
	ctx, stop := interruptible(errs)
	defer stop()
	cobra.EnableCommandSorting = false // ours are in the order in which people need them
	c := &cli{in: in, out: out, errs: errs, now: time.Now, open: app.Open}
	return c.run(ctx, args)
}

// interruptible returns a context that ends at the first Ctrl-C or SIGTERM, so
// that work stops at its next batch. The second ends the program at once.
func interruptible(errs io.Writer) (context.Context, func()) {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		if _, ok := <-signals; !ok {
			return
		}
		cancel()
		_, _ = io.WriteString(errs, "\nmuster: stopping at the next batch; once more stops at once\n")
		if _, ok := <-signals; ok {
			os.Exit(codeInterrupted)
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(signals)
		cancel()
	}
}
