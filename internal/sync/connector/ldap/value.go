package ldap

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	ldap3 "github.com/go-ldap/ldap/v3"

	"muster/internal/base/object"
	"muster/internal/base/problem"
	"muster/internal/sync/connector"
)

// Syntaxes (RFC 4517 §3.3), by the last part of their OID, and those of Active
// Directory LDS, whole.
const syntaxRoot = "1.3.6.1.4.1.1466.115.121.1."

var kinds = map[string]object.Kind{
	syntaxRoot + "4": object.Bytes, syntaxRoot + "5": object.Bytes, syntaxRoot + "8": object.Bytes, syntaxRoot + "9": object.Bytes,
	syntaxRoot + "10": object.Bytes, syntaxRoot + "23": object.Bytes, syntaxRoot + "28": object.Bytes, syntaxRoot + "40": object.Bytes,
	syntaxRoot + "49": object.Bytes,
	syntaxRoot + "7":  object.Bool, syntaxRoot + "27": object.Int,
	syntaxRoot + "24": object.Time, syntaxRoot + "53": object.Time,
	syntaxRoot + "12": object.Ref, syntaxRoot + "34": object.Ref,
	"1.2.840.113556.1.4.906": object.Int, "1.2.840.113556.1.4.907": object.Bytes,
	"1.2.840.113549.1.8.1.1": object.Bytes,
}

const utcTime = syntaxRoot + "53"

// kindOf says what values of a syntax are to us; what we do not know is text.
func kindOf(syntax string) object.Kind {
	if k, ok := kinds[syntax]; ok {
		return k
	}
	return object.String
}

var errNotText = errors.New("the value is not UTF-8")

// decode reads one value as the directory writes it.
func (a *attrShape) decode(raw []byte) (object.Value, error) {
	text := string(raw)
	switch a.Kind {
	case object.Bytes:
		return object.Octets(raw), nil
	case object.Int:
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return object.Value{}, &object.SyntaxError{Kind: object.Int, Text: text}
		}
		return object.Integer(n), nil
	case object.Bool: // RFC 4517 §3.3.3
		if text == "TRUE" || text == "FALSE" {
			return object.Boolean(text == "TRUE"), nil
		}
		return object.Value{}, &object.SyntaxError{Kind: object.Bool, Text: text}
	case object.Time:
		parse := parseGeneralizedTime
		if a.syntax == utcTime {
			parse = parseUTCTime
		}
		t, err := parse(text)
		return object.Instant(t), err
	case object.Ref:
		if !utf8.ValidString(text) {
			return object.Value{}, errNotText
		}
		return object.Reference(text), nil
	case object.None, object.String:
	}
	if !utf8.ValidString(text) {
		return object.Value{}, errNotText
	}
	return object.Str(text), nil
}

// encode writes one value as the directory reads it.
func (a *attrShape) encode(v object.Value) (string, error) {
	if v.Kind() != a.Kind {
		return "", fmt.Errorf("%s holds values of type %s, not %s", a.Name, a.Kind, v.Kind())
	}
	switch v.Kind() {
	case object.Bool:
		return strings.ToUpper(v.String()), nil
	case object.Int:
		return v.String(), nil
	case object.Time:
		if a.syntax == utcTime {
			return v.Time().Format("060102150405Z"), nil
		}
		return formatGeneralizedTime(v.Time()), nil
	case object.Ref:
		if _, err := ldap3.ParseDN(withoutUID(v.Text())); err != nil {
			return "", fmt.Errorf("%q is not a DN: %w", v.Text(), err)
		}
	case object.None, object.String, object.Bytes:
	}
	return v.Text(), nil
}

// withoutUID cuts the bit string of a Name and Optional UID (RFC 4517 §3.3.21).
func withoutUID(v string) string {
	if i := strings.LastIndex(v, "#'"); i > 0 && strings.HasSuffix(v, "'B") {
		return v[:i]
	}
	return v
}

// invalid is MIM's name for a value that does not fit its type.
func invalid(k object.Kind) problem.Code {
	switch k {
	case object.Int:
		return connector.InvalidNumeric
	case object.Bool:
		return connector.InvalidBoolean
	case object.Ref:
		return connector.InvalidReference
	case object.None, object.String, object.Bytes, object.Time:
	}
	return connector.InvalidValue
}

func formatGeneralizedTime(t time.Time) string {
	if t.Nanosecond() == 0 {
		return t.Format("20060102150405Z")
	}
	return strings.TrimRight(t.Format("20060102150405.000000"), "0") + "Z"
}

// compareKey prepares a value, as it is written, for comparing the way the
// server does.
func (a *attrShape) compareKey(v string) string {
	switch {
	case a == nil:
		return v
	case a.Kind == object.Ref:
		return dnKey(v)
	case a.Folded:
		return strings.Join(strings.Fields(object.Fold(v)), " ")
	}
	return v
}
