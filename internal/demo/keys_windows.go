package demo

import (
	"os"

	"golang.org/x/sys/windows"
)

// singleKeys makes a console give each key at once, without showing it.
func singleKeys(f *os.File) (restore func(), err error) {
	h := windows.Handle(f.Fd())
	var was uint32
	if err := windows.GetConsoleMode(h, &was); err != nil {
		return nil, err
	}
	if err := windows.SetConsoleMode(h, was&^(windows.ENABLE_LINE_INPUT|windows.ENABLE_ECHO_INPUT)); err != nil {
		return nil, err
	}
	return func() { windows.SetConsoleMode(h, was) }, nil //nolint:errcheck // the console may be gone
}
