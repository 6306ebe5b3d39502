package csv

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// rows splits text into rows and fields, as RFC 4180 has it. It is a reader of
// its own because it must say where a fault is, go on behind it, know where
// each row starts in the file, and be as fast as the disk.
type rows struct {
	src      io.Reader
	delim    byte
	lazy     bool
	maxField int
	strictly bool // U+FFFD stands for bytes that were not text

	buf      []byte // the unread part is buf[pos:end]
	pos, end int
	base     int64 // where buf[0] stands in the text
	srcErr   error

	lines int  // line feeds passed
	crlf  bool // the last line ended in CR LF

	// The current row. Fields are text[from:to]; all of it is valid until the
	// next call of next.
	line   int   // where it starts, from 1
	start  int64 // the same as an offset
	text   []byte
	fields []span
	joined []byte // text of rows with quotes
	merged bool   // text is joined: fields stand in it without their delimiters
}

type span struct{ from, to int32 }

// maxRow bounds a row, and with it the memory of a reader.
const maxRow = 64 << 20

// rowError is a fault of one row; the reader stands behind it.
type rowError struct {
	line, column int
	text         string // what is wrong
	fix          string
}

// Error says what is wrong, without the place.
func (e *rowError) Error() string { return e.text }

func newRows(src io.Reader, f Format, buffer int) *rows {
	return &rows{
		src: src, delim: f.Delimiter, lazy: f.Lazy, maxField: f.MaxField,
		strictly: encodings[f.Encoding].text != nil, buf: make([]byte, buffer),
	}
}

// reset makes r read src from its start.
func (r *rows) reset(src io.Reader) {
	r.src, r.srcErr = src, nil
	r.pos, r.end, r.base, r.lines = 0, 0, 0, 0
}

// wholeFile is the buffer for reading a file from start to end.
const wholeFile = 256 << 10

// field returns the i-th field of the current row.
func (r *rows) field(i int) []byte { return r.text[r.fields[i].from:r.fields[i].to] }

// next reads a row. Empty lines are no rows. It returns io.EOF at the end, a
// *rowError if this row is faulty and the next may be read, else an error that
// ends the reading.
func (r *rows) next() error {
	for {
		r.start = r.base + int64(r.pos)
		line, err := r.readLine()
		if err != nil {
			return err
		}
		if len(line) == 0 {
			continue
		}
		r.line = r.lines
		if !r.split(line) {
			if err := r.splitQuoted(line); err != nil {
				return err
			}
		}
		return r.check()
	}
}

// readLine returns the next line without its end. It is valid until the next
// call.
func (r *rows) readLine() ([]byte, error) {
	seen := 0
	for {
		if i := bytes.IndexByte(r.buf[r.pos+seen:r.end], '\n'); i >= 0 {
			line := r.buf[r.pos : r.pos+seen+i]
			r.pos += seen + i + 1
			r.lines++
			if r.crlf = len(line) > 0 && line[len(line)-1] == '\r'; r.crlf {
				line = line[:len(line)-1]
			}
			return line, nil
		}
		seen = r.end - r.pos
		if r.srcErr != nil {
			if !errors.Is(r.srcErr, io.EOF) {
				return nil, r.srcErr
			}
			if seen == 0 {
				return nil, io.EOF
			}
			line := r.buf[r.pos:r.end]
			r.pos = r.end
			r.lines++
			r.crlf = false
			return bytes.TrimSuffix(line, []byte{'\r'}), nil
		}
		if err := r.fill(); err != nil {
			return nil, err
		}
	}
}

// fill reads more into buf, making room first.
func (r *rows) fill() error {
	if r.pos > 0 {
		copy(r.buf, r.buf[r.pos:r.end])
		r.base += int64(r.pos)
		r.end -= r.pos
		r.pos = 0
	}
	if r.end == len(r.buf) {
		if len(r.buf) >= maxRow {
			return fmt.Errorf("line %d is longer than %d bytes", r.lines+1, maxRow)
		}
		r.buf = append(r.buf, make([]byte, len(r.buf))...)
	}
	n, err := r.src.Read(r.buf[r.end:])
	r.end += n
	r.srcErr = err
	return nil
}

// split splits a line in place, quoted fields too as long as they end in the
// line and have no quotes inside. False means that it could not.
func (r *rows) split(line []byte) bool {
	r.text, r.merged = line, false
	r.fields = r.fields[:0]
	quotes := bytes.IndexByte(line, '"') >= 0
	for from := 0; ; {
		rest := line[from:]
		if quotes && len(rest) > 0 && rest[0] == '"' {
			i := bytes.IndexByte(rest[1:], '"') + 1
			if i == 0 || i+1 < len(rest) && rest[i+1] != r.delim {
				return false
			}
			r.fields = append(r.fields, span{int32(from + 1), int32(from + i)})
			if i+1 == len(rest) {
				return true
			}
			from += i + 2
			continue
		}
		i := bytes.IndexByte(rest, r.delim)
		end := i
		if i < 0 {
			end = len(rest)
		}
		if quotes && !r.lazy && bytes.IndexByte(rest[:end], '"') >= 0 {
			return false
		}
		r.fields = append(r.fields, span{int32(from), int32(from + end)})
		if i < 0 {
			return true
		}
		from += i + 1
	}
}

