package ldap_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	ldap3 "github.com/go-ldap/ldap/v3"

	"muster/internal/base/object"
	"muster/internal/base/secret"
	"muster/internal/sync/connector"
)

// Names that mean something to filters, DNs or options go through as they are.
func TestOddNames(t *testing.T) {
	names := []string{
		`Lee, Ann`, `a+b=c`, `"quoted"`, `back\slash`, `<angle>;semi`, `#hash`, `star*(paren)`, ` outer `, `two  spaces`,
		`Zoë Größe`, `葛󠄀`, `dc=example,dc=test`, `a\2Cb`, `\`, `)(objectClass=*`, `x;range=0-1`,
	}
	everywhere(t, func(t *testing.T, d *directory) {
		c := d.opened(t, nil)
		finder := can[connector.Finder](t, c)
		var members object.Values
		for _, name := range names {
			cn := object.Set(object.Str(name))
			dn := "cn=" + ldap3.EscapeDN(name) + "," + people
			out := send(t, c, connector.Change{Verb: connector.Add, Type: "person", DN: dn, Mods: []connector.Mod{
				{Name: "cn", Values: cn}, mod(0, "sn", object.Str("x")),
			}})
			if out[0].Err != nil {
				t.Errorf("%s: add: %v", name, out[0].Err)
				continue
			}
			members = append(members, object.Reference(dn))
			for _, w := range []connector.Whereabouts{
				{Type: "person", Anchor: out[0].Anchor}, {Type: "person", DN: dn}, {Type: "person", Key: object.Attr{Name: "cn", Values: cn}},
			} {
				got, err := finder.Find(t.Context(), w)
				if err != nil || got.Anchor != out[0].Anchor || !got.Attrs.Get("cn").Has(object.Str(name)) {
					t.Errorf("%s: found %+v, %v", name, got, err)
				}
			}
			r := object.Record{Type: "person", Anchor: out[0].Anchor, DN: dn}
			if out := send(t, c, update(r, mod(connector.Replace, "displayName", object.Str(name)))); out[0].Err != nil {
				t.Errorf("%s: update: %v", name, out[0].Err)
			}
			if err := can[connector.PasswordSetter](t, c).SetPassword(t.Context(), connector.Whereabouts{DN: dn}, secret.New(name)); err != nil || !d.works(t, dn, name) {
				t.Errorf("%s: password: %v", name, err)
			}
		}
		g := group(0)
		out := send(t, c, connector.Change{Verb: connector.Add, Type: "group", DN: g.DN, Mods: []connector.Mod{
			mod(0, "cn", object.Str("g0")), {Name: "member", Values: object.Set(members...)},
		}})
		if out[0].Err != nil {
			t.Fatalf("group: %v", out[0].Err)
		}
		told, _ := imported(t, c, connector.Scope{})
		if len(told) != len(names)+1 {
			t.Errorf("told %d objects", len(told))
		}
		for dn, r := range told { // what the directory calls them works as well
			if r.Type != "person" {
				continue
			}
			change := connector.Change{Verb: connector.Rename, Type: "person", Anchor: r.Anchor, DN: dn, NewDN: strings.Replace(dn, people, groups, 1)}
			if out := send(t, c, change, connector.Change{Verb: connector.Remove, Type: "person", Anchor: r.Anchor, DN: change.NewDN}); out[0].Err != nil || out[1].Err != nil {
				t.Errorf("%s: rename and delete: %v, %v", dn, out[0].Err, out[1].Err)
			}
		}
	})
}

// A value never becomes part of the question.
func TestInjection(t *testing.T) {
	everywhere(t, func(t *testing.T, d *directory) {
		c := d.opened(t, nil)
		d.put(t, person(0), person(2))
		for _, value := range []string{"*", "p*", "p0)(uid=*", "*)(|(uid=*", `p\30`, "x)(objectClass=*))(&(uid=*", "\x00", ""} {
			for _, w := range []connector.Whereabouts{
				{Type: "person", Key: object.Attr{Name: "uid", Values: object.Set(object.Str(value))}},
				{Type: "person", Anchor: "x" + value},
			} {
				var refusal *connector.Refusal
				got, err := can[connector.Finder](t, c).Find(t.Context(), w)
				if !errors.Is(err, connector.ErrNotFound) && !errors.As(err, &refusal) {
					t.Errorf("%q: %+v, %v", value, got, err)
				}
			}
		}
	})
}

// Type names and attribute names that differ in case are the same; the schema's
// spelling is told.
func TestSpelling(t *testing.T) {
	everywhere(t, func(t *testing.T, d *directory) {
		c := d.opened(t, nil)
		r := d.put(t, person(0))[0]
		if out := send(t, c, update(r, mod(connector.Replace, "DISPLAYNAME", object.Str("a")), mod(connector.AddValues, "surname", object.Str("b")))); out[0].Err != nil {
			t.Fatal(out[0].Err)
		}
		told, _ := imported(t, c, connector.Scope{})
		var names []string
		for _, a := range told[r.DN].Attrs {
			names = append(names, a.Name)
		}
		if !slices.Equal(names, []string{"cn", "displayName", "objectClass", "sn", "uid"}) {
			t.Errorf("%q", names)
		}
	})
}

// A name may be taken by something that the connector has no type for.
func TestFindWhateverBearsTheName(t *testing.T) {
	everywhere(t, func(t *testing.T, d *directory) {
		c := can[connector.Finder](t, d.opened(t, nil))
		dn := "cn=printer," + groups
		d.add(t, dn, map[string][]string{"objectClass": {"organizationalRole"}, "cn": {"printer"}})
		got, err := c.Find(t.Context(), connector.Whereabouts{DN: "CN=Printer, " + groups})
		if err != nil || got.Type != "" || got.Anchor != d.uuid(t, dn) || !strings.EqualFold(got.DN, dn) || len(got.Attrs) > 0 {
			t.Errorf("found %+v, %v", got, err)
		}
		if got, err := c.Find(t.Context(), connector.Whereabouts{Type: "person", DN: dn}); !errors.Is(err, connector.ErrNotFound) {
			t.Errorf("as a person it found %+v, %v", got, err)
		}
	})
}
