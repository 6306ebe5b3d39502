package expr

import (
	"cmp"
	"strings"
	"unicode/utf8"

	"cel.dev/cel-go/common/types"
)

// checkedKind returns the kind of a checked type; kFail when closures do not
// know it.
func checkedKind(t *types.Type) kind {
	if t == nil {
		return kFail
	}
	switch t.Kind() {
	case types.StringKind:
		return kString
	case types.IntKind:
		return kInt
	case types.BoolKind:
		return kBool
	case types.TimestampKind:
		return kTime
	case types.BytesKind:
		return kBytes
	case types.DurationKind:
		return kDuration
	case types.OpaqueKind:
		if t.IsExactType(refType) {
			return kRef
		}
	case types.ListKind:
		if k := checkedKind(t.Parameters()[0]); k != kFail && k != kList {
			return kList
		}
	default:
	}
	return kFail
}

func unaryOperator(name string, k kind) func(val) val {
	switch {
	case name == "!_" && k == kBool:
		return func(v val) val { return truth(v.n == 0) }
	case name == "size" && k == kString:
		return func(v val) val { return integer(int64(utf8.RuneCountInString(v.s))) }
	case name == "size" && k == kList:
		return func(v val) val { return integer(int64(len(v.list()))) }
	case name == "string" && (k == kInt || k == kString || k == kBool):
		return func(v val) val { return val{k: kString, s: v.text()} }
	}
	return nil
}

func binaryOperator(name string, a, b kind) func(v, w val) val {
	if name == "@in" && a != kFail && a != kList && b == kList {
		return func(v, w val) val {
			for _, e := range w.list() {
				if e.equal(v) {
					return truth(true)
				}
			}
			return truth(false)
		}
	}
	if a != b || a == kFail {
		return nil
	}
	switch name {
	case "_==_":
		return func(v, w val) val { return truth(v.equal(w)) }
	case "_!=_":
		return func(v, w val) val { return truth(!v.equal(w)) }
	}
	switch a {
	case kString:
		return textOperator(name)
	case kInt:
		return numberOperator(name)
	case kTime:
		return comparison(name, number)
	default:
	}
	return nil
}

func text(v val) string  { return v.s }
func number(v val) int64 { return v.n } // of a time too

// comparison returns an operator that compares what of gives of both sides.
func comparison[T cmp.Ordered](name string, of func(val) T) func(v, w val) val {
	switch name {
	case "_<_":
		return func(v, w val) val { return truth(of(v) < of(w)) }
	case "_<=_":
		return func(v, w val) val { return truth(of(v) <= of(w)) }
	case "_>_":
		return func(v, w val) val { return truth(of(v) > of(w)) }
	case "_>=_":
		return func(v, w val) val { return truth(of(v) >= of(w)) }
	}
	return nil
}

func textOperator(name string) func(v, w val) val {
	switch name {
	case "contains":
		return func(v, w val) val { return truth(strings.Contains(v.s, w.s)) }
	case "startsWith":
		return func(v, w val) val { return truth(strings.HasPrefix(v.s, w.s)) }
	case "endsWith":
		return func(v, w val) val { return truth(strings.HasSuffix(v.s, w.s)) }
	}
	return comparison(name, text)
}

func numberOperator(name string) func(v, w val) val {
	switch name {
	case "_+_":
		return func(v, w val) val {
			n := v.n + w.n
			if (n > v.n) != (w.n > 0) {
				return failf("the number is too large")
			}
			return integer(n)
		}
	case "_-_":
		return func(v, w val) val {
			n := v.n - w.n
			if (n < v.n) != (w.n > 0) {
				return failf("the number is too large")
			}
			return integer(n)
		}
	}
	return comparison(name, number)
}
