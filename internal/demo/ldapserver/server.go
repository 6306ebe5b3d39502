package ldapserver

import (
	"muster/internal/demo/ldapserver/tree"

	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// Options say what a directory holds and how it behaves. Suffix is required.
type Options struct {
	Suffix       string   // the DN of the naming context
	More         []string // further naming contexts
	RootDN       string   // the administrator, who need not be an entry; "" is cn=admin under Suffix
	RootPassword string   // in the clear or as {SSHA…}; "" lets nobody in
	Admins       []string // DNs of entries that may write, too
	Anonymous    bool     // who did not sign in may read
	Address      string   // host:port to listen on; "" is a free port of 127.0.0.1

	TLS        *tls.Config // for StartTLS and LDAPS; nil offers neither
	LDAPS      string      // host:port to listen on for LDAPS; "" does not, "127.0.0.1:0" is a free port
	RequireTLS bool        // passwords are refused on connections in the clear

	Schema     string // further descriptions, in the form that ldapschema.ReadLines reads
	LDIF       string // content to begin with; read only if the directory is empty
	Journal    string // a file in which the content is kept; "" keeps it in memory only
	SizeLimit  int    // most entries for who is no administrator, paged searches apart; 0 is no limit
	ValueLimit int    // most values of an attribute in one answer, the rest by ranges as in Active Directory; 0 is no limit

	Now func() time.Time // the clock; nil is the real one
}

// Server is a directory that runs. It is safe for concurrent use.
type Server struct {
	opt    Options
	dir    *tree.Directory
	root   tree.Name
	admins []tree.Name
	plain  net.Listener
	ldaps  net.Listener
	closed chan struct{}
	wg     sync.WaitGroup

	mu        sync.Mutex
	sessions  map[*session]bool
	onRequest func(Op) Fault
}

// Start reads what is kept, listens, and answers until Close.
func Start(opt Options) (*Server, error) {
	if opt.Now == nil {
		opt.Now = time.Now
	}
	s := &Server{opt: opt, closed: make(chan struct{}), sessions: map[*session]bool{}}
	if err := s.prepare(); err != nil {
		return nil, err
	}
	if err := s.listen(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Server) prepare() error {
	var err error
	if s.dir, err = tree.New(s.opt.Schema, append([]string{s.opt.Suffix}, s.opt.More...), s.opt.Now); err != nil {
		return err
	}
	if s.opt.RootDN == "" {
		s.opt.RootDN = "cn=admin," + s.opt.Suffix
	}
	if s.root, err = s.dir.Name(s.opt.RootDN); err != nil {
		return fmt.Errorf("root DN %q is not a DN", s.opt.RootDN)
	}
	for _, text := range s.opt.Admins {
		n, err := s.dir.Name(text)
		if err != nil {
			return fmt.Errorf("administrator %q is not a DN", text)
		}
		s.admins = append(s.admins, n)
	}
	if s.opt.Journal != "" {
		if err := s.dir.OpenJournal(s.opt.Journal); err != nil {
			return err
		}
	}
	if !s.dir.Empty() {
		return nil
	}
	return s.dir.Load(s.root.Text, s.opt.LDIF)
}

func (s *Server) listen() (err error) {
	if s.opt.Address == "" {
		s.opt.Address = "127.0.0.1:0"
	}
	if s.plain, err = listenLoopback(s.opt.Address); err != nil {
		return err
	}
	s.wg.Go(func() { s.accept(s.plain, false) })
	if s.opt.LDAPS == "" {
		return nil
	}
	if s.opt.TLS == nil {
		return errors.New("LDAPS needs a certificate")
	}
	if s.ldaps, err = listenLoopback(s.opt.LDAPS); err != nil {
		return err
	}
	s.wg.Go(func() { s.accept(tls.NewListener(s.ldaps, s.opt.TLS), true) })
	return nil
}

// listenLoopback refuses every address that others can reach.
func listenLoopback(address string) (net.Listener, error) {
	resolved, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		return nil, err
	}
	if !resolved.IP.IsLoopback() {
		return nil, fmt.Errorf("%s: this directory listens on loopback only", address)
	}
	l, err := net.ListenTCP("tcp", resolved)
	if err != nil {
		return nil, err
	}
	return l, nil
}

func (s *Server) accept(l net.Listener, secure bool) {
	for {
		conn, err := l.Accept()
		if err != nil {
			select {
			case <-s.closed:
				return
			case <-time.After(10 * time.Millisecond): // out of descriptors, perhaps
				continue
			}
		}
		c := &session{
			Server: s, raw: rawConn(conn), conn: conn, in: bufio.NewReader(conn), secure: secure,
			paged: map[string]*pagedSearch{}, persist: map[int]*watcher{},
		}
		s.mu.Lock()
		s.sessions[c] = true
		s.mu.Unlock()
		select {
		case <-s.closed: // CutAll may not have seen it
			c.raw.Close()
		default:
		}
		s.wg.Go(func() {
			c.serve()
			s.mu.Lock()
			delete(s.sessions, c)
			s.mu.Unlock()
		})
	}
}

// rawConn returns what is below TLS: closing it never waits for the client.
func rawConn(c net.Conn) net.Conn {
	if t, ok := c.(*tls.Conn); ok {
		return t.NetConn()
	}
	return c
}

func (s *session) sleep(d time.Duration) {
	select {
	case <-s.closed:
	case <-time.After(d):
	}
}

// URL returns where the directory is: ldap://host:port.
func (s *Server) URL() string { return "ldap://" + s.plain.Addr().String() }

// LDAPS returns where it is for LDAPS, "" if it is not.
func (s *Server) LDAPS() string {
	if s.ldaps == nil {
		return ""
	}
	return "ldaps://" + s.ldaps.Addr().String()
}

// RootDN returns the administrator's DN.
func (s *Server) RootDN() string { return s.root.Text }

// Load adds entries from LDIF content as the administrator. It stops at the
// first that is refused.
func (s *Server) Load(ldif string) error { return s.dir.Load(s.root.Text, ldif) }

// ForgetChanges forgets what went away, so that all clients of content
// synchronization have to refresh.
func (s *Server) ForgetChanges() {
	s.dir.Forget()
}

// CutAll closes every connection that is open.
func (s *Server) CutAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.sessions {
		c.raw.Close()
	}
}

// Close stops listening, cuts all connections and closes the journal.
func (s *Server) Close() error {
	close(s.closed)
	for _, l := range []net.Listener{s.plain, s.ldaps} {
		if l != nil {
			l.Close()
		}
	}
	s.CutAll()
	s.wg.Wait()
	return s.dir.Close()
}
