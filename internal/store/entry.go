package store

import (
	"encoding/binary"
	"time"

	"muster/internal/base/object"
	"muster/internal/store/db"
	"muster/internal/store/sorted"
)

// The sets of records that the store keeps. The numbers are stored.
const (
	entryIDs    sorted.Kind = 1  // entry id, key
	rowHashes   sorted.Kind = 2  // entry key, hash of the record as last released
	entryOrder  sorted.Kind = 3  // connector, anchor, key
	entryNames  sorted.Kind = 4  // connector, hash of parent and RDN, key
	dirtyOrder  sorted.Kind = 5  // connector, anchor, key, mark
	edgesOut    sorted.Kind = 6  // entry key, attribute, entry key: all references
	edgesIn     sorted.Kind = 7  // entry key named, attribute, entry key: the same, backwards
	linksIn     sorted.Kind = 8  // object key, entry key
	linksOut    sorted.Kind = 9  // entry key, object key
	objectIDs   sorted.Kind = 10 // object id, key
	objectKeys  sorted.Kind = 11 // type, attribute, hash of a prepared value, object key
	refsOut     sorted.Kind = 12 // object key, attribute, object key: all references
	refsIn      sorted.Kind = 13 // object key named, attribute, object key: the same, backwards
	searchTexts sorted.Kind = 14 // attribute, prepared text, object key
	offers      sorted.Kind = 15 // type, attribute, hash of a prepared value, entry key: unlinked entries
	offersOf    sorted.Kind = 16 // entry key, type, attribute, hash
	claims      sorted.Kind = 17 // type, attribute, hash of a prepared name, id of the object that it was given to
	spots       sorted.Kind = 18 // connector, type, attribute, hash of a prepared value, entry key
	dueTimes    sorted.Kind = 19 // microseconds, object key
	dirtyObject sorted.Kind = 20 // object key, mark
	history     sorted.Kind = 21 // object id, plan, chunk, place
	typeOrder   sorted.Kind = 22 // type, object key
	nameless    sorted.Kind = 23 // entry key: has no anchor yet, known by its DN
	containers  sorted.Kind = 24 // entry key: others lay under it, when an import told of them
)

// keyBits is where the connector's symbol begins in the key of an entry. The
// bit below it marks entries that a plan created.
const (
	keyBits = 40
	planned = int64(1) << (keyBits - 1)
)

func connOf(key int64) uint32 { return uint32(key >> keyBits) }

func be64(b []byte, n int64) []byte  { return binary.BigEndian.AppendUint64(b, uint64(n)) }
func be32(b []byte, n uint32) []byte { return binary.BigEndian.AppendUint32(b, n) }
func u64(b []byte) int64             { return int64(binary.BigEndian.Uint64(b)) }
func u32(b []byte) uint32            { return binary.BigEndian.Uint32(b) }

// appendOrdered appends text so that what follows does not disturb the order:
// zero bytes are written as 0, 255, and 0, 1 ends the text.
func appendOrdered(b []byte, s string) []byte {
	for i := range len(s) {
		if b = append(b, s[i]); s[i] == 0 {
			b = append(b, 0xff)
		}
	}
	return append(b, 0, 1)
}

// cutOrdered reads what appendOrdered wrote.
func cutOrdered(b []byte) (text, rest []byte) {
	for i := 0; i+1 < len(b); i++ {
		if b[i] != 0 {
			text = append(text, b[i])
			continue
		}
		if b[i+1] == 1 {
			return text, b[i+2:]
		}
		text = append(text, 0)
		i++
	}
	return text, nil
}

// Flags of an entry's row.
const (
	rowSeen = 1 << iota
	rowStub
	rowExplicit
	rowMissing
	rowCut
	rowNamed   // parent and RDN follow
	rowEdges   // has references; they are in the sets, never in the image
	rowExtra   // arrivals or initial values follow
	rowPending // has a todo row
)

// row is an entry as its row holds it.
type row struct {
	key     int64
	flags   uint64
	typ     uint32
	id      object.ID
	born    int64 // the import that created it; 0: a plan did
	moved   int64 // the import that changed it last
	anchor  string
	parent  int64
	rdn     string
	missing time.Time
	cut     object.ID
	image   string // encoded bag
	extra   string // encoded
	version int64
}

// append encodes the row.
func (w *row) append(b []byte) []byte {
	b = binary.AppendUvarint(b, w.flags)
	b = binary.AppendUvarint(b, uint64(w.typ))
	b = append(b, w.id[:]...)
	b = binary.AppendUvarint(b, uint64(w.born))
	b = binary.AppendUvarint(b, uint64(w.moved))
	b = appendText(b, w.anchor)
	if w.flags&rowNamed != 0 {
		b = binary.AppendUvarint(b, uint64(w.parent))
		b = appendText(b, w.rdn)
	}
	if w.flags&rowMissing != 0 {
		b = appendInstant(b, w.missing)
	}
	if w.flags&rowCut != 0 {
		b = append(b, w.cut[:]...)
	}
	if w.flags&rowExtra != 0 {
		b = appendText(b, w.extra)
	}
	return append(b, w.image...)
}

// readRow decodes a row.
func (t *Tx) readRow(key, version int64, body []byte) (row, error) {
	r := t.owned(body)
	w := row{key: key, version: version, flags: r.uvarint(), typ: uint32(r.uvarint()), id: r.id(),
		born: int64(r.uvarint()), moved: int64(r.uvarint()), anchor: r.text()}
	if w.flags&rowNamed != 0 {
		w.parent, w.rdn = int64(r.uvarint()), r.text()
	}
	if w.flags&rowMissing != 0 {
		w.missing = r.instant()
	}
	if w.flags&rowCut != 0 {
		w.cut = r.id()
	}
	if w.flags&rowExtra != 0 {
		w.extra = r.text()
	}
	w.image = r.s
	return w, r.err()
}

