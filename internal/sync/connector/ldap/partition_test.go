package ldap_test

import (
	"testing"

	ldap3 "github.com/go-ldap/ldap/v3"
	"github.com/google/go-cmp/cmp"

	"muster/internal/sync/connector"
	"muster/internal/sync/connector/ldap"
)

// TestPartitions takes a base away and makes it anew: the first is an error
// before anything is read, the second shows by another id (ERR-7).
func TestPartitions(t *testing.T) {
	everywhere(t, func(t *testing.T, d *directory) {
		parts := func(bases ...string) ([]connector.Partition, error) {
			c := d.open(t, func(s *ldap.Settings) { s.Bases = bases })
			desc, err := c.Describe(t.Context())
			return desc.Partitions, err
		}
		before, err := parts(people, groups)
		if err != nil || len(before) != 2 || before[0].Name != people || before[1].Name != groups || before[0].ID == "" || before[0].ID == before[1].ID {
			t.Fatalf("the partitions are %+v, %v", before, err)
		}
		if again, err := parts(people, groups); err != nil || cmp.Diff(before, again) != "" {
			t.Errorf("looked up again they are %+v, %v", again, err)
		}
		all, err := parts()
		if err != nil || len(all) != 1 || all[0].Name != suffix || all[0].ID == "" {
			t.Errorf("without bases they are %+v, %v; want the naming context", all, err)
		}
		if err := d.admin.Del(ldap3.NewDelRequest(groups, nil)); err != nil {
			t.Fatal(err)
		}
		if _, err := parts(people, groups); codeOf(err) != connector.PartitionGone {
			t.Errorf("without %s: %v", groups, err)
		}
		if _, err := parts(people); err != nil {
			t.Errorf("nobody asked for %s: %v", groups, err)
		}
		d.add(t, groups, map[string][]string{"objectClass": {"organizationalUnit"}})
		anew, err := parts(people, groups)
		if err != nil || anew[0] != before[0] || anew[1].Name != groups || anew[1].ID == "" || anew[1].ID == before[1].ID {
			t.Errorf("made anew, they are %+v, %v; were %+v", anew, err, before)
		}
	})
}
