package oracle

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"muster/internal/base/object"
	"muster/internal/sync/space"
)

// History is a random world that moves.
type History struct {
	W     *World
	Out   *Outside
	R     *Rules
	Steps []string       // what happened, for people
	Met   map[string]int // what was met, and how often

	// Watch, if set, sees each plan with the world that it was decided on.
	Watch func(w *World, r *Rules, p *Plan)

	rng  *rand.Rand
	last []Change // of the last run
}

// Everybody's first instant.
var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// NewHistory makes a world with a few rows and maybe accounts that were there
// before.
func NewHistory(seed int64) *History {
	r := rand.New(rand.NewPCG(uint64(seed), 0))
	h := &History{rng: r, W: NewWorld(start), R: RandomRules(r), Met: map[string]int{}}
	h.Out = &Outside{Rows: map[string]map[string]object.Record{}, Normalizes: chance(r, 4)}
	for _, c := range h.R.Connectors {
		h.Out.Rows[c.Name] = map[string]object.Record{}
	}
	for range 3 + r.IntN(4) {
		h.Row(HR)
	}
	for range 5 {
		h.Row(pick(r, Badge, Groups, Portal))
	}
	for range r.IntN(3) {
		h.strangers()
	}
	return h
}

// strangers adds accounts that we did not make.
func (h *History) strangers() {
	r := h.rng
	h.Out.Born++
	a := fmt.Sprintf("x%d", h.Out.Born)
	row := object.Record{Type: "user", Anchor: a, DN: "cn=" + a + ",ou=old"}
	row.Attrs.Put("emp", text(fmt.Sprint(r.IntN(6))))
	row.Attrs.Put("login", text(pick(r, a, "Alee")))
	row.Attrs.Put("mail", text(pick(r, "m1", "m3")))
	h.Out.Rows[Directory][a] = row
	h.say("stranger %s", describe(row))
	h.Out.Rows[App][a] = object.Record{Type: "login", Anchor: a, Attrs: object.Bag(
		object.Attr{Name: "login", Values: text(a)}, object.Attr{Name: "mail", Values: text("m1")}, object.Attr{Name: "alias", Values: text("al")})}
}

func (h *History) say(format string, a ...any) {
	h.Steps = append(h.Steps, fmt.Sprintf(format, a...))
}
func (h *History) met(what string) { h.Met[what]++ }

// Decide decides, counts what was met and shows the plan to who watches.
func (h *History) Decide() *Plan {
	p := Decide(h.W, h.R)
	for _, f := range p.Features {
		h.met(f)
	}
	if h.Watch != nil {
		h.Watch(h.W, h.R, p)
	}
	return p
}

// Step does one random thing.
func (h *History) Step() {
	sources := []string{HR, HR, HR, Badge, Groups, Portal}
	switch n := h.rng.IntN(100); {
	case n < 12:
		h.Row(pick(h.rng, sources...))
	case n < 17:
		h.vanish(pick(h.rng, sources...))
	case n < 39:
		for range 1 + h.rng.IntN(3) {
			h.importing(pick(h.rng, HR, Badge, Groups, Portal, Directory, Directory, App))
		}
	case n < 56:
		h.run()
	case n < 69:
		h.send(2 + h.rng.IntN(12))
	case n < 72:
		h.W.Clock = h.W.Clock.Add(time.Duration(1+h.rng.IntN(8)) * time.Hour)
		h.say("clock %s", h.W.Clock.Format(time.DateTime))
	case n < 74:
		h.R = RandomRules(h.rng)
		h.met("rule change")
		h.say("rules change")
	case n < 83:
		h.person()
	case n < 91:
		h.swap()
	case n < 93:
		h.waver()
	case n < 98:
		h.succeed()
	default:
		h.drift()
	}
}

// Outdoors lets one thing happen outside: in a source, or to accounts that
// somebody else changes.
func (h *History) Outdoors() {
	sources := []string{HR, HR, HR, Badge, Groups, Portal}
	switch n := h.rng.IntN(20); {
	case n < 11:
		h.Row(pick(h.rng, sources...))
	case n < 14:
		h.vanish(pick(h.rng, sources...))
	case n < 16:
		h.swap()
	case n < 17:
		h.strangers()
	default:
		h.drift()
	}
}

// waver lets a person lose what an account needs, and have it again before
// anything is sent.
func (h *History) waver() {
	rows := slices.Sorted(maps.Keys(h.Out.Rows[HR]))
	if len(rows) == 0 {
		return
	}
	a := pick(h.rng, rows...)
	row := h.Out.Rows[HR][a]
	without := row
	without.Attrs = row.Attrs.Clone()
	without.Attrs.Put("last", nil)
	for _, r := range []object.Record{without, row} {
		h.Out.Rows[HR][a] = r
		h.say("waver %s", describe(r))
		Begin(h.W, h.Out, HR)
		Release(h.W, HR)
		h.run()
	}
}

