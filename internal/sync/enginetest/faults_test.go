package enginetest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A fault is a small change to the engine that makes it wrong. Each must be
// caught by the comparison within a number of histories: a comparison that does
// not see faults proves nothing.
type fault struct {
	what, file, old, new string
	long                 bool // only in the long form
	histories            int  // 0: 100
}

var faults = []fault{
	{what: "anchors are tried backwards (LINK-1)", file: "link.go", old: "compareText(a.anchor, b.anchor)", new: "compareText(b.anchor, a.anchor)"},
	{what: "guards hold on where a hold is already (HOLD-2)", file: "guard.go", old: "if w.holdOn(w.v, t) == nil {", new: "{", histories: 300},
	{what: "who refers to an account that comes or goes is not decided (DELTA-4)", file: "decide.go", old: "case AddAccount, DropAccount, CutAccount, Death:", new: "case Birth:"},

	{long: true, what: "an account never sent keeps its place (LINK-12)", file: "join.go", old: "|| e.Unsent() || e.DeletionSent() }", new: "|| e.DeletionSent() }"},
	{long: true, what: "a held key joins (LINK-30)", file: "join.go", old: "Name: a.Name}, vs) != nil {", new: "Name: a.Name}, vs) != nil && false {", histories: 1000},
	{long: true, what: "several: next waits (LINK-9)", file: "join.go", old: "case len(fits) > 1 && !j.Next:", new: "case len(fits) > 1:"},
	{long: true, what: "who was cut by a rule joins again (LINK-25)", file: "join.go", old: "&& e.Cut.IsZero() && ", new: "&& "},
	{long: true, what: "who is parted by a person joins (LINK-27)", file: "hold.go", old: "return h.Target.Kind == EntryLink && h.AtValue && len(h.Instead) == 0 && !h.over(now)", new: "return false"},
	{long: true, what: "who is freed is not tried again (LINK-22)", file: "join.go", old: "l.tried.set(l, id, false)", new: "", histories: 2000},
	{long: true, what: "objects end before their entries may join (LINK-15)", file: "link.go", old: "if again, err = l.cut(); err == nil && !again {", new: "if again, err = l.cut(); err == nil {", histories: 1000},
	{long: true, what: "a link moves to a held object (HOLD-16)", file: "hold.go", old: "|| !to.IsZero() && b.stands(b.v, to) {", new: "{"},
	{long: true, what: "who gave his place does not get it back (HOLD-16)", file: "hold.go", old: "if !gave || e.Link.IsZero()", new: "if !gave || true || e.Link.IsZero()", histories: 1000},
	{long: true, what: "null does not keep lower ranks out (FLOW-10)", file: "inbound.go", old: "if res.Outcome == rules.None ||", new: "if res.Outcome != rules.Some ||"},
	{long: true, what: "the oldest value wins (FLOW-5)", file: "inbound.go", old: "y.at().Compare(x.at())", new: "x.at().Compare(y.at())"},
	{long: true, what: "nothing is kept (FLOW-14)", file: "inbound.go", old: "f == nil || !f.Keep ||", new: "f == nil || f.Keep ||"},
	{long: true, what: "an account bears a name alone (CLAIM-9)", file: "claim.go", old: "if len(bearers) == 0 {", new: "if len(bearers) >= 0 {"},
	{long: true, what: "the newborn claim first (CLAIM-5)", file: "claim.go", old: "case newA:\n\t\treturn 1", new: "case newA:\n\t\treturn -1", histories: 1000},
	{long: true, what: "what is not precedent is sent (OUT-16)", file: "account.go", old: "if f.OwnRank < 0 {", new: "if f.OwnRank < 1000 {"},
	{long: true, what: "an unwanted account feeds (FLOW-19)", file: "exist.go", old: "&& !want.has(conn) }", new: "&& false }"},
	{long: true, what: "edges are those of the accepted links (REF-1)", file: "account.go", old: "w.linkOf(entry, w.v.LinkOf(entry), m); !to.IsZero() {\n\t\t\t\tshown", new: "w.v.LinkOf(entry); !to.IsZero() {\n\t\t\t\tshown", histories: 1000},
	{long: true, what: "others see the wanted value, not the held one (HOLD-14)", file: "worker.go", old: "return x != nil && x.heeded }", new: "return x != nil && x.heeded && false }"},
	{long: true, what: "a guard trips when it is reached (GUARD-2)", file: "guard.go", old: "return n > t.Guard.Count &&", new: "return n >= t.Guard.Count &&"},
	{long: true, what: "what was approved is counted (GUARD-6)", file: "guard.go", old: "if c.Connector == \"\" || isApproved(approved, h.id, c) {", new: "if c.Connector == \"\" {", histories: 1000},
	{long: true, what: "the end of a hold is not due (TIME-4)", file: "verdict.go", old: "if !hd.Until.IsZero() && !slices", new: "if false && !slices"},
	{long: true, what: "nobody asks who waits for a key (DELTA-3)", file: "join.go", old: "if !l.pulled[k] && !l.trigAll() {", new: "if false {"},
	{long: true, what: "who names an entry that comes is not decided (DELTA-4)", file: "decide.go", old: "sortIDs(&changed)", new: "changed = nil"},
	{long: true, what: "who reads through a reference is not decided (DELTA-5)", file: "decide.go", old: "if len(w.set.through) > 0 {\n\t\t\t\t\treturn true", new: "if false {\n\t\t\t\t\treturn true", histories: 1000},
	{long: true, what: "an undone entry is not marked (HOLD-22)", file: "apply.go", old: "if a.u.Undone {", new: "if false {"},
	{long: true, what: "a person's link is like any other (LINK-26)", file: "apply.go", old: "To: a.u.Object, Explicit: word}", new: "To: a.u.Object}; _ = word", histories: 1000},
	{long: true, what: "holds outlive their object (HOLD-24)", file: "apply.go", old: "a.e.Holds = append(a.e.Holds, h)", new: "_ = h"},
	{long: true, what: "a new account takes the id of an old one", file: "apply.go", old: "if a.v.Entry(id) == nil {", new: "if true {"},
	{long: true, what: "a unit does not wait for whom its references name (ACC-5)", file: "marks.go", old: "case AddRef, AddAccountRef:\n\t\t\tr.rest(o, c.Target)", new: "case AddRef, AddAccountRef:"},
}

