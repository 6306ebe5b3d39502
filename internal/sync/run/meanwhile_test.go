package run_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"muster/internal/base/object"
	"muster/internal/base/secret"
	"muster/internal/store"
	"muster/internal/sync/connector"
	"muster/internal/sync/run"
)

// interrupted is a connection to a system in which something else happens while
// it is read: before the first object is read, or after the last.
type interrupted struct {
	connector.Connector
	between func()
	late    bool // everything was read by then
}

func (c interrupted) Import(ctx context.Context, scope connector.Scope, emit func(object.Record) error) (connector.Mark, error) {
	var read []object.Record
	keep := func(r object.Record) error { read = append(read, r); return nil }
	if !c.late {
		c.between()
	}
	mark, err := c.Connector.Import(ctx, scope, keep)
	if c.late {
		c.between()
	}
	for _, r := range read {
		if err == nil {
			err = emit(r)
		}
	}
	return mark, err
}

// TestExportDuringImport exports while an import of the same system is under way,
// as two processes do that share a store. What is sent meanwhile is neither
// confirmed nor contested by that import, and nobody is missing who came meanwhile
// (IMP-14); the next import confirms it.
func TestExportDuringImport(t *testing.T) {
	for name, late := range map[string]bool{"sent before it is read": false, "sent after it was read": true} {
		t.Run(name, func(t *testing.T) { exportDuringImport(t, late, false) })
		t.Run("decided and "+name, func(t *testing.T) { exportDuringImport(t, late, true) })
	}
}

func exportDuringImport(t *testing.T, late, decided bool) {
	ctx := context.Background()
	b := newBench(t)
	b.put("employee", "1", "emp", "e1", "first", "Ann", "last", "Lee", "phone", "11")
	b.put("employee", "2", "emp", "e2", "first", "Al", "last", "Moe", "phone", "21")
	b.nightly()

	// Values, a reference and a new account are decided and wait to be sent, or are
	// decided while the import is under way.
	b.put("employee", "1", "emp", "e1", "first", "Ann", "last", "Lee", "phone", "12")
	b.put("employee", "2", "emp", "e2", "first", "Al", "last", "Moe", "phone", "22", "boss", "->1")
	b.put("employee", "3", "emp", "e3", "first", "Eve", "last", "Orr", "phone", "31")
	decide := func() {
		must(t, second(b.r.Import(ctx, "hr", true)))
		must(t, second(b.r.Sync(ctx, run.SyncOptions{})))
	}
	if !decided {
		decide()
	}
	var once sync.Once
	between := func() {
		once.Do(func() {
			if decided {
				decide()
			}
			rep, err := b.r.Export(ctx, "dir")
			if must(t, err); rep.Counters["export-add"] != 1 || rep.Counters["export-failure"] != 0 {
				t.Errorf("export: %v %v", rep.Counters, rep.Errors)
			}
		})
	}
	other := run.New(b.store, b.cfg, run.Options{Now: func() time.Time { return b.now }, By: "another process", Secrets: secret.Fixed{},
		Open: func(ctx context.Context, x *run.Connected) (connector.Connector, error) {
			conn, err := x.Kind.Open(ctx, x.Section, secret.Fixed{})
			return interrupted{conn, between, late}, err
		}})
	rep, err := other.Import(ctx, "dir", true)
	must(t, err)
	if decided && !late { // what it shows as new came meanwhile: it asks again, and knows it
		if rep.Result != run.Success || rep.Counters["stage-add"]+rep.Counters["stage-delete"] != 0 {
			t.Errorf("the import under way: %s %v %v", rep.Result, rep.Counters, rep.Errors)
		}
	} else if rep.Result != run.Success || rep.Counters["confirmed"]+rep.Counters["contested"]+rep.Counters["overtaken"]+rep.Counters["stage-delete"] != 0 {
		t.Errorf("the import under way: %s %v %v", rep.Result, rep.Counters, rep.Errors)
	}
	if got := b.pending("dir"); got == 0 && (late || !decided) {
		t.Errorf("nothing is on its way any more")
	}
	again, err := b.r.Sync(ctx, run.SyncOptions{Full: true})
	must(t, err)
	if again.Counters["units"] != 0 {
		t.Errorf("decided anew: %v", again.Counters)
	}
	out, err := b.r.Export(ctx, "dir")
	must(t, err)
	if n := out.Counters["export-add"] + out.Counters["export-update"] + out.Counters["export-rename"] + out.Counters["export-delete"]; n != 0 {
		t.Errorf("sent again: %v", out.Counters)
	}
	rep, err = b.r.Import(ctx, "dir", true)
	must(t, err)
	if got := b.pending("dir"); got != 0 || rep.Counters["confirmed"] == 0 && (late || !decided) || rep.Counters["stage-delete"] != 0 {
		t.Errorf("%d still on their way after the next import: %v %v", got, rep.Counters, rep.Errors)
	}
	if n := len(b.dir()); n != 3 {
		t.Errorf("%d accounts: %v", n, b.dir())
	}
}

