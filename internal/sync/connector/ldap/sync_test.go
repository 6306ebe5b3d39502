package ldap_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	ldap3 "github.com/go-ldap/ldap/v3"

	"muster/internal/base/object"
	"muster/internal/base/problem"
	"muster/internal/base/secret"
	"muster/internal/sync/connector"
	"muster/internal/sync/connector/ldap"
	"muster/internal/testserver/slapd"
)

// A server that remembers no deletes can only list who is still there. Taking
// its list for changes would miss every delete.
func TestWithoutSessionLog(t *testing.T) {
	d := openLDAPWith(t, slapd.Options{NoSessionLog: true})
	c := d.opened(t, nil)
	all := d.put(t, person(0), person(1), person(2))
	_, mark := imported(t, c, connector.Scope{})
	told := 0
	count := func(connector.Delta) error { told++; return nil }
	next, err := can[connector.SinceImporter](t, c).ImportSince(t.Context(), connector.Scope{}, mark, count)
	if err != nil || told != 0 {
		t.Errorf("nothing happened: told %d, %v", told, err)
	}
	d.remove(t, all[1])
	if _, err = can[connector.SinceImporter](t, c).ImportSince(t.Context(), connector.Scope{}, next, count); !errors.Is(err, connector.ErrMarkExpired) {
		t.Errorf("a delete that the server cannot tell: %v after %d", err, told)
	}
}

// A limit of the server makes an error, not a short list.
func TestServerLimit(t *testing.T) {
	d := openLDAP(t)
	reader := person(0)
	reader.Attrs.Put("userPassword", object.Set(object.Str("reads")))
	d.put(t, reader)
	for i := range 600 {
		dn := fmt.Sprintf("uid=many%d,%s", i, people)
		d.add(t, dn, map[string][]string{"objectClass": {"inetOrgPerson", "testPerson"}, "cn": {"x"}, "sn": {"x"}})
	}
	for _, delta := range []string{ldap.DeltaSync, ldap.DeltaTime} {
		c := d.opened(t, func(s *ldap.Settings) { s.BindDN, s.Password, s.Delta = reader.DN, secret.New("reads"), delta })
		n := 0
		_, err := c.Import(t.Context(), connector.Scope{}, func(object.Record) error { n++; return nil })
		if err == nil && n != 601 || err != nil && (problem.CodeOf(err) != connector.FailedSearch || !strings.Contains(err.Error(), "limit")) {
			t.Errorf("%s: told %d, %v", delta, n, err)
		}
		t.Logf("%s: told %d, %v", delta, n, err)
	}
}

// Marks belong to what was read.
func TestMarksOfOtherScopes(t *testing.T) {
	everywhere(t, func(t *testing.T, d *directory) {
		d.put(t, person(0), person(1))
		for _, delta := range []string{ldap.DeltaSync, ldap.DeltaTime} {
			c := d.opened(t, func(s *ldap.Settings) { s.Delta = delta })
			_, mark := imported(t, c, connector.Scope{Types: []string{"person"}})
			for _, scope := range []connector.Scope{{}, {Types: []string{"group"}}, {Types: []string{"person"}, Containers: []string{inner}}} {
				_, err := can[connector.SinceImporter](t, c).ImportSince(t.Context(), scope, mark, func(connector.Delta) error { return nil })
				if !errors.Is(err, connector.ErrMarkExpired) {
					t.Errorf("%s, %+v: %v", delta, scope, err)
				}
			}
		}
	})
}

// An object that becomes of another type, or moves out of the bases, has gone.
func TestLeaving(t *testing.T) {
	everywhere(t, func(t *testing.T, d *directory) {
		c := d.opened(t, func(s *ldap.Settings) { s.Bases = []string{people} })
		all := d.put(t, person(0), person(2), person(4))
		_, mark := imported(t, c, connector.Scope{})
		d.move(t, all[0], "uid=p0,"+groups)
		m := ldap3.NewModifyRequest(all[1].DN, nil)
		m.Delete("objectClass", []string{"testPerson"})
		if err := d.admin.Modify(m); err != nil {
			t.Fatal(err)
		}
		gone := map[string]bool{}
		_, err := can[connector.SinceImporter](t, c).ImportSince(t.Context(), connector.Scope{}, mark, func(d connector.Delta) error {
			gone[d.Record.Anchor] = d.Op == connector.Delete
			return nil
		})
		if err != nil || !gone[all[0].Anchor] || !gone[all[1].Anchor] || gone[all[2].Anchor] {
			t.Errorf("%v, %v", gone, err)
		}
	})
}

func TestWaiting(t *testing.T) {
	everywhere(t, func(t *testing.T, d *directory) {
		proxy := newProxy(t, d.url)
		c := d.opened(t, func(s *ldap.Settings) {
			s.URL, s.Bases, s.Timeout = proxy.URL, []string{people, groups}, 300*time.Millisecond
		})
		waiter := can[connector.Waiter](t, c)
		all := d.put(t, person(0), person(2))
		wait := func(mark connector.Mark) <-chan error {
			done := make(chan error, 1)
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			t.Cleanup(cancel)
			go func() { done <- waiter.Wait(ctx, mark) }()
			return done
		}
		quiet := func(done <-chan error, what string) {
			t.Helper()
			select {
			case err := <-done:
				t.Fatalf("%s: Wait came back: %v", what, err)
			case <-time.After(500 * time.Millisecond): // longer than a request may take
			}
		}
		_, mark := imported(t, c, connector.Scope{})
		done := wait(mark)
		quiet(done, "nothing happened")
		d.put(t, group(0, all[0])) // in the second base
		if err := <-done; err != nil {
			t.Errorf("an add: %v", err)
		}
		_, mark = imported(t, c, connector.Scope{Types: []string{"person"}})
		done = wait(mark)
		d.put(t, group(1, all[0]))
		quiet(done, "a group was added where people were imported")
		d.remove(t, all[1])
		if err := <-done; err != nil {
			t.Errorf("a delete: %v", err)
		}
		_, mark = imported(t, c, connector.Scope{})
		done = wait(mark)
		quiet(done, "nothing happened again")
		proxy.CutAll()
		if err := <-done; problem.CodeOf(err) != connector.DroppedConnection {
			t.Errorf("a lost connection: %v", err)
		}
		d.expire(t)
		if err := <-wait(mark); err != nil {
			t.Errorf("a mark that has expired: %v", err)
		}
	})
}
