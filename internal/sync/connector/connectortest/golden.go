package connectortest

import (
	_ "embed" // for the golden table
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

//go:embed abilities.golden
var golden string

// A row is "connector | case | verdict". Rows are sorted by connector and, in
// one connector, stand in the order of the cases.
type row struct{ suite, name, verdict string }

func parseRows(text string) []row {
	var rows []row
	for line := range strings.Lines(text) {
		cells := strings.SplitN(strings.TrimSpace(line), " | ", 3)
		if len(cells) != 3 || strings.HasPrefix(line, "#") {
			continue
		}
		rows = append(rows, row{strings.TrimSpace(cells[0]), strings.TrimSpace(cells[1]), cells[2]})
	}
	return rows
}

// Examined lists the suites that have rows in the golden table.
func Examined() []string {
	var names []string
	for _, r := range parseRows(golden) {
		names = append(names, r.suite)
	}
	return slices.Compact(names)
}

// compare fails the test where got, a verdict for each case that was sat,
// differs from the golden rows. Cases left out by -run are not compared.
func compare(t *testing.T, suite string, got map[string]string) {
	t.Helper()
	if *update {
		rewrite(t, suite, got)
		return
	}
	want := map[string]string{}
	for _, r := range parseRows(golden) {
		if r.suite == suite {
			want[r.name] = r.verdict
		}
	}
	for _, c := range cases {
		if g, sat := got[c.name]; sat && g != want[c.name] {
			t.Errorf("abilities.golden: %s | %s\n  now:  %s\n  then: %s\nif this is meant, run the test with -update", suite, c.name, g, want[c.name])
		}
		delete(want, c.name)
	}
	for name := range want {
		t.Errorf("abilities.golden: %s | %s: there is no such case any more; run the test with -update", suite, name)
	}
}

func rewrite(t *testing.T, suite string, got map[string]string) {
	t.Helper()
	_, here, _, _ := runtime.Caller(0)
	path := filepath.Join(filepath.Dir(here), "abilities.golden")
	old, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	rows := slices.DeleteFunc(parseRows(string(old)), func(r row) bool {
		_, again := got[r.name]
		return r.suite == suite && (again || !slices.ContainsFunc(cases, func(c testCase) bool { return c.name == r.name }))
	})
	for _, c := range cases {
		if verdict, ok := got[c.name]; ok {
			rows = append(rows, row{suite, c.name, verdict})
		}
	}
	place := func(name string) int {
		return slices.IndexFunc(cases, func(c testCase) bool { return c.name == name })
	}
	slices.SortStableFunc(rows, func(a, b row) int {
		if c := strings.Compare(a.suite, b.suite); c != 0 {
			return c
		}
		return place(a.name) - place(b.name)
	})
	var b strings.Builder
	b.WriteString("# What each connector was examined in. Written by: go test ./internal/sync/connector/... -update\n")
	for i, r := range rows {
		if i == 0 || rows[i-1].suite != r.suite {
			b.WriteString("\n")
		}
		fmt.Fprintf(&b, "%-16s | %-28s | %s\n", r.suite, r.name, r.verdict)
	}
	if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}
