package ldapserver

import (
	"muster/internal/demo/ldapserver/tree"

	"crypto/rand"
	"slices"
)

// Extended operations.
const (
	oidStartTLS       = "1.3.6.1.4.1.1466.20037"
	oidPasswordModify = "1.3.6.1.4.1.4203.1.11.1" // RFC 3062
	oidWhoAmI         = "1.3.6.1.4.1.4203.1.11.3" // RFC 4532
)

func (s *session) extended(m message, r extendedRequest) error {
	switch r.oid {
	case oidStartTLS:
		return s.startTLS(m)
	case oidWhoAmI:
		who := ""
		if s.who.Key != "" {
			who = "dn:" + s.who.Text
		}
		return s.send(encodeResult(m.id, opExtended+1, &tree.Failure{}, tlv(context|11, []byte(who))))
	case oidPasswordModify:
		made, err := s.passwordModify(r)
		var extra []byte
		if err == nil && made != "" {
			extra = tlv(context|11, tlv(tagSequence, tlv(context, []byte(made))))
		}
		return s.send(encodeResult(m.id, opExtended+1, resultOf(err), extra))
	}
	return s.send(encodeResult(m.id, opExtended+1, tree.Fail(tree.ProtocolError, "unsupported extended operation"), nil))
}

// passwordModify is RFC 3062. Without a new password it makes one and returns it.
func (s *session) passwordModify(r extendedRequest) (made string, err error) {
	user, old, fresh := s.who.Text, "", ""
	var oldGiven bool
	if r.hasValue {
		outer := &fields{rest: r.value}
		f := outer.within(tagSequence)
		if v, ok := f.optional(context); ok {
			user = string(v)
		}
		if v, ok := f.optional(context | 1); ok {
			old, oldGiven = string(v), true
		}
		if v, ok := f.optional(context | 2); ok {
			fresh = string(v)
		}
		if firstError(f.end(), outer.end()) != nil {
			return "", tree.Fail(tree.ProtocolError, "the request is malformed")
		}
	}
	if len(user) > 3 && user[:3] == "dn:" { // an authzId (RFC 4513 §5.2.1.8)
		user = user[3:]
	}
	n, err := s.dir.Name(user)
	switch {
	case err != nil:
		return "", err
	case n.Key == "" || !s.admin && n.Key != s.who.Key:
		return "", tree.Fail(tree.InsufficientAccess, "no write access to the password")
	case oldGiven && !s.passwordFits(n, old):
		return "", tree.Fail(tree.Unwilling, "unwilling to verify old password")
	case n.Key == s.root.Key:
		return "", tree.Fail(tree.Unwilling, "the administrator's password is not kept in the directory")
	}
	if fresh == "" {
		made = rand.Text()
		fresh = made
	}
	return made, s.dir.Update(s.who.Text, nil, tree.PasswordRequest{DN: user, Password: fresh})
}

// Controls that a request may carry.
const (
	oidPaged     = "1.2.840.113556.1.4.319"   // RFC 2696
	oidSync      = "1.3.6.1.4.1.4203.1.9.1.1" // RFC 4533
	oidSyncState = "1.3.6.1.4.1.4203.1.9.1.2"
	oidSyncDone  = "1.3.6.1.4.1.4203.1.9.1.3"
	oidSyncInfo  = "1.3.6.1.4.1.4203.1.9.1.4"
	oidManageDSA = "2.16.840.1.113730.3.4.2" // RFC 3296: there are no referrals, so there is nothing to do
	oidAssertion = "1.3.6.1.1.12"            // RFC 4528
)

var supportedControls = []string{oidPaged, oidSync, oidManageDSA, oidAssertion}

func unknownCritical(controls []control) string {
	for _, c := range controls {
		if c.critical && !slices.Contains(supportedControls, c.oid) {
			return c.oid
		}
	}
	return ""
}

func findControl(controls []control, oid string) *control {
	for i := range controls {
		if controls[i].oid == oid {
			return &controls[i]
		}
	}
	return nil
}
