package csv

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/cespare/xxhash/v2"

	"muster/internal/sync/connector"
)

// fingerprint tells whether a file is still the same: by size and time, and
// where only the time differs, by its content.
type fingerprint struct {
	size, modified int64
	hash           uint64
}

func printOf(info os.FileInfo, hash uint64) fingerprint {
	return fingerprint{info.Size(), info.ModTime().UnixNano(), hash}
}

// takePrint reads a file only for its fingerprint. A file that is not there
// has the zero fingerprint.
func takePrint(path string) (fingerprint, error) {
	f, info, err := openFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return fingerprint{}, nil
	}
	if err != nil {
		return fingerprint{}, err
	}
	defer f.Close()
	h := xxhash.New()
	if _, err := io.Copy(h, f); err != nil {
		return fingerprint{}, fmt.Errorf("%s: %w", path, err)
	}
	return printOf(info, h.Sum64()), nil
}

// changed reports whether the file at path is no longer what p was taken of.
func (p fingerprint) changed(path string) (bool, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return p != fingerprint{}, nil
	case err != nil:
		return true, err
	case info.Size() != p.size:
		return true, nil
	case info.ModTime().UnixNano() == p.modified:
		return false, nil
	}
	now, err := takePrint(path)
	return now.hash != p.hash, err
}

const markVersion = "csv1"

// formatMark writes the fingerprints of all files, in the order of the settings.
func formatMark(prints []fingerprint) connector.Mark {
	var b strings.Builder
	b.WriteString(markVersion)
	for _, p := range prints {
		fmt.Fprintf(&b, " %d:%d:%x", p.size, p.modified, p.hash)
	}
	return connector.Mark(b.String())
}

// parseMark reads a mark with n fingerprints. A mark of other settings has
// expired.
func parseMark(m connector.Mark, n int) ([]fingerprint, error) {
	words := strings.Split(string(m), " ")
	if words[0] != markVersion || len(words) != n+1 {
		return nil, connector.ErrMarkExpired
	}
	out := make([]fingerprint, n)
	for i, w := range words[1:] {
		parts := strings.Split(w, ":")
		if len(parts) != 3 {
			return nil, connector.ErrMarkExpired
		}
		var errs [3]error
		out[i].size, errs[0] = strconv.ParseInt(parts[0], 10, 64)
		out[i].modified, errs[1] = strconv.ParseInt(parts[1], 10, 64)
		out[i].hash, errs[2] = strconv.ParseUint(parts[2], 16, 64)
		if errors.Join(errs[:]...) != nil {
			return nil, connector.ErrMarkExpired
		}
	}
	return out, nil
}

// watched are the files in which a change is news: the delta file where there
// is one, else the file and its members.
func (c *conn) watched() []bool {
	var out []bool
	for _, f := range c.set.Files {
		for range f.paths() {
			out = append(out, f.Delta == nil)
		}
		if f.Delta != nil {
			out[len(out)-1] = true
		}
	}
	return out
}

// news reports which watched files changed since the prints were taken.
func (c *conn) news(prints []fingerprint) ([]bool, error) {
	out := c.watched()
	for i, path := range c.paths() {
		if !out[i] {
			continue
		}
		var err error
		if out[i], err = prints[i].changed(path); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (c *conn) paths() []string {
	var out []string
	for _, f := range c.set.Files {
		out = append(out, f.paths()...)
	}
	return out
}

// Wait looks at the files every now and then. It returns once one of them is
// another than since and has rested for one look, so that a file is not taken
// while it grows.
func (c *conn) Wait(ctx context.Context, since connector.Mark) error {
	prints, err := parseMark(since, len(c.paths()))
	if err != nil {
		return ctx.Err()
	}
	tick := time.NewTicker(c.set.Poll)
	defer tick.Stop()
	rested, known := "", ""
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		state := c.glance()
		if state == rested && state != known {
			changed, err := c.news(prints)
			if err != nil {
				return nil // let the import say what is wrong
			}
			for _, yes := range changed {
				if yes {
					return nil
				}
			}
			known = state
		}
		rested = state
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}

// glance is what can be seen of the files without reading them.
func (c *conn) glance() string {
	var b strings.Builder
	for _, path := range c.paths() {
		if info, err := os.Stat(path); err == nil {
			fmt.Fprintf(&b, "%d:%d ", info.Size(), info.ModTime().UnixNano())
		} else {
			b.WriteString("- ")
		}
	}
	return b.String()
}
