package storetest

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"muster/internal/base/object"
	"muster/internal/store"
	"muster/internal/store/staging"
)

// testNests tells people and the containers they lie in, in any order: containers
// come after who lies in them, are renamed, moved and swap names. All must be called
// as they are in the system, and told once more, in another order, nothing changes.
func testNests(t *testing.T, fresh func(testing.TB) string) {
	s := Open(t, fresh(t))
	for seed := range uint64(16) {
		w := &tree{conn: fmt.Sprint("ad", seed), rnd: rand.New(rand.NewPCG(seed, 5)), there: map[string]*node{}}
		for step := range 10 {
			for range 1 + w.rnd.IntN(4) {
				w.change()
			}
			full := step == 0 || w.rnd.IntN(2) == 0
			w.tell(t, s, full)
			when := fmt.Sprintf("seed %d step %d full %v", seed, step, full)
			got := all(t, s, w.conn)
			for anchor, n := range w.there {
				if e := got[anchor]; e == nil || e.DN != w.dn(n) {
					t.Errorf("%s: %s should be %s: %s", when, anchor, w.dn(n), show(e))
				}
			}
			if st := w.tell(t, s, true); st.Added+st.Changed+st.Renamed+st.Missing > 0 {
				t.Errorf("%s: told once more, %d are new, %d changed, %d renamed, %d missing", when, st.Added, st.Changed, st.Renamed, st.Missing)
			}
			if t.Failed() {
				return
			}
		}
	}
}

// tree is a directory of containers and people.
type tree struct {
	conn  string
	rnd   *rand.Rand
	there map[string]*node // by anchor
	moved map[string]bool
	next  int
}

type node struct{ anchor, rdn, up string } // up: the container's anchor, "" at the top

func (w *tree) dn(n *node) string {
	if n.up == "" {
		return n.rdn + ",DC=x"
	}
	return n.rdn + "," + w.dn(w.there[n.up])
}

// container returns the anchor of a container that does not lie under the node.
func (w *tree) container(below string) string {
	var out []string
	for a := range w.there {
		inside := a[0] != 'c'
		for up := a; up != ""; up = w.there[up].up {
			inside = inside || up == below
		}
		if !inside {
			out = append(out, a)
		}
	}
	if slices.Sort(out); len(out) == 0 || w.rnd.IntN(5) == 0 {
		return ""
	}
	return out[w.rnd.IntN(len(out))]
}

func (w *tree) put(n *node) {
	for a, o := range w.there {
		if a != n.anchor && o.up == n.up && o.rdn == n.rdn { // both swap names
			old := w.there[n.anchor]
			if old == nil {
				return
			}
			if old.up != n.up {
				return
			}
			w.there[a] = &node{a, old.rdn, o.up}
			w.moved[a] = true
		}
	}
	w.there[n.anchor], w.moved[n.anchor] = n, true
}

func (w *tree) change() {
	if w.moved == nil {
		w.moved = map[string]bool{}
	}
	anchors := slices.Sorted(maps.Keys(w.there))
	kind := "cp"[w.rnd.IntN(2)]
	if len(anchors) < 3 || w.rnd.IntN(3) == 0 {
		w.next++
		anchor := fmt.Sprintf("%c%02d", kind, w.next)
		w.put(&node{anchor, fmt.Sprintf("OU=%c", 'A'+rune(w.rnd.IntN(5))), w.container("")})
		return
	}
	n := *w.there[anchors[w.rnd.IntN(len(anchors))]]
	if w.rnd.IntN(2) == 0 {
		n.rdn = fmt.Sprintf("OU=%c", 'A'+rune(w.rnd.IntN(5)))
	} else {
		n.up = w.container(n.anchor)
	}
	w.put(&n)
}

// tell imports all, or what moved by itself: what lies under it is not told.
func (w *tree) tell(t *testing.T, s *store.Store, full bool) staging.Stats {
	t.Helper()
	told := slices.Sorted(maps.Keys(w.moved))
	if full {
		told = slices.Sorted(maps.Keys(w.there))
	}
	w.rnd.Shuffle(len(told), func(i, j int) { told[i], told[j] = told[j], told[i] })
	m := begin(t, s, w.conn, full)
	for _, a := range told {
		check(t, m.Put(object.Record{Type: "user", Anchor: a, DN: w.dn(w.there[a])}))
	}
	w.moved = nil
	st, err := m.Finish("", true)
	check(t, err)
	_, err = s.Release(context.Background(), w.conn)
	check(t, err)
	return st
}
