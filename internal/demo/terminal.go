package demo

import (
	"os"
	"time"

	"github.com/mattn/go-isatty"
)

// Terminal says how to show the demo where out leads: on a terminal step by
// step, in colour unless NO_COLOR is set; elsewhere, and in CI, at once and
// plain.
func Terminal(in, out *os.File) Options {
	o := Options{Out: out, Now: time.Now}
	if !isatty.IsTerminal(out.Fd()) {
		return o
	}
	o.Width = Columns(out)
	o.Colour = os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	if os.Getenv("CI") != "true" && isatty.IsTerminal(in.Fd()) {
		o.Wait = NewKeys(in).Wait
	}
	return o
}
