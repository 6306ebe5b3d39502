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

// Columns is how wide a console is, 0 if that is not known.
func Columns(f *os.File) int {
	var info windows.ConsoleScreenBufferInfo
	if err := windows.GetConsoleScreenBufferInfo(windows.Handle(f.Fd()), &info); err != nil {
		return 0
	}
	return int(info.Window.Right-info.Window.Left) + 1
}