// splitQuoted splits a line with doubled quotes, reading on where a quoted
// field goes over several lines.
func (r *rows) splitQuoted(line []byte) error {
	r.joined, r.fields, r.merged = r.joined[:0], r.fields[:0], true
	whole := line
	for {
		from := len(r.joined)
		if len(line) == 0 || line[0] != '"' {
			i := bytes.IndexByte(line, r.delim)
			field := line
			if i >= 0 {
				field = line[:i]
			}
			if q := bytes.IndexByte(field, '"'); q >= 0 && !r.lazy {
				return r.fault(whole, len(whole)-len(line)+q, "a quote stands inside a field that does not start with one",
					`quote the whole field and double the quotes in it, or set "lazy: true"`)
			}
			r.joined = append(r.joined, field...)
			r.endField(from)
			if i < 0 {
				return nil
			}
			line = line[i+1:]
			continue
		}
		rest, more, err := r.quotedField(&whole, line)
		if err != nil {
			return err
		}
		r.endField(from)
		if !more {
			return nil
		}
		line = rest
	}
}

func (r *rows) endField(from int) {
	r.fields = append(r.fields, span{int32(from), int32(len(r.joined))})
	r.text = r.joined
}

// quotedField reads the field at the start of line, which is a part of whole.
// It returns the rest of the row and whether there is any.
func (r *rows) quotedField(whole *[]byte, line []byte) (rest []byte, more bool, err error) {
	opened := r.lines
	from := len(r.joined)
	line = line[1:]
	for {
		i := bytes.IndexByte(line, '"')
		if i < 0 {
			r.joined = append(r.joined, line...)
			if len(r.joined)-from > r.maxField {
				return nil, false, r.openQuote(opened, fmt.Sprintf("is longer than %d bytes", r.maxField))
			}
			crlf := r.crlf
			line, err = r.readLine()
			if errors.Is(err, io.EOF) {
				return nil, false, r.openQuote(opened, "never ends")
			}
			if err != nil {
				return nil, false, err
			}
			if crlf {
				r.joined = append(r.joined, '\r')
			}
			r.joined = append(r.joined, '\n')
			*whole = line
			continue
		}
		r.joined = append(r.joined, line[:i]...)
		line = line[i+1:]
		switch {
		case len(line) == 0:
			return nil, false, nil
		case line[0] == r.delim:
			return line[1:], true, nil
		case line[0] == '"':
			r.joined = append(r.joined, '"')
			line = line[1:]
		case r.lazy:
			r.joined = append(r.joined, '"')
		default:
			return nil, false, r.fault(*whole, len(*whole)-len(line), "text stands behind the closing quote of a field",
				`double the quotes inside the field, or set "lazy: true"`)
		}
	}
}

// openQuote is the fault of a quote that swallows the file: nobody can say
// where the next row starts.
// openQuoteError says which field began with a quote and did not end.
type openQuoteError struct {
	line int
	how  string
}

func (e *openQuoteError) Error() string {
	return fmt.Sprintf("the quoted field that starts in line %d %s", e.line, e.how)
}

func (r *rows) openQuote(line int, how string) error {
	return &openQuoteError{line, how}
}

func (r *rows) fault(line []byte, at int, text, fix string) error {
	return &rowError{line: r.lines, column: utf8.RuneCount(line[:at]) + 1, text: text, fix: fix}
}

// check looks for what no text file holds.
func (r *rows) check() error {
	if bytes.IndexByte(r.text, 0) >= 0 {
		return &rowError{line: r.line, text: "the row holds NUL bytes", fix: "check the encoding of the file (utf-16?) and whether it was written to its end"}
	}
	if !utf8.Valid(r.text) || r.strictly && bytes.Contains(r.text, []byte("\uFFFD")) {
		return &rowError{line: r.line, text: "the row holds bytes that are no text in this encoding", fix: "check the encoding of the file"}
	}
	if len(r.text) > r.maxField {
		for i := range r.fields {
			if len(r.field(i)) > r.maxField {
				return &rowError{line: r.line, text: fmt.Sprintf("field %d is longer than %d bytes", i+1, r.maxField), fix: "raise maxField if this is meant"}
			}
		}
	}
	return nil
}
