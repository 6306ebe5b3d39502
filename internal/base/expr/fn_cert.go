package expr

import (
	"crypto/sha1" //nolint:gosec // a thumbprint is SHA-1 by definition
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"math/big"
	"slices"
	"strings"
)

// What is said of the certificate of the examples.
const (
	certDN         = `CN=Ada Lovelace, O="Example, Inc.", C=DE`
	certThumbprint = "42380DBF2BF352EAB8A79CFB7735959E91CEB05B"
)

// certFunctions read one property of an X.509 certificate. For those that
// Windows alone knows, the summary says what is given in their place.
func certFunctions() []Function {
	table := []struct {
		name, result, summary, want string
		get                         func(c *x509.Certificate) val
	}{
		{"CertExtensionOids", "list(string)", "The OIDs of its extensions.", "2.5.29.14; 2.5.29.17; 2.5.29.19", func(c *x509.Certificate) val {
			var l []string
			for _, e := range c.Extensions {
				l = append(l, e.Id.String())
			}
			return texts(l)
		}},
		{"CertFormat", "string", "Its format: always X509.", "X509", func(*x509.Certificate) val { return str("X509") }},
		{"CertFriendlyName", "string", "Its friendly name. Windows keeps it beside the certificate, not in it, so there is nothing.", "", func(*x509.Certificate) val { return val{} }},
		{"CertHashString", "string", "Its SHA-1 hash in hexadecimal.", certThumbprint, thumbprint},
		{"CertIssuer", "string", "The DN of its issuer.", certDN, func(c *x509.Certificate) val { return str(windowsName(c.RawIssuer)) }},
		{"CertIssuerDN", "string", "The DN of its issuer.", certDN, func(c *x509.Certificate) val { return str(windowsName(c.RawIssuer)) }},
		{"CertIssuerOid", "string", "The OID of the first part of its issuer's name.", "2.5.4.6", func(c *x509.Certificate) val { return firstOID(c.Issuer) }},
		{"CertKeyAlgorithm", "string", "The OID of its key's algorithm.", "1.2.840.10045.2.1", func(c *x509.Certificate) val { return oidText(keyInfo(c).Algorithm.Algorithm) }},
		{"CertKeyAlgorithmParams", "string", "The parameters of its key's algorithm in hexadecimal.", "06082A8648CE3D030107", func(c *x509.Certificate) val {
			return str(upperHex(keyInfo(c).Algorithm.Parameters.FullBytes))
		}},
		{"CertNotAfter", "time", "When it ends to be valid. In UTC; Entra Connect uses the server's zone.", "2035-12-31T00:00:00Z", func(c *x509.Certificate) val { return checkedTime(c.NotAfter) }},
		{"CertNotBefore", "time", "When it begins to be valid. In UTC.", "2026-01-01T00:00:00Z", func(c *x509.Certificate) val { return checkedTime(c.NotBefore) }},
		{"CertPublicKeyOid", "string", "The OID of its public key.", "1.2.840.10045.2.1", func(c *x509.Certificate) val { return oidText(keyInfo(c).Algorithm.Algorithm) }},
		{"CertPublicKeyParametersOid", "string", "The OID in the parameters of its public key: the curve.", "1.2.840.10045.3.1.7", func(c *x509.Certificate) val {
			var oid asn1.ObjectIdentifier
			if _, err := asn1.Unmarshal(keyInfo(c).Algorithm.Parameters.FullBytes, &oid); err != nil {
				return val{}
			}
			return oidText(oid)
		}},
		{"CertSerialNumber", "string", "Its serial number in hexadecimal.", "0123456789ABCDEF", func(c *x509.Certificate) val { return str(serial(c.SerialNumber)) }},
		{"CertSignatureAlgorithmOid", "string", "The OID of the algorithm of its signature.", "1.2.840.10045.4.3.2", func(c *x509.Certificate) val {
			var outer struct {
				TBS       asn1.RawValue
				Algorithm pkix.AlgorithmIdentifier
				Signature asn1.BitString
			}
			if _, err := asn1.Unmarshal(c.Raw, &outer); err != nil {
				return val{}
			}
			return oidText(outer.Algorithm.Algorithm)
		}},
		{"CertSubject", "string", "The DN of its subject.", certDN, func(c *x509.Certificate) val { return str(windowsName(c.RawSubject)) }},
		{"CertSubjectNameDN", "string", "The DN of its subject.", certDN, func(c *x509.Certificate) val { return str(windowsName(c.RawSubject)) }},
		{"CertSubjectNameOid", "string", "The OID of the first part of its subject's name.", "2.5.4.6", func(c *x509.Certificate) val { return firstOID(c.Subject) }},
		{"CertThumbprint", "string", "Its SHA-1 hash in hexadecimal.", certThumbprint, thumbprint},
		{"CertVersion", "int", "The version of its format.", "3", func(c *x509.Certificate) val { return integer(int64(c.Version)) }},
	}
	var fs []Function
	for _, row := range table {
		fs = append(fs, Function{
			Name: row.name, Origin: FromEntra, traits: each, Signature: row.name + "(certificate bytes) " + row.result, Summary: row.summary,
			Examples: []Example{{Expr: row.name + "(attr.certificate)", Want: row.want}},
			call:     onCert(func(c *x509.Certificate, _ []val) val { return row.get(c) }),
		})
		if strings.HasPrefix(row.result, "list") {
			fs[len(fs)-1].traits = 0
		}
	}
	return append(fs, Function{
		Name: "CertNameInfo", Origin: FromEntra, call: onCert(nameInfo), Signature: "CertNameInfo(certificate bytes, kind string, issuer bool) string",
		Summary:  "A name of its subject, or of its issuer: SimpleName, DnsName, DnsFromAlternativeName, EmailName, UpnName or UrlName.",
		Examples: []Example{{Expr: `CertNameInfo(attr.certificate, "SimpleName", false)`, Want: "Ada Lovelace"}, {Expr: `CertNameInfo(attr.certificate, "EmailName", false)`, Want: "ada@example.com"}},
	})
}

