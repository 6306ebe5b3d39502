package staging

import (
	"slices"

	"muster/internal/store/db"
	"muster/internal/store/layout"
)

// change is what an import has to say of an entry that was there.
type change struct {
	layout.Staged
	edges   []layout.Edge // all references as they shall be
	mods    []mod         // a merge: instead of edges and the row's image
	moves   []move        // references that lead elsewhere: instead of all else
	unnamed bool          // with moves: the name is another's
}

// mod is one attribute of a merge.
type mod struct {
	Mod
	attr  uint32
	edges []layout.Edge // for references
	ref   bool
}

// writeChanged compares changed records with what is there and stages the
// differences.
func (m *Import) writeChanged(t *layout.Tx, list []*change) error {
	list, err := m.compared(t, list)
	if err != nil {
		return err
	}
	b := db.NewBatch("iiib")
	for _, c := range list {
		b.Int(c.Row.Key).Int(m.no).Int(c.Op).Bytes(c.Append(nil))
	}
	return stage(t, b)
}

// compared completes changed records from what is there, leaving out those of
// entries that went meanwhile.
func (m *Import) compared(t *layout.Tx, list []*change) ([]*change, error) {
	if len(list) == 0 {
		return nil, nil
	}
	keys := make([]int64, len(list))
	for i, c := range list {
		keys[i] = c.Row.Key
	}
	raw, err := t.Get(layout.Entries, keys)
	if err != nil {
		return nil, err
	}
	old := map[int64]*layout.Row{}
	var edged []int64
	for _, x := range raw {
		w, err := t.ReadRow(x.Key, x.Version, x.Body)
		if err != nil {
			return nil, err
		}
		old[x.Key] = &w
		if w.Flags&layout.RowEdges != 0 {
			edged = append(edged, x.Key)
		}
	}
	have, err := t.EdgesOf(edged, wantsAll(list))
	if err != nil {
		return nil, err
	}
	var before map[int64]*layout.Staged
	if !m.opts.Full || list[0].moves != nil { // a full import tells of an object once
		if before, err = m.stagedBefore(t, keys, old, have); err != nil {
			return nil, err
		}
	}
	out := list[:0]
	for _, c := range list {
		was := old[c.Row.Key]
		if was == nil {
			continue // it went meanwhile
		}
		prev := before[c.Row.Key]
		if c.moves != nil {
			c.move(was, prev)
		} else if err := m.compare(t, c, was, have[c.Row.Key]); err != nil {
			return nil, err
		}
		if prev != nil {
			c.after(prev)
		}
		c.Row.Moved = m.no
		out = append(out, c)
	}
	return out, nil
}

// stage writes changes that wait for the release: key, import, operation, body.
func stage(t *layout.Tx, b *db.Batch) error {
	if b.Len() == 0 {
		return nil
	}
	_, err := t.DB.Feed(b, `INSERT INTO staged (key, import_no, op, body) SELECT c0, c1, c2, c3 FROM @feed WHERE true
 ON CONFLICT (key) DO UPDATE SET import_no = excluded.import_no, op = excluded.op, body = excluded.body`)
	return err
}

// stagedBefore reads what this import has staged already, and puts it over
// what was there: an import of changes may tell of an object several times.
func (m *Import) stagedBefore(t *layout.Tx, keys []int64, old map[int64]*layout.Row, have map[int64][]layout.Edge) (map[int64]*layout.Staged, error) {
	out, err := m.staged(t, keys)
	for key, prev := range out {
		if was := old[key]; was != nil {
			w := prev.Over(was)
			old[key] = &w
		}
		have[key] = slices.DeleteFunc(append(have[key], prev.Adds...), func(e layout.Edge) bool { return slices.Contains(prev.Drops, e) })
	}
	return out, err
}

