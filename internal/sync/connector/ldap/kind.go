package ldap

import (
	"context"
	"os"
	"path/filepath"

	"muster/internal/base/config"
	"muster/internal/base/ldapschema"
	"muster/internal/base/object"
	"muster/internal/base/problem"
	"muster/internal/base/secret"
	"muster/internal/sync/connector"
)

// Kind describes the connector.
func Kind() connector.Kind {
	return connector.Kind{
		Name:    "ldap",
		Summary: "directories that speak LDAPv3, such as OpenLDAP and 389 Directory Server",
		Fields:  fields(),
		Check: func(s *config.Section) error {
			set := settings(s)
			if s.Has("password") {
				set.Password = secret.New("to be asked for")
			}
			return at(s, set.Check())
		},
		Schema:     declared,
		Partitions: func(s *config.Section) ([]string, bool) { return s.Texts("bases"), true },
		Open:       open,
	}
}

func fields() []config.Field {
	text := &config.Field{}
	return []config.Field{
		{Name: "url", Summary: "where the directory is: ldaps://host, ldap://host or ldapi://%2Fpath", Required: true, Example: "ldaps://ldap.example.com"},
		{Name: "startTLS", Manner: true, Summary: "encrypt an ldap:// connection before anything is said on it", Type: config.Bool, Default: "false"},
		{Name: "caFile", Manner: true, Summary: "certificates of authorities to trust in place of the system's", Type: config.Path, Example: "certs/ca.pem"},
		{Name: "serverName", Manner: true, Summary: "the name in the certificate, if it is not the host of url", Example: "ldap.example.com"},
		{Name: "allowClear", Manner: true, Summary: "passwords may go unencrypted; on this machine only", Type: config.Bool, Default: "false"},
		{Name: "bindDN", Summary: "account to sign in with", Example: "cn=muster,dc=example,dc=com"},
		{Name: "password", Manner: true, Summary: "secret that holds its password", Type: config.Secret},
		{Name: "bases", Summary: "DNs below which to read and write; the server's naming contexts if not given", Type: config.List, Elem: text},
		{Name: "types", Summary: "object types, each with the object classes that make it; inetOrgPerson, groupOfNames and organizationalUnit if not given", Type: config.Map,
			Elem: &config.Field{Name: "type", Type: config.List, AtLeast: 1, Elem: text}},
		{Name: "operational", Summary: "attributes of the server's own to read as well", Type: config.List, Elem: text},
		{Name: "schemaFile", Summary: "the descriptions of classes that are not standard, to check rules with: what ldapsearch writes of cn=Subschema", Type: config.Path},
		{Name: "anchor", Summary: "the attribute that names an entry for ever", Default: entryUUID},
		{Name: "delta", Summary: "how changes are found", Type: config.Choice, Default: DeltaAuto, Choices: []config.Option{
			{Value: DeltaAuto, Summary: "sync where the server has it, else timestamp"},
			{Value: DeltaSync, Summary: "content synchronization (RFC 4533): sees deletes, can wait for changes"},
			{Value: DeltaTime, Summary: "times of change: does not see deletes", Fields: []config.Field{
				{Name: "clockSkew", Summary: "how far the server's clock may be behind ours", Type: config.Duration, Default: "5m", Min: "1s", Max: "24h"},
			}},
			{Value: DeltaNone, Summary: "not at all"},
		}},
		{Name: "passwordBy", Manner: true, Summary: "how passwords are set", Type: config.Choice, Default: PasswordExtended, Choices: []config.Option{
			{Value: PasswordExtended, Summary: "the password modify operation (RFC 3062)"},
			{Value: PasswordAttribute, Summary: "writing the attribute; the server hashes it"},
		}},
		{Name: "passwordAttribute", Manner: true, Summary: "the attribute that holds the password", Default: "userPassword"},
		{Name: "pageSize", Manner: true, Summary: "entries asked for at once", Type: config.Int, Default: "500", Min: "1", Max: "100000"},
		{Name: "chunk", Manner: true, Summary: "values of one attribute sent at once", Type: config.Int, Default: "1000", Min: "1", Max: "100000"},
		{Name: "timeout", Manner: true, Summary: "how long to wait for an answer", Type: config.Duration, Default: "1m", Min: "100ms", Max: "1h"},
		{Name: "connections", Manner: true, Summary: "calls at once", Type: config.Int, Default: "4", Min: "1", Max: "64"},
	}
}

// settings reads a checked section; the password is asked for apart.
func settings(s *config.Section) Settings {
	set := Settings{
		URL: s.Text("url"), StartTLS: s.Bool("startTLS"), CAFile: s.Path("caFile"), ServerName: s.Text("serverName"),
		AllowClear: s.Bool("allowClear"), BindDN: s.Text("bindDN"), Bases: s.Texts("bases"),
		Operational: s.Texts("operational"), Anchor: s.Text("anchor"), Delta: s.Text("delta"),
		PasswordBy: s.Text("passwordBy"), PasswordAttribute: s.Text("passwordAttribute"),
		PageSize: s.Int("pageSize"), Chunk: s.Int("chunk"), Timeout: s.Duration("timeout"), Connections: s.Int("connections"),
	}
	if set.Delta == DeltaTime {
		set.ClockSkew = s.Duration("clockSkew")
	}
	for _, e := range s.Map("types") {
		t := Type{Name: e.Name}
		for _, v := range e.List() {
			t.Classes = append(t.Classes, v.Text())
		}
		set.Types = append(set.Types, t)
	}
	return set
}

func open(ctx context.Context, s *config.Section, secrets secret.Source) (connector.Connector, error) {
	set := settings(s)
	if name := s.Secret("password"); name != "" {
		var err error
		if set.Password, err = secrets.Secret(name); err != nil {
			return nil, err
		}
	}
	c, err := Open(ctx, set)
	return c, at(s, err)
}

// declared is the schema of the configured types as the standard describes
// their classes, and as schemaFile does.
func declared(s *config.Section) (object.Schema, error) {
	set := settings(s)
	if s.Has("password") {
		set.Password = secret.New("to be asked for")
	}
	if err := set.complete(); err != nil {
		return object.Schema{}, at(s, err)
	}
	text := ldapschema.Standard()
	if path := s.Path("schemaFile"); path != "" {
		more, err := os.ReadFile(filepath.Clean(path))
		if err != nil {
			return object.Schema{}, s.Problem(connector.ReadError, "the file cannot be read: "+err.Error(), "", "schemaFile")
		}
		text = string(more) + "\n" + text // what the server says comes first
	}
	known, _ := ldapschema.Parse(ldapschema.ReadLines(text))
	sh, err := newShape(known, &set)
	if list, ok := err.(problem.List); ok { //nolint:errorlint // newShape's own
		for _, p := range list {
			p.Message = "nothing describes " + p.Object + ": " + p.Message
			if p.Fix == "" {
				p.Fix = "write its description into a file and name that as schemaFile"
			}
		}
	}
	return sh.told, at(s, err)
}

// at gives the problems in err the place of the section, where they have none.
func at(s *config.Section, err error) error {
	if list, ok := err.(problem.List); ok { //nolint:errorlint // wrapped lists have their places
		for _, p := range list {
			if p.Where.File == "" {
				p.Where = s.Where()
			}
		}
	}
	return err
}
