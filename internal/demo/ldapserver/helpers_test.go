package ldapserver_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"
)

func appendTo(t *testing.T, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
}

// show writes entries in an order of their own; contextCSN is the server's.
func show(entries []*ldap.Entry) string {
	var lines []string
	for _, e := range entries {
		for _, a := range e.Attributes {
			if a.Name != "contextCSN" {
				lines = append(lines, fmt.Sprintf("%s %s %q", e.DN, a.Name, a.Values))
			}
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}
