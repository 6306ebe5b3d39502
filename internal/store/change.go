package store

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/cespare/xxhash/v2"

	"muster/internal/base/object"
	"muster/internal/store/db"
)

// What a staged change does. The numbers are stored.
const (
	opHash    = 0 // only the hash of the record moved
	opChange  = 1
	opMissing = 2
)

// change is what an import has to say of an entry that was there.
type change struct {
	op    int64
	row   row    // as it shall be
	hash  uint64 // of the record; 0 not shown, 1 not known
	edges []edge // all references as they shall be
	mods  []mod  // a merge: instead of edges and the row's image
	adds  []edge
	drops []edge
}

// mod is one attribute of a merge.
type mod struct {
	op     ModOp
	name   string
	attr   uint32
	values object.Values
	edges  []edge // for references
	ref    bool
}

// arrival is when an attribute's value arrived.
type arrival struct {
	attr uint32
	at   time.Time
}

// appendExtra encodes arrivals and the encoded bag of initial values.
func appendExtra(b []byte, arrived []arrival, initial string) []byte {
	b = binary.AppendUvarint(b, uint64(len(arrived)))
	for _, a := range arrived {
		b = appendInstant(binary.AppendUvarint(b, uint64(a.attr)), a.at)
	}
	return append(b, initial...)
}

func (t *Tx) readExtra(s string) (arrived []arrival, initial string, err error) {
	if s == "" {
		return nil, "", nil
	}
	r := &reader{t: t, s: s}
	for range r.count() {
		arrived = append(arrived, arrival{attr: uint32(r.uvarint()), at: r.instant()})
	}
	return arrived, r.s, r.err()
}

func hash64(prepared string) []byte { return be64(nil, int64(xxhash.Sum64String(prepared))) }

func appendEdges(b []byte, list []edge) []byte {
	b = binary.AppendUvarint(b, uint64(len(list)))
	for _, e := range list {
		b = binary.AppendUvarint(binary.AppendUvarint(b, uint64(e.attr)), uint64(e.to))
	}
	return b
}

func (r *reader) edges(from int64) []edge {
	n := r.count()
	out := make([]edge, 0, n)
	for range n {
		out = append(out, edge{from: from, attr: uint32(r.uvarint()), to: int64(r.uvarint())})
	}
	return out
}

// append encodes a change for the staged table.
func (c *change) append(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(c.op))
	b = binary.AppendUvarint(b, c.hash)
	switch c.op {
	case opMissing:
		b = appendInstant(b, c.row.missing)
	case opChange:
		b = appendEdges(appendEdges(b, c.adds), c.drops)
		b = c.row.append(b)
	}
	return b
}

func (t *Tx) readStaged(key int64, body []byte) (*change, error) {
	r := t.reader(body)
	c := &change{op: int64(r.uvarint()), hash: r.uvarint()}
	switch c.op {
	case opMissing:
		c.row.missing = r.instant()
	case opChange:
		c.adds, c.drops = r.edges(key), r.edges(key)
		w, err := t.readRow(key, 0, []byte(r.s))
		if err != nil {
			return nil, err
		}
		c.row = w
	}
	return c, r.err()
}

// over returns the row after the change.
func (c *change) over(old *row) row {
	switch c.op {
	case opMissing:
		w := *old
		w.flags |= rowMissing
		w.missing, w.version = c.row.missing, old.version+1
		return w
	case opChange:
		w := c.row
		w.id, w.version = old.id, old.version+1
		w.flags = w.flags&^(rowExplicit|rowPending) | old.flags&(rowExplicit|rowPending)
		return w
	}
	return *old
}

// writeChanged compares changed records with what is there and stages the
// differences.
func (m *Import) writeChanged(t *Tx, list []*change) error {
	if len(list) == 0 {
		return nil
	}
	keys := make([]int64, len(list))
	for i, c := range list {
		keys[i] = c.row.key
	}
	raw, err := t.get(entries, keys)
	if err != nil {
		return err
	}
	old := map[int64]*row{}
	var edged []int64
	for _, x := range raw {
		w, err := t.readRow(x.key, x.version, x.body)
		if err != nil {
			return err
		}
		old[x.key] = &w
		if w.flags&rowEdges != 0 {
			edged = append(edged, x.key)
		}
	}
	have, err := t.edgesOf(edged, wantsAll(list))
	if err != nil {
		return err
	}
	before, err := m.stagedBefore(t, keys, old, have)
	if err != nil {
		return err
	}
	b := db.NewBatch("iiib")
	for _, c := range list {
		was := old[c.row.key]
		if was == nil {
			continue // it went meanwhile
		}
		if err := m.compare(t, c, was, have[c.row.key]); err != nil {
			return err
		}
		if prev := before[c.row.key]; prev != nil {
			c.after(prev)
		}
		b.Int(c.row.key).Int(m.no).Int(c.op).Bytes(c.append(nil))
	}
	if b.Len() == 0 {
		return nil
	}
	_, err = t.db.Feed(b, `INSERT INTO staged (key, import_no, op, body) SELECT c0, c1, c2, c3 FROM @feed WHERE true
 ON CONFLICT (key) DO UPDATE SET import_no = excluded.import_no, op = excluded.op, body = excluded.body`)
	return err
}

