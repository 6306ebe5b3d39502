package csv

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"muster/internal/base/object"
	"muster/internal/base/problem"
	"muster/internal/sync/connector"
)

// readText imports text as one file. It returns the records, one a line, and
// the refusals.
func readText(t testing.TB, text string, change func(*File)) (records, refused []string, err error) {
	t.Helper()
	f := File{Path: filepath.Join(t.TempDir(), "in.csv"), Type: "person", Anchor: []string{"id"}}
	if change != nil {
		change(&f)
	}
	if err := os.WriteFile(f.Path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return readFiles(t, Settings{Files: []File{f}})
}

func readFiles(t testing.TB, set Settings) (records, refused []string, err error) {
	t.Helper()
	c, err := Open(set)
	if err != nil {
		t.Fatal(err)
	}
	scope := connector.Scope{Refused: func(r *connector.Refusal) error {
		refused = append(refused, fmt.Sprintf("%s: %s: %v", r.Object, r.Code, r.Err))
		return nil
	}}
	_, err = c.Import(t.Context(), scope, func(r object.Record) error {
		records = append(records, show(r))
		return nil
	})
	return records, refused, err
}

func show(r object.Record) string {
	s := r.Type + " " + r.Anchor
	for _, a := range r.Attrs {
		s += fmt.Sprintf(" %s=%s", a.Name, a.Values)
	}
	return s
}

func TestReading(t *testing.T) {
	typed := func(f *File) {
		f.Columns = []Column{
			{Name: "n", Kind: object.Int}, {Name: "b", Kind: object.Bool, True: []string{"Y", "yes"}, False: []string{"N"}},
			{Name: "d", Kind: object.Time, Layout: "dd.MM.yyyy"}, {Name: "m", Split: ";"}, {Name: "boss", Kind: object.Ref},
		}
	}
	for name, c := range map[string]struct {
		text   string
		change func(*File)
		want   []string
	}{
		"plain":             {"id,name\n1,Anna\n2,Bert\n", nil, []string{"person 1 id=1 name=Anna", "person 2 id=2 name=Bert"}},
		"no last line feed": {"id,name\n1,Anna", nil, []string{"person 1 id=1 name=Anna"}},
		"CR LF, empty rows": {"id,name\r\n\r\n1,Anna\r\n\r\n", nil, []string{"person 1 id=1 name=Anna"}},
		"byte order mark":   {"\ufeffid,name\n1,Anna\n", nil, []string{"person 1 id=1 name=Anna"}},
		"quotes":            {"id,name\n1,\"a \"\"b\"\", c\"\n\"2\",\"\"\n", nil, []string{`person 1 id=1 name=a "b", c`, "person 2 id=2"}},
		"lines in quotes":   {"id,name\n1,\"a\n\"\"b\r\nc\"\n2,x\n", nil, []string{"person 1 id=1 name=a\n\"b\r\nc", "person 2 id=2 name=x"}},
		"lazy":              {"id,name\n1,a \"b\" c\n2,\"x\" y\"\n", func(f *File) { f.Lazy = true }, []string{`person 1 id=1 name=a "b" c`, `person 2 id=2 name=x" y`}},
		"tabs":              {"id\tname\n1\ta,b\n", func(f *File) { f.Delimiter = '\t' }, []string{"person 1 id=1 name=a,b"}},
		"no header": {"1,Anna\n", func(f *File) { f.NoHeader, f.Columns = true, []Column{{Name: "id"}, {Name: "name"}} },
			[]string{"person 1 id=1 name=Anna"}},
		"trim and nulls":  {"id,name,x\n 1 , Anna ,NULL\n", func(f *File) { f.Trim, f.Nulls = true, []string{"NULL"} }, []string{"person 1 id=1 name=Anna"}},
		"blanks are kept": {"id,name\n 1 , Anna \n", nil, []string{"person 1 id=1 name= Anna "}},
		"joined anchor": {"id,co,n\n1,a|b,x\n1|a,b,y\n", func(f *File) { f.Anchor = []string{"id", "co"} },
			[]string{`person 1|a\|b co=a|b id=1 n=x`, `person 1\|a|b co=b id=1|a n=y`}},
		"types": {"id,n,b,d,m,boss\n1,-7,y,29.02.2024,b;a;;b,9\n2,,N,,,\n", typed,
			[]string{"person 1 b=true boss=9 d=2024-02-29T00:00:00Z id=1 m=a; b n=-7", "person 2 b=false id=2"}},
		"type column": {"id,t\n1,E\n2,C\n", func(f *File) {
			f.Type, f.TypeColumn, f.Types = "", "t", map[string]string{"E": "employee", "C": "contractor"}
		},
			[]string{"employee 1 id=1", "contractor 2 id=2"}},
		"renamed":   {"id,Job Title\n1,Boss\n", func(f *File) { f.Columns = []Column{{Name: "Job Title", Attribute: "title"}} }, []string{"person 1 id=1 title=Boss"}},
		"last line": {"id\n1\n2\n#END 2\n", func(f *File) { f.LastLine = "#END {count}" }, []string{"person 1 id=1", "person 2 id=2"}},
		"nobody":    {"id,name\n", nil, nil},
		"unsorted":  {"id\n3\n1\n2\n", nil, []string{"person 3 id=3", "person 1 id=1", "person 2 id=2"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, refused, err := readText(t, c.text, c.change)
			if err != nil || len(refused) > 0 || !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q; refused %q, error %v", got, c.want, refused, err)
			}
		})
	}
}

