package csv

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"muster/internal/base/object"
	"muster/internal/sync/connector"
)

// TestRandomSessions makes random changes of groups in random sessions, some
// of them aborted, and compares what an import tells with a map.
func TestRandomSessions(t *testing.T) {
	for seed := range uint64(25) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 1))
			w := newWorld(t, true, false)
			w.set.Files = w.set.Files[1:]
			if seed%2 > 0 {
				w.set.Files[0].Encoding, w.set.Files[0].Members[0].Encoding = "utf-8-bom", "utf-8"
				w.set.Files[0].Members[0].LastLine = "#END {count}"
				appendTo(t, w.path("members.csv"), "#END 0\n")
			}
			accepted := map[string]map[string]bool{}
			for range 6 {
				model := map[string]map[string]bool{}
				for g, members := range accepted {
					model[g] = maps.Clone(members)
				}
				_, s := openWriting(t, w.set)
				for range 1 + rnd.IntN(30) {
					c, want := randomChange(rnd, model)
					out, err := s.Send(t.Context(), []connector.Change{c})
					if err != nil || (out[0].Err == nil) != want {
						t.Fatalf("%v: outcome %+v, error %v, want success %v", c, out, err, want)
					}
				}
				if rnd.IntN(4) == 0 {
					s.Abort()
				} else if err := s.Finish(t.Context()); err != nil {
					t.Fatal(err)
				} else {
					accepted = model
				}
				compareWith(t, w, accepted)
			}
		})
	}
}

// randomChange returns a change, whether it must succeed, and makes it in
// model if so.
func randomChange(rnd *rand.Rand, model map[string]map[string]bool) (connector.Change, bool) {
	id := fmt.Sprint("g", rnd.IntN(6))
	members, there := model[id]
	var refs object.Values
	for range rnd.IntN(4) {
		refs = append(refs, object.Reference(fmt.Sprint("p", rnd.IntN(8))))
	}
	refs = object.Set(refs...)
	c := connector.Change{Verb: connector.Verb(rnd.IntN(4)), Type: "group", Anchor: id, Mods: []connector.Mod{{Name: "member", Values: refs}}}
	switch c.Verb {
	case connector.Rename:
		return c, false
	case connector.Remove:
		delete(model, id)
		return c, there
	case connector.Add:
		if there {
			return c, false
		}
		members = map[string]bool{}
		model[id] = members
	default:
		if !there {
			return c, false
		}
		c.Mods[0].Op = connector.ModOp(rnd.IntN(3))
	}
	if c.Mods[0].Op == connector.Replace {
		clear(members)
	}
	for _, v := range refs {
		if c.Mods[0].Op == connector.DropValues {
			delete(members, v.Text())
		} else {
			members[v.Text()] = true
		}
	}
	return c, true
}

func compareWith(t *testing.T, w *world, model map[string]map[string]bool) {
	t.Helper()
	var want []string
	for g, members := range model {
		line := "group " + g + " id=" + g
		if len(members) > 0 {
			line += " member=" + strings.Join(slices.Sorted(maps.Keys(members)), "; ")
		}
		want = append(want, line)
	}
	slices.Sort(want)
	got, refused, err := readFiles(t, w.set)
	slices.Sort(got)
	if err != nil || len(refused) > 0 || !slices.Equal(got, want) {
		text, _ := os.ReadFile(w.path("members.csv"))
		t.Fatalf("got %q\nwant %q\nrefused %q, error %v\nmembers.csv: %q", got, want, refused, err, text)
	}
}
