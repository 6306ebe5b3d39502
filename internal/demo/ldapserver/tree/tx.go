package tree

import (
	"slices"
	"time"
)

// tx is one write operation: all of its changes become visible together, or
// none.
type tx struct {
	*Directory
	who     string // the DN that asked
	changes []Change
}

// Change is one entry before and after; nil where it was or is not there.
type Change struct{ old, fresh *Entry }

// write runs one operation.
func (d *Directory) write(who string, op func(*tx) error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	t := &tx{Directory: d, who: who}
	err := op(t)
	if err == nil {
		err = d.journal.write(t.changes)
	}
	if err != nil {
		for _, c := range slices.Backward(t.changes) {
			d.replace(c.fresh, c.old)
		}
		return err
	}
	for _, c := range t.changes {
		d.noteGone(c)
	}
	for l := range d.listeners {
		l.Tell(t.changes)
	}
	return nil
}

// put makes one change and what follows for memberOf.
func (t *tx) put(old, fresh *Entry) {
	t.replace(old, fresh)
	t.changes = append(t.changes, Change{old, fresh})
	t.followMembers(old, fresh)
}

// stamp marks an entry as changed now by who asked.
func (t *tx) stamp(e *Entry) {
	e.CSN = t.nextCSN()
	t.Set(e, "entryCSN", e.CSN)
	t.Set(e, "modifiersName", t.who)
	t.Set(e, "modifyTimestamp", timestamp(t.now()))
}

func timestamp(t time.Time) string { return t.UTC().Format("20060102150405Z") }

// followMembers keeps memberOf of those who came into a group or left it. As
// in OpenLDAP their time of change stays what it was.
func (t *tx) followMembers(old, fresh *Entry) {
	was, is := keysOf(old, "member"), keysOf(fresh, "member")
	renamed := old != nil && fresh != nil && old.Name.Text != fresh.Name.Text
	if sameSlice(was, is) && !renamed {
		return
	}
	before, after := setOf(was), setOf(is)
	for _, target := range was {
		if renamed || !after[target] {
			t.changeMemberOf(target, old.Name, false)
		}
	}
	for _, target := range is {
		if renamed || !before[target] {
			t.changeMemberOf(target, fresh.Name, true)
		}
	}
}

func setOf(keys []string) map[string]bool {
	out := make(map[string]bool, len(keys))
	for _, k := range keys {
		out[k] = true
	}
	return out
}

func (t *tx) changeMemberOf(target string, group Name, in bool) {
	e := t.entries[target]
	if e == nil {
		return
	}
	fresh := e.copy()
	a := Attr{Type: t.Attribute("memberOf"), Desc: "memberOf"}
	if i := e.index("memberOf"); i >= 0 {
		a = e.Attrs[i].without(func(key string) bool { return key == group.Key })
	}
	if in {
		a = a.with([]string{group.Text}, []string{group.Key})
	}
	fresh.put(a)
	t.replace(e, fresh)
	t.changes = append(t.changes, Change{e, fresh})
}

// with returns the attribute with more values; nothing is written in place.
func (a Attr) with(values, keys []string) Attr {
	a.Values = append(slices.Clone(a.Values), values...)
	a.keys = append(slices.Clone(a.keys), keys...)
	return a
}

// without returns the attribute without the values whose keys match.
func (a Attr) without(match func(key string) bool) Attr {
	out := Attr{Type: a.Type, Desc: a.Desc}
	for i, key := range a.keys {
		if !match(key) {
			out.Values = append(out.Values, a.Values[i])
			out.keys = append(out.keys, key)
		}
	}
	return out
}

// retarget makes references to old name fresh, or go if fresh is nil. A group
// whose last member goes keeps its entry, as with OpenLDAP's refint.
func (t *tx) retarget(old *Entry, fresh *Entry) {
	referrers := make([]string, 0, len(t.refs[old.Name.Key]))
	for key := range t.refs[old.Name.Key] {
		referrers = append(referrers, key)
	}
	slices.Sort(referrers)
	for _, key := range referrers {
		r := t.entries[key]
		changed := r.copy()
		for _, desc := range referential {
			i := r.index(desc)
			if i < 0 || !slices.Contains(r.Attrs[i].keys, old.Name.Key) {
				continue
			}
			a := r.Attrs[i].without(func(k string) bool { return k == old.Name.Key })
			if fresh != nil && !slices.Contains(a.keys, fresh.Name.Key) {
				a = a.with([]string{fresh.Name.Text}, []string{fresh.Name.Key})
			}
			changed.put(a)
		}
		t.stamp(changed)
		t.put(r, changed)
	}
}
