package csv

import (
	"errors"
	"strings"
	"time"

	"muster/internal/base/object"
	"muster/internal/base/problem"
	"muster/internal/sync/connector"
)

// parse reads one value as the column says. The text is not empty.
func (c *Column) parse(text string) (object.Value, error) {
	switch c.Kind {
	case object.String:
		return object.Str(text), nil
	case object.Bool:
		for _, w := range c.True {
			if strings.EqualFold(w, text) {
				return object.Boolean(true), nil
			}
		}
		for _, w := range c.False {
			if strings.EqualFold(w, text) {
				return object.Boolean(false), nil
			}
		}
		return object.Value{}, &object.SyntaxError{Kind: object.Bool, Text: text}
	case object.Time:
		if c.Layout == "" {
			break
		}
		t, err := time.Parse(goLayout(c.Layout), text)
		if err != nil {
			return object.Value{}, &object.SyntaxError{Kind: object.Time, Text: text}
		}
		return object.Instant(t), nil
	default: // as every connector reads them
	}
	return object.ParseValue(c.Kind, text)
}

// format writes one value as the column says.
func (c *Column) format(v object.Value) string {
	switch {
	case c.Kind == object.Bool && v.Bool():
		return c.True[0]
	case c.Kind == object.Bool:
		return c.False[0]
	case c.Kind == object.Time && c.Layout != "":
		return v.Time().Format(goLayout(c.Layout))
	}
	return v.String()
}

// values reads a whole field. Several values are separated by Split.
func (c *Column) values(text string, trim bool) (object.Values, error) {
	if c.Split == "" {
		v, err := c.parse(text)
		return object.Values{v}, err
	}
	var out object.Values
	for part := range strings.SplitSeq(text, c.Split) {
		if trim {
			part = strings.TrimSpace(part)
		}
		if part == "" {
			continue
		}
		v, err := c.parse(part)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return object.Set(out...), nil
}

// field writes a whole field, or says why the file could not give it back.
func (c *Column) field(vs object.Values, f *Format) (string, error) {
	if len(vs) > 1 && c.Split == "" {
		return "", refusal(connector.MultiSingleMismatch, "column %s holds one value", c.Name)
	}
	parts := make([]string, len(vs))
	for i, v := range vs {
		if v.Kind() != c.Kind {
			return "", refusal(connector.SyntaxViolation, "column %s holds values of type %s, not %s", c.Name, c.Kind, v.Kind())
		}
		text := c.format(v)
		back, err := c.parse(text)
		switch {
		case text == "":
			return "", refusal(connector.InvalidValue, "column %s: an empty text cannot be told from no value", c.Name)
		case err != nil || back != v:
			return "", refusal(connector.InvalidValue, "column %s cannot hold %q without loss", c.Name, v.String())
		case c.Split != "" && strings.Contains(text, c.Split):
			return "", refusal(connector.InvalidValue, "column %s: %q contains %q, which separates values", c.Name, text, c.Split)
		}
		if err := f.fits(c.Name, text); err != nil {
			return "", err
		}
		parts[i] = text
	}
	return strings.Join(parts, c.Split), nil
}

// fits reports whether text comes back from the file as it is.
func (f *Format) fits(column, text string) error {
	if f.Trim && strings.TrimSpace(text) != text {
		return refusal(connector.InvalidValue, "column %s: blanks around %q would be lost", column, text)
	}
	for _, null := range f.Nulls {
		if text == null {
			return refusal(connector.InvalidValue, "column %s: %q means no value in this file", column, text)
		}
	}
	if strings.IndexByte(text, 0) >= 0 {
		return refusal(connector.InvalidValue, "column %s cannot hold NUL bytes", column)
	}
	if len(text) > f.MaxField {
		return refusal(connector.ConstraintViolation, "column %s: the text is longer than %d bytes", column, f.MaxField)
	}
	if strings.ToValidUTF8(text, "") != text {
		return refusal(connector.CodePageConversion, "column %s: the value is not text", column)
	}
	return nil
}

// syntaxCode is MIM's name for a value of the wrong form.
func syntaxCode(err error) problem.Code {
	var s *object.SyntaxError
	if errors.As(err, &s) {
		switch s.Kind {
		case object.Int:
			return connector.InvalidNumeric
		case object.Bool:
			return connector.InvalidBoolean
		case object.Bytes:
			return connector.InvalidBase64
		default:
		}
	}
	return connector.InvalidValue
}

var layoutWords = strings.NewReplacer("yyyy", "2006", "yy", "06", "MM", "01", "dd", "02", "HH", "15", "mm", "04", "ss", "05")

// goLayout translates the way that people write the form of dates.
func goLayout(layout string) string { return layoutWords.Replace(layout) }

// joinAnchor makes one text of the parts of an anchor. A separator inside a
// part is marked with a backslash, so that no two lists of parts meet.
func joinAnchor(parts []string, sep string) string {
	if len(parts) == 1 {
		return parts[0]
	}
	quote := strings.NewReplacer(`\`, `\\`, sep, `\`+sep)
	quoted := make([]string, len(parts))
	for i, p := range parts {
		quoted[i] = quote.Replace(p)
	}
	return strings.Join(quoted, sep)
}

// splitAnchor undoes joinAnchor for n parts; false if it never made anchor.
func splitAnchor(anchor string, n int, sep string) ([]string, bool) {
	if n == 1 {
		return []string{anchor}, anchor != ""
	}
	parts := []string{""}
	for anchor != "" {
		last := &parts[len(parts)-1]
		switch {
		case anchor[0] == '\\' && len(anchor) > 1 && (anchor[1] == '\\' || strings.HasPrefix(anchor[1:], sep)):
			size := 1
			if anchor[1] != '\\' {
				size = len(sep)
			}
			*last += anchor[1 : 1+size]
			anchor = anchor[1+size:]
		case strings.HasPrefix(anchor, sep):
			parts = append(parts, "")
			anchor = anchor[len(sep):]
		default:
			*last += anchor[:1]
			anchor = anchor[1:]
		}
	}
	for _, p := range parts {
		if p == "" {
			return nil, false
		}
	}
	return parts, len(parts) == n
}
