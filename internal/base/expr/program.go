package expr

import (
	"slices"
	"strings"
	"sync"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/interpreter"

	"muster/internal/base/object"
)

// Program is a compiled expression. It never changes and may be used by many
// goroutines at once.
type Program struct {
	want      Type
	gives     Type
	vars      []*variable
	byName    map[string]*variable
	canonical string
	copies    bool
	unique    *Unique
	reads     []Read

	fast node        // nil when only CEL can run it
	slow cel.Program // nil when fast is there
	pool *sync.Pool  // of *machine
}

// Eval computes the expression.
//
// It returns nil, nil when the result is absent; an Outcome as the error when
// the result is no value but an instruction; an *EvalError when a value does
// not suit. A text that was computed and is empty is no value, because no
// directory holds one; a plain copy gives what it finds. Of a unique
// expression it gives the wish.
func (p *Program) Eval(in Input) (object.Values, error) {
	if p.unique != nil {
		return p.unique.Wish.Eval(in)
	}
	if p.copies {
		return p.copied(in)
	}
	m := p.machine(in)
	defer p.release(m)
	var v val
	if p.fast != nil {
		v = p.fast(m)
	} else {
		v = p.runCEL(m, p.slow)
	}
	return p.result(v)
}

func (p *Program) copied(in Input) (object.Values, error) {
	v := p.vars[0]
	vs := in.Values(v.Space, v.Name)
	if !v.typ.Multi && len(vs) > 1 {
		vs = vs[:1]
	}
	for _, x := range vs {
		if bad := v.check(x); bad.k == kFail {
			return nil, sortError(bad.err())
		}
	}
	return vs, nil
}

func (p *Program) machine(in Input) *machine {
	m, _ := p.pool.Get().(*machine)
	if m == nil {
		m = &machine{p: p}
	}
	m.in, m.draws = in, 0
	return m
}

func (p *Program) release(m *machine) {
	clear(m.stack[:cap(m.stack)])
	m.stack, m.in = m.stack[:0], nil
	p.pool.Put(m)
}

func (p *Program) runCEL(m *machine, prg cel.Program) val {
	out, _, err := prg.Eval(m)
	if err != nil {
		return fromError(err)
	}
	return fromCEL(out)
}

// result makes what Eval returns out of a computed value.
func (p *Program) result(v val) (object.Values, error) {
	switch v.k {
	case kFail:
		return nil, sortError(v.err())
	case kList:
		l := v.list()
		vs := make([]object.Value, 0, len(l))
		for _, e := range l {
			o, err := p.storable(e)
			if err != nil {
				return nil, err
			}
			if !o.IsZero() {
				vs = append(vs, o)
			}
		}
		if !p.want.Multi && p.want.Kind != object.None && len(vs) > 1 {
			return nil, &EvalError{Message: "the expression gives several values where one is wanted"}
		}
		return object.Set(vs...), nil
	default:
		o, err := p.storable(v)
		if err != nil || o.IsZero() {
			return nil, err
		}
		return object.Values{o}, nil
	}
}

func (p *Program) storable(v val) (object.Value, error) {
	if v.k == kString && v.s == "" {
		return object.Value{}, nil
	}
	if len(v.s) > MaxText {
		return object.Value{}, sortError(tooLong().err())
	}
	o := v.object()
	if o.IsZero() || p.want.Kind != object.None && o.Kind() != p.want.Kind {
		return o, &EvalError{Message: "the expression gives " + v.show() + ", which is not " + kindWords(p.want.Kind)}
	}
	return o, nil
}

// Type returns what the expression gives.
func (p *Program) Type() Type { return p.gives }

// Reads returns what the expression reads, sorted, each once. The caller must
// not change it.
func (p *Program) Reads() []Read { return p.reads }

// Copy reports that the expression is a plain copy of one attribute, of the
// wanted type, so that the values can be taken without Eval.
func (p *Program) Copy() (space, attr string, ok bool) {
	if !p.copies {
		return "", "", false
	}
	return p.vars[0].Space, p.vars[0].Name, true
}

// Canonical returns the checked form as text: equal for expressions that
// differ only in layout, comments, quotes and parentheses. Hashes of rules are
// taken over it; nobody parses it.
func (p *Program) Canonical() string { return p.canonical }

// Unique returns the parts of a unique(…) expression, nil for any other.
func (p *Program) Unique() *Unique { return p.unique }

func gatherReads(vars []*variable) []Read {
	var reads []Read
	for _, v := range vars {
		if !v.own {
			reads = append(reads, v.Read)
		}
	}
	return sortReads(reads)
}

func sortReads(reads []Read) []Read {
	slices.SortFunc(reads, func(a, b Read) int { return strings.Compare(a.String(), b.String()) })
	return slices.Compact(reads)
}

// ResolveName hands a variable to a CEL program.
func (m *machine) ResolveName(name string) (any, bool) {
	if v, ok := m.p.byName[name]; ok {
		return m.read(v).toCEL(), true
	}
	if name == inputName {
		return inputVal{m}, true
	}
	return nil, false
}

// Parent says that there are no further variables.
func (m *machine) Parent() interpreter.Activation { return nil }
