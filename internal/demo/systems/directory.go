package systems

import (
	"fmt"
	"path/filepath"
	"strings"

	"muster/internal/demo/ldapserver"
	"muster/internal/demo/organisation"
)

// JournalFile is where the directory keeps its entries, below the folder of the
// configuration.
const JournalFile = "data/directory.ldif"

// BindDN is the account that Muster has in the directory.
const BindDN = "cn=muster," + organisation.Base

// Directory is where a directory is, below which DN the organisation is in it,
// and how to sign in.
type Directory struct {
	URL, Base, BindDN, Password string
}

// Start brings up the demo's own directory. Its entries are kept in the folder,
// and it starts again with them. address is where it listens; "" is any free
// port.
func Start(dir, address, password string) (*ldapserver.Server, Directory, error) {
	s, err := ldapserver.Start(ldapserver.Options{
		Suffix: organisation.Base, RootDN: BindDN, RootPassword: password, Address: address,
		LDIF: Containers(organisation.Base), Journal: filepath.Join(dir, filepath.FromSlash(JournalFile)),
	})
	if err != nil {
		return nil, Directory{}, fmt.Errorf("the demo's directory: %w", err)
	}
	return s, Directory{URL: s.URL(), Base: organisation.Base, BindDN: BindDN, Password: password}, nil
}

// Containers is what the directory holds before anybody has an account, as
// LDIF.
func Containers(base string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "dn: %s\nobjectClass: top\nobjectClass: dcObject\nobjectClass: organization\ndc: %s\no: %s\n\n", base, first(base), organisation.Name)
	unit := func(name, below string) {
		fmt.Fprintf(&b, "dn: ou=%s,%s\nobjectClass: top\nobjectClass: organizationalUnit\nou: %s\n\n", name, below, name)
	}
	unit("people", base)
	unit("parked", base)
	unit("groups", base)
	for _, s := range organisation.Sites {
		unit(s.Name, "ou=people,"+base)
	}
	return b.String()
}

// first returns the value of a DN's first component.
func first(dn string) string {
	rdn, _, _ := strings.Cut(dn, ",")
	_, value, _ := strings.Cut(rdn, "=")
	return value
}