// bag decodes the row's image.
func (t *Tx) bag(image string) (object.Attrs, error) {
	r := &reader{t: t, s: image}
	a := r.bag()
	return a, r.err()
}

// rowsOf reads the rows with the keys, as they are released, in any order.
// Keys that are not there, or not yet released, are left out.
func (t *Tx) rowsOf(keys []int64) (map[int64]*row, error) {
	conns, err := t.connectors()
	if err != nil {
		return nil, err
	}
	out := make(map[int64]*row, len(keys))
	for len(keys) > 0 {
		some := keys[:min(len(keys), 1000)]
		keys = keys[len(some):]
		if err := t.rowsOfSome(some, conns, out); err != nil {
			return nil, err
		}
	}
	return out, nil
}

type rawRow struct {
	key, version int64
	body         []byte
}

func (t *Tx) rowsOfSome(keys []int64, conns map[uint32]*connRow, out map[int64]*row) error {
	raw, err := t.get(entries, keys)
	if err != nil {
		return err
	}
	overlay := false
	for _, x := range raw {
		w, err := t.readRow(x.key, x.version, x.body)
		if err != nil {
			return err
		}
		c := conns[connOf(x.key)]
		if c == nil || w.born > c.released {
			continue
		}
		overlay = overlay || c.folded < c.released
		out[x.key] = &w
	}
	if !overlay {
		return nil
	}
	raw, err = t.rawRows(keys, "SELECT s.key, s.import_no, s.body FROM @feed JOIN staged s ON s.key = feed.c0 WHERE s.op <> 0")
	if err != nil {
		return err
	}
	for _, x := range raw {
		c := conns[connOf(x.key)]
		if c == nil || x.version > c.released {
			continue
		}
		ch, err := t.readStaged(x.key, x.body)
		if err != nil {
			return err
		}
		if old := out[x.key]; old != nil {
			w := ch.over(old)
			out[x.key] = &w
		}
	}
	return nil
}

func (t *Tx) rawRows(keys []int64, q string, args ...any) ([]rawRow, error) {
	b := db.NewBatch("i")
	for _, k := range keys {
		b.Int(k)
	}
	var out []rawRow
	var x rawRow
	err := t.db.EachOf(b, []any{&x.key, &x.version, &x.body}, func() error {
		out = append(out, x) // each row is scanned into memory of its own
		return nil
	}, q, args...)
	return out, err
}

// connRow is what the store knows of a connector.
type connRow struct {
	sym       uint32
	nextKey   int64 // for entries that imports create
	nextMade  int64 // for entries that plans create
	released  int64 // entries and changes of imports up to this one count
	folded    int64 // changes up to this import are in the rows
	decideAll bool
	mark      string
}

// connectors reads all connectors, by symbol.
func (t *Tx) connectors() (map[uint32]*connRow, error) {
	if t.conns != nil {
		return t.conns, nil
	}
	out := map[uint32]*connRow{}
	var sym, next, made, released, folded, all int64
	var mark []byte
	err := t.db.Each([]any{&sym, &next, &made, &released, &folded, &all, &mark}, func() error {
		out[uint32(sym)] = &connRow{sym: uint32(sym), nextKey: next, nextMade: made, released: released, folded: folded, decideAll: all != 0, mark: string(mark)}
		return nil
	}, "SELECT sym, next_key, next_made, released, folded, decide_all, mark FROM connector")
	if err != nil {
		return nil, err
	}
	t.conns = out
	return out, nil
}

// connector returns one connector, making its row if there is none and the
// transaction writes; nil if there is none.
func (t *Tx) connector(name string) (*connRow, error) {
	conns, err := t.connectors()
	if err != nil {
		return nil, err
	}
	sym, err := t.known(name)
	if err != nil {
		return nil, err
	}
	if c := conns[sym]; c != nil && sym != 0 {
		return c, nil
	}
	if !t.db.Writes() {
		return nil, nil
	}
	if sym, err = t.sym(name); err != nil {
		return nil, err
	}
	c := &connRow{sym: sym, nextKey: int64(sym)<<keyBits + 1, nextMade: int64(sym)<<keyBits + planned + 1, decideAll: true}
	conns[sym] = c
	_, err = t.db.Exec("INSERT INTO connector (sym, next_key, next_made, released, folded, decide_all, mark) VALUES (?, ?, ?, 0, 0, 1, ?)",
		int64(sym), c.nextKey, c.nextMade, []byte{})
	return c, err
}

// Planned reports that plans created accounts in the connector before.
func (t *Tx) Planned(connector string) (bool, error) {
	sym, err := t.known(connector)
	if err != nil || sym == 0 {
		return false, err
	}
	conns, err := t.connectors()
	c := conns[sym]
	return c != nil && c.nextMade != int64(sym)<<keyBits+planned+1, err
}

// save writes the connector's row.
func (t *Tx) save(c *connRow) error {
	all := int64(0)
	if c.decideAll {
		all = 1
	}
	_, err := t.db.Exec("UPDATE connector SET next_key = ?, next_made = ?, released = ?, folded = ?, decide_all = ?, mark = ? WHERE sym = ?",
		c.nextKey, c.nextMade, c.released, c.folded, all, []byte(c.mark), int64(c.sym))
	return err
}
