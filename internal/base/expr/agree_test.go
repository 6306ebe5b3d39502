package expr

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"muster/internal/base/object"
	"muster/internal/base/problem"
)

// source draws random expressions of a type from the part of the language that
// closures know, and some from beyond.
type source struct{ *rapid.T }

func (s source) pick(of ...string) string { return rapid.SampledFrom(of).Draw(s.T, "pick") }

func (s source) expr(k object.Kind, depth int) string {
	if depth <= 0 {
		return s.leaf(k)
	}
	e := func(k object.Kind) string { return s.expr(k, depth-1) }
	n := rapid.IntRange(0, 11).Draw(s.T, "form")
	switch {
	case n == 0:
		return s.leaf(k)
	case n == 1:
		return fmt.Sprintf("(%s ? %s : %s)", e(object.Bool), e(k), e(k))
	case n == 2:
		return fmt.Sprintf("default(%s, %s)", e(k), e(k))
	case n == 3 && k != object.Bool:
		return fmt.Sprintf("Switch(%s, %s)", e(object.Bool), e(k))
	}
	switch k {
	case object.String:
		switch n {
		case 4:
			return fmt.Sprintf("%s(%s)", s.pick("lower", "UpperCase", "Trim", "ProperCase", "string", "ascii", "escape"), e(k))
		case 5:
			return fmt.Sprintf("%s(%s, %s)", s.pick("left", "Left", "Right", "right"), e(k), e(object.Int))
		case 6:
			return fmt.Sprintf("Mid(%s, %s, %s)", e(k), e(object.Int), e(object.Int))
		case 7:
			return fmt.Sprintf("Word(%s, %s, %s)", e(k), e(object.Int), e(k))
		case 8:
			return fmt.Sprintf("string(%s)", e(object.Int))
		case 9:
			return fmt.Sprintf("join(%s, %s)", s.list(depth-1), e(k))
		case 10:
			return fmt.Sprintf("FormatDateTime(%s, %s)", e(object.Time), s.pick(`"yyyy-MM-dd"`, `"o"`, `"q"`))
		}
		return fmt.Sprintf("(%s + %s)", e(k), e(k))
	case object.Int:
		switch n {
		case 4:
			return fmt.Sprintf("%s(%s)", s.pick("Len", "length", "size", "CNum"), e(object.String))
		case 5:
			return fmt.Sprintf("%s(%s, %s)", s.pick("BitAnd", "BitOr", "bitOr"), e(k), e(k))
		case 6:
			return fmt.Sprintf("%s(%s)", s.pick("Count", "size"), s.list(depth-1))
		case 7:
			return fmt.Sprintf("InStr(%s, %s, %s)", e(object.String), e(object.String), e(k))
		case 8:
			return fmt.Sprintf("(%s / %s)", e(k), e(k))
		}
		return fmt.Sprintf("(%s %s %s)", e(k), s.pick("+", "-"), e(k))
	case object.Time:
		switch n {
		case 4, 5, 6:
			return fmt.Sprintf(`startOfDay(%s, %s)`, e(k), s.pick(`"Europe/Berlin"`, `"nowhere"`))
		case 7:
			return fmt.Sprintf(`date(%s)`, e(object.String))
		case 8:
			return fmt.Sprintf("DateAdd(%s, %s, %s)", s.pick(`"m"`, `"d"`, `"x"`), e(object.Int), e(k))
		}
		return s.leaf(k)
	default:
		switch n {
		case 3:
			return fmt.Sprintf("!%s", e(k))
		case 4, 5:
			return fmt.Sprintf("(%s %s %s)", e(k), s.pick("&&", "||"), e(k))
		case 6:
			of := rapid.SampledFrom([]object.Kind{object.String, object.Int, object.Time}).Draw(s.T, "of")
			return fmt.Sprintf("(%s %s %s)", e(of), s.pick("==", "!=", "<", "<=", ">", ">="), e(of))
		case 7:
			return fmt.Sprintf("(%s in %s)", e(object.String), s.list(depth-1))
		case 8:
			return fmt.Sprintf("%s(%s)", s.pick("IsPresent", "IsNull", "IsNullOrEmpty", "IsEmpty"), e(rapid.SampledFrom([]object.Kind{object.String, object.Int}).Draw(s.T, "of")))
		case 9:
			return fmt.Sprintf("%s(%s, %s)", s.pick("after", "before"), e(object.Time), s.pick(`days(3)`, `duration("48h")`, "hours(-100)"))
		case 10:
			return fmt.Sprintf("%s.%s(%s)", e(object.String), s.pick("contains", "startsWith", "endsWith"), e(object.String))
		}
		return fmt.Sprintf("Eq(%s, %s)", e(object.String), e(object.String))
	}
}

