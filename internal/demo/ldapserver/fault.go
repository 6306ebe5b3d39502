package ldapserver

import (
	"muster/internal/demo/ldapserver/tree"

	"fmt"
	"time"
)

// Op is one request as a fault hook sees it.
type Op struct {
	Name   string // bind, search, compare, add, modify, modrdn, delete, extended
	DN     string // the entry that it names
	Number int    // which request of its connection, from 1
}

// Fault is what goes wrong with a request. The zero Fault is nothing.
type Fault struct {
	Code            int           // answer with this result code and do nothing
	Message         string        // the diagnostic text that goes with Code
	Cut             bool          // close the connection instead of doing anything
	CutAfter        bool          // do it, but close the connection instead of answering
	CutAfterEntries int           // from now on, close the connection once so many entries were sent
	Delay           time.Duration // wait first
}

// OnRequest asks f before each request; nil ends the faults. It may be called
// at any time.
func (s *Server) OnRequest(f func(Op) Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onRequest = f
}

func (s *session) faultFor(m message) Fault {
	s.mu.Lock()
	hook := s.onRequest
	s.mu.Unlock()
	if hook == nil {
		return Fault{}
	}
	op := Op{Number: s.ops}
	switch r := m.op.(type) {
	case bindRequest:
		op.Name, op.DN = "bind", r.name
	case searchRequest:
		op.Name, op.DN = "search", r.base
	case compareRequest:
		op.Name, op.DN = "compare", r.dn
	case tree.AddRequest:
		op.Name, op.DN = "add", r.DN
	case tree.ModifyRequest:
		op.Name, op.DN = "modify", r.DN
	case tree.ModifyDNRequest:
		op.Name, op.DN = "modrdn", r.DN
	case tree.DeleteRequest:
		op.Name, op.DN = "delete", r.DN
	case extendedRequest:
		op.Name = "extended"
	default:
		op.Name = fmt.Sprintf("%T", r)
	}
	return hook(op)
}
