package csv

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"slices"
)

// edges are the rows of a members file, by owner. Owners are numbered; a row is
// kept as its line, its value and, for the first of an owner, the owner's text.
// What goes beyond a limit is written to temporary files, sorted by owner, so
// that memory is the limit plus some 60 bytes an owner, whatever the number of
// rows.
type edges struct {
	limit  int
	owners *digests
	arena  []byte   // encoded rows
	keys   []uint64 // owner<<32 | offset in arena
	runs   []*os.File

	// When rows were spilled: one file with all rows by owner, and where each
	// owner's begin.
	merged  *os.File
	offsets []int64

	claimed []bool // by owner: its object was told
}

// edge is one row of a members file.
type edge struct {
	line         int
	owner, value []byte // owner only in the first of an owner
}

func newEdges(limit int) *edges { return &edges{limit: limit, owners: newDigests()} }

// add keeps a row.
func (e *edges) add(line int, owner, value []byte) error {
	n, first := e.owners.number(e.owners.ofBytes(owner))
	if len(e.arena)+8*len(e.keys) > e.limit {
		if err := e.spill(); err != nil {
			return err
		}
	}
	e.keys = append(e.keys, uint64(n)<<32|uint64(len(e.arena)))
	if !first {
		owner = nil
	}
	e.arena = appendEdge(e.arena, edge{line, owner, value})
	return nil
}

func appendEdge(b []byte, x edge) []byte {
	b = binary.AppendUvarint(b, uint64(x.line))
	for _, text := range [][]byte{x.owner, x.value} {
		b = binary.AppendUvarint(b, uint64(len(text)))
		b = append(b, text...)
	}
	return b
}

// readEdge reads what appendEdge wrote and returns the rest.
func readEdge(b []byte) (edge, []byte) {
	line, n := binary.Uvarint(b)
	x, b := edge{line: int(line)}, b[n:]
	for _, text := range []*[]byte{&x.owner, &x.value} {
		size, n := binary.Uvarint(b)
		*text, b = b[n:n+int(size)], b[n+int(size):]
	}
	return x, b
}

// temporary makes a file that is gone with the process, or at the latest when
// close is called.
func temporary() (*os.File, error) {
	f, err := os.CreateTemp("", "muster-csv-")
	if err == nil {
		_ = os.Remove(f.Name()) // Windows refuses while the file is open; drop does it then
	}
	return f, err
}

func drop(f *os.File) {
	if f != nil {
		f.Close()
		_ = os.Remove(f.Name())
	}
}

// spill writes the rows in memory to a run: owner, size, row.
func (e *edges) spill() error {
	f, err := temporary()
	if err != nil {
		return err
	}
	e.runs = append(e.runs, f)
	slices.Sort(e.keys)
	w := bufio.NewWriterSize(f, 256<<10)
	var head []byte
	for _, k := range e.keys {
		at := e.arena[uint32(k):]
		_, rest := readEdge(at)
		row := at[:len(at)-len(rest)]
		head = binary.AppendUvarint(head[:0], k>>32)
		head = binary.AppendUvarint(head, uint64(len(row)))
		if _, err := w.Write(append(head, row...)); err != nil {
			return err
		}
	}
	e.arena, e.keys = e.arena[:0], e.keys[:0]
	if err := w.Flush(); err != nil {
		return err
	}
	_, err = f.Seek(0, io.SeekStart)
	return err
}

// seal ends adding.
func (e *edges) seal() error {
	e.claimed = make([]bool, e.owners.count)
	if len(e.runs) == 0 {
		slices.Sort(e.keys)
		return nil
	}
	if err := e.spill(); err != nil {
		return err
	}
	e.arena, e.keys = nil, nil
	return e.merge()
}

// run is a spilled run that is being merged.
type run struct {
	*bufio.Reader
	owner uint64
	err   error
}

func (r *run) advance() { r.owner, r.err = binary.ReadUvarint(r) }

// merge joins the runs. Owners are numbers without gaps, so no heap is needed:
// each owner's rows are asked of every run in turn, which also keeps them in
// the order of the file.
func (e *edges) merge() (err error) {
	if e.merged, err = temporary(); err != nil {
		return err
	}
	runs := make([]*run, len(e.runs))
	for i, f := range e.runs {
		runs[i] = &run{Reader: bufio.NewReaderSize(f, 64<<10)}
		runs[i].advance()
	}
	w := bufio.NewWriterSize(e.merged, 256<<10)
	e.offsets = make([]int64, 1, e.owners.count+1)
	var at int64
	for owner := range uint64(e.owners.count) {
		for _, r := range runs {
			for r.err == nil && r.owner == owner {
				size, err := binary.ReadUvarint(r)
				if err != nil {
					return err
				}
				if _, err := io.CopyN(w, r, int64(size)); err != nil {
					return err
				}
				at += int64(size)
				r.advance()
			}
			if r.err != nil && !errors.Is(r.err, io.EOF) {
				return r.err
			}
		}
		e.offsets = append(e.offsets, at)
	}
	for _, f := range e.runs {
		drop(f)
	}
	e.runs = nil
	return w.Flush()
}

// of calls f for each row of the numbered owner.
func (e *edges) of(owner uint32, f func(edge)) error {
	if e.merged != nil {
		block := make([]byte, e.offsets[owner+1]-e.offsets[owner])
		if _, err := e.merged.ReadAt(block, e.offsets[owner]); err != nil {
			return err
		}
		for len(block) > 0 {
			var x edge
			x, block = readEdge(block)
			f(x)
		}
		return nil
	}
	i, _ := slices.BinarySearch(e.keys, uint64(owner)<<32)
	for ; i < len(e.keys) && uint32(e.keys[i]>>32) == owner; i++ {
		x, _ := readEdge(e.arena[uint32(e.keys[i]):])
		f(x)
	}
	return nil
}

// claim calls f for each row of the owner, and remembers that the owner is
// there.
func (e *edges) claim(owner string, f func(edge)) error {
	n, ok := e.owners.find(e.owners.of(owner))
	if !ok {
		return nil
	}
	e.claimed[n] = true
	return e.of(n, f)
}

// orphans calls f with the first row of each owner that nobody claimed.
func (e *edges) orphans(f func(edge) error) error {
	for n, claimed := range e.claimed {
		if claimed {
			continue
		}
		var first *edge
		if err := e.of(uint32(n), func(x edge) {
			if first == nil {
				first = &x
			}
		}); err != nil {
			return err
		}
		if err := f(*first); err != nil {
			return err
		}
	}
	return nil
}

func (e *edges) close() {
	for _, f := range append(e.runs, e.merged) {
		drop(f)
	}
	e.runs, e.merged = nil, nil
}
