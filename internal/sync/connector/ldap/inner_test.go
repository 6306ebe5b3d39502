package ldap

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	ldap3 "github.com/go-ldap/ldap/v3"

	"muster/internal/base/ldapschema"
	"muster/internal/sync/connector"
)

func TestGeneralizedTime(t *testing.T) {
	for text, want := range map[string]string{
		"20240229235958Z":         "2024-02-29T23:59:58Z",
		"202402292359Z":           "2024-02-29T23:59:00Z",
		"2024022923Z":             "2024-02-29T23:00:00Z",
		"2024022923.5Z":           "2024-02-29T23:30:00Z",
		"202402292359,25Z":        "2024-02-29T23:59:15Z",
		"20240229235958.123456Z":  "2024-02-29T23:59:58.123456Z",
		"20240229235958+0100":     "2024-02-29T22:59:58Z",
		"20240229235958-05":       "2024-03-01T04:59:58Z",
		"20161231235960Z":         "2017-01-01T00:00:00Z",
		"16010101000000.0Z":       "1601-01-01T00:00:00Z",
		"":                        "",
		"2024":                    "",
		"20240229235958":          "",
		"20240230000000Z":         "",
		"20241301000000Z":         "",
		"20240229240000Z":         "",
		"20240229235958.Z":        "",
		"20240229235958Zx":        "",
		"20240229235958+2500":     "",
		"20240229235958x0100":     "",
		"2024-02-29T23:59:58Z":    "",
		"20240229235958.1.2Z":     "",
		"２0240229235958Z":         "",
		"20240229235958+01:00":    "",
		"0000000000000000000000Z": "",
	} {
		got, err := parseGeneralizedTime(text)
		if want == "" && err == nil || want != "" && (err != nil || got.Format(time.RFC3339Nano) != want) {
			t.Errorf("%q: %v, %v, want %q", text, got, err, want)
		}
	}
	for text, want := range map[string]string{"490101000000Z": "2049", "500101000000Z": "1950", "4901010000Z": "2049", "490101000000": "", "490101000000.5Z": ""} {
		got, err := parseUTCTime(text)
		if want == "" && err == nil || want != "" && (err != nil || got.Format("2006") != want) {
			t.Errorf("%q: %v, %v, want %q", text, got, err, want)
		}
	}
}

func FuzzGeneralizedTime(f *testing.F) {
	for _, s := range []string{"20240229235958Z", "2024022923.5+0130", "20240229235958.999999999Z", "99991231235960-2359"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		parseUTCTime(text) //nolint:errcheck // only a panic is a fault
		got, err := parseGeneralizedTime(text)
		if err != nil || got.Year() < 0 || got.Year() > 9999 {
			return
		}
		got = got.Truncate(time.Microsecond)
		again, err := parseGeneralizedTime(formatGeneralizedTime(got))
		if err != nil || !again.Equal(got) {
			t.Errorf("%q is %v, which is written as %q, which is %v, %v", text, got, formatGeneralizedTime(got), again, err)
		}
	})
}

