package csv

import (
	"bytes"
	stdcsv "encoding/csv"
	"errors"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"muster/internal/base/object"
	"muster/internal/sync/connector"
)

var testTime = time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC)

// FuzzImport reads any bytes: whatever they are, the import tells each object
// once or is an error, and a second import tells the same.
func FuzzImport(f *testing.F) {
	for _, s := range []string{"id,name\n1,a\n2,\"b\"\"\nc\"\n", "id\r\n1", "id,a,b\n1,\"x", "\xff\xfei\x00d\x00", "\ufeffid\n1\n1\n#END 2", "id,\"id\"\n,\n", "id\n\"a\nb\"x\n2\n"} {
		for mode := range uint8(8) {
			f.Add([]byte(s), mode)
		}
	}
	names := Encodings()
	f.Fuzz(func(t *testing.T, text []byte, mode uint8) {
		change := func(file *File) {
			file.Lazy, file.Trim = mode&1 > 0, mode&2 > 0
			file.Encoding = names[int(mode>>3)%len(names)]
			if mode&4 > 0 {
				file.LastLine = "#END {count}"
			}
			file.Columns = []Column{}
		}
		got, refused, err := readText(t, string(text), change)
		again, refusedAgain, err2 := readText(t, string(text), change)
		if !slices.Equal(got, again) || len(refused) != len(refusedAgain) || (err == nil) != (err2 == nil) {
			t.Errorf("two imports differ: %q %v, %q %v", got, err, again, err2)
		}
		slices.Sort(got)
		if len(slices.Compact(slices.Clone(got))) != len(got) {
			t.Errorf("told twice: %q", got)
		}
	})
}

// FuzzRows compares with encoding/csv: where it can read a file, we read the
// same; where we can, so can it.
func FuzzRows(f *testing.F) {
	for _, s := range []string{"a,b\n1,2\n", "a,\"b\"\"c\"\n", "\"a\nb\",c\n", "a,\"b\" c\n", "a b\"c\n", "\"\"\n\"\",\"\"", "a,\r\n"} {
		f.Add(s, false)
		f.Add(s, true)
	}
	f.Fuzz(func(t *testing.T, text string, lazy bool) {
		r := stdcsv.NewReader(bytes.NewReader(bytes.ReplaceAll([]byte(text), []byte("\r"), nil)))
		r.LazyQuotes, r.FieldsPerRecord = lazy, -1
		want, err := r.ReadAll()
		format := Format{Lazy: lazy}
		format.complete()
		ours := newRows(bytes.NewReader(bytes.ReplaceAll([]byte(text), []byte("\r"), nil)), format, 16)
		var got [][]string
		var faulty bool
		for {
			e := ours.next()
			if e != nil {
				var bad *rowError
				var open *openQuoteError
				faulty = errors.As(e, &bad) || errors.As(e, &open)
				if faulty {
					return
				}
				break
			}
			var row []string
			for i := range ours.fields {
				row = append(row, string(ours.field(i)))
			}
			got = append(got, row)
		}
		if err == nil && !slices.EqualFunc(got, want, slices.Equal[[]string]) {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	})
}

// FuzzDelta reads any bytes as a file of changes.
func FuzzDelta(f *testing.F) {
	f.Add("change,id\nadd,1\ndelete,2\nmodify,3\n")
	f.Add("id,change\n,\nx,y,z\n1,\"add")
	f.Fuzz(func(t *testing.T, text string) {
		dir := t.TempDir()
		file := File{Path: filepath.Join(dir, "p.csv"), Type: "p", Anchor: []string{"id"}, Delta: &Delta{Path: filepath.Join(dir, "d.csv"), Change: "change"}}
		writeFile(t, file.Path, "id\n")
		c := opened(t, Settings{Files: []File{file}})
		scope := connector.Scope{Refused: func(*connector.Refusal) error { return nil }}
		mark, err := c.Import(t.Context(), scope, func(object.Record) error { return nil })
		if err != nil {
			t.Fatal(err)
		}
		writeFile(t, file.Delta.Path, text)
		next, err := c.ImportSince(t.Context(), scope, mark, func(d connector.Delta) error {
			if d.Record.Anchor == "" || d.Op > connector.Delete {
				t.Errorf("told %+v", d)
			}
			return nil
		})
		if (err == nil) == (next == "") {
			t.Errorf("mark %q with error %v", next, err)
		}
	})
}

// FuzzRoundTrip writes any text into a field and reads it back.
func FuzzRoundTrip(f *testing.F) {
	for _, s := range []string{"a", `"`, "\n", "a,b", " x ", "\r\n", "\ufeff", "#END", "\\N"} {
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		format := Format{MaxField: 1 << 16}
		format.complete()
		if format.fits("", a) != nil || format.fits("", b) != nil || a == "" && b == "" {
			return
		}
		row := appendRow(nil, []string{a, b}, ',', "\n")
		r := newRows(bytes.NewReader(append(row, row...)), format, 16)
		for range 2 {
			if err := r.next(); err != nil || len(r.fields) != 2 || string(r.field(0)) != a || string(r.field(1)) != b {
				t.Fatalf("%q, %q written as %q: %v", a, b, row, err)
			}
		}
	})
}
