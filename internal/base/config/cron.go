package config

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Cron is a schedule: the five fields minute, hour, day of month, month and
// day of week, checked, and the zone whose clock they mean. Deciding when it
// is due belongs to whoever runs it.
type Cron struct {
	Fields string // "30 2 * * 1-5", one space between fields
	Zone   *time.Location
}

// String returns the schedule as it is written in a file.
func (c Cron) String() string {
	if c.Zone == nil {
		return ""
	}
	return c.Fields + " " + c.Zone.String()
}

const cronFix = "write minute, hour, day of month, month, day of week and a time zone, such as 30 2 * * 1-5 Europe/Berlin"

// parseSchedule reads five fields and a zone.
func parseSchedule(text string) (Cron, *fault) {
	words := strings.Fields(text)
	if len(words) == 5 {
		return Cron{}, &fault{fmt.Sprintf("must have a time zone at the end, but is %s", quote(text)), "for example " + strings.Join(words, " ") + " Europe/Berlin"}
	}
	if len(words) != 6 {
		return Cron{}, &fault{fmt.Sprintf("must be a schedule, but is %s", quote(text)), cronFix}
	}
	for i, w := range words[:5] {
		if err := checkCronField(i, w); err != nil {
			return Cron{}, &fault{fmt.Sprintf("must be a schedule, but its %s %v", cronFields[i].name, err), cronFix}
		}
	}
	zone, bad := parseZone(words[5])
	if bad != nil {
		return Cron{}, bad
	}
	return Cron{strings.Join(words[:5], " "), zone}, nil
}

// cronFields describes the fields: bounds, and words for their numbers.
var cronFields = [5]struct {
	name      string
	low, high int
	words     string // three letters each, from low
}{
	{"minute", 0, 59, ""},
	{"hour", 0, 23, ""},
	{"day of month", 1, 31, ""},
	{"month", 1, 12, "janfebmaraprmayjunjulaugsepoctnovdec"},
	{"day of week", 0, 7, "sunmontuewedthufrisat"},
}

// checkCronField reads stars, numbers and ranges, with or without a step.
func checkCronField(i int, field string) error {
	for part := range strings.SplitSeq(field, ",") {
		span, step, stepped := strings.Cut(part, "/")
		if n, err := strconv.Atoi(step); stepped && (err != nil || n < 1 || n > cronFields[i].high) {
			return fmt.Errorf("has the step %s", quote(step))
		}
		if span == "*" {
			continue
		}
		from, to, ranged := strings.Cut(span, "-")
		if !ranged {
			to = from
		}
		low, err := cronNumber(i, from)
		if err != nil {
			return err
		}
		high, err := cronNumber(i, to)
		if err != nil {
			return err
		}
		if high < low {
			return fmt.Errorf("%s runs backwards", quote(span))
		}
	}
	return nil
}

func cronNumber(i int, text string) (int, error) {
	f := cronFields[i]
	if at := strings.Index(f.words, strings.ToLower(text)); at >= 0 && len(text) == 3 && at%3 == 0 {
		return f.low + at/3, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < f.low || n > f.high || text[0] == '+' {
		return 0, fmt.Errorf("%s is not between %d and %d", quote(text), f.low, f.high)
	}
	return n, nil
}
