package ldap

import (
	"context"
	"encoding/json"
	"errors"

	ldap3 "github.com/go-ldap/ldap/v3"

	"muster/internal/sync/connector"
)

var errChanged = errors.New("something changed")

// Wait listens (refreshAndPersist, RFC 4533 §3.4) until something in the bases
// has changed after since. A mark that has expired is a change: the next import
// will find out. A lost connection is an error; the caller decides when to wait
// again.
func (s synced) Wait(ctx context.Context, since connector.Mark) error {
	var m mark
	if json.Unmarshal([]byte(since), &m) != nil || m.Mode != DeltaSync || m.Filter == "" {
		return ctx.Err() // not a mark of ours: only an import can tell
	}
	r := &reader{conn: s.conn, filter: m.Filter}
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	results := make(chan error, len(m.Cookies))
	for base, cookie := range m.Cookies {
		go func() { results <- r.waitBelow(inner, base, cookie) }()
	}
	var err error
	for i := range len(m.Cookies) {
		if got := <-results; i == 0 { // the others end because of it
			err = got
			cancel()
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

func (r *reader) waitBelow(ctx context.Context, base string, cookie []byte) error {
	changed := heard{
		entry: func(string, *ldap3.Entry) error { return errChanged },
		gone:  func(string) error { return errChanged },
	}
	var next []byte
	err := r.listen(ctx, base, ldap3.SyncRequestModeRefreshAndPersist, cookie, []string{"1.1"}, changed, &next)
	if errors.Is(err, errChanged) || errors.Is(err, connector.ErrMarkExpired) {
		return nil
	}
	return err
}
