package ldap

import (
	"context"
	"errors"

	ldap3 "github.com/go-ldap/ldap/v3"

	"muster/internal/base/problem"
	"muster/internal/sync/connector"
)

func asError[T error](err error, target *T) bool { return errors.As(err, target) }

// assertionFailed is the result of RFC 4528, which the library does not name.
const assertionFailed = 122

// syncRefreshRequired is e-syncRefreshRequired of RFC 4533 §2.6.
const syncRefreshRequired = 4096

// resultCode returns the server's result code, 0 if err is no answer of it.
func resultCode(err error) uint16 {
	var e *ldap3.Error
	if asError(err, &e) && (e.ResultCode < ldap3.ErrorNetwork || e.ResultCode == syncRefreshRequired) {
		return e.ResultCode
	}
	return 0
}

// busyOf returns a *Busy if the server asks to come back later.
func busyOf(err error) error {
	switch resultCode(err) {
	case ldap3.LDAPResultBusy, ldap3.LDAPResultUnavailable:
		return &connector.Busy{Err: err}
	}
	return nil
}

// codes gives the server's result codes MIM's names (RFC 4511 appendix A.2).
var codes = map[uint16]problem.Code{
	ldap3.LDAPResultEntryAlreadyExists:        connector.ExistingObject,
	ldap3.LDAPResultNoSuchObject:              connector.MissingObject,
	assertionFailed:                           connector.MissingObject,
	ldap3.LDAPResultObjectClassViolation:      connector.SchemaViolation,
	ldap3.LDAPResultNamingViolation:           connector.SchemaViolation,
	ldap3.LDAPResultObjectClassModsProhibited: connector.SchemaViolation,
	ldap3.LDAPResultUndefinedAttributeType:    connector.SchemaViolation,
	ldap3.LDAPResultConstraintViolation:       connector.ConstraintViolation,
	ldap3.LDAPResultAttributeOrValueExists:    connector.ConstraintViolation,
	ldap3.LDAPResultNoSuchAttribute:           connector.ConstraintViolation,
	ldap3.LDAPResultInappropriateMatching:     connector.ConstraintViolation,
	ldap3.LDAPResultInvalidAttributeSyntax:    connector.SyntaxViolation,
	ldap3.LDAPResultInvalidDNSyntax:           connector.InvalidDN,
	ldap3.LDAPResultInsufficientAccessRights:  connector.PermissionIssue,
	ldap3.LDAPResultConfidentialityRequired:   connector.EncryptionNotEnabled,
	ldap3.LDAPResultStrongAuthRequired:        connector.EncryptionNotEnabled,
	ldap3.LDAPResultNotAllowedOnRDN:           connector.NamingAttribute,
	ldap3.LDAPResultNotAllowedOnNonLeaf:       connector.ContainerDelete,
}

// refusal turns the server's answer to a change into a *Refusal.
func refusal(object string, verb connector.Verb, err error) *connector.Refusal {
	r := &connector.Refusal{Object: object, Code: connector.CDError, Err: err}
	code := resultCode(err)
	if name, ok := codes[code]; ok {
		r.Code = name
	}
	switch {
	case code == ldap3.LDAPResultNoSuchObject && verb == connector.Add:
		r.Code = connector.NoParent
	case code == ldap3.LDAPResultNamingViolation && verb == connector.Update: // OpenLDAP's word for 67
		r.Code = connector.NamingAttribute
	}
	return r
}

// searchError turns the failure of a search into an error that ends the step.
func (c *conn) searchError(ctx context.Context, base string, err error) error {
	var ours *connector.Refusal
	var told *problem.Problem
	switch {
	case err == nil || errors.Is(err, errClosed) || asError(err, &ours) || asError(err, &told):
		return err
	case ctx.Err() != nil:
		return ctx.Err()
	}
	if busy := busyOf(err); busy != nil {
		return busy
	}
	p := &problem.Problem{Code: connector.FailedSearch, Object: base, Message: "the search was not completed", Err: err}
	switch code := resultCode(err); {
	case broken(err) && code == 0:
		p.Code, p.Message = connector.DroppedConnection, "the connection was lost"
	case code == ldap3.LDAPResultNoSuchObject:
		p.Message, p.Fix = "there is no such entry to search below, or it may not be seen", "check bases, and what bindDN may read"
	case code == ldap3.LDAPResultInsufficientAccessRights:
		p.Code, p.Message = connector.FailedPermission, "bindDN may not search here"
	case code == ldap3.LDAPResultSizeLimitExceeded || code == ldap3.LDAPResultAdminLimitExceeded:
		p.Message = "the server ended the search at its limit"
		p.Fix = "lift the limits for bindDN (OpenLDAP: limits dn.exact=\"…\" size=unlimited)"
	}
	return p
}

// told is searchError for searches that hand entries on: an error of whoever
// received them is returned as it is.
func (c *conn) told(ctx context.Context, base string, err error) error {
	var local localError
	if asError(err, &local) {
		return local.error
	}
	return c.searchError(ctx, base, err)
}

func local(err error) error { return localError{err} }