func (s source) leaf(k object.Kind) string {
	switch k {
	case object.String:
		return s.pick("attr.first", "attr.middle", "attr.last", "attr.nick", `"x"`, `""`, `"Ä b;c"`, `(true ? NULL : "x")`, `(false ? "" : Error("no"))`, "ImportedValue(\"mail\")", "first(attr.mails)", `(true ? IgnoreThisFlow : "")`)
	case object.Int:
		return s.pick("attr.number", "attr.uac", "0", "1", "3", "-1", "9223372036854775807", "(true ? NULL : 1)")
	case object.Time:
		return s.pick("attr.hired", "attr.left", "missingSince", `timestamp("2026-06-01T10:00:00Z")`, `date("2026-06-02")`)
	default:
		return s.pick("attr.active", "has(attr.middle)", "has(attr.number)", "true", "false")
	}
}

func (s source) list(depth int) string {
	switch rapid.IntRange(0, 5).Draw(s.T, "list") {
	case 0:
		return "attr.phones"
	case 1:
		return "attr.mails"
	case 2:
		return fmt.Sprintf("[%s, %s]", s.expr(object.String, depth-1), s.expr(object.String, depth-1))
	case 3:
		return fmt.Sprintf("split(%s, %s)", s.expr(object.String, depth-1), s.pick(`";"`, `""`, `" "`))
	case 4:
		return fmt.Sprintf("lower(%s)", s.list(depth-1))
	default:
		return fmt.Sprintf("RemoveDuplicates(%s)", s.list(depth-1))
	}
}

// random draws values for the attributes of the examples, many of them absent.
func random(t *rapid.T) *world {
	w := &world{now: time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC), values: map[string]object.Values{}}
	text := rapid.SampledFrom([]string{"", "a", "Ada", "x y", "Ärger;b", "1", "2026-01-01", "b,c"})
	for _, a := range exampleScope().Attr.Attributes {
		n := rapid.IntRange(0, 3).Draw(t, "values of "+a.Name)
		if !a.Multi {
			n = min(n, 1)
		}
		var vs object.Values
		for range n {
			switch a.Kind {
			case object.String:
				vs = append(vs, object.Str(text.Draw(t, "text")))
			case object.Int:
				vs = append(vs, object.Integer(rapid.Int64Range(-3, 1000).Draw(t, "number")))
			case object.Bool:
				vs = append(vs, object.Boolean(rapid.Bool().Draw(t, "bool")))
			case object.Time:
				vs = append(vs, object.Instant(w.now.Add(time.Duration(rapid.Int64Range(-200, 200).Draw(t, "hours"))*time.Hour)))
			default:
			}
		}
		w.values["attr."+a.Name] = object.Set(vs...)
	}
	if rapid.Bool().Draw(t, "missing") {
		w.missing = w.now.Add(-time.Hour)
	}
	return w
}

// TestEvaluatorsAgree is the differential test: on random expressions and
// values, closures give what CEL gives, and report the same instants.
func TestEvaluatorsAgree(t *testing.T) {
	t.Parallel()
	fast := 0
	rapid.Check(t, func(t *rapid.T) {
		kind := rapid.SampledFrom([]object.Kind{object.String, object.Int, object.Bool, object.Time}).Draw(t, "kind")
		src := source{t}.expr(kind, rapid.IntRange(0, 4).Draw(t, "depth"))
		p, problems := Compile(src, exampleScope(), Type{Kind: kind}, problem.Position{})
		if len(problems) > 0 {
			t.Fatalf("%s: %v", src, problems)
		}
		if p.fast == nil {
			return
		}
		fast++
		slow := slowProgram(t, src, exampleScope(), p.want)
		for range 3 {
			w := random(t)
			v := *w
			got, gotErr := p.result(p.fast(p.machine(w)))
			want, wantErr := slow.result(slow.runCEL(slow.machine(&v), slow.slow))
			if !got.Equal(want) || fmt.Sprint(gotErr) != fmt.Sprint(wantErr) {
				t.Fatalf("%s\non %v\nclosures give %v, %v\nCEL gives %v, %v", src, w.values, got, gotErr, want, wantErr)
			}
			if got != nil && !slices.Equal(distinctTimes(w.due), distinctTimes(v.due)) {
				t.Fatalf("%s\nclosures report %v\nCEL reports %v", src, w.due, v.due)
			}
		}
	})
	t.Logf("%d expressions ran as closures", fast)
	if fast == 0 {
		t.Error("no expression ran as closures")
	}
}

func distinctTimes(ts []time.Time) []time.Time {
	ts = slices.Clone(ts)
	slices.SortFunc(ts, time.Time.Compare)
	return slices.Compact(ts)
}
