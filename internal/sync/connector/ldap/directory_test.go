package ldap_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	ldap3 "github.com/go-ldap/ldap/v3"

	"muster/internal/base/object"
	"muster/internal/base/secret"
	"muster/internal/demo/ldapserver"
	"muster/internal/sync/connector"
	"muster/internal/sync/connector/ldap"
	"muster/internal/testserver/slapd"
)

const (
	suffix = slapd.Suffix
	people = "ou=people," + suffix
	inner  = "ou=inner," + people
	groups = "ou=groups," + suffix
)

// One attribute of each kind, which the standard classes lack.
var extra = []string{
	"attributeTypes: ( 1.3.6.1.4.1.99999.1.1 NAME 'testInt' EQUALITY integerMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 SINGLE-VALUE )",
	"attributeTypes: ( 1.3.6.1.4.1.99999.1.2 NAME 'testBool' EQUALITY booleanMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.7 SINGLE-VALUE )",
	"attributeTypes: ( 1.3.6.1.4.1.99999.1.3 NAME 'testTime' EQUALITY generalizedTimeMatch ORDERING generalizedTimeOrderingMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.24 SINGLE-VALUE )",
	"attributeTypes: ( 1.3.6.1.4.1.99999.1.4 NAME 'testBytes' EQUALITY octetStringMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.40 SINGLE-VALUE )",
	"objectClasses: ( 1.3.6.1.4.1.99999.2.1 NAME 'testPerson' SUP top AUXILIARY MAY ( testInt $ testBool $ testTime $ testBytes ) )",
}

// directory is a server that the tests use, whichever it is.
type directory struct {
	name   string
	url    string
	ldaps  string
	caFile string
	admin  *ldap3.Conn
	expire func(*testing.T)   // makes the server forget what changed
	demo   *ldapserver.Server // nil for others
}

