package db

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
)

// OwnedError says that another process has the store open.
type OwnedError struct {
	Path string // the lock file
	By   string // who: "pid 4711 on host since …"
}

// Error says who owns the store and what to do.
func (e *OwnedError) Error() string {
	by := e.By
	if by == "" {
		by = "another process"
	}
	return fmt.Sprintf("the store is in use by %s; stop that process, or reach it through its socket (lock: %s)", by, e.Path)
}

// errLocked is what lockFile returns when somebody else holds the lock.
var errLocked = errors.New("locked")

// owner is a lock on a file beside the store. The operating system drops it
// when the process ends, however it ends.
type owner struct{ file *os.File }

func takeOwner(path string, now func() time.Time) (*owner, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("the store cannot be locked: %w", err)
	}
	if err := lockFile(f); err != nil {
		defer f.Close()
		if errors.Is(err, errLocked) {
			by, _ := os.ReadFile(path) // who it is helps; that it is locked is enough
			return nil, &OwnedError{Path: path, By: strings.TrimSpace(string(by))}
		}
		return nil, fmt.Errorf("%s cannot be locked: %w", path, err)
	}
	host, err := os.Hostname()
	if err != nil {
		host = "this machine"
	}
	note := fmt.Sprintf("pid %d on %s", os.Getpid(), host)
	if now != nil {
		note += " since " + now().UTC().Format(time.RFC3339)
	}
	if err := errors.Join(f.Truncate(0), writeAt(f, note+"\n")); err != nil {
		f.Close()
		return nil, fmt.Errorf("%s cannot be written: %w", path, err)
	}
	return &owner{file: f}, nil
}

func writeAt(f *os.File, s string) error {
	_, err := f.WriteAt([]byte(s), 0)
	return err
}

func (o *owner) release() {
	if o != nil && o.file != nil {
		o.file.Close() // drops the lock
		o.file = nil
	}
}
