package config

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"muster/internal/base/problem"
)

var update = flag.Bool("update", false, "rewrite the expectations in testdata; read the difference before you keep it")

// TestGolden loads the files of each archive in testdata and compares what is
// found with its last two parts: "problems", as people see them, and
// "canonical".
func TestGolden(t *testing.T) {
	t.Parallel()
	names, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(names) == 0 {
		t.Fatalf("no archives in testdata: %v", err)
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			t.Parallel()
			a, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			fsys, rest := fstest.MapFS{}, a.Files[:0:0]
			var problems, canonical string
			for _, f := range a.Files {
				switch f.Name {
				case "problems":
					problems = string(f.Data)
				case "canonical":
					canonical = string(f.Data)
				default:
					fsys[f.Name] = &fstest.MapFile{Data: f.Data}
					rest = append(rest, f)
				}
			}
			tree, list := Load(fsys, testKinds())
			got, form := show(list), string(tree.Canonical())
			if *update {
				a.Files = append(rest, txtar.File{Name: "problems", Data: []byte(got)}, txtar.File{Name: "canonical", Data: []byte(form)})
				if err := os.WriteFile(name, txtar.Format(a), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if d := cmp.Diff(problems, got); d != "" {
				t.Errorf("problems (-want +got):\n%s", d)
			}
			if d := cmp.Diff(canonical, form); d != "" {
				t.Errorf("canonical (-want +got):\n%s", d)
			}
		})
	}
}

// show prints problems as people see them, with an empty line in between.
func show(list problem.List) string {
	var b strings.Builder
	for i, p := range list {
		if i > 0 {
			b.WriteString("\n")
		}
		b.WriteString(p.Show() + "\n")
	}
	return b.String()
}
