package db

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// Lane says who goes first when several want to write.
type Lane uint8

// The lanes: people wait for nobody but each other and the transaction under
// way.
const (
	People Lane = iota
	Bulk
)

// turn is how long a bulk transaction goes on while somebody waits.
const turn = 100 * time.Millisecond

// lanes is the queue for the one writer.
type lanes struct {
	mu      sync.Mutex
	busy    bool
	queue   [2][]chan struct{}
	waiting atomic.Int32 // in the people lane
}

// enter waits for the turn of a writer in the lane.
func (l *lanes) enter(ctx context.Context, lane Lane) error {
	l.mu.Lock()
	if !l.busy {
		l.busy = true
		l.mu.Unlock()
		return nil
	}
	ready := make(chan struct{})
	l.queue[lane] = append(l.queue[lane], ready)
	if lane == People {
		l.waiting.Add(1)
	}
	l.mu.Unlock()
	select {
	case <-ready:
		return nil
	case <-ctx.Done():
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, c := range l.queue[lane] {
		if c == ready {
			l.queue[lane] = append(l.queue[lane][:i:i], l.queue[lane][i+1:]...)
			if lane == People {
				l.waiting.Add(-1)
			}
			return ctx.Err()
		}
	}
	l.next() // it was our turn just now: pass it on
	return ctx.Err()
}

// leave gives the turn to the next.
func (l *lanes) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.next()
}

func (l *lanes) next() {
	for lane := range l.queue {
		if q := l.queue[lane]; len(q) > 0 {
			l.queue[lane] = q[1:]
			if Lane(lane) == People {
				l.waiting.Add(-1)
			}
			close(q[0])
			return
		}
	}
	l.busy = false
}
