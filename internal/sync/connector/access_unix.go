//go:build unix

package connector

import "golang.org/x/sys/unix"

// MayWrite asks the operating system whether we may write the file, or in the
// folder, without trying it.
func MayWrite(path string) bool {
	return unix.Faccessat(unix.AT_FDCWD, path, unix.W_OK, unix.AT_EACCESS) == nil
}
