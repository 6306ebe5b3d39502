package object

import (
	"cmp"
	"encoding/base64"
	"strconv"
	"strings"
	"time"
)

// Kind is the type of a value.
type Kind uint8

// The kinds of values. The numbers are stored: append, never reorder.
const (
	None   Kind = iota // no value; only the zero Value has it
	String             // text, UTF-8
	Int                // 64-bit signed integer
	Bool               // true or false
	Time               // an instant, to the microsecond, UTC
	Bytes              // octets
	Ref                // names another object: an anchor or DN in a space, an object id in the metaverse
)

var kindNames = [...]string{"none", "string", "int", "bool", "time", "bytes", "ref"}

// String returns the name of the kind as configuration writes it.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "kind(" + strconv.Itoa(int(k)) + ")"
}

// ParseKind returns the kind that configuration calls name.
func ParseKind(name string) (Kind, bool) {
	for i, n := range kindNames {
		if n == name && i > 0 {
			return Kind(i), true
		}
	}
	return None, false
}

// Value is one typed value. Values are comparable: two values are the same
// exactly when == says so. The zero Value is no value.
type Value struct {
	kind Kind
	num  int64  // Int, Bool (0 or 1), Time (microseconds since 1970 UTC)
	text string // String, Bytes, Ref
}

// Str returns a text value.
func Str(s string) Value { return Value{kind: String, text: s} }

// Integer returns an integer value.
func Integer(n int64) Value { return Value{kind: Int, num: n} }

// Boolean returns a truth value.
func Boolean(b bool) Value {
	if b {
		return Value{kind: Bool, num: 1}
	}
	return Value{kind: Bool}
}

// Instant returns a time value. Whatever is finer than a microsecond is cut.
func Instant(t time.Time) Value { return Value{kind: Time, num: t.UnixMicro()} }

// Octets returns a binary value; it keeps a copy of b.
func Octets(b []byte) Value { return Value{kind: Bytes, text: string(b)} }

// Reference returns a reference to what name names.
func Reference(name string) Value { return Value{kind: Ref, text: name} }

// Kind returns the type of the value.
func (v Value) Kind() Kind { return v.kind }

// IsZero reports that v is no value.
func (v Value) IsZero() bool { return v.kind == None }

// Text returns the text of a String, Bytes or Ref value, "" for others.
func (v Value) Text() string { return v.text }

// Int returns the number of an Int value, 0 for others.
func (v Value) Int() int64 {
	if v.kind == Int {
		return v.num
	}
	return 0
}

// Bool returns the truth of a Bool value, false for others.
func (v Value) Bool() bool { return v.kind == Bool && v.num == 1 }

// Time returns the instant of a Time value in UTC, the zero time for others.
func (v Value) Time() time.Time {
	if v.kind != Time {
		return time.Time{}
	}
	return time.UnixMicro(v.num).UTC()
}

// Compare orders values: by kind, then by what they hold, text by bytes.
func (v Value) Compare(w Value) int {
	return cmp.Or(cmp.Compare(v.kind, w.kind), cmp.Compare(v.num, w.num), strings.Compare(v.text, w.text))
}

// String shows the value to a person: text as it is, octets in base64, times
// in RFC 3339.
func (v Value) String() string {
	switch v.kind {
	case String, Ref:
		return v.text
	case Int:
		return strconv.FormatInt(v.num, 10)
	case Bool:
		return strconv.FormatBool(v.num == 1)
	case Time:
		return v.Time().Format(time.RFC3339Nano)
	case Bytes:
		return base64.StdEncoding.EncodeToString([]byte(v.text))
	default:
		return ""
	}
}

// ParseValue reads text as a value of kind k, in the form that String writes.
// A time may also be a plain date, which means its first instant in UTC.
func ParseValue(k Kind, text string) (Value, error) {
	switch k {
	case String:
		return Str(text), nil
	case Ref:
		return Reference(text), nil
	case Int:
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return Value{}, &SyntaxError{Kind: k, Text: text}
		}
		return Integer(n), nil
	case Bool:
		switch {
		case strings.EqualFold(text, "true"), text == "1":
			return Boolean(true), nil
		case strings.EqualFold(text, "false"), text == "0":
			return Boolean(false), nil
		}
	case Time:
		for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", time.DateTime, time.DateOnly} {
			if t, err := time.Parse(layout, text); err == nil {
				return Instant(t), nil
			}
		}
	case Bytes:
		if b, err := base64.StdEncoding.DecodeString(text); err == nil {
			return Octets(b), nil
		}
	case None:
	}
	return Value{}, &SyntaxError{Kind: k, Text: text}
}

// SyntaxError says that a text is no value of the wanted kind. MIM's names for
// it are invalid-numeric-value, invalid-boolean-value, invalid-base64-value
// and invalid-attribute-value.
type SyntaxError struct {
	Kind Kind
	Text string
}

// Error says what was found and what was wanted.
func (e *SyntaxError) Error() string {
	return strconv.Quote(e.Text) + " is not a value of type " + e.Kind.String()
}
