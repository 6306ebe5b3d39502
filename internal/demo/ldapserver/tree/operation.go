package tree

import "slices"

// Attribute is an attribute as it travels.
type Attribute struct {
	Desc   string
	Values []string
}

// Modification is one change of an attribute.
type Modification struct {
	Op int // 0 add, 1 delete, 2 replace, 3 increment
	Attribute
}

// The operations that write.
type (
	// AddRequest is RFC 4511 §4.7.
	AddRequest struct {
		DN    string
		Attrs []Attribute
	}
	// ModifyRequest is RFC 4511 §4.6.
	ModifyRequest struct {
		DN      string
		Changes []Modification
	}
	// ModifyDNRequest is RFC 4511 §4.9.
	ModifyDNRequest struct {
		DN, NewRDN   string
		DeleteOld    bool
		NewSuperior  string
		WithSuperior bool
	}
	// DeleteRequest is RFC 4511 §4.8.
	DeleteRequest struct{ DN string }
	// PasswordRequest sets a password that is given in the clear.
	PasswordRequest struct{ DN, Password string }
)

// Update runs an operation for whoever asks. It happens only if the entry that
// it names fits the assertion (RFC 4528), where there is one.
func (d *Directory) Update(who string, assertion *Filter, op any) error {
	return d.write(who, func(t *tx) error { return t.run(assertion, op) })
}

func (t *tx) run(assertion *Filter, op any) error {
	if assertion != nil {
		if err := t.asserted(assertion, op); err != nil {
			return err
		}
	}
	switch op := op.(type) {
	case AddRequest:
		return t.add(op)
	case DeleteRequest:
		return t.delete(op.DN)
	case ModifyRequest:
		return t.modify(op)
	case ModifyDNRequest:
		return t.rename(op)
	case PasswordRequest:
		return t.setPassword(op)
	}
	return Fail(ProtocolError, "unknown operation")
}

func (t *tx) asserted(f *Filter, op any) error {
	var dn string
	switch op := op.(type) {
	case ModifyRequest:
		dn = op.DN
	case ModifyDNRequest:
		dn = op.DN
	case DeleteRequest:
		dn = op.DN
	default:
		return Fail(CriticalUnavailable, "an assertion makes no sense here")
	}
	e, err := t.lookup(dn)
	if err != nil {
		return err
	}
	if t.Match(f, e) != Yes {
		return Fail(AssertionFailed, "")
	}
	return nil
}

func (t *tx) setPassword(r PasswordRequest) error {
	e, err := t.lookup(r.DN)
	if err != nil {
		return err
	}
	changed := e.copy()
	t.Set(changed, "userPassword", hashPassword(r.Password))
	if _, err := t.checkEntry(changed); err != nil {
		return err
	}
	t.stamp(changed)
	t.put(e, changed)
	return nil
}

// PasswordFits reports whether a password is one of an entry's.
func (d *Directory) PasswordFits(n Name, password string) bool {
	d.mu.RLock()
	e := d.entries[n.Key]
	d.mu.RUnlock()
	if e == nil {
		CheckPassword(decoy, password) // takes as long as for who is there
		return false
	}
	return slices.ContainsFunc(e.get("userPassword"), func(v string) bool { return CheckPassword(v, password) })
}

// decoy is the hash of nothing anybody knows.
const decoy = "{SSHA512}z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg=="

// CompareValue is RFC 4511 §4.10. The outcome is a failure with the code
// compareTrue or compareFalse, too.
func (d *Directory) CompareValue(dn, desc, value string) error {
	d.mu.RLock()
	defer d.mu.RUnlock()
	e, err := d.lookup(dn)
	if err != nil {
		return err
	}
	if _, _, err := d.describe(desc); err != nil {
		return err
	}
	f := Filter{Tag: FilterEqual, Desc: desc, Value: value}
	present := Filter{Tag: FilterPresent, Desc: desc}
	switch verdict := d.Match(&f, e); {
	case verdict == Yes:
		return &Failure{Code: CompareTrue}
	case verdict == Undefined:
		return Fail(InappropriateMatching, "%s cannot be compared with that", desc)
	case d.Match(&present, e) == No:
		return Fail(NoSuchAttribute, "")
	}
	return &Failure{Code: CompareFalse}
}
