package expr

import (
	"fmt"
	"time"

	"muster/internal/base/object"
)

// machine is the state of one evaluation. It is also the activation of the CEL
// program, so that both evaluators read through the same door.
type machine struct {
	p     *Program
	in    Input
	stack []val
	zones map[string]*time.Location
	draws int
}

// form says how a variable of the checked tree is read.
type form uint8

const (
	formValue   form = iota // the values of an attribute
	formHas                 // whether there is one
	formMissing             // missingSince
)

// variable is one name in the checked tree and how to read it.
type variable struct {
	Read
	name string // as in the tree
	typ  Type
	form form
	own  bool // bound by unique, not read from the outside
}

func (m *machine) values(v *variable) object.Values {
	if v.Ref != "" {
		return m.in.Through(v.Space, v.Ref, v.Name)
	}
	return m.in.Values(v.Space, v.Name)
}

func (m *machine) read(v *variable) val {
	switch v.form {
	case formMissing:
		if t, ok := m.in.MissingSince(); ok {
			return instant(t)
		}
		return val{}
	case formHas:
		return truth(len(m.values(v)) > 0)
	case formValue:
	}
	vs := m.values(v)
	if !v.typ.Multi {
		if len(vs) == 0 {
			return val{}
		}
		return v.check(vs[0])
	}
	l := make([]val, len(vs))
	for i := range vs {
		e := v.check(vs[i])
		if e.k == kFail {
			return e
		}
		l[i] = e
	}
	return list(l)
}

// check refuses what the schema did not announce.
func (v *variable) check(x object.Value) val {
	if x.Kind() != v.typ.Kind {
		return failed(&EvalError{Message: fmt.Sprintf("%s holds %s, a value of type %s, but the schema says %s", v.Read, fromObject(x).show(), x.Kind(), v.typ.Kind)})
	}
	if len(x.Text()) > MaxText {
		return failed(&EvalError{Message: fmt.Sprintf("%s holds a value longer than %d bytes", v.Read, MaxText)})
	}
	return fromObject(x)
}

// zone finds a time zone by its IANA name.
func (m *machine) zone(name string) (*time.Location, error) {
	if z, ok := m.zones[name]; ok {
		return z, nil
	}
	if name == "" || name == "Local" {
		return nil, fmt.Errorf("%q is no time zone; write a name like Europe/Berlin", name)
	}
	z, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("%q is no time zone; write a name like Europe/Berlin", name)
	}
	if m.zones == nil {
		m.zones = map[string]*time.Location{}
	}
	if len(m.zones) < 1000 {
		m.zones[name] = z
	}
	return z, nil
}
