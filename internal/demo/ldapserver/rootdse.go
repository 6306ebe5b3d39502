package ldapserver

import "muster/internal/demo/ldapserver/tree"

import "strings"

const subschemaDN = "cn=Subschema"

// special returns the root DSE (RFC 4512 §5.1) or the subschema subentry (§4.2)
// if that is what a search asks for.
func (s *session) special(r searchRequest) *tree.Entry {
	d := s.dir
	if r.scope != 0 {
		return nil
	}
	switch {
	case r.base == "":
		e := &tree.Entry{}
		d.Set(e, "objectClass", "top")
		contexts := make([]string, len(d.Suffixes))
		for i, n := range d.Suffixes {
			contexts[i] = n.Text
		}
		d.Set(e, "namingContexts", contexts...)
		d.Set(e, "subschemaSubentry", subschemaDN)
		d.Set(e, "supportedLDAPVersion", "3")
		d.Set(e, "supportedControl", supportedControls...)
		extensions := []string{oidPasswordModify, oidWhoAmI}
		if s.opt.TLS != nil {
			extensions = append(extensions, oidStartTLS)
		}
		d.Set(e, "supportedExtension", extensions...)
		// All operational attributes, absolute true and false, modify-increment.
		d.Set(e, "supportedFeatures", "1.3.6.1.4.1.4203.1.5.1", "1.3.6.1.4.1.4203.1.5.3", "1.3.6.1.1.14")
		d.Set(e, "vendorName", "Muster demo directory")
		return e
	case strings.EqualFold(strings.ReplaceAll(r.base, " ", ""), subschemaDN):
		e := &tree.Entry{Name: tree.Name{Text: subschemaDN}}
		d.Set(e, "objectClass", "top", "subentry", "subschema", "extensibleObject")
		d.Set(e, "cn", "Subschema")
		d.Set(e, "attributeTypes", d.AttributeTypes...)
		d.Set(e, "objectClasses", d.ObjectClasses...)
		d.Set(e, "entryDN", subschemaDN)
		d.Set(e, "subschemaSubentry", subschemaDN)
		return e
	}
	return nil
}

func (s *session) sendSpecial(m message, r searchRequest, e *tree.Entry) error {
	if s.dir.Match(&r.filter, e) == tree.Yes {
		pick := s.selection(r)
		var attrs []tree.Attribute
		for _, a := range e.Attrs {
			if pick.wants(a) {
				if r.typesOnly {
					a.Values = nil
				}
				attrs = append(attrs, tree.Attribute{Desc: a.Desc, Values: a.Values})
			}
		}
		if err := s.send(encodeEntry(m.id, e.Name.Text, attrs)); err != nil {
			return err
		}
	}
	return s.send(encodeResult(m.id, opDone, &tree.Failure{}, nil))
}
