package demo

import (
	"testing"

	"muster/internal/demo/systems"
)

func TestConfigurationIsWithoutProblems(t *testing.T) {
	dir := t.TempDir()
	if err := WriteFolder(dir, systems.Directory{URL: "ldap://127.0.0.1:1", Base: "dc=example", BindDN: "cn=x,dc=example", Password: "secret"}); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadFolder(dir); err != nil {
		t.Errorf("muster check says:\n%v", err)
	}
}
