package demo

import (
	"bufio"
	"context"
	"os"
)

// Keys reads single keys from a terminal.
type Keys struct {
	in   *os.File
	keys chan byte
}

// NewKeys reads from a terminal.
func NewKeys(in *os.File) *Keys { return &Keys{in: in} }

// Wait waits for a key: space or enter goes on, q or escape quits. Where single
// keys cannot be read, a line does.
func (k *Keys) Wait(ctx context.Context) (quit bool, err error) {
	if restore, err := singleKeys(k.in); err == nil {
		defer restore()
	}
	if k.keys == nil {
		k.keys = make(chan byte)
		go k.read()
	}
	for {
		select {
		case <-ctx.Done():
			return true, ctx.Err()
		case b, ok := <-k.keys:
			switch {
			case !ok, b == 'q', b == 'Q', b == 3, b == 27:
				return true, nil
			case b == ' ', b == '\r', b == '\n':
				return false, nil
			}
		}
	}
}

// read hands on one byte after the other until there are no more.
func (k *Keys) read() {
	defer close(k.keys)
	r := bufio.NewReader(k.in)
	for {
		b, err := r.ReadByte()
		if err != nil {
			return
		}
		k.keys <- b
	}
}
