package tree

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

// Directory is the tree of entries. Readers take the lock, collect entries and
// let go; writers work in a tx.
type Directory struct {
	*Rules
	Suffixes []Name
	now      func() time.Time
	journal  *journal

	mu        sync.RWMutex
	entries   map[string]*Entry          // by key of the DN
	children  map[string]map[string]bool // keys, by key of the parent
	ids       map[string]*Entry          // by entryUUID
	refs      map[string]map[string]int  // keys of referrers, by key of the target; the number of attributes
	seq       int
	csn       string // the newest
	history   history
	listeners map[Listener]bool
}

// New makes an empty directory with the standard schema, more of it (see
// ldapschema.ReadLines) and naming contexts.
func New(moreSchema string, suffixes []string, now func() time.Time) (*Directory, error) {
	r, err := newRules(moreSchema)
	if err != nil {
		return nil, err
	}
	d := &Directory{
		Rules: r, now: now, entries: map[string]*Entry{}, children: map[string]map[string]bool{}, ids: map[string]*Entry{},
		refs: map[string]map[string]int{}, listeners: map[Listener]bool{},
	}
	for _, text := range suffixes {
		n, err := r.Name(text)
		if err != nil || n.Key == "" {
			return nil, fmt.Errorf("suffix %q is not a DN", text)
		}
		d.Suffixes = append(d.Suffixes, n)
	}
	d.history.from = d.nextCSN()
	return d, nil
}

// Empty reports that there is no entry.
func (d *Directory) Empty() bool {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return len(d.entries) == 0
}

// Close closes the journal.
func (d *Directory) Close() error { return d.journal.close() }

// referential are the attributes that follow renames and deletes of what they
// name.
var referential = []string{"member", "uniqueMember", "owner", "manager", "secretary", "roleOccupant", "seeAlso"}

// nextCSN gives a change sequence number in OpenLDAP's form, greater than all
// before.
func (d *Directory) nextCSN() string {
	const layout = "20060102150405.000000Z"
	t := d.now().UTC()
	if len(d.csn) >= len(layout) {
		last, err := time.Parse(layout, d.csn[:len(layout)])
		if err == nil && !t.Truncate(time.Microsecond).After(last) {
			t = last.Add(time.Microsecond)
		}
	}
	d.csn = t.Format(layout) + "#000000#000#000000"
	return d.csn
}

func newUUID() string {
	var b [16]byte
	rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// replace puts one entry in the place of another; either may be nil.
func (d *Directory) replace(old, fresh *Entry) {
	if old != nil {
		delete(d.entries, old.Name.Key)
		delete(d.ids, old.UUID)
		up := parentKey(old.Name.Key)
		if delete(d.children[up], old.Name.Key); len(d.children[up]) == 0 {
			delete(d.children, up)
		}
	}
	if fresh != nil {
		d.entries[fresh.Name.Key] = fresh
		d.ids[fresh.UUID] = fresh
		up := parentKey(fresh.Name.Key)
		if d.children[up] == nil {
			d.children[up] = map[string]bool{}
		}
		d.children[up][fresh.Name.Key] = true
	}
	d.reindex(old, fresh)
}

// reindex keeps refs. Values that both entries share are not looked at.
func (d *Directory) reindex(old, fresh *Entry) {
	for _, desc := range referential {
		was, is := keysOf(old, desc), keysOf(fresh, desc)
		moved := old == nil || fresh == nil || old.Name.Key != fresh.Name.Key
		if !moved && sameSlice(was, is) {
			continue
		}
		for _, target := range was {
			if m := d.refs[target]; m != nil {
				if m[old.Name.Key]--; m[old.Name.Key] <= 0 {
					delete(m, old.Name.Key)
				}
				if len(m) == 0 {
					delete(d.refs, target)
				}
			}
		}
		for _, target := range is {
			if d.refs[target] == nil {
				d.refs[target] = map[string]int{}
			}
			d.refs[target][fresh.Name.Key]++
		}
	}
}

func keysOf(e *Entry, desc string) []string {
	if e == nil {
		return nil
	}
	if i := e.index(desc); i >= 0 {
		return e.Attrs[i].keys
	}
	return nil
}

func sameSlice(a, b []string) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

// all returns every entry in order of creation.
func (d *Directory) all() []*Entry {
	return slices.SortedFunc(maps.Values(d.entries), bySeq)
}

func bySeq(a, b *Entry) int { return cmp.Compare(a.seq, b.seq) }

// subtree returns the entry and what lies below it, parents first.
func (d *Directory) subtree(key string) []*Entry {
	var out []*Entry
	if e := d.entries[key]; e != nil {
		out = append(out, e)
	}
	for _, child := range slices.Sorted(maps.Keys(d.children[key])) {
		out = append(out, d.subtree(child)...)
	}
	return out
}

// candidates returns what a search has to look at, in order of creation.
func (d *Directory) candidates(base string, scope int, f *Filter) []*Entry {
	var out []*Entry
	switch scope {
	case 0:
		if e := d.entries[base]; e != nil {
			out = append(out, e)
		}
		return out
	case 1:
		for key := range d.children[base] {
			out = append(out, d.entries[key])
		}
	default:
		if e, ok := d.byUUID(f); ok {
			if e != nil && under(e.Name.Key, base) {
				return []*Entry{e}
			}
			return nil
		}
		out = d.subtree(base)
	}
	slices.SortFunc(out, bySeq)
	return out
}

// byUUID answers filters that ask for one entryUUID without looking further.
func (d *Directory) byUUID(f *Filter) (*Entry, bool) {
	if f.Tag == FilterAnd {
		for i := range f.Subs {
			if e, ok := d.byUUID(&f.Subs[i]); ok {
				return e, ok
			}
		}
	}
	if f.Tag != FilterEqual || d.Attribute(f.Desc) != d.Attribute("entryUUID") {
		return nil, false
	}
	key, err := d.normal(d.Attribute("entryUUID"), f.Value)
	return d.ids[key], err == nil
}

// nearest returns the DN of the closest entry at or above key, "" if none.
func (d *Directory) nearest(key string) string {
	for ; key != ""; key = parentKey(key) {
		if e := d.entries[key]; e != nil {
			return e.Name.Text
		}
	}
	return ""
}

// lookup returns the entry with that DN, or noSuchObject.
func (d *Directory) lookup(dn string) (*Entry, error) {
	n, err := d.Name(dn)
	if err != nil {
		return nil, err
	}
	if e := d.entries[n.Key]; e != nil {
		return e, nil
	}
	return nil, &Failure{Code: NoSuchObject, Matched: d.nearest(n.Key)}
}

// IsSuffix reports that key is one of the naming contexts.
func (d *Directory) IsSuffix(key string) bool {
	return slices.ContainsFunc(d.Suffixes, func(n Name) bool { return n.Key == key })
}

// inSuffix reports that key lies in one of the naming contexts.
func (d *Directory) inSuffix(key string) bool {
	return slices.ContainsFunc(d.Suffixes, func(n Name) bool { return under(key, n.Key) })
}