func certificates(t *testing.T) *ldapserver.Certificates {
	t.Helper()
	certs, err := ldapserver.NewCertificates(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return certs
}

// openLDAP starts a slapd.
func openLDAP(t *testing.T) *directory { return openLDAPWith(t, slapd.Options{}) }

func openLDAPWith(t *testing.T, opt slapd.Options) *directory {
	t.Helper()
	text := strings.NewReplacer("attributeTypes: ", "attributetype ", "objectClasses: ", "objectclass ").Replace(strings.Join(extra, "\n"))
	certs := certificates(t)
	opt.Schema, opt.CA, opt.Cert, opt.Key = text, certs.CA, certs.Cert, certs.Key
	s, err := slapd.Start(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	d := &directory{name: "ldap openldap", url: s.URL, ldaps: s.LDAPS, caFile: s.CAFile}
	d.expire = d.forget
	d.prepare(t)
	return d
}

// demoDirectory starts the demo's server.
func demoDirectory(t *testing.T) *directory { return demoWith(t, 0) }

// demoWith starts it with a limit of values.
func demoWith(t *testing.T, valueLimit int) *directory {
	t.Helper()
	certs := certificates(t)
	config, err := certs.Server()
	if err != nil {
		t.Fatal(err)
	}
	s, err := ldapserver.Start(ldapserver.Options{
		Suffix: suffix, RootPassword: slapd.Password, Schema: strings.Join(extra, "\n"), TLS: config, LDAPS: "127.0.0.1:0", ValueLimit: valueLimit,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	d := &directory{name: "ldap demo", demo: s, url: s.URL(), ldaps: s.LDAPS(), caFile: writeFile(t, "ca.pem", certs.CA)}
	d.expire = func(*testing.T) { s.ForgetChanges() }
	d.prepare(t)
	return d
}

// prepare signs the tests in and makes the containers.
func (d *directory) prepare(t *testing.T) {
	t.Helper()
	var err error
	if d.admin, err = ldap3.DialURL(d.url); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.admin.Close() })
	if err := d.admin.Bind(slapd.RootDN, slapd.Password); err != nil {
		t.Fatal(err)
	}
	d.populate(t)
}

func (d *directory) populate(t *testing.T) {
	t.Helper()
	d.add(t, suffix, map[string][]string{"objectClass": {"dcObject", "organization"}, "o": {"Example"}})
	for _, dn := range []string{people, inner, groups} {
		d.add(t, dn, map[string][]string{"objectClass": {"organizationalUnit"}})
	}
}

func (d *directory) add(t *testing.T, dn string, attrs map[string][]string) {
	t.Helper()
	r := ldap3.NewAddRequest(dn, nil)
	for k, v := range attrs {
		r.Attribute(k, v)
	}
	if err := d.admin.Add(r); err != nil {
		t.Fatalf("add %s: %v", dn, err)
	}
}

func (d *directory) search(t *testing.T, base, filter string, attrs ...string) []*ldap3.Entry {
	t.Helper()
	r, err := d.admin.SearchWithPaging(ldap3.NewSearchRequest(base, 2, 0, 0, 0, false, filter, attrs, nil), 400)
	if err != nil {
		t.Fatalf("search %s %s: %v", base, filter, err)
	}
	return r.Entries
}

// wipe removes everybody.
func (d *directory) wipe(t *testing.T) {
	t.Helper()
	for _, e := range d.search(t, suffix, "(|(objectClass=inetOrgPerson)(objectClass=groupOfNames)(objectClass=organizationalRole))", "1.1") {
		if err := d.admin.Del(ldap3.NewDelRequest(e.DN, nil)); err != nil {
			t.Fatalf("delete %s: %v", e.DN, err)
		}
	}
}

// settings are those of the examination: in the clear, on loopback.
func (d *directory) settings() ldap.Settings {
	return ldap.Settings{
		URL: d.url, AllowClear: true, BindDN: slapd.RootDN, Password: secret.New(slapd.Password), Bases: []string{suffix},
		Types: []ldap.Type{{Name: "person", Classes: []string{"inetOrgPerson", "testPerson"}}, {Name: "group", Classes: []string{"groupOfNames"}}},
	}
}

func (d *directory) open(t *testing.T, change func(*ldap.Settings)) connector.Connector {
	t.Helper()
	set := d.settings()
	if change != nil {
		change(&set)
	}
	c, err := ldap.Open(t.Context(), set)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// opened is open for tests that do not close.
func (d *directory) opened(t *testing.T, change func(*ldap.Settings)) connector.Connector {
	t.Helper()
	c := d.open(t, change)
	t.Cleanup(func() { c.Close() })
	return c
}

var (
	binary = []string{"testBytes", "jpegPhoto"}
	refs   = []string{"member", "manager"}
)

// raw writes values as LDAP does, without the connector's help.
func raw(values object.Values) []string {
	var out []string
	for _, v := range values {
		switch v.Kind() {
		case object.Bool:
			out = append(out, strings.ToUpper(v.String()))
		case object.Time:
			out = append(out, v.Time().Format("20060102150405Z"))
		case object.Int:
			out = append(out, v.String())
		case object.None, object.String, object.Bytes, object.Ref:
			out = append(out, v.Text())
		}
	}
	return out
}

// cooked reads values without the connector's help.
func cooked(t *testing.T, name string, values []string) object.Values {
	t.Helper()
	var out object.Values
	for _, v := range values {
		switch {
		case slices.Contains(binary, name):
			out = append(out, object.Octets([]byte(v)))
		case slices.Contains(refs, name):
			out = append(out, object.Reference(v))
		case name == "testInt":
			n, err := strconv.ParseInt(v, 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, object.Integer(n))
		case name == "testBool":
			out = append(out, object.Boolean(v == "TRUE"))
		case name == "testTime":
			at, err := time.Parse("20060102150405Z", v)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, object.Instant(at))
		default:
			out = append(out, object.Str(v))
		}
	}
	return object.Set(out...)
}

// put adds or replaces objects behind the connector's back.
func (d *directory) put(t *testing.T, records ...object.Record) []object.Record {
	t.Helper()
	for i, r := range records {
		there, err := d.admin.Search(ldap3.NewSearchRequest(r.DN, 0, 0, 0, 0, false, "(objectClass=*)", []string{"*"}, nil))
		if err != nil && !ldap3.IsErrorWithCode(err, 32) {
			t.Fatal(err)
		}
		if err != nil {
			attrs := map[string][]string{"objectClass": {"groupOfNames"}}
			if r.Type == "person" {
				attrs["objectClass"] = []string{"inetOrgPerson", "testPerson"}
			}
			for _, a := range r.Attrs {
				attrs[a.Name] = raw(a.Values)
			}
			d.add(t, r.DN, attrs)
		} else {
			m := ldap3.NewModifyRequest(r.DN, nil)
			for _, a := range there.Entries[0].Attributes {
				if a.Name != "objectClass" && !r.Attrs.Has(a.Name) {
					m.Replace(a.Name, nil)
				}
			}
			for _, a := range r.Attrs {
				if a.Name != "objectClass" {
					m.Replace(a.Name, raw(a.Values))
				}
			}
			if err := d.admin.Modify(m); err != nil {
				t.Fatalf("modify %s: %v", r.DN, err)
			}
		}
		records[i].Anchor = d.uuid(t, r.DN)
	}
	return records
}

func (d *directory) uuid(t *testing.T, dn string) string {
	t.Helper()
	r, err := d.admin.Search(ldap3.NewSearchRequest(dn, 0, 0, 0, 0, false, "(objectClass=*)", []string{"entryUUID"}, nil))
	if err != nil || len(r.Entries) != 1 {
		t.Fatalf("%s: %v", dn, err)
	}
	return r.Entries[0].GetAttributeValue("entryUUID")
}

func (d *directory) remove(t *testing.T, r object.Record) {
	t.Helper()
	if err := d.admin.Del(ldap3.NewDelRequest(r.DN, nil)); err != nil {
		t.Fatalf("delete %s: %v", r.DN, err)
	}
}

func (d *directory) read(t *testing.T) []object.Record {
	t.Helper()
	var out []object.Record
	for _, e := range d.search(t, suffix, "(|(objectClass=inetOrgPerson)(objectClass=groupOfNames))", "*", "entryUUID") {
		r := object.Record{Type: "person", DN: e.DN, Anchor: e.GetAttributeValue("entryUUID")}
		for _, a := range e.Attributes {
			switch a.Name {
			case "objectClass":
				if slices.Contains(a.Values, "groupOfNames") {
					r.Type = "group"
				}
			case "entryUUID":
			default:
				r.Attrs.Put(a.Name, cooked(t, a.Name, a.Values))
			}
		}
		out = append(out, r)
	}
	return out
}

func (d *directory) move(t *testing.T, r object.Record, dn string) object.Record {
	t.Helper()
	rdn, parent, _ := strings.Cut(dn, ",")
	if err := d.admin.ModifyDN(ldap3.NewModifyDNRequest(r.DN, rdn, true, parent)); err != nil {
		t.Fatalf("rename %s: %v", r.DN, err)
	}
	r.DN = dn
	return r
}

// forget makes the directory do more than its session log holds.
func (d *directory) forget(t *testing.T) {
	t.Helper()
	for i := range 2 * slapd.SessionLog {
		dn := fmt.Sprintf("cn=passing%d,%s", i, groups)
		d.add(t, dn, map[string][]string{"objectClass": {"organizationalRole"}})
		d.remove(t, object.Record{DN: dn})
	}
}

// works reports whether a password does.
func (d *directory) works(t *testing.T, dn, password string) bool {
	t.Helper()
	c, err := ldap3.DialURL(d.url)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.Bind(dn, password) == nil
}

func person(i int) object.Record {
	parent := people
	if i%2 == 1 {
		parent = inner
	}
	uid := fmt.Sprintf("p%d", i)
	r := object.Record{Type: "person", DN: "uid=" + uid + "," + parent}
	r.Attrs.Put("uid", object.Set(object.Str(uid)))
	r.Attrs.Put("cn", object.Set(object.Str(fmt.Sprintf("Persön %d", i))))
	r.Attrs.Put("sn", object.Set(object.Str("Person")))
	return r
}

func group(i int, members ...object.Record) object.Record {
	cn := fmt.Sprintf("g%d", i)
	r := object.Record{Type: "group", DN: "cn=" + cn + "," + groups}
	r.Attrs.Put("cn", object.Set(object.Str(cn)))
	var values object.Values
	for _, m := range members {
		values = append(values, object.Reference(m.DN))
	}
	r.Attrs.Put("member", object.Set(values...))
	return r
}

func objectStr(s string) object.Value { return object.Str(s) }
