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
	"muster/internal/sync/space"
)

// testRenames lets objects that refer to each other by DN swap, take and leave
// names, in systems whose references follow a rename and in those whose do not,
// and tells of it in any order.
func testRenames(t *testing.T, fresh func(testing.TB) string) {
	for seed := range uint64(24) {
		d := &directory{rnd: rand.New(rand.NewPCG(seed, 11)), follows: seed%3 != 0, there: map[string]object.Record{}}
		s := Open(t, fresh(t))
		for step := range 14 {
			for range 1 + d.rnd.IntN(4) {
				d.change()
			}
			full := step == 0 || d.rnd.IntN(3) == 0
			d.tell(t, s, full)
			if full || d.follows {
				d.compare(t, fmt.Sprintf("seed %d step %d full %v follows %v", seed, step, full, d.follows), all(t, s, "ad"))
			}
			if t.Failed() {
				return
			}
		}
	}
}

// directory is a system that knows its objects by names that change.
type directory struct {
	rnd     *rand.Rand
	follows bool // references follow a rename
	there   map[string]object.Record
	moved   []string // anchors of what changed since it was told last, in any order
	gone    []string
	next    int
}

func (d *directory) name() string { return fmt.Sprintf("CN=%c,DC=x", 'A'+rune(d.rnd.IntN(9))) }

func (d *directory) any() string {
	if len(d.there) == 0 {
		return ""
	}
	anchors := slices.Sorted(maps.Keys(d.there))
	return anchors[d.rnd.IntN(len(anchors))]
}

func (d *directory) holder(dn string) string {
	for a, r := range d.there {
		if r.DN == dn {
			return a
		}
	}
	return ""
}

func (d *directory) touch(anchor string) {
	if !slices.Contains(d.moved, anchor) {
		d.moved = append(d.moved, anchor)
	}
}

func (d *directory) change() {
	anchor, dn := d.any(), d.name()
	switch other := d.holder(dn); d.rnd.IntN(5) {
	case 0, 1: // somebody new, or a rename onto a free name, or a swap
		switch {
		case other == "" && (anchor == "" || d.rnd.IntN(2) == 0):
			d.next++
			anchor = fmt.Sprintf("g%02d", d.next)
			d.there[anchor] = object.Record{Type: "user", Anchor: anchor, DN: dn}
			d.touch(anchor)
		case other == "":
			d.rename(map[string]string{d.there[anchor].DN: dn})
		case other != anchor:
			d.rename(map[string]string{d.there[anchor].DN: dn, dn: d.there[anchor].DN})
		}
	case 2, 3: // refers to others, of which some are not there
		if anchor != "" {
			r := d.there[anchor]
			r.Attrs = object.Bag(ref("manager", dn))
			if d.rnd.IntN(2) == 0 {
				r.Type, r.Attrs = "group", object.Bag(ref("member", dn, d.name(), d.name()))
			} else {
				r.Type = "user"
			}
			d.there[anchor] = r
			d.touch(anchor)
		}
	default:
		if anchor != "" {
			d.leave(anchor)
			delete(d.there, anchor)
			d.gone = append(d.gone, anchor)
			d.moved = slices.DeleteFunc(d.moved, func(a string) bool { return a == anchor })
		}
	}
}

// rename gives objects new names; where references follow, whoever refers to
// them changes too.
func (d *directory) rename(names map[string]string) {
	for anchor, r := range d.there {
		now, ok := names[r.DN]
		if ok {
			r.DN = now
			d.touch(anchor)
		}
		if d.follows {
			r.Attrs = r.Attrs.Clone()
			for i, a := range r.Attrs {
				var texts []string
				for _, v := range a.Values {
					text := v.Text()
					if now, ok := names[text]; ok {
						text = now
						d.touch(anchor)
					}
					texts = append(texts, text)
				}
				r.Attrs[i] = ref(a.Name, texts...)
			}
		}
		d.there[anchor] = r
	}
}

// leave takes the object out of what refers to it, where references follow.
func (d *directory) leave(gone string) {
	for anchor, r := range d.there {
		if !d.follows {
			return
		}
		var kept object.Attrs
		for _, a := range r.Attrs {
			var texts []string
			for _, v := range a.Values {
				if v.Text() != d.there[gone].DN {
					texts = append(texts, v.Text())
				}
			}
			if len(texts) < len(a.Values) {
				d.touch(anchor)
			}
			if len(texts) > 0 {
				kept.Put(a.Name, ref(a.Name, texts...).Values)
			}
		}
		r.Attrs = kept
		d.there[anchor] = r
	}
}

// tell imports all, or what moved, in any order.
func (d *directory) tell(t *testing.T, s *store.Store, full bool) {
	t.Helper()
	m := begin(t, s, "ad", full)
	told := d.moved
	if full {
		told = slices.Sorted(maps.Keys(d.there))
	}
	d.rnd.Shuffle(len(told), func(i, j int) { told[i], told[j] = told[j], told[i] })
	if !full {
		for _, a := range d.gone {
			check(t, m.Change(staging.Delta{Op: staging.Gone, Record: object.Record{Anchor: a}}))
		}
	}
	for _, a := range told {
		check(t, m.Put(d.there[a]))
	}
	d.moved, d.gone = nil, nil
	_, err := m.Finish("", true)
	check(t, err)
	_, err = s.Release(context.Background(), "ad")
	check(t, err)
}

// compare wants each reference to lead to the entry that has the name now, or
// to a placeholder of that name.
func (d *directory) compare(t *testing.T, when string, got map[string]*space.Entry) {
	t.Helper()
	byID := map[object.ID]*space.Entry{}
	for _, e := range got {
		byID[e.ID] = e
	}
	for anchor, r := range d.there {
		e := got[anchor]
		if e == nil || !e.Seen || e.Stub || e.DN != r.DN {
			t.Errorf("%s: %s should be %s: %s", when, anchor, r.DN, show(e))
			continue
		}
		for _, a := range r.Attrs {
			vs := e.Image.Get(a.Name)
			var names []string
			for _, v := range vs {
				target := byID[object.ID([]byte(v.Text()))]
				switch {
				case target == nil:
					t.Errorf("%s: %s %s leads nowhere", when, anchor, a.Name)
				case d.holder(target.DN) != "" && (target.Stub || !target.Missing.IsZero()):
					t.Errorf("%s: %s %s leads to %s", when, anchor, a.Name, show(target))
				default:
					names = append(names, target.DN)
				}
			}
			slices.Sort(names)
			var want []string
			for _, v := range a.Values {
				want = append(want, v.Text())
			}
			slices.Sort(want)
			if !slices.Equal(names, want) {
				t.Errorf("%s: %s %s leads to %v, want %v", when, anchor, a.Name, names, want)
			}
		}
	}
}
