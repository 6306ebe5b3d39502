package demo

import (
	"strings"
	"testing"

	"muster/internal/demo/systems"
)

// TestManagersMarry renames people who lead others. Those others name them by
// their new names from the first night on, and nothing is left to do after it.
func TestManagersMarry(t *testing.T) {
	e, err := newEstate(Options{Out: told{t}, Now: from(day), People: 300})
	if err != nil {
		t.Fatal(err)
	}
	defer e.close() //nolint:errcheck // a folder of the test
	s := &stage{out: told{t}, width: 80}
	if err := opening(t.Context(), s, e); err != nil {
		t.Fatal(err)
	}
	for i := range e.org.People {
		if p := &e.org.People[i]; i%2 == 0 && !e.leadsNobody(p.No) {
			p.Last = "Nyström"
		}
	}
	if err := systems.WriteHR(e.dir, e.org); err != nil {
		t.Fatal(err)
	}
	for night := range 3 {
		e.clock.set(e.clock.now().AddDate(0, 0, 1))
		rep, err := e.night(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		plan, err := e.desk.Plan(t.Context(), planOf(rep))
		if err != nil || (plan.Units == 0) != (night > 0) {
			t.Errorf("night %d: %d people change, %v", night, plan.Units, err)
		}
		e.managersAreRight(t)
	}
}

// managersAreRight compares who leads whom in the directory with what is so.
func (e *estate) managersAreRight(t *testing.T) {
	t.Helper()
	seen, err := e.to.Look()
	if err != nil {
		t.Fatal(err)
	}
	for i := range e.org.People {
		p := &e.org.People[i]
		account, want := seen.Accounts[p.No], ""
		if m := seen.Accounts[p.Manager]; m != nil {
			want = m.DN
		}
		if account != nil && !strings.EqualFold(account.Manager, want) {
			t.Errorf("%s has the manager %q, want %q", p.No, account.Manager, want)
		}
	}
}
