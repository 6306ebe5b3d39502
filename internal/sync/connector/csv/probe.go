package csv

import (
	"context"
	"path/filepath"
	"slices"

	"muster/internal/sync/connector"
)

// Probe tells of a folder in which an export may not write: the new files are
// written beside the old ones before they take their places.
func (c *conn) Probe(ctx context.Context, ch connector.Change) ([]connector.Objection, error) {
	if err := c.ready(ctx); err != nil {
		return nil, err
	}
	for i := range c.set.Files {
		f := &c.set.Files[i]
		if !slices.Contains(f.types(), ch.Type) {
			continue
		}
		paths := []string{f.Path}
		for _, m := range f.Members {
			paths = append(paths, m.Path)
		}
		for _, p := range paths {
			if dir := filepath.Dir(p); !connector.MayWrite(dir) {
				return []connector.Objection{{About: connector.AboutObject, Says: "we may not write in the folder " + dir}}, nil
			}
		}
	}
	return nil, nil
}
