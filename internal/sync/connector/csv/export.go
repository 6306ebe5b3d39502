package csv

import (
	"context"
	"errors"
	"slices"

	"muster/internal/sync/connector"
)

// session is an open export. Nothing is written into a file before Finish.
type session struct {
	conn   *conn
	lock   lock
	tables []*table
	done   bool
}

// OpenExport locks the files against other exports and reads them.
func (c *conn) OpenExport(ctx context.Context) (connector.Export, error) {
	if err := c.ready(ctx); err != nil {
		return nil, err
	}
	l, err := c.takeLock()
	if err != nil {
		return nil, err
	}
	s := &session{conn: c, lock: l}
	for i := range c.set.Files {
		t, err := openTable(&c.set.Files[i])
		if err != nil {
			s.Abort()
			return nil, err
		}
		s.tables = append(s.tables, t)
	}
	return s, nil
}

// Send applies the changes to what Finish will write.
func (s *session) Send(ctx context.Context, changes []connector.Change) ([]connector.Outcome, error) {
	out := make([]connector.Outcome, 0, len(changes))
	for i := range changes {
		if s.done {
			return out, errors.New("the export session is over")
		}
		if err := ctx.Err(); err != nil {
			return out, err
		}
		anchor, err := s.apply(&changes[i])
		var r *connector.Refusal
		if errors.As(err, &r) {
			err = &connector.Refusal{Object: or(anchor, changes[i].Anchor), Code: r.Code, Err: r.Err}
		} else if err != nil {
			return out, err
		}
		out = append(out, connector.Outcome{Err: err, Anchor: anchor})
	}
	return out, nil
}

// apply makes one change. An error that is no refusal ends the session.
func (s *session) apply(c *connector.Change) (anchor string, err error) {
	t := s.table(c.Type)
	if t == nil {
		return "", refusal(connector.SchemaViolation, "no file holds objects of type %s", c.Type)
	}
	switch c.Verb {
	case connector.Add:
		return t.add(s, c)
	case connector.Rename:
		return "", refusal(connector.NamingAttribute, "rows keep their anchor")
	case connector.Update, connector.Remove:
	}
	n, ok := t.find(c.Anchor)
	switch {
	case !ok:
		return c.Anchor, refusal(connector.MissingObject, "%s has no row with this anchor", t.path)
	case t.twice[n]:
		return c.Anchor, refusal(connector.AmbiguousUpdate, "%s has several rows with this anchor", t.path)
	case c.Verb == connector.Remove:
		return c.Anchor, t.remove(n, c)
	}
	fields, err := t.row(n)
	if err != nil {
		return c.Anchor, err
	}
	return c.Anchor, t.store(c, c.Anchor, fields)
}

func (s *session) table(typ string) *table {
	for _, t := range s.tables {
		if slices.Contains(t.file.types(), typ) {
			return t
		}
	}
	return nil
}

func (t *table) remove(n uint32, c *connector.Change) error {
	if fields, err := t.row(n); err != nil {
		return err
	} else if !t.isType(fields, c.Type) {
		return refusal(connector.MissingObject, "the row with this anchor is of another type")
	}
	t.where[n] = gone
	t.changes++
	for _, e := range t.edits {
		e.clear(c.Anchor)
	}
	return nil
}

// add makes a new row. The anchor columns get their values from the anchor, or
// from mods if there is none.
func (t *table) add(s *session, c *connector.Change) (string, error) {
	fields := make([]string, len(t.shape.names))
	if t.shape.typeAt >= 0 {
		word, ok := t.file.word(c.Type)
		if !ok {
			return c.Anchor, refusal(connector.UnmappableType, "no word stands for type %s", c.Type)
		}
		fields[t.shape.typeAt] = word
	}
	anchor, err := t.fillAnchor(fields, c)
	if err != nil {
		return anchor, err
	}
	for _, other := range s.tables {
		if _, ok := other.find(anchor); ok {
			return anchor, refusal(connector.ExistingObject, "%s has a row with this anchor", other.path)
		}
	}
	return anchor, t.store(c, anchor, fields)
}

func (t *table) fillAnchor(fields []string, c *connector.Change) (string, error) {
	if c.Anchor != "" {
		if len([]rune(c.Anchor)) > maxAnchor {
			return c.Anchor, refusal(connector.AnchorTooLong, "an anchor has %d characters at most", maxAnchor)
		}
		parts, ok := splitAnchor(c.Anchor, len(t.shape.anchor), t.file.Join)
		if !ok {
			return c.Anchor, refusal(connector.MissingAnchor, "the anchor does not have %d parts", len(t.shape.anchor))
		}
		for i, at := range t.shape.anchor {
			fields[at] = parts[i]
		}
	} else {
		for _, m := range c.Mods {
			if col, err := t.attribute(m.Name); err == nil && col.parts {
				if err := t.set(fields, col, m); err != nil {
					return "", err
				}
			}
		}
	}
	parts := make([]string, len(t.shape.anchor))
	format := t.format
	format.Trim = true
	for i, at := range t.shape.anchor {
		if parts[i] = fields[at]; isNull(nil, parts[i]) {
			return c.Anchor, refusal(connector.MissingAnchor, "column %s has no value", t.file.Anchor[i])
		}
		if err := format.fits(t.file.Anchor[i], parts[i]); err != nil {
			return c.Anchor, err
		}
	}
	return joinAnchor(parts, t.file.Join), nil
}

// store applies mods and secrets to a row and keeps it.
func (t *table) store(c *connector.Change, anchor string, fields []string) error {
	if !t.isType(fields, c.Type) {
		return refusal(connector.MissingObject, "the row with this anchor is of another type")
	}
	for _, m := range c.Mods {
		col, err := t.attribute(m.Name)
		if err != nil {
			return err
		}
		if col.members >= 0 {
			if err := t.edits[col.members].check(m); err != nil {
				return err
			}
			continue
		}
		old := fields[col.at]
		if err := t.set(fields, col, m); err != nil {
			return err
		}
		if col.parts && fields[col.at] != old {
			return refusal(connector.NamingAttribute, "column %s is part of the anchor", col.Name)
		}
	}
	for _, secret := range c.Secrets {
		at := slices.Index(t.shape.names, secret.Name)
		if at < 0 {
			return refusal(connector.SchemaViolation, "%s has no column for %s", t.path, secret.Name)
		}
		fields[at] = secret.Value.Reveal()
	}
	if err := t.keep(anchor, fields); err != nil {
		return err
	}
	for _, m := range c.Mods {
		if col, _ := t.attribute(m.Name); col.Column != nil && col.members >= 0 {
			if err := t.edits[col.members].apply(anchor, m); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *table) isType(fields []string, typ string) bool {
	if t.shape.typeAt < 0 {
		return true
	}
	return t.file.Types[fields[t.shape.typeAt]] == typ
}

// word returns what the type column says for a type: the first word in order,
// where there are several.
func (f *File) word(typ string) (string, bool) {
	var words []string
	for w, t := range f.Types {
		if t == typ {
			words = append(words, w)
		}
	}
	if len(words) == 0 {
		return "", false
	}
	return slices.Min(words), true
}

// Abort forgets the session.
func (s *session) Abort() {
	if s.done {
		return
	}
	s.done = true
	s.closeFiles()
	s.lock.release()
}

func (s *session) closeFiles() {
	for _, t := range s.tables {
		t.close()
	}
}