// TestRefusing has faults of single rows: the others are told all the same.
func TestRefusing(t *testing.T) {
	typed := func(f *File) {
		f.Columns = []Column{{Name: "x", Kind: object.Int}, {Name: "y", Kind: object.Bool}, {Name: "z", Kind: object.Bytes}}
	}
	for name, c := range map[string]struct {
		row, want string
		change    func(*File)
	}{
		"too many fields":  {"2,a,b,c,d", `in.csv:3: parse-error: |in.csv:3: the row has 5 fields, the header 4 (quote fields`, nil},
		"too few fields":   {"2,a", `in.csv:3: parse-error: |in.csv:3: the row has 2 fields`, nil},
		"quote inside":     {`2,a "b",,`, `in.csv:3: parse-error: |in.csv:3:5: a quote stands inside a field`, nil},
		"after the quote":  {`2,"a" b,,`, `in.csv:3: parse-error: |in.csv:3:6: text stands behind the closing quote`, nil},
		"NUL":              {"2,a\x00b,,", `in.csv:3: parse-error: |in.csv:3: the row holds NUL bytes (check the encoding`, nil},
		"not UTF-8":        {"2,a\xffb,,", `in.csv:3: parse-error: |in.csv:3: the row holds bytes that are no text`, nil},
		"huge":             {"2," + strings.Repeat("x", 200) + ",,", `in.csv:3: parse-error: |in.csv:3: field 2 is longer than 100 bytes`, func(f *File) { f.MaxField = 100 }},
		"no anchor":        {" ,a,,", `in.csv:3: missing-anchor-component: |in.csv:3: column id is empty`, nil},
		"long anchor":      {strings.Repeat("ä", 399) + ",a,,", `in.csv:3: anchor-too-long: |in.csv:3: an anchor has 398`, nil},
		"anchor again":     {"1,a,,", `1: duplicate-object: |in.csv:3: another row has the same anchor`, nil},
		"no number":        {"2,4x,,", `2: invalid-numeric-value: |in.csv:3: column x: "4x" is not a value of type int`, typed},
		"no truth":         {"2,,maybe,", `2: invalid-boolean-value: |in.csv:3: column y: "maybe" is not`, typed},
		"no base64":        {"2,,,?", `2: invalid-base64-value: |in.csv:3: column z: "?" is not`, typed},
		"anchor null":      {"NULL,a,,", `in.csv:3: missing-anchor-component: |in.csv:3: column id is empty`, func(f *File) { f.Nulls = []string{"NULL"} }},
		"missing in lazy":  {`2,a "b,c`, `in.csv:3: parse-error: |in.csv:3: the row has 3 fields`, func(f *File) { f.Lazy = true }},
		"multi-line fault": {"2,\"a\nb\" c,,", `in.csv:4: parse-error: |in.csv:4:3: text stands behind`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			got, refused, err := readText(t, "id,x,y,z\n1,,,\n"+c.row+"\n3,,,\n", func(f *File) {
				if c.change != nil {
					c.change(f)
				}
			})
			if err != nil || len(got) != 2 || len(refused) != 1 {
				t.Fatalf("told %q, refused %q, error %v", got, refused, err)
			}
			last := refused[0]
			before, after, _ := strings.Cut(c.want, "|")
			if !strings.HasPrefix(last, before) || !strings.Contains(last, after) {
				t.Errorf("refused %q, want %q", last, c.want)
			}
		})
	}
}

