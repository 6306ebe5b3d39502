package app

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"muster/internal/base/config"
)

// horizon is how far ahead a next time is looked for: the 29th of February
// comes once in eight years at the latest.
const horizon = 9 * 366

// next returns the first instant after a given one at which a schedule is due,
// zero if there is none: the 30th of February.
//
// Where summer time begins and the clock skips an hour, what was due in it is
// due at the moment of the change; where the clock shows an hour twice, what is
// due at a fixed hour is due the first time only. A schedule of every hour is
// due each time.
func next(c config.Cron, after time.Time) time.Time {
	f := parse(c.Fields)
	day := after.In(c.Zone)
	y, m, d := day.Date()
	for i := range horizon {
		date := time.Date(y, m, d+i, 12, 0, 0, 0, time.UTC)
		if !f.onDay(date) {
			continue
		}
		if t := f.onDate(date, c.Zone, after); !t.IsZero() {
			return t
		}
	}
	return time.Time{}
}

// fields are the five fields of a schedule: the numbers that each allows.
type fields struct {
	minute, hour, day, month, week []int
	everyHour, everyDay, everyWeek bool // written with a star
}

var bounds = [5][2]int{{0, 59}, {0, 23}, {1, 31}, {1, 12}, {0, 7}}

// parse reads the fields, which config has checked.
func parse(text string) fields {
	var f fields
	for i, w := range strings.Fields(text) {
		set, star := numbers(i, w), strings.HasPrefix(w, "*")
		switch i {
		case 0:
			f.minute = set
		case 1:
			f.hour, f.everyHour = set, star
		case 2:
			f.day, f.everyDay = set, star
		case 3:
			f.month = set
		case 4:
			f.week, f.everyWeek = set, star
		}
	}
	return f
}

func numbers(i int, field string) []int {
	var out []int
	for part := range strings.SplitSeq(field, ",") {
		span, step, stepped := strings.Cut(part, "/")
		low, high := bounds[i][0], bounds[i][1]
		if span != "*" {
			from, to, ranged := strings.Cut(span, "-")
			low = number(i, from)
			high = low
			if ranged {
				high = number(i, to)
			} else if stepped {
				high = bounds[i][1]
			}
		}
		by := 1
		if stepped {
			by = max(1, number(i, step))
		}
		for n := low; n <= high; n += by {
			if i == 4 && n == 7 {
				out = append(out, 0) // Sunday has two numbers
				continue
			}
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// number reads a number, or one of the words for months and days.
func number(i int, text string) int {
	words, from := "", 0
	switch i {
	case 3:
		words, from = "janfebmaraprmayjunjulaugsepoctnovdec", 1
	case 4:
		words = "sunmontuewedthufrisat"
	}
	if at := strings.Index(words, strings.ToLower(text)); at >= 0 && len(text) == 3 {
		return from + at/3
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0
	}
	return n
}

// onDay reports that the schedule is due on a date. As ever with cron, when day
// of month and day of week are both given, either will do.
func (f *fields) onDay(date time.Time) bool {
	if !slices.Contains(f.month, int(date.Month())) {
		return false
	}
	day, week := slices.Contains(f.day, date.Day()), slices.Contains(f.week, int(date.Weekday()))
	switch {
	case f.everyDay || f.everyWeek:
		return day && week
	default:
		return day || week
	}
}

// onDate returns the first time on a date after an instant, zero if none.
func (f *fields) onDate(date time.Time, zone *time.Location, after time.Time) time.Time {
	var first time.Time
	for _, h := range f.hour {
		for _, m := range f.minute {
			for _, t := range instants(date, h, m, zone, f.everyHour) {
				if t.After(after) && (first.IsZero() || t.Before(first)) {
					first = t
				}
			}
		}
		if !first.IsZero() && !f.everyHour {
			return first
		}
	}
	return first
}

// instants are the moments at which a clock on the wall shows an hour and
// minute of a date: mostly one; none in the hour that is skipped, for which the
// moment of the change stands in unless every hour is asked for; two in the hour
// that comes twice, of which the first is meant unless every hour is.
func instants(date time.Time, hour, minute int, zone *time.Location, every bool) []time.Time {
	y, m, d := date.Date()
	wall := time.Date(y, m, d, hour, minute, 0, 0, time.UTC)
	_, before := wall.Add(-26 * time.Hour).In(zone).Zone()
	_, behind := wall.Add(26 * time.Hour).In(zone).Zone()
	var out []time.Time
	for _, offset := range []int{before, behind} {
		t := wall.Add(-time.Duration(offset) * time.Second)
		local := t.In(zone)
		if local.Day() == d && local.Hour() == hour && local.Minute() == minute && !slices.ContainsFunc(out, t.Equal) {
			out = append(out, t.UTC())
		}
	}
	slices.SortFunc(out, time.Time.Compare)
	switch {
	case len(out) == 0 && !every:
		start, _ := wall.Add(-time.Duration(before) * time.Second).In(zone).ZoneBounds()
		return []time.Time{start.UTC()}
	case len(out) > 1 && !every:
		return out[:1]
	}
	return out
}
