package db

import (
	"fmt"
	"runtime/debug"
)

// Fault is a fault in Muster itself that was met beside the work that it is for:
// an error there, so that the program goes on.
type Fault struct {
	Value any    // what the program said
	Stack string // where
}

func (f *Fault) Error() string { return fmt.Sprintf("a fault in Muster itself: %v", f.Value) }

// Guard calls fn, which others wait for. A fault in it becomes an error.
func Guard(fn func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &Fault{v, string(debug.Stack())}
		}
	}()
	return fn()
}
