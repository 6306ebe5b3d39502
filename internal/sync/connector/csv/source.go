package csv

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/cespare/xxhash/v2"

	"muster/internal/base/problem"
	"muster/internal/sync/connector"
)

// source is a file that is being read from start to end.
type source struct {
	path   string
	format Format
	file   *os.File
	info   os.FileInfo
	hash   *xxhash.Digest
	rows   *rows
	read   int // rows so far, the header not counted
	want   int // rows that were announced; -1 if none were
}

const countMark = "{count}"

func fault(code problem.Code, path, fix, format string, args ...any) *problem.Problem {
	return &problem.Problem{Code: code, Where: problem.Position{File: path}, Message: fmt.Sprintf(format, args...), Fix: fix}
}

// openFile opens path and says in plain words why it cannot.
func openFile(path string) (*os.File, os.FileInfo, error) {
	f, err := os.Open(path)
	if err != nil {
		p := fault(connector.FailedConnection, path, "check the path and the rights on it", "the file cannot be opened")
		if errors.Is(err, os.ErrNotExist) {
			p = fault(connector.FailedConnection, path, "check whether its producer has run; nobody is taken for missing", "the file is not there")
		}
		p.Err = err
		return nil, nil, p
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fault(connector.FailedConnection, path, "give the path of a file", "this is not a regular file")
	}
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return f, info, nil
}

// openSource opens a file, checks its end if that is asked for, and stands
// before its first line.
func openSource(path string, f Format) (*source, error) {
	file, info, err := openFile(path)
	if err != nil {
		return nil, err
	}
	s := &source{path: path, format: f, file: file, info: info, hash: xxhash.New(), want: -1}
	if err := s.begin(); err != nil {
		file.Close()
		return nil, err
	}
	return s, nil
}

func (s *source) begin() error {
	if s.info.Size() == 0 {
		return fault(connector.ReadError, s.path, "check whether its producer finished; nobody is taken for missing", "the file is empty")
	}
	end, err := s.trailer()
	if err != nil {
		return err
	}
	if err := s.countFile(); err != nil {
		return err
	}
	if _, err := s.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	src := io.TeeReader(io.LimitReader(s.file, end), s.hash)
	c := encodings[s.format.Encoding]
	skipped, src, err := skipBOM(src, c.bom)
	if err != nil {
		return fmt.Errorf("%s: %w", s.path, err)
	}
	if skipped == "" && c.text == nil {
		if err := s.looksLikeUTF16(); err != nil {
			return err
		}
	}
	s.rows = newRows(c.reader(src), s.format, int(min(max(end, 4<<10), wholeFile)))
	return nil
}

// skipBOM leaves out bom where src starts with it.
func skipBOM(src io.Reader, bom string) (string, io.Reader, error) {
	head := make([]byte, len(bom))
	n, err := io.ReadFull(src, head)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return "", nil, err
	}
	if n > 0 && string(head[:n]) == bom {
		return bom, src, nil
	}
	return "", io.MultiReader(bytes.NewReader(head[:n]), src), nil
}

func (s *source) looksLikeUTF16() error {
	var head [2]byte
	if _, err := s.file.ReadAt(head[:], 0); err != nil {
		return nil
	}
	for _, name := range []string{"utf-16le", "utf-16be"} {
		if string(head[:]) == encodings[name].bom {
			return fault(connector.CodePageConversion, s.path, "set encoding: "+name, "the file is not written in %s", s.format.Encoding)
		}
	}
	return nil
}

// trailer checks the last line and returns where the rows end.
func (s *source) trailer() (end int64, err error) {
	size := s.info.Size()
	if s.format.LastLine == "" {
		return size, nil
	}
	c := encodings[s.format.Encoding]
	from := max(0, size-8<<10) / c.unit() * c.unit()
	raw := make([]byte, size-from)
	if _, err := s.file.ReadAt(raw, from); err != nil {
		return 0, fmt.Errorf("%s: %w", s.path, err)
	}
	tail, err := io.ReadAll(c.reader(bytes.NewReader(raw)))
	if err != nil {
		return 0, fmt.Errorf("%s: %w", s.path, err)
	}
	last := strings.TrimRight(string(tail), "\r\n")
	last = last[strings.LastIndexByte(last, '\n')+1:]
	at := bytes.LastIndex(tail, []byte(last))
	before, after, counted := strings.Cut(s.format.LastLine, countMark)
	number, ok := strings.CutPrefix(strings.TrimSpace(last), before)
	if ok {
		number, ok = strings.CutSuffix(number, after)
	}
	if ok && counted {
		s.want, err = strconv.Atoi(strings.TrimSpace(number))
		ok = err == nil
	} else if ok {
		ok = number == ""
	}
	if !ok {
		return 0, fault(connector.ReadError, s.path, "the file was cut short, or lastLine is wrong; nobody is taken for missing",
			"the last line is %.60q, not %q", last, s.format.LastLine)
	}
	encoded, err := c.encode(tail[at:])
	return size - int64(len(encoded)), err
}

func (s *source) countFile() error {
	path := s.format.CountFile
	if path == "" {
		return nil
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return fault(connector.ReadError, path, "check whether the producer of the files finished", "the file with the number of rows cannot be read: %v", err)
	}
	if s.want, err = strconv.Atoi(strings.TrimSpace(string(b))); err != nil {
		return fault(connector.ReadError, path, "the file must hold a number and nothing else", "%.40q is not a number of rows", b)
	}
	return nil
}

// next reads a row, counting it.
func (s *source) next() error {
	err := s.rows.next()
	if err == nil {
		s.read++
		return nil
	}
	if re := (*rowError)(nil); errors.As(err, &re) {
		s.read++
		return err
	}
	if errors.Is(err, io.EOF) {
		return io.EOF
	}
	p := fault(connector.ParseError, s.path, "repair the file; what follows cannot be read", "%v", err)
	p.Where.Line = s.rows.lines
	return p
}

// end checks, after the last row, that all was read and nothing was written
// meanwhile, and returns the fingerprint of what was read.
func (s *source) end() (fingerprint, error) {
	if s.want >= 0 && s.want != s.read {
		return fingerprint{}, fault(connector.ReadError, s.path, "the file was cut short or is still being written; nobody is taken for missing",
			"it holds %d rows, %d were announced", s.read, s.want)
	}
	if _, err := io.Copy(s.hash, s.file); err != nil {
		return fingerprint{}, fmt.Errorf("%s: %w", s.path, err)
	}
	at, err := s.file.Seek(0, io.SeekCurrent)
	if err != nil {
		return fingerprint{}, err
	}
	here, err := s.file.Stat()
	if err != nil {
		return fingerprint{}, err
	}
	now, err := os.Stat(s.path)
	if err != nil || !os.SameFile(s.info, now) || !same(s.info, now) || !same(s.info, here) || at != here.Size() {
		return fingerprint{}, fault(connector.ReadError, s.path, "import again once its producer has finished; it should write under another name and rename",
			"the file changed while it was read")
	}
	return printOf(s.info, s.hash.Sum64()), nil
}

func same(a, b os.FileInfo) bool { return a.Size() == b.Size() && a.ModTime().Equal(b.ModTime()) }

func (s *source) close() { s.file.Close() }
