package ldap_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"testing"
	"time"

	"muster/internal/base/object"
	"muster/internal/base/problem"
	"muster/internal/base/secret"
	"muster/internal/demo/ldapserver"
	"muster/internal/sync/connector"
	"muster/internal/sync/connector/ldap"
	"muster/internal/testserver/slapd"
)

// An import that was cut is an error, however far it came and in whichever way
// it reads.
func TestCutImports(t *testing.T) {
	everywhere(t, func(t *testing.T, d *directory) {
		proxy := newProxy(t, d.url)
		for i := range 20 {
			d.put(t, person(i))
		}
		for _, delta := range []string{ldap.DeltaNone, ldap.DeltaTime, ldap.DeltaSync} {
			c := d.opened(t, func(s *ldap.Settings) { s.URL, s.Delta, s.PageSize = proxy.URL, delta, 6 })
			for _, after := range []int{0, 1, 5, 6, 7, 12, 19} {
				proxy.CutAfterEntries(after)
				told := 0
				mark, err := c.Import(t.Context(), connector.Scope{}, func(object.Record) error { told++; return nil })
				if err == nil || mark != "" || problem.CodeOf(err) != connector.DroppedConnection || told > after {
					t.Errorf("%s, cut after %d: told %d, mark %q, %v", delta, after, told, mark, err)
				}
				proxy.Heal()
			}
			got, _ := imported(t, c, connector.Scope{})
			if len(got) != 20 {
				t.Errorf("%s, healed: %d objects", delta, len(got))
			}
		}
	})
}

// A change that was on its way when the connection went may have been made.
func TestLostAnswers(t *testing.T) {
	everywhere(t, func(t *testing.T, d *directory) {
		proxy := newProxy(t, d.url)
		c := d.opened(t, func(s *ldap.Settings) { s.URL = proxy.URL })
		all := d.put(t, person(0), person(1), person(2))
		text := mod(connector.Replace, "displayName", object.Str("new"))
		for what, e := range map[string]effect{"answer": {Lose: true}, "half a request": {Break: true}} {
			lost := false
			proxy.OnWrite(func(dn string) effect {
				if lost || dn != all[1].DN {
					return effect{}
				}
				lost = true
				return e
			})
			out := send(t, c, update(all[0], text), update(all[1], text), update(all[2], text))
			var u *connector.Unanswered
			if len(out) != 3 || out[0].Err != nil || !errors.As(out[1].Err, &u) || out[2].Err != nil {
				t.Errorf("%s: %+v", what, out)
			}
		}
		proxy.Heal()
		// A connection that went while nobody used it is made again.
		proxy.CutAll()
		if out := send(t, c, update(all[1], text)); out[0].Err != nil {
			t.Errorf("after a quiet cut: %v", out[0].Err)
		}
	})
}

func TestSilence(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() // it takes connections and says nothing
	set := ldap.Settings{URL: "ldap://" + l.Addr().String(), Timeout: 200 * time.Millisecond, AllowClear: true, BindDN: slapd.RootDN, Password: secret.New("x")}
	began := time.Now()
	if _, err := ldap.Open(t.Context(), set); problem.CodeOf(err) != connector.FailedConnection {
		t.Errorf("a server that says nothing: %v", err)
	}
	set.Timeout = time.Minute
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := ldap.Open(ctx, set); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("our own deadline: %v", err)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %v", took)
	}
}

// What a broken or hostile server sends ends the import with an error.
func TestGarbledAnswers(t *testing.T) {
	d := demoDirectory(t)
	proxy := newProxy(t, d.url)
	d.put(t, person(0), person(1), person(2))
	seq := func(tag byte, parts ...[]byte) []byte {
		body := bytes.Join(parts, nil)
		if len(body) > 127 {
			t.Fatal("too long")
		}
		return append([]byte{tag, byte(len(body))}, body...)
	}
	id := []byte{2, 1, 0} // put right below
	for what, garbage := range map[string][]byte{
		"no BER":                  []byte("HTTP/1.1 400 Bad Request\r\n\r\n"),
		"an absurd length":        {0x30, 0x84, 0x7f, 0xff, 0xff, 0xff, 0x02},
		"an entry of nothing":     seq(0x30, id, seq(0x64)),
		"no attributes":           seq(0x30, id, seq(0x64, seq(4, []byte("cn=x")))),
		"attributes of nothing":   seq(0x30, id, seq(0x64, seq(4, []byte("cn=x")), seq(0x30, seq(0x30)))),
		"an attribute of numbers": seq(0x30, id, seq(0x64, seq(4, []byte("cn=x")), seq(0x30, seq(0x30, seq(2, []byte{1}), seq(0x31))))),
		"a deep tree":             append([]byte{0x30, 0x82, 0x0f, 0xa0}, bytes.Repeat([]byte{0x30, 0x80}, 2000)...),
	} {
		for _, delta := range []string{ldap.DeltaNone, ldap.DeltaSync} {
			proxy.Heal()
			c := d.open(t, func(s *ldap.Settings) { s.URL, s.Delta, s.Timeout = proxy.URL, delta, 300*time.Millisecond })
			proxy.Garble(func(raw []byte) []byte {
				out := bytes.Clone(garbage)
				if bytes.HasPrefix(out[2:], id) {
					out[4] = raw[bytes.Index(raw, id[:2])+2] // the request that is answered
				}
				return out
			})
			if _, err := c.Import(t.Context(), connector.Scope{}, func(object.Record) error { return nil }); err == nil {
				t.Errorf("%s, %s: no error", what, delta)
			}
			c.Close()
		}
	}
}

