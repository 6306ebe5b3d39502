package expr

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"muster/internal/base/problem"
)

// FuzzCompile compiles whatever it is given, in every context. It must not
// panic, points into the source, and what compiles gives the same through both
// evaluators.
func FuzzCompile(f *testing.F) {
	for _, fn := range Functions() {
		for _, ex := range fn.Examples {
			f.Add(ex.Expr)
		}
	}
	f.Add("attr.first +\n  attr[\"last\"] // comment")
	f.Add("attr.mails.map(m, m.map(n, n))")
	f.Add(`{"a": [1, 2.0]}.a[0] == b'x' ? 1u : dyn(null)`)
	in := exampleInput{exampleValues()}
	f.Fuzz(func(t *testing.T, src string) {
		for c := InboundFlow; c <= DN; c++ {
			scope := *exampleScope()
			scope.Context = c
			scope.MV = scope.Attr
			p, problems := Compile(src, &scope, Type{}, problem.Position{File: "f", Line: 3, Column: 7})
			if (p == nil) != (len(problems) > 0) {
				t.Fatalf("program %v, problems %v", p, problems)
			}
			lines := strings.Count(src, "\n") + 1
			for _, x := range problems {
				if x.Message == "" || x.Where.Line < 3 || x.Where.Line > 3+lines || x.Where.Column < 7 {
					t.Errorf("bad problem %v", x)
				}
			}
			if p == nil {
				continue
			}
			if p.Canonical() == "" {
				t.Error("no canonical form")
			}
			_, _ = p.Eval(in)
			bothAgree(t, p, src, &scope, in)
		}
	})
}

// FuzzDN: what is escaped is read back as it was, and a DN that can be read
// can be read again part by part.
func FuzzDN(f *testing.F) {
	for _, s := range []string{`CN=Ada\, Countess,OU=People;DC=com`, `CN="a,b"+SN=x`, `1.2.3=\41\C3\A4 ,DC=`, `cn=\ a\ `, "=", `a=\`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !utf8.ValidString(s) {
			return
		}
		dn, err := parseDN("CN=" + escapeLDAP(s) + ",DC=com")
		if err != nil || len(dn) != 2 || dn[0][0].value != s {
			t.Errorf("%q escaped is %q, read back as %q, %v", s, escapeLDAP(s), dn, err)
		}
		_ = escapeNotes(s)
		_ = escapeDatabase(s)
		parsed, err := parseDN(s)
		if err != nil {
			return
		}
		var parts []string
		for _, r := range parsed {
			var pairs []string
			for _, p := range r {
				pairs = append(pairs, p.name+"="+escapeLDAP(p.value))
			}
			parts = append(parts, strings.Join(pairs, "+"))
		}
		again, err := parseDN(strings.Join(parts, ","))
		if err != nil || len(again) != len(parsed) {
			t.Errorf("%q: %q, %v", s, parts, err)
		}
		for n := range parsed {
			_ = dnComponent(true)(nil, []val{str(s), integer(int64(n))})
		}
		_ = parentDN(nil, []val{str(s)})
	})
}

// FuzzFormat: formats and times of any form end in a text or a fault.
func FuzzFormat(f *testing.F) {
	for format := range standardFormats {
		f.Add(int64(1), format, "2026-01-01")
	}
	f.Add(int64(1_700_000_000_000_000), `dddd, d MMMM yyyy 'um' HH:mm:ss.FFF zzz \h`, "12/25/2007 8:15 PM")
	f.Add(int64(-1), "%d", "20071225103000.0Z")
	f.Fuzz(func(t *testing.T, micros int64, format, text string) {
		_, _ = formatTime(time.UnixMicro(micros).UTC(), format)
		if at, err := parseTime(text, time.UTC); err == nil {
			if s, err := formatTime(at, "o"); err != nil {
				t.Error(err)
			} else if back, err := parseTime(s, time.UTC); err != nil || back.Sub(at).Abs() >= time.Microsecond {
				t.Errorf("%q is %v, written %q, read back %v, %v", text, at, s, back, err)
			}
		}
	})
}
