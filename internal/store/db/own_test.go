package db

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"muster/internal/testserver/postgres"
)

// TestARightIsFreeWhenItWasGivenBack takes the same right over and over, as the
// steps of a profile do, and once while another process has it.
func TestARightIsFreeWhenItWasGivenBack(t *testing.T) {
	t.Parallel()
	s, err := postgres.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	ctx := context.Background()
	dsn := fmt.Sprintf("postgres:///postgres?host=%s&port=%d&user=%s", s.Socket, s.Port, s.User)
	var two [2]*DB
	for i := range two {
		if two[i], err = Open(ctx, dsn, Options{}); err != nil {
			t.Fatal(err)
		}
		defer two[i].Close()
	}
	for i := range 200 {
		release, err := two[i%2].Own(ctx, "connector dir")
		if err != nil {
			t.Fatalf("the %d. time: %v", i+1, err)
		}
		if i == 0 {
			if _, err := two[1].Own(ctx, "connector dir"); !errors.Is(err, ErrNotOwner) {
				t.Errorf("while another has it: %v", err)
			}
		}
		release()
	}
}
