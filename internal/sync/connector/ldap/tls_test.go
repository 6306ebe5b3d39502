package ldap_test

import (
	"strings"
	"testing"

	"muster/internal/base/problem"
	"muster/internal/base/secret"
	"muster/internal/sync/connector"
	"muster/internal/sync/connector/ldap"
)

func TestEncryption(t *testing.T) {
	everywhere(t, func(t *testing.T, d *directory) {
		foreign := writeFile(t, "foreign.pem", certificates(t).CA)
		for _, x := range []struct {
			what   string
			change func(*ldap.Settings)
			code   problem.Code
			text   string
		}{
			{"LDAPS", func(s *ldap.Settings) { s.URL, s.CAFile = d.ldaps, d.caFile }, "", ""},
			{"StartTLS", func(s *ldap.Settings) { s.StartTLS, s.CAFile = true, d.caFile }, "", ""},
			{"LDAPS by name", func(s *ldap.Settings) {
				s.URL, s.CAFile = strings.Replace(d.ldaps, "127.0.0.1", "localhost", 1), d.caFile
			}, "", ""},
			{"LDAPS, unknown CA", func(s *ldap.Settings) { s.URL = d.ldaps }, connector.FailedConnection, "does not verify"},
			{"LDAPS, another CA", func(s *ldap.Settings) { s.URL, s.CAFile = d.ldaps, foreign }, connector.FailedConnection, "caFile"},
			{"LDAPS, another name", func(s *ldap.Settings) { s.URL, s.CAFile, s.ServerName = d.ldaps, d.caFile, "other.test" }, connector.FailedConnection, "does not verify"},
			{"StartTLS, another CA", func(s *ldap.Settings) { s.StartTLS, s.CAFile = true, foreign }, connector.FailedConnection, ""},
			{"StartTLS, another name", func(s *ldap.Settings) { s.StartTLS, s.CAFile, s.ServerName = true, d.caFile, "other.test" }, connector.FailedConnection, ""},
			{"no file", func(s *ldap.Settings) { s.URL, s.CAFile = d.ldaps, "/nowhere" }, connector.FailedConnection, "cannot be read"},
			{"wrong password", func(s *ldap.Settings) { s.AllowClear, s.Password = true, secret.New("x") }, connector.FailedAuthentication, ""},
		} {
			set := d.settings()
			set.AllowClear = false
			x.change(&set)
			c, err := ldap.Open(t.Context(), set)
			if x.code == "" && err != nil || x.code != "" && (problem.CodeOf(err) != x.code || !strings.Contains(err.Error(), x.text)) {
				t.Errorf("%s: %v", x.what, err)
			}
			if err == nil {
				imported(t, c, connector.Scope{})
				c.Close()
			}
		}
	})
}

// Passwords never go over a connection in the clear.
func TestPasswords(t *testing.T) {
	everywhere(t, func(t *testing.T, d *directory) {
		r := d.put(t, person(0))[0]
		where := connector.Whereabouts{Type: r.Type, Anchor: r.Anchor}
		for what, change := range map[string]func(*ldap.Settings){
			"extended":  func(s *ldap.Settings) { s.URL, s.CAFile = d.ldaps, d.caFile },
			"attribute": func(s *ldap.Settings) { s.URL, s.CAFile, s.PasswordBy = d.ldaps, d.caFile, ldap.PasswordAttribute },
		} {
			c := d.opened(t, change)
			if err := can[connector.PasswordSetter](t, c).SetPassword(t.Context(), where, secret.New("new by "+what)); err != nil || !d.works(t, r.DN, "new by "+what) {
				t.Errorf("%s: %v", what, err)
			}
		}
		// Without signing in, a connection in the clear is allowed to read.
		set := d.settings()
		set.AllowClear, set.BindDN, set.Password = false, "", secret.Text{}
		c, err := ldap.Open(t.Context(), set)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		change := update(r)
		change.Secrets = []connector.Secret{{Name: "password", Value: secret.New("leaked")}}
		if out := send(t, c, change); codeOf(out[0].Err) != connector.EncryptionNotEnabled {
			t.Errorf("a secret in the clear: %v", out[0].Err)
		}
		byMod := update(r, mod(connector.Replace, "userPassword", objectStr("leaked")))
		if out := send(t, c, byMod); codeOf(out[0].Err) != connector.EncryptionNotEnabled {
			t.Errorf("a password as a value, in the clear: %v", out[0].Err)
		}
	})
}

func TestSettings(t *testing.T) {
	pw := secret.New("x")
	for _, x := range []struct {
		what string
		set  ldap.Settings
		code problem.Code
	}{
		{"clear", ldap.Settings{URL: "ldap://dir.example.test", BindDN: "cn=x", Password: pw}, connector.EncryptionNotEnabled},
		{"clear elsewhere", ldap.Settings{URL: "ldap://dir.example.test", AllowClear: true, BindDN: "cn=x", Password: pw}, connector.EncryptionNotEnabled},
		{"clear, lookalike", ldap.Settings{URL: "ldap://127.0.0.1.example.test", AllowClear: true, BindDN: "cn=x", Password: pw}, connector.EncryptionNotEnabled},
		{"clear here", ldap.Settings{URL: "ldap://[::1]:3389", AllowClear: true, BindDN: "cn=x", Password: pw}, ""},
		{"socket", ldap.Settings{URL: "ldapi://%2Frun%2Fslapd%2Fldapi", BindDN: "cn=x", Password: pw}, ""},
		{"encrypted", ldap.Settings{URL: "ldaps://dir.example.test", BindDN: "cn=x", Password: pw}, ""},
		{"StartTLS", ldap.Settings{URL: "ldap://dir.example.test", StartTLS: true, BindDN: "cn=x", Password: pw}, ""},
		{"twice encrypted", ldap.Settings{URL: "ldaps://dir.example.test", StartTLS: true}, connector.EncryptionNotEnabled},
		{"another scheme", ldap.Settings{URL: "https://dir.example.test"}, connector.FailedConnection},
		{"no host", ldap.Settings{URL: "ldaps://"}, connector.FailedConnection},
		{"no password", ldap.Settings{URL: "ldaps://dir.example.test", BindDN: "cn=x"}, connector.FailedAuthentication},
		{"no DN", ldap.Settings{URL: "ldaps://dir.example.test", Bases: []string{"example.test"}}, connector.InvalidDN},
		{"sync by another anchor", ldap.Settings{URL: "ldaps://dir.example.test", Anchor: "uid", Delta: ldap.DeltaSync}, connector.MissingAnchor},
	} {
		if err := x.set.Check(); problem.CodeOf(err) != x.code {
			t.Errorf("%s: %v, want %q", x.what, err, x.code)
		}
	}
}
