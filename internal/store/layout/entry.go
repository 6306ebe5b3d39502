package layout

import (
	"encoding/binary"
	"time"

	"muster/internal/base/object"
	"muster/internal/store/db"
	"muster/internal/store/sorted"
)

// The sets of records that the store keeps. The numbers are stored.
const (
	EntryIDs    sorted.Kind = 1  // entry id, key
	RowHashes   sorted.Kind = 2  // entry key, hash of the record as last released
	EntryOrder  sorted.Kind = 3  // connector, anchor, key
	EntryNames  sorted.Kind = 4  // connector, hash of parent and RDN, key
	DirtyOrder  sorted.Kind = 5  // connector, anchor, key, mark
	EdgesOut    sorted.Kind = 6  // entry key, attribute, entry key: all references
	EdgesIn     sorted.Kind = 7  // entry key named, attribute, entry key: the same, backwards
	LinksIn     sorted.Kind = 8  // object key, entry key
	LinksOut    sorted.Kind = 9  // entry key, object key
	ObjectIDs   sorted.Kind = 10 // object id, key
	ObjectKeys  sorted.Kind = 11 // type, attribute, hash of a prepared value, object key
	RefsOut     sorted.Kind = 12 // object key, attribute, object key: all references
	RefsIn      sorted.Kind = 13 // object key named, attribute, object key: the same, backwards
	SearchTexts sorted.Kind = 14 // attribute, prepared text, object key
	Offers      sorted.Kind = 15 // type, attribute, hash of a prepared value, entry key: unlinked entries
	OffersOf    sorted.Kind = 16 // entry key, type, attribute, hash
	Claims      sorted.Kind = 17 // type, attribute, hash of a prepared name, id of the object that it was given to
	Spots       sorted.Kind = 18 // connector, type, attribute, hash of a prepared value, entry key
	DueTimes    sorted.Kind = 19 // microseconds, object key
	DirtyObject sorted.Kind = 20 // object key, mark
	History     sorted.Kind = 21 // object id, plan, chunk, place
	TypeOrder   sorted.Kind = 22 // type, object key
	Nameless    sorted.Kind = 23 // entry key: has no anchor yet, known by its DN
	Containers  sorted.Kind = 24 // entry key: others lay under it, when an import told of them
	CutFrom     sorted.Kind = 25 // object id, entry key: the entry was cut from it and may not join until it changes
	Confirms    sorted.Kind = 26 // entry key, plan, import, attribute: what was confirmed; no attribute: the rest of the plan
	ConfirmsOf  sorted.Kind = 27 // object id, connector, plan, import, attribute: the same of an account that is gone
)

// keyBits is where the connector's symbol begins in the key of an entry. The
// bit below it marks entries that a plan created.
const (
	KeyBits = 40
	Planned = int64(1) << (KeyBits - 1)
)

// ConnOf returns the symbol of the connector that an entry's key belongs to.
func ConnOf(key int64) uint32 { return uint32(key >> KeyBits) }

// BE64 appends a number so that records sort by it.
func BE64(b []byte, n int64) []byte { return binary.BigEndian.AppendUint64(b, uint64(n)) }

// BE32 appends a number so that records sort by it.
func BE32(b []byte, n uint32) []byte { return binary.BigEndian.AppendUint32(b, n) }

// U64 reads what BE64 wrote.
func U64(b []byte) int64 { return int64(binary.BigEndian.Uint64(b)) }

// U32 reads what BE32 wrote.
func U32(b []byte) uint32 { return binary.BigEndian.Uint32(b) }

// AppendOrdered appends text so that what follows does not disturb the order:
// zero bytes are written as 0, 255, and 0, 1 ends the text.
func AppendOrdered(b []byte, s string) []byte {
	for i := range len(s) {
		if b = append(b, s[i]); s[i] == 0 {
			b = append(b, 0xff)
		}
	}
	return append(b, 0, 1)
}

// CutOrdered reads what appendOrdered wrote.
func CutOrdered(b []byte) (text, rest []byte) {
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
	RowSeen = 1 << iota
	RowStub
	RowExplicit
	RowMissing
	RowCut
	RowNamed   // parent and RDN follow
	RowEdges   // has references; they are in the sets, never in the image
	RowExtra   // arrivals or initial values follow
	RowPending // has a todo row
	RowRetyped // became an object of another type since it was linked
)