func TestRefusingTypes(t *testing.T) {
	got, refused, err := readText(t, "id,t\n1,E\n2,Q\n3,\n", func(f *File) {
		f.Type, f.TypeColumn, f.Types = "", "t", map[string]string{"E": "employee"}
	})
	if err != nil || len(got) != 1 || len(refused) != 2 ||
		!strings.HasPrefix(refused[0], "in.csv:3: unmappable-object-type: ") || !strings.HasPrefix(refused[1], "in.csv:4: missing-object-type: ") {
		t.Errorf("told %q, refused %q, error %v", got, refused, err)
	}
}

// TestFailing has faults of whole files: the import is an error.
func TestFailing(t *testing.T) {
	for name, c := range map[string]struct {
		text, want string
		change     func(*File)
	}{
		"empty":            {"", "the file is empty", nil},
		"open quote":       {"id,name\n1,\"a\n2,b\n", "the quoted field that starts in line 2 never ends", nil},
		"endless quote":    {"id,name\n1,\"" + strings.Repeat("aaaa\n", 100), "is longer than 50 bytes", func(f *File) { f.MaxField = 50 }},
		"no anchor column": {"ID,name\n1,a\n", `there is no column "id", which is part of the anchor (did you mean ID?)`, nil},
		"other delimiter":  {"id;name\n1;a\n", "check the delimiter", nil},
		"same column":      {"id,a,a\n1,,\n", `column 3 is named "a", which is empty or taken`, nil},
		"unnamed column":   {"id,a,\n1,,\n", `column 3 is named "", which is empty or taken`, nil},
		"missing column":   {"id\n1\n", `there is no column "mail"`, func(f *File) { f.Columns = []Column{{Name: "mail"}} }},
		"utf-16":           {"\xff\xfei\x00d\x00\n\x001\x00\n\x00", "set encoding: utf-16le", nil},
		"NUL in header":    {"i\x00d\x00\n1\n", "the header line cannot be read", nil},
		"no last line":     {"id\n1\n2\n", `the last line is "2", not "#END"`, func(f *File) { f.LastLine = "#END" }},
		"wrong count":      {"id\n1\n2\n#END 3\n", "it holds 2 rows, 3 were announced", func(f *File) { f.LastLine = "#END {count}" }},
		"no count file":    {"id\n1\n", "the file with the number of rows cannot be read", func(f *File) { f.CountFile = f.Path + ".count" }},
	} {
		t.Run(name, func(t *testing.T) {
			got, _, err := readText(t, c.text, c.change)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("told %q, error %v, want %q", got, err, c.want)
			}
			var p *problem.Problem
			var l problem.List
			if !errors.As(err, &p) && !errors.As(err, &l) {
				t.Errorf("%T does not say where and what to do", err)
			}
		})
	}
	_, _, err := readFiles(t, Settings{Files: []File{{Path: filepath.Join(t.TempDir(), "no.csv"), Type: "p", Anchor: []string{"id"}}}})
	if err == nil || !strings.Contains(err.Error(), "the file is not there") {
		t.Errorf("a file that is not there: %v", err)
	}
}

func TestEncodings(t *testing.T) {
	for name, c := range encodings {
		t.Run(name, func(t *testing.T) {
			body, err := c.encode([]byte("id,name\n1,Jürgen\n2,Zoë\n#END 2\n"))
			if err != nil {
				t.Fatal(err)
			}
			for _, bom := range []string{"", c.bom} {
				got, refused, err := readText(t, bom+string(body), func(f *File) { f.Encoding, f.LastLine = name, "#END {count}" })
				if want := []string{"person 1 id=1 name=Jürgen", "person 2 id=2 name=Zoë"}; err != nil || !slices.Equal(got, want) {
					t.Errorf("got %q, refused %q, error %v", got, refused, err)
				}
			}
		})
	}
	got, refused, err := readText(t, "i\x00d\x00\n\x001\x00\n\x00\x00\xd8\n\x00", func(f *File) { f.Encoding = "utf-16le" })
	if err != nil || len(got) != 1 || len(refused) != 1 {
		t.Errorf("half a surrogate: told %q, refused %q, %v", got, refused, err)
	}
}

// TestChangesWhileRead writes to the file in the middle of an import.
func TestChangesWhileRead(t *testing.T) {
	for name, meddle := range map[string]func(t *testing.T, path string){
		"grows":    func(t *testing.T, path string) { appendTo(t, path, "9\n") },
		"shrinks":  func(t *testing.T, path string) { writeFile(t, path, "id\n") },
		"vanishes": func(t *testing.T, path string) { _ = os.Remove(path) },
		"replaced": func(t *testing.T, path string) {
			info, _ := os.Stat(path)
			writeFile(t, path+".new", "id\n1\n2\n")
			_ = os.Chtimes(path+".new", time.Time{}, info.ModTime())
			_ = os.Rename(path+".new", path)
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "in.csv")
			writeFile(t, path, "id\n1\n2\n")
			c, _ := Open(Settings{Files: []File{{Path: path, Type: "p", Anchor: []string{"id"}}}})
			n := 0
			_, err := c.Import(t.Context(), connector.Scope{}, func(object.Record) error {
				if n++; n == 1 {
					meddle(t, path)
				}
				return nil
			})
			if err == nil || !strings.Contains(err.Error(), "changed while it was read") {
				t.Errorf("told %d, error %v", n, err)
			}
		})
	}
}

