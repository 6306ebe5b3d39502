package run

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"muster/internal/base/object"
	"muster/internal/base/problem"
	"muster/internal/store"
	"muster/internal/sync/metaverse"
)

// findBatch is how many objects are looked at together.
const findBatch = 1000

// sorts are what found objects can be sorted by.
var sorts = map[string]func(n *ObjectName) string{
	"name":    func(n *ObjectName) string { return object.Fold(n.Label) },
	"type":    func(n *ObjectName) string { return n.Type + "\x00" + object.Fold(n.Label) },
	"founder": func(n *ObjectName) string { return n.Founder },
}

// Find lists objects whose name begins with the text: first the one that is
// named exactly, then by what they are found by, or sorted as the page says. A
// page ends with an object's id, which begins the next.
func (r *Runner) Find(ctx context.Context, text string, p Page) ([]ObjectName, error) {
	by := sorts[p.Sort]
	if p.Sort != "" && by == nil {
		return nil, &problem.Problem{Code: "bad-page", Message: fmt.Sprintf("objects are not sorted by %q", p.Sort), Fix: "sort them by name, type or founder"}
	}
	var out []ObjectName
	err := r.store.Read(ctx, func(t *store.Tx) error {
		f := &finding{t: t, text: text, attrs: r.opt.Search}
		if x, err := r.find(t, text); err == nil && x.obj.Type != "" {
			f.exact = x.obj
		}
		if p.Match != "" {
			f.match = object.Fold(p.Match)
		}
		if by != nil {
			return f.sorted(p, by, &out)
		}
		return f.inOrder(p, func(o *metaverse.Object) bool {
			out = append(out, nameOf(o))
			return len(out) < p.size()
		})
	})
	return out, err
}

// finding is one search.
type finding struct {
	t     *store.Tx
	text  string
	match string
	attrs []string
	exact *metaverse.Object // the one that the text names; nil if it names none, or several
}

// inOrder calls fn with each object that is found once, behind the page before,
// until fn returns false.
func (f *finding) inOrder(p Page, fn func(*metaverse.Object) bool) error {
	from, at, err := f.begin(p)
	if err != nil {
		return err
	}
	if from < 0 {
		if f.exact != nil && f.fits(f.exact) && !fn(f.exact) {
			return nil
		}
		from = 0
	}
	for i := from; i < len(f.attrs); i++ {
		for {
			page, err := f.t.Search(f.attrs[i], f.text, at, min(findBatch, p.size()+1))
			if err != nil {
				return err
			}
			for _, o := range page.Objects {
				if !f.before(o, i) && f.fits(o) && !fn(o) {
					return nil
				}
			}
			if at = page.Next; at == "" {
				break
			}
		}
	}
	return nil
}

// begin finds where the page before ended: by which attribute, -1 before the
// first, and where in its order.
func (f *finding) begin(p Page) (attr int, at string, err error) {
	if p.After == "" {
		return -1, "", nil
	}
	id, err := object.ParseID(p.After)
	if err != nil {
		return 0, "", f.badPage(p)
	}
	if f.exact != nil && f.exact.ID == id {
		return 0, "", nil
	}
	for i, attr := range f.attrs {
		if at, err := f.t.FoundAt(attr, f.text, id); err != nil || at != "" {
			return i, at, err
		}
	}
	return 0, "", f.badPage(p)
}

func (f *finding) badPage(p Page) error {
	return &problem.Problem{Code: "bad-page", Message: fmt.Sprintf("%q is not where a page of what is found begins", p.After), Fix: "use the id of the last object of the page before; if that object is gone, begin again"}
}

// before reports that the object was found already: it is the one that is named
// exactly, or an attribute before the i-th finds it.
func (f *finding) before(o *metaverse.Object, i int) bool {
	if f.exact != nil && f.exact.ID == o.ID {
		return true
	}
	begin := object.Fold(f.text)
	return slices.ContainsFunc(f.attrs[:i], func(attr string) bool {
		return slices.ContainsFunc(o.Attrs.Get(attr), func(v object.Value) bool { return strings.HasPrefix(object.Key(v, true), begin) })
	})
}

// fits reports that the object's name contains what the page asks for.
func (f *finding) fits(o *metaverse.Object) bool {
	if f.match == "" {
		return true
	}
	n := nameOf(o)
	return strings.Contains(object.Fold(n.String()+" "+n.Label), f.match)
}

// sorted keeps the first objects behind the page before. It looks at all that
// are found, and never holds more than two pages.
func (f *finding) sorted(p Page, by func(*ObjectName) string, out *[]ObjectName) error {
	order := func(a, b *ObjectName) int { return cmp.Or(strings.Compare(by(a), by(b)), strings.Compare(a.ID, b.ID)) }
	var last *ObjectName
	if p.After != "" {
		id, err := object.ParseID(p.After)
		if err != nil {
			return f.badPage(p)
		}
		objs, err := f.t.Objects([]object.ID{id})
		if err != nil {
			return err
		}
		if objs[id] == nil {
			return f.badPage(p)
		}
		n := nameOf(objs[id])
		last = &n
	}
	var list []ObjectName
	cut := func() {
		slices.SortFunc(list, func(a, b ObjectName) int { return order(&a, &b) })
		list = list[:min(len(list), p.size())]
	}
	err := f.inOrder(Page{Size: findBatch}, func(o *metaverse.Object) bool {
		if n := nameOf(o); last == nil || order(&n, last) > 0 {
			if list = append(list, n); len(list) >= 2*p.size() {
				cut()
			}
		}
		return true
	})
	cut()
	*out = list
	return err
}
