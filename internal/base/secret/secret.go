// Package secret hands out credentials by name and keeps them from being
// shown. Configuration names secrets; their values come from the environment,
// from files that the operator places, or from sealed files, which a key set
// opens. The package never prints or logs a value, never stores one that is not
// sealed, and never writes one into an error.
package secret

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"strings"

	"muster/internal/base/problem"
)

// Shown is what every way of printing a Text gives.
const Shown = "•••"

// Text is a secret. However it is printed, logged or encoded, alone or inside
// something else, it shows as Shown; the value comes out by Reveal alone. The
// zero Text is empty.
//
// Texts are compared by Equal, not by ==.
type Text struct {
	// A function, because fmt looks through unexported fields of other types
	// without asking their methods, and would print a string found there.
	value func() string
}

// New seals a value.
func New(value string) Text { return Text{func() string { return value }} }

// Reveal returns the value. Give it to what needs it and keep it nowhere.
func (t Text) Reveal() string {
	if t.value == nil {
		return ""
	}
	return t.value()
}

// IsEmpty reports that there is no value.
func (t Text) IsEmpty() bool { return t.Reveal() == "" }

// Equal compares two secrets in a time that tells nothing of where they
// differ.
func (t Text) Equal(other Text) bool {
	a, b := sha256.Sum256([]byte(t.Reveal())), sha256.Sum256([]byte(other.Reveal()))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

// String returns Shown.
func (t Text) String() string { return Shown }

// GoString returns Shown.
func (t Text) GoString() string { return Shown }

// Format writes Shown, whatever the verb.
func (t Text) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, Shown) }

// MarshalText returns Shown.
func (t Text) MarshalText() ([]byte, error) { return []byte(Shown), nil }

// MarshalJSON returns Shown as a JSON text.
func (t Text) MarshalJSON() ([]byte, error) { return []byte(`"` + Shown + `"`), nil }

// LogValue returns Shown.
func (t Text) LogValue() slog.Value { return slog.StringValue(Shown) }

// Source finds secrets by name. A secret that is not there is an error that
// wraps ErrNotFound and says where it was looked for and how to set it. No
// error holds a value. Sources may be asked from several goroutines.
type Source interface {
	Secret(name string) (Text, error)
}

// ErrNotFound says that a source does not have the secret.
var ErrNotFound = errors.New("not found")

// The codes of problems with secrets.
const (
	CodeMissing problem.Code = "secret-missing" // it is nowhere
	CodeUnsafe  problem.Code = "secret-unsafe"  // it is there, but others can read it
	CodeInvalid problem.Code = "secret-invalid" // its name or its content cannot be right
)

// missing is the cause of CodeMissing: where was looked, and what would help.
type missing struct{ places, ways []string }

func (m *missing) Error() string { return "looked for " + strings.Join(m.places, " and ") }

func (m *missing) Is(target error) bool { return target == ErrNotFound }

func (m *missing) problem(name string) error {
	return &problem.Problem{
		Code: CodeMissing, Object: "secret " + name, Message: "is not set", Err: m,
		Fix: strings.Join(m.ways, ", or "),
	}
}

var nameForm = regexp.MustCompile(`^[a-z0-9][a-z0-9-]*$`)

// checkName keeps out what is no name. It does not repeat it: somebody may
// have written the secret itself in its place.
func checkName(name string) error {
	if nameForm.MatchString(name) && len(name) <= 64 {
		return nil
	}
	return &problem.Problem{
		Code: CodeInvalid, Object: "secret", Message: "its name is not valid",
		Fix: "names have small letters, digits and dashes, at most 64, and begin with a letter or digit",
	}
}
