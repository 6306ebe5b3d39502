package text

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"muster/cmd/muster/term"
	"muster/internal/sync/run"
)

// Group is what waits for one cause.
type Group struct {
	Cause   string           `json:"cause"` // as --cause takes it
	Said    string           `json:"said,omitempty"`
	Objects int64            `json:"objects"`
	Changes int64            `json:"changes"`
	Counts  map[string]int64 `json:"counts"` // by what, as in "deletes in dir"
	First   []run.UnitInfo   `json:"-"`      // the first few objects
}

// Groups gathers what waits by cause, however much it is.
type Groups struct {
	keep int
	by   map[string]*Group
}

// NewGroups keeps so many objects of each cause to be shown.
func NewGroups(keep int) *Groups { return &Groups{keep: keep, by: map[string]*Group{}} }

// Add counts a page of what waits.
func (g *Groups) Add(list []run.UnitInfo) {
	for i := range list {
		u := &list[i]
		parts := map[string]*run.UnitInfo{}
		for _, c := range u.Changes {
			x := g.by[c.Why]
			if x == nil {
				x = &Group{Cause: c.Why, Counts: map[string]int64{}}
				g.by[c.Why] = x
			}
			if x.Said == "" {
				x.Said = c.Cause
			}
			if parts[c.Why] == nil {
				parts[c.Why] = &run.UnitInfo{Key: u.Key, Object: u.Object}
				x.Objects++
			}
			parts[c.Why].Changes = append(parts[c.Why].Changes, c)
			x.Changes++
			x.Counts[where(&c)]++
		}
		for why, part := range parts {
			if x := g.by[why]; len(x.First) < g.keep {
				x.First = append(x.First, *part)
			}
		}
	}
}

// where is what a change is counted as: its op and its system.
func where(c *run.ChangeInfo) string {
	if c.Connector == "" {
		return what(c.Op, 2)
	}
	return what(c.Op, 2) + " in " + c.Connector
}

// List returns the groups, the largest first.
func (g *Groups) List() []*Group {
	return slices.SortedFunc(maps.Values(g.by), func(a, b *Group) int {
		return cmp.Or(cmp.Compare(b.Objects, a.Objects), strings.Compare(a.Cause, b.Cause))
	})
}

// Waiting writes what waits, by cause, and how one decision handles each.
func (p *Printer) Waiting(groups []*Group) {
	for i, g := range groups {
		if i > 0 {
			p.Line("")
		}
		p.Line("%s", p.Waits(g.headline()))
		if g.Said != "" && g.Said != g.Cause {
			p.Line("  %s", term.Clean(g.Said))
		}
		if g.Cause != "approved" && !strings.HasPrefix(g.Cause, "its unit") {
			p.Line("  approve all with: muster plan approve --cause %s", quoted(g.Cause))
		}
		for k := range g.First {
			p.Unit(&g.First[k])
		}
		if more := g.Objects - int64(len(g.First)); more > 0 {
			p.Line("%s", p.Faint(fmt.Sprintf("and %s; all of them: muster plan waiting --cause %s", term.Count(more, "more object"), quoted(g.Cause))))
		}
	}
}

// headline says what waits and why: "300 deletes in dir wait: guard deletes".
func (g *Group) headline() string {
	top := slices.SortedFunc(maps.Keys(g.Counts), func(a, b string) int {
		return cmp.Or(cmp.Compare(g.Counts[b], g.Counts[a]), strings.Compare(a, b))
	})
	top = g.counted(top)
	var parts []string
	for _, w := range top[:min(3, len(top))] {
		n := g.Counts[w]
		if n == 1 {
			w = single(w)
		}
		parts = append(parts, term.Number(n)+" "+w)
	}
	if len(top) > 3 {
		parts = append(parts, "…")
	}
	verb := " wait: "
	if g.Changes == 1 {
		verb = " waits: "
	}
	return strings.Join(parts, ", ") + verb + term.Clean(Reason(g.Cause)) + " (" + term.Count(g.Objects, "object") + ")"
}

// guarded are the changes that each kind of guard counts; others are counted as
// values.
var guarded = map[string][]string{
	"deletes": {"deletes in ", "disconnects in "}, "renames": {"renames in "}, "removals": {"references go in "},
}

// counted leaves of what waits because of a guard only what the guard counts:
// the rest follows from it.
func (g *Group) counted(all []string) []string {
	kind, ok := strings.CutPrefix(g.Cause, "guard ")
	if !ok {
		return all
	}
	words := guarded[kind]
	if words == nil {
		words = []string{"values in "}
	}
	out := slices.DeleteFunc(slices.Clone(all), func(w string) bool {
		return !slices.ContainsFunc(words, func(x string) bool { return strings.HasPrefix(w, x) })
	})
	if len(out) == 0 {
		return all
	}
	return out
}

// single is the word for one of what is counted.
func single(w string) string {
	for _, x := range whats {
		if rest, ok := strings.CutPrefix(w, x[1]); ok && (rest == "" || strings.HasPrefix(rest, " in ")) {
			return x[0] + rest
		}
	}
	return w
}

// OfCause keeps the changes that wait for a cause, and the units that have some.
func OfCause(list []run.UnitInfo, cause string) []run.UnitInfo {
	var out []run.UnitInfo
	for i := range list {
		u := list[i]
		u.Changes = slices.DeleteFunc(slices.Clone(u.Changes), func(c run.ChangeInfo) bool { return !strings.HasPrefix(c.Why, cause) })
		if len(u.Changes) > 0 {
			out = append(out, u)
		}
	}
	return out
}
