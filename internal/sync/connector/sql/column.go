package sql

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"muster/internal/base/object"
	"muster/internal/base/problem"
	"muster/internal/sync/connector"
)

// column is one column as it is read and written.
type column struct {
	name  string // in the database
	attr  string // the attribute, "" if it is none
	raw   object.Kind
	kind  object.Kind // as it is told
	form  form        // of times
	cast  bool        // read as text
	plain bool        // numbers are bound as numbers, because the database does not read texts as such
	zone  *time.Location
	ref   string // of references: the prefix of the target's anchor, which the column leaves out

	required, readOnly, folded, unique bool
	length                             int
}

// maxValue is the size of the largest value that is taken.
const maxValue = 16 << 20

// fault is what is wrong with a value.
type fault struct {
	code problem.Code
	err  error
}

func (f *fault) Error() string { return f.err.Error() }

func bad(code problem.Code, format string, args ...any) error {
	return &fault{code, fmt.Errorf(format, args...)}
}

// value reads what the driver gives. NULL is the zero Value.
func (c *column) value(v any) (object.Value, error) {
	if v == nil {
		return object.Value{}, nil
	}
	switch c.kind {
	case object.Int:
		n, err := toInt(v)
		return object.Integer(n), err
	case object.Bool:
		return toBool(v)
	case object.Time:
		t, err := c.toTime(v)
		return object.Instant(t), err
	case object.Bytes:
		return toBytes(v)
	default:
	}
	text, err := c.toText(v)
	if c.kind == object.Ref && err == nil {
		if text == "" {
			return object.Value{}, bad(connector.InvalidReference, "the reference is empty")
		}
		return object.Reference(c.ref + text), nil
	}
	return object.Str(text), err
}

func (c *column) toText(v any) (string, error) {
	switch v := v.(type) {
	case string:
		return v, checkText(v)
	case int64:
		return strconv.FormatInt(v, 10), nil
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), nil
	case bool:
		return strconv.FormatBool(v), nil
	case time.Time:
		return v.Format(c.layout("T")), nil
	case []byte:
		return "", bad(connector.InvalidValue, "it holds octets, not text")
	}
	return "", bad(connector.InvalidValue, "a %T cannot be read as text", v)
}

// checkText turns away what is no text.
func checkText(s string) error {
	switch {
	case len(s) > maxValue:
		return bad(connector.InvalidValue, "it is longer than %d MB", maxValue>>20)
	case !utf8.ValidString(s):
		return bad(connector.InvalidValue, "it is not valid UTF-8")
	case strings.Contains(s, "\x00"):
		return bad(connector.InvalidValue, "it holds a zero byte")
	}
	return nil
}

func toInt(v any) (int64, error) {
	switch v := v.(type) {
	case int64:
		return v, nil
	case float64:
		if n := int64(v); v == math.Trunc(v) && math.Abs(v) < 1<<53 {
			return n, nil
		}
	case string:
		whole, fraction, _ := strings.Cut(v, ".")
		if n, err := strconv.ParseInt(whole, 10, 64); err == nil && strings.Trim(fraction, "0") == "" {
			return n, nil
		}
	}
	return 0, bad(connector.InvalidNumeric, "%s is not a whole number of 64 bits", shown(v))
}

func toBool(v any) (object.Value, error) {
	switch v := v.(type) {
	case bool:
		return object.Boolean(v), nil
	case int64:
		if v == 0 || v == 1 {
			return object.Boolean(v == 1), nil
		}
	case string:
		if b, err := object.ParseValue(object.Bool, v); err == nil {
			return b, nil
		}
	}
	return object.Value{}, bad(connector.InvalidBoolean, "%s is neither true nor false", shown(v))
}

func toBytes(v any) (object.Value, error) {
	var b []byte
	switch v := v.(type) {
	case []byte:
		b = v
	case string:
		b = []byte(v)
	default:
		return object.Value{}, bad(connector.InvalidValue, "%s is not a string of octets", shown(v))
	}
	if len(b) > maxValue {
		return object.Value{}, bad(connector.InvalidValue, "it is longer than %d MB", maxValue>>20)
	}
	return object.Octets(b), nil
}

