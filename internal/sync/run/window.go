package run

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"muster/internal/store"
	"muster/internal/sync/engine"
	"muster/internal/sync/rules"
)

// Names of what run keeps in the store beside its tables.
const (
	settingClock  = "clock"  // the latest instant that deciding used
	settingCounts = "counts" // tallies
	settingRules  = "rules"  // the version of the rules that everybody was decided with
)

// setting reads a setting into v; v stays as it is when there is none.
func setting(t *store.Tx, name string, v any) error {
	b, err := t.Setting(name)
	if errors.Is(err, store.ErrNoSetting) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("setting %s in the store is damaged: %w", name, err)
	}
	return nil
}

func setSetting(t *store.Tx, name string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return t.SetSetting(name, b)
}

// tallies is what guards need over time: what was accepted, plan by plan, and
// how many accounts and references are linked.
type tallies struct {
	Linked map[string]int `json:"linked"`
	Plans  []planTally    `json:"plans"` // those of the last 24 hours, oldest first
}

// planTally is one accepted plan's part.
type planTally struct {
	Plan     int64          `json:"plan"`
	At       time.Time      `json:"at"`
	Accepted map[string]int `json:"accepted,omitempty"` // not approved
	Linked   map[string]int `json:"linked,omitempty"`   // before the plan
}

// windowLength is how long guards look back (GUARD-4).
const windowLength = 24 * time.Hour

func countKey(c engine.Count) string {
	return strings.Join([]string{c.Connector, c.Type, rules.GuardKinds[c.Kind], c.Attr}, "\t")
}

func parseCount(s string) engine.Count {
	p := strings.SplitN(s, "\t", 4)
	c := engine.Count{Connector: p[0], Type: p[1], Attr: p[3]}
	for i, k := range rules.GuardKinds {
		if k == p[2] {
			c.Kind = rules.GuardKind(i)
		}
	}
	return c
}

// Window is what guards have to know at the instant now.
func Window(t *store.Tx, now time.Time) (engine.Window, error) {
	w := engine.Window{Accepted: map[engine.Count]int{}, Linked: map[engine.Count]int{}}
	var k tallies
	if err := setting(t, settingCounts, &k); err != nil {
		return w, err
	}
	linked := k.Linked
	for i := len(k.Plans) - 1; i >= 0; i-- {
		p := k.Plans[i]
		if now.Sub(p.At) >= windowLength {
			break
		}
		linked = p.Linked
		for name, n := range p.Accepted {
			w.Accepted[parseCount(name)] += n
		}
	}
	for name, n := range linked {
		w.Linked[parseCount(name)] = n
	}
	return w, nil
}

// addCounts adds what a transaction accepted of a plan.
func addCounts(t *store.Tx, p store.Plan, accepted, linked map[engine.Count]int) error {
	if len(accepted) == 0 && len(linked) == 0 {
		return nil
	}
	var k tallies
	if err := setting(t, settingCounts, &k); err != nil {
		return err
	}
	if k.Linked == nil {
		k.Linked = map[string]int{}
	}
	if n := len(k.Plans); n == 0 || k.Plans[n-1].Plan != p.No {
		before := map[string]int{}
		for name, n := range k.Linked {
			before[name] = n
		}
		k.Plans = append(k.Plans, planTally{Plan: p.No, At: p.Started, Accepted: map[string]int{}, Linked: before})
	}
	for len(k.Plans) > 1 && p.Started.Sub(k.Plans[0].At) >= windowLength {
		k.Plans = k.Plans[1:]
	}
	last := &k.Plans[len(k.Plans)-1]
	if last.Accepted == nil {
		last.Accepted = map[string]int{}
	}
	for c, n := range accepted {
		last.Accepted[countKey(c)] += n
	}
	for c, n := range linked {
		name := countKey(c)
		if k.Linked[name] += n; k.Linked[name] <= 0 {
			delete(k.Linked, name)
		}
	}
	return setSetting(t, settingCounts, k)
}

// tally counts how many accounts and references a unit links or cuts.
func (a *accepting) tally(v *store.View, u *engine.Unit, born bool) {
	types := map[string]string{}
	if !born {
		for _, e := range v.EntriesOf(u.Object) {
			types[e.Connector] = e.Type
		}
	}
	for i := range u.Changes {
		c := &u.Changes[i]
		switch c.Op {
		case engine.Link:
			if e := v.Entry(c.Target); e != nil {
				types[e.Connector] = e.Type
				a.count(engine.Count{Connector: e.Connector, Type: e.Type}, 1)
			}
		case engine.AddAccount:
			types[c.Connector] = c.Name
			a.count(engine.Count{Connector: c.Connector, Type: c.Name}, 1)
		case engine.Unlink, engine.DropAccount, engine.CutAccount:
			a.count(engine.Count{Connector: c.Connector, Type: types[c.Connector]}, -1)
		case engine.AddAccountRef:
			a.count(engine.Count{Connector: c.Connector, Type: types[c.Connector], Kind: rules.Removals, Attr: c.Name}, 1)
		case engine.DropAccountRef:
			a.count(engine.Count{Connector: c.Connector, Type: types[c.Connector], Kind: rules.Removals, Attr: c.Name}, -1)
		default:
		}
	}
}

func (a *accepting) count(c engine.Count, n int) {
	if a.linked == nil {
		a.linked = map[engine.Count]int{}
	}
	a.linked[c] += n
}
