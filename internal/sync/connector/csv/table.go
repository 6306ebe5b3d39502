package csv

import (
	"bytes"
	"fmt"
	"math"
	"slices"

	"muster/internal/base/object"
	"muster/internal/sync/connector"
)

// table is a file that is being changed. Of the rows it finds it keeps, by
// anchor, where they are; new and changed rows go to a temporary file. So a
// session needs some 40 to 60 bytes of memory a row, whether it changes one or
// adds a million.
type table struct {
	*base
	file    *File
	anchors *digests
	where   []int64 // by number: an offset in base, ^offset in fresh, or gone
	twice   map[uint32]bool
	fresh   spool
	old     uint32 // numbers below are of base
	changes int
	edits   []*edits // as File.Members
	line    *rows    // for reading single rows
}

const gone = math.MaxInt64

// openTable reads the files from start to end.
func openTable(file *File) (*table, error) {
	t := &table{file: file, anchors: newDigests(), twice: map[uint32]bool{}, line: newRows(nil, file.Format, 4<<10)}
	var planned *shape
	if file.Create {
		planned = file.columnsAsShape()
		if err := planned.bind(file.Path, ""); err != nil {
			return nil, err
		}
	}
	var err error
	t.base, err = openBase(file.Path, file.Format, planned, func(s *source) (*shape, error) { return readShape(s, file, "") })
	if err != nil {
		return nil, err
	}
	if err := t.index(); err != nil {
		t.close()
		return nil, err
	}
	return t, nil
}

// index notes where each row is, and opens the members files.
func (t *table) index() error {
	err := t.each(func(r *rows) error {
		anchor, err := t.shape.anchorOf(r, string(r.text))
		if err != nil {
			return nil // it stays as it is
		}
		n, added := t.anchors.number(t.anchors.of(anchor))
		if added {
			t.where = append(t.where, r.start)
		} else {
			t.twice[n] = true
		}
		return nil
	})
	if err != nil {
		return err
	}
	t.old = t.anchors.count
	for i := range t.file.Members {
		e, err := openEdits(&t.file.Members[i], t.file.Create)
		if err != nil {
			return err
		}
		t.edits = append(t.edits, e)
	}
	return nil
}

func (t *table) close() {
	t.base.close()
	drop(t.fresh.file)
	for _, e := range t.edits {
		e.close()
	}
}

// columnsAsShape is the header of a file that does not exist yet.
func (f *File) columnsAsShape() *shape {
	sh := &shape{file: f, typeAt: -1, change: -1}
	if f.TypeColumn != "" {
		sh.names = append(sh.names, f.TypeColumn)
	}
	sh.names = append(sh.names, f.Anchor...)
	for _, c := range f.Columns {
		if !slices.Contains(sh.names, c.Name) {
			sh.names = append(sh.names, c.Name)
		}
	}
	if f.NoHeader {
		sh.names = sh.names[:0]
		for _, c := range f.Columns {
			sh.names = append(sh.names, c.Name)
		}
	}
	return sh
}

// find returns the number of the anchor's row, if there is one.
func (t *table) find(anchor string) (uint32, bool) {
	n, ok := t.anchors.find(t.anchors.of(anchor))
	return n, ok && t.where[n] != gone
}

// row returns the fields of a row.
func (t *table) row(n uint32) ([]string, error) {
	at := t.where[n]
	if at >= 0 {
		t.line.reset(t.section(at))
	} else {
		piece, err := t.fresh.at(^at)
		if err != nil {
			return nil, err
		}
		t.line.reset(bytes.NewReader(piece))
	}
	if err := t.line.next(); err != nil {
		return nil, fmt.Errorf("%s: a row cannot be read again: %w", t.path, err)
	}
	fields := make([]string, len(t.line.fields))
	for i := range fields {
		fields[i] = string(t.line.field(i))
	}
	return fields, nil
}

// keep writes a row that is new or changed. An error that is no refusal ends
// the session.
func (t *table) keep(anchor string, fields []string) error {
	row := appendRow(nil, fields, t.format.Delimiter, t.newline)
	c := encodings[t.format.Encoding]
	if _, err := c.encode(row); err != nil || c.text != nil && bytes.Contains(row, []byte("\uFFFD")) {
		return refusal(connector.CodePageConversion, "a value has characters that %s does not know", t.format.Encoding)
	}
	at, err := t.fresh.append(row)
	if err != nil {
		return err
	}
	n, added := t.anchors.number(t.anchors.of(anchor))
	if added {
		t.where = append(t.where, 0)
	}
	t.where[n] = ^at
	t.changes++
	return nil
}

// attribute returns the column of an attribute.
func (t *table) attribute(name string) (column, error) {
	for _, c := range t.shape.columns {
		if c.Attribute == name {
			return c, nil
		}
	}
	return column{}, refusal(connector.SchemaViolation, "%s has no column for %s", t.path, name)
}

// set applies a mod to the fields of a row.
func (t *table) set(fields []string, c column, m connector.Mod) error {
	values := m.Values
	if m.Op != connector.Replace {
		var old object.Values
		text := fields[c.at]
		if t.format.Trim {
			text = string(bytes.TrimSpace([]byte(text)))
		}
		if !isNull(t.format.Nulls, text) {
			var err error
			if old, err = c.Column.values(text, t.format.Trim); err != nil {
				return c.wrong(err)
			}
		}
		values = modified(old, m)
	}
	text, err := c.field(values, &t.format)
	if err != nil {
		return err
	}
	fields[c.at] = text
	return nil
}

func modified(old object.Values, m connector.Mod) object.Values {
	if m.Op == connector.DropValues {
		return slices.DeleteFunc(slices.Clone(old), m.Values.Has)
	}
	return object.Set(append(slices.Clone(old), m.Values...)...)
}

// write writes the new file; nil if nothing changed.
func (t *table) write() (*replacement, error) {
	if t.changes == 0 && t.info != nil {
		return nil, nil
	}
	return t.rewrite(func(r *rows) (bool, []byte, error) {
		anchor, err := t.shape.anchorOf(r, string(r.text))
		if err != nil {
			return true, nil, nil
		}
		n, _ := t.anchors.find(t.anchors.of(anchor))
		at := t.where[n]
		switch {
		case t.twice[n] || at == r.start:
			return true, nil, nil
		case at == gone:
			return false, nil, nil
		}
		piece, err := t.fresh.at(^at)
		return false, piece, err
	}, t.writeFresh)
}

// writeFresh writes the rows that are new.
func (t *table) writeFresh(out *replacement) error {
	var offsets []int64
	for _, at := range t.where[t.old:] {
		if at != gone {
			offsets = append(offsets, ^at)
		}
	}
	slices.Sort(offsets)
	return t.fresh.each(func(at int64, row []byte) error {
		if len(offsets) == 0 || offsets[0] != at {
			return nil // an older version, or it took the place of an old row
		}
		offsets = offsets[1:]
		return out.row(row, t.newline)
	})
}
