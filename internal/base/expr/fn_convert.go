package expr

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// convertFunctions turn values of one type into another, and ask for types.
func convertFunctions() []Function {
	fromHex := func(_ *machine, a []val) val {
		b, err := hex.DecodeString(strings.NewReplacer(" ", "", "-", "").Replace(a[0].s))
		if err != nil {
			return failf("this is not hexadecimal")
		}
		return octets(b)
	}
	return []Function{
		{Name: "CBool", Origin: FromEntra, call: cBool, Signature: "CBool(value string) bool\nCBool(value int) bool\nCBool(value bool) bool",
			Summary: "A yes-or-no value from the texts true and false, or from a number, where 0 is false.", Examples: []Example{{Expr: `CBool("True")`, Want: "true"}, {Expr: `CBool("maybe")`, Error: "neither true nor false"}}},
		{Name: "CNum", Origin: FromEntra, call: cNum, Signature: "CNum(text string) int",
			Summary: "A whole number from a text.", Examples: []Example{{Expr: `CNum(" 42 ")`, Want: "42"}, {Expr: `CNum("4.5")`, Error: "not a whole number"}}},
		{Name: "CStr", Origin: FromEntra, Signature: "CStr(value int) string\nCStr(value ref) string\nCStr(value bool) string\nCStr(value string) string",
			call: func(_ *machine, a []val) val {
				if a[0].k == kBool {
					return str(map[bool]string{true: "True", false: "False"}[a[0].isTrue()])
				}
				return str(a[0].text())
			},
			Summary: "The value as a text. Of yes-or-no values it makes True and False, where string() makes true and false.", Examples: []Example{{Expr: `CStr(42)`, Want: "42"}, {Expr: `CStr(true)`, Want: "True"}}},
		{Name: "string", Origin: FromCEL, Signature: "string(value ref) string",
			call:    func(_ *machine, a []val) val { return str(a[0].s) },
			Summary: "A number, a yes-or-no value, a time, a reference or UTF-8 bytes as a text.", Examples: []Example{{Expr: `string(42)`, Want: "42"}, {Expr: `string(attr.manager)`, Want: "4711"}, {Expr: `string(attr.hired)`, Want: "2020-03-01T00:00:00Z"}}},
		{Name: "IsNumeric", Origin: FromEntra, traits: tolerant, Signature: "IsNumeric(text string) bool",
			call:    func(_ *machine, a []val) val { _, err := strconv.ParseFloat(a[0].s, 64); return truth(err == nil) },
			Summary: "Whether a text is a number.", Examples: []Example{{Expr: `IsNumeric("4.5")`, Want: "true"}, {Expr: `IsNumeric(attr.middle)`, Want: "false"}}},
		{Name: "IsString", Origin: FromEntra, traits: tolerant, Signature: "IsString(value T) bool",
			call:    func(_ *machine, a []val) val { return truth(a[0].k == kString) },
			Summary: "Whether a value is a text.", Examples: []Example{{Expr: `IsString(attr.number)`, Want: "false"}}},
		{Name: "IsCert", Origin: FromEntra, traits: tolerant, Signature: "IsCert(data bytes) bool",
			call: func(_ *machine, a []val) val {
				_, err := x509.ParseCertificate([]byte(a[0].s))
				return truth(err == nil)
			},
			Summary: "Whether binary data is an X.509 certificate (DER).", Examples: []Example{{Expr: `IsCert(attr.certificate)`, Want: "true"}, {Expr: `IsCert(b"x")`, Want: "false"}}},
		{Name: "ConvertFromBase64", Origin: FromEntra, call: decodeText(base64.StdEncoding.DecodeString), Signature: "ConvertFromBase64(text string) string\nConvertFromBase64(text string, encoding string) string",
			Summary:  "The text behind base64. encoding is Unicode (default: UTF-16 with the low byte first), ASCII or UTF8.",
			Examples: []Example{{Expr: `ConvertFromBase64("SABlAGwAbABvAA==")`, Want: "Hello"}, {Expr: `ConvertFromBase64("SGVsbG8=", UTF8)`, Want: "Hello"}}},
		{Name: "ConvertToBase64", Origin: FromEntra, call: encodeText(base64.StdEncoding.EncodeToString), Signature: "ConvertToBase64(text string) string\nConvertToBase64(text string, encoding string) string",
			Summary: "A text in base64. encoding is Unicode (default), ASCII or UTF8.", Examples: []Example{{Expr: `ConvertToBase64("Hello")`, Want: "SABlAGwAbABvAA=="}, {Expr: `ConvertToBase64("Hello", UTF8)`, Want: "SGVsbG8="}}},
		{Name: "ConvertFromUTF8Hex", Origin: FromEntra, Signature: "ConvertFromUTF8Hex(text string) string",
			call: func(_ *machine, a []val) val {
				b, err := hex.DecodeString(strings.ReplaceAll(a[0].s, " ", ""))
				if err != nil || !utf8.Valid(b) {
					return failf("this is not UTF-8 in hexadecimal")
				}
				return str(string(b))
			},
			Summary: "The text behind hexadecimal UTF-8.", Examples: []Example{{Expr: `ConvertFromUTF8Hex("48656C6C6F")`, Want: "Hello"}}},
		{Name: "ConvertToUTF8Hex", Origin: FromEntra, Signature: "ConvertToUTF8Hex(text string) string",
			call:    func(_ *machine, a []val) val { return str(strings.ToUpper(hex.EncodeToString([]byte(a[0].s)))) },
			Summary: "A text as hexadecimal UTF-8.", Examples: []Example{{Expr: `ConvertToUTF8Hex("Hello")`, Want: "48656C6C6F"}}},
		{Name: "fromBase64", Origin: Own, traits: each, Signature: "fromBase64(text string) bytes",
			call: func(_ *machine, a []val) val {
				b, err := base64.StdEncoding.DecodeString(a[0].s)
				if err != nil {
					return failf("this is not base64")
				}
				return octets(b)
			},
			Summary: "Binary data from base64.", Examples: []Example{{Expr: `fromBase64("AQI=")`, Want: "AQI="}, {Expr: `fromBase64("?")`, Error: "not base64"}}},
		{Name: "toBase64", Origin: Own, traits: each, Signature: "toBase64(data bytes) string",
			call:    func(_ *machine, a []val) val { return str(base64.StdEncoding.EncodeToString([]byte(a[0].s))) },
			Summary: "Binary data as base64, such as the sourceAnchor made of an objectGUID.", Examples: []Example{{Expr: `toBase64(attr.guid)`, Want: "M+0jFU2hG0+JGe/CqQEj6g=="}}},
		{Name: "fromHex", Origin: Own, traits: each, call: fromHex, Signature: "fromHex(text string) bytes",
			Summary: "Binary data from hexadecimal.", Examples: []Example{{Expr: `fromHex("01 02")`, Want: "AQI="}}},
		{Name: "toHex", Origin: Own, traits: each, Signature: "toHex(data bytes) string",
			call:    func(_ *machine, a []val) val { return str(hex.EncodeToString([]byte(a[0].s))) },
			Summary: "Binary data as hexadecimal, in small letters.", Examples: []Example{{Expr: `toHex(b"AB")`, Want: "4142"}}},
	}
}

