package csv

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"muster/internal/sync/connector"
)

// beside returns the name of a helper file in the folder of path.
func beside(path, what string) string {
	return filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".muster-"+what)
}

// lock is held by the one who writes the files. It lies beside the main files
// and goes with its holder, however that ends.
type lock []*os.File

// takeLock locks the main files of all settings, or returns *connector.Busy.
func (c *conn) takeLock() (lock, error) {
	var paths []string
	for _, f := range c.set.Files {
		paths = append(paths, beside(f.Path, "lock"))
	}
	slices.Sort(paths) // one order for all, so that two cannot wait for each other
	var l lock
	for _, p := range paths {
		f, err := lockOne(p)
		if err != nil {
			l.release()
			return nil, err
		}
		l = append(l, f)
	}
	return l, nil
}

func lockOne(path string) (*os.File, error) {
	for {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return nil, fault(connector.PermissionIssue, path, "an export needs the right to write in the folder", "the lock cannot be taken: %v", err)
		}
		ok, err := lockFile(f)
		if !ok {
			f.Close()
			if err != nil {
				return nil, fmt.Errorf("%s: %w", path, err)
			}
			return nil, &connector.Busy{Err: errors.New("another export is writing " + path)}
		}
		// The holder before us may have removed the file between our open and
		// our lock: then it is no longer the lock.
		mine, err1 := f.Stat()
		now, err2 := os.Stat(path)
		if err1 == nil && err2 == nil && os.SameFile(mine, now) {
			return f, nil
		}
		f.Close()
	}
}

func (l lock) release() {
	for _, f := range l {
		_ = os.Remove(f.Name())
		f.Close()
	}
}