func TestMembers(t *testing.T) {
	dir := t.TempDir()
	file := File{
		Path: filepath.Join(dir, "groups.csv"), Type: "group", Anchor: []string{"id"},
		Members: []Members{{Path: filepath.Join(dir, "members.csv"), Owner: "g", Value: "p", Attribute: "member"}},
	}
	var groups, members strings.Builder
	groups.WriteString("id\n")
	members.WriteString("p,note,g\n")
	for i := range 3000 {
		fmt.Fprintf(&members, "p%d,x,g%d\n", i, i*7%100)
	}
	var want []string
	for g := range 100 {
		fmt.Fprintf(&groups, "g%d\n", g)
		var refs object.Values
		for i := range 3000 {
			if i*7%100 == g {
				refs = append(refs, object.Reference(fmt.Sprint("p", i)))
			}
		}
		want = append(want, fmt.Sprintf("group g%d id=g%d member=%s", g, g, object.Set(refs...)))
	}
	members.WriteString("px,,nobody\npy,,nobody\npz,,\n")
	writeFile(t, file.Path, groups.String())
	writeFile(t, file.Members[0].Path, members.String())
	for _, spill := range []int{0, 1000, 1} {
		got, refused, err := readFiles(t, Settings{Files: []File{file}, Spill: spill})
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("spill %d: %d groups, error %v", spill, len(got), err)
		}
		if len(refused) != 2 || !strings.Contains(refused[1], `members.csv:3002: the owner "nobody" has no row`) || !strings.Contains(refused[0], "members.csv:3004: the owner or the value is empty") {
			t.Errorf("spill %d: refused %q", spill, refused)
		}
	}
	left, _ := filepath.Glob(filepath.Join(os.TempDir(), "muster-csv-*"))
	if len(left) > 0 {
		t.Errorf("temporary files are left: %v", left)
	}
}

func TestDeltaWords(t *testing.T) {
	dir := t.TempDir()
	f := File{
		Path: filepath.Join(dir, "p.csv"), Type: "p", Anchor: []string{"id"},
		Delta: &Delta{Path: filepath.Join(dir, "d.csv"), Change: "op", Add: "A", Modify: "U", Remove: "D"},
	}
	writeFile(t, f.Path, "id,name\n1,a\n")
	writeFile(t, f.Delta.Path, "op,id\n")
	c := opened(t, Settings{Files: []File{f}})
	mark, err := c.Import(t.Context(), connector.Scope{}, func(object.Record) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, f.Delta.Path, "op,id,name\nA,2,b\nu,1,\n,3,\nX,4,\nD,5,x\nA,,\n")
	var got, refused []string
	scope := connector.Scope{Refused: func(r *connector.Refusal) error { refused = append(refused, r.Object+" "+string(r.Code)); return nil }}
	_, err = c.ImportSince(t.Context(), scope, mark, func(d connector.Delta) error {
		got = append(got, fmt.Sprint(d.Op, " ", show(d.Record), " ", len(d.Mods)))
		return nil
	})
	if want := []string{"0 p 2 id=2 name=b 0", "1 p 1 2", "2 p 5 0"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, error %v", got, err)
	}
	if want := []string{"3 missing-change-type", "4 invalid-change-type", "d.csv:7 missing-anchor-component"}; !slices.Equal(refused, want) {
		t.Errorf("refused %q", refused)
	}
}

func TestAnchors(t *testing.T) {
	for _, parts := range [][]string{{"a"}, {"a", "b"}, {"a|", "b"}, {`a\`, "b"}, {`a\|`, `|\b`, "c"}, {`\\`, `||`}} {
		joined := joinAnchor(parts, "|")
		if got, ok := splitAnchor(joined, len(parts), "|"); !ok || !slices.Equal(got, parts) {
			t.Errorf("%q became %q became %q", parts, joined, got)
		}
	}
	for _, bad := range []string{"", "a", "a|", "|a", "a|b|c"} {
		if got, ok := splitAnchor(bad, 2, "|"); ok {
			t.Errorf("%q was split into %q", bad, got)
		}
	}
}