// swap lets two people exchange the names that make their accounts' names.
func (h *History) swap() {
	rows := slices.Sorted(maps.Keys(h.Out.Rows[HR]))
	if len(rows) < 2 {
		return
	}
	h.rng.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	a, b := h.Out.Rows[HR][rows[0]], h.Out.Rows[HR][rows[1]]
	a.Attrs, b.Attrs = a.Attrs.Clone(), b.Attrs.Clone()
	for _, name := range []string{"nick", "office"} {
		x, y := a.Attrs.Get(name), b.Attrs.Get(name)
		a.Attrs.Put(name, y)
		b.Attrs.Put(name, x)
	}
	h.Out.Rows[HR][rows[0]], h.Out.Rows[HR][rows[1]] = a, b
	h.say("swap\n    %s\n    %s", describe(a), describe(b))
	h.soon()
}

// soon imports what HR says and decides, most of the time: what was done
// together is then decided together.
func (h *History) soon() {
	if chance(h.rng, 4) {
		return
	}
	Begin(h.W, h.Out, HR)
	Release(h.W, HR)
	h.run()
}

// succeed lets a person leave HR, and another take over what others said of him;
// sometimes he comes back.
func (h *History) succeed() {
	rows := slices.Sorted(maps.Keys(h.Out.Rows[HR]))
	if len(rows) < 2 {
		return
	}
	h.rng.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	old, next := h.Out.Rows[HR][rows[0]], h.Out.Rows[HR][rows[1]]
	delete(h.Out.Rows[HR], rows[0])
	h.say("succeed %s by %s", describe(old), describe(next))
	for _, c := range []string{Badge, Groups, Portal} {
		for _, a := range slices.Sorted(maps.Keys(h.Out.Rows[c])) {
			row := h.Out.Rows[c][a]
			if emp := row.Attrs.Get("emp"); len(emp) == 0 || !emp.Equal(old.Attrs.Get("emp")) {
				continue
			}
			row.Attrs = row.Attrs.Clone()
			row.Attrs.Put("emp", next.Attrs.Get("emp"))
			h.Out.Rows[c][a] = row
			h.say("  %s %s", c, describe(row))
		}
		Begin(h.W, h.Out, c)
		Release(h.W, c)
	}
	h.soon()
	if chance(h.rng, 2) {
		h.Out.Rows[HR][rows[0]] = old
		h.say("back %s", describe(old))
		h.soon()
	}
}

func (h *History) vanish(connector string) {
	rows := slices.Sorted(maps.Keys(h.Out.Rows[connector]))
	if len(rows) > 0 {
		a := pick(h.rng, rows...)
		delete(h.Out.Rows[connector], a)
		h.say("gone %s %s", connector, a)
	}
}

// importing imports; maybe something is sent meanwhile, maybe it is never released.
func (h *History) importing(connector string) {
	Begin(h.W, h.Out, connector)
	h.say("import %s", connector)
	if chance(h.rng, 4) {
		h.send(3)
	}
	if chance(h.rng, 6) {
		h.met("import not released")
		h.say("  not released")
		return
	}
	Release(h.W, connector)
	for _, e := range h.W.Entries {
		if slices.ContainsFunc(e.Pending, func(p space.Pending) bool { return p.State == space.Contested }) {
			h.met("contested value")
		}
	}
}

// run decides and accepts; sometimes it dies on the way.
func (h *History) run() {
	p := h.Decide()
	var choose func(object.ID) bool
	if chance(h.rng, 4) {
		h.met("crash while accepting")
		choose = func(object.ID) bool { return chance(h.rng, 2) }
	}
	h.last = Accept(h.W, p, choose)
	h.say("run\n%s", indent(Text(h.last)))
	if len(p.Queue) > 0 {
		h.decideJoin()
	}
}

func indent(s string) string {
	return "    " + strings.ReplaceAll(strings.TrimSpace(s), "\n", "\n    ")
}

func (h *History) send(limit int) {
	n := Send(h.W, h.Out, h.R, limit, func() bool {
		lost := chance(h.rng, 4)
		if lost {
			h.met("answer lost")
		}
		return lost
	})
	h.say("send %d", n)
	for _, e := range h.W.Entries {
		if slices.ContainsFunc(e.Pending, func(p space.Pending) bool { return p.State == space.Failed }) {
			h.met("refusal")
		}
	}
}

// drift lets somebody else change an account.
func (h *History) drift() {
	connector := pick(h.rng, Directory, Directory, App)
	anchors := slices.Sorted(maps.Keys(h.Out.Rows[connector]))
	if len(anchors) == 0 {
		return
	}
	a := pick(h.rng, anchors...)
	row := h.Out.Rows[connector][a]
	if chance(h.rng, 3) {
		h.Out.Remove(connector, a)
		h.met("account vanished")
		h.say("drift: %s %s vanished", connector, a)
		return
	}
	row.Attrs = row.Attrs.Clone()
	row.Attrs.Put(pick(h.rng, "title", "mail", "alias"), text(pick(h.rng, "Z", "m1", "Ta", "")))
	h.Out.Rows[connector][a] = row
	h.Out.Refuses = pick(h.rng, "", "", "Tb")
	h.met("drift")
	h.say("drift: %s %s", connector, describe(row))
}
