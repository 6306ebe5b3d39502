package memory

import (
	"errors"
	"time"

	"muster/internal/base/object"
	"muster/internal/base/problem"
	"muster/internal/sync/connector"
)

// Effect is how much of a faulty change the system makes all the same.
type Effect uint8

// The effects of a faulty change.
const (
	Nothing Effect = iota
	Half           // the object is there, but only the first half of its values arrived
	Whole
)

// Fault is what happens to a change instead of success.
type Fault struct {
	Err    error  // what the outcome says
	Effect Effect // what the system does all the same
	Ends   bool   // the connection is gone: the session ends
}

// Refuse is the fault of a change that the system does not accept.
func Refuse(code problem.Code) *Fault {
	return &Fault{Err: &connector.Refusal{Code: code, Err: errInjected}}
}

// Busy is the fault of a system that asks to come back later.
func Busy(after time.Duration) *Fault {
	return &Fault{Err: &connector.Busy{After: after, Err: errInjected}}
}

// Unanswered is the fault of a change whose answer was lost.
func Unanswered(e Effect) *Fault {
	return &Fault{Err: &connector.Unanswered{Err: errInjected}, Effect: e}
}

// Cut is the fault of a connection that goes while a change is under way.
func Cut(e Effect) *Fault {
	f := Unanswered(e)
	f.Ends = true
	return f
}

var errInjected = errors.New("the test asked for this")

// dropped is the error of a connection that is gone.
func dropped() error {
	return &problem.Problem{Code: connector.DroppedConnection, Message: "the connection was lost", Err: errInjected}
}

// OnChange asks f before each change; what it returns happens instead of the
// change, nil lets it through. It may be set at any time; nil ends the faults.
func (s *System) OnChange(f func(connector.Change) *Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onChange = f
}

// OnTell asks f before each record that an import tells. A *connector.Refusal
// stands for an object that cannot be read; any other error ends the import.
func (s *System) OnTell(f func(object.Record) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onTell = f
}

// CutAfter is an OnTell that loses the connection once n records were told.
func CutAfter(n int) func(object.Record) error {
	return func(object.Record) error {
		if n--; n < 0 {
			return dropped()
		}
		return nil
	}
}
