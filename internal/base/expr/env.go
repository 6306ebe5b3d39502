package expr

import (
	"fmt"
	"reflect"
	"strings"
	"sync"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// inputName is the hidden variable that hands the machine to clocked
// functions inside a CEL program.
const inputName = "@input"

var inputType = cel.OpaqueType(inputName)

// inputVal carries the machine through a CEL program.
type inputVal struct{ m *machine }

func (inputVal) ConvertToNative(reflect.Type) (any, error) { return nil, errAbsent }
func (inputVal) ConvertToType(ref.Type) ref.Val            { return types.NoSuchOverloadErr() }
func (inputVal) Equal(ref.Val) ref.Val                     { return types.False }
func (inputVal) Type() ref.Type                            { return inputType }
func (i inputVal) Value() any                              { return i.m }

// environment is the language without variables.
type environment struct {
	cel *cel.Env
	// overloads finds our function by the id of the overload that the checker
	// chose.
	overloads map[string]overload
}

type overload struct {
	fn       *Function
	overList bool
}

// baseEnv is built once; it never changes.
var baseEnv = sync.OnceValue(func() environment {
	env := environment{overloads: map[string]overload{}}
	opts := []cel.EnvOption{
		cel.StdLib(),
		cel.Macros(macros()...),
		cel.EnableIdentifierEscapeSyntax(),
		cel.Variable(inputName, inputType),
		cel.ExpressionNodeLimit(5000),
		cel.ParserRecursionLimit(100),
		cel.RegexProgramSizeLimit(2000),
		cel.DefaultUTCTimeZone(true),
	}
	for _, f := range Functions() {
		if f.call == nil {
			continue
		}
		var overloads []cel.FunctionOpt
		for line := range strings.Lines(f.Signature) {
			sig, err := parseSignature(strings.TrimSpace(line))
			if err != nil {
				panic(err) // a table is wrong; the tests load every table
			}
			overloads = append(overloads, env.declare(f, sig, false))
			if f.is(each) {
				sig.params = append([]*cel.Type{cel.ListType(sig.params[0])}, sig.params[1:]...)
				sig.result = cel.ListType(sig.result)
				overloads = append(overloads, env.declare(f, sig, true))
			}
		}
		opts = append(opts, cel.Function(f.Name, overloads...))
	}
	e, err := cel.NewEnv(opts...)
	if err != nil {
		panic(fmt.Sprintf("expr: the table of functions is wrong: %v", err))
	}
	env.cel = e
	return env
})

// declare returns one overload of a function for CEL.
func (env *environment) declare(f *Function, sig signature, overList bool) cel.FunctionOpt {
	id := sig.overloadID(f.Name)
	env.overloads[id] = overload{f, overList}
	params := sig.params
	if f.is(clocked) {
		params = append([]*cel.Type{inputType}, params...)
	}
	call := func(args []ref.Val) ref.Val {
		var m *machine
		if f.is(clocked) {
			in, ok := args[0].(inputVal)
			if !ok {
				return types.NoSuchOverloadErr()
			}
			m, args = in.m, args[1:]
		}
		a := make([]val, len(args))
		for i := range args {
			a[i] = fromCEL(args[i])
		}
		return f.invoke(m, a, overList).toCEL()
	}
	var binding cel.OverloadOpt
	switch len(params) {
	case 1:
		binding = cel.UnaryBinding(func(x ref.Val) ref.Val { return call([]ref.Val{x}) })
	case 2:
		binding = cel.BinaryBinding(func(x, y ref.Val) ref.Val { return call([]ref.Val{x, y}) })
	default:
		binding = cel.FunctionBinding(func(args ...ref.Val) ref.Val { return call(args) })
	}
	more := []cel.OverloadOpt{binding}
	if f.is(tolerant) {
		more = append(more, cel.OverloadIsNonStrict())
	}
	return cel.Overload(id, params, sig.result, more...)
}
