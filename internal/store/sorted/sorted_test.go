package sorted

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sort"
	"testing"

	"muster/internal/store/db"
)

const tables = `CREATE TABLE chunk (kind BIGINT NOT NULL, run BIGINT NOT NULL, lo BLOB NOT NULL, body BLOB NOT NULL)`

func open(t testing.TB) *db.DB {
	d, err := db.Open(context.Background(), "sqlite:"+filepath.Join(t.TempDir(), "s.db"), db.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	write(t, d, func(tx *db.Tx) error {
		_, err := tx.Exec(tables)
		_, err2 := tx.Exec("CREATE UNIQUE INDEX chunk_lo ON chunk (kind, run, lo)")
		_, err3 := tx.Exec("CREATE TABLE chunk_run (kind BIGINT NOT NULL, run BIGINT NOT NULL, level BIGINT NOT NULL, recs BIGINT NOT NULL)")
		return errors.Join(err, err2, err3)
	})
	return d
}

func write(t testing.TB, d *db.DB, fn func(tx *db.Tx) error) {
	t.Helper()
	if err := d.Write(context.Background(), db.Bulk, fn); err != nil {
		t.Fatal(err)
	}
}

// TestAgainstAPlainSet does random changes to a set and to a map, and compares
// what both hold.
func TestAgainstAPlainSet(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { history(t, seed) })
	}
}

func history(t *testing.T, seed uint64) {
	rnd := rand.New(rand.NewPCG(seed, 1))
	d := open(t)
	want := map[string]bool{}
	space := uint64(20000)
	rec := func() []byte {
		k := rnd.Uint64N(space)
		switch seed % 3 {
		case 0:
			return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, k/50), k)
		case 1:
			return []byte(fmt.Sprintf("%x", k*7919))
		default: // a key and a value, as the row hashes
			return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, k/3), rnd.Uint64N(3)*k)
		}
	}
	for step := range 30 {
		n := []int{1, 20, 600, 9000}[rnd.IntN(4)]
		write(t, d, func(tx *db.Tx) error {
			s := New(tx)
			if step == 20 {
				if err := s.Compact(5); err != nil {
					return err
				}
			}
			drops := rnd.IntN(3)
			for i := range n {
				if i == n/2 && rnd.IntN(2) == 0 { // with changes that wait
					checkFind(t, s, want, rnd, rec)
				}
				r := rec()
				if rnd.IntN(3) < drops {
					s.Drop(5, r)
					delete(want, string(r))
				} else {
					s.Add(5, r)
					want[string(r)] = true
				}
			}
			if rnd.IntN(2) == 0 {
				checkFind(t, s, want, rnd, rec)
			}
			return s.Flush()
		})
		check(t, d, want, rnd, rec)
	}
}

