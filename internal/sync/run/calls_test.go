package run

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"muster/internal/sync/connector"
	"muster/internal/sync/space"
)

func renames(pairs ...string) []*Call {
	var out []*Call
	for i := 0; i < len(pairs); i += 2 {
		e := &space.Entry{Anchor: fmt.Sprint(i / 2)}
		out = append(out, &Call{Entry: e, Change: connector.Change{Verb: connector.Rename, DN: pairs[i], NewDN: pairs[i+1]}, Carries: []Carried{{Name: space.Name}}})
	}
	return out
}

func TestRenamesFindTheirNamesFree(t *testing.T) {
	tmp := temporary("cn=a,o=x")
	for _, c := range []struct {
		name  string
		calls []*Call
		want  []string
	}{
		{"one", renames("cn=a,o=x", "cn=b,o=x"), []string{"cn=a,o=x>cn=b,o=x"}},
		{"chain", renames("cn=a,o=x", "cn=b,o=x", "cn=b,o=x", "cn=c,o=x"), []string{"cn=b,o=x>cn=c,o=x", "cn=a,o=x>cn=b,o=x"}},
		{"swap", renames("cn=a,o=x", "cn=b,o=x", "cn=b,o=x", "cn=a,o=x"),
			[]string{"cn=a,o=x>" + tmp, "cn=b,o=x>cn=a,o=x", tmp + ">cn=b,o=x"}},
		{"only case", renames("cn=a,o=x", "cn=A,o=x"), []string{"cn=a,o=x>cn=A,o=x"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, x := range untangle(c.calls) {
				got = append(got, x.Change.DN+">"+x.Change.NewDN)
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestUntangleProperty: whatever the permutation, no rename takes a name that
// somebody still has, and everybody ends with the wanted name.
func TestUntangleProperty(t *testing.T) {
	const n = 5
	perm := []int{0, 1, 2, 3, 4}
	var try func(k int)
	try = func(k int) {
		if k == n {
			checkPermutation(t, perm)
			return
		}
		for i := k; i < n; i++ {
			perm[k], perm[i] = perm[i], perm[k]
			try(k + 1)
			perm[k], perm[i] = perm[i], perm[k]
		}
	}
	try(0)
}

func checkPermutation(t *testing.T, perm []int) {
	t.Helper()
	name := func(i int) string { return fmt.Sprintf("cn=%d,o=x", i) }
	var pairs []string
	now := map[string]int{}
	for i, to := range perm {
		if i == 4 {
			to = 9 // one leaves the circle
		}
		now[name(i)] = i
		if to != i {
			pairs = append(pairs, name(i), name(to))
		}
	}
	for _, c := range untangle(renames(pairs...)) {
		who, ok := now[c.Change.DN]
		if !ok {
			t.Fatalf("%v: nobody is called %s", perm, c.Change.DN)
		}
		if _, taken := now[c.Change.NewDN]; taken {
			t.Fatalf("%v: %s is taken", perm, c.Change.NewDN)
		}
		delete(now, c.Change.DN)
		now[c.Change.NewDN] = who
	}
	for i, to := range perm {
		if i != 4 && slices.Contains(perm[:4], to) && now[name(to)] != i && to != i {
			t.Fatalf("%v: %s is not %d", perm, name(to), i)
		}
	}
}