// TestPlantedFaultsAreCaught builds the comparison with one fault at a time and
// wants it to fail. MUSTER_LONG plants all.
func TestPlantedFaultsAreCaught(t *testing.T) {
	if os.Getenv("ENGINE_FAULT") != "" || testing.Short() {
		t.Skip("not within itself")
	}
	for _, f := range faults {
		if f.long && !long() {
			f.fitting(t) // or it is found out of date in the long form only
			continue
		}
		t.Run(f.what, func(t *testing.T) {
			out, err := planted(t, f)
			switch {
			case err == nil:
				t.Errorf("%s: nobody noticed", f.file)
			case !bytes.Contains(out, []byte("histories compared")):
				t.Errorf("%s: the comparison did not run: %v\n%s", f.file, err, out)
			}
		})
	}
}

// fitting returns the source that the fault fits into.
func (f *fault) fitting(t *testing.T) string {
	t.Helper()
	source, err := os.ReadFile(filepath.Join("..", "engine", f.file))
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(source), f.old); n != 1 {
		t.Errorf("%s has %q %d times, want once; plant the fault anew", f.file, f.old, n)
	}
	return string(source)
}

// planted runs the comparison with the fault, by an overlay over the source.
func planted(t *testing.T, f fault) ([]byte, error) {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("..", "engine", f.file))
	if err != nil {
		t.Fatal(err)
	}
	source := f.fitting(t)
	dir := t.TempDir()
	wrong, overlay := filepath.Join(dir, "wrong.go"), filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(wrong, []byte(strings.Replace(source, f.old, f.new, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(map[string]map[string]string{"Replace": {path: wrong}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(overlay, text, 0o600); err != nil {
		t.Fatal(err)
	}
	n := f.histories
	if n == 0 {
		n = 100
	}
	cmd := exec.CommandContext(t.Context(), "go", "test", "-vet=off", "-overlay", overlay, "-run", "TestEngineAgreesWithOracle|TestDeltaRunsLeaveNothing", ".")
	cmd.Env = append(os.Environ(), "ENGINE_FAULT=1", "MUSTER_LONG=", fmt.Sprint("ENGINE_HISTORIES=", n))
	return cmd.CombinedOutput()
}
