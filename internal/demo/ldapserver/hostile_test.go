package ldapserver

import (
	"bytes"
	"io"
	"net"
	"testing"
	"time"

	"muster/internal/demo/ldapserver/tree"
)

// talk sends raw bytes and returns what comes back before the server hangs up.
func talk(t *testing.T, s *Server, b []byte) []byte {
	t.Helper()
	conn, err := net.Dial("tcp", s.plain.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second)) //nolint:errcheck // reading tells
	if _, err := conn.Write(b); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(conn)
	if ne, ok := err.(net.Error); ok && ne.Timeout() { //nolint:errorlint // net's own
		t.Fatal("the server neither answered nor hung up")
	}
	return got
}

func wrap(op []byte) []byte { return tlv(tagSequence, number(tagInteger, 1), op) }

func searchWith(filter []byte) []byte {
	return wrap(tlv(opSearch, octets(""), number(tagEnumerated, 2), number(tagEnumerated, 0), number(tagInteger, 0), number(tagInteger, 0), truth(false), filter, tlv(tagSequence)))
}

func deepFilter(n int) []byte {
	f := tlv(tree.FilterPresent, []byte("cn"))
	for range n {
		f = tlv(tree.FilterNot, f)
	}
	return f
}

func TestHostileBytes(t *testing.T) {
	s, err := Start(Options{Suffix: "dc=x", RootPassword: "x"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for what, b := range map[string][]byte{
		"another protocol":        []byte("GET / HTTP/1.1\r\n\r\n"),
		"an absurd length":        {0x30, 0x84, 0x7f, 0xff, 0xff, 0xff},
		"a negative length":       {0x30, 0x84, 0xff, 0xff, 0xff, 0xff},
		"a length of 127 bytes":   append([]byte{0x30, 0xff}, bytes.Repeat([]byte{1}, 127)...),
		"an indefinite length":    {0x30, 0x80, 0, 0},
		"a high tag":              {0x30, 4, 0x1f, 0x81, 0x01, 0},
		"a child too long":        {0x30, 5, 2, 1, 1, 0x60, 0x7f},
		"no operation":            {0x30, 3, 2, 1, 1},
		"an empty message id":     {0x30, 4, 2, 0, 0x42, 0},
		"a long message id":       {0x30, 11, 2, 9, 1, 1, 1, 1, 1, 1, 1, 1, 1},
		"an unknown operation":    wrap(tlv(0x7e)),
		"a deep filter":           searchWith(deepFilter(200)),
		"a filter without part":   searchWith(tlv(tree.FilterSubstrings, octets("cn"), tlv(tagSequence))),
		"a filter of two nots":    searchWith(tlv(tree.FilterNot, deepFilter(0), deepFilter(0))),
		"an empty modification":   wrap(tlv(opModify, octets("dc=x"), tlv(tagSequence, tlv(tagSequence)))),
		"a value that is no text": wrap(tlv(opAdd, octets("dc=x"), tlv(tagSequence, tlv(tagSequence, octets("cn"), tlv(tagSet, number(tagInteger, 1)))))),
	} {
		if got := talk(t, s, b); !bytes.Contains(got, []byte("1.3.6.1.4.1.1466.20036")) {
			t.Errorf("%s: no notice of disconnection in %x", what, got)
		}
	}
	// It still answers.
	if got := talk(t, s, append(wrap(tlv(opBind, number(tagInteger, 3), octets(""), tlv(context))), wrap(tlv(opUnbind))...)); len(got) == 0 {
		t.Error("the server no longer answers")
	}
}

func FuzzMessage(f *testing.F) {
	for _, b := range [][]byte{
		wrap(tlv(opBind, number(tagInteger, 3), octets("cn=x"), tlv(context, []byte("pw")))),
		searchWith(tlv(tree.FilterAnd, deepFilter(3), tlv(tree.FilterEqual, octets("cn"), octets("x")), tlv(tree.FilterSubstrings, octets("cn"), tlv(tagSequence, tlv(context, []byte("a")), tlv(context|2, []byte("z")))))),
		wrap(tlv(opModify, octets("dc=x"), tlv(tagSequence, tlv(tagSequence, number(tagEnumerated, 2), tlv(tagSequence, octets("cn"), tlv(tagSet, octets("v"))))))),
		wrap(tlv(opAdd, octets("dc=x"), tlv(tagSequence, tlv(tagSequence, octets("dc"), tlv(tagSet, octets("x")))))),
		wrap(tlv(opModifyDN, octets("dc=x"), octets("dc=y"), truth(true), tlv(context, []byte("dc=z")))),
		wrap(tlv(opDelete, []byte("dc=x"))),
		wrap(tlv(opCompare, octets("dc=x"), tlv(tagSequence, octets("dc"), octets("x")))),
		wrap(tlv(opExtended, tlv(context, []byte(oidWhoAmI)))),
		tlv(tagSequence, number(tagInteger, 1), tlv(opUnbind), tlv(context|constructed, tlv(tagSequence, octets(oidPaged), truth(true), octets("x")))),
	} {
		f.Add(b[2:])
	}
	d, err := tree.New("", []string{"dc=x"}, time.Now)
	if err != nil {
		f.Fatal(err)
	}
	e := &tree.Entry{}
	d.Set(e, "objectClass", "inetOrgPerson")
	d.Set(e, "cn", "Ann", "Lee")
	f.Fuzz(func(t *testing.T, body []byte) {
		m, err := parseMessage(body)
		if (err == nil) == (m.op == nil) {
			t.Fatal("neither an operation nor an error, or both")
		}
		if r, ok := m.op.(searchRequest); ok {
			d.Match(&r.filter, e)
		}
	})
}
