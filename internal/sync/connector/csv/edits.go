package csv

import (
	"encoding/binary"

	"muster/internal/base/object"
	"muster/internal/sync/connector"
)

// edits are changes of a members file. Of each changed row, the last word is
// kept by a digest of owner and value, and new rows go to a temporary file: a
// session needs some 50 bytes of memory a changed row.
type edits struct {
	*base
	m            *Members
	column       *Column
	owner, value int // fields

	pairs   *digests
	ops     []editOp          // by number of the pair
	cleared map[digest]uint32 // owner to when all its rows were taken away
	fresh   spool
	seq     uint32
}

// editOp is the last word about an owner and a value.
type editOp struct {
	seq     uint32 // when it was said
	add     bool
	written bool
}

func openEdits(m *Members, create bool) (*edits, error) {
	e := &edits{m: m, pairs: newDigests(), cleared: map[digest]uint32{}, value: 1}
	e.column = &Column{Name: m.Value, Kind: m.Kind}
	e.column.complete()
	var planned *shape
	if create {
		planned = &shape{names: []string{m.Owner, m.Value}}
	}
	var err error
	e.base, err = openBase(m.Path, m.Format, planned, func(s *source) (*shape, error) {
		sh, owner, value, err := m.shape(s)
		e.owner, e.value = owner, value
		return sh, err
	})
	return e, err
}

func (e *edits) close() {
	e.base.close()
	drop(e.fresh.file)
}

// check reports whether the mod can be written.
func (e *edits) check(m connector.Mod) error {
	for _, v := range m.Values {
		if _, err := e.column.field(object.Values{v}, &e.format); err != nil {
			return err
		}
		row := []byte(e.column.format(v))
		if _, err := encodings[e.format.Encoding].encode(row); err != nil {
			return refusal(connector.CodePageConversion, "a value has characters that %s does not know", e.format.Encoding)
		}
	}
	return nil
}

// apply takes a mod that was checked.
func (e *edits) apply(owner string, m connector.Mod) error {
	if m.Op == connector.Replace {
		e.clear(owner)
	}
	for _, v := range m.Values {
		e.seq++
		value := e.column.format(v)
		n, added := e.pairs.number(e.pair(owner, value))
		if added {
			e.ops = append(e.ops, editOp{})
		}
		e.ops[n] = editOp{seq: e.seq, add: m.Op != connector.DropValues}
		if m.Op == connector.DropValues {
			continue
		}
		piece := binary.AppendUvarint(nil, uint64(e.seq))
		piece = appendEdge(piece, edge{owner: []byte(owner), value: []byte(value)})
		if _, err := e.fresh.append(piece); err != nil {
			return err
		}
	}
	return nil
}

// clear takes away all rows of an owner.
func (e *edits) clear(owner string) {
	e.seq++
	e.cleared[e.pairs.of(owner)] = e.seq
}

// pair is the digest of an owner and a value; 0xff is in no text.
func (e *edits) pair(owner, value string) digest { return e.pairs.of(owner + "\xff" + value) }

// standing returns the last word about a pair, nil if none was said since the
// owner's rows were taken away; then taken tells whether they were.
func (e *edits) standing(owner, value string) (op *editOp, taken bool) {
	cleared := e.cleared[e.pairs.of(owner)]
	if n, ok := e.pairs.find(e.pair(owner, value)); ok && e.ops[n].seq > cleared {
		return &e.ops[n], true
	}
	return nil, cleared > 0
}

// write writes the new file; nil if nothing changed.
func (e *edits) write() (*replacement, error) {
	if e.seq == 0 && e.info != nil {
		return nil, nil
	}
	for i := range e.ops {
		e.ops[i].written = false
	}
	return e.rewrite(func(r *rows) (bool, []byte, error) {
		owner := string(trimBytes(r.field(e.owner), true))
		value := string(trimBytes(r.field(e.value), e.m.Trim || e.m.Kind == object.Ref))
		op, taken := e.standing(owner, value)
		if op == nil {
			return !taken, nil, nil
		}
		keep := op.add && !op.written
		op.written = true
		return keep, nil, nil
	}, e.writeFresh)
}

func (e *edits) writeFresh(out *replacement) error {
	fields := make([]string, len(e.shape.names))
	var row []byte
	return e.fresh.each(func(_ int64, piece []byte) error {
		seq, n := binary.Uvarint(piece)
		x, _ := readEdge(piece[n:])
		owner, value := string(x.owner), string(x.value)
		op, _ := e.standing(owner, value)
		if op == nil || !op.add || op.written || op.seq != uint32(seq) {
			return nil
		}
		op.written = true
		fields[e.owner], fields[e.value] = owner, value
		row = appendRow(row[:0], fields, e.format.Delimiter, e.newline)
		return out.row(row, e.newline)
	})
}
