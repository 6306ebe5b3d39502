package db

import "sync"

// pool is the connections for reading. The one that was used last is used next:
// each has a cache of its own, so no more are opened than are used at the same
// time.
type pool struct {
	free chan struct{} // as many as may be taken
	mu   sync.Mutex
	idle []session // that are open and not used, the latest last
}

func newPool(size int) *pool {
	p := &pool{free: make(chan struct{}, size)}
	for range size {
		p.free <- struct{}{}
	}
	return p
}

// take returns a connection to whoever received from free; nil if none is open.
func (p *pool) take() session {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := len(p.idle) - 1
	if last < 0 {
		return nil
	}
	s := p.idle[last]
	p.idle = p.idle[:last]
	return s
}

// put gives a connection back, or nil where it could not be opened.
func (p *pool) put(s session) {
	if s != nil {
		p.mu.Lock()
		p.idle = append(p.idle, s)
		p.mu.Unlock()
	}
	p.free <- struct{}{}
}

// close closes those that are not used.
func (p *pool) close() {
	for s := p.take(); s != nil; s = p.take() {
		s.close()
	}
}
