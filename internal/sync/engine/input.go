package engine

import (
	"time"

	"muster/internal/base/object"
	"muster/internal/sync/rules"
	"muster/internal/sync/space"
)

// input is what an expression reads while it is evaluated for one object.
type input struct {
	now     time.Time
	due     *time.Time // earliest switching instant so far
	attr    object.Attrs
	mv      object.Attrs
	account object.Attrs
	missing time.Time
	of      object.ID // with rule and flow: what random values are seeded from; "" where they are not allowed
	rule    string
	flow    string
	through func(ref, name string) object.Values
}

func (in *input) Values(space, name string) object.Values {
	switch space {
	case "attr":
		return in.attr.Get(name)
	case "mv":
		return in.mv.Get(name)
	case "account":
		return in.account.Get(name)
	}
	return nil
}

func (in *input) Through(_, ref, name string) object.Values {
	if in.through == nil {
		return nil
	}
	return in.through(ref, name)
}

func (in *input) MissingSince() (time.Time, bool) { return in.missing, !in.missing.IsZero() }

func (in *input) Now() time.Time { return in.now }

func (in *input) Due(t time.Time) {
	if in.due != nil && t.After(in.now) {
		*in.due = earliest(*in.due, t)
	}
}

func (in *input) Seed() string {
	switch {
	case in.rule == "":
		return ""
	case in.flow == "":
		return in.of.String() + "/" + in.rule
	}
	return in.of.String() + "/" + in.rule + "/" + in.flow
}

// earliest returns the earlier of two instants, zero meaning never.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// entryInput is what a rule reads of an entry.
func (d *Decider) entryInput(e *space.Entry, due *time.Time) *input {
	return &input{now: d.now, due: due, attr: e.Image, missing: e.Missing}
}

// holds reports whether the condition is true; a nil condition is.
func truth(x rules.Expr, in rules.Input) (bool, error) {
	if x == nil {
		return true, nil
	}
	res, err := x.Eval(in)
	return err == nil && res.Outcome == rules.Some && res.Values.First().Bool(), err
}

// refID reads an id out of a reference value.
func refID(v object.Value) object.ID {
	var id object.ID
	copy(id[:], v.Text())
	return id
}

// RefTo returns the reference value that names id.
func RefTo(id object.ID) object.Value { return object.Reference(string(id[:])) }
