package csv

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"muster/internal/sync/connector"
)

// Finish writes the changed files beside the old ones, makes them durable, and
// puts them in their places. Where there are several, a journal is written
// before the first is moved: whoever opens the files after a crash moves the
// rest, so that either all of the session counts or nothing.
func (s *session) Finish(ctx context.Context) error {
	if s.done {
		return errors.New("the export session is over")
	}
	defer s.Abort()
	files, err := s.write(ctx)
	if err == nil {
		err = s.unchanged()
	}
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		for _, f := range files {
			f.discard()
		}
		return err
	}
	s.closeFiles() // Windows moves nothing onto an open file
	return s.conn.swap(files)
}

// write writes the new files, all beside the old ones.
func (s *session) write(ctx context.Context) (files []*replacement, err error) {
	add := func(b *base, r *replacement, err error) error {
		if r == nil || err != nil {
			return err
		}
		files = append(files, r)
		if b.format.CountFile == "" {
			return ctx.Err()
		}
		count, err := writeCount(b.format.CountFile, r.rows)
		if err == nil {
			files = append(files, count)
		}
		return err
	}
	for _, t := range s.tables {
		r, err := t.write()
		if err := add(t.base, r, err); err != nil {
			return files, err
		}
		for _, e := range t.edits {
			r, err := e.write()
			if err := add(e.base, r, err); err != nil {
				return files, err
			}
		}
	}
	return files, nil
}

// writeCount writes the file that announces the number of rows.
func writeCount(path string, rows int) (*replacement, error) {
	b := &base{path: path, format: Format{Encoding: "utf-8"}, newline: "\n"}
	b.info, _ = os.Stat(path)
	r, err := replace(b)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(r.write([]byte(strconv.Itoa(rows)+"\n")), r.end(b)); err != nil {
		r.discard()
		return nil, err
	}
	return r, nil
}

func (s *session) unchanged() error {
	for _, t := range s.tables {
		if t.changed() {
			return meddled(t.path)
		}
		for _, e := range t.edits {
			if e.changed() {
				return meddled(e.path)
			}
		}
	}
	return nil
}

func meddled(path string) error {
	return fault(connector.CDError, path, "export again", "somebody else wrote the file during the export; nothing was written")
}

// move is one line of the journal.
type move struct{ From, To string }

// journal is where an export notes the moves that are under way.
func (c *conn) journal() string { return beside(c.set.Files[0].Path, "journal") }

// swap puts the new files in the places of the old ones.
func (c *conn) swap(files []*replacement) error {
	var moves []move
	for _, f := range files {
		moves = append(moves, move{f.temp, f.path})
	}
	if len(moves) > 1 {
		if err := c.writeJournal(moves); err != nil {
			for _, f := range files {
				f.discard()
			}
			return err
		}
	}
	return c.carryOut(moves)
}

func (c *conn) writeJournal(moves []move) error {
	text, err := json.Marshal(moves)
	if err != nil {
		return err
	}
	temp := c.journal() + "-new"
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(temp, c.journal())
	}
	if err != nil {
		_ = os.Remove(temp)
		return err
	}
	return syncFolder(filepath.Dir(temp))
}

// carryOut makes the moves that are left, then forgets the journal.
func (c *conn) carryOut(moves []move) error {
	for _, m := range moves {
		if err := os.Rename(m.From, m.To); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("%s cannot be put in its place: %w", m.To, err)
		}
	}
	for _, m := range moves {
		if err := syncFolder(filepath.Dir(m.To)); err != nil {
			return err
		}
	}
	if err := os.Remove(c.journal()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// recover brings an export to its end that died while it moved files. While
// one is alive, the files are not for reading.
func (c *conn) recover() error {
	if _, err := os.Stat(c.journal()); err != nil {
		return nil
	}
	l, err := c.takeLock()
	if err != nil {
		return err
	}
	defer l.release()
	text, err := os.ReadFile(c.journal())
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	var moves []move
	if err == nil {
		err = json.Unmarshal(text, &moves)
	}
	if err != nil {
		return fault(connector.ReadError, c.journal(), "restore the files from their producer and remove this one", "an export died and its journal cannot be read: %v", err)
	}
	if bad := c.foreign(moves); bad != "" {
		return fault(connector.ReadError, c.journal(), "somebody else wrote it: look into it and remove it", "the journal speaks of %s, which is not ours", bad)
	}
	return c.carryOut(moves)
}

// foreign returns a file in moves that no export of these settings moves, ""
// if there is none: a journal must not make us overwrite other files.
func (c *conn) foreign(moves []move) string {
	ours := map[string]bool{}
	for _, f := range c.set.Files {
		paths := f.paths()
		for _, format := range f.formats() {
			paths = append(paths, format.CountFile)
		}
		for _, path := range paths {
			ours[path] = true
			if real, err := filepath.EvalSymlinks(path); err == nil {
				ours[real] = true
			}
		}
	}
	for _, m := range moves {
		if m.To == "" || !ours[m.To] || m.From != beside(m.To, "new") {
			return m.To
		}
	}
	return ""
}

// untouched checks at the end of an import that the files, read one after the
// other, were all there at one time. Delta files may have grown.
func (c *conn) untouched(prints []fingerprint) error {
	i := 0
	for _, f := range c.set.Files {
		for j, path := range f.paths() {
			p := prints[i]
			i++
			if f.Delta != nil && j == len(f.paths())-1 {
				continue
			}
			info, err := os.Stat(path)
			if p == (fingerprint{}) && errors.Is(err, os.ErrNotExist) {
				continue
			}
			if err != nil || printOf(info, p.hash) != p {
				return fault(connector.ReadError, path, "import again once its producer has finished", "the file changed while others were read")
			}
		}
	}
	return nil
}
