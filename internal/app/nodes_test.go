package app

import (
	"os"
	"strings"
	"testing"
	"time"

	"muster/internal/base/problem"
	"muster/internal/store"
	"muster/internal/store/storetest"
	"muster/internal/sync/run"
)

func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }

// onPostgres is the folder of a server whose store is a database that it may
// share with others.
func onPostgres(t *testing.T, dsn string) string {
	return folder(t, strings.Replace(minutely, "sqlite:muster.db", dsn, 1))
}

// TestServersShareSchedules: of two servers on one database, one runs what is
// due.
func TestServersShareSchedules(t *testing.T) {
	t.Parallel()
	dsn := storetest.Postgres(t)
	c := before(2 * time.Second)
	one, two := onPostgres(t, dsn), onPostgres(t, dsn)
	a, b := serve(t, ServeOptions{Dir: one, Now: c.now}), serve(t, ServeOptions{Dir: two, Now: c.now})
	c.run()
	a.runs(t, one, 1)
	for c.now().Before(time.Date(2027, 6, 1, 8, 0, 10, 0, time.UTC)) { // the other has had its chance
		time.Sleep(100 * time.Millisecond)
	}
	if got := b.runs(t, two, 1); len(got) != 1 {
		t.Errorf("%d runs", len(got))
	}
	a.end(t)
	b.end(t)
	if n := strings.Count(a.log.String()+b.log.String(), "msg=starts"); n != 1 {
		t.Errorf("started %d times:\n%s\n%s", n, a.log.String(), b.log.String())
	}
}

// TestConnectorIsBusyInAnotherProcess: it is not used twice at the same time.
func TestConnectorIsBusyInAnotherProcess(t *testing.T) {
	t.Parallel()
	dsn := storetest.Postgres(t)
	dir := onPostgres(t, dsn)
	s := serve(t, ServeOptions{Dir: dir, Now: before(time.Hour).now})
	other, err := store.Open(t.Context(), dsn, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	release, err := other.Own(t.Context(), "hr")
	if err != nil {
		t.Fatal(err)
	}
	desk, err := Open(t.Context(), Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	rep, err := desk.Run(t.Context(), "nightly")
	if problem.CodeOf(err) != problem.Code(run.NoStartRunning) || rep == nil || rep.Result() != run.NoStartRunning || len(rep.Steps) != 1 || !strings.Contains(rep.Steps[0].Message, "of another process") {
		t.Errorf("%+v, %v", rep, err)
	}
	release()
	for range 100 { // the database notices by itself that the connection is gone
		if rep, err = desk.Run(t.Context(), "nightly"); err == nil {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if err != nil || rep.Result() != run.Success {
		t.Errorf("%+v, %v", rep, err)
	}
	if err := desk.Close(); err != nil {
		t.Error(err)
	}
	s.end(t)
	if err := other.Close(); err != nil {
		t.Error(err)
	}
}
