package csv

import (
	"context"
	"errors"
	"hash/maphash"
	"os"
	"slices"
	"time"

	"muster/internal/base/object"
	"muster/internal/sync/connector"
)

// Find reads the files until it comes to the object. Whoever looks for many that
// are not there has the files read once, unless they change meanwhile.
func (c *conn) Find(ctx context.Context, w connector.Whereabouts) (object.Record, error) {
	if err := c.ready(ctx); err != nil {
		return object.Record{}, err
	}
	kind, wanted := w.Type+"\x00"+w.Key.Name, w.Key.Values.First()
	of := func(r *object.Record) object.Values { return r.Attrs.Get(w.Key.Name) }
	switch {
	case w.Anchor != "":
		kind, wanted = w.Type, object.Str(w.Anchor)
		of = func(r *object.Record) object.Values { return object.Values{object.Str(r.Anchor)} }
	case w.Key.Name == "":
		return object.Record{}, connector.ErrNotFound
	}
	files := c.stamps()
	if known := c.absent[kind]; known != nil && slices.Equal(known.files, files) && !known.there[known.hash(wanted)] {
		return object.Record{}, connector.ErrNotFound
	}
	var found *object.Record
	enough := errors.New("found")
	scope := connector.Scope{Refused: func(*connector.Refusal) error { return nil }}
	if w.Type != "" {
		scope.Types = []string{w.Type}
	}
	told := &absent{files: files, seed: maphash.MakeSeed(), there: map[uint64]bool{}}
	_, err := c.Import(ctx, scope, func(r object.Record) error {
		for _, v := range of(&r) {
			if v == wanted {
				found = &r
				return enough
			}
			told.there[told.hash(v)] = true
		}
		return nil
	})
	switch {
	case found != nil:
		return *found, nil
	case err != nil:
		return object.Record{}, err
	}
	if c.absent == nil {
		c.absent = map[string]*absent{}
	}
	c.absent[kind] = told
	return object.Record{}, connector.ErrNotFound
}

// absent is what reading all files taught: a value of which it has no hash is in
// none of them, as long as they are the same.
type absent struct {
	files []stamp
	seed  maphash.Seed
	there map[uint64]bool
}

func (a *absent) hash(v object.Value) uint64 { return maphash.String(a.seed, v.String()) }

// stamp tells one state of a file from another.
type stamp struct {
	size int64
	at   time.Time
}

func (c *conn) stamps() []stamp {
	var out []stamp
	add := func(path string) {
		s := stamp{}
		if info, err := os.Stat(path); err == nil {
			s = stamp{info.Size(), info.ModTime()}
		}
		out = append(out, s)
	}
	for i := range c.set.Files {
		add(c.set.Files[i].Path)
		for _, m := range c.set.Files[i].Members {
			add(m.Path)
		}
	}
	return out
}
