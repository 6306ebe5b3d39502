package scenario_test

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"muster/internal/scenario"
)

// value is what can be made wrong in an expectation: a text, an instant, a
// number, an entry, a count, or the word none.
var value = regexp.MustCompile(`"(?:[^"\\]|\\.)+"|\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\b|\b\d+ units?\b|\b[a-z]+/[\w-]+\b|\bnone$|\b\d+$`)

// spoil finds the values of a story's expectations, one entry for each line
// that has one: where it begins and ends in the text.
func spoil(text []byte) [][2]int {
	var out [][2]int
	script := bytes.Index(text, []byte("\n-- story --\n"))
	expecting := false
	at := script + len("\n-- story --\n")
	for line := range bytes.Lines(text[at:]) {
		bare := strings.TrimRight(string(line), "\n")
		if bare != "" && bare[0] != ' ' {
			expecting = strings.HasPrefix(bare, "expect ")
		}
		if c := strings.Index(bare, " # "); c >= 0 {
			bare = bare[:c]
		}
		if all := value.FindAllStringIndex(bare, -1); expecting && len(all) > 0 {
			last := all[len(all)-1]
			out = append(out, [2]int{at + last[0], at + last[1]})
		}
		at += len(line)
	}
	return out
}

// wrong writes another value in place of one.
func wrong(v string) string {
	switch {
	case v[0] == '"':
		return `"` + v[1:len(v)-1] + `x"`
	case v == "none":
		return "9 units"
	case strings.Contains(v, "unit"):
		return "9" + v
	case strings.Contains(v, "/"):
		return v + "x"
	}
	if strings.HasSuffix(v, "Z") {
		return v[:len(v)-3] + "7Z" // another second
	}
	return "9" + v
}

// TestExpectationsBite makes two expected values of every story wrong, one at a
// time, and wants the story to fail there: an expectation that cannot fail
// shows nothing.
func TestExpectationsBite(t *testing.T) {
	for _, name := range stories(t) {
		t.Run(filepath.Base(name), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Contains(text, []byte(" 10000\n")) && os.Getenv("MUSTER_LONG") == "" {
				t.Skip("large; spoilt with MUSTER_LONG=1")
			}
			spots := spoil(text)
			if len(spots) < 2 {
				t.Fatalf("%s: only %d expected values could be made wrong; expect more", name, len(spots))
			}
			o := options()
			if len(scenario.One(t.Context(), name, text, o).Problems) > 0 {
				t.Skip("the story itself fails")
			}
			for _, s := range [][2]int{spots[len(spots)/3], spots[len(spots)-1]} {
				v := string(text[s[0]:s[1]])
				bad := bytes.Join([][]byte{text[:s[0]], []byte(wrong(v)), text[s[1]:]}, nil)
				line := 1 + bytes.Count(text[:s[0]], []byte("\n"))
				if len(scenario.One(t.Context(), name, bad, o).Problems) == 0 {
					t.Errorf("%s:%d: %s in place of %s is not noticed", name, line, wrong(v), v)
				}
			}
		})
	}
}
