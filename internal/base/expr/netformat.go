package expr

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// standardFormats are .NET's one-letter formats in the invariant culture.
var standardFormats = map[string]string{
	"d": "MM/dd/yyyy", "D": "dddd, dd MMMM yyyy", "f": "dddd, dd MMMM yyyy HH:mm", "F": "dddd, dd MMMM yyyy HH:mm:ss",
	"g": "MM/dd/yyyy HH:mm", "G": "MM/dd/yyyy HH:mm:ss", "m": "MMMM dd", "M": "MMMM dd", "o": "yyyy-MM-ddTHH:mm:ss.fffffffK", "O": "yyyy-MM-ddTHH:mm:ss.fffffffK",
	"r": "ddd, dd MMM yyyy HH':'mm':'ss 'GMT'", "R": "ddd, dd MMM yyyy HH':'mm':'ss 'GMT'", "s": "yyyy-MM-ddTHH:mm:ss",
	"t": "HH:mm", "T": "HH:mm:ss", "u": "yyyy-MM-dd HH:mm:ssZ", "y": "yyyy MMMM", "Y": "yyyy MMMM",
}

// formatTime writes t as a .NET format says, in the invariant culture (English
// names, / and : as they are).
func formatTime(t time.Time, format string) (string, error) {
	if f, ok := standardFormats[format]; ok {
		format = f
	} else if len(format) == 1 {
		return "", fmt.Errorf("the format %q is not one of .NET's that is supported", format)
	}
	if format == "" {
		return formatTime(t, "G")
	}
	if len(format) > 200 {
		return "", fmt.Errorf("the format is longer than 200 bytes")
	}
	var b strings.Builder
	for len(format) > 0 {
		c := format[0]
		n := 1
		for n < len(format) && format[n] == c {
			n++
		}
		switch {
		case c == '\'' || c == '"':
			end := strings.IndexByte(format[1:], c)
			if end < 0 {
				return "", fmt.Errorf("in the format a quote %c is not closed", c)
			}
			b.WriteString(format[1 : end+1])
			format = format[end+2:]
			continue
		case c == '\\':
			if len(format) < 2 {
				return "", fmt.Errorf("the format ends with \\")
			}
			_, size := utf8.DecodeRuneInString(format[1:])
			b.WriteString(format[1 : 1+size])
			format = format[1+size:]
			continue
		case c == '%':
			if len(format) < 2 || format[1] == '%' {
				return "", fmt.Errorf("in the format nothing follows %%")
			}
			format = format[1:]
			continue
		case strings.IndexByte("dfFghHKmMstyz", c) >= 0:
			s, err := formatPart(t, c, n)
			if err != nil {
				return "", err
			}
			if c == 'F' && s == "" {
				out := strings.TrimSuffix(b.String(), ".")
				b.Reset()
				b.WriteString(out)
			}
			b.WriteString(s)
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
			if c != 'T' && c != 'Z' {
				return "", fmt.Errorf("the format character %c is not known; put text in quotes", c)
			}
			b.WriteString(format[:n])
		default:
			b.WriteString(format[:n])
		}
		format = format[n:]
	}
	return b.String(), nil
}

// formatPart writes one run of n equal format characters.
func formatPart(t time.Time, c byte, n int) (string, error) {
	number := func(v, most int) string { return fmt.Sprintf("%0*d", min(n, most), v) }
	switch c {
	case 'd':
		switch {
		case n <= 2:
			return number(t.Day(), 2), nil
		case n == 3:
			return t.Format("Mon"), nil
		}
		return t.Weekday().String(), nil
	case 'M':
		switch {
		case n <= 2:
			return number(int(t.Month()), 2), nil
		case n == 3:
			return t.Format("Jan"), nil
		}
		return t.Month().String(), nil
	case 'y':
		if n <= 2 {
			return number(t.Year()%100, 2), nil
		}
		return number(t.Year(), n), nil
	case 'H':
		return number(t.Hour(), 2), nil
	case 'h':
		return number((t.Hour()+11)%12+1, 2), nil
	case 'm':
		return number(t.Minute(), 2), nil
	case 's':
		return number(t.Second(), 2), nil
	case 't':
		return t.Format("PM")[:min(n, 2)], nil
	case 'f', 'F':
		if n > 7 {
			return "", fmt.Errorf("the format has more than seven %c", c)
		}
		digits := fmt.Sprintf("%09d", t.Nanosecond())[:n]
		if c == 'F' {
			digits = strings.TrimRight(digits, "0")
		}
		return digits, nil
	case 'g':
		return "A.D.", nil
	case 'K':
		return strings.Repeat(t.Format("Z07:00"), n), nil
	default: // 'z'
		switch {
		case n >= 3:
			return t.Format("-07:00"), nil
		case n == 2:
			return t.Format("-07"), nil
		}
		s := t.Format("-07")
		if s[1] == '0' {
			s = s[:1] + s[2:]
		}
		return s, nil
	}
}

// dateLayouts are the ways to write a time that parseTime reads, in order.
// Where the order of month and day is not clear, the month comes first, as in
// .NET's invariant culture.
var dateLayouts = []string{
	time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02T15:04", "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02 15:04:05.999999999", "2006-01-02 15:04", time.DateOnly, "2006/01/02",
	"1/2/2006 3:04:05 PM", "1/2/2006 3:04 PM", "1/2/2006 15:04:05", "1/2/2006 15:04", "1/2/2006",
	"20060102150405.999999999Z0700", "20060102150405Z0700", "200601021504Z0700", "20060102",
	time.RFC1123, time.RFC1123Z, "2 January 2006", "January 2, 2006", "2 Jan 2006", "Jan 2, 2006", "2-Jan-2006",
}

// parseTime reads a time as people and directories write it. Without a zone it
// is in loc.
func parseTime(s string, loc *time.Location) (time.Time, error) {
	s = strings.TrimSpace(s)
	if len(s) <= 40 {
		for _, layout := range dateLayouts {
			if t, err := time.ParseInLocation(layout, s, loc); err == nil {
				return t.UTC(), nil
			}
		}
	}
	return time.Time{}, fmt.Errorf("this is not a time that can be read; write it as 2026-03-01 or 2026-03-01T12:00:00Z")
}
