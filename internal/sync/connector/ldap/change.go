package ldap

import (
	"context"
	"errors"
	"slices"
	"strings"

	ldap3 "github.com/go-ldap/ldap/v3"

	"muster/internal/sync/connector"
)

// asserted returns controls that let the server refuse the change if the name
// is by now another object's (RFC 4528).
func (a *attempt) asserted() []ldap3.Control {
	if a.Anchor == "" || !a.server.supports(oidAssertion) {
		return nil
	}
	filter, err := ldap3.CompileFilter(a.anchored(a.Anchor))
	if err != nil {
		return nil // an anchor that makes no filter names nobody: looked up later
	}
	return []ldap3.Control{ldap3.NewControlString(oidAssertion, true, string(filter.Bytes()))}
}

// add creates the object. Values beyond what goes into one request follow.
func (a *attempt) add(ctx context.Context, dn string) error {
	if _, err := ldap3.ParseDN(dn); err != nil {
		return a.refuse(connector.InvalidDN, err)
	}
	req := ldap3.NewAddRequest(dn, nil)
	var more []ldap3.Change
	classes := false
	for _, m := range a.Mods {
		described, values, err := a.values(ctx, m)
		if err != nil {
			return err
		}
		if len(values) == 0 {
			continue
		}
		first := values[:min(len(values), a.set.Chunk)]
		req.Attribute(wireName(described), first)
		more = append(more, chunks(ldap3.AddAttribute, wireName(described), values[len(first):], a.set.Chunk)...)
		classes = classes || strings.EqualFold(described.Name, "objectClass")
	}
	if !classes {
		req.Attribute("objectClass", a.classes())
	}
	secrets, err := a.secrets(ctx)
	if err != nil {
		return err
	}
	for _, s := range secrets {
		req.Attribute(s.Type, s.Vals)
	}
	if err := a.request(ctx, dn, func(l *link) error { return l.Add(req) }); err != nil {
		return err
	}
	for _, c := range more {
		if err := a.modify(ctx, dn, nil, c); err != nil {
			return &halfDone{err}
		}
	}
	return nil
}

// classes are the object classes of a new entry, with all that they inherit
// from, which some servers want to be told.
func (a *attempt) classes() []string {
	names := slices.Clone(a.typ.Classes)
	for _, c := range a.typ.classes {
		known := slices.ContainsFunc(names, func(n string) bool { return a.shape.schema.Class(n) == c })
		if !known {
			names = append(names, c.Name())
		}
	}
	return names
}

// wireName asks for binary transfer where it must be asked for (RFC 4523 §2).
func wireName(a *attrShape) string {
	switch strings.TrimPrefix(a.syntax, syntaxRoot) {
	case "8", "9", "10", "49":
		return a.Name + ";binary"
	}
	return a.Name
}

// chunks cuts values into changes of a size that servers take.
func chunks(op uint, name string, values []string, size int) []ldap3.Change {
	var out []ldap3.Change
	for part := range slices.Chunk(values, size) {
		out = append(out, ldap3.Change{Operation: op, Modification: ldap3.PartialAttribute{Type: name, Vals: part}})
	}
	return out
}

// update changes attributes: small ones together, long lists in parts after
// them.
func (a *attempt) update(ctx context.Context, dn string) error {
	var together, after []ldap3.Change
	for _, m := range a.Mods {
		described, values, err := a.values(ctx, m)
		if err != nil {
			return err
		}
		first, rest := a.changes(m.Op, wireName(described), values)
		together, after = append(together, first...), append(after, rest...)
	}
	secrets, err := a.secrets(ctx)
	if err != nil {
		return err
	}
	for _, s := range secrets {
		together = append(together, ldap3.Change{Operation: ldap3.ReplaceAttribute, Modification: s})
	}
	if len(together) > 0 {
		if err := a.modify(ctx, dn, a.asserted(), together...); err != nil {
			return err
		}
	}
	for _, c := range after {
		if err := a.modify(ctx, dn, a.asserted(), c); err != nil {
			return err
		}
	}
	return nil
}

