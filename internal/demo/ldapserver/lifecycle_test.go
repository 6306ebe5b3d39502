package ldapserver_test

import (
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"muster/internal/demo/ldapserver"
)

func TestTLS(t *testing.T) {
	certs, err := ldapserver.NewCertificates(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	config, err := certs.Server()
	if err != nil {
		t.Fatal(err)
	}
	s := start(t, ldapserver.Options{TLS: config, LDAPS: "127.0.0.1:0", RequireTLS: true})
	c := dial(t, s)
	wantCode(t, c.Bind(s.RootDN(), password), 13, "a password in the clear")
	wantCode(t, c.StartTLS(certs.Client()), 0, "StartTLS")
	wantCode(t, c.Bind(s.RootDN(), password), 0, "a password under StartTLS")
	c, err = ldap.DialURL(s.LDAPS(), ldap.DialWithTLSConfig(certs.Client()))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	wantCode(t, c.Bind(s.RootDN(), password), 0, "a password under LDAPS")
}

func TestListensOnLoopbackOnly(t *testing.T) {
	if s, err := ldapserver.Start(ldapserver.Options{Suffix: suffix, Address: "0.0.0.0:0"}); err == nil {
		s.Close()
		t.Error("it listens on all addresses")
	}
}

func TestJournal(t *testing.T) {
	path := t.TempDir() + "/journal.ldif"
	first, err := ldapserver.Start(ldapserver.Options{Suffix: suffix, RootPassword: password, LDIF: content, Journal: path})
	if err != nil {
		t.Fatal(err)
	}
	c := signIn(t, first)
	m := ldap.NewModifyRequest("uid=ann,"+people, nil)
	m.Replace("description", []string{"zwei\nZeilen ", "ä"})
	wantCode(t, c.Modify(m), 0, "modify")
	wantCode(t, c.Del(ldap.NewDelRequest("uid=bob,"+people, nil)), 0, "delete")
	wantCode(t, c.ModifyDN(ldap.NewModifyDNRequest(people, "ou=all", true, "")), 0, "rename")
	want := find(t, c, suffix, 2, "(objectClass=*)", "*", "+")
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	appendTo(t, path, "dn: uid=torn,"+suffix+"\nchangetype: add\nobjectClass: account\n")
	for range 2 { // the second time from the file that was written anew
		s, err := ldapserver.Start(ldapserver.Options{Suffix: suffix, RootPassword: password, LDIF: content, Journal: path})
		if err != nil {
			t.Fatal(err)
		}
		got := find(t, signIn(t, s), suffix, 2, "(objectClass=*)", "*", "+")
		if show(got) != show(want) {
			t.Errorf("after a restart:\n%s\nbefore:\n%s", show(got), show(want))
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}
