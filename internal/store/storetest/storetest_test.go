package storetest_test

import (
	"os"
	"testing"

	"muster/internal/store/storetest"
)

func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }

func TestSQLite(t *testing.T) { storetest.Examine(t, storetest.SQLite) }

func TestPostgres(t *testing.T) { storetest.Examine(t, storetest.Postgres) }
