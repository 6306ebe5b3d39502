//go:build !linux && !darwin && !freebsd && !netbsd && !openbsd && !windows

package demo

import (
	"errors"
	"os"
)

func singleKeys(*os.File) (func(), error) { return nil, errors.ErrUnsupported }
