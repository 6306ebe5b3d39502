package tree

import "fmt"

// Result codes (RFC 4511 appendix A; 4096 is RFC 4533 §2.6).
const (
	Success               = 0
	OperationsError       = 1
	ProtocolError         = 2
	SizeLimitExceeded     = 4
	CompareFalse          = 5
	CompareTrue           = 6
	AuthMethodUnsupported = 7
	CriticalUnavailable   = 12
	Confidentiality       = 13
	NoSuchAttribute       = 16
	UndefinedType         = 17
	InappropriateMatching = 18
	ConstraintViolation   = 19
	ValueExists           = 20
	InvalidSyntax         = 21
	NoSuchObject          = 32
	InvalidDN             = 34
	InvalidCredentials    = 49
	InsufficientAccess    = 50
	Unwilling             = 53
	NamingViolation       = 64
	ClassViolation        = 65
	NotOnNonLeaf          = 66
	NotOnRDN              = 67
	AlreadyExists         = 68
	ClassModsProhibited   = 69
	AffectsMultiple       = 71
	OtherError            = 80
	AssertionFailed       = 122
	RefreshRequired       = 4096
)

// Failure is a result that is not success.
type Failure struct {
	Code    int
	Matched string // the nearest entry that exists
	Text    string
}

// Error shows the result to a person.
func (f *Failure) Error() string { return fmt.Sprintf("LDAP result %d: %s", f.Code, f.Text) }

// Fail returns a result with a diagnostic text.
func Fail(code int, format string, args ...any) *Failure {
	return &Failure{Code: code, Text: fmt.Sprintf(format, args...)}
}
