package expr

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
)

// idFunctions read and write GUIDs and SIDs as Windows stores them.
func idFunctions() []Function {
	sid := func(_ *machine, a []val) val { return sidText(a[0].s) }
	guid := func(_ *machine, a []val) val {
		b, ok := parseGUID(a[0].s)
		if !ok {
			return failf("must be a string representing a valid Guid")
		}
		return octets(b[:])
	}
	return []Function{
		{Name: "ConvertSidToString", Origin: FromMIM, call: sid, Signature: "ConvertSidToString(sid bytes) string",
			Summary: "A binary SID as S-1-….", Examples: []Example{{Expr: `ConvertSidToString(attr.sid)`, Want: "S-1-5-21-1004336348-1177238915-682003330-512"}, {Expr: `ConvertSidToString(b"x")`, Error: "not a SID"}}},
		{Name: "StringFromSid", Origin: FromEntra, call: sid, Signature: "StringFromSid(sid bytes) string",
			Summary: "A binary SID as S-1-….", Examples: []Example{{Expr: `StringFromSid(attr.sid)`, Want: "S-1-5-21-1004336348-1177238915-682003330-512"}}},
		{Name: "ConvertStringToGuid", Origin: FromMIM, call: guid, Signature: "ConvertStringToGuid(text string) bytes",
			Summary: "The 16 bytes of a GUID written 8-4-4-4-12, in Windows' order of bytes.", Examples: []Example{{Expr: `ConvertStringToGuid("1523ed33-a14d-4f1b-8919-efc2a90123ea") == attr.guid`, Want: "true"}, {Expr: `ConvertStringToGuid("x")`, Error: "must be a string representing a valid Guid"}}},
		{Name: "CGuid", Origin: FromEntra, call: guid, Signature: "CGuid(text string) bytes",
			Summary: "The 16 bytes of a GUID.", Examples: []Example{{Expr: `CGuid("{1523ED33-A14D-4F1B-8919-EFC2A90123EA}")`, Want: "M+0jFU2hG0+JGe/CqQEj6g=="}}},
		{Name: "StringFromGuid", Origin: FromEntra, Signature: "StringFromGuid(guid bytes) string",
			call: func(_ *machine, a []val) val {
				if len(a[0].s) != 16 {
					return failf("a GUID has 16 bytes")
				}
				return str(guidText([16]byte([]byte(a[0].s))))
			},
			Summary: "A binary GUID as text.", Examples: []Example{{Expr: `StringFromGuid(attr.guid)`, Want: "1523ed33-a14d-4f1b-8919-efc2a90123ea"}}},
		{Name: "IsGuid", Origin: FromEntra, traits: tolerant, Signature: "IsGuid(text string) bool",
			call:    func(_ *machine, a []val) val { _, ok := parseGUID(a[0].s); return truth(ok) },
			Summary: "Whether a text is a GUID.", Examples: []Example{{Expr: `IsGuid("1523ed33-a14d-4f1b-8919-efc2a90123ea")`, Want: "true"}, {Expr: `IsGuid("")`, Want: "false"}}},
	}
}

// sidText writes a binary SID: revision, count, 48-bit authority, then count
// sub-authorities with the low byte first.
func sidText(s string) val {
	b := []byte(s)
	if len(b) < 8 || b[0] != 1 || len(b) != 8+4*int(b[1]) || b[1] > 15 {
		return failf("this is not a SID")
	}
	authority := uint64(binary.BigEndian.Uint16(b[2:]))<<32 | uint64(binary.BigEndian.Uint32(b[4:]))
	var w strings.Builder
	if authority < 1<<32 {
		fmt.Fprintf(&w, "S-1-%d", authority)
	} else {
		fmt.Fprintf(&w, "S-1-0x%012X", authority)
	}
	for b = b[8:]; len(b) > 0; b = b[4:] {
		fmt.Fprintf(&w, "-%d", binary.LittleEndian.Uint32(b))
	}
	return str(w.String())
}

// parseGUID reads 8-4-4-4-12, with or without braces, into Windows' order: the
// first three groups have the low byte first.
func parseGUID(s string) ([16]byte, bool) {
	var g [16]byte
	if strings.HasPrefix(s, "{") && strings.HasSuffix(s, "}") {
		s = s[1 : len(s)-1]
	}
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return g, false
	}
	b, err := hex.DecodeString(strings.ReplaceAll(s, "-", ""))
	if err != nil || len(b) != len(g) {
		return g, false
	}
	return swapGUID([16]byte(b)), true
}

func guidText(g [16]byte) string {
	g = swapGUID(g)
	h := hex.EncodeToString(g[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// swapGUID turns the order of bytes that Windows stores into the one that is
// written, and back.
func swapGUID(g [16]byte) [16]byte {
	g[0], g[1], g[2], g[3] = g[3], g[2], g[1], g[0]
	g[4], g[5] = g[5], g[4]
	g[6], g[7] = g[7], g[6]
	return g
}
