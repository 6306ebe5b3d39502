package ldapserver_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"muster/internal/demo/ldapserver"
)

const (
	suffix   = "dc=example,dc=test"
	password = "secret"
	people   = "ou=people," + suffix
	content  = `dn: dc=example,dc=test
objectClass: dcObject
objectClass: organization
o: Example

dn: ou=people,dc=example,dc=test
objectClass: organizationalUnit

dn: ou=groups,dc=example,dc=test
objectClass: organizationalUnit

dn: uid=ann,ou=people,dc=example,dc=test
objectClass: inetOrgPerson
cn: Ann  Lee
sn: Lee
userPassword: ann's own
jpegPhoto:: /9j/AA==

dn: uid=bob,ou=people,dc=example,dc=test
objectClass: inetOrgPerson
cn: Bob
sn: Ross
manager: uid=ann,ou=people,dc=example,dc=test

dn: cn=staff,ou=groups,dc=example,dc=test
objectClass: groupOfNames
member: uid=ann,ou=people,dc=example,dc=test
member: uid=bob,ou=people,dc=example,dc=test
`
)

func start(t *testing.T, opt ldapserver.Options) *ldapserver.Server {
	t.Helper()
	opt.Suffix, opt.RootPassword = suffix, password
	if opt.LDIF == "" {
		opt.LDIF = content
	}
	s, err := ldapserver.Start(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func dial(t *testing.T, s *ldapserver.Server) *ldap.Conn {
	t.Helper()
	c, err := ldap.DialURL(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	c.SetTimeout(10 * time.Second)
	t.Cleanup(func() { c.Close() })
	return c
}

func signIn(t *testing.T, s *ldapserver.Server) *ldap.Conn {
	t.Helper()
	c := dial(t, s)
	if err := c.Bind(s.RootDN(), password); err != nil {
		t.Fatal(err)
	}
	return c
}

func find(t *testing.T, c *ldap.Conn, base string, scope int, filter string, attrs ...string) []*ldap.Entry {
	t.Helper()
	r, err := c.Search(ldap.NewSearchRequest(base, scope, 0, 0, 0, false, filter, attrs, nil))
	if err != nil {
		t.Fatalf("search %s %s: %v", base, filter, err)
	}
	return r.Entries
}

func one(t *testing.T, c *ldap.Conn, dn string, attrs ...string) *ldap.Entry {
	t.Helper()
	all := find(t, c, dn, 0, "(objectClass=*)", attrs...)
	if len(all) != 1 {
		t.Fatalf("%s: %d entries", dn, len(all))
	}
	return all[0]
}

// wantCode checks an error's result code; 0 is success.
func wantCode(t *testing.T, err error, code uint16, what string) {
	t.Helper()
	if err == nil && code == 0 || err != nil && ldap.IsErrorWithCode(err, code) {
		return
	}
	t.Errorf("%s: %v, want result %d", what, err, code)
}

func TestBind(t *testing.T) {
	s := start(t, ldapserver.Options{Anonymous: true})
	c := dial(t, s)
	wantCode(t, c.Bind(s.RootDN(), "wrong"), 49, "wrong password")
	wantCode(t, c.Bind("uid=ghost,"+people, "x"), 49, "unknown person")
	wantCode(t, c.Bind("UID=Ann, OU=People,"+suffix, "ann's own"), 0, "other spelling of the DN")
	who, err := c.WhoAmI(nil)
	if err != nil || who.AuthzID != "dn:UID=Ann,OU=People,"+suffix {
		t.Errorf("%+v %v", who, err)
	}
	if e := one(t, c, "uid=ann,"+people); len(e.GetAttributeValues("userPassword")) != 0 {
		t.Error("a password was shown")
	}
	m := ldap.NewModifyRequest("uid=bob,"+people, nil)
	m.Replace("sn", []string{"x"})
	wantCode(t, c.Modify(m), 50, "writing without the right")
	pm, err := c.PasswordModify(ldap.NewPasswordModifyRequest("", "ann's own", ""))
	if err != nil || pm.GeneratedPassword == "" {
		t.Fatal(pm, err)
	}
	wantCode(t, c.Bind("uid=ann,"+people, pm.GeneratedPassword), 0, "the new password")
	wantCode(t, c.Bind("uid=ann,"+people, "ann's own"), 49, "the old password")
	if got := find(t, c, suffix, 2, "(userPassword={S*)"); len(got) != 0 {
		t.Error("a password was found by its beginning")
	}
}

func TestFilters(t *testing.T) {
	s := start(t, ldapserver.Options{})
	c := signIn(t, s)
	for filter, want := range map[string]int{
		"(objectClass=*)":         6,
		"(objectClass=person)":    2,
		"(uid=ANN)":               1,
		"(cn=ann lee)":            1,
		"(cn=  Ann   Lee )":       1,
		"(name=bob)":              1,
		"(cn=A*n*e)":              1,
		"(cn=*b)":                 1,
		"(cn=*x*)":                0,
		"(&)":                     6,
		"(|)":                     0,
		"(!(objectClass=person))": 4,
		"(unknown=x)":             0,
		"(!(unknown=x))":          0,
		"(|(unknown=x)(uid=bob))": 1,
		"(manager=UID=ann, ou=people," + suffix + ")":  1,
		"(manager=not a dn)":                           0,
		"(!(manager=not a dn))":                        0,
		"(memberOf=cn=staff,ou=groups," + suffix + ")": 2,
		"(sn>=m)":                            1,
		"(sn<=m)":                            1,
		"(createTimestamp>=20000101000000Z)": 6,
		"(sn~=ross)":                         1,
		"(cn:caseExactMatch:=Bob)":           1,
		"(cn:caseExactMatch:=bob)":           0,
		"(ou:dn:=people)":                    3,
		"(2.5.4.4=lee)":                      1,
		"(jpegPhoto=*)":                      1,
	} {
		if got := find(t, c, suffix, 2, filter, "1.1"); len(got) != want {
			t.Errorf("%s: %d entries, want %d", filter, len(got), want)
		}
	}
	if got := find(t, c, people, 1, "(objectClass=*)"); len(got) != 2 || got[0].DN != "uid=ann,"+people {
		t.Errorf("one level: %v", got)
	}
}

func TestSelection(t *testing.T) {
	s := start(t, ldapserver.Options{})
	c := signIn(t, s)
	names := func(attrs ...string) []string {
		var out []string
		for _, a := range one(t, c, "uid=bob,"+people, attrs...).Attributes {
			out = append(out, a.Name)
		}
		slices.Sort(out)
		return out
	}
	for _, c := range []struct{ ask, want []string }{
		{nil, []string{"cn", "manager", "objectClass", "sn", "uid"}},
		{[]string{"1.1"}, nil},
		{[]string{"SN", "ENTRYUUID"}, []string{"entryUUID", "sn"}},
		{[]string{"name"}, []string{"cn", "sn"}},
		{[]string{"+"}, []string{"createTimestamp", "creatorsName", "entryCSN", "entryDN", "entryUUID", "hasSubordinates", "memberOf",
			"modifiersName", "modifyTimestamp", "structuralObjectClass", "subschemaSubentry"}},
	} {
		if got := names(c.ask...); !slices.Equal(got, c.want) {
			t.Errorf("%q: %q, want %q", c.ask, got, c.want)
		}
	}
}

func TestRefusals(t *testing.T) {
	s := start(t, ldapserver.Options{})
	c := signIn(t, s)
	add := func(dn string, attrs map[string][]string) error {
		r := ldap.NewAddRequest(dn, nil)
		for k, v := range attrs {
			r.Attribute(k, v)
		}
		return c.Add(r)
	}
	person := func(more ...string) map[string][]string {
		m := map[string][]string{"objectClass": {"inetOrgPerson"}, "cn": {"x"}, "sn": {"x"}}
		for i := 0; i < len(more); i += 2 {
			m[more[i]] = append(m[more[i]], more[i+1])
		}
		return m
	}
	for what, c := range map[string]struct {
		err  error
		code uint16
	}{
		"existing":             {add("UID=ann,"+people, person()), 68},
		"no parent":            {add("uid=x,ou=none,"+suffix, person()), 32},
		"outside":              {add("dc=other", person()), 53},
		"bad DN":               {add("uid", person()), 34},
		"no class":             {add("uid=x,"+people, map[string][]string{"cn": {"x"}}), 65},
		"unknown class":        {add("uid=x,"+people, map[string][]string{"objectClass": {"ghost"}}), 21},
		"missing attribute":    {add("uid=x,"+people, map[string][]string{"objectClass": {"inetOrgPerson"}, "cn": {"x"}}), 65},
		"empty group":          {add("cn=x,"+people, map[string][]string{"objectClass": {"groupOfNames"}}), 65},
		"attribute not here":   {add("uid=x,"+people, person("member", suffix)), 65},
		"unknown attribute":    {add("uid=x,"+people, person("ghost", "x")), 17},
		"two structural":       {add("uid=x,"+people, person("objectClass", "device")), 65},
		"no structural":        {add("uid=x,"+people, map[string][]string{"objectClass": {"uidObject"}}), 65},
		"several of single":    {add("uid=x,"+people, person("displayName", "a", "displayName", "b")), 19},
		"value twice":          {add("uid=x,"+people, person("title", "a", "title", "A ")), 20},
		"not ours to write":    {add("uid=x,"+people, person("entryUUID", "11111111-1111-1111-1111-111111111111")), 19},
		"syntax of a DN":       {add("uid=x,"+people, person("manager", "nobody")), 21},
		"syntax of mail":       {add("uid=x,"+people, person("mail", "ä@b")), 21},
		"syntax of a number":   {add("uid=x,"+people, map[string][]string{"objectClass": {"account", "posixAccount"}, "cn": {"x"}, "uidNumber": {"1x"}, "gidNumber": {"1"}, "homeDirectory": {"/"}}), 21},
		"delete with children": {c.Del(ldap.NewDelRequest(people, nil)), 66},
		"delete of nothing":    {c.Del(ldap.NewDelRequest("uid=x,"+people, nil)), 32},
		"rename onto another":  {c.ModifyDN(ldap.NewModifyDNRequest("uid=bob,"+people, "uid=ann", true, "")), 68},
		"rename to nowhere":    {c.ModifyDN(ldap.NewModifyDNRequest("uid=bob,"+people, "uid=bob", true, "ou=none,"+suffix)), 32},
		"rename below itself":  {c.ModifyDN(ldap.NewModifyDNRequest(people, "ou=people", true, "uid=bob,"+people)), 53},
		"rename against class": {c.ModifyDN(ldap.NewModifyDNRequest("cn=staff,ou=groups,"+suffix, "uid=x", true, "")), 65},
	} {
		wantCode(t, c.err, c.code, what)
	}
	err := add("uid=x,ou=none,"+suffix, person())
	if e, ok := err.(*ldap.Error); !ok || e.MatchedDN != suffix { //nolint:errorlint // go-ldap's own
		t.Errorf("matched DN of %v", err)
	}
}

func TestModify(t *testing.T) {
	s := start(t, ldapserver.Options{})
	c := signIn(t, s)
	bob := "uid=bob," + people
	change := func(f func(*ldap.ModifyRequest)) error {
		m := ldap.NewModifyRequest(bob, nil)
		f(m)
		return c.Modify(m)
	}
	for _, step := range []struct {
		what string
		f    func(*ldap.ModifyRequest)
		code uint16
	}{
		{"add", func(m *ldap.ModifyRequest) { m.Add("title", []string{"a", "b"}) }, 0},
		{"add again", func(m *ldap.ModifyRequest) { m.Add("title", []string{"B"}) }, 20},
		{"drop", func(m *ldap.ModifyRequest) { m.Delete("title", []string{"A"}) }, 0},
		{"drop again", func(m *ldap.ModifyRequest) { m.Delete("title", []string{"a"}) }, 16},
		{"drop all", func(m *ldap.ModifyRequest) { m.Delete("title", nil) }, 0},
		{"drop none", func(m *ldap.ModifyRequest) { m.Delete("title", nil) }, 16},
		{"replace with nothing", func(m *ldap.ModifyRequest) { m.Replace("title", nil) }, 0},
		{"required", func(m *ldap.ModifyRequest) { m.Replace("sn", nil) }, 65},
		{"naming", func(m *ldap.ModifyRequest) { m.Replace("uid", []string{"bobby"}) }, 67},
		{"naming kept", func(m *ldap.ModifyRequest) { m.Replace("uid", []string{"bobby", "BOB"}) }, 0},
		{"class", func(m *ldap.ModifyRequest) {
			m.Replace("objectClass", []string{"account"})
			m.Replace("sn", nil)
			m.Replace("cn", nil)
			m.Replace("manager", nil)
		}, 69},
		{"all or nothing", func(m *ldap.ModifyRequest) {
			m.Replace("title", []string{"kept?"})
			m.Replace("ghost", []string{"x"})
		}, 17},
		{"through", func(m *ldap.ModifyRequest) { // the outcome alone is checked
			m.Delete("sn", nil)
			m.Add("sn", []string{"new"})
		}, 0},
		{"increment of text", func(m *ldap.ModifyRequest) { m.Increment("title", "1") }, 19},
	} {
		wantCode(t, change(step.f), step.code, step.what)
	}
	if e := one(t, c, bob); len(e.GetAttributeValues("title")) != 0 || e.GetAttributeValue("sn") != "new" {
		t.Error("half of a modification was kept")
	}
	ok, err := c.Compare(bob, "sn", "NEW")
	if !ok || err != nil {
		t.Error(ok, err)
	}
	_, err = c.Compare(bob, "title", "x")
	wantCode(t, err, 16, "comparing what is not there")
}

func TestIncrement(t *testing.T) {
	s := start(t, ldapserver.Options{})
	c := signIn(t, s)
	r := ldap.NewAddRequest("uid=n,"+people, nil)
	for k, v := range map[string][]string{"objectClass": {"account", "posixAccount"}, "cn": {"x"}, "uidNumber": {"41"}, "gidNumber": {"1"}, "homeDirectory": {"/"}} {
		r.Attribute(k, v)
	}
	wantCode(t, c.Add(r), 0, "add")
	m := ldap.NewModifyRequest("uid=n,"+people, nil)
	m.Increment("uidNumber", "1")
	wantCode(t, c.Modify(m), 0, "increment")
	if got := find(t, c, suffix, 2, "(uidNumber=042)"); len(got) != 1 {
		t.Error("41 + 1 is not 42")
	}
}

func TestReferences(t *testing.T) {
	s := start(t, ldapserver.Options{})
	c := signIn(t, s)
	staff := "cn=staff,ou=groups," + suffix
	wantCode(t, c.ModifyDN(ldap.NewModifyDNRequest(people, "ou=humans", true, "ou=groups,"+suffix)), 0, "moving a subtree")
	moved := "ou=humans,ou=groups," + suffix
	if got := one(t, c, staff).GetAttributeValues("member"); !slices.Equal(got, []string{"uid=ann," + moved, "uid=bob," + moved}) {
		t.Errorf("members after the move: %q", got)
	}
	e := one(t, c, "uid=bob,"+moved, "manager", "memberOf", "entryDN")
	if e.GetAttributeValue("manager") != "uid=ann,"+moved || e.GetAttributeValue("memberOf") != staff || e.GetAttributeValue("entryDN") != e.DN {
		t.Errorf("%+v", e.Attributes)
	}
	wantCode(t, c.ModifyDN(ldap.NewModifyDNRequest(staff, "cn=Team", true, "")), 0, "renaming the group")
	team := "cn=Team,ou=groups," + suffix
	if got := one(t, c, "uid=bob,"+moved, "memberOf").GetAttributeValues("memberOf"); !slices.Equal(got, []string{team}) {
		t.Errorf("memberOf after the rename: %q", got)
	}
	if got := one(t, c, team).GetAttributeValues("cn"); !slices.Equal(got, []string{"Team"}) {
		t.Errorf("the old RDN stayed: %q", got)
	}
	wantCode(t, c.Del(ldap.NewDelRequest("uid=ann,"+moved, nil)), 0, "delete")
	if got := one(t, c, team).GetAttributeValues("member"); !slices.Equal(got, []string{"uid=bob," + moved}) {
		t.Errorf("members after the delete: %q", got)
	}
	if got := one(t, c, "uid=bob,"+moved).GetAttributeValue("manager"); got != "" {
		t.Errorf("manager after the delete: %q", got)
	}
	m := ldap.NewModifyRequest(team, nil)
	m.Replace("member", []string{suffix})
	wantCode(t, c.Modify(m), 0, "replace members")
	if got := one(t, c, "uid=bob,"+moved, "memberOf").GetAttributeValues("memberOf"); len(got) != 0 {
		t.Errorf("memberOf after leaving: %q", got)
	}
}

func TestPaging(t *testing.T) {
	s := start(t, ldapserver.Options{SizeLimit: 3})
	c := signIn(t, s)
	fill(t, s, 25)
	r := ldap.NewSearchRequest(people, 2, 0, 0, 0, false, "(objectClass=person)", []string{"1.1"}, nil)
	all, err := c.SearchWithPaging(r, 10)
	if err != nil || len(all.Entries) != 27 {
		t.Errorf("%d entries, %v", len(all.Entries), err)
	}
	r = ldap.NewSearchRequest(people, 2, 0, 4, 0, false, "(objectClass=person)", []string{"1.1"}, nil)
	some, err := c.Search(r)
	wantCode(t, err, 4, "the client's limit")
	if len(some.Entries) != 4 {
		t.Errorf("%d entries", len(some.Entries))
	}
	wantCode(t, c.Bind("uid=ann,"+people, "ann's own"), 0, "bind")
	r.SizeLimit = 0
	_, err = c.Search(r)
	wantCode(t, err, 4, "the server's limit")
	bad := ldap.NewControlPaging(10)
	bad.SetCookie([]byte("invented"))
	r.Controls = []ldap.Control{bad}
	_, err = c.Search(r)
	wantCode(t, err, 53, "an invented cookie")
}

// fill adds n people.
func fill(t *testing.T, s *ldapserver.Server, n int) {
	t.Helper()
	for i := range n {
		err := s.Load(fmt.Sprintf("dn: uid=p%d,%s\nobjectClass: inetOrgPerson\ncn: P %d\nsn: P\n", i, people, i))
		if err != nil {
			t.Fatal(err)
		}
	}
}
