package ldapserver

import (
	"muster/internal/demo/ldapserver/tree"

	"bufio"
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"time"
)

// session is one connection. Requests are answered one after the other, in the
// order in which they came; only searches that persist go on beside them.
type session struct {
	*Server
	raw     net.Conn // what is below TLS; closing it ends the session
	conn    net.Conn
	in      *bufio.Reader
	secure  bool
	who     tree.Name // who signed in; the zero name is nobody
	admin   bool
	ops     int
	paged   map[string]*pagedSearch
	persist map[int]*watcher
	served  sync.WaitGroup

	out   sync.Mutex // guards writing, conn after StartTLS, and told
	told  int        // entries sent
	cutAt int        // cut the connection once so many were sent; 0 never
	mute  bool       // answers nothing any more
}

// Most a client may send in one message: little before it signed in.
const (
	maxAnonymous = 256 << 10
	maxSignedIn  = 16 << 20
	writeTimeout = 30 * time.Second
)

var errCut = errors.New("the connection is to be cut")

func (s *session) serve() {
	defer s.end()
	for {
		limit := maxAnonymous
		if s.who.Key != "" {
			limit = maxSignedIn
		}
		body, err := readMessage(s.in, limit)
		if err != nil {
			if errors.Is(err, errBER) {
				s.disconnect(err)
			}
			return
		}
		m, err := parseMessage(body)
		if err != nil {
			s.disconnect(err)
			return
		}
		if err := s.handle(m); err != nil {
			return
		}
	}
}

func (s *session) end() {
	s.conn.Close()
	for _, w := range s.persist {
		w.stop()
	}
	s.served.Wait()
}

// disconnect says why and ends (RFC 4511 §4.4.1).
func (s *session) disconnect(why error) {
	const noticeOfDisconnection = "1.3.6.1.4.1.1466.20036"
	s.send(encodeResult(0, opExtended+1, tree.Fail(tree.ProtocolError, "%v", why), tlv(context|10, []byte(noticeOfDisconnection)))) //nolint:errcheck // it ends anyway
}

// send writes a message. A client that does not read is cut off.
func (s *session) send(b []byte) error {
	s.out.Lock()
	defer s.out.Unlock()
	if s.mute {
		return errCut
	}
	s.conn.SetWriteDeadline(time.Now().Add(writeTimeout)) //nolint:errcheck // Write tells
	_, err := s.conn.Write(b)
	return err
}

// sendEntry writes an entry, unless the connection is to be cut before it.
func (s *session) sendEntry(b []byte) error {
	s.out.Lock()
	s.told++
	cut := s.cutAt > 0 && s.told > s.cutAt
	s.out.Unlock()
	if cut {
		return errCut
	}
	return s.send(b)
}

// handle answers one request. An error ends the session.
func (s *session) handle(m message) error {
	switch op := m.op.(type) {
	case unbindRequest:
		return errCut
	case abandonRequest:
		if w := s.persist[op.id]; w != nil {
			w.stop()
			delete(s.persist, op.id)
		}
		return nil
	}
	s.ops++
	f := s.faultFor(m)
	s.out.Lock()
	if s.cutAt == 0 && f.CutAfterEntries > 0 {
		s.told, s.cutAt = 0, f.CutAfterEntries
	}
	s.out.Unlock()
	if f.Delay > 0 {
		s.sleep(f.Delay)
	}
	if f.Cut {
		return errCut
	}
	if f.Code != 0 {
		return s.send(encodeResult(m.id, responseTag(m.tag), tree.Fail(f.Code, "%s", f.Message), nil))
	}
	if f.CutAfter {
		s.out.Lock()
		s.mute = true // it is done first, and then nobody hears of it
		s.out.Unlock()
	}
	return s.answer(m)
}

func (s *session) answer(m message) error {
	if c := unknownCritical(m.controls); c != "" {
		return s.send(encodeResult(m.id, responseTag(m.tag), tree.Fail(tree.CriticalUnavailable, "critical control unavailable in context: %s", c), nil))
	}
	switch op := m.op.(type) {
	case bindRequest:
		return s.reply(m, s.bind(op))
	case searchRequest:
		return s.search(m, op)
	case extendedRequest:
		return s.extended(m, op)
	case compareRequest:
		return s.reply(m, s.compareValue(op))
	}
	return s.reply(m, s.update(m))
}

func (s *session) reply(m message, err error) error {
	return s.send(encodeResult(m.id, responseTag(m.tag), resultOf(err), nil))
}

// update runs an operation that writes.
func (s *session) update(m message) error {
	if !s.admin {
		if err := s.mayUpdate(m.op); err != nil {
			return err
		}
	}
	assertion, err := assertionOf(m.controls)
	if err != nil {
		return err
	}
	return s.dir.Update(s.who.Text, assertion, m.op)
}

// assertionOf returns the filter of an assertion control (RFC 4528), nil if
// there is none.
func assertionOf(controls []control) (*tree.Filter, error) {
	c := findControl(controls, oidAssertion)
	if c == nil {
		return nil, nil
	}
	outer := &fields{rest: c.value}
	f, err := parseFilter(outer.next(), 0)
	if firstError(outer.end(), err) != nil {
		return nil, tree.Fail(tree.ProtocolError, "assertion control could not be decoded")
	}
	return &f, nil
}

// mayUpdate lets people change their own password and nothing else.
func (s *session) mayUpdate(op any) error {
	m, ok := op.(tree.ModifyRequest)
	if ok && s.who.Key != "" {
		n, err := s.dir.Name(m.DN)
		own := err == nil && n.Key == s.who.Key
		for _, c := range m.Changes {
			own = own && s.dir.Attribute(c.Desc) == s.dir.Attribute("userPassword")
		}
		if own {
			return nil
		}
	}
	return tree.Fail(tree.InsufficientAccess, "no write access")
}

// startTLS turns the connection into an encrypted one (RFC 4511 §4.14).
func (s *session) startTLS(m message) error {
	const oid = "1.3.6.1.4.1.1466.20037"
	name := tlv(context|10, []byte(oid))
	switch {
	case s.secure:
		return s.send(encodeResult(m.id, opExtended+1, tree.Fail(tree.OperationsError, "TLS already started"), name))
	case s.opt.TLS == nil:
		return s.send(encodeResult(m.id, opExtended+1, tree.Fail(tree.ProtocolError, "unsupported extended operation"), name))
	case s.in.Buffered() > 0 || len(s.persist) > 0:
		// What came in the clear must not be taken for protected (RFC 4511 §4.14.1).
		return s.send(encodeResult(m.id, opExtended+1, tree.Fail(tree.OperationsError, "other operations are under way"), name))
	}
	if err := s.send(encodeResult(m.id, opExtended+1, &tree.Failure{}, name)); err != nil {
		return err
	}
	conn := tls.Server(s.conn, s.opt.TLS)
	conn.SetDeadline(time.Now().Add(writeTimeout)) //nolint:errcheck // the handshake tells
	if err := conn.Handshake(); err != nil {
		return err
	}
	conn.SetDeadline(time.Time{}) //nolint:errcheck // the next read tells
	s.out.Lock()
	s.conn, s.in, s.secure, s.who, s.admin = conn, bufio.NewReader(conn), true, name0, false
	s.out.Unlock()
	return nil
}

var name0 tree.Name