func cBool(_ *machine, a []val) val {
	switch {
	case a[0].k != kString:
		return truth(a[0].n != 0)
	case strings.EqualFold(strings.TrimSpace(a[0].s), "true"):
		return truth(true)
	case strings.EqualFold(strings.TrimSpace(a[0].s), "false"):
		return truth(false)
	}
	n, err := strconv.ParseInt(strings.TrimSpace(a[0].s), 10, 64)
	if err != nil {
		return failf("this is neither true nor false")
	}
	return truth(n != 0)
}

func cNum(_ *machine, a []val) val {
	s := strings.TrimSpace(a[0].s)
	n, err := strconv.ParseInt(s, 10, 64)
	if h, ok := strings.CutPrefix(strings.ToUpper(s), "&H"); ok {
		n, err = strconv.ParseInt(h, 16, 64)
	}
	if err != nil {
		return failf("this is not a whole number")
	}
	return integer(n)
}

func encodingOf(a []val) string {
	if len(a) < 2 {
		return "Unicode"
	}
	return a[1].s
}

func decodeText(decode func(string) ([]byte, error)) callFunc {
	return func(_ *machine, a []val) val {
		b, err := decode(a[0].s)
		if err != nil {
			return failf("this is not base64")
		}
		switch encodingOf(a) {
		case "Unicode":
			if len(b)%2 != 0 {
				return failf("this is not UTF-16; give the encoding UTF8")
			}
			units := make([]uint16, len(b)/2)
			for i := range units {
				units[i] = uint16(b[2*i]) | uint16(b[2*i+1])<<8
			}
			return str(string(utf16.Decode(units)))
		case "ASCII", "UTF8":
			return str(strings.ToValidUTF8(string(b), "\uFFFD"))
		}
		return failf("the encoding must be Unicode, ASCII or UTF8")
	}
}

func encodeText(encode func([]byte) string) callFunc {
	return func(_ *machine, a []val) val {
		switch encodingOf(a) {
		case "Unicode":
			var b []byte
			for _, u := range utf16.Encode([]rune(a[0].s)) {
				b = append(b, byte(u), byte(u>>8))
			}
			return str(encode(b))
		case "ASCII":
			return str(encode([]byte(strings.Map(func(r rune) rune {
				if r > 127 {
					return '?'
				}
				return r
			}, a[0].s))))
		case "UTF8":
			return str(encode([]byte(a[0].s)))
		}
		return failf("the encoding must be Unicode, ASCII or UTF8")
	}
}
