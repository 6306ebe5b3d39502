package ldapserver

import "muster/internal/demo/ldapserver/tree"

import "slices"

// bind signs a client in (RFC 4513 §5.1). A failed bind leaves nobody signed in.
func (s *session) bind(r bindRequest) error {
	s.who, s.admin = tree.Name{}, false
	switch {
	case r.version != 3:
		return tree.Fail(tree.ProtocolError, "requested protocol version not supported")
	case !r.simple:
		return tree.Fail(tree.AuthMethodUnsupported, "only simple bind is supported")
	case r.name == "" && r.password == "":
		return nil
	case r.name != "" && r.password == "": // RFC 4513 §5.1.2
		return tree.Fail(tree.Unwilling, "unauthenticated bind (DN with no password) disallowed")
	case s.opt.RequireTLS && !s.secure:
		return tree.Fail(tree.Confidentiality, "confidentiality required")
	}
	n, err := s.dir.Name(r.name)
	if err != nil {
		return err
	}
	if !s.passwordFits(n, r.password) {
		return tree.Fail(tree.InvalidCredentials, "")
	}
	s.who, s.admin = n, s.isAdmin(n)
	return nil
}

func (s *session) passwordFits(n tree.Name, password string) bool {
	if n.Key == s.root.Key {
		return s.opt.RootPassword != "" && tree.CheckPassword(s.opt.RootPassword, password)
	}
	return s.dir.PasswordFits(n, password)
}

func (s *session) isAdmin(n tree.Name) bool {
	return n.Key == s.root.Key || slices.ContainsFunc(s.admins, func(a tree.Name) bool { return a.Key == n.Key })
}

// mayRead reports that the client may see entries.
func (s *session) mayRead() bool { return s.who.Key != "" || s.opt.Anonymous }

// compareValue is RFC 4511 §4.10.
func (s *session) compareValue(r compareRequest) error {
	if !s.mayRead() {
		return tree.Fail(tree.InsufficientAccess, "sign in to compare")
	}
	if s.dir.Attribute(r.desc) == s.dir.Attribute("userPassword") && !s.admin {
		return tree.Fail(tree.InsufficientAccess, "passwords cannot be compared")
	}
	return s.dir.CompareValue(r.dn, r.desc, r.value)
}
