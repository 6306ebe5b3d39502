package sql_test

import (
	"fmt"
	"runtime"
	"testing"

	"muster/internal/base/object"
	"muster/internal/sync/connector"
)

// TestMemoryStaysBounded imports far more than may be in memory at once.
func TestMemoryStaysBounded(t *testing.T) {
	both(t, func(t *testing.T, db *world) {
		n, numbers := 20_000, "SELECT i FROM generate_series(1, %d) i"
		if !db.postgres {
			numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) SELECT i FROM n"
		}
		long := "'" + fmt.Sprintf("%05000d", 0) + "'"
		db.exec(t, "CREATE TABLE p (id integer primary key, s text)", "CREATE TABLE m (id integer, v text)",
			"INSERT INTO p SELECT i, "+long+" FROM ("+fmt.Sprintf(numbers, n)+") AS x", "INSERT INTO m SELECT i, 'a' FROM ("+fmt.Sprintf(numbers, n)+") AS x")
		c := db.open(t, "types: {p: {table: p, anchor: [id], values: {v: {table: m, owner: [id], value: v}}}}\n")
		told, high := 0, uint64(0)
		_, err := c.Import(t.Context(), connector.Scope{}, func(object.Record) error {
			if told++; told%2000 == 0 {
				runtime.GC()
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				high = max(high, m.HeapAlloc)
			}
			return nil
		})
		if err != nil || told != n {
			t.Fatalf("told %d, %v", told, err)
		}
		if high > 40<<20 { // the texts alone are 100 MB
			t.Errorf("%d MB were in use", high>>20)
		}
	})
}