func check(t *testing.T, d *db.DB, want map[string]bool, rnd *rand.Rand, rec func() []byte) {
	t.Helper()
	var all []string
	for r := range want {
		all = append(all, r)
	}
	sort.Strings(all)
	err := d.Read(context.Background(), func(tx *db.Tx) error {
		s := New(tx)
		var got []string
		if err := s.Scan(5, nil, nil, func(r []byte) bool { got = append(got, string(r)); return true }); err != nil {
			return err
		}
		if !slices.Equal(got, all) {
			t.Fatalf("the set holds %d records, want %d", len(got), len(all))
		}
		from, to := rec(), rec()
		got = nil
		if err := s.Scan(5, from, to, func(r []byte) bool { got = append(got, string(r)); return true }); err != nil {
			return err
		}
		var part []string
		for _, r := range all {
			if r >= string(from) && r < string(to) {
				part = append(part, r)
			}
		}
		if !slices.Equal(got, part) {
			t.Fatalf("from %x to %x: %d records, want %d", from, to, len(got), len(part))
		}
		checkFind(t, s, want, rnd, rec)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// checkFind looks up prefixes of up to eight bytes.
func checkFind(t *testing.T, s *Sets, want map[string]bool, rnd *rand.Rand, rec func() []byte) {
	t.Helper()
	var prefixes [][]byte
	for range 1 + rnd.IntN(50) {
		p := rec()
		prefixes = append(prefixes, p[:min(len(p), 8)])
	}
	prefixes = slices.DeleteFunc(prefixes, func(p []byte) bool {
		return slices.ContainsFunc(prefixes, func(q []byte) bool { return len(q) < len(p) && bytes.HasPrefix(p, q) })
	})
	found := make([][]string, len(prefixes))
	if err := s.Find(5, prefixes, func(i int, r []byte) { found[i] = append(found[i], string(r)) }); err != nil {
		t.Fatal(err)
	}
	for i, p := range prefixes {
		var part []string
		for r := range want {
			if bytes.HasPrefix([]byte(r), p) {
				part = append(part, r)
			}
		}
		slices.Sort(part)
		slices.Sort(found[i])
		if got := slices.Compact(found[i]); !slices.Equal(got, part) {
			t.Fatalf("prefix %x: %d records, want %d", p, len(got), len(part))
		}
	}
}

// TestOneChangeWritesOneChunk holds the promise that large groups rest on.
func TestOneChangeWritesOneChunk(t *testing.T) {
	d := open(t)
	write(t, d, func(tx *db.Tx) error {
		s := New(tx)
		for i := range 100000 {
			s.Add(1, binary.BigEndian.AppendUint64(nil, uint64(2*i)))
		}
		return s.Flush()
	})
	write(t, d, func(tx *db.Tx) error {
		before := written(t, tx)
		s := New(tx)
		s.Add(1, binary.BigEndian.AppendUint64(nil, 77777))
		if err := s.Flush(); err != nil {
			return err
		}
		if n := written(t, tx) - before; n > 4 {
			t.Errorf("one record wrote %d rows, want at most 4", n)
		}
		return nil
	})
}

// TestFewAreFoldedIntoMany compacts a large run and a small one: only the chunks
// into which the small one falls are written.
func TestFewAreFoldedIntoMany(t *testing.T) {
	d := open(t)
	load := func(first, step, n int) {
		write(t, d, func(tx *db.Tx) error {
			s := New(tx)
			for i := range n {
				s.Add(1, binary.BigEndian.AppendUint64(nil, uint64(first+step*i)))
			}
			return s.Flush()
		})
	}
	load(0, 2, 200_000)
	load(100_001, 2, 5000) // between those, side by side
	write(t, d, func(tx *db.Tx) error {
		s := New(tx)
		if kinds, err := s.Kinds(); err != nil || len(kinds) != 1 {
			t.Fatalf("%v sets have several runs, want one: %v", kinds, err)
		}
		before := written(t, tx)
		if err := s.Compact(1); err != nil {
			return err
		}
		if n := written(t, tx) - before; n > 80 {
			t.Errorf("5000 records among 200,000 wrote %d rows, want at most 80", n)
		}
		if kinds, err := s.Kinds(); err != nil || len(kinds) > 0 {
			t.Errorf("%v sets have several runs yet: %v", kinds, err)
		}
		n, last := 0, []byte(nil)
		err := s.Scan(1, nil, nil, func(rec []byte) bool {
			if bytes.Compare(last, rec) >= 0 {
				t.Fatalf("%x comes after %x", rec, last)
			}
			n, last = n+1, bytes.Clone(rec)
			return true
		})
		if n != 205_000 {
			t.Errorf("%d records, want 205,000", n)
		}
		return err
	})
}

func written(t *testing.T, tx *db.Tx) (n int64) {
	t.Helper()
	if _, err := tx.One([]any{&n}, "SELECT total_changes()"); err != nil {
		t.Fatal(err)
	}
	return n
}

// FuzzChunk unpacks chunks that may be damaged; what can be unpacked is packed
// and unpacked to the same records.
func FuzzChunk(f *testing.F) {
	var p packer
	for _, rec := range []string{"ab", "abc", "abd", "b"} {
		p.add([]byte(rec))
	}
	f.Add(p.body)
	f.Add([]byte{0, 1, 'x', 2, 0})
	f.Fuzz(func(t *testing.T, body []byte) {
		var one, two Recs
		if len(body) > 1<<12 || !unpack(&one, body) {
			return
		}
		var again packer
		for i := range one.Len() {
			again.add(one.At(i))
		}
		if !unpack(&two, again.body) || two.Len() != one.Len() {
			t.Fatalf("%x has %d records, packed again %d", body, one.Len(), two.Len())
		}
		for i := range one.Len() {
			if !bytes.Equal(one.At(i), two.At(i)) {
				t.Fatalf("record %d of %x is %x, packed again %x", i, body, one.At(i), two.At(i))
			}
		}
	})
}
