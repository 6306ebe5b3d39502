package demo

import (
	"context"
	"os"
	"testing"
)

func TestKeys(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	k := NewKeys(r)
	if _, err := w.WriteString("x \nq"); err != nil {
		t.Fatal(err)
	}
	for i, want := range []bool{false, false, true} {
		if quit, err := k.Wait(t.Context()); quit != want || err != nil {
			t.Errorf("key %d: quit %v, %v", i, quit, err)
		}
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if quit, err := k.Wait(ctx); !quit || err == nil {
		t.Errorf("after the end: quit %v, %v", quit, err)
	}
	w.Close()
	if quit, err := k.Wait(t.Context()); !quit || err != nil {
		t.Errorf("nobody there: quit %v, %v", quit, err)
	}
}
