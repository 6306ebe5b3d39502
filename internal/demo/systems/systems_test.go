package systems

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"muster/internal/demo/organisation"
)

func TestHR(t *testing.T) {
	dir := t.TempDir()
	o := organisation.Generate(1, 200, time.Date(2027, 3, 1, 0, 0, 0, 0, time.UTC))
	if err := WriteHR(dir, o); err != nil {
		t.Fatal(err)
	}
	members := 0
	for _, x := range o.Teams {
		members += len(x.Members)
	}
	for file, rows := range map[string]int{PeopleFile: len(o.People), TeamsFile: len(o.Teams), MembersFile: members} {
		text, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil || strings.Count(string(text), "\n") != rows+1 {
			t.Errorf("%s: %d lines, not a header and %d, %v", file, strings.Count(string(text), "\n"), rows, err)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "data", "hr", "*.part")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestDirectoryStartsAgain looks into the demo's directory, empty but for its
// containers, before and after a restart.
func TestDirectoryStartsAgain(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "data"), 0o700); err != nil {
		t.Fatal(err)
	}
	address := ""
	for range 2 {
		s, to, err := Start(dir, address, "secret")
		if err != nil {
			t.Fatal(err)
		}
		p, err := to.Look()
		if err != nil || len(p.Accounts) != 0 || len(p.Groups) != 0 {
			t.Errorf("%+v, %v", p, err)
		}
		to.Password = "wrong"
		if _, err := to.Look(); err == nil {
			t.Error("a wrong password was good enough")
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		address = strings.TrimPrefix(to.URL, "ldap://")
	}
}

func TestPicture(t *testing.T) {
	p := &Picture{
		Accounts: map[string]*Account{"1": {DN: "cn=A,ou=people"}, "2": {DN: "cn=B,ou=parked,dc=x", Inactive: true, DisplayName: "B (external)"}},
		Groups:   map[string][]string{"g": {"cn=A,ou=people", "cn=B,ou=parked,dc=x"}, "h": {"CN=a,OU=people"}},
	}
	if p.Active() != 1 || p.Memberships() != 3 || p.External() != 1 || strings.Join(p.GroupsOf("cn=A,ou=people"), " ") != "g h" || !p.Accounts["2"].Parked() {
		t.Errorf("%+v", p)
	}
}
