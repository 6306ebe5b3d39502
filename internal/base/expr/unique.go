package expr

import (
	"muster/internal/base/object"
)

// Unique is an expression that makes names until one is free:
//
//	unique(base, n, expr)
//
// Candidate 1 is the wish itself, the value of base; candidates 2, 3, … are
// expr with base bound to the wish and n to the number.
type Unique struct {
	Wish *Program

	next    *Program
	counter string // the name given to n
}

// Candidate returns the n-th name for a wish: the wish itself for n = 1, ""
// when the expression gives nothing.
func (u *Unique) Candidate(in Input, wish string, n int64) (string, error) {
	if n <= 1 {
		return wish, nil
	}
	vs, err := u.next.Eval(candidate{in, wish, u.counter, n})
	if err != nil {
		return "", err
	}
	return vs.First().Text(), nil
}

const uniqueBase = "base"

// candidate adds the two bound variables to an input.
type candidate struct {
	Input
	base    string
	counter string
	n       int64
}

func (c candidate) Values(space, name string) object.Values {
	switch {
	case space == "" && name == uniqueBase:
		return object.Values{object.Str(c.base)}
	case space == "" && name == c.counter:
		return object.Values{object.Integer(c.n)}
	}
	return c.Input.Values(space, name)
}