// staged reads what this import has staged for the entries.
func (m *Import) staged(t *layout.Tx, keys []int64) (map[int64]*layout.Staged, error) {
	raw, err := t.RawRows(keys, "SELECT s.key, s.import_no, s.body FROM @feed JOIN staged s ON s.key = feed.c0")
	if err != nil {
		return nil, err
	}
	out := map[int64]*layout.Staged{}
	for _, x := range raw {
		if out[x.Key], err = t.ReadStaged(x.Key, x.Body); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// after makes the change stand for an earlier one of the same import too.
func (c *change) after(prev *layout.Staged) {
	if c.Op == layout.OpHash {
		hash := c.Hash
		*c = change{Staged: layout.Staged{Op: prev.Op, Row: prev.Row, Adds: prev.Adds, Drops: prev.Drops, Hash: hash}}
		return
	}
	adds := append(slices.DeleteFunc(slices.Clone(prev.Adds), func(e layout.Edge) bool { return slices.Contains(c.Drops, e) }), c.Adds...)
	drops := append(slices.DeleteFunc(slices.Clone(prev.Drops), func(e layout.Edge) bool { return slices.Contains(c.Adds, e) }), c.Drops...)
	c.Adds, c.Drops = adds, drops
	switch {
	case c.Op == layout.OpMissing && prev.Whole():
		missing := c.Row.Missing
		c.Row = prev.Row
		c.Row.Flags, c.Row.Missing, c.Op = c.Row.Flags|layout.RowMissing, missing, prev.Op
	case c.Op == layout.OpChange && prev.Whole(), c.Op == layout.OpRename && prev.Op == layout.OpRetype:
		c.Op = prev.Op
	}
}

// wantsAll returns the entries of which all references must be read: those
// that are told whole. A merge knows what comes and goes.
func wantsAll(list []*change) map[int64]bool {
	out := map[int64]bool{}
	for _, c := range list {
		out[c.Row.Key] = c.Whole() && (c.mods == nil || slices.ContainsFunc(c.mods, func(x mod) bool { return x.ref && x.Op == ReplaceValues }))
	}
	return out
}

// compare completes the change from what was there, and finds out what
// differs.
func (m *Import) compare(t *layout.Tx, c *change, was *layout.Row, edges []layout.Edge) error {
	if c.Op == layout.OpMissing {
		if was.Flags&layout.RowMissing != 0 || was.Flags&layout.RowSeen == 0 {
			c.Op = layout.OpHash
		}
		return nil
	}
	arrived, initial, err := t.ReadExtra(was.Extra)
	if err != nil {
		return err
	}
	if c.mods != nil {
		if err := c.merge(t, was, edges); err != nil {
			return err
		}
	} else {
		c.Adds, c.Drops = diffEdges(edges, c.edges)
	}
	w := &c.Row
	w.ID, w.Born, w.Version = was.ID, was.Born, was.Version
	w.Flags |= was.Flags & (layout.RowExplicit | layout.RowPending)
	if len(c.Adds) > 0 && w.Flags&layout.RowEdges == 0 {
		w.Flags |= layout.RowEdges
	}
	if c.mods != nil && was.Flags&layout.RowStub == 0 {
		w.Typ = was.Typ
	}
	if c.Op = kindOf(w, was); c.Op == layout.OpRetype {
		m.retyped(was, w)
		return nil // no value, arrival or reference of the old object is the new one's
	}
	stays := w.Parent == was.Parent && w.RDN == was.RDN
	same := w.Image == was.Image && len(c.Adds) == 0 && len(c.Drops) == 0 && w.Typ == was.Typ &&
		w.Anchor == was.Anchor && (stays || nested(w, was)) && was.Flags&(layout.RowStub|layout.RowMissing) == 0 && was.Flags&layout.RowSeen != 0
	if same {
		if c.Op = layout.OpHash; !stays {
			c.Op = layout.OpNest
		}
		return nil
	}
	arrived, err = m.arrive(t, was, w, arrived)
	if err != nil {
		return err
	}
	w.Extra = ""
	w.Flags &^= layout.RowExtra
	if len(arrived) > 0 || initial != "" {
		w.Extra = string(layout.AppendExtra(nil, arrived, initial))
		w.Flags |= layout.RowExtra
	}
	return nil
}

// kindOf says how an entry changed.
func kindOf(is, was *layout.Row) int64 {
	moved := (is.Parent != was.Parent || is.RDN != was.RDN) && !nested(is, was)
	switch {
	case was.Flags&layout.RowStub != 0:
		return layout.OpChange
	case is.Typ != was.Typ:
		return layout.OpRetype
	case was.Flags&layout.RowSeen != 0 && is.Flags&was.Flags&layout.RowNamed != 0 && moved:
		return layout.OpRename
	}
	return layout.OpChange
}

// retyped counts the old entry out and the new one in.
func (m *Import) retyped(was, is *layout.Row) {
	if was.Flags&layout.RowSeen != 0 && was.Flags&layout.RowMissing == 0 {
		m.turned[was.Typ]--
		m.turned[is.Typ]++
	}
}

// arrive moves the arrivals of values that changed.
func (m *Import) arrive(t *layout.Tx, was, is *layout.Row, arrived []layout.Arrival) ([]layout.Arrival, error) {
	if is.Flags&layout.RowExtra == 0 {
		return arrived, nil
	}
	wanted, _, err := t.ReadExtra(is.Extra)
	if err != nil || len(wanted) == 0 {
		return arrived, err
	}
	a, err := t.Bag(was.Image)
	if err != nil {
		return nil, err
	}
	b, err := t.Bag(is.Image)
	if err != nil {
		return nil, err
	}
	out := wanted[:0]
	for _, x := range wanted {
		if name := t.Name(x.Attr); a.Get(name).Equal(b.Get(name)) {
			i := slices.IndexFunc(arrived, func(y layout.Arrival) bool { return y.Attr == x.Attr })
			if i >= 0 {
				x = arrived[i]
			}
		}
		out = append(out, x)
	}
	return out, nil
}

// diffEdges returns what must come and go for a to become b.
func diffEdges(a, b []layout.Edge) (adds, drops []layout.Edge) {
	have := make(map[layout.Edge]bool, len(a))
	for _, e := range a {
		have[e] = true
	}
	for _, e := range b {
		if !have[e] {
			adds = append(adds, e)
		}
		delete(have, e)
	}
	for _, e := range a {
		if have[e] {
			drops = append(drops, e)
		}
	}
	return adds, drops
}
