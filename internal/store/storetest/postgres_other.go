//go:build !unix

package storetest

import "testing"

// Postgres fails the test: the private server is started on Unix only.
func Postgres(t testing.TB) string {
	t.Helper()
	t.Fatal("the tests start PostgreSQL on Unix only; run them there")
	return ""
}

// Main runs the tests of a package.
func Main(m *testing.M) int { return m.Run() }