func (a *attempt) changes(op connector.ModOp, name string, values []string) (first, rest []ldap3.Change) {
	if op == connector.Replace {
		part := values[:min(len(values), a.set.Chunk)]
		return []ldap3.Change{{Operation: ldap3.ReplaceAttribute, Modification: ldap3.PartialAttribute{Type: name, Vals: part}}},
			chunks(ldap3.AddAttribute, name, values[len(part):], a.set.Chunk)
	}
	verb := uint(ldap3.AddAttribute)
	if op == connector.DropValues {
		verb = ldap3.DeleteAttribute
	}
	all := chunks(verb, name, values, a.set.Chunk)
	if len(all) == 0 {
		return nil, nil
	}
	return all[:1], all[1:]
}

// modify sends one modify request. Values that are there already, or gone
// already, count as done.
func (a *attempt) modify(ctx context.Context, dn string, controls []ldap3.Control, changes ...ldap3.Change) error {
	if a.server.supports(oidPermissive) {
		controls = append(controls, ldap3.NewControlString(oidPermissive, true, ""))
	}
	err := a.request(ctx, dn, func(l *link) error {
		return l.Modify(&ldap3.ModifyRequest{DN: dn, Changes: changes, Controls: controls})
	})
	if code := resultCode(err); code != ldap3.LDAPResultAttributeOrValueExists && code != ldap3.LDAPResultNoSuchAttribute {
		return err
	}
	left, lookup := a.undone(ctx, dn, changes)
	switch {
	case lookup != nil:
		return err
	case len(left) == 0:
		return nil
	}
	return a.request(ctx, dn, func(l *link) error {
		return l.Modify(&ldap3.ModifyRequest{DN: dn, Changes: left, Controls: controls})
	})
}

// undone leaves out of changes the values that are there already or gone
// already.
func (a *attempt) undone(ctx context.Context, dn string, changes []ldap3.Change) ([]ldap3.Change, error) {
	var names []string
	for _, c := range changes {
		if c.Operation != ldap3.ReplaceAttribute {
			names = append(names, c.Modification.Type)
		}
	}
	e, err := a.readEntry(ctx, dn, names...)
	if err != nil {
		return nil, err
	}
	var out []ldap3.Change
	for _, c := range changes {
		if c.Operation == ldap3.ReplaceAttribute {
			out = append(out, c)
			continue
		}
		described := a.typ.attr(a.shape, strings.TrimSuffix(c.Modification.Type, ";binary"))
		there := map[string]bool{}
		for _, v := range e.GetEqualFoldAttributeValues(c.Modification.Type) {
			there[described.compareKey(v)] = true
		}
		adding := c.Operation == ldap3.AddAttribute
		var vals []string
		for _, v := range c.Modification.Vals {
			if key := described.compareKey(v); there[key] != adding {
				vals = append(vals, v)
				there[key] = adding
			}
		}
		if len(vals) > 0 {
			c.Modification.Vals = vals
			out = append(out, c)
		}
	}
	return out, nil
}

// rename gives the object its new name or place.
func (a *attempt) rename(ctx context.Context, dn string) error {
	if _, err := ldap3.ParseDN(a.NewDN); err != nil || a.NewDN == "" {
		return a.refuse(connector.InvalidDN, errors.Join(err, errors.New("the new name is not a DN")))
	}
	rdn, parent := splitDN(a.NewDN)
	if _, old := splitDN(dn); dnKey(old) == dnKey(parent) {
		parent = "" // stays where it is, and some servers do not move at all
	}
	req := ldap3.NewModifyDNWithControlsRequest(dn, rdn, true, parent, a.asserted())
	return a.request(ctx, dn, func(l *link) error { return l.ModifyDN(req) })
}

// remove deletes the object.
func (a *attempt) remove(ctx context.Context, dn string) error {
	req := ldap3.NewDelRequest(dn, a.asserted())
	return a.request(ctx, dn, func(l *link) error { return l.Del(req) })
}
