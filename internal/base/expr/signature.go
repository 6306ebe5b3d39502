package expr

import (
	"fmt"
	"strings"

	"cel.dev/cel-go/cel"
)

// signature is one way to call a function, read from Function.Signature:
//
//	Left(text string, n int) string
//
// Types are string, int, double, bool, time, duration, bytes, ref, T (any, the
// same all through) and list(…) of these.
type signature struct {
	names  []string
	params []*cel.Type
	result *cel.Type
}

func parseSignature(s string) (signature, error) {
	var sig signature
	_, rest, ok := strings.Cut(s, "(")
	end := strings.LastIndex(rest, ") ")
	if !ok || end < 0 {
		return sig, fmt.Errorf("signature %q: want name(arg type, …) type", s)
	}
	args, result := rest[:end], rest[end+2:]
	for args != "" {
		var arg string
		arg, args, _ = strings.Cut(args, ", ")
		name, typ, _ := strings.Cut(arg, " ")
		t, err := parseType(typ)
		if err != nil {
			return sig, fmt.Errorf("signature %q: %w", s, err)
		}
		sig.names, sig.params = append(sig.names, name), append(sig.params, t)
	}
	t, err := parseType(result)
	if err != nil {
		return sig, fmt.Errorf("signature %q: %w", s, err)
	}
	sig.result = t
	return sig, nil
}

func parseType(s string) (*cel.Type, error) {
	if inner, ok := strings.CutPrefix(s, "list("); ok {
		t, err := parseType(strings.TrimSuffix(inner, ")"))
		if err != nil {
			return nil, err
		}
		return cel.ListType(t), nil
	}
	switch s {
	case "string":
		return cel.StringType, nil
	case "int":
		return cel.IntType, nil
	case "double":
		return cel.DoubleType, nil
	case "bool":
		return cel.BoolType, nil
	case "time":
		return cel.TimestampType, nil
	case "duration":
		return cel.DurationType, nil
	case "bytes":
		return cel.BytesType, nil
	case "ref":
		return refType, nil
	case "T", "U":
		return cel.TypeParamType(s), nil
	}
	return nil, fmt.Errorf("unknown type %q", s)
}

// overloadID names a signature of a function for CEL.
func (s signature) overloadID(name string) string {
	var b strings.Builder
	b.WriteString(name)
	for _, p := range s.params {
		b.WriteString("_" + strings.NewReplacer("(", "_", ")", "").Replace(p.String()))
	}
	return b.String()
}
