package connectortest

import (
	"errors"
	"strings"
	"time"

	"muster/internal/base/object"
	"muster/internal/sync/connector"
)

// texts that have broken connectors: each must come back as it went.
var texts = map[string]string{
	"plain":       "Anna",
	"umlauts":     "Jürgen Größe, Ærø",
	"other plane": "葛󠄀 𝒜 👩‍👩‍👧",
	"decomposed":  "Zoe\u0308",
	"quotes":      `a "quoted" 'word'`,
	"separators":  `a,b;c|d` + "\te",
	"backslashes": `C:\temp\*(x)\00`,
	"markup":      `<a href="&amp;">]]></a>`,
	"sql":         `Robert'); DROP TABLE people;--`,
	"like null":   "null",
	"like number": "007",
	"like true":   "true",
	"hash":        "#END",
	"formula":     "=1+1",
}

// roundTrip sends one value with an add and another object's update, and
// wants it back through an import.
func (x *exam) roundTrip(attr string, v object.Value) {
	x.Helper()
	all := x.make(2)
	all[0].Attrs.Put(attr, object.Set(v))
	x.exported(x.add(all[0]), x.add(all[1]))
	there, ok := x.there(all[1])
	if !ok {
		x.Fatalf("%s is not there", x.name(all[1]))
	}
	x.exported(change(connector.Update, there, set(attr, v)))
	all[1].Attrs.Put(attr, object.Set(v))
	x.holds(all...)
	told, _ := x.told(connector.Scope{})
	x.covers(told[x.name(all[0])], all[0])
	x.covers(told[x.name(all[1])], all[1])
}

func kindCase(k object.Kind, values ...object.Value) testCase {
	return testCase{"values/" + k.String(), func(x *exam) {
		x.exporter()
		attr := x.Sample.Kinds[k]
		x.needs(attr != "", "no attribute of this kind")
		for i, v := range values {
			for n := range 2 {
				r := x.Sample.Make(2*i + n)
				r.Attrs = r.Attrs.Clone()
				r.Attrs.Put(attr, object.Set(v))
				x.exported(x.add(r))
				x.holds(r)
				told, _ := x.told(connector.Scope{})
				x.covers(told[x.name(r)], r)
			}
		}
	}}
}

var valueCases = []testCase{
	{"values/text", func(x *exam) {
		x.exporter()
		x.needs(x.Sample.Text != "", "no text attribute")
		var all []object.Record
		var changes []connector.Change
		for _, text := range texts {
			r := x.Sample.Make(len(all))
			r.Attrs = r.Attrs.Clone()
			r.Attrs.Put(x.Sample.Text, object.Set(object.Str(text)))
			all = append(all, r)
			changes = append(changes, x.add(r))
		}
		x.exported(changes...)
		x.holds(all...)
		told, _ := x.told(connector.Scope{})
		for _, r := range all {
			x.covers(told[x.name(r)], r)
		}
	}},
	{"values/several texts", func(x *exam) {
		x.exporter()
		x.needs(x.Sample.Multi != "", "no attribute with several values")
		r := x.make(1)[0]
		r.Attrs.Put(x.Sample.Multi, object.Set(object.Str("z"), object.Str("Ä"), object.Str(`"`), object.Str("a,b")))
		x.exported(x.add(r))
		x.holds(r)
		told, _ := x.told(connector.Scope{})
		x.covers(told[x.name(r)], r)
	}},
	{"values/long text", func(x *exam) {
		x.exporter()
		x.needs(x.Sample.Text != "", "no text attribute")
		n := x.Sample.Long
		if n == 0 {
			n = 10_000
		}
		x.roundTrip(x.Sample.Text, object.Str(strings.Repeat("äb", n/2)))
	}},
	{"values/line breaks", func(x *exam) {
		x.exporter()
		x.needs(x.Sample.Text != "", "no text attribute")
		x.needs(!x.Sample.OneLine, "texts are single lines")
		x.roundTrip(x.Sample.Text, object.Str("one\ntwo\r\nthree\n\nfive"))
	}},
	{"values/outer spaces", func(x *exam) {
		x.kept(object.Str("  in the middle of blanks "))
	}},
	{"values/empty text", func(x *exam) {
		// An empty text is not the absence of one: it comes back, or it is refused.
		x.kept(object.Str(""))
	}},
	{"values/absent", func(x *exam) {
		x.exporter()
		x.needs(x.Sample.Text != "", "no text attribute")
		r := x.make(1)[0]
		with := r
		with.Attrs = r.Attrs.Clone()
		with.Attrs.Put(x.Sample.Text, object.Set(object.Str("x")))
		x.exported(x.add(with))
		there, _ := x.there(r)
		x.exported(change(connector.Update, there, set(x.Sample.Text)))
		told, _ := x.told(connector.Scope{})
		x.equal(told[x.name(r)].Attrs.Has(x.Sample.Text), false, "the removed value is told")
		x.exported(change(connector.Update, there, set(x.Sample.Text)))
	}},
	kindCase(object.Int, object.Integer(0), object.Integer(-1), object.Integer(1<<31), object.Integer(42)),
	kindCase(object.Bool, object.Boolean(true), object.Boolean(false)),
	kindCase(object.Time, object.Instant(time.Date(2024, 2, 29, 23, 59, 58, 0, time.UTC)), object.Instant(time.Date(1969, 12, 31, 0, 0, 0, 0, time.UTC))),
	kindCase(object.Bytes, object.Octets([]byte{0, 1, 2, 0xff, '\n'}), object.Octets([]byte("text"))),
}

// kept sends a value that a system may refuse but not silently change.
func (x *exam) kept(v object.Value) {
	x.exporter()
	x.needs(x.Sample.Text != "", "no text attribute")
	r := x.make(1)[0]
	r.Attrs.Put(x.Sample.Text, object.Set(v))
	err := x.export(x.add(r))[0]
	var refusal *connector.Refusal
	if errors.As(err, &refusal) {
		x.lacks(r)
		return
	}
	x.must(err, "Send")
	x.holds(r)
	told, _ := x.told(connector.Scope{})
	x.covers(told[x.name(r)], r)
}
