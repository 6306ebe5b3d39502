package ldap

import (
	"cmp"
	"context"
	"crypto/tls"
	"sync"

	ldap3 "github.com/go-ldap/ldap/v3"
)

// pool lends connections, each to one caller at a time. It makes them when they
// are needed and throws away those that failed.
type pool struct {
	set    Settings
	config *tls.Config
	places chan struct{} // one token for each call under way

	mu     sync.Mutex
	idle   []*link
	lent   map[*link]bool
	closed bool
}

func newPool(set Settings, config *tls.Config) *pool {
	return &pool{set: set, config: config, places: make(chan struct{}, set.Connections), lent: map[*link]bool{}}
}

// close cuts every connection, lent ones too.
func (p *pool) close() {
	p.mu.Lock()
	all := p.idle
	for l := range p.lent {
		all = append(all, l)
	}
	p.idle, p.closed = nil, true
	p.mu.Unlock()
	for _, l := range all {
		l.kill()
	}
}

// take returns a connection that was idle, nil if there is none, or
// errClosed.
func (p *pool) take() (*link, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, errClosed
	}
	for len(p.idle) > 0 {
		l := p.idle[len(p.idle)-1]
		p.idle = p.idle[:len(p.idle)-1]
		if !l.IsClosing() {
			p.lent[l] = true
			return l, nil
		}
	}
	return nil, nil
}

// fresh makes a connection.
func (p *pool) fresh(ctx context.Context) (*link, error) {
	l, err := dial(ctx, &p.set, p.config)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		go l.kill()
		return nil, errClosed
	}
	p.lent[l] = true
	return l, nil
}

// back takes a connection back; broken ones are closed.
func (p *pool) back(l *link, broken bool) {
	p.mu.Lock()
	delete(p.lent, l)
	keep := !broken && !p.closed && !l.IsClosing()
	if keep {
		p.idle = append(p.idle, l)
	}
	p.mu.Unlock()
	if !keep {
		l.kill()
	}
}

// do runs f, which sends one request, with a connection. The connection is cut
// when ctx ends, so f comes back at once. sent tells whether anything of a
// request that failed without an answer can have reached the server. If not, f
// is run once more with a new connection, for servers close idle ones.
func (p *pool) do(ctx context.Context, f func(*link) error) (sent bool, err error) {
	return p.run(ctx, false, f)
}

// answered is do for what changes nothing: it may be run again even if it has
// been sent, and a lost answer is only an error.
func (p *pool) answered(ctx context.Context, f func(*link) error) error {
	_, err := p.run(ctx, true, f)
	return err
}

func (p *pool) run(ctx context.Context, harmless bool, f func(*link) error) (sent bool, err error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	select {
	case p.places <- struct{}{}:
		defer func() { <-p.places }()
	case <-ctx.Done():
		return false, ctx.Err()
	}
	l, err := p.take()
	if l != nil {
		sent, err = p.use(ctx, l, f)
		if !broken(err) || sent && !harmless || ctx.Err() != nil {
			return sent, err
		}
	} else if err != nil {
		return false, err
	}
	if l, err = p.fresh(ctx); err != nil {
		return false, cmp.Or(ctx.Err(), err)
	}
	return p.use(ctx, l, f)
}

func (p *pool) use(ctx context.Context, l *link, f func(*link) error) (sent bool, err error) {
	before := l.wire.sent.Load()
	stop := context.AfterFunc(ctx, l.kill)
	err = f(l)
	cut := !stop()
	sent = l.wire.sent.Load() > before
	p.back(l, cut || broken(err))
	if cut && (err == nil || broken(err)) && ctx.Err() != nil {
		if err == nil {
			return sent, nil // it had come through before the cut
		}
		return sent, ctx.Err()
	}
	return sent, err
}

// broken reports that err is no answer of the server: the connection is of no
// further use, and what was asked may or may not have been done.
func broken(err error) bool {
	if err == nil {
		return false
	}
	var e *ldap3.Error
	if asError(err, &e) {
		return e.ResultCode >= ldap3.ErrorNetwork && e.ResultCode != syncRefreshRequired
	}
	var local localError
	return !asError(err, &local)
}

// localError is an error of ours that says nothing about the connection.
type localError struct{ error }

// Unwrap returns what was wrapped.
func (e localError) Unwrap() error { return e.error }
