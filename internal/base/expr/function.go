package expr

import (
	"slices"
	"strings"
	"sync"
)

// Where functions come from.
const (
	FromMIM   = "MIM"
	FromEntra = "Entra Connect"
	FromBoth  = "MIM, Entra Connect"
	Own       = "Muster"
	FromCEL   = "CEL"
)

// Example is one use of a function with what it gives. The manual says which
// attributes the examples read.
type Example struct {
	Expr  string
	Want  string // the result as object.Values shows it, "" for nothing
	Error string // or a part of the fault
}

// Function is one function of the language. Names mind case.
type Function struct {
	Name      string
	Summary   string // one or two sentences
	Origin    string // FromMIM and so on
	Signature string // one way to call it a line
	Examples  []Example

	traits  traitSet
	call    callFunc // nil for macros and for what CEL has
	only    []Context
	instead string // what to write where the function is not allowed
}

// callFunc computes a result. a has as many arguments as one of the
// signatures, of its types; none is absent or failed unless the function is
// tolerant, and then none is failed other than absent.
type callFunc func(m *machine, a []val) val

type traitSet uint8

const (
	tolerant traitSet = 1 << iota // takes absent arguments, as "", 0, false
	each                          // applies to each value of a list given first
	clocked                       // needs the machine: clock, zones, randomness
	dotted                        // CEL has it too, written behind a dot
	fallback                      // gives its second argument, faults included, when the first is absent
)

func (f *Function) is(t traitSet) bool { return f.traits&t != 0 }

// EachValue reports that the function, given a list first, applies to each of
// its values.
func (f *Function) EachValue() bool { return f.is(each) }

// TakesAbsent reports that absent arguments are taken as "", 0 or false, and
// not as a reason to give nothing.
func (f *Function) TakesAbsent() bool { return f.is(tolerant) }

func (f *Function) allowedIn(c Context) bool { return len(f.only) == 0 || slices.Contains(f.only, c) }

// invoke calls the function with checked arguments: absent and failed ones are
// dealt with here, lists are taken apart, faults get the function's name.
func (f *Function) invoke(m *machine, a []val, overList bool) val {
	for i := range a {
		if a[i].k == kFail && !f.takes(i, a[i]) {
			return a[i]
		}
	}
	if !overList {
		return f.blame(f.call(m, a), a)
	}
	in := a[0].list()
	out := make([]val, 0, len(in))
	one := slices.Clone(a)
	for _, e := range in {
		one[0] = e
		v := f.call(m, one)
		if v.k != kFail {
			out = append(out, v)
		} else if !v.absent() {
			return f.blame(v, one)
		}
	}
	return list(out)
}

// takes reports that the function is called though its i-th argument is no
// value.
func (f *Function) takes(i int, v val) bool {
	return f.is(tolerant) && (v.absent() || i > 0 && f.is(fallback))
}

// blame writes the function's name and arguments into a fault it gave.
func (f *Function) blame(v val, a []val) val {
	if v.k != kFail || f.is(fallback) {
		return v
	}
	if e, ok := v.x.(*EvalError); ok && e.Function == "" {
		shown := make([]string, len(a))
		for i := range a {
			shown[i] = a[i].show()
		}
		e.Function, e.Value = f.Name, strings.Join(shown, ", ")
	}
	return v
}

// Functions returns every function of the language, sorted by name without
// regard to case. The caller must not change it.
func Functions() []*Function { return catalog().sorted }

type functionCatalog struct {
	sorted []*Function
	byName map[string]*Function
}

// catalog is the table of functions, gathered once from the tables by theme.
var catalog = sync.OnceValue(func() functionCatalog {
	c := functionCatalog{byName: map[string]*Function{}}
	for _, table := range [][]Function{
		textFunctions(), textOwnFunctions(), logicFunctions(), bitFunctions(), listFunctions(), convertFunctions(), dateFunctions(), dateOwnFunctions(),
		clockFunctions(), dnFunctions(), idFunctions(), certFunctions(), specialFunctions(), celFunctions(),
	} {
		for i := range table {
			c.sorted = append(c.sorted, &table[i])
			c.byName[table[i].Name] = &table[i]
		}
	}
	slices.SortStableFunc(c.sorted, func(a, b *Function) int {
		if d := strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)); d != 0 {
			return d
		}
		return strings.Compare(a.Name, b.Name)
	})
	return c
})
