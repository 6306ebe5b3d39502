package ldap_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	ldap3 "github.com/go-ldap/ldap/v3"

	"muster/internal/base/object"
	"muster/internal/sync/connector"
	"muster/internal/sync/connector/connectortest"
	"muster/internal/sync/connector/ldap"
)

// servers are the directories that every test is run against.
var servers = []struct {
	name  string
	start func(*testing.T) *directory
}{{"openldap", openLDAP}, {"demo", demoDirectory}}

func TestExamination(t *testing.T) {
	for _, server := range servers {
		t.Run(server.name, func(t *testing.T) { examine(t, server.start(t)) })
	}
}

func examine(t *testing.T, d *directory) {
	proxy := newProxy(t, d.url)
	connectortest.Run(t, connectortest.Suite{Name: d.name, New: func(t *testing.T) connectortest.System {
		d.wipe(t)
		proxy.Heal()
		// Outcomes depend on who is asked, so the clear connections of the
		// examination go through the proxy; those of the tests do not.
		return connectortest.System{
			Open: func(t *testing.T) connector.Connector {
				return d.open(t, func(s *ldap.Settings) { s.URL = proxy.URL })
			},
			Put: d.put, Delete: d.remove, Read: d.read, Move: d.move, Expire: d.expire,
			Password: func(t *testing.T, r object.Record, password string) bool { return d.works(t, r.DN, password) },
			Sample: connectortest.Sample{
				Make: person, Group: group, Member: "member", Key: "uid", Text: "displayName", Multi: "title",
				Kinds:  map[object.Kind]string{object.Int: "testInt", object.Bool: "testBool", object.Time: "testTime", object.Bytes: "testBytes"},
				Within: inner, Secret: "password",
				NewDN: func(r object.Record) string {
					rdn, _, _ := strings.Cut(r.DN, ",")
					return rdn + "x," + groups
				},
			},
			Faults: faults(d, proxy),
		}
	}})
}

func faults(d *directory, proxy *proxy) connectortest.Faults {
	// first has the effect on the first change of r, always on all.
	first := func(e effect) func(*testing.T, object.Record) {
		return func(_ *testing.T, r object.Record) {
			done := false
			proxy.OnWrite(func(dn string) effect {
				if dn != r.DN || done {
					return effect{}
				}
				done = true
				return e
			})
		}
	}
	return connectortest.Faults{
		CutImport: func(_ *testing.T, after int) { proxy.CutAfterEntries(after) },
		Unreadable: func(t *testing.T, r object.Record) { // a number that no int64 holds
			m := ldap3.NewModifyRequest(r.DN, nil)
			m.Replace("testInt", []string{"99999999999999999999"})
			if err := d.admin.Modify(m); err != nil {
				t.Fatal(err)
			}
		},
		Refuse: first(effect{Code: 50}),
		Busy:   first(effect{Code: 51}),
		Lost:   first(effect{Lose: true}),
		CutExport: func(_ *testing.T, r object.Record) {
			proxy.OnWrite(func(dn string) effect { return effect{Cut: dn == r.DN} })
		},
	}
}

func writeFile(t *testing.T, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
