package store

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/cespare/xxhash/v2"

	"muster/internal/base/object"
	"muster/internal/store/staging"
)

var benchColumns = []string{"city", "company", "costCenter", "country", "department", "displayName", "employeeID", "employeeType",
	"givenName", "hireDate", "mail", "manager", "mobile", "surname", "title"}

// benchFile writes n people into a CSV file; every odd-th is changed.
func benchFile(t testing.TB, n, odd int) string {
	path := filepath.Join(os.TempDir(), fmt.Sprintf("muster-bench-%d-%d.csv", n, odd))
	if _, err := os.Stat(path); err == nil {
		return path
	}
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriterSize(f, 1<<20)
	x := uint64(88172645463325252)
	rnd := func(m int) int {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		return int(x % uint64(m))
	}
	for i := range n {
		first, last := "Given"+strconv.Itoa(rnd(5000)), "Surname"+strconv.Itoa(rnd(40000))
		title := "Title number " + strconv.Itoa(rnd(300))
		if odd > 0 && i%odd == 0 {
			title = "Changed title " + strconv.Itoa(i)
		}
		_, err := fmt.Fprintf(w, "City of %d,Company %d GmbH,CC%05d,DE,Department of things %d,%s %s,%08d,employee,%s,20%02d-%02d-%02d,%s.%s.%d@example.com,%08d,+49 170 %07d,%s,%s\n",
			rnd(2000), rnd(20), rnd(99999), rnd(800), first, last, i, first, rnd(25), 1+rnd(12), 1+rnd(28), first, last, i, i/10, rnd(9999999), last, title)
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Flush(), f.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

func eachRow(t testing.TB, path string, fn func(row []string)) {
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := csv.NewReader(bufio.NewReaderSize(f, 1<<20))
	r.ReuseRecord = true
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		fn(row)
	}
}

// floor parses the file and inserts each row as one blob.
func floor(t testing.TB, path, to string) time.Duration {
	begin := time.Now()
	db, err := sql.Open("sqlite", "file:"+to)
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range []string{"page_size = 16384", "journal_mode = WAL", "synchronous = FULL", "cache_size = -16384", "wal_autocheckpoint = 16000"} {
		_, err = db.Exec("PRAGMA " + p)
		must(err)
	}
	_, err = db.Exec("CREATE TABLE r (key INTEGER PRIMARY KEY, body BLOB NOT NULL)")
	must(err)
	var tx *sql.Tx
	var st *sql.Stmt
	n := 0
	var buf []byte
	eachRow(t, path, func(row []string) {
		if n%10000 == 0 {
			if tx != nil {
				must(tx.Commit())
			}
			tx, err = db.Begin()
			must(err)
			st, err = tx.Prepare( //nolint:sqlclosecheck // it ends with its transaction
				"INSERT INTO r (key, body) VALUES (?, ?)")
			must(err)
		}
		n++
		buf = buf[:0]
		for _, s := range row {
			buf = append(append(buf, s...), 0)
		}
		_, err = st.Exec(n, buf)
		must(err)
	})
	must(tx.Commit())
	_, err = db.Exec("PRAGMA wal_checkpoint(TRUNCATE)")
	must(err)
	must(db.Close())
	return time.Since(begin)
}

// parseHash parses the file and hashes each row: the floor of an unchanged
// import. records also makes the records that a connector would hand over.
func parseHash(t testing.TB, path string, records bool) time.Duration {
	begin := time.Now()
	sum := uint64(0)
	var buf []byte
	eachRow(t, path, func(row []string) {
		if records {
			rec := benchRecord(row)
			sum += uint64(len(rec.Attrs))
		}
		buf = buf[:0]
		for _, s := range row {
			buf = append(append(buf, s...), 0)
		}
		sum += xxhash.Sum64(buf)
	})
	runtime.KeepAlive(sum)
	return time.Since(begin)
}

// benchRecord makes the record, as the csv connector would.
func benchRecord(row []string) object.Record {
	n := 0
	for _, s := range row {
		n += len(s)
	}
	text := make([]byte, 0, n)
	for _, s := range row {
		text = append(text, s...)
	}
	all := string(text)
	vals := make([]object.Value, len(row))
	attrs := make(object.Attrs, len(row))
	at := 0
	for i, s := range row {
		v := all[at : at+len(s)]
		at += len(s)
		vals[i] = object.Str(v)
		if i == 11 {
			vals[i] = object.Reference(v)
		}
		attrs[i] = object.Attr{Name: benchColumns[i], Values: vals[i : i+1 : i+1]}
	}
	return object.Record{Type: "person", Anchor: attrs[6].Values[0].Text(), Attrs: attrs}
}

var benchSchema = func() object.Schema {
	var s object.Schema
	ty := object.Type{Name: "person"}
	for _, c := range benchColumns {
		k := object.String
		if c == "manager" {
			k = object.Ref
		}
		ty.Attributes = append(ty.Attributes, object.Attribute{Name: c, Kind: k})
	}
	s.Types = []object.Type{ty}
	return s
}()

func benchImport(t testing.TB, s *Store, path string) (time.Duration, staging.Stats) {
	ctx := context.Background()
	begin := time.Now()
	m, err := s.BeginImport(ctx, "hr", staging.Options{Full: true, Schema: benchSchema, At: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	load := time.Since(begin)
	eachRow(t, path, func(row []string) {
		rec := benchRecord(row)
		if err := m.Put(rec); err != nil {
			t.Fatal(err)
		}
	})
	put := time.Since(begin)
	st, err := m.Finish("", true)
	if err != nil {
		t.Fatal(err)
	}
	fin := time.Since(begin)
	if _, err := s.Release(ctx, "hr"); err != nil {
		t.Fatal(err)
	}
	d := time.Since(begin)
	t.Logf("  load %v put %v finish %v release %v", load, put-load, fin-put, d-fin)
	return d, st
}

func TestBenchImport(t *testing.T) {
	n, _ := strconv.Atoi(os.Getenv("MUSTER_BENCH"))
	if n == 0 {
		t.Skip("set MUSTER_BENCH to a number of people")
	}
	same, moved := benchFile(t, n, 0), benchFile(t, n, 100)
	for range 2 {
		dir := t.TempDir()
		f := floor(t, same, filepath.Join(dir, "floor.db"))
		ph, phr := parseHash(t, same, false), parseHash(t, same, true)
		spent := map[string]time.Duration{}
		last, lastAt := "", time.Now()
		var hook func(string) error
		if os.Getenv("MUSTER_BENCH_SQL") != "" {
			hook = func(q string) error {
				spent[last] += time.Since(lastAt)
				last, lastAt = q, time.Now()
				return nil
			}
		}
		s, err := Open(context.Background(), "sqlite:"+filepath.Join(dir, "m.db"), Options{Before: hook})
		if err != nil {
			t.Fatal(err)
		}
		d1, _ := benchImport(t, s, same)
		begin := time.Now()
		if err := s.Checkpoint(context.Background()); err != nil {
			t.Fatal(err)
		}
		d1 += time.Since(begin)
		t.Logf("  checkpoint %v", time.Since(begin))
		for q, d := range spent {
			if d > 50*time.Millisecond {
				t.Logf("  %8v after %.90q", d.Round(time.Millisecond), q)
			}
		}
		d2, st2 := benchImport(t, s, same)
		clear(spent)
		d3, st3 := benchImport(t, s, moved)
		for q, d := range spent {
			if d > 50*time.Millisecond {
				t.Logf("  3: %8v after %.90q", d.Round(time.Millisecond), q)
			}
		}
		var ms runtime.MemStats
		runtime.ReadMemStats(&ms)
		t.Logf("floor %v; first %v = %.2f; parse+hash %v (with records %v); unchanged %v = %.2f (%.2f) %+v; 1%% %v = %.2f %+v; sys %d MB", f, d1, d1.Seconds()/f.Seconds(), ph, phr,
			d2, d2.Seconds()/ph.Seconds(), d2.Seconds()/phr.Seconds(), st2.Changed, d3, d3.Seconds()/ph.Seconds(), st3.Changed, ms.Sys>>20)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		fi, _ := os.Stat(filepath.Join(dir, "m.db"))
		t.Logf("size %d MB", fi.Size()>>20)
	}
}