func onCert(f func(c *x509.Certificate, a []val) val) callFunc {
	return func(_ *machine, a []val) val {
		c, err := x509.ParseCertificate([]byte(a[0].s))
		if err != nil {
			return failf("this is not an X.509 certificate")
		}
		return f(c, a)
	}
}

func upperHex(b []byte) string { return strings.ToUpper(hex.EncodeToString(b)) }

func thumbprint(c *x509.Certificate) val {
	sum := sha1.Sum(c.Raw) //nolint:gosec // see the import
	return str(upperHex(sum[:]))
}

func serial(n *big.Int) string { return upperHex(n.Bytes()) }

func oidText(oid asn1.ObjectIdentifier) val { return str(oid.String()) }

func firstOID(n pkix.Name) val {
	if len(n.Names) == 0 {
		return val{}
	}
	return oidText(n.Names[0].Type)
}

type publicKeyInfo struct {
	Algorithm struct {
		Algorithm  asn1.ObjectIdentifier
		Parameters asn1.RawValue `asn1:"optional"`
	}
	Key asn1.BitString
}

func keyInfo(c *x509.Certificate) publicKeyInfo {
	var k publicKeyInfo
	_, _ = asn1.Unmarshal(c.RawSubjectPublicKeyInfo, &k) // x509 has read it already
	return k
}

// nameTypes are the short names that Windows writes in a DN.
var nameTypes = map[string]string{
	"2.5.4.3": "CN", "2.5.4.4": "SN", "2.5.4.5": "SERIALNUMBER", "2.5.4.6": "C", "2.5.4.7": "L", "2.5.4.8": "S", "2.5.4.9": "STREET", "2.5.4.10": "O",
	"2.5.4.11": "OU", "2.5.4.12": "T", "2.5.4.42": "G", "0.9.2342.19200300.100.1.25": "DC", "1.2.840.113549.1.9.1": "E",
}

// windowsName writes a name as Windows does: the last part first, separated by
// a comma and a space.
func windowsName(raw []byte) string {
	var seq pkix.RDNSequence
	if _, err := asn1.Unmarshal(raw, &seq); err != nil {
		return ""
	}
	var parts []string
	for _, set := range slices.Backward(seq) {
		var pairs []string
		for _, p := range set {
			name, ok := nameTypes[p.Type.String()]
			if !ok {
				name = "OID." + p.Type.String()
			}
			value, _ := p.Value.(string)
			if strings.ContainsAny(value, `,+="`+"\n<>#;") {
				value = `"` + strings.ReplaceAll(value, `"`, `""`) + `"`
			}
			pairs = append(pairs, name+"="+value)
		}
		parts = append(parts, strings.Join(pairs, " + "))
	}
	return strings.Join(parts, ", ")
}

func nameInfo(c *x509.Certificate, a []val) val {
	name, issuer := c.Subject, a[2].isTrue()
	if issuer {
		name = c.Issuer
	}
	first := func(l []string) val {
		if len(l) == 0 || issuer { // alternative names of the issuer are hardly ever there, and x509 does not read them
			return val{}
		}
		return str(l[0])
	}
	switch a[1].s {
	case "SimpleName":
		for _, s := range append(append([]string{name.CommonName}, name.OrganizationalUnit...), name.Organization...) {
			if s != "" {
				return str(s)
			}
		}
		return first(c.EmailAddresses)
	case "DnsName", "DnsFromAlternativeName":
		if v := first(c.DNSNames); v.k == kString || a[1].s != "DnsName" || name.CommonName == "" {
			return v
		}
		return str(name.CommonName)
	case "EmailName":
		return first(c.EmailAddresses)
	case "UrlName":
		if len(c.URIs) == 0 || issuer {
			return val{}
		}
		return str(c.URIs[0].String())
	case "UpnName":
		return first(principalNames(c))
	}
	return failf("the kind must be SimpleName, DnsName, DnsFromAlternativeName, EmailName, UpnName or UrlName")
}

// principalNames finds the user principal names that Windows puts among the
// alternative names.
func principalNames(c *x509.Certificate) []string {
	var names []string
	for _, e := range c.Extensions {
		if e.Id.String() != "2.5.29.17" {
			continue
		}
		var all []asn1.RawValue
		if _, err := asn1.Unmarshal(e.Value, &all); err != nil {
			continue
		}
		for _, g := range all {
			if g.Class != asn1.ClassContextSpecific || g.Tag != 0 {
				continue
			}
			var oid asn1.ObjectIdentifier
			rest, err := asn1.Unmarshal(g.Bytes, &oid)
			if err != nil || oid.String() != "1.3.6.1.4.1.311.20.2.3" {
				continue
			}
			var wrapped asn1.RawValue
			var name string
			if _, err := asn1.Unmarshal(rest, &wrapped); err != nil {
				continue
			}
			if _, err := asn1.UnmarshalWithParams(wrapped.Bytes, &name, "utf8"); err == nil {
				names = append(names, name)
			}
		}
	}
	return names
}
