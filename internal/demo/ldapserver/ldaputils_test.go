package ldapserver_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"muster/internal/demo/ldapserver"
)

// tool runs a program of ldap-utils as the administrator and returns its output
// and exit code.
func tool(t *testing.T, s *ldapserver.Server, stdin, name string, args ...string) (string, int) {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%s is not installed; `make test` installs it (Debian: apt-get install ldap-utils)", name)
	}
	cmd := exec.CommandContext(t.Context(), path, append([]string{"-x", "-H", s.URL(), "-D", s.RootDN(), "-w", password}, args...)...)
	cmd.Stdin = strings.NewReader(stdin)
	cmd.Env = append(os.Environ(), "LDAPNOINIT=1")
	out, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// OpenLDAP's own tools find nothing to complain about.
func TestOpenLDAPTools(t *testing.T) {
	s := start(t, ldapserver.Options{})
	for _, c := range []struct {
		what, stdin, name string
		args              []string
		code              int
		want              string // in the output
	}{
		{"add", "dn: uid=cy,ou=people,dc=example,dc=test\nobjectClass: inetOrgPerson\ncn: Cy\nsn: Cy\n", "ldapadd", nil, 0, "adding new entry"},
		{"add again", "dn: uid=cy,ou=people,dc=example,dc=test\nobjectClass: inetOrgPerson\ncn: Cy\nsn: Cy\n", "ldapadd", nil, 68, "Already exists (68)"},
		{"modify", "dn: uid=cy,ou=people,dc=example,dc=test\nchangetype: modify\nreplace: title\ntitle: Chef\n-\nadd: mail\nmail: cy@example.test\n", "ldapmodify", nil, 0, "modifying entry"},
		{"modify badly", "dn: uid=cy,ou=people,dc=example,dc=test\nchangetype: modify\ndelete: sn\n", "ldapmodify", nil, 65, "requires attribute 'sn'"},
		{"search", "", "ldapsearch", []string{"-LLL", "-b", suffix, "(mail=cy@EXAMPLE.test)", "title"}, 0, "title: Chef"},
		{"search all operational", "", "ldapsearch", []string{"-LLL", "-b", suffix, "uid=cy", "+"}, 0, "entryUUID: "},
		{"search in pages", "", "ldapsearch", []string{"-b", suffix, "-E", "pr=2/noprompt", "(objectClass=*)", "1.1"}, 0, "# numEntries: 7"},
		{"search nowhere", "", "ldapsearch", []string{"-b", "ou=x," + suffix}, 32, "matchedDN: " + suffix},
		{"search by sync", "", "ldapsearch", []string{"-b", people, "-E", "!sync=ro", "uid=cy", "1.1"}, 0, "SyncState control, UUID"},
		{"root DSE", "", "ldapsearch", []string{"-LLL", "-s", "base", "-b", "", "namingContexts", "supportedControl"}, 0, "1.3.6.1.4.1.4203.1.9.1.1"},
		{"schema", "", "ldapsearch", []string{"-LLL", "-o", "ldif-wrap=no", "-s", "base", "-b", "cn=Subschema", "objectClasses"}, 0, "NAME 'groupOfNames' SUP top STRUCTURAL MUST ( member $ cn )"},
		{"compare", "", "ldapcompare", []string{"uid=cy," + people, "title:chef"}, 6, "TRUE"},
		{"password", "", "ldappasswd", []string{"-s", "fresh", "uid=cy," + people}, 0, ""},
		{"password made", "", "ldappasswd", []string{"uid=cy," + people}, 0, "New password: "},
		{"rename", "", "ldapmodrdn", []string{"-r", "-s", "ou=groups," + suffix, "uid=cy," + people, "uid=cyrus"}, 0, ""},
		{"renamed", "", "ldapsearch", []string{"-LLL", "-b", "ou=groups," + suffix, "uid=cyrus"}, 0, "dn: uid=cyrus,ou=groups," + suffix},
		{"delete", "", "ldapdelete", []string{"uid=cyrus,ou=groups," + suffix}, 0, ""},
		{"who am I", "", "ldapwhoami", nil, 0, "dn:cn=admin," + suffix},
	} {
		out, code := tool(t, s, c.stdin, c.name, c.args...)
		if code != c.code || !strings.Contains(out, c.want) {
			t.Errorf("%s: exit code %d, want %d and %q in:\n%s", c.what, code, c.code, c.want, out)
		}
	}
}

func TestOpenLDAPToolsStartTLS(t *testing.T) {
	certs, err := ldapserver.NewCertificates(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	config, err := certs.Server()
	if err != nil {
		t.Fatal(err)
	}
	s := start(t, ldapserver.Options{TLS: config, RequireTLS: true})
	ca := t.TempDir() + "/ca.pem"
	if err := os.WriteFile(ca, certs.CA, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, code := tool(t, s, "", "ldapwhoami", "-ZZ", "-o", "TLS_CACERT="+ca); code != 0 {
		t.Errorf("StartTLS: exit code %d:\n%s", code, out)
	}
	if out, code := tool(t, s, "", "ldapwhoami"); code != 13 {
		t.Errorf("without TLS: exit code %d:\n%s", code, out)
	}
}
