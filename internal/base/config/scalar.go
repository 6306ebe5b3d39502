package config

import (
	"fmt"
	"math"
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // a zone means the same on every machine

	"muster/internal/base/problem"
)

// fault is what is wrong with a single value: the rest of a sentence that
// begins with the field's path.
type fault struct{ message, fix string }

// name is the form of stable names and of the names of secrets.
var name = regexp.MustCompile(`^[a-z0-9][a-z0-9-]*$`)

const maxName = 64

// parse reads a single value. bare says that it stands without quotes. It
// returns the text in its checked form and the value that goes with it.
func (f *Field) parse(text string, bare bool) (norm string, data any, bad *fault) {
	switch f.Type {
	case Int, Number, Bool:
		if !bare {
			return "", nil, f.wrong("text in quotes", "remove the quotes")
		}
		return f.parseBare(text)
	case Duration:
		d, ok := parseDuration(text)
		if !ok {
			return "", nil, f.wrong(quote(text), "write a number and a unit (s, m, h, d, w), such as 30s or 7d")
		}
		return text, d, f.bounds(float64(d))
	case Zone:
		z, bad := parseZone(text)
		return text, z, bad
	case Schedule:
		c, bad := parseSchedule(text)
		return c.String(), c, bad
	case Choice:
		return text, nil, f.choose(text)
	case Path:
		return text, nil, checkPath(text)
	case Secret:
		if !name.MatchString(text) || len(text) > maxName {
			return "", nil, &fault{"must be the name of a secret: small letters, digits and dashes",
				"never write the secret itself; give it a name here, and its value in a file or the environment"}
		}
	case Expression:
		if text = strings.TrimSpace(text); text == "" {
			return "", nil, &fault{"must be an expression, but is empty", f.exampleFix()}
		}
	case Text:
		if f.Required && text == "" {
			return "", nil, &fault{"must not be empty", f.exampleFix()}
		}
	}
	return text, nil, nil
}

