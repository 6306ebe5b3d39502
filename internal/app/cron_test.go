package app

import (
	"encoding/json"
	"slices"
	"testing"
	"testing/fstest"
	"time"

	"muster/internal/base/config"
)

func TestNext(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ fields, zone, after, want, why string }{
		{"30 2 * * *", "UTC", "2027-03-01T00:00:00Z", "2027-03-01T02:30:00Z", "later today"},
		{"30 2 * * *", "UTC", "2027-03-01T02:30:00Z", "2027-03-02T02:30:00Z", "not the same instant again"},
		{"30 2 * * 1-5", "UTC", "2027-03-05T12:00:00Z", "2027-03-08T02:30:00Z", "over the weekend"},
		{"30 2 * * mon-fri", "UTC", "2027-03-05T12:00:00Z", "2027-03-08T02:30:00Z", "days by their names"},
		{"0 0 * * 7", "UTC", "2027-03-01T00:00:00Z", "2027-03-07T00:00:00Z", "Sunday as 7"},
		{"*/15 * * * *", "UTC", "2027-03-01T10:46:00Z", "2027-03-01T11:00:00Z", "every quarter of an hour"},
		{"5-20/7 10 * * *", "UTC", "2027-03-01T10:06:00Z", "2027-03-01T10:12:00Z", "a range with a step"},
		{"0 6 1 * mon", "UTC", "2027-03-02T00:00:00Z", "2027-03-08T06:00:00Z", "day of month or day of week"},
		{"0 6 31 * *", "UTC", "2027-04-01T00:00:00Z", "2027-05-31T06:00:00Z", "months that are too short"},
		{"0 6 29 2 *", "UTC", "2027-03-01T00:00:00Z", "2028-02-29T06:00:00Z", "the day that comes every four years"},
		{"0 6 30 2 *", "UTC", "2027-03-01T00:00:00Z", "", "a day that never comes"},
		{"0 1 * jan *", "UTC", "2027-03-01T00:00:00Z", "2028-01-01T01:00:00Z", "months by their names"},
		{"30 2 * * *", "Europe/Berlin", "2027-03-01T00:00:00Z", "2027-03-01T01:30:00Z", "the zone's clock"},
		// Summer time begins on 28 March 2027 at 01:00 UTC.
		{"30 2 * * *", "Europe/Berlin", "2027-03-27T12:00:00Z", "2027-03-28T01:00:00Z", "in the hour that is skipped"},
		{"30 2 * * *", "Europe/Berlin", "2027-03-28T01:00:00Z", "2027-03-29T00:30:00Z", "and not twice"},
		{"0,30 2 * * *", "Europe/Berlin", "2027-03-28T01:00:00Z", "2027-03-29T00:00:00Z", "two times in the skipped hour are one"},
		{"15 * * * *", "Europe/Berlin", "2027-03-28T00:15:00Z", "2027-03-28T01:15:00Z", "every hour goes on"},
		// It ends on 31 October 2027 at 01:00 UTC.
		{"30 2 * * *", "Europe/Berlin", "2027-10-30T12:00:00Z", "2027-10-31T00:30:00Z", "the first of the two"},
		{"30 2 * * *", "Europe/Berlin", "2027-10-31T00:30:00Z", "2027-11-01T01:30:00Z", "and not the second"},
		{"30 * * * *", "Europe/Berlin", "2027-10-31T00:30:00Z", "2027-10-31T01:30:00Z", "every hour: both"},
		{"30 * * * *", "Europe/Berlin", "2027-10-31T01:30:00Z", "2027-10-31T02:30:00Z", "and on"},
		{"0 0 * * *", "America/Havana", "2027-03-13T12:00:00Z", "2027-03-14T05:00:00Z", "midnight that is skipped"},
		{"15 2 * * *", "Australia/Lord_Howe", "2027-10-02T12:00:00Z", "2027-10-02T15:30:00Z", "a change of half an hour"},
		{"0 12 * * *", "Pacific/Apia", "2011-12-29T23:00:00Z", "2011-12-30T10:00:00Z", "a whole day that was skipped"},
	} {
		zone, err := time.LoadLocation(c.zone)
		if err != nil {
			t.Fatal(err)
		}
		after, err := time.Parse(time.RFC3339, c.after)
		if err != nil {
			t.Fatal(err)
		}
		got := next(config.Cron{Fields: c.fields, Zone: zone}, after)
		text := ""
		if !got.IsZero() {
			text = got.UTC().Format(time.RFC3339)
		}
		if text != c.want {
			t.Errorf("%s: %s %s after %s: got %s, want %s", c.why, c.fields, c.zone, c.after, text, c.want)
		}
	}
}

func TestNextAlwaysGoesOn(t *testing.T) {
	t.Parallel()
	for _, zone := range []string{"Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe"} {
		loc, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		for _, fields := range []string{"*/7 * * * *", "0 */5 * * *", "30 2 * * *", "0 0 1 * *"} {
			at := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
			for range 2000 {
				n := next(config.Cron{Fields: fields, Zone: loc}, at)
				if !n.After(at) {
					t.Fatalf("%s %s: %s after %s", fields, zone, n, at)
				}
				at = n
			}
		}
	}
}

// FuzzNext: what a file may say as a schedule is due at times that go on, each
// on a day and at a minute that the schedule names.
func FuzzNext(f *testing.F) {
	f.Add("30 2 * * 1-5 Europe/Berlin", int64(1800000000))
	f.Add("*/7 1,3-5 29 feb sun America/New_York", int64(0))
	f.Add("5/10 * 31 */2 7 Australia/Lord_Howe", int64(1790000000))
	kind := config.Kind{Type: "schedule", Fields: []config.Field{{Name: "at", Type: config.Schedule}}}
	f.Fuzz(func(t *testing.T, text string, unix int64) {
		body, err := json.Marshal(text) // JSON is YAML
		if err != nil {
			t.Skip()
		}
		tree, problems := config.Load(fstest.MapFS{"x.yaml": {Data: []byte("schedule: x\nat: " + string(body) + "\n")}}, []config.Kind{kind})
		if len(problems) > 0 {
			return
		}
		c := tree.Section("schedule", "x").Schedule("at")
		fields := parse(c.Fields)
		after := time.Unix(unix%(1<<33), 0)
		for range 5 {
			at := next(c, after)
			if at.IsZero() {
				return
			}
			if !at.After(after) {
				t.Fatalf("%s: %s after %s", text, at, after)
			}
			if !slices.Contains(fields.month, int(at.In(c.Zone).Month())) {
				t.Fatalf("%s: %s is in another month", text, at.In(c.Zone))
			}
			after = at
		}
	})
}
