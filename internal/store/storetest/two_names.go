package storetest

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"muster/internal/base/object"
	"muster/internal/store/staging"
)

// testTwoNames renames members of a group that names them by their old and by
// their new names at once, and is told as before. Two people take, leave and swap
// two names in every way; they are told first in an import of changes, where the
// group is not told, and then in a full one.
func testTwoNames(t *testing.T, fresh func(testing.TB) string) {
	group := object.Record{Type: "group", Anchor: "g", DN: "CN=G,DC=x", Attrs: object.Bag(ref("member", "CN=A,DC=x", "CN=B,DC=x"))}
	holders := [][2]string{{"", ""}, {"x", ""}, {"y", ""}, {"", "x"}, {"", "y"}, {"x", "y"}, {"y", "x"}} // of A and B
	s := Open(t, fresh(t))
	for i, was := range holders {
		for k, now := range holders {
			conn := fmt.Sprint("ad", i, k)
			importAll(t, s, conn, append(named(was), group)...)
			m := begin(t, s, conn, false)
			for _, anchor := range []string{"x", "y"} {
				if slices.Contains(was[:], anchor) && !slices.Contains(now[:], anchor) {
					check(t, m.Change(staging.Delta{Op: staging.Gone, Record: object.Record{Anchor: anchor}}))
				}
			}
			for _, r := range named(now) {
				check(t, m.Put(r))
			}
			_, err := m.Finish("", true)
			check(t, err)
			_, err = s.Release(context.Background(), conn)
			check(t, err)

			importAll(t, s, conn, append([]object.Record{group}, named(now)...)...)
			var got []string
			for _, v := range all(t, s, conn)["g"].Image.Get("member") {
				for _, e := range all(t, s, conn) {
					if e.ID == object.ID([]byte(v.Text())) {
						got = append(got, e.DN)
					}
				}
			}
			slices.Sort(got)
			if want := []string{"CN=A,DC=x", "CN=B,DC=x"}; !slices.Equal(got, want) {
				t.Errorf("A and B were %q and are %q: the group leads to %v", was, now, got)
			}
		}
	}
}

// named are who has the names A and B.
func named(holders [2]string) []object.Record {
	var out []object.Record
	for i, anchor := range holders {
		if anchor != "" {
			out = append(out, adUser(anchor, fmt.Sprintf("CN=%c,DC=x", 'A'+rune(i))))
		}
	}
	return out
}
