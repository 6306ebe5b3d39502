package main

import (
	"errors"
	"strconv"

	"github.com/spf13/pflag"
)

// number is an option that takes a whole number from 1 on: what 0 would mean is
// said by leaving the option away.
type number[T int | int64] struct{ n *T }

// numberFlag adds such an option, which is def if it is left away.
func numberFlag[T int | int64](f *pflag.FlagSet, n *T, name string, def T, usage string) {
	*n = def
	f.Var(number[T]{n}, name, usage)
}

// Set reads the number.
func (x number[T]) Set(text string) error {
	n, err := strconv.Atoi(text)
	switch {
	case errors.Is(err, strconv.ErrRange):
		return errors.New("it is too large")
	case err != nil:
		return errors.New("it is not a whole number")
	case n < 1:
		return errors.New("it must be 1 or more")
	}
	*x.n = T(n)
	return nil
}

func (x number[T]) String() string {
	if x.n == nil { // a zero value is asked what it would print
		return "0"
	}
	return strconv.FormatInt(int64(*x.n), 10)
}

// Type is what kind of value the option takes.
func (number[T]) Type() string { return "int" }
