package ldapserver

import "muster/internal/demo/ldapserver/tree"

import "fmt"

// Tags of protocol operations (RFC 4511 §4.2 to §4.12).
const (
	opBind         = 0x60
	opUnbind       = 0x42
	opSearch       = 0x63
	opModify       = 0x66
	opAdd          = 0x68
	opDelete       = 0x4a
	opModifyDN     = 0x6c
	opCompare      = 0x6e
	opAbandon      = 0x50
	opExtended     = 0x77
	opEntry        = 0x64
	opDone         = 0x65
	opIntermediate = 0x79
)

// control is a request control (RFC 4511 §4.1.11).
type control struct {
	oid      string
	critical bool
	value    []byte
}

// message is one request.
type message struct {
	id       int
	op       any // one of the request types below
	tag      byte
	controls []control
}

type (
	bindRequest struct {
		version  int
		name     string
		simple   bool
		password string
	}
	unbindRequest  struct{}
	abandonRequest struct{ id int }
	searchRequest  struct {
		base       string
		scope      int
		sizeLimit  int
		typesOnly  bool
		filter     tree.Filter
		attributes []string
	}
	compareRequest struct {
		dn, desc, value string
	}
	extendedRequest struct {
		oid      string
		value    []byte
		hasValue bool
	}
)

// parseMessage reads the content of an LDAPMessage. If err is not nil, the
// message id may still be known.
func parseMessage(body []byte) (m message, err error) {
	f := &fields{rest: body}
	m.id = f.integer(tagInteger)
	if f.err == nil && m.id < 0 {
		f.fail("a message id is negative")
	}
	op := f.next()
	m.tag = op.tag
	controls := f.peek() == context|constructed
	if controls {
		m.controls = parseControls(f.within(context | constructed))
	}
	if err = f.err; err != nil {
		return m, err
	}
	if m.op, err = parseOperation(op); err != nil {
		m.op = nil
	}
	return m, err
}

func parseControls(f *fields) []control {
	var out []control
	for f.more() && len(out) < 100 {
		g := f.within(tagSequence)
		c := control{oid: g.text()}
		if g.peek() == tagBoolean {
			c.critical = g.boolean()
		}
		if g.peek() == tagOctets {
			c.value = g.take(tagOctets)
		}
		if g.err != nil {
			f.err = g.err
			return nil
		}
		out = append(out, c)
	}
	return out
}

func parseOperation(e element) (any, error) {
	f := &fields{rest: e.body}
	switch e.tag {
	case opBind:
		return parseBind(f)
	case opUnbind:
		return unbindRequest{}, nil
	case opAbandon:
		f = &fields{rest: tlv(tagInteger, e.body)}
		return abandonRequest{id: f.integer(tagInteger)}, f.end()
	case opSearch:
		return parseSearch(f)
	case opModify:
		return parseModify(f)
	case opAdd:
		r := tree.AddRequest{DN: f.text()}
		list := f.within(tagSequence)
		for list.more() {
			r.Attrs = append(r.Attrs, parseAttribute(list))
		}
		return r, firstError(f.end(), list.err)
	case opDelete:
		return tree.DeleteRequest{DN: string(e.body)}, nil
	case opModifyDN:
		r := tree.ModifyDNRequest{DN: f.text(), NewRDN: f.text(), DeleteOld: f.boolean()}
		if superior, ok := f.optional(context); ok {
			r.NewSuperior, r.WithSuperior = string(superior), true
		}
		return r, f.end()
	case opCompare:
		r := compareRequest{dn: f.text()}
		ava := f.within(tagSequence)
		r.desc, r.value = ava.text(), ava.text()
		return r, firstError(f.end(), ava.end())
	case opExtended:
		r := extendedRequest{oid: string(f.take(context))}
		r.value, r.hasValue = f.optional(context | 1)
		return r, f.end()
	}
	return nil, fmt.Errorf("%w: unknown operation %#x", errBER, e.tag)
}

func parseBind(f *fields) (any, error) {
	r := bindRequest{version: f.integer(tagInteger), name: f.text()}
	e := f.next()
	r.simple, r.password = e.tag == context, string(e.body)
	return r, f.end()
}

func parseSearch(f *fields) (any, error) {
	r := searchRequest{base: f.text(), scope: f.integer(tagEnumerated)}
	f.integer(tagEnumerated) // aliases are not known here, so there are none to follow
	r.sizeLimit = f.integer(tagInteger)
	f.integer(tagInteger)
	r.typesOnly = f.boolean()
	filterElement := f.next()
	list := f.within(tagSequence)
	r.attributes = list.texts()
	if err := firstError(f.end(), list.err); err != nil {
		return nil, err
	}
	var err error
	r.filter, err = parseFilter(filterElement, 0)
	return r, err
}

func parseModify(f *fields) (any, error) {
	r := tree.ModifyRequest{DN: f.text()}
	list := f.within(tagSequence)
	for list.more() {
		change := list.within(tagSequence)
		op := change.integer(tagEnumerated)
		r.Changes = append(r.Changes, tree.Modification{Op: op, Attribute: parseAttribute(change)})
		if change.err != nil {
			return nil, change.err
		}
	}
	return r, firstError(f.end(), list.err)
}

// parseAttribute reads an attribute with its values.
func parseAttribute(f *fields) tree.Attribute {
	g := f.within(tagSequence)
	a := tree.Attribute{Desc: g.text()}
	values := g.within(tagSet)
	a.Values = values.texts()
	if err := firstError(g.err, values.err); err != nil {
		f.err, f.rest = err, nil
	}
	return a
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