// rowKept are the flags that imports leave alone.
const rowKept = RowExplicit | RowPending | RowRetyped

// Row is an entry as its row holds it.
type Row struct {
	Key     int64
	Flags   uint64
	Typ     uint32
	ID      object.ID
	Born    int64 // the import that created it; 0: a plan did
	Moved   int64 // the import that changed it last
	Anchor  string
	Parent  int64
	RDN     string
	Missing time.Time
	Cut     object.ID
	Image   string // encoded bag
	Extra   string // encoded
	Version int64
}

// Append encodes the row.
func (w *Row) Append(b []byte) []byte {
	b = binary.AppendUvarint(b, w.Flags)
	b = binary.AppendUvarint(b, uint64(w.Typ))
	b = append(b, w.ID[:]...)
	b = binary.AppendUvarint(b, uint64(w.Born))
	b = binary.AppendUvarint(b, uint64(w.Moved))
	b = AppendText(b, w.Anchor)
	if w.Flags&RowNamed != 0 {
		b = binary.AppendUvarint(b, uint64(w.Parent))
		b = AppendText(b, w.RDN)
	}
	if w.Flags&RowMissing != 0 {
		b = AppendInstant(b, w.Missing)
	}
	if w.Flags&RowCut != 0 {
		b = append(b, w.Cut[:]...)
	}
	if w.Flags&RowExtra != 0 {
		b = AppendText(b, w.Extra)
	}
	return append(b, w.Image...)
}

// ReadRow decodes a row.
func (t *Tx) ReadRow(key, version int64, body []byte) (Row, error) {
	r := t.Owned(body)
	w := Row{Key: key, Version: version, Flags: r.Uvarint(), Typ: uint32(r.Uvarint()), ID: r.ID(),
		Born: int64(r.Uvarint()), Moved: int64(r.Uvarint()), Anchor: r.Text()}
	if w.Flags&RowNamed != 0 {
		w.Parent, w.RDN = int64(r.Uvarint()), r.Text()
	}
	if w.Flags&RowMissing != 0 {
		w.Missing = r.Instant()
	}
	if w.Flags&RowCut != 0 {
		w.Cut = r.ID()
	}
	if w.Flags&RowExtra != 0 {
		w.Extra = r.Text()
	}
	w.Image = r.s
	return w, r.Err()
}

// Bag decodes the row's image.
func (t *Tx) Bag(image string) (object.Attrs, error) { return t.BagFor(image, 0) }

// BagFor decodes the row's image into a bag with room for more attributes.
func (t *Tx) BagFor(image string, more int) (object.Attrs, error) {
	r := &Reader{t: t, s: image}
	a := r.bag(more)
	return a, r.Err()
}

