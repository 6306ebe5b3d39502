package term

import (
	"os"

	"golang.org/x/sys/windows"
)

// columns asks the console how wide it is; 0 if it does not say.
func columns(f *os.File) int {
	var info windows.ConsoleScreenBufferInfo
	if err := windows.GetConsoleScreenBufferInfo(windows.Handle(f.Fd()), &info); err != nil {
		return 0
	}
	return int(info.Window.Right-info.Window.Left) + 1
}
