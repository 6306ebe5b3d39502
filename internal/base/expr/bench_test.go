package expr

import (
	"testing"

	"muster/internal/base/object"
)

func BenchmarkEval(b *testing.B) {
	for _, bm := range []struct{ name, src string }{
		{"copy", `attr.first`},
		{"name", `lower(left(attr.first, 1) + attr.last)`},
		{"choice", `attr.active && attr.country == "de" ? attr.first + " " + attr.last : attr.last`},
		{"absent", `attr.middle + "x"`},
		{"list", `lower(attr.mails)`},
	} {
		in := Input(exampleInput{exampleValues()})
		b.Run(bm.name+"/closures", func(b *testing.B) {
			p := mustCompile(b, bm.src, exampleScope(), Type{})
			if p.fast == nil {
				b.Fatal("no closures")
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := p.Eval(in); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(bm.name+"/cel", func(b *testing.B) {
			p := slowProgram(b, bm.src, exampleScope(), Type{})
			p.copies = false
			b.ReportAllocs()
			for b.Loop() {
				if _, err := p.Eval(in); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkCompile(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		mustCompile(b, `lower(left(attr.first, 1) + attr.last)`, exampleScope(), Type{Kind: object.String})
	}
}
