package ldapserver

import "muster/internal/demo/ldapserver/tree"

import "errors"

// resultOf turns an error into a result; nil is success.
func resultOf(err error) *tree.Failure {
	var f *tree.Failure
	switch {
	case err == nil:
		return &tree.Failure{}
	case errors.As(err, &f):
		return f
	}
	return &tree.Failure{Code: tree.OtherError, Text: err.Error()}
}

// responseTag returns the tag that answers a request.
func responseTag(request byte) byte {
	switch request {
	case opSearch:
		return opDone
	case opDelete:
		return 0x6b
	}
	return request + 1
}

// encodeResult writes an LDAPMessage that ends an operation. extra goes after
// the LDAPResult, inside the response.
func encodeResult(id int, tag byte, f *tree.Failure, extra []byte, controls ...[]byte) []byte {
	op := tlv(tag, number(tagEnumerated, f.Code), octets(f.Matched), octets(f.Text), extra)
	return encodeMessage(id, op, controls...)
}

func encodeMessage(id int, op []byte, controls ...[]byte) []byte {
	if len(controls) == 0 {
		return tlv(tagSequence, number(tagInteger, id), op)
	}
	return tlv(tagSequence, number(tagInteger, id), op, tlv(context|constructed, controls...))
}

func encodeControl(oid string, value []byte) []byte {
	return tlv(tagSequence, octets(oid), tlv(tagOctets, value))
}

// encodeEntry writes a SearchResultEntry.
func encodeEntry(id int, dn string, attrs []tree.Attribute, controls ...[]byte) []byte {
	list := make([][]byte, len(attrs))
	for i, a := range attrs {
		values := make([][]byte, len(a.Values))
		for j, v := range a.Values {
			values[j] = octets(v)
		}
		list[i] = tlv(tagSequence, octets(a.Desc), tlv(tagSet, values...))
	}
	return encodeMessage(id, tlv(opEntry, octets(dn), tlv(tagSequence, list...)), controls...)
}