// RowsOf reads the rows with the keys, as they are released, in any order.
// Keys that are not there, or not yet released, are left out.
func (t *Tx) RowsOf(keys []int64) (map[int64]*Row, error) {
	conns, err := t.Connectors()
	if err != nil {
		return nil, err
	}
	out := make(map[int64]*Row, len(keys))
	for len(keys) > 0 {
		some := keys[:min(len(keys), 1000)]
		keys = keys[len(some):]
		if err := t.rowsOfSome(some, conns, out); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Raw is a row as the table holds it.
type Raw struct {
	Key, Version int64
	Body         []byte
}

func (t *Tx) rowsOfSome(keys []int64, conns map[uint32]*Connector, out map[int64]*Row) error {
	raw, err := t.Get(Entries, keys)
	if err != nil {
		return err
	}
	overlay := false
	rows := make([]Row, len(raw))
	for i, x := range raw {
		w := &rows[i]
		if *w, err = t.ReadRow(x.Key, x.Version, x.Body); err != nil {
			return err
		}
		c := conns[ConnOf(x.Key)]
		if c == nil || w.Born > c.Released {
			continue
		}
		overlay = overlay || c.Folded < c.Released
		out[x.Key] = w
	}
	if !overlay {
		return nil
	}
	raw, err = t.RawRows(keys, "SELECT s.key, s.import_no, s.body FROM @feed JOIN staged s ON s.key = feed.c0 WHERE s.op <> 0")
	if err != nil {
		return err
	}
	for _, x := range raw {
		c := conns[ConnOf(x.Key)]
		if c == nil || x.Version > c.Released {
			continue
		}
		ch, err := t.ReadStaged(x.Key, x.Body)
		if err != nil {
			return err
		}
		if old := out[x.Key]; old != nil {
			w := ch.Over(old)
			out[x.Key] = &w
		}
	}
	return nil
}

// RawRows reads rows with the keys; q joins them as c0 of @feed.
func (t *Tx) RawRows(keys []int64, q string, args ...any) ([]Raw, error) {
	b := db.NewBatch("i")
	for _, k := range keys {
		b.Int(k)
	}
	var out []Raw
	var x Raw
	err := t.DB.EachOf(b, []any{&x.Key, &x.Version, &x.Body}, func() error {
		out = append(out, x) // each row is scanned into memory of its own
		return nil
	}, q, args...)
	return out, err
}

// Connector is what the store knows of a connector.
type Connector struct {
	Sym       uint32
	NextKey   int64 // for entries that imports create
	NextMade  int64 // for entries that plans create
	Released  int64 // entries and changes of imports up to this one count
	Folded    int64 // changes up to this import are in the rows
	DecideAll bool
	Mark      string
}

// Connectors reads all connectors, by symbol.
func (t *Tx) Connectors() (map[uint32]*Connector, error) {
	if t.conns != nil {
		return t.conns, nil
	}
	out := map[uint32]*Connector{}
	var sym, next, made, released, folded, all int64
	var mark []byte
	err := t.DB.Each([]any{&sym, &next, &made, &released, &folded, &all, &mark}, func() error {
		out[uint32(sym)] = &Connector{Sym: uint32(sym), NextKey: next, NextMade: made, Released: released, Folded: folded, DecideAll: all != 0, Mark: string(mark)}
		return nil
	}, "SELECT sym, next_key, next_made, released, folded, decide_all, mark FROM connector")
	if err != nil {
		return nil, err
	}
	t.conns, t.storedConns = out, map[uint32]Connector{}
	for sym, c := range out {
		t.storedConns[sym] = *c
	}
	return out, nil
}

// Connector returns one connector, making its row if there is none and the
// transaction writes; nil if there is none. What is changed in it is written with
// the transaction.
func (t *Tx) Connector(name string) (*Connector, error) {
	conns, err := t.Connectors()
	if err != nil {
		return nil, err
	}
	sym, err := t.Known(name)
	if err != nil {
		return nil, err
	}
	if c := conns[sym]; c != nil && sym != 0 {
		return c, nil
	}
	if !t.DB.Writes() {
		return nil, nil
	}
	if sym, err = t.Sym(name); err != nil {
		return nil, err
	}
	c := &Connector{Sym: sym, NextKey: int64(sym)<<KeyBits + 1, NextMade: int64(sym)<<KeyBits + Planned + 1, DecideAll: true}
	conns[sym], t.storedConns[sym] = c, *c
	_, err = t.DB.Exec("INSERT INTO connector (sym, next_key, next_made, released, folded, decide_all, mark) VALUES (?, ?, ?, 0, 0, 1, ?)",
		int64(sym), c.NextKey, c.NextMade, []byte{})
	return c, err
}

// Planned reports that plans created accounts in the connector before.
func (t *Tx) Planned(connector string) (bool, error) {
	sym, err := t.Known(connector)
	if err != nil || sym == 0 {
		return false, err
	}
	conns, err := t.Connectors()
	c := conns[sym]
	return c != nil && c.NextMade != int64(sym)<<KeyBits+Planned+1, err
}

// writeConnectors writes the rows of connectors that changed.
func (t *Tx) writeConnectors() error {
	for sym, c := range t.conns {
		if *c == t.storedConns[sym] {
			continue
		}
		all := int64(0)
		if c.DecideAll {
			all = 1
		}
		_, err := t.DB.Exec("UPDATE connector SET next_key = ?, next_made = ?, released = ?, folded = ?, decide_all = ?, mark = ? WHERE sym = ?",
			c.NextKey, c.NextMade, c.Released, c.Folded, all, []byte(c.Mark), int64(c.Sym))
		if err != nil {
			return err
		}
	}
	return nil
}
