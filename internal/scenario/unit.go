package scenario

import (
	"slices"
	"strconv"
	"strings"

	"muster/internal/base/object"
	"muster/internal/base/problem"
	"muster/internal/sync/run"
)

// unit is a unit of a plan, or what waits of one, as stories write it.
type unit struct {
	name  string // the object
	line  int    // in the story; 0: seen
	lines []change
	more  bool // ... : further lines may be there
}

// change is one line of a unit.
type change struct {
	text string
	why  string // what is in brackets
	line int
}

// readUnits reads the units below an expectation.
func (s *Story) readUnits(body []Line) ([]unit, *problem.Problem) {
	var out []unit
	for _, l := range body {
		words, err := splitWords(l.Text)
		if err != nil {
			return nil, s.problem(l.No, CodeStep, err.Error(), "")
		}
		if l.Depth <= body[0].Depth {
			out = append(out, unit{name: join(words), line: l.No})
			continue
		}
		u := &out[len(out)-1]
		words, why := reason(words)
		if text := join(words); text == "..." {
			u.more = true
		} else {
			u.lines = append(u.lines, change{text: text, why: why, line: l.No})
		}
	}
	return out, nil
}

// showUnits writes what the desk tells in the words of stories.
func showUnits(infos []run.UnitInfo) []unit {
	out := make([]unit, 0, len(infos))
	for _, info := range infos {
		u := unit{name: showName(info.Object)}
		for _, c := range info.Changes {
			u.lines = append(u.lines, change{text: tidy(c.Line()), why: showWhy(&c)})
		}
		slices.SortStableFunc(u.lines, func(a, b change) int { return rank(a.text) - rank(b.text) })
		out = append(out, u)
	}
	slices.SortFunc(out, func(a, b unit) int { return strings.Compare(a.name, b.name) })
	return out
}

// rank puts a unit's lines in the order in which people read them.
func rank(text string) int {
	first, _, _ := strings.Cut(text, " ")
	switch {
	case text == "born" || text == "ends":
		return 0
	case first == "link" || first == "cut":
		return 1
	case !strings.Contains(first, ".") && !strings.Contains(text, ": add ") && !strings.HasSuffix(text, ": delete") && !strings.Contains(text, ": disconnect"):
		return 2
	case !strings.Contains(first, "."):
		return 3
	}
	return 4
}

// showName writes an object as stories do.
func showName(n run.ObjectName) string {
	founder := n.Founder
	if founder == "" {
		founder = n.ID
	}
	if strings.ContainsAny(founder, ` "#`) {
		founder = strconv.Quote(founder)
	}
	return n.Type + " " + founder
}

// tidy writes a line as the reader of stories takes it apart and joins it.
func tidy(line string) string {
	words, err := splitWords(line)
	if err != nil {
		return line
	}
	return join(words)
}

// showWhy writes why something waits, or what its system objects to.
func showWhy(c *run.ChangeInfo) string {
	switch c.Why {
	case "approved":
		return "" // it waits with its unit
	case "reject":
		return "rejected"
	case "shelve":
		return "shelved"
	case "protect":
		return "protected"
	case "narrow":
		return "narrowed"
	case "undo":
		return "undone"
	}
	if len(c.Objections) > 0 {
		return strings.Join(c.Objections, "; ")
	}
	return c.Why
}

// showValues writes values: texts in quotation marks, several with commas
// between them, none as none.
func showValues(vs object.Values, none []string) string {
	if len(vs) == 0 {
		return showTexts(none)
	}
	parts := make([]string, len(vs))
	for i, v := range vs {
		if parts[i] = v.String(); v.Kind() == object.String || v.Kind() == object.Ref || v.Kind() == object.Bytes {
			parts[i] = strconv.Quote(parts[i])
		}
	}
	return strings.Join(parts, ", ")
}

// showTexts writes values that come as texts, without their kinds.
func showTexts(texts []string) string {
	if len(texts) == 0 {
		return "none"
	}
	parts := make([]string, len(texts))
	for i, s := range texts {
		parts[i] = strconv.Quote(s)
	}
	return strings.Join(parts, ", ")
}
