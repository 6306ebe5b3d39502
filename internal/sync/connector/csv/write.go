package csv

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/text/transform"

	"muster/internal/sync/connector"
)

// appendRow writes a row as RFC 4180 has it, quoting only where it must.
func appendRow(b []byte, fields []string, delim byte, newline string) []byte {
	for i, f := range fields {
		if i > 0 {
			b = append(b, delim)
		}
		if !needsQuotes(f, delim) && (f != "" || len(fields) > 1) {
			b = append(b, f...)
			continue
		}
		b = append(b, '"')
		for j := range len(f) {
			if f[j] == '"' {
				b = append(b, '"')
			}
			b = append(b, f[j])
		}
		b = append(b, '"')
	}
	return append(b, newline...)
}

func needsQuotes(f string, delim byte) bool {
	if f == "" {
		return false
	}
	if strings.HasPrefix(f, "\ufeff") || f[0] == ' ' || f[0] == '\t' || f[len(f)-1] == ' ' || f[len(f)-1] == '\t' {
		return true
	}
	for i := range len(f) {
		if c := f[i]; c == delim || c == '"' || c == '\n' || c == '\r' {
			return true
		}
	}
	return false
}

// spool is a temporary file of pieces that are appended and read back.
type spool struct {
	file *os.File
	w    *bufio.Writer
	size int64
}

func (s *spool) append(piece []byte) (at int64, err error) {
	if s.file == nil {
		if s.file, err = temporary(); err != nil {
			return 0, err
		}
		s.w = bufio.NewWriterSize(s.file, 256<<10)
	}
	at = s.size
	head := binary.AppendUvarint(nil, uint64(len(piece)))
	if _, err := s.w.Write(head); err != nil {
		return 0, err
	}
	s.size += int64(len(head) + len(piece))
	_, err = s.w.Write(piece)
	return at, err
}

// at returns the piece that was appended there.
func (s *spool) at(offset int64) ([]byte, error) {
	if err := s.w.Flush(); err != nil {
		return nil, err
	}
	var head [binary.MaxVarintLen64]byte
	n, err := s.file.ReadAt(head[:], offset)
	size, used := binary.Uvarint(head[:n])
	if used <= 0 {
		return nil, err
	}
	piece := make([]byte, size)
	_, err = s.file.ReadAt(piece, offset+int64(used))
	return piece, err
}

// each calls f for every piece in order.
func (s *spool) each(f func(at int64, piece []byte) error) error {
	if s.file == nil {
		return nil
	}
	if err := s.w.Flush(); err != nil {
		return err
	}
	r := bufio.NewReaderSize(io.NewSectionReader(s.file, 0, s.size), 256<<10)
	var piece []byte
	for at := int64(0); at < s.size; {
		size, err := binary.ReadUvarint(r)
		if err != nil {
			return err
		}
		if uint64(cap(piece)) < size {
			piece = make([]byte, size)
		}
		piece = piece[:size]
		if _, err := io.ReadFull(r, piece); err != nil {
			return err
		}
		if err := f(at, piece); err != nil {
			return err
		}
		at += int64(len(binary.AppendUvarint(nil, size))) + int64(size)
	}
	return nil
}

// replacement is the file that shall take the place of another. It lies beside
// it until then.
type replacement struct {
	path, temp string
	file       *os.File
	w          *bufio.Writer // takes UTF-8
	enc        io.WriteCloser
	rows       int
	last       byte // the last byte written
}

func replace(b *base) (*replacement, error) {
	r := &replacement{path: b.path, temp: beside(b.path, "new")}
	var err error
	if r.file, err = os.OpenFile(r.temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600); err != nil {
		return nil, fault(connector.PermissionIssue, r.temp, "an export needs the right to write in the folder", "the new file cannot be written: %v", err)
	}
	if b.info != nil {
		keepOwner(r.file, b.info)
		if err := r.file.Chmod(b.info.Mode().Perm()); err != nil {
			r.discard()
			return nil, err
		}
	}
	if _, err := r.file.WriteString(b.bom); err != nil {
		r.discard()
		return nil, err
	}
	var w io.Writer = r.file
	if c := encodings[b.format.Encoding]; c.text != nil {
		r.enc = transform.NewWriter(r.file, c.text.NewEncoder())
		w = r.enc
	}
	r.w = bufio.NewWriterSize(w, 256<<10)
	return r, nil
}

// raw copies n bytes as they are.
func (r *replacement) raw(src *bufio.Reader, n int64) error {
	for n > 0 {
		part, err := src.Peek(int(min(n, int64(src.Size()))))
		if err != nil {
			return err
		}
		if err := r.write(part); err != nil {
			return err
		}
		n -= int64(len(part))
		if _, err := src.Discard(len(part)); err != nil {
			return err
		}
	}
	return nil
}

func (r *replacement) write(b []byte) error {
	if len(b) > 0 {
		r.last = b[len(b)-1]
	}
	_, err := r.w.Write(b)
	return err
}

// row writes a row that ends in a line feed, after ending the line before.
func (r *replacement) row(b []byte, newline string) error {
	if err := r.endLine(newline); err != nil {
		return err
	}
	r.rows++
	return r.write(b)
}

func (r *replacement) endLine(newline string) error {
	if r.last != 0 && r.last != '\n' {
		return r.write([]byte(newline))
	}
	return nil
}

// end writes the last line, if there is to be one, and makes the file durable.
func (r *replacement) end(b *base) error {
	if b.format.LastLine != "" {
		if err := r.endLine(b.newline); err != nil {
			return err
		}
		line := strings.ReplaceAll(b.format.LastLine, countMark, strconv.Itoa(r.rows)) + b.newline
		if err := r.write([]byte(line)); err != nil {
			return err
		}
	}
	if err := r.w.Flush(); err != nil {
		return fmt.Errorf("%s: %w", r.temp, err)
	}
	if r.enc != nil {
		if err := r.enc.Close(); err != nil {
			return fmt.Errorf("%s: %w", r.temp, err)
		}
	}
	if err := r.file.Sync(); err != nil {
		return fmt.Errorf("%s: %w", r.temp, err)
	}
	return r.file.Close()
}

func (r *replacement) discard() {
	r.file.Close()
	_ = os.Remove(r.temp)
}
