package expr

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"

	"muster/internal/base/object"
)

// kind is the type of a val: the kinds of object and what only exists while
// an expression runs.
type kind uint8

const (
	kFail kind = iota // no value: x is the error, errAbsent for an absent one
	kString
	kInt // n; the numbers are those of object.Kind
	kBool
	kTime // n, microseconds since 1970
	kBytes
	kRef
	kDouble   // n, the bits
	kDuration // n, nanoseconds
	kList     // x, a []val
)

// val is a value while an expression runs. The zero val means absent, and
// reads as "", 0 and false, which is what functions that tolerate absence
// count on.
type val struct {
	k kind
	n int64
	s string
	x any
}

var errAbsent = errors.New("absent")

func str(s string) val {
	if len(s) > MaxText {
		return tooLong()
	}
	return val{k: kString, s: s}
}
func tooLong() val                 { return failf("the text would be longer than %d bytes", MaxText) }
func integer(n int64) val          { return val{k: kInt, n: n} }
func instant(t time.Time) val      { return val{k: kTime, n: t.UnixMicro()} }
func octets(b []byte) val          { return val{k: kBytes, s: string(b)} }
func reference(s string) val       { return val{k: kRef, s: s} }
func span(d time.Duration) val     { return val{k: kDuration, n: int64(d)} }
func double(f float64) val         { return val{k: kDouble, n: int64(math.Float64bits(f))} }
func list(l []val) val             { return val{k: kList, x: l} }
func failed(err error) val         { return val{x: err} }
func failf(f string, a ...any) val { return val{x: &EvalError{Message: fmt.Sprintf(f, a...)}} }

func truth(b bool) val {
	if b {
		return val{k: kBool, n: 1}
	}
	return val{k: kBool}
}

func (v val) time() time.Time { return time.UnixMicro(v.n).UTC() }
func (v val) list() []val     { l, _ := v.x.([]val); return l }
func (v val) isTrue() bool    { return v.k == kBool && v.n == 1 }
func (v val) err() error {
	if e, ok := v.x.(error); ok {
		return e
	}
	return errAbsent
}

// absent reports that v is no value and no fault either.
func (v val) absent() bool { return v.k == kFail && v.x == nil }

// equal is CEL's == on two values of the same type.
func (v val) equal(w val) bool {
	if v.k != w.k {
		return false
	}
	switch v.k {
	case kDouble:
		return math.Float64frombits(uint64(v.n)) == math.Float64frombits(uint64(w.n))
	case kList:
		a, b := v.list(), w.list()
		if len(a) != len(b) {
			return false
		}
		for i := range a {
			if !a[i].equal(b[i]) {
				return false
			}
		}
		return true
	default:
		return v.n == w.n && v.s == w.s
	}
}

// text shows a single value as string() does.
func (v val) text() string {
	switch v.k {
	case kDouble:
		return strconv.FormatFloat(math.Float64frombits(uint64(v.n)), 'g', -1, 64)
	case kDuration:
		return time.Duration(v.n).String()
	case kList:
		parts := make([]string, len(v.list()))
		for i, e := range v.list() {
			parts[i] = e.show()
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case kFail:
		return ""
	default:
		return v.object().String()
	}
}

// show shows a value to a person: text in quotes, cut when it is long.
func (v val) show() string {
	switch v.k {
	case kFail:
		return "nothing"
	case kString, kRef:
		return strconv.Quote(clip(v.s))
	case kBytes:
		return fmt.Sprintf("%d bytes", len(v.s))
	default:
		return clip(v.text())
	}
}

func clip(s string) string {
	if r := []rune(s); len(r) > 60 {
		return string(r[:57]) + "…"
	}
	return s
}

// object returns v as a value that can be stored, the zero Value when it
// cannot.
func (v val) object() object.Value {
	switch v.k {
	case kString:
		return object.Str(v.s)
	case kInt:
		return object.Integer(v.n)
	case kBool:
		return object.Boolean(v.n == 1)
	case kTime:
		return object.Instant(v.time())
	case kBytes:
		return object.Octets([]byte(v.s))
	case kRef:
		return object.Reference(v.s)
	default:
		return object.Value{}
	}
}

func fromObject(v object.Value) val {
	switch v.Kind() {
	case object.Int:
		return integer(v.Int())
	case object.Bool:
		return truth(v.Bool())
	case object.Time:
		return instant(v.Time())
	case object.None:
		return val{}
	default:
		return val{k: kind(v.Kind()), s: v.Text()}
	}
}

var refType = cel.OpaqueType("ref")

// refVal is a reference inside a CEL program.
type refVal string

func (r refVal) ConvertToNative(reflect.Type) (any, error) { return string(r), nil }
func (r refVal) Type() ref.Type                            { return refType }
func (r refVal) Value() any                                { return string(r) }
func (r refVal) Equal(o ref.Val) ref.Val                   { s, ok := o.(refVal); return types.Bool(ok && s == r) }
func (r refVal) ConvertToType(t ref.Type) ref.Val {
	if t == types.StringType {
		return types.String(r)
	}
	return types.NewErr("a reference is no %s", t.TypeName())
}

// toCEL hands a value to a CEL program.
func (v val) toCEL() ref.Val {
	switch v.k {
	case kString:
		return types.String(v.s)
	case kInt:
		return types.Int(v.n)
	case kBool:
		return types.Bool(v.n == 1)
	case kTime:
		return types.Timestamp{Time: v.time()}
	case kBytes:
		return types.Bytes(v.s)
	case kRef:
		return refVal(v.s)
	case kDouble:
		return types.Double(math.Float64frombits(uint64(v.n)))
	case kDuration:
		return types.Duration{Duration: time.Duration(v.n)}
	case kList:
		l := v.list()
		out := make([]ref.Val, len(l))
		for i, e := range l {
			out[i] = e.toCEL()
		}
		return types.NewRefValList(types.DefaultTypeAdapter, out)
	default:
		return types.WrapErr(v.err())
	}
}

// fromCEL takes a value from a CEL program.
func fromCEL(v ref.Val) val {
	switch v := v.(type) {
	case types.String:
		return val{k: kString, s: string(v)}
	case types.Int:
		return integer(int64(v))
	case types.Bool:
		return truth(bool(v))
	case types.Timestamp:
		return instant(v.Time)
	case types.Bytes:
		return octets(v)
	case refVal:
		return reference(string(v))
	case types.Double:
		return double(float64(v))
	case types.Duration:
		return span(v.Duration)
	case traits.Lister:
		var l []val
		for it := v.Iterator(); it.HasNext() == types.True; {
			e := fromCEL(it.Next())
			if e.k == kFail {
				return e
			}
			l = append(l, e)
		}
		return list(l)
	case *types.Err:
		return fromError(v)
	default:
		return failf("%v cannot be used here", v.Value())
	}
}

// fromError keeps what is ours of an error that CEL hands on.
func fromError(err error) val {
	var o Outcome
	var e *EvalError
	switch {
	case errors.Is(err, errAbsent):
		return val{}
	case errors.As(err, &o):
		return failed(o)
	case errors.As(err, &e):
		return failed(e)
	}
	return failed(err)
}
