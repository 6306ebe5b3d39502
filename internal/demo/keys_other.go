//go:build !linux && !darwin && !freebsd && !netbsd && !openbsd && !windows

package demo

import (
	"errors"
	"os"
)

func singleKeys(*os.File) (func(), error) { return nil, errors.ErrUnsupported }

// Columns is how wide a terminal is, 0 if that is not known.
func Columns(*os.File) int { return 0 }
