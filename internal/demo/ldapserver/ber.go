package ldapserver

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// BER as LDAP restricts it (RFC 4511 §5.1): definite lengths, tags below 31.
// Requests are read in place, without a tree of packets: a message of two-byte
// elements would cost a hundred times its size in such a tree.

const (
	tagBoolean    = 0x01
	tagInteger    = 0x02
	tagOctets     = 0x04
	tagEnumerated = 0x0a
	tagSequence   = 0x30
	tagSet        = 0x31
	context       = 0x80 // primitive, context-specific
	constructed   = 0x20
	application   = 0x40
)

var errBER = errors.New("malformed BER")

// element is one tag with its content.
type element struct {
	tag  byte
	body []byte
}

// readMessage reads one LDAPMessage of at most limit bytes. It never holds more
// than has arrived, whatever length is announced.
func readMessage(r *bufio.Reader, limit int) ([]byte, error) {
	tag, err := r.ReadByte()
	if err != nil {
		return nil, err
	}
	if tag != tagSequence {
		return nil, fmt.Errorf("%w: a message begins with %#x", errBER, tag)
	}
	n, err := readLength(r)
	if err != nil {
		return nil, err
	}
	if n > limit {
		return nil, fmt.Errorf("%w: a message of %d bytes is longer than %d", errBER, n, limit)
	}
	var buf bytes.Buffer
	if _, err = io.CopyN(&buf, r, int64(n)); err != nil {
		return nil, fmt.Errorf("a message ended early: %w", err)
	}
	return buf.Bytes(), nil
}

func readLength(r io.ByteReader) (int, error) {
	c, err := r.ReadByte()
	if err != nil || c < 0x80 {
		return int(c), err
	}
	size := int(c & 0x7f)
	if size == 0 || size > 4 {
		return 0, fmt.Errorf("%w: a length of %d bytes", errBER, size)
	}
	n := 0
	for range size {
		if c, err = r.ReadByte(); err != nil {
			return 0, err
		}
		n = n<<8 | int(c)
	}
	return n, nil
}

// fields reads the elements of a body one after the other. After the first
// failure it gives only zero values, so callers check err once.
type fields struct {
	rest []byte
	err  error
}

func (f *fields) fail(what string) {
	if f.err == nil {
		f.err = fmt.Errorf("%w: %s", errBER, what)
	}
	f.rest = nil
}

func (f *fields) more() bool { return len(f.rest) > 0 }

// next reads one element.
func (f *fields) next() element {
	if len(f.rest) < 2 || f.rest[0]&0x1f == 0x1f {
		f.fail("an element is missing or has a tag that LDAP does not use")
		return element{}
	}
	b := bytes.NewReader(f.rest[1:])
	n, err := readLength(b)
	if err != nil || n > b.Len() {
		f.fail("an element is longer than what it is in")
		return element{}
	}
	start := len(f.rest) - b.Len()
	e := element{tag: f.rest[0], body: f.rest[start : start+n]}
	f.rest = f.rest[start+n:]
	return e
}

// peek returns the tag of the next element, 0 at the end.
func (f *fields) peek() byte {
	if !f.more() {
		return 0
	}
	return f.rest[0]
}

// take reads one element, which must have the tag.
func (f *fields) take(tag byte) []byte {
	e := f.next()
	if f.err == nil && e.tag != tag {
		f.fail(fmt.Sprintf("found tag %#x where %#x must be", e.tag, tag))
	}
	return e.body
}

// optional reads the next element if it has the tag.
func (f *fields) optional(tag byte) ([]byte, bool) {
	if f.peek() != tag {
		return nil, false
	}
	return f.take(tag), f.err == nil
}

func (f *fields) text() string { return string(f.take(tagOctets)) }

func (f *fields) within(tag byte) *fields {
	body := f.take(tag)
	return &fields{rest: body, err: f.err}
}

func (f *fields) integer(tag byte) int {
	body := f.take(tag)
	if f.err == nil && (len(body) == 0 || len(body) > 4) {
		f.fail("a number has no size that LDAP uses")
	}
	if f.err != nil {
		return 0
	}
	n := int32(int8(body[0]))
	for _, c := range body[1:] {
		n = n<<8 | int32(c)
	}
	return int(n)
}

func (f *fields) boolean() bool {
	body := f.take(tagBoolean)
	if f.err == nil && len(body) != 1 {
		f.fail("a truth value is one byte")
	}
	return f.err == nil && body[0] != 0
}

// texts reads the octet strings that are left.
func (f *fields) texts() []string {
	var out []string
	for f.more() {
		out = append(out, f.text())
	}
	return out
}

// end reports what went wrong, or that something is left over.
func (f *fields) end() error {
	if f.err == nil && f.more() {
		f.fail("something follows the last element")
	}
	return f.err
}

// tlv writes one element out of its parts.
func tlv(tag byte, parts ...[]byte) []byte {
	n := 0
	for _, p := range parts {
		n += len(p)
	}
	out := make([]byte, 0, n+6)
	out = append(out, tag)
	switch {
	case n < 0x80:
		out = append(out, byte(n))
	case n < 0x100:
		out = append(out, 0x81, byte(n))
	case n < 0x10000:
		out = append(out, 0x82, byte(n>>8), byte(n))
	default:
		out = append(out, 0x84, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
	}
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

func octets(s string) []byte { return tlv(tagOctets, []byte(s)) }

func number(tag byte, n int) []byte {
	b := []byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}
	for len(b) > 1 && (b[0] == 0 && b[1] < 0x80 || b[0] == 0xff && b[1] >= 0x80) {
		b = b[1:]
	}
	return tlv(tag, b)
}

func truth(v bool) []byte {
	if v {
		return tlv(tagBoolean, []byte{0xff})
	}
	return tlv(tagBoolean, []byte{0})
}
