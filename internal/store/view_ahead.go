package store

import (
	"muster/internal/base/object"
	"muster/internal/store/db"
	"muster/internal/sync/engine"
)

// coming is what is read for a view while it is worked with, in a transaction of
// its own that sees the same.
type coming struct {
	done chan struct{}
	view *View // nil: it was not read, and is read when it is asked for
}

// Ahead says what will be asked for first once the view has forgotten what it has
// now: it is read meanwhile, if there is a connection that nobody uses. It changes
// nothing but the time that is taken; what goes wrong is told by Load.
func (v *View) Ahead(need engine.Need) {
	gen, err := v.t.Generation()
	if err != nil || v.t.db.Writes() {
		return
	}
	need.Entries, need.Objects = v.unknown(need)
	c := &coming{done: make(chan struct{})}
	v.coming = c
	ctx, store, order, before := v.t.Context(), v.t.store, v.order, v.before
	go func() {
		defer close(c.done)
		ran := false
		err := db.Guard(func() (err error) {
			ran, err = store.readIfFree(ctx, func(t *Tx) error {
				if now, err := t.Generation(); err != nil || now != gen {
					return err
				}
				x := &View{t: t, order: order, kept: newKept(), before: before}
				x.Forget()
				c.view = x
				return x.Load(need)
			})
			return err
		})
		if err != nil || !ran {
			c.view = nil
		}
	}()
}

// unknown leaves out what the view has kept.
func (v *View) unknown(need engine.Need) (entries, objects []object.ID) {
	for _, id := range need.Entries {
		if _, ok := v.kept.entry(id); !ok {
			entries = append(entries, id)
		}
	}
	for _, id := range need.Objects {
		if _, ok := v.kept.object(id); !ok {
			objects = append(objects, id)
		}
	}
	return entries, objects
}

// arrive takes over what was read ahead: nothing else is loaded yet.
func (v *View) arrive() {
	c := v.arriving
	if c == nil {
		return
	}
	v.arriving = nil
	if <-c.done; c.view != nil {
		v.read = c.view.read
	}
}