func TestSplitDN(t *testing.T) {
	for dn, want := range map[string][2]string{
		"uid=a,ou=b,dc=c":        {"uid=a", "ou=b,dc=c"},
		`cn=a\,b , ou=c`:         {`cn=a\,b`, "ou=c"},
		`cn=\ a\  ,ou=c`:         {`cn=\ a\ `, "ou=c"},
		`cn=a\\ ,ou=c`:           {`cn=a\\`, "ou=c"},
		`cn=a\\,ou=c`:            {`cn=a\\`, "ou=c"},
		"cn=a+sn=b;dc=c":         {"cn=a+sn=b", "dc=c"},
		"dc=c":                   {"dc=c", ""},
		`cn=trailing backslash\`: {`cn=trailing backslash\`, ""},
	} {
		if rdn, up := splitDN(dn); rdn != want[0] || up != want[1] {
			t.Errorf("%s: %q %q", dn, rdn, up)
		}
	}
}

func TestSearchBases(t *testing.T) {
	for _, x := range []struct{ bases, containers, want []string }{
		{[]string{"dc=a", "OU=x, DC=a", "dc=b"}, nil, []string{"dc=a", "dc=b"}},
		{[]string{"dc=a", "DC=A"}, nil, []string{"dc=a"}},
		{[]string{"dc=a"}, []string{"ou=x,dc=a", "ou=y,ou=x,dc=a", "dc=b"}, []string{"ou=x,dc=a"}},
		{[]string{"ou=x,dc=a", "ou=y,dc=a"}, []string{"dc=a"}, []string{"ou=x,dc=a", "ou=y,dc=a"}},
		{[]string{"dc=a"}, []string{`cn=x\,dc=a`}, nil},
		{[]string{"dc=a"}, []string{}, nil},
	} {
		if got := searchBases(x.bases, x.containers); !slices.Equal(got, x.want) {
			t.Errorf("%q %q: %q, want %q", x.bases, x.containers, got, x.want)
		}
	}
}

func FuzzDN(f *testing.F) {
	f.Add(`uid=a\,b+cn=x,ou= B ;dc=c`)
	f.Fuzz(func(t *testing.T, dn string) {
		if _, err := ldap3.ParseDN(dn); err != nil || strings.TrimSpace(dn) == "" {
			if dnKey(dn) != dnKey(dn) { //nolint:staticcheck // what is no DN must not panic either
				t.Error(splitDN(dn))
			}
			return
		}
		rdn, up := splitDN(dn)
		whole, a, b := dnKey(dn), dnKey(rdn), dnKey(up)
		if up != "" && whole != a+level+b {
			t.Errorf("%q: the key %q is not that of %q under %q", dn, whole, rdn, up)
		}
		if !dnWithin(whole, b) {
			t.Errorf("%q does not lie in %q", dn, up)
		}
	})
}

// FuzzFilter: whatever an anchor or a name is made of, the filter asks for that
// value of that attribute and nothing else.
func FuzzFilter(f *testing.F) {
	f.Add(`a)(uid=*`)
	f.Add("\x00\\28\xff*")
	f.Fuzz(func(t *testing.T, value string) {
		p, err := ldap3.CompileFilter(join("&", "(objectClass=person)", equal("uid", value)))
		if err != nil {
			t.Fatalf("%q: %v", value, err)
		}
		if len(p.Children) != 2 || p.Children[1].Tag != ldap3.FilterEqualityMatch || len(p.Children[1].Children) != 2 {
			t.Fatalf("%q: another filter", value)
		}
		x := p.Children[1].Children
		if got := x[1].Data.String(); x[0].Data.String() != "uid" || got != value {
			t.Errorf("asks for %q in place of %q", got, value)
		}
	})
}

func fuzzReader(f *testing.F) *reader {
	known, bad := ldapschema.Parse(ldapschema.ReadLines(ldapschema.Standard()))
	if len(bad) > 0 {
		f.Fatal(bad)
	}
	set := Settings{URL: "ldaps://x", Types: []Type{{Name: "p", Classes: []string{"inetOrgPerson", "posixAccount"}}}, Operational: []string{"createTimestamp", "hasSubordinates"}}
	if err := set.complete(); err != nil {
		f.Fatal(err)
	}
	sh, err := newShape(known, &set)
	if err != nil {
		f.Fatal(err)
	}
	c := &conn{set: set, shape: sh}
	c.set.Bases = []string{"dc=x"}
	r, _ := c.newReader(connector.Scope{})
	return r
}

// FuzzRecord: whatever a server sends becomes a record that keeps the rules, or
// a refusal.
func FuzzRecord(f *testing.F) {
	r := fuzzReader(f)
	f.Add("uid", []byte("x"), "createTimestamp", []byte("20240229235958Z"))
	f.Add("uidNumber", []byte("-1"), "hasSubordinates", []byte("TRUE"))
	f.Add("manager", []byte("cn=x"), "MANAGER;lang-de", []byte{0xff})
	f.Add("jpegPhoto;binary", []byte{0xff}, "jpegphoto", []byte{})
	f.Fuzz(func(t *testing.T, name1 string, value1 []byte, name2 string, value2 []byte) {
		if strings.Contains(strings.ToLower(name1+name2), "range=") {
			return // would ask the server
		}
		e := ldap3.NewEntry("uid=x,dc=x", map[string][]string{"objectClass": {"inetOrgPerson", "posixAccount"}, "entryUUID": {"1"}})
		e.Attributes = append(e.Attributes, &ldap3.EntryAttribute{Name: name1, ByteValues: [][]byte{value1}, Values: []string{string(value1)}},
			&ldap3.EntryAttribute{Name: name2, ByteValues: [][]byte{value2, value1}, Values: []string{string(value2), string(value1)}})
		rec, err := r.record(context.Background(), e)
		var refusal *connector.Refusal
		if err != nil {
			if !asError(err, &refusal) {
				t.Fatalf("%v is no refusal", err)
			}
			return
		}
		if rec == nil {
			return
		}
		typ, _ := r.shape.told.Type("p")
		for i, a := range rec.Attrs {
			described, ok := typ.Attribute(a.Name)
			if !ok || i > 0 && rec.Attrs[i-1].Name >= a.Name || len(a.Values) == 0 || len(a.Values) > 1 && !described.Multi {
				t.Errorf("%+v", rec)
			}
			for _, v := range a.Values {
				if v.Kind() != described.Kind {
					t.Errorf("%s holds a %s", a.Name, v.Kind())
				}
			}
		}
	})
}