func second[T any](_ T, err error) error { return err }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// pending counts the accounts with changes on their way.
func (b *bench) pending(conn string) (n int64) {
	must(b.t, b.store.Read(context.Background(), func(tx *store.Tx) error {
		st, err := tx.Status()
		for _, k := range st.Connectors[conn].Pending {
			n += k
		}
		return err
	}))
	return n
}

// during is a connection to a system in which something else happens while the
// first changes are sent: between Muster's noting that it sends them and the
// answer.
type during struct {
	connector.Connector
	happens func()
}

func (c during) OpenExport(ctx context.Context) (connector.Export, error) {
	out, err := c.Connector.(connector.Exporter).OpenExport(ctx) //nolint:forcetypeassert,errcheck // it is one
	return duringSend{out, c.happens}, err
}

type duringSend struct {
	connector.Export
	happens func()
}

func (s duringSend) Send(ctx context.Context, changes []connector.Change) ([]connector.Outcome, error) {
	s.happens()
	return s.Export.Send(ctx, changes)
}

// TestPlanDuringExport accepts a plan while changes of the same accounts are sent.
// What it wants is sent, then or by the next export, and nothing that it took back
// is sent after it was accepted.
func TestPlanDuringExport(t *testing.T) {
	ctx := context.Background()
	b := newBench(t)
	for _, n := range []string{"1", "2", "3", "4"} {
		b.put("employee", n, "emp", "e"+n, "first", "Ann", "last", "Lee"+n, "phone", n+"0")
	}
	b.nightly()
	phone := func(n, to string) { b.put("employee", n, "emp", "e"+n, "first", "Ann", "last", "Lee"+n, "phone", to) }
	decide := func() {
		must(t, second(b.r.Import(ctx, "hr", true)))
		must(t, second(b.r.Sync(ctx, run.SyncOptions{})))
	}
	phone("1", "11")
	phone("2", "21")
	phone("3", "31")
	decide()

	var once sync.Once
	sent := 0
	x, _ := b.cfg.Connector("dir")
	x.ExportBatch = 1
	other := run.New(b.store, b.cfg, run.Options{Now: func() time.Time { return b.now }, By: "another process", Secrets: secret.Fixed{},
		Open: func(ctx context.Context, x *run.Connected) (connector.Connector, error) {
			conn, err := x.Kind.Open(ctx, x.Section, secret.Fixed{})
			return during{conn, func() {
				sent++
				once.Do(func() { // the first is on its way, the others wait
					phone("1", "12")
					phone("2", "22")
					phone("3", "30") // as the directory has it
					phone("4", "42")
					decide()
				})
			}}, err
		}})
	rep, err := other.Export(ctx, "dir")
	must(t, err)
	if rep.Result != run.Success {
		t.Errorf("export: %s %v", rep.Result, rep.Errors)
	}
	must(t, second(b.r.Export(ctx, "dir")))
	want := map[string]string{"1": "12", "2": "22", "3": "30", "4": "42"}
	for dn, attrs := range b.dir() {
		for n, p := range want {
			if strings.Contains(attrs, "Lee"+n) && !strings.Contains(attrs, p) {
				t.Errorf("%s has %s, not the telephone %s", dn, attrs, p)
			}
		}
	}
	rep, err = b.r.Import(ctx, "dir", true)
	must(t, err)
	if n := b.pending("dir"); n != 0 || rep.Counters["contested"] != 0 {
		t.Errorf("%d are still on their way: %v", n, rep.Counters)
	}
	again, err := b.r.Sync(ctx, run.SyncOptions{Full: true})
	must(t, err)
	if again.Counters["units"] != 0 {
		t.Errorf("decided anew: %v", again.Counters)
	}
}
