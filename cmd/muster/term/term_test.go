package term

import (
	"strings"
	"testing"
	"time"
)

func TestTableFits(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	o := NewOut(&b, 40, false)
	tab := &Table{Head: []string{"no", "object", "what"}, Cut: []int{1, 2}, Right: []int{0}}
	tab.Add("7", "person hr/1002 whose name is very long indeed", "short")
	tab.Add("12,000", "漢字漢字", "two columns each")
	o.Table(tab)
	want := `    no  object          what
     7  person hr/100…  short
12,000  漢字漢字        two columns each
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
	for line := range strings.Lines(b.String()) {
		if w := Width(strings.TrimSuffix(line, "\n")); w > 40 {
			t.Errorf("%d columns: %s", w, line)
		}
	}
}

func TestCleanKeepsTerminalsSafe(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"Anna Lind":            "Anna Lind",
		"\x1b[2Jgone":          `\x1b[2Jgone`,
		"two\nlines":           `two\nlines`,
		"abc\u202ecba":         `abc\u202ecba`,
		"Müller, 漢字, \u200dok": "Müller, 漢字, \u200dok",
	} {
		if got := Clean(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func TestNumbersAsPeopleWriteThem(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{0: "0 objects", 1: "1 object", 999: "999 objects", 1000: "1,000 objects", 1234567: "1,234,567 objects", -1234: "-1,234 objects"} {
		if got := Count(n, "object"); got != want {
			t.Errorf("%d: got %s, want %s", n, got, want)
		}
	}
	if got := Count(2, "entry"); got != "2 entries" {
		t.Error(got)
	}
	for d, want := range map[time.Duration]string{400 * time.Millisecond: "0.4 s", 12 * time.Second: "12 s", 200 * time.Second: "3 min 20 s", 125 * time.Minute: "2 h 5 min", 72 * time.Hour: "3 days"} {
		if got := Span(d); got != want {
			t.Errorf("%s: got %s, want %s", d, got, want)
		}
	}
}

func TestProgress(t *testing.T) {
	t.Parallel()
	now := time.Date(2027, 3, 1, 8, 0, 0, 0, time.UTC)
	tell := func(columns int) string {
		var b strings.Builder
		p := NewProgress(&b, columns, func() time.Time { return now })
		for i := range int64(13) {
			p.Tell("hr: read", i*1000, 20_000)
			now = now.Add(time.Second)
		}
		p.End()
		return b.String()
	}
	want := "hr: read: 5,000 of 20,000 (25 %), 1,000/s, 15 s left\nhr: read: 10,000 of 20,000 (50 %), 1,000/s, 10 s left\n"
	if got := tell(0); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := tell(30); !strings.Contains(got, "\r\x1b[Khr: read: 7,000 of 20,000 (3…") || !strings.HasSuffix(got, "\r\x1b[K") {
		t.Errorf("%q", got)
	}
}
