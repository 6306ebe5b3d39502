package csv

import (
	"bufio"
	stdcsv "encoding/csv"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"time"

	"muster/internal/base/object"
	"muster/internal/sync/connector"
)

// benchRows is the number of rows of the benchmarks; MUSTER_BENCH_ROWS sets
// another, such as 1000000.
func benchRows() int {
	if n, err := strconv.Atoi(os.Getenv("MUSTER_BENCH_ROWS")); err == nil {
		return n
	}
	return 100_000
}

// writePeople writes n rows of 15 columns, 232 bytes a row.
func writePeople(tb testing.TB, path string, n int, shuffled bool) {
	tb.Helper()
	f, err := os.Create(path)
	if err != nil {
		tb.Fatal(err)
	}
	w := bufio.NewWriterSize(f, 1<<20)
	_, _ = fmt.Fprintln(w, "employeeID,firstName,lastName,displayName,mail,department,title,company,city,street,phone,manager,hired,active,costCenter")
	for i := range n {
		if shuffled {
			i = i * 7919 % n // a prime that does not divide n
		}
		_, _ = fmt.Fprintf(w, "E%07d,Firstname%d,Lastname%d,\"Lastname%d, Firstname%d\",firstname%d.lastname%d@example.com,Department %d,Senior Engineer,Example Holding,Berlin,Street of Trees %d,+49 30 %07d,E%07d,2020-%02d-%02d,true,CC%04d\n",
			i, i, i, i, i, i, i, i%400, i%999, i, i/10, i%12+1, i%28+1, i%5000)
	}
	if err := w.Flush(); err != nil {
		tb.Fatal(err)
	}
	if err := f.Close(); err != nil {
		tb.Fatal(err)
	}
}

// BenchmarkImport runs encoding/csv and Import by turns over the same file and
// reports how much longer Import takes.
func BenchmarkImport(b *testing.B) {
	b.Run("sorted", func(b *testing.B) { benchmarkImport(b, false) })
	b.Run("shuffled", func(b *testing.B) { benchmarkImport(b, true) })
}

func benchmarkImport(b *testing.B, shuffled bool) {
	path := filepath.Join(b.TempDir(), "people.csv")
	rows := benchRows()
	writePeople(b, path, rows, shuffled)
	c, err := Open(Settings{Files: []File{{Path: path, Type: "person", Anchor: []string{"employeeID"}}}})
	if err != nil {
		b.Fatal(err)
	}
	var floor, ours time.Duration
	b.ReportAllocs()
	for b.Loop() {
		began := time.Now()
		if n := bareParse(b, path); n != rows+1 {
			b.Fatalf("%d rows", n)
		}
		floor += time.Since(began)
		began = time.Now()
		n := 0
		_, err := c.Import(b.Context(), connector.Scope{}, func(object.Record) error { n++; return nil })
		if err != nil || n != rows {
			b.Fatalf("%d records, %v", n, err)
		}
		ours += time.Since(began)
	}
	b.ReportMetric(float64(ours)/float64(floor), "×encoding/csv")
	b.ReportMetric(float64(rows*b.N)/ours.Seconds(), "records/s")
}

func bareParse(b *testing.B, path string) int {
	f, err := os.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	r := stdcsv.NewReader(bufio.NewReaderSize(f, 64<<10))
	r.ReuseRecord = true
	n := 0
	for {
		if _, err := r.Read(); err == io.EOF {
			return n
		} else if err != nil {
			b.Fatal(err)
		}
		n++
	}
}

// BenchmarkMembers imports groups with 20 member rows a person, in memory and
// spilled, and reports the highest memory seen.
func BenchmarkMembers(b *testing.B) {
	dir := b.TempDir()
	rows := 20 * benchRows() / 10
	f := File{
		Path: filepath.Join(dir, "groups.csv"), Type: "group", Anchor: []string{"id"},
		Members: []Members{{Path: filepath.Join(dir, "members.csv"), Owner: "group", Value: "person", Attribute: "member"}},
	}
	groups, members := "id\n", []byte("group,person\n")
	for g := range rows / 100 {
		groups += fmt.Sprintf("G%d\n", g)
	}
	for i := range rows {
		members = fmt.Appendf(members, "G%d,E%07d\n", i*7919%(rows/100), i)
	}
	if err := os.WriteFile(f.Path, []byte(groups), 0o600); err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(f.Members[0].Path, members, 0o600); err != nil {
		b.Fatal(err)
	}
	for name, spill := range map[string]int{"memory": 1 << 30, "spilled": 4 << 20} {
		b.Run(name, func(b *testing.B) {
			c, err := Open(Settings{Files: []File{f}, Spill: spill})
			if err != nil {
				b.Fatal(err)
			}
			top, before := uint64(0), heapNow()
			for b.Loop() {
				n, edges := 0, 0
				_, err := c.Import(b.Context(), connector.Scope{}, func(r object.Record) error {
					if n++; n%1000 == 1 {
						top = max(top, heapNow())
					}
					edges += len(r.Attrs.Get("member"))
					return nil
				})
				if err != nil || edges != rows {
					b.Fatal(edges, err)
				}
			}
			b.ReportMetric(float64(top-before)/float64(rows), "heap-B/row")
			b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

func heapNow() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkExport adds people to a file that holds as many.
func BenchmarkExport(b *testing.B) {
	path := filepath.Join(b.TempDir(), "people.csv")
	rows := benchRows()
	for b.Loop() {
		writePeople(b, path, rows, false)
		before, began := heapNow(), time.Now()
		_, s := openWriting(b, Settings{Files: []File{{Path: path, Type: "person", Anchor: []string{"employeeID"}}}})
		opened := time.Now()
		batch := make([]connector.Change, 500)
		for i := 0; i < rows; i += len(batch) {
			for j := range batch {
				id := fmt.Sprintf("N%07d", i+j)
				batch[j] = connector.Change{Verb: connector.Add, Type: "person", Anchor: id, Mods: []connector.Mod{
					put("firstName", "First"), put("lastName", "Last"), put("displayName", "Last, First"), put("mail", id+"@example.com"), put("department", "D"),
				}}
			}
			if _, err := s.Send(b.Context(), batch); err != nil {
				b.Fatal(err)
			}
		}
		sent := time.Now()
		b.ReportMetric(float64(heapNow()-before)/float64(2*rows), "heap-B/row")
		finishing := time.Now()
		if err := s.Finish(b.Context()); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(opened.Sub(began).Seconds(), "open-s")
		b.ReportMetric(sent.Sub(opened).Seconds(), "send-s")
		b.ReportMetric(time.Since(finishing).Seconds(), "finish-s")
	}
}
