package ldap

import (
	"fmt"
	"strings"
	"time"
)

// parseGeneralizedTime reads a Generalized Time (RFC 4517 §3.3.13): year,
// month, day and hour; minutes and seconds or not; a fraction of the last of
// these or not; Z or an offset.
func parseGeneralizedTime(s string) (time.Time, error) {
	p := &digits{rest: s}
	year, month, day, hour := p.number(4), p.number(2), p.number(2), p.number(2)
	minute, second, unit := 0, 0, time.Hour
	if p.more() {
		minute, unit = p.number(2), time.Minute
	}
	if p.more() {
		second, unit = p.number(2), time.Second
	}
	fraction := p.fraction(unit)
	offset := p.zone()
	if p.bad || p.rest != "" || month < 1 || month > 12 || day < 1 || hour > 23 || minute > 59 || second > 60 {
		return time.Time{}, fmt.Errorf("%q is not a generalized time", s)
	}
	t := time.Date(year, time.Month(month), day, hour, minute, second, 0, time.UTC)
	if t.Day() != day && second < 60 {
		return time.Time{}, fmt.Errorf("%q names a day that the month does not have", s)
	}
	return t.Add(fraction - offset), nil
}

// parseUTCTime reads a UTC Time (RFC 4517 §3.3.34). Years below 50 are of this
// century (RFC 5280 §4.1.2.5.1).
func parseUTCTime(s string) (time.Time, error) {
	century := "19"
	if s != "" && s[0] < '5' {
		century = "20"
	}
	if strings.ContainsAny(s, ".,") || !strings.ContainsAny(s, "Z+-") {
		return time.Time{}, fmt.Errorf("%q is not a UTC time", s)
	}
	return parseGeneralizedTime(century + s)
}

// digits reads a time from left to right; bad says that it is none.
type digits struct {
	rest string
	bad  bool
}

func (p *digits) more() bool { return p.rest != "" && p.rest[0] >= '0' && p.rest[0] <= '9' }

func (p *digits) number(n int) int {
	if len(p.rest) < n {
		p.bad, p.rest = true, ""
		return 0
	}
	out := 0
	for i := range n {
		c := p.rest[i]
		if c < '0' || c > '9' {
			p.bad = true
			return 0
		}
		out = out*10 + int(c-'0')
	}
	p.rest = p.rest[n:]
	return out
}

// fraction reads a part of a unit, to the nanosecond.
func (p *digits) fraction(unit time.Duration) time.Duration {
	if p.rest == "" || p.rest[0] != '.' && p.rest[0] != ',' {
		return 0
	}
	p.rest = p.rest[1:]
	if !p.more() {
		p.bad = true
	}
	out, scale := time.Duration(0), unit
	for p.more() {
		// The digit's share, rounded down; beyond a nanosecond nothing is left.
		out += time.Duration(p.rest[0]-'0') * scale / 10
		scale /= 10
		p.rest = p.rest[1:]
	}
	return out
}

// zone reads Z or an offset from UTC.
func (p *digits) zone() time.Duration {
	if p.rest == "" {
		p.bad = true
		return 0
	}
	sign := p.rest[0]
	p.rest = p.rest[1:]
	if sign == 'Z' {
		return 0
	}
	hours, minutes := p.number(2), 0
	if p.more() {
		minutes = p.number(2)
	}
	if sign != '+' && sign != '-' || hours > 23 || minutes > 59 {
		p.bad = true
	}
	d := time.Duration(hours)*time.Hour + time.Duration(minutes)*time.Minute
	if sign == '-' {
		return -d
	}
	return d
}