func (c *column) toTime(v any) (time.Time, error) {
	var t time.Time
	err := fmt.Errorf("it is not a time")
	switch v := v.(type) {
	case time.Time:
		t, err = v, nil
		if c.form == wall {
			t, err = inZone(v, c.zone)
		}
	case string:
		t, err = parseTime(v, c.zone)
	}
	if err == nil && (t.Year() < 1 || t.Year() > 9999) {
		err = fmt.Errorf("it lies outside the years 1 to 9999")
	}
	if err != nil {
		return t, bad(connector.InvalidValue, "%s: %w", shown(v), err)
	}
	return t, nil
}

// inZone takes the digits of t as a time in the zone.
func inZone(t time.Time, zone *time.Location) (time.Time, error) {
	if zone == nil {
		return t, nil
	}
	in := time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), zone)
	if in.Hour() != t.Hour() || in.Minute() != t.Minute() {
		return t, errors.New("in " + zone.String() + " the clock never showed it")
	}
	return in, nil
}

// layout is how a time of the column is written; sep stands between day and hour.
func (c *column) layout(sep string) string {
	switch c.form {
	case date:
		return "2006-01-02"
	case wall:
		return "2006-01-02" + sep + "15:04:05.999999"
	default:
		return "2006-01-02" + sep + "15:04:05.999999Z07:00"
	}
}

// bind makes v into what the driver takes. The zero Value is NULL. Texts serve
// for almost all: the database reads them by the type of the column.
func (c *column) bind(v object.Value) (any, error) {
	if v.IsZero() {
		return nil, nil
	}
	if v.Kind() != c.kind {
		return nil, bad(connector.SyntaxViolation, "it takes a %s, not a %s", c.kind, v.Kind())
	}
	switch c.kind {
	case object.Bytes:
		return []byte(v.Text()), nil
	case object.Time:
		return c.bindTime(v.Time())
	case object.Ref:
		text, ok := strings.CutPrefix(v.Text(), c.ref)
		if !ok || text == "" {
			return nil, bad(connector.BadReference, "%q is no anchor of the type that it refers to", v.Text())
		}
		return c.bindText(text)
	case object.Bool:
		if c.raw == object.Bool {
			return v.Bool(), nil
		}
		if c.raw == object.Int {
			return c.bindText(map[bool]string{true: "1", false: "0"}[v.Bool()])
		}
	case object.String:
		return c.bindText(v.Text())
	default:
	}
	return c.bindText(v.String())
}

func (c *column) bindText(text string) (any, error) {
	if err := checkText(text); err != nil {
		return nil, bad(connector.SyntaxViolation, "%w", err)
	}
	var err error
	switch c.raw {
	case object.Int:
		var n int64
		if n, err = strconv.ParseInt(text, 10, 64); err == nil && c.plain {
			return n, nil
		}
	case object.Bytes:
		err = errors.New("the column holds octets")
	default:
	}
	if err != nil {
		return nil, bad(connector.SyntaxViolation, "%q does not fit: %w", short(text), err)
	}
	return text, nil
}

func (c *column) bindTime(t time.Time) (any, error) {
	switch {
	case c.form == date && !t.Equal(t.Truncate(24*time.Hour)):
		return nil, bad(connector.SyntaxViolation, "a date has no time of day: %s", t.Format(time.RFC3339))
	case c.form == wall && c.zone != nil:
		local := t.In(c.zone)
		if back, err := inZone(local, c.zone); err != nil || !back.Equal(t) {
			return nil, bad(connector.SyntaxViolation, "in %s the clock shows %s twice", c.zone, local.Format(time.DateTime))
		}
		t = local
	}
	return t.Format(c.layout(" ")), nil
}

// present reports that a value marks its row, as a deleted one.
func present(v any) bool {
	switch v := v.(type) {
	case nil:
		return false
	case bool:
		return v
	case int64:
		return v != 0
	case string:
		b, err := strconv.ParseBool(v)
		return err != nil || b
	}
	return true
}

// shown shows a value that cannot be read, shortened.
func shown(v any) string {
	if t, ok := v.(time.Time); ok {
		return t.Format("2006-01-02 15:04:05")
	}
	return strconv.Quote(short(fmt.Sprint(v)))
}
