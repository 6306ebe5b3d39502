package oracle

import (
	"slices"
	"strings"
	"time"

	"muster/internal/base/object"
	"muster/internal/sync/space"
)

// scene is what an expression can see.
type scene struct {
	values  func(space, attr string) object.Values
	through func(ref, attr string) object.Values
	missing time.Time // since when the source is missing; zero while it is there
	now     time.Time
	due     func(time.Time) // told the next instant at which the answer may change
}

// eval returns the expression's values. Null says that nobody of lower rank may
// contribute. All arguments are always evaluated, so that what is due does not
// depend on the order of thought.
func (x *Expr) eval(s *scene) (vs object.Values, null bool) {
	args := make([]object.Values, len(x.Args))
	for i := range x.Args {
		args[i], _ = x.Args[i].eval(s)
	}
	switch x.Do {
	case "copy":
		return s.values(x.Space, x.Attr), false
	case "constant":
		return text(x.Text), false
	case "upper":
		return text(strings.ToUpper(args[0].First().String())), false
	case "letter":
		return text(letter(args[0].First().String())), false
	case "concat":
		return concat(args), false
	case "either":
		i := slices.IndexFunc(args, func(vs object.Values) bool { return len(vs) > 0 })
		if i >= 0 {
			return args[i], false
		}
		return nil, false
	case "if":
		if truth(args[0]) {
			return args[1], false
		}
		return nil, false
	case "null":
		if truth(args[0]) {
			return nil, true
		}
		return args[1], false
	case "through":
		return s.through(x.Ref, x.Attr), false
	}
	return object.Values{object.Boolean(x.holds(s, args))}, false
}

// holds answers the forms that are true or false.
func (x *Expr) holds(s *scene, args []object.Values) bool {
	switch x.Do {
	case "has":
		return len(s.values(x.Space, x.Attr)) > 0
	case "equals":
		return s.values(x.Space, x.Attr).Has(object.Str(x.Text))
	case "after":
		v := s.values(x.Space, x.Attr).First()
		return !v.IsZero() && s.passed(v.Time().Add(x.Span))
	case "missing":
		return !s.missing.IsZero() && s.passed(s.missing.Add(x.Span))
	case "and":
		return !slices.ContainsFunc(args, func(vs object.Values) bool { return !truth(vs) })
	case "or":
		return slices.ContainsFunc(args, truth)
	case "not":
		return !truth(args[0])
	}
	panic("no such form: " + x.Do)
}

// passed compares the instant with the clock, and notes it if it is to come.
func (s *scene) passed(t time.Time) bool {
	if s.now.Before(t) {
		s.due(t)
		return false
	}
	return true
}

// asks reports that the condition holds; no condition always does.
func (x *Expr) asks(s *scene) bool {
	if x == nil {
		return true
	}
	vs, _ := x.eval(s)
	return truth(vs)
}

func truth(vs object.Values) bool { return vs.Equal(space.Present) }

func text(s string) object.Values {
	if s == "" {
		return nil
	}
	return object.Values{object.Str(s)}
}

func letter(s string) string {
	for _, c := range s {
		return string(c)
	}
	return ""
}

func concat(args []object.Values) object.Values {
	var b strings.Builder
	for _, vs := range args {
		if len(vs) == 0 {
			return nil
		}
		b.WriteString(vs.First().String())
	}
	return text(b.String())
}

// entryScene is what an inbound rule sees: its own entry.
func entryScene(e *space.Entry, now time.Time) *scene {
	return &scene{
		values:  func(_, attr string) object.Values { return e.Image.Get(attr) },
		missing: e.Missing, now: now, due: func(time.Time) {},
	}
}