// Values that no record can hold are refusals, and the rest is told.
func TestMalformedEntries(t *testing.T) {
	everywhere(t, func(t *testing.T, d *directory) {
		proxy := newProxy(t, d.url)
		c := d.opened(t, func(s *ldap.Settings) { s.URL = proxy.URL })
		all := d.put(t, person(0), person(1), person(2))
		for what, garble := range map[string]struct {
			from, to string
			code     problem.Code
		}{
			"text that is no UTF-8": {"Persön 1", "Pers\xff\xfen 1", connector.InvalidValue},
			"no anchor":             {"entryUUID", "entryUUIX", connector.MissingAnchor},
		} {
			proxy.Garble(func(raw []byte) []byte {
				if !bytes.Contains(raw, []byte("Persön 1")) {
					return raw
				}
				return bytes.Replace(raw, []byte(garble.from), []byte(garble.to), 1)
			})
			var refused []*connector.Refusal
			got, _ := imported(t, c, connector.Scope{Refused: func(r *connector.Refusal) error { refused = append(refused, r); return nil }})
			if len(got) != 2 || len(refused) != 1 || refused[0].Code != garble.code || refused[0].Object != all[1].DN {
				t.Errorf("%s: told %d, refused %v", what, len(got), refused)
			}
		}
	})
}

func TestRanges(t *testing.T) {
	d := demoWith(t, 10)
	var members []object.Record
	for i := range 35 {
		members = append(members, object.Record{DN: fmt.Sprintf("uid=nobody%d,%s", i, people)})
	}
	g := d.put(t, group(0, members...))[0]
	for _, delta := range []string{ldap.DeltaNone, ldap.DeltaSync} {
		c := d.opened(t, func(s *ldap.Settings) { s.Delta = delta })
		got, _ := imported(t, c, connector.Scope{})
		if !got[g.DN].Attrs.Get("member").Equal(g.Attrs.Get("member")) {
			t.Errorf("%s: %d members", delta, len(got[g.DN].Attrs.Get("member")))
		}
		found, err := can[connector.Finder](t, c).Find(t.Context(), connector.Whereabouts{Anchor: g.Anchor})
		if err != nil || !found.Attrs.Get("member").Equal(g.Attrs.Get("member")) {
			t.Errorf("%s: found %d members, %v", delta, len(found.Attrs.Get("member")), err)
		}
	}
}

// Whoever gives up gets back at once, and what was sent by then is unanswered.
func TestCancellation(t *testing.T) {
	d := demoDirectory(t)
	all := d.put(t, person(0), person(1))
	for _, delta := range []string{ldap.DeltaNone, ldap.DeltaSync} {
		c := d.opened(t, func(s *ldap.Settings) { s.Delta = delta })
		d.demo.OnRequest(func(o ldapserver.Op) ldapserver.Fault {
			if o.Name == "modify" || o.Name == "search" && o.DN != "" {
				return ldapserver.Fault{Delay: 20 * time.Second}
			}
			return ldapserver.Fault{}
		})
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		if _, err := c.Import(ctx, connector.Scope{}, func(object.Record) error { return nil }); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: import: %v", delta, err)
		}
		cancel()
		ctx, cancel = context.WithTimeout(t.Context(), 100*time.Millisecond)
		s, err := can[connector.Exporter](t, c).OpenExport(ctx)
		if err != nil {
			t.Fatal(err)
		}
		out, err := s.Send(ctx, []connector.Change{update(all[0], mod(0, "displayName", object.Str("x"))), update(all[1], mod(0, "displayName", object.Str("x")))})
		var u *connector.Unanswered
		if !errors.Is(err, context.DeadlineExceeded) || len(out) != 1 || !errors.As(out[0].Err, &u) {
			t.Errorf("%s: export: %+v, %v", delta, out, err)
		}
		cancel()
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("%s: it took %v", delta, took)
		}
		d.demo.OnRequest(nil)
	}
}

// A server that cuts every connection after a few requests is got along with:
// each change is done, or its outcome says that it is not known.
func TestFrailServer(t *testing.T) {
	d := demoDirectory(t)
	var people []object.Record
	for i := range 30 {
		people = append(people, person(i))
	}
	people = d.put(t, people...)
	c := d.opened(t, nil)
	d.demo.OnRequest(func(o ldapserver.Op) ldapserver.Fault {
		return ldapserver.Fault{Cut: o.Name == "modify" && o.Number%5 == 0}
	})
	var changes []connector.Change
	for _, r := range people {
		changes = append(changes, update(r, mod(0, "displayName", object.Str("x"))))
	}
	unanswered := 0
	for i, o := range send(t, c, changes...) {
		var u *connector.Unanswered
		switch {
		case errors.As(o.Err, &u):
			unanswered++
		case o.Err != nil:
			t.Errorf("change %d: %v", i, o.Err)
		}
	}
	d.demo.OnRequest(nil)
	done := len(d.search(t, suffix, "(displayName=x)"))
	if unanswered == 0 || done+unanswered != len(people) {
		t.Errorf("%d done, %d unanswered", done, unanswered)
	}
}
