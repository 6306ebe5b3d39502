package ldapserver_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"muster/internal/demo/ldapserver"
)

// refreshed is what one refresh told.
type refreshed struct {
	entries []string
	deleted int
	cookie  []byte
	err     error
}

func refresh(t *testing.T, s *ldapserver.Server, filter string, cookie []byte) refreshed {
	t.Helper()
	c := signIn(t, s)
	var out refreshed
	r := c.Syncrepl(t.Context(), ldap.NewSearchRequest(people, 2, 0, 0, 0, false, filter, []string{"*"}, nil), 8, ldap.SyncRequestModeRefreshOnly, cookie, true)
	for r.Next() {
		if r.Entry() != nil {
			out.entries = append(out.entries, r.Entry().DN)
		}
		for _, c := range r.Controls() {
			switch c := c.(type) {
			case *ldap.ControlSyncDone:
				out.cookie = c.Cookie
			case *ldap.ControlSyncInfo:
				out.deleted += len(c.SyncIdSet.SyncUUIDs)
			}
		}
	}
	out.err = r.Err()
	return out
}

func TestRefresh(t *testing.T) {
	s := start(t, ldapserver.Options{})
	c := signIn(t, s)
	const filter = "(objectClass=person)"
	full := refresh(t, s, filter, nil)
	if full.err != nil || len(full.entries) != 2 || full.deleted != 0 {
		t.Fatalf("%+v", full)
	}
	if again := refresh(t, s, filter, full.cookie); again.err != nil || len(again.entries)+again.deleted != 0 || string(again.cookie) != string(full.cookie) {
		t.Errorf("nothing happened: %+v", again)
	}
	m := ldap.NewModifyRequest("uid=ann,"+people, nil)
	m.Replace("title", []string{"x"})
	wantCode(t, c.Modify(m), 0, "modify")
	wantCode(t, c.Del(ldap.NewDelRequest("uid=bob,"+people, nil)), 0, "delete")
	delta := refresh(t, s, filter, full.cookie)
	if delta.err != nil || !slices.Equal(delta.entries, []string{"uid=ann," + people}) || delta.deleted == 0 {
		t.Errorf("changes: %+v", delta)
	}
	wantCode(t, c.ModifyDN(ldap.NewModifyDNRequest("uid=ann,"+people, "uid=ann", true, "ou=groups,"+suffix)), 0, "moving away")
	if gone := refresh(t, s, filter, delta.cookie); len(gone.entries) != 0 || gone.deleted == 0 {
		t.Errorf("moved out of the base: %+v", gone)
	}
	s.ForgetChanges()
	wantCode(t, refresh(t, s, filter, delta.cookie).err, 4096, "an old cookie")
	wantCode(t, refresh(t, s, filter, []byte("csn=x")).err, 4096, "an invented cookie")
}

func TestPersist(t *testing.T) {
	s := start(t, ldapserver.Options{})
	c, listener := signIn(t, s), signIn(t, s)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	r := listener.Syncrepl(ctx, ldap.NewSearchRequest(people, 2, 0, 0, 0, false, "(objectClass=person)", nil, nil), 8, ldap.SyncRequestModeRefreshAndPersist, nil, false)
	next := func() string {
		for r.Next() {
			for _, c := range r.Controls() {
				switch c := c.(type) {
				case *ldap.ControlSyncState:
					return fmt.Sprint(r.Entry().DN[:7], " ", c.State)
				case *ldap.ControlSyncInfo:
					return fmt.Sprint("refreshed ", c.RefreshPresent.RefreshDone)
				}
			}
		}
		return fmt.Sprint(r.Err())
	}
	for _, want := range []string{"uid=ann 1", "uid=bob 1", "refreshed true"} {
		if got := next(); got != want {
			t.Fatalf("got %s, want %s", got, want)
		}
	}
	fill(t, s, 1)
	m := ldap.NewModifyRequest("uid=ann,"+people, nil)
	m.Replace("title", []string{"x"})
	wantCode(t, c.Modify(m), 0, "modify")
	wantCode(t, c.Del(ldap.NewDelRequest("uid=bob,"+people, nil)), 0, "delete")
	for _, want := range []string{"uid=p0, 1", "uid=ann 2", "uid=bob 3"} {
		if got := next(); got != want {
			t.Fatalf("got %s, want %s", got, want)
		}
	}
}

func TestFaults(t *testing.T) {
	s := start(t, ldapserver.Options{})
	c := signIn(t, s)
	fault := func(op string, f ldapserver.Fault) {
		s.OnRequest(func(o ldapserver.Op) ldapserver.Fault {
			if o.Name == op {
				return f
			}
			return ldapserver.Fault{}
		})
	}
	fault("delete", ldapserver.Fault{Code: 51, Message: "later"})
	wantCode(t, c.Del(ldap.NewDelRequest("uid=bob,"+people, nil)), 51, "busy")
	fault("search", ldapserver.Fault{CutAfterEntries: 3})
	r, err := c.Search(ldap.NewSearchRequest(suffix, 2, 0, 0, 0, false, "(objectClass=*)", nil, nil))
	if err == nil || len(r.Entries) != 3 {
		t.Errorf("a cut search: %v entries, %v", len(r.Entries), err)
	}
	c = signIn(t, s)
	fault("delete", ldapserver.Fault{CutAfter: true})
	if err := c.Del(ldap.NewDelRequest("uid=bob,"+people, nil)); err == nil {
		t.Error("an answer came")
	}
	s.OnRequest(nil)
	if got := find(t, signIn(t, s), suffix, 2, "(uid=bob)"); len(got) != 0 {
		t.Error("what was not answered did not happen")
	}
}
