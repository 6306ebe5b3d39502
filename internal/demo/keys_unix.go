//go:build linux || darwin || freebsd || netbsd || openbsd

package demo

import (
	"os"

	"golang.org/x/sys/unix"
)

// singleKeys makes a terminal give each key at once, without showing it.
func singleKeys(f *os.File) (restore func(), err error) {
	fd := int(f.Fd())
	was, err := unix.IoctlGetTermios(fd, getTermios)
	if err != nil {
		return nil, err
	}
	raw := *was
	raw.Lflag &^= unix.ICANON | unix.ECHO
	raw.Cc[unix.VMIN], raw.Cc[unix.VTIME] = 1, 0
	if err := unix.IoctlSetTermios(fd, setTermios, &raw); err != nil {
		return nil, err
	}
	return func() { unix.IoctlSetTermios(fd, setTermios, was) }, nil //nolint:errcheck // the terminal may be gone
}