// stagedBefore reads what this import has staged already, and puts it over
// what was there: an import of changes may tell of an object several times.
func (m *Import) stagedBefore(t *Tx, keys []int64, old map[int64]*row, have map[int64][]edge) (map[int64]*change, error) {
	if m.opts.Full {
		return nil, nil
	}
	raw, err := t.rawRows(keys, "SELECT s.key, s.import_no, s.body FROM @feed JOIN staged s ON s.key = feed.c0")
	if err != nil {
		return nil, err
	}
	out := map[int64]*change{}
	for _, x := range raw {
		prev, err := t.readStaged(x.key, x.body)
		if err != nil {
			return nil, err
		}
		if was := old[x.key]; was != nil {
			w := prev.over(was)
			old[x.key] = &w
		}
		have[x.key] = slices.DeleteFunc(append(have[x.key], prev.adds...), func(e edge) bool { return slices.Contains(prev.drops, e) })
		out[x.key] = prev
	}
	return out, nil
}

// after makes the change stand for an earlier one of the same import too.
func (c *change) after(prev *change) {
	if c.op == opHash {
		hash := c.hash
		*c = change{op: prev.op, row: prev.row, adds: prev.adds, drops: prev.drops, hash: hash}
		return
	}
	adds := append(slices.DeleteFunc(slices.Clone(prev.adds), func(e edge) bool { return slices.Contains(c.drops, e) }), c.adds...)
	drops := append(slices.DeleteFunc(slices.Clone(prev.drops), func(e edge) bool { return slices.Contains(c.adds, e) }), c.drops...)
	c.adds, c.drops = adds, drops
	if c.op == opMissing && prev.op == opChange {
		missing := c.row.missing
		c.row = prev.row
		c.row.flags, c.row.missing, c.op = c.row.flags|rowMissing, missing, opChange
	}
}

// wantsAll returns the entries of which all references must be read: those
// that are told whole. A merge knows what comes and goes.
func wantsAll(list []*change) map[int64]bool {
	out := map[int64]bool{}
	for _, c := range list {
		out[c.row.key] = c.op == opChange && (c.mods == nil || slices.ContainsFunc(c.mods, func(x mod) bool { return x.ref && x.op == ReplaceValues }))
	}
	return out
}

// edgesOf reads the references of the entries.
func (t *Tx) edgesOf(keys []int64, only map[int64]bool) (map[int64][]edge, error) {
	var prefixes [][]byte
	for _, k := range keys {
		if only == nil || only[k] {
			prefixes = append(prefixes, be64(nil, k))
		}
	}
	out := map[int64][]edge{}
	err := t.sets.Find(edgesOut, prefixes, func(_ int, rec []byte) {
		e := edge{from: u64(rec), attr: u32(rec[8:]), to: u64(rec[12:])}
		out[e.from] = append(out[e.from], e)
	})
	return out, err
}

// compare completes the change from what was there, and finds out what
// differs.
func (m *Import) compare(t *Tx, c *change, was *row, edges []edge) error {
	if c.op == opMissing {
		if was.flags&rowMissing != 0 || was.flags&rowSeen == 0 {
			c.op = opHash
		}
		return nil
	}
	arrived, initial, err := t.readExtra(was.extra)
	if err != nil {
		return err
	}
	if c.mods != nil {
		if err := c.merge(t, was, edges); err != nil {
			return err
		}
	} else {
		c.adds, c.drops = diffEdges(edges, c.edges)
	}
	w := &c.row
	w.id, w.born, w.version = was.id, was.born, was.version
	w.flags |= was.flags & (rowExplicit | rowPending)
	if len(c.adds) > 0 && w.flags&rowEdges == 0 {
		w.flags |= rowEdges
	}
	same := w.image == was.image && len(c.adds) == 0 && len(c.drops) == 0 && w.typ == was.typ &&
		w.anchor == was.anchor && w.parent == was.parent && w.rdn == was.rdn && was.flags&(rowStub|rowMissing) == 0 && was.flags&rowSeen != 0
	if same {
		c.op = opHash
		return nil
	}
	arrived, err = m.arrive(t, was, w, arrived)
	if err != nil {
		return err
	}
	w.extra = ""
	w.flags &^= rowExtra
	if len(arrived) > 0 || initial != "" {
		w.extra = string(appendExtra(nil, arrived, initial))
		w.flags |= rowExtra
	}
	return nil
}

// arrive moves the arrivals of values that changed.
func (m *Import) arrive(t *Tx, was, is *row, arrived []arrival) ([]arrival, error) {
	if is.flags&rowExtra == 0 {
		return arrived, nil
	}
	wanted, _, err := t.readExtra(is.extra)
	if err != nil || len(wanted) == 0 {
		return arrived, err
	}
	a, err := t.bag(was.image)
	if err != nil {
		return nil, err
	}
	b, err := t.bag(is.image)
	if err != nil {
		return nil, err
	}
	out := wanted[:0]
	for _, x := range wanted {
		if name := t.name(x.attr); a.Get(name).Equal(b.Get(name)) {
			i := slices.IndexFunc(arrived, func(y arrival) bool { return y.attr == x.attr })
			if i >= 0 {
				x = arrived[i]
			}
		}
		out = append(out, x)
	}
	return out, nil
}

// diffEdges returns what must come and go for a to become b.
func diffEdges(a, b []edge) (adds, drops []edge) {
	have := make(map[edge]bool, len(a))
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
