// Package csv connects to text files with one object a row: comma-separated
// values in all their dialects, with members of groups in files of their own,
// files of changes, and export by replacing the files as a whole. It never
// takes part of a file for all of it: a file that is cut short, changes while
// it is read or does not hold what was announced is an error. It never writes
// into a file in place.
package csv

import (
	"context"
	"errors"
	"os"
	"strings"

	"muster/internal/base/object"
	"muster/internal/sync/connector"
)

// conn is a connection: the settings. Files are open only while they are read.
type conn struct {
	set    Settings
	closed bool
	absent map[string]*absent // what looking for objects taught, by type and attribute
}

// What a connection can do.
var (
	_ connector.SinceImporter = (*conn)(nil)
	_ connector.Exporter      = (*conn)(nil)
	_ connector.Finder        = (*conn)(nil)
	_ connector.Waiter        = (*conn)(nil)
	_ connector.Prober        = (*conn)(nil)
)

// Open checks the settings. It does not look at the files, which may come
// later.
func Open(s Settings) (connector.Connector, error) {
	if err := s.Check(); err != nil {
		return nil, err
	}
	s.complete()
	return &conn{set: s}, nil
}

var errClosed = errors.New("the connection is closed")

// ready is what every call asks first. An export that died half-way is brought
// to its end here.
func (c *conn) ready(ctx context.Context) error {
	if c.closed {
		return errClosed
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return c.recover()
}

// Close ends the connection.
func (c *conn) Close() error {
	c.closed = true
	return nil
}

// Describe reads the first line of each file.
func (c *conn) Describe(ctx context.Context) (connector.Description, error) {
	if err := c.ready(ctx); err != nil {
		return connector.Description{}, err
	}
	d := connector.Description{Traits: connector.Traits{AnchorIsName: true, Atomic: true}}
	var missed []string
	for i := range c.set.Files {
		f := &c.set.Files[i]
		attrs, err := f.describe()
		if err != nil {
			return d, err
		}
		for _, t := range f.types() {
			d.Schema.Types = append(d.Schema.Types, object.Type{Name: t, Attributes: attrs})
		}
		if f.Delta != nil {
			for _, m := range f.Members {
				missed = append(missed, "changes of "+m.Attribute+" alone")
			}
		}
	}
	d.Traits.DeltaMisses = strings.Join(missed, ", ")
	object.SortSchema(&d.Schema)
	return d, nil
}

func (f *File) describe() ([]object.Attribute, error) {
	if _, err := os.Stat(f.Path); f.Create && errors.Is(err, os.ErrNotExist) {
		sh := f.columnsAsShape()
		if err := sh.bind(f.Path, ""); err != nil {
			return nil, err
		}
		return sh.attributes(), nil
	}
	format := f.Format
	format.LastLine, format.CountFile = "", ""
	s, err := openSource(f.Path, format)
	if err != nil {
		return nil, err
	}
	defer s.close()
	sh, err := readShape(s, f, "")
	if err != nil {
		return nil, err
	}
	return sh.attributes(), nil
}
