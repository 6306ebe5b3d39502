package ldap_test

import (
	"errors"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"muster/internal/base/config"
	"muster/internal/base/object"
	"muster/internal/base/problem"
	"muster/internal/base/secret"
	"muster/internal/sync/connector"
	"muster/internal/sync/connector/ldap"
	"muster/internal/testserver/slapd"
)

// section reads one connector from YAML.
func section(t *testing.T, yaml string) *config.Section {
	t.Helper()
	kinds := []config.Kind{{Type: "connector", Fields: []config.Field{{Name: "kind", Type: config.Choice, Required: true, Choices: []config.Option{{Value: "ldap", Fields: ldap.Kind().Fields}}}}}}
	tree, list := config.Load(fstest.MapFS{"dir.yaml": {Data: []byte("connector: dir\nkind: ldap\n" + yaml)}}, kinds)
	if err := list.Err(); err != nil {
		t.Fatal(err)
	}
	return tree.Section("connector", "dir")
}

type secrets map[string]string

func (s secrets) Secret(name string) (secret.Text, error) {
	if v, ok := s[name]; ok {
		return secret.New(v), nil
	}
	return secret.Text{}, secret.ErrNotFound
}

func TestKindOpens(t *testing.T) {
	everywhere(t, func(t *testing.T, d *directory) {
		d.put(t, person(0), person(1))
		s := section(t, "url: "+d.ldaps+"\ncaFile: "+d.caFile+"\nbindDN: "+slapd.RootDN+"\npassword: dir\nbases: ['"+people+"']\n"+
			"types: {person: [inetOrgPerson], unit: [organizationalUnit]}\noperational: [createTimestamp]\ndelta: timestamp\nclockSkew: 10s\n")
		if err := ldap.Kind().Check(s); err != nil {
			t.Error(err)
		}
		if _, err := ldap.Kind().Open(t.Context(), s, secrets{}); !errors.Is(err, secret.ErrNotFound) {
			t.Errorf("without the secret: %v", err)
		}
		c, err := ldap.Kind().Open(t.Context(), s, secrets{"dir": slapd.Password})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		got, _ := imported(t, c, connector.Scope{})
		if len(got) != 4 || got[people].Type != "unit" || got[person(1).DN].Attrs.Get("createTimestamp").First().Kind() != object.Time {
			t.Errorf("%+v", got)
		}
		// What the standard says of the types is what the server says of them.
		about, err := c.Describe(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		declared, err := ldap.Kind().Schema(s)
		if err != nil {
			t.Fatal(err)
		}
		for i, typ := range declared.Types {
			if d := cmp.Diff(about.Schema.Types[i], typ); d != "" {
				t.Errorf("described (-) and declared (+):\n%.2000s", d)
			}
		}
	})
}

func TestKindChecks(t *testing.T) {
	s := section(t, "url: ldap://dir.example.test\nbindDN: cn=x\npassword: dir\n")
	var list problem.List
	if err := ldap.Kind().Check(s); !errors.As(err, &list) || list[0].Code != connector.EncryptionNotEnabled || list[0].Where.File != "dir.yaml" {
		t.Errorf("%v", err)
	}
	s = section(t, "url: ldaps://dir.example.test\ntypes: {person: [inetOrgPersom]}\n")
	if _, err := ldap.Kind().Schema(s); err == nil || !strings.Contains(err.Error(), "inetOrgPerson") {
		t.Errorf("a class that is not standard: %v", err)
	}
	file := writeFile(t, "schema.ldif", []byte(strings.Join(extra, "\n")))
	s = section(t, "url: ldaps://dir.example.test\nschemaFile: "+file+"\ntypes: {person: [inetOrgPerson, testPerson]}\n")
	declared, err := ldap.Kind().Schema(s)
	if err != nil {
		t.Fatal(err)
	}
	if a, ok := declared.Types[0].Attribute("testBool"); !ok || a.Kind != object.Bool {
		t.Errorf("%+v", declared)
	}
}
