package tree

import (
	"bufio"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
)

// ldifRecord is one record of an LDIF file (RFC 2849): content, or a change of
// the kinds that the journal writes.
type ldifRecord struct {
	line  int
	dn    string
	kind  string // "", "add" or "delete"
	attrs []Attribute
}

// readLDIF calls f for each record and for each comment. URLs as values are
// refused.
func readLDIF(r io.Reader, record func(ldifRecord) error, comment func(string) error) error {
	p := &ldifReader{in: bufio.NewReader(r)}
	for {
		line, err := p.next()
		end := errors.Is(err, io.EOF)
		if err != nil && !end {
			return err
		}
		switch {
		case line == "":
			err = p.flush(record)
		case line[0] == '#':
			err = comment(line)
		default:
			err = p.take(line)
		}
		if err != nil {
			return err
		}
		if end {
			return p.flush(record)
		}
	}
}

type ldifReader struct {
	in   *bufio.Reader
	line int
	rec  *ldifRecord
}

// next returns a line with its folded continuation.
func (p *ldifReader) next() (string, error) {
	line, err := p.in.ReadString('\n')
	p.line++
	line = strings.TrimRight(line, "\r\n")
	for err == nil {
		c, peekErr := p.in.Peek(1)
		if peekErr != nil || c[0] != ' ' || line == "" {
			break
		}
		var more string
		more, err = p.in.ReadString('\n')
		p.line++
		line += strings.TrimRight(more, "\r\n")[1:]
	}
	return line, err
}

func (p *ldifReader) flush(record func(ldifRecord) error) error {
	if p.rec == nil {
		return nil
	}
	r := *p.rec
	p.rec = nil
	return record(r)
}

func (p *ldifReader) take(line string) error {
	key, value, ok := strings.Cut(line, ":")
	if !ok {
		return fmt.Errorf("line %d: no colon", p.line)
	}
	switch {
	case strings.HasPrefix(value, ":"):
		b, err := base64.StdEncoding.DecodeString(strings.TrimSpace(value[1:]))
		if err != nil {
			return fmt.Errorf("line %d: not base64: %w", p.line, err)
		}
		value = string(b)
	case strings.HasPrefix(value, "<"):
		return fmt.Errorf("line %d: values from URLs are not read", p.line)
	default:
		value = strings.TrimLeft(value, " ")
	}
	switch lower := strings.ToLower(key); {
	case p.rec == nil && lower == "version":
	case p.rec == nil && lower == "dn":
		p.rec = &ldifRecord{line: p.line, dn: value}
	case p.rec == nil:
		return fmt.Errorf("line %d: a record begins with its dn", p.line)
	case lower == "changetype":
		p.rec.kind = value
	default:
		p.add(key, value)
	}
	return nil
}

func (p *ldifReader) add(key, value string) {
	for i := range p.rec.attrs {
		if strings.EqualFold(p.rec.attrs[i].Desc, key) {
			p.rec.attrs[i].Values = append(p.rec.attrs[i].Values, value)
			return
		}
	}
	p.rec.attrs = append(p.rec.attrs, Attribute{key, []string{value}})
}

// appendLine writes one line, in base64 where LDIF asks for it.
func appendLine(b []byte, key, value string) []byte {
	b = append(b, key...)
	if safe(value) {
		b = append(b, ": "...)
		b = append(b, value...)
	} else {
		b = append(b, ":: "...)
		b = base64.StdEncoding.AppendEncode(b, []byte(value))
	}
	return append(b, '\n')
}

// safe is SAFE-STRING of RFC 2849, without a trailing space.
func safe(s string) bool {
	if s == "" {
		return true
	}
	if strings.IndexByte(" :<", s[0]) >= 0 || s[len(s)-1] == ' ' {
		return false
	}
	for i := range len(s) {
		if c := s[i]; c == 0 || c == '\n' || c == '\r' || c >= 0x80 {
			return false
		}
	}
	return true
}
