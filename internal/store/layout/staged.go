package layout

import (
	"encoding/binary"
	"time"
)

// What a staged change does. The numbers are stored.
const (
	OpHash    = 0 // only the hash of the record moved
	OpChange  = 1
	OpMissing = 2
	OpRetype  = 3 // a change: the old object went, and another of the same anchor came
	OpRename  = 4 // a change, of the DN too
	OpForget  = 5 // a placeholder turned out to be somebody who was known
	OpNest    = 6 // its container came to be known; its name is as it was
)

// Staged is a change of an entry that an import has found and that is not yet
// in the entry's row.
type Staged struct {
	Op    int64
	Row   Row    // as it shall be
	Hash  uint64 // of the record; 0 not shown, 1 not known
	Adds  []Edge
	Drops []Edge
}

// Whole reports that the change brings a whole row.
func (c *Staged) Whole() bool { return c.Op == OpChange || c.Op == OpRetype || c.Op == OpRename }

// Arrival is when an attribute's value arrived.
type Arrival struct {
	Attr uint32
	At   time.Time
}

// AppendExtra encodes arrivals and the encoded bag of initial values.
func AppendExtra(b []byte, arrived []Arrival, initial string) []byte {
	b = binary.AppendUvarint(b, uint64(len(arrived)))
	for _, a := range arrived {
		b = AppendInstant(binary.AppendUvarint(b, uint64(a.Attr)), a.At)
	}
	return append(b, initial...)
}

// ReadExtra decodes what AppendExtra encoded.
func (t *Tx) ReadExtra(s string) (arrived []Arrival, initial string, err error) {
	if s == "" {
		return nil, "", nil
	}
	r := &Reader{t: t, s: s}
	for range r.Count() {
		arrived = append(arrived, Arrival{Attr: uint32(r.Uvarint()), At: r.Instant()})
	}
	return arrived, r.s, r.Err()
}

// Append encodes a change for the staged table.
func (c *Staged) Append(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(c.Op))
	b = binary.AppendUvarint(b, c.Hash)
	switch c.Op {
	case OpMissing:
		b = AppendInstant(b, c.Row.Missing)
	case OpNest:
		b = AppendText(binary.AppendUvarint(b, uint64(c.Row.Parent)), c.Row.RDN)
	case OpChange, OpRetype, OpRename:
		b = appendEdges(appendEdges(b, c.Adds), c.Drops)
		b = c.Row.Append(b)
	}
	return b
}

// ReadStaged decodes a change of the staged table.
func (t *Tx) ReadStaged(key int64, body []byte) (*Staged, error) {
	r := t.Reader(body)
	c := &Staged{Op: int64(r.Uvarint()), Hash: r.Uvarint()}
	switch c.Op {
	case OpMissing:
		c.Row.Missing = r.Instant()
	case OpNest:
		c.Row.Parent, c.Row.RDN = int64(r.Uvarint()), r.Text()
	case OpChange, OpRetype, OpRename:
		c.Adds, c.Drops = r.edges(key), r.edges(key)
		w, err := t.ReadRow(key, 0, []byte(r.s))
		if err != nil {
			return nil, err
		}
		c.Row = w
	}
	return c, r.Err()
}

// Over returns the row after the change.
func (c *Staged) Over(old *Row) Row {
	switch c.Op {
	case OpMissing:
		w := *old
		w.Flags |= RowMissing
		w.Missing, w.Version = c.Row.Missing, old.Version+1
		return w
	case OpNest:
		w := *old
		w.Parent, w.RDN, w.Version = c.Row.Parent, c.Row.RDN, old.Version+1
		return w
	case OpChange, OpRetype, OpRename:
		w := c.Row
		w.ID, w.Version = old.ID, old.Version+1
		w.Flags = w.Flags&^rowKept | old.Flags&rowKept
		if c.Op == OpRetype {
			w.Flags |= RowRetyped
		}
		return w
	}
	return *old
}
