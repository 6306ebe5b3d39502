package connector

import (
	"errors"

	"muster/internal/base/problem"
)

// Errors every connector uses, so that one place decides what to do.
var (
	ErrMarkExpired = errors.New("the system's record of changes no longer reaches back to our mark")
	ErrNotFound    = errors.New("no such object in the connected system")
)

// Names of faults: MIM's, where it has one (they are stable identifiers that
// administrators search for).
const (
	FailedConnection     problem.Code = "failed-connection"
	DroppedConnection    problem.Code = "dropped-connection"
	FailedAuthentication problem.Code = "failed-authentication"
	FailedPermission     problem.Code = "failed-permission"
	PartitionGone        problem.Code = "no-start-partition-delete"
	MissingPartition     problem.Code = "missing-partition-for-run-step"
	FailedSearch         problem.Code = "failed-search"
	ParseError           problem.Code = "parse-error"
	ReadError            problem.Code = "read-error"
	DuplicateObject      problem.Code = "duplicate-object"
	MissingAnchor        problem.Code = "missing-anchor-component"
	MultiValuedAnchor    problem.Code = "multi-valued-anchor-component"
	AnchorTooLong        problem.Code = "anchor-too-long"
	MissingObjectType    problem.Code = "missing-object-type"
	UnmappableType       problem.Code = "unmappable-object-type"
	MissingChangeType    problem.Code = "missing-change-type"
	InvalidChangeType    problem.Code = "invalid-change-type"
	NeedFullObject       problem.Code = "need-full-object"
	MultiSingleMismatch  problem.Code = "multi-single-mismatch"
	InvalidValue         problem.Code = "invalid-attribute-value"
	InvalidNumeric       problem.Code = "invalid-numeric-value"
	InvalidBoolean       problem.Code = "invalid-boolean-value"
	InvalidBase64        problem.Code = "invalid-base64-value"
	InvalidReference     problem.Code = "invalid-reference-value"
	InvalidDN            problem.Code = "invalid-dn"
	MissingDN            problem.Code = "missing-dn"
	MissingObject        problem.Code = "cd-missing-object"
	ExistingObject       problem.Code = "cd-existing-object"
	DuplicateAnchor      problem.Code = "duplicate-anchor"
	AmbiguousUpdate      problem.Code = "ambiguous-update"
	PasswordPolicy       problem.Code = "password-policy-violation"
	EncryptionNotEnabled problem.Code = "encryption-not-enabled"
	NoParent             problem.Code = "non-existent-parent"
	NamingAttribute      problem.Code = "modify-naming-attribute"
	SchemaViolation      problem.Code = "schema-violation"
	ConstraintViolation  problem.Code = "constraint-violation"
	SyntaxViolation      problem.Code = "syntax-violation"
	PermissionIssue      problem.Code = "permission-issue"
	TypeMismatch         problem.Code = "cs-attribute-type-mismatch"
	UnexportedRename     problem.Code = "unexported-container-rename"
	ContainerDelete      problem.Code = "unsupported-container-delete"
	BadReference         problem.Code = "dn-attributes-failure"
	CodePageConversion   problem.Code = "code-page-conversion"
	CDError              problem.Code = "cd-error"
)

// Refusal says that one object, or one change, was refused and that work on
// the others can go on. Any other error ends the step.
type Refusal struct {
	Object string // the object in the system's words: anchor, DN, or file:line
	Anchor string // of an import: by which a Finder can be asked for the object again; "" if that is not known
	Code   problem.Code
	Err    error
}

// Error says which object was refused and why.
func (r *Refusal) Error() string {
	s := string(r.Code)
	if r.Object != "" {
		s = r.Object + ": " + s
	}
	if r.Err != nil {
		s += ": " + r.Err.Error()
	}
	return s
}

// Unwrap returns the system's own error.
func (r *Refusal) Unwrap() error { return r.Err }

// Unanswered says that a change was sent and no answer came: it may or may not
// have happened. It is found out, never guessed.
type Unanswered struct{ Err error }

// Error says why there was no answer.
func (u *Unanswered) Error() string { return "sent, but not answered: " + u.Err.Error() }

// Unwrap returns the cause.
func (u *Unanswered) Unwrap() error { return u.Err }
