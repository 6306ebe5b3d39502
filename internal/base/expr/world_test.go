package expr

import (
	"encoding/base64"
	"encoding/hex"
	"time"

	"muster/internal/base/object"
)

// exampleScope is what the examples of functions may read.
func exampleScope() *Scope {
	attr := func(name string, k object.Kind, multi bool) object.Attribute {
		return object.Attribute{Name: name, Kind: k, Multi: multi}
	}
	s := object.Schema{Types: []object.Type{{Name: "person", Attributes: []object.Attribute{
		attr("first", object.String, false), attr("middle", object.String, false), attr("last", object.String, false), attr("nick", object.String, false),
		attr("country", object.String, false), attr("active", object.Bool, false), attr("number", object.Int, false), attr("uac", object.Int, false),
		attr("mails", object.String, true), attr("phones", object.String, true), attr("hired", object.Time, false), attr("left", object.Time, false),
		attr("manager", object.Ref, false), attr("managerNumber", object.Int, false),
		attr("sid", object.Bytes, false), attr("guid", object.Bytes, false), attr("certificate", object.Bytes, false),
	}}, {Name: "user", Attributes: []object.Attribute{attr("mail", object.String, false)}}}}
	object.SortSchema(&s)
	return &Scope{Attr: &s.Types[0], Imported: &s.Types[1]}
}

// exampleValues are the values that the examples of functions read from attr;
// what is not here is absent.
func exampleValues() object.Attrs {
	set := func(name string, vs ...object.Value) object.Attr {
		return object.Attr{Name: name, Values: object.Set(vs...)}
	}
	str := object.Str
	sid, _ := hex.DecodeString("010500000000000515000000DCF4DC3B833D2B46828BA62800020000")
	guid, _ := parseGUID("1523ed33-a14d-4f1b-8919-efc2a90123ea")
	cert, _ := base64.StdEncoding.DecodeString(exampleCert)
	return object.Bag(
		set("first", str("Ada")), set("last", str("Lovelace")), set("country", str("de")), set("active", object.Boolean(true)),
		set("number", object.Integer(42)), set("uac", object.Integer(512)), set("mails", str("Ada@example.com"), str("Lovelace@example.com")),
		set("hired", object.Instant(time.Date(2020, 3, 1, 0, 0, 0, 0, time.UTC))), set("manager", object.Reference("4711")), set("managerNumber", object.Integer(4711)),
		set("sid", object.Octets(sid)), set("guid", object.Octets(guid[:])), set("certificate", object.Octets(cert)),
	)
}

// exampleInput is the world of the examples: noon of 1 June 2026.
type exampleInput struct{ attrs object.Attrs }

func (in exampleInput) Values(space, name string) object.Values {
	switch {
	case space == SpaceAttr:
		return in.attrs.Get(name)
	case space == SpaceImported && name == "mail":
		return object.Values{object.Str("old@example.com")}
	}
	return nil
}
func (exampleInput) Through(string, string, string) object.Values { return nil }
func (exampleInput) MissingSince() (time.Time, bool)              { return time.Time{}, false }
func (exampleInput) Now() time.Time                               { return time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC) }
func (exampleInput) Due(time.Time)                                {}
func (exampleInput) Seed() string                                 { return "example" }

// exampleCert is a certificate signed by itself.
const exampleCert = "MIIBvDCCAWKgAwIBAgIIASNFZ4mrze8wCgYIKoZIzj0EAwIwPDELMAkGA1UEBhMCREUxFjAUBgNVBAoTDUV4YW1wbGUsIEluYy4xFTATBgNVBAMTDEFkYSBM" +
	"b3ZlbGFjZTAeFw0yNjAxMDEwMDAwMDBaFw0zNTEyMzEwMDAwMDBaMDwxCzAJBgNVBAYTAkRFMRYwFAYDVQQKEw1FeGFtcGxlLCBJbmMuMRUwEwYDVQQDEwxB" +
	"ZGEgTG92ZWxhY2UwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAATDbjVaWR8upSIpjYbK5UjiKJPzzGvJpt+EQki9sKDvgu7MURwNAd1Qhp8+nsGXvNDljoJH" +
	"MqwIZcn/zxO0+672o04wTDAPBgNVHRMBAf8EBTADAQH/MB0GA1UdDgQWBBTDb1FCJFCxB2mC4/un5G1n6FagJjAaBgNVHREEEzARgQ9hZGFAZXhhbXBsZS5j" +
	"b20wCgYIKoZIzj0EAwIDSAAwRQIgZpN4IS2SQg/2fK0H7Yr4Y7al2Ui7m2GW11v3CplXO/gCIQCikH+p/ZRY1G7/iax0JbOK2HX3HPJxqSLoqnmZUzp/Pw=="
