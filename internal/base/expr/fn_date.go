package expr

import (
	"math"
	"time"
	_ "time/tzdata" // zones must be known wherever the program runs
)

// dateFunctions compute with times without asking the clock.
func dateFunctions() []Function {
	dateFormat := func(m *machine, a []val) val {
		t, err := parseTime(a[0].s, time.UTC)
		if err != nil {
			return failed(&EvalError{Message: err.Error()})
		}
		return formatted(t, a[1].s)
	}
	return []Function{
		{Name: "DateTimeFormat", Origin: FromMIM, call: dateFormat, Signature: "DateTimeFormat(time string, format string) string",
			Summary:  "A time that is a text, written as .NET's format characters say. A text in American order (month first), ISO 8601 or a directory's generalized time is read, in UTC.",
			Examples: []Example{{Expr: `DateTimeFormat("12/25/2007", "yyyy-MM-dd")`, Want: "2007-12-25"}, {Expr: `DateTimeFormat("20071225103000.0Z", "d")`, Want: "12/25/2007"}, {Expr: `DateTimeFormat("2007-12-25", "q")`, Error: "not one of .NET's"}}},
		{Name: "FormatDateTime", Origin: FromEntra, traits: clocked, Signature: "FormatDateTime(time time, format string) string\nFormatDateTime(time time, format string, zone string) string",
			call: func(m *machine, a []val) val {
				t := a[0].time()
				if len(a) > 2 {
					z, err := m.zone(a[2].s)
					if err != nil {
						return failed(&EvalError{Message: err.Error()})
					}
					t = t.In(z)
				}
				return formatted(t, a[1].s)
			},
			Summary: "A time, written as .NET's format characters say; in UTC, or in a zone.", Examples: []Example{{Expr: `FormatDateTime(attr.hired, "yyyyMMddHHmmss") + ".0Z"`, Want: "20200301000000.0Z"}, {Expr: `FormatDateTime(attr.hired, "dddd, d MMMM yyyy HH:mm zzz", "Europe/Berlin")`, Want: "Sunday, 1 March 2020 01:00 +01:00"}}},
		{Name: "CDate", Origin: FromEntra, traits: clocked, call: toDate, Signature: "CDate(text string) time",
			Summary: "A time from a text, in UTC.", Examples: []Example{{Expr: `CDate("12/25/2007 8:15 PM")`, Want: "2007-12-25T20:15:00Z"}, {Expr: `CDate("soon")`, Error: "not a time"}}},
		{Name: "IsDate", Origin: FromEntra, traits: tolerant, Signature: "IsDate(text string) bool",
			call:    func(_ *machine, a []val) val { _, err := parseTime(a[0].s, time.UTC); return truth(err == nil) },
			Summary: "Whether CDate can read the text.", Examples: []Example{{Expr: `IsDate("2007-12-25")`, Want: "true"}, {Expr: `IsDate("soon")`, Want: "false"}}},
		{Name: "DateAdd", Origin: FromEntra, call: dateAdd, Signature: "DateAdd(interval string, count int, time time) time",
			Summary: "A time moved by a number of intervals: yyyy years, q quarters, m months, d, y or w days, ww weeks, h hours, n minutes, s seconds. A month's end stays one: one month after 31 January is the last of February.", Examples: []Example{
				{Expr: `DateAdd("m", 1, date("2026-01-31"))`, Want: "2026-02-28T00:00:00Z"}, {Expr: `DateAdd("ww", -1, attr.hired)`, Want: "2020-02-23T00:00:00Z"}}},
		{Name: "DateFromNum", Origin: FromEntra, call: dateFromNum, Signature: "DateFromNum(number int) time",
			Summary:  "A time from a Windows FILETIME (100 ns since 1601), as in accountExpires. 0 and the largest number mean never and give nothing.",
			Examples: []Example{{Expr: `DateFromNum(129699324000000000)`, Want: "2012-01-01T23:00:00Z"}, {Expr: `DateFromNum(9223372036854775807)`, Want: ""}}},
		{Name: "NumFromDate", Origin: FromEntra, call: numFromDate, Signature: "NumFromDate(time time) int",
			Summary: "A time as a Windows FILETIME.", Examples: []Example{{Expr: `NumFromDate(date("2012-01-01T23:00:00Z"))`, Want: "129699324000000000"}}},
	}
}

