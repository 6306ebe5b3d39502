package csv

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"

	"muster/internal/sync/connector"
)

// base is a file as an export finds it: its rows as UTF-8 that can be read at
// any place.
type base struct {
	path    string
	format  Format
	info    os.FileInfo // nil: the file is not there and shall be created
	text    *os.File    // the file itself, or a copy in UTF-8; nil if there is nothing
	from    int64       // where the text begins in it, behind a byte order mark
	size    int64       // how much text there is, without the announced last line
	bom     string
	newline string
	shape   *shape
	first   int64 // where the first row begins, behind the header
	want    int   // rows that were announced; -1 if none were
}

// openBase opens path for an export. The planned header serves if the file is
// not there.
func openBase(path string, f Format, planned *shape, shapeOf func(*source) (*shape, error)) (*base, error) {
	b := &base{path: path, format: f, newline: "\n", want: -1}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		b.path = real
	}
	c := encodings[f.Encoding]
	if _, err := os.Stat(b.path); errors.Is(err, os.ErrNotExist) && planned != nil {
		b.shape = planned
		if c.mark {
			b.bom = c.bom
		}
		return b, nil
	}
	s, err := openSource(b.path, f)
	if err != nil {
		return nil, err
	}
	b.info, b.text = s.info, s.file
	if err := b.prepare(s, shapeOf); err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

func (b *base) prepare(s *source, shapeOf func(*source) (*shape, error)) (err error) {
	if b.shape, err = shapeOf(s); err != nil {
		return err
	}
	b.first = s.rows.base + int64(s.rows.pos)
	end, err := s.trailer()
	if err != nil {
		return err
	}
	b.want = s.want
	c := encodings[b.format.Encoding]
	head := make([]byte, len(c.bom))
	if n, _ := s.file.ReadAt(head, 0); string(head[:n]) == c.bom {
		b.bom = c.bom
	}
	b.from = int64(len(b.bom))
	b.size = end - b.from
	if c.text != nil {
		copied, err := temporary()
		if err != nil {
			return err
		}
		b.size, err = io.Copy(copied, c.reader(io.NewSectionReader(s.file, b.from, b.size)))
		s.file.Close()
		b.text, b.from = copied, 0
		if err != nil {
			return err
		}
	}
	line, err := bufio.NewReader(b.section(0)).ReadSlice('\n')
	if err == nil && bytes.HasSuffix(line, []byte("\r\n")) {
		b.newline = "\r\n"
	}
	return nil
}

func (b *base) close() {
	if b.text == nil {
		return
	}
	b.text.Close()
	if encodings[b.format.Encoding].text != nil {
		_ = os.Remove(b.text.Name()) // the copy, where it could not be removed at once
	}
	b.text = nil
}

// section is the text from offset to its end.
func (b *base) section(offset int64) io.Reader {
	if b.text == nil {
		return bytes.NewReader(nil)
	}
	return io.NewSectionReader(b.text, b.from+offset, b.size-offset)
}

// each calls f for every row that can be read. Reading starts behind the
// header.
func (b *base) each(f func(r *rows) error) error {
	r := newRows(b.section(b.first), b.format, int(min(max(b.size, 4<<10), wholeFile)))
	r.base = b.first
	for n := 0; ; n++ {
		err := r.next()
		var bad *rowError
		switch {
		case errors.Is(err, io.EOF):
			if b.want >= 0 && b.want != n {
				return fault(connector.ReadError, b.path, "the file was cut short; nothing was written", "it holds %d rows, %d were announced", n, b.want)
			}
			return nil
		case errors.As(err, &bad), err == nil && len(r.fields) != len(b.shape.names):
			continue
		case err != nil:
			return fault(connector.ParseError, b.path, "repair the file; nothing was written", "%v", err)
		}
		if err := f(r); err != nil {
			return err
		}
	}
}

// rewrite writes a new file: for each row of the old one that can be read, pick
// says what comes in its place; what cannot be read stays as it is. more then
// writes what is new.
func (b *base) rewrite(pick func(r *rows) (keep bool, instead []byte, err error), more func(*replacement) error) (out *replacement, err error) {
	if out, err = replace(b); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			out.discard()
		}
	}()
	if b.info == nil && !b.format.NoHeader {
		if err := out.write(appendRow(nil, b.shape.names, b.format.Delimiter, b.newline)); err != nil {
			return nil, err
		}
	}
	raw := bufio.NewReaderSize(b.section(0), 256<<10)
	at := int64(0)
	upTo := func(offset int64) error {
		n := offset - at
		at = offset
		return out.raw(raw, n)
	}
	err = b.each(func(r *rows) error {
		if err := upTo(r.start); err != nil {
			return err
		}
		next := r.base + int64(r.pos)
		keep, instead, err := pick(r)
		if err != nil {
			return err
		}
		if keep {
			out.rows++
			return upTo(next)
		}
		if _, err := raw.Discard(int(next - at)); err != nil {
			return err
		}
		at = next
		if instead == nil {
			return nil
		}
		return out.row(instead, b.newline)
	})
	if err == nil {
		err = upTo(b.size)
	}
	if err == nil {
		err = more(out)
	}
	if err == nil {
		err = out.end(b)
	}
	return out, err
}

// changed reports whether somebody else wrote the file since.
func (b *base) changed() bool {
	now, err := os.Stat(b.path)
	if b.info == nil {
		return !errors.Is(err, os.ErrNotExist)
	}
	return err != nil || !os.SameFile(b.info, now) || !same(b.info, now)
}
