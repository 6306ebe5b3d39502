package postgres_test

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"muster/internal/testserver/postgres"
)

func TestAServerStartsAndLeavesNothingBehind(t *testing.T) {
	s, err := postgres.Start()
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range [][2]string{{"unix", filepath.Join(s.Socket, ".s.PGSQL."+strconv.Itoa(s.Port))}, {"tcp", net.JoinHostPort(s.Host, strconv.Itoa(s.Port))}} {
		c, err := net.Dial(at[0], at[1])
		if err != nil {
			t.Errorf("nobody listens: %v", err)
			continue
		}
		c.Close()
	}
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(s.Socket); !os.IsNotExist(err) {
		t.Errorf("the folder of the server is still there: %v", err)
	}
}