// dateOwnFunctions are Muster's, which mind time zones.
func dateOwnFunctions() []Function {
	hours := func(unit time.Duration) callFunc {
		return func(_ *machine, a []val) val {
			if a[0].n > math.MaxInt64/int64(unit) || a[0].n < -math.MaxInt64/int64(unit) {
				return failf("the length is too large")
			}
			return span(time.Duration(a[0].n) * unit)
		}
	}
	return []Function{
		{Name: "date", Origin: Own, traits: clocked, call: toDate, Signature: "date(text string) time\ndate(text string, zone string) time",
			Summary: "A time from a text; a plain day means its beginning, in UTC or in a zone.", Examples: []Example{{Expr: `date("2026-03-01")`, Want: "2026-03-01T00:00:00Z"}, {Expr: `date("2026-07-01", "Europe/Berlin")`, Want: "2026-06-30T22:00:00Z"}}},
		{Name: "startOfDay", Origin: Own, traits: clocked, Signature: "startOfDay(time time, zone string) time",
			call: func(m *machine, a []val) val {
				z, err := m.zone(a[1].s)
				if err != nil {
					return failed(&EvalError{Message: err.Error()})
				}
				y, mo, d := a[0].time().In(z).Date()
				return instant(time.Date(y, mo, d, 0, 0, 0, 0, z))
			},
			Summary: "The beginning of the day in a zone.", Examples: []Example{{Expr: `startOfDay(timestamp("2026-07-01T23:30:00Z"), "Europe/Berlin")`, Want: "2026-07-01T22:00:00Z"}, {Expr: `startOfDay(attr.hired, "Mars")`, Error: "no time zone"}}},
		{Name: "inZone", Origin: Own, traits: clocked, Signature: "inZone(time time, zone string) string",
			call: func(m *machine, a []val) val {
				z, err := m.zone(a[1].s)
				if err != nil {
					return failed(&EvalError{Message: err.Error()})
				}
				return str(a[0].time().In(z).Format(time.RFC3339))
			},
			Summary: "The time as a text with the clock of a zone.", Examples: []Example{{Expr: `inZone(attr.hired, "Europe/Berlin")`, Want: "2020-03-01T01:00:00+01:00"}}},
		{Name: "days", Origin: Own, call: hours(24 * time.Hour), Signature: "days(count int) duration",
			Summary: "A length of time in days of 24 hours.", Examples: []Example{{Expr: `attr.hired + days(30)`, Want: "2020-03-31T00:00:00Z"}}},
		{Name: "hours", Origin: Own, call: hours(time.Hour), Signature: "hours(count int) duration",
			Summary: "A length of time in hours.", Examples: []Example{{Expr: `attr.hired - hours(1)`, Want: "2020-02-29T23:00:00Z"}}},
	}
}

// toDate reads a time, in UTC or in the zone behind it.
func toDate(m *machine, a []val) val {
	loc := time.UTC
	if len(a) > 1 {
		z, err := m.zone(a[1].s)
		if err != nil {
			return failed(&EvalError{Message: err.Error()})
		}
		loc = z
	}
	t, err := parseTime(a[0].s, loc)
	if err != nil {
		return failed(&EvalError{Message: err.Error()})
	}
	return checkedTime(t)
}

func formatted(t time.Time, format string) val {
	s, err := formatTime(t, format)
	if err != nil {
		return failed(&EvalError{Message: err.Error()})
	}
	return str(s)
}

// checkedTime keeps to the years that CEL and the formats can write.
func checkedTime(t time.Time) val {
	if y := t.UTC().Year(); y < 1 || y > 9999 {
		return failf("the year is not between 1 and 9999")
	}
	return instant(t)
}

func dateAdd(_ *machine, a []val) val {
	n, t := a[1].n, a[2].time()
	if n > 1e12 || n < -1e12 {
		return failf("the count is too large")
	}
	seconds := map[string]int64{"d": 86400, "y": 86400, "w": 86400, "ww": 604800, "h": 3600, "n": 60, "s": 1}
	months := map[string]int64{"yyyy": 12, "q": 3, "m": 1}
	if by, ok := months[a[0].s]; ok {
		if n = n * by; n > 120_000 || n < -120_000 {
			return failf("the count is too large")
		}
		moved := t.AddDate(0, int(n), 0)
		if moved.Day() != t.Day() { // the month is shorter: its last day
			moved = moved.AddDate(0, 0, -moved.Day())
		}
		return checkedTime(moved)
	}
	by, ok := seconds[a[0].s]
	if !ok {
		return failf("the interval must be yyyy, q, m, d, y, w, ww, h, n or s")
	}
	return checkedTime(time.Unix(t.Unix()+n*by, int64(t.Nanosecond())))
}

// fileTimeEpoch is 1601-01-01 in microseconds since 1970.
const fileTimeEpoch = -11_644_473_600_000_000

func dateFromNum(_ *machine, a []val) val {
	n := a[0].n
	switch {
	case n == 0 || n == math.MaxInt64:
		return val{}
	case n < 0:
		return failf("a FILETIME is not negative")
	}
	return checkedTime(time.UnixMicro(n/10 + fileTimeEpoch))
}

func numFromDate(_ *machine, a []val) val {
	n := a[0].n - fileTimeEpoch
	if n < 0 || n > math.MaxInt64/10 {
		return failf("a FILETIME begins in 1601")
	}
	return integer(n * 10)
}
