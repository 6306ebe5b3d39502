package expr

import (
	"errors"
	"strings"

	"cel.dev/cel-go/interpreter"
)

// Outcome is a result that is no value. Eval returns it as the error; ask with
// errors.Is(err, expr.ClearValue) and so on.
type Outcome string

// The outcomes.
const (
	// ClearValue: this contributor says that there is no value, and nobody
	// ranked below is asked (AuthoritativeNull).
	ClearValue Outcome = "the value is cleared"
	// IgnoreFlow: the flow does as if it did not exist (IgnoreThisFlow).
	IgnoreFlow Outcome = "the flow is ignored"
	// MakePassword: a secret is made when the change is sent (password()).
	MakePassword Outcome = "a password is made when it is sent"
)

// Error says what the outcome means.
func (o Outcome) Error() string { return string(o) }

// EvalError is a fault of one evaluation, about one object's values.
type EvalError struct {
	Code     string // MIM's name of the fault, "" where it has none
	Function string // which function refused, "" when an operator did
	Value    string // what it was given, as shown to a person
	Message  string // why
}

// FaultCode is the name by which the fault is reported.
func (e *EvalError) FaultCode() string { return e.Code }

// Error says what refused what, and why.
func (e *EvalError) Error() string {
	var b strings.Builder
	if e.Function != "" {
		b.WriteString(e.Function)
		if e.Value != "" {
			b.WriteString("(" + e.Value + ")")
		}
		b.WriteString(": ")
	}
	b.WriteString(e.Message)
	return b.String()
}

// celMessages are CEL's own faults in our words.
var celMessages = []struct{ part, words string }{
	{"division by zero", "division by zero"},
	{"modulus by zero", "division by zero"},
	{"overflow", "the number is too large"},
	{"index out of bounds", "the list has no value at that place"},
	{"no such key", "the map has no such key"},
	{"no such overload", "the values have types that do not fit together"},
	{"cost limit exceeded", "the expression takes too long on these values"},
}

// sortError turns whatever an evaluation failed with into what Eval returns:
// nil for absent, an Outcome, or an *EvalError.
func sortError(err error) error {
	if err == nil || errors.Is(err, errAbsent) {
		return nil
	}
	var o Outcome
	if errors.As(err, &o) {
		return o
	}
	var e *EvalError
	if errors.As(err, &e) {
		return e
	}
	var stop interpreter.EvalCancelledError
	msg := err.Error()
	if errors.As(err, &stop) {
		msg = stop.Message
	}
	for _, m := range celMessages {
		if strings.Contains(msg, m.part) {
			return &EvalError{Message: m.words}
		}
	}
	return &EvalError{Message: msg}
}
