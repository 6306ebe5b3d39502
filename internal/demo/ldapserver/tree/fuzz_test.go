package tree

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

// FuzzWrite: whatever is asked, the directory answers, and an operation that
// failed has changed nothing.
func FuzzWrite(f *testing.F) {
	f.Add(byte(0), "cn=new,dc=x", "cn", "v", "")
	f.Add(byte(1), "cn=g,dc=x", "member", "cn=g,dc=x", "")
	f.Add(byte(2), "cn=g,dc=x", "description", "v", "")
	f.Add(byte(3), "cn=g,dc=x", "uidNumber", "1", "")
	f.Add(byte(4), "cn=g,dc=x", "cn=h", "", "dc=x")
	f.Add(byte(5), "cn=g,dc=x", "", "", "")
	d, err := New("", []string{"dc=x"}, time.Now)
	if err != nil {
		f.Fatal(err)
	}
	if err := d.Load("", "dn: dc=x\nobjectClass: domain\n\ndn: cn=g,dc=x\nobjectClass: groupOfNames\nmember: dc=x\n"); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, kind byte, dn, desc, value, above string) {
		a := Attribute{desc, []string{value}}
		var op any
		switch kind %= 6; kind {
		case 0:
			op = AddRequest{dn, []Attribute{{"objectClass", []string{"groupOfNames"}}, {"member", []string{"dc=x"}}, a}}
		case 4:
			op = ModifyDNRequest{DN: dn, NewRDN: desc, DeleteOld: true, NewSuperior: above, WithSuperior: above != ""}
		case 5:
			op = DeleteRequest{dn}
		default:
			op = ModifyRequest{dn, []Modification{{int(kind) - 1, a}}}
		}
		before := picture(d)
		err := d.write("", func(t *tx) error { // done and taken back
			if err := t.run(nil, op); err != nil {
				return err
			}
			return Fail(OtherError, "taken back")
		})
		if err == nil || picture(d) != before {
			t.Errorf("%+v left\n%sof\n%s", op, picture(d), before)
		}
	})
}

// picture is all that the directory holds.
func picture(d *Directory) string {
	var b []byte
	for _, e := range d.all() {
		b = appendEntry(b, e)
	}
	return string(b)
}

func FuzzDN(f *testing.F) {
	for _, s := range []string{"uid=ann,ou=people,dc=x", `cn=a\,b\20 + sn=\c3\a4 ; dc = x`, "cn=#04024869,dc=x", `cn=\ a\ ,dc=`, "=", "2.5.4.3=x", `cn="x"`} {
		f.Add(s)
	}
	r, err := newRules("")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		rdns, ok := parseDN(text)
		if !ok {
			return
		}
		parts := make([]string, len(rdns))
		for i, l := range rdns {
			parts[i] = l.String()
		}
		again, ok := parseDN(strings.Join(parts, ","))
		if !ok || len(again) != len(rdns) {
			t.Fatalf("%q was written as %q, which is not read back", text, parts)
		}
		for i := range again {
			if again[i].String() != rdns[i].String() {
				t.Errorf("%q: %q became %q", text, rdns[i], again[i])
			}
		}
		n, err := r.Name(text)
		if err != nil {
			return
		}
		m, err := r.Name(n.Text)
		if err != nil || m.Key != n.Key {
			t.Errorf("%q: key %q became %q, %v", text, n.Key, m.Key, err)
		}
		if strings.Count(n.Key, level) != max(len(rdns)-1, 0) {
			t.Errorf("%q: the key %q has not %d levels", text, n.Key, len(rdns))
		}
	})
}

func FuzzLDIF(f *testing.F) {
	f.Add("version: 1\ndn: dc=x\nchangetype: add\ncn:: eA==\n a\n\n# c\n")
	f.Fuzz(func(t *testing.T, text string) {
		readLDIF(strings.NewReader(text), func(r ldifRecord) error { //nolint:errcheck // only a panic is a fault
			b := appendLine(nil, "dn", r.dn)
			return readLDIF(bytes.NewReader(b), func(again ldifRecord) error {
				if again.dn != r.dn {
					t.Errorf("%q became %q", r.dn, again.dn)
				}
				return nil
			}, func(string) error { return nil })
		}, func(string) error { return nil })
	})
}
