package store

import (
	"bytes"
	"encoding/binary"
	"path/filepath"
	"testing"
	"time"

	"github.com/klauspost/compress/s2"

	"muster/internal/base/object"
	"muster/internal/store/layout"
	"muster/internal/store/units"
	"muster/internal/sync/engine"
	"muster/internal/sync/space"
)

// FuzzStoredRows reads rows of every kind that may have been damaged: reading
// ends in an error or in something that, written and read again, is the same.
func FuzzStoredRows(f *testing.F) {
	s, err := Open(f.Context(), "sqlite:"+filepath.Join(f.TempDir(), "m.db"), Options{})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { s.Close() })
	at := time.Date(2027, 3, 1, 8, 0, 0, 0, time.UTC)
	hold := &engine.Hold{Refused: object.Values{object.Str("a"), object.Integer(-3)}, Standing: true, Instead: object.Values{object.Instant(at)}, Why: "reject", By: "anna", At: at, Plan: 7}
	f.Add(appendHold(nil, hold))
	f.Add(appendPending(nil, []space.Pending{{Name: "cn", Want: object.Values{object.Str("Ada")}, Found: object.Values{object.Boolean(true)}, State: space.Contested, Tries: 2, Fault: "x", First: at, SentNo: 3}}))
	row := layout.Row{Flags: layout.RowSeen | layout.RowNamed | layout.RowMissing | layout.RowCut | layout.RowExtra, Typ: 3, Born: 1, Moved: 2, Anchor: "1", Parent: 4, RDN: "cn=Ada", Missing: at,
		Extra: string(layout.AppendExtra(nil, []layout.Arrival{{Attr: 2, At: at}}, "")), Image: string(layout.AppendSet([]byte{1, 1}, hold.Refused))}
	f.Add(row.Append(nil))
	f.Add((&layout.Staged{Op: layout.OpChange, Hash: 9, Row: row, Adds: []layout.Edge{{From: 1, Attr: 2, To: 3}}}).Append(nil))
	f.Add(s2.Encode(nil, []byte("a chunk of a plan")))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f})
	f.Fuzz(func(t *testing.T, body []byte) {
		// A read that broke off is an error of the database, not of the row.
		if err := s.Read(t.Context(), func(tx *Tx) error { readAll(t, tx, body); return nil }); err != nil {
			t.Fatal(err)
		}
	})
}

func readAll(t *testing.T, tx *Tx, body []byte) {
	same(t, "row", body, func(b []byte) ([]byte, error) {
		w, err := tx.rows.ReadRow(1, 1, b)
		if err != nil {
			return nil, err
		}
		tx.rows.Bag(w.Image)       //nolint:errcheck // damaged or not, it comes back
		tx.rows.ReadExtra(w.Extra) //nolint:errcheck // damaged or not, it comes back
		return w.Append(nil), nil
	})
	same(t, "staged row", body, func(b []byte) ([]byte, error) {
		c, err := tx.rows.ReadStaged(1, b)
		if err != nil {
			return nil, err
		}
		return c.Append(nil), nil
	})
	same(t, "hold", body, func(b []byte) ([]byte, error) {
		r := tx.rows.Reader(b)
		h := readHold(r, 1, object.ID{})
		return appendHold(nil, h), r.Err()
	})
	same(t, "changes on their way", body, func(b []byte) ([]byte, error) {
		r := tx.rows.Reader(b)
		list := readPending(r)
		return appendPending(nil, list), r.Err()
	})
	tx.readObject(layout.Raw{Key: 1, Version: 1, Body: body}) //nolint:errcheck // damaged or not, it comes back
	chunk := func(block []byte) {
		if n, err := s2.DecodedLen(block); err != nil || n > 1<<20 {
			return
		}
		if p, err := units.Open(1, 1, make([]byte, 32), append(binary.AppendUvarint(nil, uint64(len(block))), block...)); err == nil {
			p.Chunk() //nolint:errcheck // damaged or not, it comes back
		}
	}
	chunk(body)
	chunk(s2.Encode(nil, body))
	units.Open(1, 1, body[:min(len(body), 32)], body) //nolint:errcheck // damaged or not, it comes back
	tx.bare(&todo{key: 1, body: append([]byte{0, 1}, body...)})
	tx.changes(&todo{key: 1, body: append([]byte{0, 1}, body...)}) //nolint:errcheck // damaged or not, it comes back
}

// same reads and writes until nothing changes any more, which is at once.
func same(t *testing.T, what string, body []byte, again func([]byte) ([]byte, error)) {
	t.Helper()
	one, err := again(body)
	if err != nil {
		return
	}
	two, err := again(one)
	if err != nil || !bytes.Equal(one, two) {
		t.Fatalf("%s %x was read, written as %x, and then as %x, %v", what, body, one, two, err)
	}
}