var (
	wholeForm  = regexp.MustCompile(`^-?(0|[1-9][0-9]*)$`)
	numberForm = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?$`)
)

// parseBare reads what YAML itself has words for.
func (f *Field) parseBare(text string) (norm string, data any, bad *fault) {
	switch f.Type {
	case Int:
		n, err := strconv.ParseInt(text, 10, strconv.IntSize)
		if err != nil || !wholeForm.MatchString(text) {
			return "", nil, f.wrong(quote(text), "write digits only, such as "+or(f.Example, f.Default, "10"))
		}
		return strconv.FormatInt(n, 10), int(n), f.bounds(float64(n))
	case Number:
		x, err := strconv.ParseFloat(text, 64)
		if err != nil || !numberForm.MatchString(text) {
			return "", nil, f.wrong(quote(text), "write a number such as "+or(f.Example, f.Default, "2.5"))
		}
		return strconv.FormatFloat(x, 'g', -1, 64), x, f.bounds(x)
	}
	switch text {
	case "true", "false":
		return text, text == "true", nil
	}
	fix := "write true or false"
	switch strings.ToLower(text) {
	case "yes", "on", "y", "true", "1":
		fix = "write true"
	case "no", "off", "n", "false", "0":
		fix = "write false"
	}
	return "", nil, f.wrong(quote(text), fix)
}

// wrong says that a value is not of the field's type.
func (f *Field) wrong(got, fix string) *fault {
	return &fault{fmt.Sprintf("must be %s, but is %s", article(f.Type), got), fix}
}

func article(t Type) string {
	switch t {
	case Text, Bool:
		return t.String()
	case Expression:
		return "an expression"
	case Choice:
		return "one word"
	}
	return "a " + t.String()
}

func quote(s string) string { return strconv.Quote(clip(s, 60)) }

// or returns the first text that is not empty.
func or(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}

func (f *Field) exampleFix() string {
	if f.Example == "" {
		return ""
	}
	return "for example " + strings.Join(strings.Fields(f.Example), " ")
}

// bounds compares a number with Min and Max.
func (f *Field) bounds(x float64) *fault {
	low, high := f.bound(f.Min, math.Inf(-1)), f.bound(f.Max, math.Inf(1))
	switch {
	case x >= low && x <= high:
		return nil
	case f.Min != "" && f.Max != "":
		return &fault{fmt.Sprintf("must be between %s and %s", f.Min, f.Max), ""}
	case f.Min != "":
		return &fault{fmt.Sprintf("must be at least %s", f.Min), ""}
	}
	return &fault{fmt.Sprintf("must be at most %s", f.Max), ""}
}

func (f *Field) bound(text string, none float64) float64 {
	if text == "" {
		return none
	}
	if f.Type == Duration {
		d, _ := parseDuration(text)
		return float64(d)
	}
	x, _ := strconv.ParseFloat(text, 64)
	return x
}

// choose compares a word with the words allowed.
func (f *Field) choose(text string) *fault {
	var words []string
	for _, o := range f.Choices {
		if o.Value == text {
			return nil
		}
		words = append(words, o.Value)
	}
	return &fault{fmt.Sprintf("must be %s, but is %s", oneOf(words), quote(text)), problem.Suggest(clip(text, 60), words)}
}

// oneOf writes words as people list them.
func oneOf(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

var durationForm = regexp.MustCompile(`^([0-9]+w)?([0-9]+d)?((?:[0-9]+h)?(?:[0-9]+m)?(?:[0-9]+s)?(?:[0-9]+ms)?)$`)

// parseDuration reads weeks and days beside what Go knows.
func parseDuration(text string) (time.Duration, bool) {
	m := durationForm.FindStringSubmatch(text)
	if m == nil || text == "" {
		return 0, false
	}
	var sum time.Duration
	for i, unit := range []time.Duration{7 * 24 * time.Hour, 24 * time.Hour} {
		if m[i+1] == "" {
			continue
		}
		n, err := strconv.ParseInt(m[i+1][:len(m[i+1])-1], 10, 64)
		if err != nil || n > int64((math.MaxInt64-sum)/unit) {
			return 0, false
		}
		sum += time.Duration(n) * unit
	}
	if m[3] == "" {
		return sum, true
	}
	rest, err := time.ParseDuration(m[3])
	if err != nil || rest > math.MaxInt64-sum {
		return 0, false
	}
	return sum + rest, true
}

// zoneForm keeps out what time.LoadLocation takes for the zone of the machine.
var zoneForm = regexp.MustCompile(`^[A-Z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*$`)

func parseZone(text string) (*time.Location, *fault) {
	if zoneForm.MatchString(text) && text != "Local" {
		if z, err := time.LoadLocation(text); err == nil {
			return z, nil
		}
	}
	return nil, &fault{fmt.Sprintf("must be a time zone, but %s is not known", quote(text)), "write an IANA name such as Europe/Berlin, or UTC"}
}

var driveForm = regexp.MustCompile(`^[A-Za-z]:[/\\]`)

// isAbsolute reports that a path leads from a root, on any system: a
// configuration means the same wherever it is read.
func isAbsolute(p string) bool {
	return strings.HasPrefix(p, "/") || strings.HasPrefix(p, `\\`) || driveForm.MatchString(p)
}

func checkPath(text string) *fault {
	switch {
	case strings.TrimSpace(text) == "":
		return &fault{"must be a path, but is empty", ""}
	case strings.Contains(text, "\x00"):
		return &fault{"must be a path, but holds a zero byte", ""}
	case strings.Contains(text, `\`) && !isAbsolute(text):
		return &fault{fmt.Sprintf("must be a path, but is %s", quote(text)), "write / between folders; it works on Windows too"}
	}
	return nil
}

// fromRoot returns a path as it leads from the root of the configuration.
func (f *file) fromRoot(p string) string {
	if isAbsolute(p) {
		return p
	}
	return path.Join(path.Dir(f.name), p)
}
