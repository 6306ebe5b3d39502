package ldap_test

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	ber "github.com/go-asn1-ber/asn1-ber"
)

// proxy stands between a client and a directory, message by message, and makes
// the network misbehave where it is told to.
type proxy struct {
	URL      string
	target   string
	listener net.Listener

	mu      sync.Mutex
	conns   map[net.Conn]bool
	refuse  bool // no new connections
	entries int  // cut before this many entries more; -1 never
	garble  func(raw []byte) []byte
	onWrite func(dn string) effect
}

// effect is what happens to a change.
type effect struct {
	Code  int64 // answer with this result code and pass nothing on
	Cut   bool  // pass nothing on, cut this connection and refuse all others
	Lose  bool  // pass it on, but lose the answer and the connection
	Break bool  // pass half of it on and cut the connection
}

// newProxy starts a proxy for a directory at ldap://host:port.
func newProxy(t testing.TB, url string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{
		URL: "ldap://" + l.Addr().String(), target: strings.TrimPrefix(url, "ldap://"), listener: l,
		conns: map[net.Conn]bool{}, entries: -1,
	}
	go p.accept()
	t.Cleanup(func() {
		l.Close()
		p.CutAll()
	})
	return p
}

// Heal ends all faults.
func (p *proxy) Heal() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuse, p.entries, p.onWrite, p.garble = false, -1, nil, nil
}

// CutAfterEntries cuts a connection once n entries passed.
func (p *proxy) CutAfterEntries(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.entries = n
}

// Garble changes the entries that pass.
func (p *proxy) Garble(f func(raw []byte) []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.garble = f
}

// OnWrite asks f about each change; dn is as the client wrote it.
func (p *proxy) OnWrite(f func(dn string) effect) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.onWrite = f
}

// CutAll cuts every connection.
func (p *proxy) CutAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		c.Close()
	}
}

func (p *proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.mu.Lock()
		refuse := p.refuse
		p.mu.Unlock()
		if refuse {
			client.Close()
			continue
		}
		server, err := net.Dial("tcp", p.target)
		if err != nil {
			client.Close()
			continue
		}
		p.mu.Lock()
		p.conns[client], p.conns[server] = true, true
		p.mu.Unlock()
		go p.down(client, server)
		go p.up(client, server)
	}
}

func (p *proxy) hangUp(client, server net.Conn) {
	client.Close()
	server.Close()
	p.mu.Lock()
	delete(p.conns, client)
	delete(p.conns, server)
	p.mu.Unlock()
}

// message reads one message and returns its bytes and its content.
func message(r io.Reader) ([]byte, *ber.Packet, error) {
	var raw bytes.Buffer
	m, err := ber.ReadPacket(io.TeeReader(r, &raw))
	return raw.Bytes(), m, err
}

// down passes on what the server says.
func (p *proxy) down(client, server net.Conn) {
	defer p.hangUp(client, server)
	in := bufio.NewReader(server)
	for {
		raw, m, err := message(in)
		if err != nil {
			return
		}
		if len(m.Children) > 1 && m.Children[1].Tag == 4 {
			p.mu.Lock()
			cut := p.entries == 0
			if p.entries > 0 {
				p.entries--
			}
			garble := p.garble
			p.mu.Unlock()
			if cut {
				return
			}
			if garble != nil {
				raw = garble(raw)
			}
		}
		if _, err := client.Write(raw); err != nil {
			return
		}
	}
}

// up passes on what the client says.
func (p *proxy) up(client, server net.Conn) {
	defer p.hangUp(client, server)
	in := bufio.NewReader(client)
	for {
		raw, m, err := message(in)
		if err != nil || len(m.Children) < 2 {
			return
		}
		e := p.effectOf(m.Children[1])
		switch {
		case e.Cut:
			p.mu.Lock()
			p.refuse = true
			p.mu.Unlock()
			return
		case e.Break:
			server.Write(raw[:len(raw)/2]) //nolint:errcheck // it is cut anyway
			return
		case e.Code != 0:
			if _, err := client.Write(answer(m, e.Code)); err != nil {
				return
			}
			continue
		case e.Lose:
			client.Close()
			server.Write(raw) //nolint:errcheck // the answer is lost anyway
			return
		}
		if _, err := server.Write(raw); err != nil {
			return
		}
	}
}

func (p *proxy) effectOf(op *ber.Packet) effect {
	p.mu.Lock()
	f := p.onWrite
	p.mu.Unlock()
	if f == nil {
		return effect{}
	}
	switch op.Tag { //nolint:exhaustive // of the tags of BER this protocol has few
	case 6, 8, 12: // modify, add, modify DN
		return f(string(op.Children[0].ByteValue))
	case 10: // delete
		return f(op.Data.String())
	}
	return effect{}
}

// answer is a result without more.
func answer(m *ber.Packet, code int64) []byte {
	out := ber.NewSequence("")
	out.AppendChild(m.Children[0])
	op := ber.Encode(ber.ClassApplication, ber.TypeConstructed, m.Children[1].Tag+1, nil, "")
	op.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagEnumerated, code, ""))
	op.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, "", ""))
	op.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, "the test asked for this", ""))
	out.AppendChild(op)
	return out.Bytes()
}
