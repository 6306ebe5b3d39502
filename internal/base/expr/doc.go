// Package expr is the expression language of rules: it compiles an expression,
// checks its types against the schemas, and evaluates it on the values that a
// caller hands in. The language is CEL with the functions of the field beside
// it (see Functions and docs/manual/functions.md).
//
// What makes it more than CEL:
//
//   - An attribute without a value is absent. What reads an absent single value
//     gives nothing, which is no error; CEL's own logic still holds, so
//     a == "x" || b == "y" is true when b is, though a is absent. An attribute
//     that may hold several values is never absent: it is an empty list.
//   - MIM's and Entra Connect's functions take an absent argument as "", 0 or
//     false, as they do there; functions with small letters do not.
//   - Functions that ask the clock report when their answer will change.
//   - Half of all flows copy one attribute: Program.Copy tells, and the caller
//     skips the evaluator. The common rest runs as Go closures, what is left as
//     a CEL program; a test holds both to the same answers.
//
// The package never reads a clock, a random source, a file or the network: all
// that an expression can see comes through Input. It never decides what
// happens with a result.
//
// Evaluation always ends. An expression has at most MaxSource bytes and a text
// at most MaxText bytes; what runs as a CEL program, loops among it (map,
// filter, exists …), takes at most MaxCost steps, and what runs as closures has
// no loops, so its own length bounds it.
package expr

//go:generate go test -run 'TestManual|TestProblems' -update .

// The limits that make every evaluation end.
const (
	MaxSource = 16 << 10  // bytes of an expression
	MaxText   = 1 << 20   // bytes of one text or binary value, read or made
	MaxCost   = 5_000_000 // steps (CEL's cost units) of an expression that runs as a CEL program
)
